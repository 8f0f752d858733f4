"""Runs each case against each chosen target, prints the table of verdicts, and writes the report (`--report DIR`).

Verdicts: passed; failed; not supported (the target does not claim the case's feature; core cannot be); error (the
target could not be started or seeded); not run (nothing to start it with, or left out). On a control target a case that
needs an absent operation must fail by that absence: then its verdict is "failed as it must", and passing is a failure.
Several processes may share the work (`-n`): the cases of one target stay in one of them. Each hands its list of cases
over with its first one; table and report are made of that list and of what the reports tell.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from report_files import about, write
from reported import LEFT_OUT, OUTCOMES, Case, Result, Results, case_of, report
from servers import free_port
from targets import GROUPS, TARGETS, AbsentOperation, Live, Target, chosen, start

BEGAN = time.monotonic()
ABOUT = pytest.StashKey[dict[str, Any]]()
HANDED_OVER = pytest.StashKey[bool]()
_results = Results()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--targets", default="quick", help=f"by commas: targets, versions, {', '.join(GROUPS)}")
    parser.addoption("--report", metavar="DIR", help="a folder for conformance.json, .xml (JUnit) and .html")


def pytest_configure(config: pytest.Config) -> None:
    if folder := _folder(config):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            config.stash[ABOUT] = about()
        except OSError as error:
            raise pytest.UsageError(f"the report cannot be kept in {folder}: {error.strerror}") from None


def _folder(config: pytest.Config) -> Path | None:
    """Where the report is to be, if one is wanted, and this is the process that writes it."""
    told = config.getoption("--report")
    return config.invocation_params.dir / told if told and not hasattr(config, "workerinput") else None


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


def pytest_itemcollected(item: pytest.Item) -> None:
    if target := _target(item):
        clauses = [clause for marker in item.iter_markers("clause") for clause in marker.args]
        _results.cases[item.nodeid] = case_of(item.nodeid, target.name, clauses)


def _target(item: pytest.Item) -> Target | None:
    params = getattr(item, "callspec", None)
    return params.params.get("live") if params else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where the work is shared, the first case of a process hands all of them over: it may be lost before it ends."""
    if hasattr(item.config, "workerinput") and not item.config.stash.get(HANDED_OVER, False):
        item.config.stash[HANDED_OVER] = True
        cases = [(node, case.target, case.name, case.clauses) for node, case in _results.cases.items()]
        item.user_properties.append(("cases", cases))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Any:
    target = _target(item)
    needed = [operation for marker in item.iter_markers("needs") for operation in marker.args]
    if target is not None:
        live = item.funcargs["live"]
        item.user_properties.append(("server", (live.server.how, live.version)))
    try:
        result = yield
    except AbsentOperation:
        if target is not None and target.control and needed:
            item.user_properties += [("verdict", "failed as it must"), ("why", f"lacks {' or '.join(needed)}")]
            return None
        raise
    if target is not None and target.control and needed:
        raise AssertionError("the control passed a case that needs an operation which its server lacks")
    return result


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if not report.nodeid.startswith("conformance/"):
        return
    node = report.nodeid if report.nodeid[-1] == "]" else report.nodeid.rpartition("]@")[0] + "]"  # @ is xdist's group
    properties = dict(report.user_properties)
    for known, target, name, clauses in properties.get("cases", ()):
        _results.cases[known] = Case(target, name, tuple(clauses))
    outcome = _verdict(report) if report.when == "call" or report.outcome != "passed" else ""
    result = _results.tell(node, outcome, str(properties.get("why") or _reason(report)))
    result.spent += report.duration
    if report.when == "call":
        result.seconds, result.server = report.duration, properties.get("server")


def _reason(report: pytest.TestReport) -> str:
    """Why a case was skipped, or failed."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr or "")


def _verdict(report: pytest.TestReport) -> str:
    if report.outcome == "skipped":
        return "not supported" if _reason(report).startswith("not supported") else "not run"
    if report.outcome == "failed":
        return "failed" if report.when == "call" else "error"
    return dict(report.user_properties).get("verdict", "passed")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    write_line, targets = terminalreporter.write_line, _results.by_target()
    if targets and _results.told:
        width = max(map(len, targets))
        write_line("")
        write_line(f"{'target':{width}}  " + "  ".join(OUTCOMES) + "  server")
        for name, told in targets.items():
            counts = Counter(result.outcome for result in told)
            cells = "  ".join(f"{counts[outcome]:>{len(outcome)}}" for outcome in OUTCOMES)
            write_line(f"{name:{width}}  {cells}  {_server(told)}")
    if (folder := _folder(config)) and targets:
        found = report(_results, config.stash[ABOUT] | {"seconds": round(time.monotonic() - BEGAN)})
        write_line("")
        write_line(f"the report: {write(found, folder)}")
    elif folder:
        write_line("no report: no case is known")


def _server(told: list[Result]) -> str:
    """What was asked, or why nothing was."""
    servers = [", ".join(result.server) for result in told if result.server]
    reasons = [result.why for result in told if result.outcome == "not run" and result.why != LEFT_OUT]
    return next(iter(servers + reasons), LEFT_OUT)
