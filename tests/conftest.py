"""Order and options shared by all tests."""

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import warm_kernels as kernels


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--docs`` lets the browser tests renew the screenshots in docs/."""
    parser.addoption("--docs", action="store_true", help="write the named screenshots of the browser tests to docs/")


@pytest.hookimpl(trylast=True)  # after the folders have set their markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Quick tests first, then those that build environments, then the browser; nightly ones only when asked for.

    Playwright keeps an event loop running in the main thread, so nothing that needs its own may follow it.
    """
    if "nightly" not in config.option.markexpr:
        nightly = [item for item in items if "nightly" in item.keywords]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if "nightly" not in item.keywords]
    for item in items:
        # pages and package installers wait for what a busy machine may delay; the summary tells what ran twice
        if {"browser", "slow"} & item.keywords.keys():
            item.add_marker(pytest.mark.flaky(reruns=1))
    items.sort(key=lambda item: 2 * ("browser" in item.keywords) + ("slow" in item.keywords))


def pytest_collection_finish() -> None:
    """What was imported stays: the collector of garbage need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files stay together, for what their tests share; notebooks and pages share nothing and go to whoever is free."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", maxsplit=1)[0]
            folder = file.rpartition("/")[0]
            if folder == "tests/install":
                return folder  # one environment for all of them
            return nodeid if folder in ("tests/notebooks", "tests/browser") else file

        def _reschedule(self, node: Any) -> None:
            # a test begins when the next one is known; more than that one is not kept from the others
            if node.shutting_down or not self.workqueue or self._pending_of(self.assigned_work[node]) < 2:
                super()._reschedule(node)

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def warm_kernels() -> Iterator[Path]:
    """A data folder of Jupyter with the kernel ``warm``, for which the common imports are made already."""
    with kernels.warm_kernels() as folder:
        yield folder


@pytest.fixture
def summary(request: pytest.FixtureRequest) -> Iterator[list[str]]:
    """Lines for the end of the run: figures that are no limits but should be seen."""
    lines: list[str] = []
    yield lines
    request.node.user_properties.extend(("figure", line) for line in lines)  # which reach the process that prints


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the collected lines."""
    reports = [report for group in terminalreporter.stats.values() for report in group]
    ended = [report for report in reports if getattr(report, "when", "") == "teardown"]
    lines = [text for report in ended for name, text in report.user_properties if name == "figure"]
    if lines:
        terminalreporter.section("figures")
        terminalreporter.write("".join(f"{line}\n" for line in lines))
