"""Order and options shared by all tests."""

import pytest

HOUSE = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--docs`` lets the browser tests renew the screenshots in docs/."""
    parser.addoption("--docs", action="store_true", help="write the named screenshots of the browser tests to docs/")


def pytest_configure(config: pytest.Config) -> None:
    """Make room for lines that a test wants in the closing summary."""
    config.stash[HOUSE] = []


@pytest.hookimpl(trylast=True)  # after the folders have set their markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Quick tests first, then those that build environments, then the browser; nightly ones only when asked for.

    Playwright keeps an event loop running in the main thread, so nothing that needs its own may follow it.
    """
    if "nightly" not in config.option.markexpr:
        nightly = [item for item in items if "nightly" in item.keywords]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if "nightly" not in item.keywords]
    items.sort(key=lambda item: 2 * ("browser" in item.keywords) + ("slow" in item.keywords))


@pytest.fixture
def summary(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the end of the run: figures that are no limits but should be seen."""
    return request.config.stash[HOUSE]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the collected lines."""
    if config.stash[HOUSE]:
        terminalreporter.section("figures")
        terminalreporter.write("".join(f"{line}\n" for line in config.stash[HOUSE]))
