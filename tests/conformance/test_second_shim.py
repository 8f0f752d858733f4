"""Clauses X on live servers: a second shim in front of the proxy finds every operation native there.

Rules: what the second one asks is looked at on its wire, or in the access log of the first; it has a web account that
could read, so that anything it made from the web itself would work, and show.
"""

from __future__ import annotations

import json

import pytest
import requests
from balanced import Front
from hand import plain_session, wait
from seeded import Job
from targets import Live, log_path
from wire import behind

clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy")


def operations(live: Live, job: Job) -> list[str]:
    """What the proxy adds or has, by path below the API's root; `follow` has a case of its own."""
    root = f"/repos/{job.run.repo.full}/actions"
    log = log_path(job.run.repo, job.id)
    found = [log, f"{log}?attempt=1", f"{log}?tail=2", f"{log}?step=0", f"{log}?tail=1&attempt=1"]
    found += [log_path(job.run.repo, 999_999_999), f"{root}/jobs/{job.id}", f"{root}/runs/latest?status=failure"]
    if live.major >= 12:
        found += [f"{root}/runs/{job.run.id}/jobs", f"{root}/runs/{job.run.id}/logs", f"{root}/runs/latest/jobs"]
    return found


@pytest.fixture
def job(live: Live) -> Job:
    return live.world.job("failing", "build")


@pytest.fixture
def second(live: Live) -> Front:
    """A proxy in front of the target's own front."""
    return live.second()


@clause("X40", "S2", "S37")
def test_an_adapter_in_front_makes_no_web_request(live: Live, job: Job) -> None:
    session, wire, _ = behind(live.base_url, live.world.tokens["read"], web=live.web)
    for path in operations(live, job):
        alone, both = live.get(path), session.get(f"{live.base_url}/api/v1{path}")
        assert both.status_code == alone.status_code, path
        assert without_names(both) == without_names(alone), path
        assert both.backend == "native", path  # type: ignore[attr-defined]
    assert [sent.path for sent in wire.web] == ["/swagger.v1.json"]
    assert len(wire.api) == len(operations(live, job)), "one request each, and no question"


@clause("X40", "S2", "S37")
@pytest.mark.feature("one-process")  # several know it of each other
def test_a_second_proxy_makes_no_web_request(live: Live, job: Job, second: Front) -> None:
    assert live.proxy
    session = plain_session()
    session.headers["Authorization"] = f"token {live.world.tokens['read']}"
    before = lines(live.proxy)
    for path in operations(live, job):
        alone, both = live.get(path), session.get(f"{second.base_url}/api/v1{path}")
        assert both.status_code == alone.status_code, path
        assert without_names(both) == without_names(alone), path
        assert both.headers["X-Forgejo-Shim"] == f"{alone.headers['X-Forgejo-Shim']}, native", path
    count = 2 * len(operations(live, job)) + 1
    wait(lambda: len(asked(live.proxy, before)) >= count, "the first one's log")  # type: ignore[arg-type]
    seen = asked(live.proxy, before)
    assert {path for path in seen if not path.startswith("/api/v1/")} == {"/swagger.v1.json"}
    assert len(seen) == count
    figures = plain_session().get(f"{second.base_url}/-/shim/metrics").text
    # On 11 not all of the contract is there behind, so that the check of who asks for figures signs in.
    assert live.major == 11 or "\nforgejo_shim_sign_ins_total 0.0\n" in figures
    ready = plain_session().get(f"{second.base_url}/-/shim/readyz").json()
    assert ready["ready"] and live.major == 11 or ready["web_session"]["says"] == "not needed"


def asked(proxied: Front, before: list[str]) -> list[str]:
    """The paths of the log since then, without the question that a proxy asks when it starts."""
    return [path for path in lines(proxied)[len(before) :] if path != "/api/v1/version"]


@clause("X40", "F1")
def test_a_log_is_followed_through_both(live: Live, second: Front) -> None:
    stage = live.world.stage
    job = live.world.job("running", "build")
    path = f"/api/v1{log_path(job.run.repo, job.id)}?follow=true"
    headers = {"Authorization": f"token {live.world.tokens['read']}"}
    with plain_session().get(second.base_url + path, headers=headers, stream=True, timeout=30) as answer:
        assert answer.headers["X-Forgejo-Shim"].endswith("web, native")
        rows = answer.iter_content(None)
        first = next(rows)
        stage.say(job, 1)
        second_ = next(rows)
    expected = job.expected()
    assert isinstance(expected, bytes) and expected.startswith(first + second_)


@clause("X40", "F6")
def test_a_log_is_followed_from_its_last_line_on(live: Live, second: Front) -> None:
    stage = live.world.stage
    job = live.world.job("running", "build")
    path = f"/api/v1{log_path(job.run.repo, job.id)}?follow=true&tail=1"
    headers = {"Authorization": f"token {live.world.tokens['read']}"}
    for front in (live.base_url, second.base_url):
        stage.say(job, 2)
        before = job.expected()
        assert isinstance(before, bytes)
        with plain_session().get(front + path, headers=headers, stream=True, timeout=30) as answer:
            rows = answer.iter_content(None)
            assert next(rows) == before.splitlines(keepends=True)[-1]
            stage.say(job, 1)
            assert before + next(rows) == job.expected()


@clause("X40", "X14", "X15")
def test_the_second_one_widens_nothing(live: Live, job: Job, second: Front) -> None:
    for token, status in (("outsider", 404), ("no-scope", 403), ("0" * 40, 401), (None, 404)):
        headers = {"Authorization": f"token {live.world.tokens.get(token, token)}"} if token else {}
        for path in operations(live, job):
            told = plain_session().get(f"{second.base_url}/api/v1{path}", headers=headers)
            assert told.status_code == status, f"{token}, {path}: {told.text}"


def without_names(response: requests.Response) -> object:
    """The body; of an error without the address that it names, which is the front's."""
    if response.headers.get("Content-Type", "").startswith("application/json") and not response.ok:
        return {key: value for key, value in response.json().items() if key != "url"}
    return response.content


def lines(proxied: Front) -> list[str]:
    """The paths in the access log of a proxy so far, but for the question that another one puts to it at its start."""
    told = (line for line in proxied.log().splitlines() if line.startswith("{") and line.endswith("}"))
    return [path for line in told if (path := json.loads(line)["path"]) != "/api/v1/version"]
