"""Order and options shared by all tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--docs`` lets the browser tests renew the screenshots in docs/."""
    parser.addoption("--docs", action="store_true", help="write the named screenshots of the browser tests to docs/")


@pytest.hookimpl(trylast=True)  # after the folders have set their markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Quick tests first, then those that build environments, then the browser.

    Playwright keeps an event loop running in the main thread, so nothing that needs its own may follow it.
    """
    items.sort(key=lambda item: 2 * ("browser" in item.keywords) + ("slow" in item.keywords))
