"""Runs each case against each chosen target and prints the table of verdicts.

Verdicts: passed; failed; not supported (the target does not claim the case's feature; core cannot be); error (the
target could not be started or seeded); not run (nothing to start it with). On a control target a case that needs an
absent operation must fail by that absence: then its verdict is "failed as it must", and passing is a failure.
Several processes may share the work (`-n`): the cases of one target stay in one of them, and the table is made of what
the reports tell.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from servers import free_port
from targets import GROUPS, TARGETS, AbsentOperation, Live, Target, chosen, start

VERDICTS = ("passed", "failed", "failed as it must", "not supported", "error", "not run")
_counts: dict[str, Counter[str]] = defaultdict(Counter)
_how: dict[str, str] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--targets", default="quick", help=f"by commas: targets, versions, {', '.join(GROUPS)}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "live" in metafunc.fixturenames:
        try:
            names = chosen(metafunc.config.getoption("--targets"))
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        params = [pytest.param(TARGETS[name], id=name, marks=pytest.mark.xdist_group(name)) for name in names]
        metafunc.parametrize("live", params, indirect=True, scope="session")


@pytest.fixture(scope="session")
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    """The running target."""
    target: Target = request.param
    port = free_port()
    server = start(target, port)
    if isinstance(server, str):
        pytest.skip(server)
    with server:
        with Live(target, server, port) as live:
            yield live


@pytest.fixture(autouse=True)
def claimed(request: pytest.FixtureRequest) -> None:
    """Skips a case whose feature the target does not claim, or that is about lacking what it has."""
    if "live" not in request.fixturenames:
        return
    target: Target = request.node.callspec.params["live"]
    for marker in request.node.iter_markers("feature"):
        if missing := set(marker.args) - target.features:
            pytest.skip(f"not supported: {', '.join(sorted(missing))}")
    for marker in request.node.iter_markers("lacks"):
        if set(marker.args) <= target.features:
            pytest.skip(f"not supported: the target has {', '.join(sorted(marker.args))}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    params = getattr(item, "callspec", None)
    target = params.params.get("live") if params else None
    needed = any(item.iter_markers("needs"))
    if target is not None:
        item.user_properties.append(("server", item.funcargs["live"].told))
    try:
        result = yield
    except AbsentOperation:
        if target is not None and target.control and needed:
            item.user_properties.append(("verdict", "failed as it must"))
            return None
        raise
    if target is not None and target.control and needed:
        raise AssertionError("the control passed a case that needs an operation which its server lacks")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.nodeid.startswith("conformance/"):
        return
    parameters = report.nodeid.partition("[")[2].rstrip("]")
    name = max((n for n in TARGETS if parameters == n or parameters.startswith(n + "-")), key=len, default="")
    if not name:
        return
    if report.when == "call" or report.outcome != "passed":
        _counts[name][_verdict(report)] += 1
    if server := dict(report.user_properties).get("server", _reason(report) if _verdict(report) == "not run" else ""):
        _how.setdefault(name, str(server))


def _reason(report: pytest.TestReport) -> str:
    """Why a case was skipped."""
    return str(report.longrepr[2]).removeprefix("Skipped: ") if isinstance(report.longrepr, tuple) else ""


def _verdict(report: pytest.TestReport) -> str:
    if report.outcome == "skipped":
        return "not supported" if "not supported" in _reason(report) else "not run"
    if report.outcome == "failed":
        return "failed" if report.when == "call" else "error"
    return dict(report.user_properties).get("verdict", "passed")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if not _counts:
        return
    write = terminalreporter.write_line
    width = max(len(name) for name in _counts)
    write("")
    write(f"{'target':{width}}  " + "  ".join(VERDICTS) + "  server")
    for name, counts in _counts.items():
        cells = "  ".join(f"{counts[verdict]:>{len(verdict)}}" for verdict in VERDICTS)
        write(f"{name:{width}}  {cells}  {_how.get(name, '')}")
