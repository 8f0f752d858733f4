"""Answers that are not the server's, at each moment of what is asked: never an empty list, a "no" or a wrong log.

Rules: one double a face and one proxy a face for the whole file; each case swaps the answers to one route for one of
`FOREIGN`. What comes of it is an error of its own kind (exit code 8, or "busy"), or the right answer all the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from command import Place
from double.faults import FOREIGN
from forgejo_shim import errors
from forgejo_shim.models import Repo
from forgejo_shim.webui.grammar import actions
from forgejo_shim.webui.html import parse_run_list
from running import Running
from small import Small, row

FACES = ("11", "14", "15")
RUNS = 53
VIEW = r"/actions/runs/\d+/jobs/\d+(/attempt/\d+)?$"
API_RUNS = r"^/api/v1/repos/o/r/actions/runs\?"
LOG = ("logs", "o/r", str(RUNS))
LATEST = ("logs", "o/r", "--run", "latest", "--job", "build")


class Moment(NamedTuple):
    """Which answers are swapped while which command reads from which face."""

    face: str
    words: tuple[str, ...]
    path: str
    method: str = "GET"
    nth: int | None = None
    harmless: tuple[str, ...] = ()
    """With what swapped the right answer comes all the same."""


ALL = tuple(FOREIGN)
BARE = ("half of it",)  # the answer has no body
OTHER_ROUTE = ("404 page",)  # the same is asked for by another version's route
LONG = ("runs", "o/r", "--limit", "60")
GREEN = (*LONG, "--status", "success")
MOMENTS = (
    Moment("11", GREEN, r"/o/r/actions\?status=\d+&page=1&"),
    Moment("11", GREEN, r"/o/r/actions\?status=\d+&page=2&"),
    Moment("11", LONG, "/actions/runs/latest$", harmless=BARE),
    Moment("11", LONG, VIEW, "POST", nth=3),
    Moment("11", ("runs", "o/r"), "/actions/tasks"),
    Moment("11", ("runs", "o/r"), API_RUNS),
    Moment("11", ("runs", "o/r"), "^/user/login", "POST", harmless=BARE),
    Moment("11", LOG, "^/swagger", harmless=ALL),
    Moment("11", LATEST, "/actions/runs/latest$", harmless=BARE),
    Moment("11", LATEST, VIEW, "POST"),
    Moment("11", LOG, "/actions/runs/latest$", harmless=BARE),
    Moment("11", LOG, VIEW, "POST"),
    Moment("11", LOG, r"/jobs/\d+/logs$", harmless=BARE),
    Moment("14", LONG, API_RUNS + "page=1&"),
    Moment("14", LONG, API_RUNS + "page=2&"),
    Moment("15", LONG, API_RUNS + "page=1&"),
    Moment("15", LONG, API_RUNS + "page=2&"),
    Moment("15", ("logs", "o/r", "--run", "7", "--job", "build"), API_RUNS + "run_number="),
    Moment("15", LATEST, API_RUNS + "page=1&"),
    Moment("15", LATEST, VIEW, "POST", nth=2, harmless=OTHER_ROUTE),
    Moment("15", LOG, "/actions/tasks"),
    Moment("15", LOG, "/actions/runs/latest$", harmless=BARE),
    Moment("15", LOG, VIEW, "POST", nth=1, harmless=OTHER_ROUTE),
    Moment("15", LOG, VIEW, "POST", nth=2, harmless=OTHER_ROUTE),
    Moment("15", LOG, "/attempt/1/logs$", harmless=BARE),
    Moment("15", LOG, "^/user/login", "POST", harmless=BARE),
    Moment("15", LOG, "^/swagger", harmless=ALL),
)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Place]]:
    made: dict[str, Place] = {}
    for face in FACES:
        small = Small(face)
        small.double.start()
        for number in range(RUNS):
            small.add({"build": row(f"of run {number + 1}")}, title=f"run {number + 1}")
        made[face] = Place(small, tmp_path_factory.mktemp("home"))
    yield made
    for place in made.values():
        place.small.double.stop()


@pytest.fixture(scope="module")
def proxies(places: dict[str, Place]) -> Iterator[dict[str, Running]]:
    made = {face: Running(place.small.url, place.small.web, keep=0) for face, place in places.items()}
    yield made
    for proxy in made.values():
        proxy.__exit__()


@pytest.fixture(scope="module")
def right(places: dict[str, Place]) -> dict[tuple[str, tuple[str, ...]], str]:
    """What each command prints when nothing is swapped."""
    asked = {(moment.face, moment.words) for moment in MOMENTS}
    return {(face, words): places[face].run("--no-state", *words).stdout for face, words in asked}


@pytest.mark.clause("S45", "S46", "S47", "C5")
@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda m: f"{m.face} {m.words[0]} {m.path} {m.nth or ''}")
def test_the_command_says_so(places: dict[str, Place], right: Any, moment: Moment, what: str) -> None:
    place = places[moment.face]
    faults = place.small.double.faults
    rule = faults.foreign(moment.path, what, method=moment.method, nth=moment.nth)
    try:
        result = place.run("--no-state", *moment.words)
    finally:
        faults.clear()
    assert rule.fired
    if result.exit_code == 0:
        assert result.stdout == right[moment.face, moment.words]
        assert what in moment.harmless
    else:
        assert result.stdout == "" and what not in moment.harmless
        assert result.exit_code == 8 or (what == "503 page" and result.exit_code == 1), result.stderr


# Through the proxy, where a client sees statuses and causes.

API = "/api/v1/repos/o/r/actions"
ASKED = (
    ("11", f"{API}/runs/latest", "/actions/runs/latest$"),
    ("11", f"{API}/runs/latest?status=success", r"/o/r/actions\?status="),
    ("11", f"{API}/runs/latest?workflow_id=ci.yml&branch=main", "/workflows/ci.yml/runs/latest"),
    ("14", f"{API}/runs/latest?branch=main", rf"{API}/runs\?page=1"),
    ("14", f"{API}/runs/latest?branch=nowhere", rf"{API}/runs\?page=2"),
    ("15", f"{API}/runs/latest", rf"{API}/runs\?page=1"),
    ("15", f"{API}/runs/7/jobs", VIEW),
    ("15", f"{API}/jobs/7", rf"{API}/runs\?run_number="),
    ("15", f"{API}/jobs/7/logs", "^/user/login"),
    ("15", f"{API}/jobs/7/logs", r"/actions/runs/\d+/jobs/\d+/"),
)


@pytest.mark.clause("S45", "S46", "S47")
@pytest.mark.parametrize("what", FOREIGN)
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: f"{asked[0]} {asked[1]} {asked[2]}")
def test_the_proxy_says_so(places: dict[str, Place], proxies: Any, asked: tuple[str, str, str], what: str) -> None:
    face, path, swapped = asked
    small, proxy = places[face].small, proxies[face]
    session = proxy.proxy.server.session
    session._refusal = None  # of the case before
    before = proxy.get(path, small.token)
    session.cookies.clear()
    session.generation = 0
    rule = small.double.faults.foreign(swapped, what)
    try:
        answer = proxy.get(path, small.token)
    finally:
        small.double.faults.clear()
    assert rule.fired
    if answer.status_code == before.status_code:
        assert answer.content == before.content and what in ("half of it", "404 page")
    elif answer.headers.get("Content-Type", "").startswith("application/json"):
        assert answer.status_code in (502, 503)
        assert answer.json()["cause"] in ("page-changed", "upstream-busy", "not-a-forgejo")
    else:
        assert swapped.startswith(API) and answer.status_code in (302, 403, 404, 503), "the API's answer, as it came"


@pytest.mark.clause("S47", "S28")
def test_a_route_that_the_server_lists_is_not_absent(places: dict[str, Place], proxies: Any) -> None:
    """A router in front says the very words of Forgejo's API for a path that it does not know."""
    small, proxy = places["15"].small, proxies["15"]
    small.double.faults.status(rf"{API}/runs/7$", 404, "404 page not found")
    try:
        answer = proxy.get(f"{API}/runs/7/jobs", small.token)
    finally:
        small.double.faults.clear()
    assert (answer.status_code, answer.json()["cause"]) == (502, "page-changed")


@pytest.mark.clause("S47", "C7")
@pytest.mark.parametrize("what", FOREIGN)
def test_detect_says_so(places: dict[str, Place], what: str) -> None:
    place = places["15"]
    place.small.double.faults.foreign("/actions/tasks", what)
    try:
        result = place.run("--no-state", "detect", "o/r")
    finally:
        place.small.double.faults.clear()
    assert result.exit_code == 8 or (what == "503 page" and result.exit_code == 1)


# What a list is recognised by.

HEAD = '<body><div class="page-content repository actions"><div class="flex-list run-list">'
EMPTY = '<div class="empty-placeholder"><h2>何もない</h2></div>'
TITLE = '<a class="flex-item-title" title="t" href="/o/r/actions/runs/{}">t</a>'
END = "</div></div></body>\n</html>\n"


@pytest.mark.clause("S46")
@pytest.mark.parametrize(
    "page, found",
    [
        (HEAD + EMPTY + END, []),
        ('<div class="page-content repository actions"><div class="empty-placeholder"></div></div></html>', []),
        (HEAD + TITLE.format(2) + TITLE.format(1) + END, [(2, "t"), (1, "t")]),
        (
            HEAD + f'<div class="flex-item-title"><a href="/forge/O/R/actions/runs/3">&lt;b&gt;</a></div>{END}',
            [(3, "<b>")],
        ),
        (HEAD + END, None),
        (EMPTY + "</html>", None),
        (HEAD + EMPTY, None),
        (HEAD + TITLE.format(2), None),
        (HEAD + TITLE.format(2) + TITLE.format("two") + END, None),
        (HEAD + TITLE.format(2).replace("/o/r/", "/o/other/") + END, None),
        ("", None),
        ("<html></html>", None),
    ],
)
def test_a_list_is_one_by_its_marks(page: str, found: list[tuple[int, str]] | None) -> None:
    if found is None:
        with pytest.raises(errors.PageChanged):
            parse_run_list(page.encode(), actions(Repo("o", "r")), "the list")
    else:
        assert parse_run_list(page.encode(), actions(Repo("o", "r")), "the list") == found
