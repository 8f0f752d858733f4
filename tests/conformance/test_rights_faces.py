"""Clause X49: whoever asks for whatever by GitHub's or Gitea's face, the verdict is the server's own for that caller.

Rules: as in test_rights.py; face_questions.py says what the server is asked. A face is asked by https. After a yes no
answer is about the caller's rights. On a double fewer places are asked for, since they differ below the faces only.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from balanced import Front
from callers import CALLERS, Caller, People, ask, people_of, places
from face_questions import EMPTY, ROOTS, ROUTES, Question, decides, is_of_repository, path_of
from forgejo_shim.faces.route import Route
from forgejo_shim.operations import DISPATCH
from seeded import Job
from targets import Live

clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy")
both = pytest.mark.parametrize("face", ["github", "gitea"])
ON_DOUBLES = ("public", "by its old name")
# Why what the caller may read or do can still not be had, or done, by this world.
CAUSES = {
    "attempt-unknown", "attempt-not-provable", "attempt-not-found", "filter-not-possible", "no-run-ids", "native-only",
    "not-over", "web-account-cannot-read", "web-account-cannot-write", "workflow-not-found", "dispatch-refused",
    "nothing-failed", "run-attempt-not-known", "run-over", "run-not-over",
}  # fmt: skip


@pytest.fixture
def people(live: Live) -> People:
    return people_of(live)


def asked_places(live: Live) -> Iterator[tuple[str, Job, str]]:
    """The private repository with a run that goes on, and the places."""
    running = live.world.job("running", "build")
    yield "running", running, running.run.repo.full
    yield from (place for place in places(live) if place[0] in ON_DOUBLES or not live.target.double)


class Verdicts:
    """What the server itself says to a caller, asked once for each question."""

    def __init__(self, live: Live, caller: Caller) -> None:
        self.live = live
        self.caller = caller
        self.told: dict[Question, requests.Response] = {}

    def of(self, questions: list[Question]) -> tuple[bool, requests.Response]:
        """Whether all are a yes, and the answer that decided."""
        for question in questions:
            if question not in self.told:
                self.told[question] = question.put(self.live, self.caller)
            if not question.is_yes(self.told[question]):
                return False, self.told[question]
        return True, self.told[questions[-1]]


@clause("X49")
@both
@pytest.mark.parametrize("name", CALLERS)
def test_the_verdict_by_a_face_is_the_servers_own(live: Live, people: People, face: str, name: str) -> None:
    proxy = live.faced()
    for place, job, full in asked_places(live):
        caller = people.caller(name)  # anew each time: a one-time code is good for a minute
        verdicts = Verdicts(live, caller)
        for route in filter(is_of_repository, ROUTES[face]):
            path = path_of(live, route, job, full)
            is_yes, direct = verdicts.of(decides(live, route, path, full))
            told = asked(proxy, face, route, path, caller)
            what = (
                f"{place}, {route.method} {path}: {told.status_code} {told.text[:300]}; directly {direct.status_code}"
            )
            fits(face, is_yes, direct, told, f"{job.run.repo.full}{path.partition(full)[2]}", what)


@clause("X49")
@both
@pytest.mark.parametrize("name", CALLERS)
def test_the_verdict_on_what_is_of_no_repository(live: Live, people: People, face: str, name: str) -> None:
    proxy, job, caller = live.faced(), live.world.job("failing", "build"), people.caller(name)
    verdicts = Verdicts(live, caller)
    private = live.world.repos["priv"].full
    may_read, _ = verdicts.of([Question(f"/repos/{private}/actions/tasks?limit=1")])
    for route in ROUTES[face]:
        if not is_of_repository(route):
            path = path_of(live, route, job, "")
            is_yes, direct = verdicts.of(decides(live, route, path, ""))
            told = asked(proxy, face, route, path, caller)
            what = f"{route.method} {path}: {told.status_code} {told.text[:300]}; directly {direct.status_code}"
            fits(face, is_yes, direct, told, "", what)
            assert may_read or private not in told.text, what


def asked(proxy: Front, face: str, route: Route, path: str, caller: Caller) -> requests.Response:
    body = EMPTY if route.operation is DISPATCH else None
    return ask(proxy.base_url, path, caller, route.method, root=ROOTS[face], json=body)


def fits(face: str, is_yes: bool, direct: requests.Response, told: requests.Response, moved: str, what: str) -> None:
    """Raise unless what a face tells is the server's verdict."""
    is_error = told.status_code >= 400
    cause = told.json().get("cause") if is_error else None
    if direct.status_code == 404 and direct.text.strip() == "404 page not found":
        assert (told.status_code, cause) == (501, "native-only"), what
    elif is_yes:
        assert not is_error or cause in CAUSES or told.status_code == 404, what
        assert told.status_code not in (401, 500), what
    elif direct.is_redirect:
        assert told.status_code == direct.status_code, what
        assert told.headers["Location"].partition("?")[0].endswith(f"{ROOTS[face]}/repos/{moved}"), what
    else:
        assert told.status_code == direct.status_code and cause is None, what
        if face == "gitea" and direct.content.startswith(b"{"):
            assert told.json() == direct.json(), what
