"""Clause X49: a signed address is made for who may have what it names, and is good for that alone, while they may.

Rules: what an address must give is what its maker gets without one. Objects are real ones of the world, so that a wrong
answer has something to leak.
"""

from __future__ import annotations

import time
from itertools import permutations

import pytest
import requests
from artifact_world import artifacts_of
from balanced import Front
from callers import CALLERS, Caller, People, ask, people_of
from face_questions import ROOTS, ROUTES
from hand import READ
from targets import Live

clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy")
NOBODY = Caller()
UNKNOWN = ("no-run-ids", "attempt-not-provable", "attempt-unknown", "run-attempt-not-known")


def targets_of(live: Live) -> list[tuple[str, str]]:
    """Each route that gives an address, with real objects of two repositories, below the root of its face; and the
    repository whose list says who may read it."""
    art, job = artifacts_of(live), live.world.job("twice", "build")
    zips = [art.id("first", name) for name in ("one", "plain")]
    found = []
    for face, routes in ROUTES.items():
        for route in (route for route in routes if route.by_address):
            is_zip = "{artifact_id}" in route.path
            full = (art.repo if is_zip else job.run.repo).full
            owner, _, repo = full.partition("/")
            for artifact in zips if is_zip else zips[:1]:
                names = {"run_id": job.run.id or 1, "job_id": job.id, "attempt": 1, "artifact_id": artifact}
                found.append((ROOTS[face] + route.path.format(owner=owner, repo=repo, **names), full))
    return found


def get(live: Live, path: str, caller: Caller, proxy: Front | None = None, method: str = "GET") -> requests.Response:
    return ask((proxy or live.faced()).base_url, path, caller, method, root="")


def ticket(told: requests.Response) -> str:
    """The path and query of the address that is given out."""
    address: str = told.headers["Location"]
    assert told.status_code == 302 and "ticket=" in address and not told.content
    return address[address.index("/", 8) :]


def addresses(live: Live, caller: Caller, proxy: Front | None = None) -> dict[str, str]:
    """The addresses that a caller is given, by the paths that it asked for."""
    told = {path: get(live, path, caller, proxy) for path, _ in targets_of(live)}
    return {path: ticket(answer) for path, answer in told.items() if answer.status_code == 302}


@clause("X49")
@pytest.mark.parametrize("name", CALLERS)
def test_an_address_is_for_who_may_have_it(live: Live, name: str) -> None:
    people = people_of(live)
    question = "tasks" if live.major == 11 else "runs"
    owners = people.caller("owner")
    for path, full in targets_of(live):
        caller = people.caller(name)
        direct = ask(live.server.base_url, f"/repos/{full}/actions/{question}?limit=1", caller)
        told = get(live, path, caller)
        what = f"{path}: {told.status_code} {told.text[:200]}; directly {direct.status_code}"
        if direct.status_code != 200:
            assert told.status_code == direct.status_code and "Location" not in told.headers, what
        elif told.status_code == 501:
            assert told.json()["cause"] in UNKNOWN, what
        else:
            whole = get(live, ticket(get(live, path, owners)), NOBODY)
            for other in (NOBODY, people.caller("outsider"), people.caller("wrong")):
                found = get(live, ticket(told), other)
                assert found.status_code == whole.status_code == 200, f"{what}: {found.status_code} {found.text[:200]}"
                assert found.content == whole.content and whole.content


@clause("X49")
def test_an_address_is_for_nothing_else(live: Live) -> None:
    owner = people_of(live).caller("owner")
    given = addresses(live, owner)
    assert len(given) >= 5
    for (_, address), (other, _) in permutations(given.items(), 2):
        spent = get(live, f"{other}?{address.partition('?')[2]}", NOBODY)
        assert spent.status_code == 403 and spent.json()["message"].startswith("this address is not valid"), other
    for path, address in given.items():
        sealed = address.partition("?")[2]
        beside = [
            f"{path.rpartition('/')[0]}?{sealed}",
            f"{path}/x?{sealed}",
            f"{path[path.index('/repos') :]}?{sealed}",
        ]
        for other in (*beside, f"/api/v1{path[path.index('/repos') :]}?{sealed}"):
            assert get(live, other, NOBODY).status_code in (401, 403, 404, 405), other
        for method in ("HEAD", "POST", "DELETE", "PUT"):
            told = get(live, address, NOBODY, method=method)
            assert told.status_code in (401, 403, 404, 405), f"{method} {path}: {told.status_code}"
        for altered in (f"{address}&page=2", address[:-1], f"{address}A", address.replace("ticket=g", "ticket=h")):
            assert get(live, altered, owner).status_code == 403, altered
        assert get(live, address, NOBODY).status_code == 200


@clause("X49")
@pytest.mark.parametrize("keep", [0, 1])
@pytest.mark.parametrize("how", ["revoked", "removed", "deactivated"])
def test_an_address_of_who_may_no_longer(live: Live, how: str, keep: int) -> None:
    """At once where nothing is kept, else within the kept time."""
    hand, proxy = live.world.hand, live.faced("--keep", str(keep))
    account = hand.user(f"signing-{how}-{keep}-{live.world.mark}")
    repos = {full for _, full in targets_of(live)}
    for full in repos:
        hand.collaborator(full, account)
    caller = Caller(People.bearing(hand.new_token(account, READ)))
    given = addresses(live, caller, proxy)
    assert len(given) >= 5
    for address in given.values():
        assert get(live, address, NOBODY, proxy).status_code == 200
    if how == "revoked":
        hand.revoke_tokens(account)
    elif how == "deactivated":
        hand.change(account, active=False)
    else:
        for full in repos:
            hand.api("DELETE", f"/repos/{full}/collaborators/{account.name}")
    time.sleep(keep + 0.1 if keep else 0)
    owner = people_of(live).caller("owner")
    for path, address in given.items():
        full = "/".join(path.partition("/repos/")[2].split("/")[:2])
        direct = ask(live.server.base_url, f"/repos/{full}/actions/tasks?limit=1", caller)
        assert direct.status_code in (401, 403, 404)
        for who in (NOBODY, owner):  # the one that comes beside a ticket is nobody
            told = get(live, address, who, proxy)
            assert told.status_code == direct.status_code, f"{path}: {told.status_code} {told.text[:200]}"
