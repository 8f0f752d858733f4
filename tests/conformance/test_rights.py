"""Clauses X: the proxy acts as its caller. Whoever asks for whatever, its verdict is the server's own for that caller.

Rules: the server is asked first and directly, with the same credentials: the list of runs from 12 on, of tasks on 11. A
no is the server's own, body and all; after a yes no answer is about the caller's rights. The proxy's web account is the
owner's, so anything that it lends shows.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from callers import CALLERS, Caller, People, ask, people_of, places
from hand import READ
from seeded import Job
from targets import Live

NONE = (999_999_999, 2**52 + (5 << 24) + 77, 3 * 2**51 + (5 << 30) + 77)
clause = pytest.mark.clause
proxy = pytest.mark.feature("proxy")


@pytest.fixture
def people(live: Live) -> People:
    return people_of(live)


def operations(live: Live, job: Job, *, additions: bool = True) -> list[str]:
    """The paths of what can be read below a repository: the contract's operations, and what is added to them."""
    paths = [f"jobs/{job.id}/logs", f"jobs/{job.id}/logs?attempt=1"]
    paths += [f"runs/{job.run.id}/{what}" for what in ("jobs", "logs") if live.major >= 12]
    if "artifacts" in live.target.features:
        paths += ["artifacts", *([f"runs/{job.run.id}/artifacts"] if live.major >= 12 else [])]
    if additions:
        paths += [f"jobs/{job.id}{what}" for what in ("", "/logs?tail=2", "/logs?step=0")]
        paths += [f"jobs/{job.id}/logs?follow=true", "runs/latest", "runs/latest/jobs", "runs/latest/logs"]
    return paths


def of_nothing(live: Live) -> list[str]:
    """What can be asked about an artifact that is not there, by ids that a server and the shim could have made."""
    if "artifacts" not in live.target.features:
        return []
    return [f"artifacts/{number}{what}" for number in NONE for what in ("", "/zip")]


@proxy
@clause("X13")
@pytest.mark.parametrize("name", CALLERS)
def test_the_verdict_is_the_servers_own_for_this_caller(live: Live, people: People, name: str) -> None:
    question = "tasks" if live.major == 11 else "runs"
    for place, job, full in places(live):
        root = f"/repos/{full}/actions"
        caller = people.caller(name)  # anew each time: a one-time code is good for a minute
        direct = ask(live.server.base_url, f"{root}/{question}?limit=1&page=1", caller)
        nothing = of_nothing(live)
        additions = place in ("private", "public", "of an organisation", "switched off")
        for path in [*operations(live, job, additions=additions), *nothing]:
            with ask(live.base_url, f"{root}/{path}", caller, stream=True) as told:
                if "follow" in path and told.ok:
                    assert next(told.iter_content(None)), "its rows come, and it goes on for seconds"
                    assert direct.status_code == 200
                    continue
                told.content  # noqa: B018 - read it now
            what = f"{place}, {path}: {told.status_code} {told.text[:200]}; directly {direct.status_code}"
            if direct.status_code == 200:
                cause = told.json().get("cause") if told.status_code != 200 else None
                wanted = causes(live, place, path) | ({None} if path in nothing else set())
                assert told.status_code in (404 if path in nothing else 200, 501) and cause in wanted, what
                continue
            assert told.status_code == direct.status_code, what
            if told.is_redirect:
                assert (
                    told.headers["Location"].split("?")[0].endswith(f"{job.run.repo.full}/actions/{path.split('?')[0]}")
                )
            elif direct.content.startswith(b"{"):
                assert told.json() == direct.json(), what


def causes(live: Live, place: str, path: str) -> set[str | None]:
    """Why what the caller may read can still not be read here."""
    if live.major == 11 and "latest/" in path:
        return {"no-run-ids"}
    if place in ("switched off", "of an organisation"):  # the first up to 11, the second by an admin: not in the web UI
        by_api = path == "runs/latest" or "native" in live.target.features
        return {"web-account-cannot-read", None} if by_api else {"web-account-cannot-read"}
    if "attempt=1" in path and "attempts" not in live.target.features:
        return {None, "attempt-not-provable"}
    if path.endswith("logs") and live.major == 12:
        return {None, "zip-attempt-unknown"}
    return {None}


@proxy
@clause("X13")
def test_the_matrix_has_every_verdict(live: Live, people: People) -> None:
    """Were all answers alike, the case above would prove nothing."""
    seen: dict[str, set[int]] = {}
    question = "tasks" if live.major == 11 else "runs"
    for name in CALLERS:
        for place, _, full in places(live):
            path = f"/repos/{full}/actions/{question}?limit=1&page=1"
            seen.setdefault(place, set()).add(ask(live.server.base_url, path, people.caller(name)).status_code)
    assert set().union(*seen.values()) >= {200, 401, 403, 404}
    assert {place for place, statuses in seen.items() if 200 in statuses} >= {"private", "public", "in capitals"}
    assert 200 not in seen["with .git"] | seen["that does not exist"]


@proxy
@clause("X14")
@pytest.mark.parametrize(
    "name", ["outsider", "anonymous", "no-scope", "wrong", "sudo-outsider", "sudo-query", "deactivated", "revoked"]
)
def test_what_one_caller_read_is_no_key_for_another(live: Live, people: People, name: str) -> None:
    """Everything is warm: the place is known, the web session signed in, the owner's yes kept."""
    job = live.world.job("failing", "build")
    root = f"/repos/{job.run.repo.full}/actions"
    ranged = {"Range": "bytes=0-9"}
    for _ in range(2):
        for path in operations(live, job):
            for caller in (people.caller("owner"), people.caller("sudo-owner")):
                with ask(live.base_url, f"{root}/{path}", caller, stream=True) as told:
                    assert told.status_code in (200, 501), f"{path}: {told.text[:300]}"
        for path in operations(live, job):
            caller = people.caller(name)
            for headers in (caller.headers, caller.headers | ranged, caller.headers | {"Cookie": "a=b"}):
                told = ask(live.base_url, f"{root}/{path}", Caller(headers, caller.query))
                assert told.status_code in (401, 403, 404), f"{path}: {told.status_code}"
                assert b"row" not in told.content and "Content-Range" not in told.headers


@proxy
@clause("X14")
def test_who_asks_at_the_same_time_gets_what_is_theirs(live: Live, people: People) -> None:
    job = live.world.job("failing", "build")
    path = f"/repos/{job.run.repo.full}/actions/jobs/{job.id}/logs"
    names = ["owner", "outsider", "reader", "anonymous", "wrong", "sudo-owner", "sudo-outsider"] * 12
    callers = [people.caller(name) for name in names]
    with live.fresh("--keep", "1") as cold, ThreadPoolExecutor(16) as crowd:
        answers = list(crowd.map(lambda caller: ask(cold.base_url, path, caller), callers))
    expected = {"owner": 200, "reader": 200, "sudo-owner": 200, "wrong": 401}
    for name, answer in zip(names, answers, strict=True):
        assert answer.status_code == expected.get(name, 404), name
        assert (answer.content == job.expected()) == (answer.status_code == 200)


@proxy
@clause("X14")
def test_headers_that_say_who_somebody_is_open_nothing(live: Live) -> None:
    job = live.world.job("failing", "build")
    path = f"/repos/{job.run.repo.full}/actions/jobs/{job.id}/logs"
    owner = live.world.accounts["owner"].name
    for name in ("X-WEBAUTH-USER", "X-WebAuth-Email", "Remote-User", "X-Forwarded-User", "X_WEBAUTH_USER"):
        assert ask(live.base_url, path, Caller({name: owner})).status_code == 404, name
    signed = ask(live.base_url, path, Caller({"Authorization": 'Signature keyId="x",signature="y"'}))
    assert signed.status_code in ({501} if "shim" in live.target.features else {401, 404})


@proxy
@clause("X15")
@pytest.mark.parametrize("keep", [0, 2])
@pytest.mark.parametrize("how", ["revoked", "removed", "deactivated", "private"])
def test_a_right_that_was_taken_away(live: Live, how: str, keep: int) -> None:
    """At once where nothing is kept, else within the kept time; natively always at once."""
    hand, world = live.world.hand, live.world
    repo, run = (world.repos["pub"], "public") if how == "private" else (world.repos["other"], "foreign")
    job = world.job(run, "build")
    account = hand.user(f"leaving-{how}-{keep}-{world.mark}-{time.time_ns() % 10**6}")
    if how != "private":
        hand.collaborator(repo.full, account)
    caller = Caller(People.bearing(hand.new_token(account, READ)))
    path = f"/repos/{repo.full}/actions/jobs/{job.id}/logs"
    with live.fresh("--keep", str(keep)) as proxied:
        for address in proxied.addresses * 2:
            assert ask(address, path, caller).content == job.expected()
        try:
            if how == "revoked":
                hand.revoke_tokens(account)
            elif how == "removed":
                hand.api("DELETE", f"/repos/{repo.full}/collaborators/{account.name}")
            elif how == "deactivated":
                hand.change(account, active=False)
            else:
                hand.api("PATCH", f"/repos/{repo.full}", {"private": True})
            time.sleep(keep + 0.1 if keep else 0)
            direct = ask(live.server.base_url, f"/repos/{repo.full}/actions/tasks?limit=1", caller)
            for address in proxied.addresses:
                told = ask(address, path, caller)
                assert told.status_code == direct.status_code in (401, 403, 404)
                assert told.json() == direct.json()
        finally:
            if how == "private":
                hand.api("PATCH", f"/repos/{repo.full}", {"private": False})


@proxy
@clause("X15", "X20", "F5")
@pytest.mark.parametrize("how", ["revoked", "removed"])
def test_a_follower_whose_right_was_taken_away(live: Live, how: str) -> None:
    """Within the kept time and a read, whatever the log does."""
    hand, job = live.world.hand, live.world.job("running", "build")
    account = hand.user(f"following-{how}-{live.world.mark}-{time.time_ns() % 10**6}")
    hand.collaborator(job.run.repo.full, account)
    caller = Caller(People.bearing(hand.new_token(account, READ)))
    path = f"/repos/{job.run.repo.full}/actions/jobs/{job.id}/logs?follow=true"
    with live.fresh("--keep", "1") as proxied:
        with ask(proxied.base_url, path, caller, stream=True) as answer:
            rows = answer.iter_content(None)
            got = next(rows)
            if how == "revoked":
                hand.revoke_tokens(account)
            else:
                hand.api("DELETE", f"/repos/{job.run.repo.full}/collaborators/{account.name}")
            with pytest.raises(requests.exceptions.ChunkedEncodingError):  # a time-out would be another error
                got += b"".join(rows)
        expected = job.expected()
        assert isinstance(expected, bytes) and expected.startswith(got)
        assert ask(proxied.base_url, path, caller).status_code in (401, 403, 404)


@proxy
@clause("X16")
def test_nothing_secret_is_logged(live: Live, people: People) -> None:
    assert live.proxy
    job = live.world.job("failing", "build")
    for name in CALLERS:
        ask(live.base_url, f"/repos/{job.run.repo.full}/actions/jobs/{job.id}/logs", people.caller(name))
    secrets = [*people.tokens.values(), people.hand.token]
    secrets += [account.password for account in live.world.accounts.values()]
    log = live.proxy.log()
    assert [secret for secret in secrets if secret in log] == []
    assert "Traceback" not in log
