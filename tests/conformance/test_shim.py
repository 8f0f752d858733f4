"""Clauses S: the shim's own rules, as far as a live server shows them.

Rules: requests are counted and looked at below the shim (`wire.py`), so the same cases prove them on real servers. A
case without `needs` asks for nothing that an older server lacks, so the negative control passes it.
"""

from __future__ import annotations

import json
import logging
import time
from typing import Any

import pytest
import requests
from forgejo_shim import MemoryStore, ShimAdapter, WebCookie, WebLogin
from forgejo_shim.requests_transport import RequestsTransport
from hand import plain_session
from seeded import Job
from targets import Live, log_path
from wire import Sent, Wire, behind
from world import ONE

needs = pytest.mark.needs("repoGetActionJobLogs")
shim = pytest.mark.feature("shim")
adapter = pytest.mark.feature("shim", "adapter")
made_from_web = pytest.mark.lacks("conditional")


class Asked:
    """A session of its own behind the shim, with the wire below it."""

    def __init__(self, live: Live, token: str | None = "read", base_url: str = "", **mounted: Any) -> None:
        self.live = live
        self.base_url = base_url or live.base_url
        self.secret = live.world.tokens.get(token, token) if token else None
        given = behind(self.base_url, self.secret, **{"web": live.web, **mounted})
        self.session: requests.Session = given[0]
        self.wire: Wire = given[1]
        self.adapter: ShimAdapter = given[2]

    def get(self, path: str, **more: Any) -> requests.Response:
        return self.session.get(f"{self.base_url}/api/v1{path}", **more)

    def log(self, job: Job, attempt: object = None, **more: Any) -> requests.Response:
        return self.get(log_path(job.run.repo, job.id, attempt), **more)


def logins(wire: Wire) -> list[Sent]:
    """The sign-ins that were tried."""
    return [sent for sent in wire.sent if sent.method == "POST" and sent.path.endswith("/user/login")]


def refused(response: requests.Response, cause: str, *names: str, status: int = 501) -> None:
    """Assert that the answer is an error of this cause whose message names these."""
    assert (response.status_code, response.json().get("cause")) == (status, cause), response.text
    assert [name for name in names if name not in response.json()["message"]] == []


def build(live: Live) -> Job:
    return live.world.job("failing", "build")


@pytest.mark.clause("S1")
@pytest.mark.parametrize(
    "path", ["/version", "/repos/{}", "/repos/{}/actions/tasks", "/repos/{}/actions/none", "/user"]
)
def test_what_is_no_operation_of_the_contract_passes_untouched(live: Live, path: str) -> None:
    path = path.format(live.world.repos["priv"].full)
    headers = {"Authorization": f"token {live.world.tokens['read']}"}
    plain = plain_session().get(f"{live.server.base_url}/api/v1{path}", headers=headers)
    fronted = live.session().get(f"{live.base_url}/api/v1{path}")
    assert (fronted.status_code, fronted.content) == (plain.status_code, plain.content)
    assert fronted.headers["Content-Type"] == plain.headers["Content-Type"]


@pytest.mark.clause("S1")
def test_the_text_of_an_unknown_route_passes_untouched(live: Live) -> None:
    response = live.session().get(f"{live.base_url}/api/v1/no/such/route")
    assert (response.status_code, response.text.strip()) == (404, "404 page not found")
    assert response.headers["Content-Type"].startswith("text/plain")


@pytest.mark.clause("S1")
def test_writes_pass_untouched(live: Live) -> None:
    path = f"/api/v1/repos/{live.world.repos['priv'].full}/actions/workflows/none.yml/dispatches"
    headers, body = {"Authorization": f"token {live.world.tokens['owner']}"}, {"ref": "main"}
    plain = plain_session().post(live.server.base_url + path, headers=headers, json=body)
    fronted = live.session("owner").post(live.base_url + path, json=body)
    assert (fronted.status_code, fronted.content) == (plain.status_code, plain.content)
    assert fronted.status_code >= 400


@pytest.mark.clause("S1")
def test_a_request_that_passes_asks_for_nothing_else(live: Live) -> None:
    if not {"shim", "adapter"} <= live.target.features:
        assert live.get("/version").ok
        return
    asked = Asked(live)
    assert asked.get("/version").backend == "native"  # type: ignore[attr-defined]
    assert [sent.path for sent in asked.wire.sent] == ["/api/v1/version"]


@pytest.mark.feature("native")
@pytest.mark.clause("S2", "S37")
def test_native_operations_make_no_web_request(live: Live) -> None:
    asked, job = Asked(live), build(live)
    run = f"/repos/{job.run.repo.full}/actions/runs/{job.run.id}"
    assert asked.log(job).content == job.expected()
    missing = asked.get(log_path(job.run.repo, 999_999_999))
    assert (missing.status_code, missing.backend) == (404, "native")  # type: ignore[attr-defined]
    assert asked.get(f"{run}/jobs").ok and asked.get(f"{run}/logs").ok
    assert [sent.path for sent in asked.wire.web] == ["/swagger.v1.json"]
    assert len(asked.wire.api) == 4


@needs
@adapter
@made_from_web
@pytest.mark.clause("S2", "S10")
def test_an_absent_operation_is_made_from_the_web(live: Live) -> None:
    asked, job = Asked(live), build(live)
    response = asked.log(job)
    assert response.content == job.expected()
    assert response.backend == "web"  # type: ignore[attr-defined]
    assert set(response.headers) <= {"Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Date"}
    assert not any(sent.path.endswith(log_path(job.run.repo, job.id)) for sent in asked.wire.api)


@needs
@adapter
@made_from_web
@pytest.mark.clause("S5")
def test_the_question_of_rights_is_put_first_and_once(live: Live) -> None:
    asked, job = Asked(live), build(live)
    for _ in range(2):
        assert asked.log(job).content == job.expected()
    assert asked.log(live.world.job("twice", "side")).ok
    assert [sent.url.partition("/actions/")[2] for sent in asked.wire.api] == ["tasks?limit=1&page=999999"]
    assert [sent.path for sent in asked.wire.sent][:2] == ["/swagger.v1.json", asked.wire.api[0].path]
    assert asked.log(live.world.job("public", "build")).ok
    assert len(asked.wire.api) == 2


@needs
@adapter
@made_from_web
@pytest.mark.clause("S5")
@pytest.mark.parametrize("token, status", [("outsider", 404), ("no-scope", 403), ("0" * 40, 401), (None, 404)])
def test_a_no_of_the_api_is_relayed_and_no_web_page_read(live: Live, token: str | None, status: int) -> None:
    asked = Asked(live, token)
    assert asked.log(build(live)).status_code == status
    assert [sent.path for sent in asked.wire.web] == ["/swagger.v1.json"]


@needs
@adapter
@made_from_web
@pytest.mark.clause("S5")
def test_another_caller_of_the_session_is_asked_anew(live: Live) -> None:
    asked, job = Asked(live), build(live)
    assert asked.log(job).ok
    other = asked.log(job, headers={"Authorization": f"token {live.world.tokens['outsider']}"})
    assert other.status_code == 404
    assert asked.log(job, headers={"Authorization": None}).status_code == 404
    sudo = asked.log(job, headers={"Sudo": live.world.accounts["outsider"].name})
    assert sudo.status_code in (403, 404)


@needs
@adapter
@made_from_web
@pytest.mark.clause("S6")
@pytest.mark.parametrize("way", ["token", "basic"])
def test_the_callers_credentials_go_to_the_api_only(live: Live, way: str) -> None:
    asked, job, who = Asked(live), build(live), live.world.accounts["reader"]
    more: dict[str, Any] = {"headers": {"X-Mine": "of-the-caller", "X-Forgejo-OTP": "424242"}}
    asked.session.cookies.set("mine", "cookie-of-the-caller")
    secrets = [asked.secret or "", "of-the-caller", "424242"]
    if way == "basic":
        more["auth"] = (who.name, who.password)
        secrets = [requests.auth._basic_auth_str(who.name, who.password).split()[1], *secrets[1:]]
    assert asked.log(job, **more).content == job.expected()
    assert asked.log(job, **more).ok
    assert secrets[0] in asked.wire.api[0].text
    assert [sent.url for sent in asked.wire.web if any(secret in sent.text for secret in secrets)] == []
    assert all("authorization" not in sent.headers for sent in asked.wire.web)


@needs
@adapter
@made_from_web
@pytest.mark.clause("S7")
def test_the_web_sessions_cookie_goes_to_the_web_ui_of_the_base_url_only(live: Live) -> None:
    asked, job = Asked(live), build(live)
    assert asked.log(job).ok
    given = {line.partition("=")[2].partition(";")[0] for sent in asked.wire.web for line in sent.set_cookies}
    given = {value for value in given if len(value) >= 12}
    assert given
    assert any(value in sent.headers.get("cookie", "") for sent in asked.wire.web for value in given)
    assert [sent.url for sent in asked.wire.api if any(value in sent.text for value in given)] == []
    assert all("cookie" not in sent.headers for sent in asked.wire.api)
    assert [sent.url for sent in asked.wire.sent if not sent.url.startswith(live.base_url + "/")] == []


@needs
@adapter
@made_from_web
@pytest.mark.clause("S8")
def test_the_callers_cookie_jar_stays_as_it_was(live: Live) -> None:
    asked, job = Asked(live), build(live)
    asked.session.cookies.set("mine", "1")
    for response in (asked.log(job), asked.log(job, headers={"Range": "bytes=0-3"}), asked.log(job, 0)):
        assert not response.cookies
        assert "Set-Cookie" not in response.headers
    assert asked.session.cookies.get_dict() == {"mine": "1"}


@needs
@adapter
@made_from_web
@pytest.mark.clause("S11")
def test_conditional_headers_are_dropped(live: Live) -> None:
    asked, job = Asked(live), build(live)
    now = "Sun, 22 Nov 2099 16:00:00 GMT"
    for name, value in (("If-Modified-Since", now), ("If-None-Match", "*"), ("If-Match", '"x"')):
        response = asked.log(job, headers={name: value})
        assert (response.status_code, response.content) == (200, job.expected()), name
    response = asked.log(job, headers={"If-Range": now, "Range": "bytes=0-3"})
    assert (response.status_code, response.content) == (200, job.expected())
    downloads = [sent for sent in asked.wire.web if sent.path.endswith("/logs")]
    assert downloads and all(not any(name.startswith("if-") for name in sent.headers) for sent in downloads)


@needs
@adapter
@made_from_web
@pytest.mark.clause("S11")
def test_head_asks_for_nothing(live: Live) -> None:
    asked = Asked(live)
    response = asked.session.head(f"{live.base_url}/api/v1{log_path(build(live).run.repo, build(live).id)}")
    assert (response.status_code, response.content) == (405, b"")
    assert [sent.path for sent in asked.wire.sent] == ["/swagger.v1.json"]


@needs
@adapter
@made_from_web
@pytest.mark.clause("S13")
def test_kept_knowledge_never_gives_the_old_attempt(live: Live) -> None:
    world, asked = live.world, Asked(live)
    run = world.stage.start("kept", world.repos["priv"], ONE, "last.yml")
    job = world.stage.play(run, "build", "failure")
    old = asked.log(job).content
    assert asked.log(job).content == old == job.expected()
    world.stage.rerun(job)
    waiting = asked.log(job)
    assert (waiting.status_code, waiting.json()["message"]) == (404, "job has not been executed yet")
    world.stage.take(run, "build")
    world.stage.say(job, 2)
    assert asked.log(job).content == job.expected() != old
    world.stage.finish(job, "success")
    assert asked.log(job).content == job.expected() != old


@needs
@shim
@made_from_web
@pytest.mark.feature("attempts")
@pytest.mark.clause("S14")
def test_an_attempt_hidden_while_its_rerun_waits_is_not_now(live: Live) -> None:
    job = live.world.job("waits", "again")
    for _ in range(2):
        response = live.log(job, 1)
        refused(response, "rerun-waits", str(job.id), status=503)
        assert int(response.headers["Retry-After"]) > 0
    never = live.log(job, 2 if live.major < 15 else 3)
    assert never.status_code == 404


@needs
@shim
@pytest.mark.lacks("attempts")
@pytest.mark.clause("S15")
def test_an_attempt_that_cannot_be_shown_to_be_the_current_one(live: Live) -> None:
    job = live.world.job("twice", "build")
    refused(live.log(job, 1), "attempt-not-provable", str(job.id))
    current = live.log(job, 2)
    if live.major == 13:
        assert current.content == job.expected(2)
    else:
        refused(current, "attempt-not-provable", str(job.id))


@needs
@adapter
@made_from_web
@pytest.mark.clause("S19")
def test_a_warm_read_costs_one_request_or_two(live: Live) -> None:
    asked, job = Asked(live), build(live)
    assert asked.log(job).ok
    asked.wire.clear()
    assert asked.log(job).content == job.expected()
    has_attempts = "attempts" in live.target.features
    assert len(asked.wire.sent) == (2 if has_attempts else 1)
    if has_attempts:
        asked.wire.clear()
        assert asked.log(job, 1).content == job.expected(1)
        assert len(asked.wire.sent) == 1


@needs
@adapter
@made_from_web
@pytest.mark.clause("S20", "S25", "S45")
@pytest.mark.parametrize(
    "account, cause",
    [
        ("owner", "web-sign-in-refused"),
        ("prohibited", "web-account-inactive"),
        ("nobody-of-that-name", "web-sign-in-refused"),
    ],
)
def test_a_refused_sign_in_is_tried_once(live: Live, account: str, cause: str) -> None:
    known = live.world.accounts.get(account)
    name = known.name if known else account
    right = known.password if known and account == "prohibited" else "wrong"
    asked, job = Asked(live, web=WebLogin(name, right)), build(live)
    for _ in range(3):
        refused(asked.log(job), cause, name)
    assert len(logins(asked.wire)) == 1


@needs
@adapter
@made_from_web
@pytest.mark.clause("S20")
def test_a_given_cookie(live: Live) -> None:
    job, cookies = build(live), live.server.hand().sign_in(live.world.accounts["reader"]).session.cookies
    good = Asked(live, web=WebCookie("; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)))
    assert good.log(job).content == job.expected()
    bad = Asked(live, web=WebCookie("; ".join(f"{cookie.name}=0123456789abcdef" for cookie in cookies)))
    for _ in range(2):
        refused(bad.log(job), "web-sign-in-refused")
    assert len([sent for sent in bad.wire.sent if sent.path.endswith("/user/login")]) == 1


@needs
@adapter
@made_from_web
@pytest.mark.clause("S21")
def test_a_lost_session_is_signed_in_again_once(live: Live) -> None:
    asked, job = Asked(live), build(live)
    assert asked.log(job).ok
    sign_out(live, asked.adapter)
    assert asked.log(job).content == job.expected()
    sign_out(live, asked.adapter)
    assert asked.log(live.world.job("twice", "side")).ok
    assert len(logins(asked.wire)) == 3


def sign_out(live: Live, adapter: ShimAdapter) -> None:
    """End the shim's web session on the server's side, as a restart does."""
    cookies = adapter.server.session.cookies
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    if "_csrf" in cookies:
        headers["X-Csrf-Token"] = cookies["_csrf"]
    answer = plain_session().post(f"{live.base_url}/user/logout", headers=headers, allow_redirects=False)
    assert answer.status_code in (200, 303), answer.text


@needs
@adapter
@made_from_web
@pytest.mark.clause("S22")
def test_a_web_account_that_cannot_read(live: Live) -> None:
    outsider, job = live.login("outsider"), build(live)
    asked = Asked(live, web=outsider)
    for _ in range(2):
        refused(asked.log(job), "web-account-cannot-read", outsider.user, job.run.repo.full)
    assert len(logins(asked.wire)) == 1
    assert asked.log(live.world.job("public", "build")).ok


@needs
@adapter
@made_from_web
@pytest.mark.clause("S22")
def test_a_reader_suffices(live: Live) -> None:
    asked, job = Asked(live, web=live.login("reader")), build(live)
    assert asked.log(job).content == job.expected()


@needs
@adapter
@made_from_web
@pytest.mark.clause("S23")
def test_without_web_credentials(live: Live) -> None:
    asked, job = Asked(live, web=None), build(live)
    refused(asked.log(job), "web-credentials-needed", job.run.repo.full)
    assert logins(asked.wire) == []
    public = live.world.job("public", "build")
    assert asked.log(public).content == public.expected()


@needs
@adapter
@made_from_web
@pytest.mark.clause("S24")
def test_two_factor_sign_in(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    factor, job = live.login("factor"), build(live)
    # The code that confirmed the enrolment is used up; the next window's is accepted already.
    monkeypatch.setattr(RequestsTransport, "now", lambda _, now=time.time: now() + 30)
    asked = Asked(live, web=factor)
    assert asked.log(job).content == job.expected()
    without = Asked(live, web=WebLogin(factor.user, factor.password))
    for _ in range(2):
        refused(without.log(job), "web-two-factor-needed", factor.user)
    assert len(logins(without.wire)) == 1


@needs
@adapter
@made_from_web
@pytest.mark.clause("S25")
@pytest.mark.parametrize(
    "account, cause", [("must-change", "web-must-change-password"), ("inactive", "web-account-inactive")]
)
def test_accounts_that_a_person_has_to_see_to(live: Live, account: str, cause: str) -> None:
    login = live.login(account)
    asked, job = Asked(live, web=login), build(live)
    for _ in range(2):
        refused(asked.log(job), cause, login.user)
    assert len(logins(asked.wire)) == 1


@needs
@adapter
@made_from_web
@pytest.mark.clause("S27", "S7")
def test_an_address_that_is_not_root_url(live: Live) -> None:
    other = live.base_url.replace("127.0.0.1", "localhost")
    if other == live.base_url:
        pytest.skip("not run: the server has no second address here")
    asked, job = Asked(live, base_url=other), live.world.job("twice", "build")
    assert asked.log(job).content == job.expected()
    assert asked.log(job).ok
    assert {sent.url.startswith(other + "/") for sent in asked.wire.sent} == {True}


@needs
@adapter
@pytest.mark.lacks("run-jobs")
@pytest.mark.clause("S28")
@pytest.mark.parametrize("what", ["jobs", "logs"])
def test_operations_by_run_id_where_the_api_knows_none(live: Live, what: str) -> None:
    path = f"/repos/{live.world.repos['priv'].full}/actions/runs/1/{what}"
    refused(live.get(path), "no-run-ids")
    for token, status in (("outsider", 404), ("no-scope", 403), (None, 404)):
        assert live.get(path, token).status_code == status


@pytest.mark.needs("ListActionRunJobs")
@pytest.mark.feature("shim", "adapter", "run-jobs")
@made_from_web
@pytest.mark.clause("S29")
def test_what_a_runs_jobs_cost(live: Live) -> None:
    asked, runs = Asked(live), live.world.runs
    assert asked.log(build(live)).ok, "the dialect is known now"
    for key in ("failing", "twice", "foreign", "taken", "waits", "expired"):
        run = runs[key]
        asked.wire.clear()
        jobs = asked.get(f"/repos/{run.repo.full}/actions/runs/{run.id}/jobs").json()
        assert len(jobs) == len(run.jobs)
        web = [sent for sent in asked.wire.counted if not sent.is_api]
        assert len(web) <= 2 + 3 * len(jobs), [f"{sent.method} {sent.path} {sent.status}" for sent in web]
        for job in jobs:
            known = run.job(job["id"])
            assert known and job.get("attempt", known.current) in (known.current, *known.attempts, _next(known))


def _next(job: Job) -> int:
    """The number of a rerun that waits."""
    return max(job.attempts, default=0) + 1


@needs
@adapter
@made_from_web
@pytest.mark.clause("S35")
def test_no_credential_in_answers_logs_or_state(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="forgejo_shim")
    said: list[str] = []
    secrets: set[str] = set()
    for account in ("reader", "outsider", "must-change", "inactive", "prohibited"):
        state, login = MemoryStore(), live.login(account)
        asked = Asked(live, web=login, store=state)
        for job in (build(live), live.world.job("waits", "again")):
            response = asked.log(job)
            said += [response.text, str(response.headers)]
        said += [json.dumps([str(key), value]) for key, value in state._values.items()]
        said += [repr(login), repr(asked.adapter), repr(asked.adapter.server.session)]
        secrets |= {login.password, asked.secret or "", *(asked.adapter.server.session.cookies.values())}
    said.append(caplog.text)
    assert [secret for secret in secrets if len(secret) > 8 and any(secret in text for text in said)] == []


@needs
@adapter
@made_from_web
@pytest.mark.clause("S36")
@pytest.mark.parametrize(
    "name", ["{}.git", "{}.GIT", ".", "..", "%2e%2e", "{}%2F..%2F{}", "{}%2factions", "{}%00", "%C3%A9"]
)
def test_names_that_no_repository_has_never_reach_a_web_route(live: Live, name: str) -> None:
    asked, job = Asked(live), build(live)
    owner, _, repo = job.run.repo.full.partition("/")
    url = f"{live.base_url}/api/v1/repos/{owner}/{name.format(repo, repo)}/actions/jobs/{job.id}/logs"
    request = asked.session.prepare_request(requests.Request("GET", url))
    request.url = url  # as written: dots are not resolved away
    response = asked.session.send(request)
    assert response.status_code in (400, 404), response.text
    assert [sent.path for sent in asked.wire.web if sent.path != "/swagger.v1.json"] == []


@needs
@adapter
@made_from_web
@pytest.mark.clause("S36", "L7")
def test_an_encoded_name_is_decoded_once(live: Live) -> None:
    asked, job = Asked(live), build(live)
    owner, _, repo = job.run.repo.full.partition("/")
    encoded = f"%{ord(owner[0]):02X}{owner[1:]}/{repo.replace('-', '%2D')}"
    url = f"{live.base_url}/api/v1{log_path(encoded, job.id)}"
    request = asked.session.prepare_request(requests.Request("GET", url))
    request.url = url
    assert asked.session.send(request).content == job.expected()
    twice = asked.session.prepare_request(requests.Request("GET", url.replace("%2D", "%252D")))
    assert asked.session.send(twice).status_code == 404
