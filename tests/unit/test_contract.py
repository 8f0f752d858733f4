"""The grammar of the contract and of web answers: numbers, requests, names, errors, pages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from forgejo_shim.errors import NotNow, NotThere, PageChanged
from forgejo_shim.faces.forgejo import error_body
from forgejo_shim.identity import identity_headers, with_identity
from forgejo_shim.models import Headers, Location, Repo
from forgejo_shim.operations import (
    JOB,
    JOB_LOG,
    RUN_JOBS,
    RUN_LOGS,
    Operation,
    number,
    recognise,
)
from forgejo_shim.webui.grammar import Page, classify, is_log_of, task_of
from forgejo_shim.webui.values import WebJob
from forgejo_shim.webui.view import parse_web_run
from hypothesis import given, settings
from hypothesis import strategies as some
from scripted import BASE, RUN, Said, log, page, state, text, to

R = "/api/v1/repos/o/r/actions"
REPO = Repo("o", "r")


@pytest.mark.clause("E2", "E3")
@pytest.mark.parametrize(
    "said, read",
    [
        ("7", 7),
        ("007", 7),
        ("+7", 7),
        ("-7", -7),
        ("0", 0),
        ("", 0),
        ("x", 0),
        ("1x", 0),
        (" 1", 0),
        ("1 ", 0),
        ("1.0", 0),
        ("1e3", 0),
        ("1_000", 0),
        ("0x10", 0),
        ("٣", 0),
        ("--1", 0),
        ("+", 0),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", 2**63 - 1),
        ("-9223372036854775809", -(2**63)),
        ("9" * 40, 2**63 - 1),
    ],
)
def test_numbers_are_read_as_go_reads_them(said: str, read: int) -> None:
    assert number(said) == read


@settings(max_examples=50, deadline=None)
@given(some.text(max_size=8))
def test_a_number_is_always_64_bits(said: str) -> None:
    assert -(2**63) <= number(said) < 2**63


@pytest.mark.clause("S1", "S36")
@pytest.mark.parametrize(
    "path, row",
    [
        (f"{R}/jobs/7/logs", JOB_LOG),
        (f"{R}/runs/7/jobs", RUN_JOBS),
        (f"{R}/runs/7/logs", RUN_LOGS),
        (f"{R}/jobs/x/logs", JOB_LOG),
        (f"{R}/jobs/7/logs//", JOB_LOG),
        (f"/{R.replace('/repos', '//repos')}/jobs//7/logs", JOB_LOG),
        (f"{R}/jobs/7/logs/x", None),
        (f"{R}/jobs//logs", JOB),
        (f"{R}/jobs/7", JOB),
        (f"{R}/runs/7", None),
        (f"/sub{R}/jobs/7/logs", None),
        (f"{R}/jobs/7/logs\n", None),
        ("/api/v1/repos/o/r/s/actions/jobs/7/logs", None),
        ("/api/v2/repos/o/r/actions/jobs/7/logs", None),
        ("/o/r/actions/runs/7/jobs", None),
    ],
)
def test_which_requests_are_of_an_operation(path: str, row: Operation | None) -> None:
    found = recognise("get", path, "")
    assert (found.operation if found else None) is row
    assert found is None or (found.method, found.id) == ("GET", 7 if "7" in path else 0)


@pytest.mark.clause("L3", "E3")
@pytest.mark.parametrize(
    "query, attempt",
    [
        ("", None),
        ("attempt=", None),
        ("attempt=2", 2),
        ("attempt=0", 0),
        ("attempt=x", 0),
        ("attempt=-1", -1),
        ("attempt=1&attempt=2", 1),
        ("attempt=&attempt=2", None),
        ("attempts=2", None),
        ("page=1&attempt=%32", 2),
    ],
)
def test_the_attempt_in_a_query(query: str, attempt: int | None) -> None:
    operation = recognise("GET", f"{R}/jobs/7/logs", query)
    assert operation and operation.attempt == attempt


@pytest.mark.clause("S36")
@pytest.mark.parametrize(
    "owner, name, repo",
    [
        ("o", "r", Repo("o", "r")),
        ("O-1", "r.x_y", Repo("O-1", "r.x_y")),
        ("%6F", "r%2Dx", Repo("o", "r-x")),
        ("o", "r.git", None),
        ("o", "r.GIT", None),
        ("o", "r%2Egit", None),
        ("o", ".", None),
        ("o", "..", None),
        ("o", "%2e%2e", None),
        ("..", "r", None),
        ("o", "a%2Fb", None),
        ("o", "a%252Fb", None),
        ("o", "a%5Cb", None),
        ("o", "a%00", None),
        ("o", "a%0A", None),
        ("o", "%C3%A9", None),
        ("o", "a%20b", None),
        ("o", "...", Repo("o", "...")),
    ],
)
def test_names_are_decoded_once_and_matched(owner: str, name: str, repo: Repo | None) -> None:
    operation = recognise("GET", f"/api/v1/repos/{owner}/{name}/actions/jobs/7/logs", "")
    assert operation and operation.repo == repo
    asked = repo or f"{owner}/{name}"  # what is none is the server's to refuse, as it came
    assert operation.read_check == f"/api/v1/repos/{asked}/actions/tasks?limit=1&page=999999"


@pytest.mark.clause("S6")
def test_the_identity_of_a_query() -> None:
    query = "token=a&access_token=b%26c&sudo=d&attempt=1&page=3"
    assert with_identity("/x?limit=1", query) == "/x?limit=1&token=a&access_token=b%26c&sudo=d"
    assert with_identity("/x", query) == "/x?token=a&access_token=b%26c&sudo=d"
    assert with_identity("/x", "attempt=1") == "/x"
    assert with_identity("/x", "sudo=&sudo=d") == "/x?sudo=&sudo=d", "of several of a name the first one counts"


@pytest.mark.clause("S6")
def test_the_headers_of_the_question() -> None:
    asks = [("Authorization", "token t"), ("Sudo", "u"), ("X-Forgejo-OTP", "1"), ("User-Agent", "c"), ("Accept", "*/*")]
    not_asked = [
        ("Range", "bytes=0-"),
        ("If-Range", "x"),
        ("if-match", "y"),
        ("Cookie", "c=1"),
        ("Host", "h"),
        ("Accept-Encoding", "gzip"),
    ]
    assert identity_headers(Headers([*asks, *not_asked])) == asks


@pytest.mark.clause("L8", "S27")
@pytest.mark.parametrize(
    "location, moved",
    [
        ("/api/v1/repos/o/new/actions/tasks?limit=1", "/api/v1/repos/o/new/actions/jobs/7/logs?attempt=2"),
        ("/sub/api/v1/repos/o/new/actions/tasks", "/sub/api/v1/repos/o/new/actions/jobs/7/logs?attempt=2"),
        ("/user/login", None),
    ],
)
def test_where_a_renamed_repository_is(location: str, moved: str | None) -> None:
    operation = recognise("GET", f"{R}/jobs/7/logs", "attempt=2")
    assert operation and operation.moved(location) == moved


@pytest.mark.clause("E1")
def test_an_error_as_forgejo_writes_it() -> None:
    assert json.loads(error_body(NotThere("é"), BASE)) == {"message": "é", "url": f"{BASE}/api/swagger"}
    assert json.loads(error_body(NotNow("m", cause="rows-moving"), BASE))["cause"] == "rows-moving"


def artifact(disposition: str, status: int = 200) -> Said:
    return Said(status, (("Content-Type", "text/plain; charset=utf-8"), ("Content-Disposition", disposition)))


ANSWERS: list[tuple[Said, Page]] = [
    (state(), Page.VIEW),
    (log(), Page.LOG),
    (log(status=206), Page.LOG),
    (log(status=416), Page.LOG),
    (log(status=404), Page.UNKNOWN),
    (artifact("inline; filename=\"one\"; filename*=UTF-8''one"), Page.ARTIFACT),
    (artifact("inline; filename=\"x-5.log\"; filename*=UTF-8''x-5.log"), Page.ARTIFACT),
    (artifact("inline; filename=\"one.zip\"; filename*=UTF-8''one.zip", 206), Page.ARTIFACT),
    (artifact("inline; filename=\"one.zip\"; filename*=UTF-8''one.zip", 416), Page.ARTIFACT),
    (artifact("inline; filename=\"one.zip\"; filename*=UTF-8''one.zip", 404), Page.UNKNOWN),
    (artifact("attachment; filename=%C3%BC%20%253.zip; filename*=UTF-8''ü %3.zip"), Page.ARTIFACT),
    (text(404, "artifact not found"), Page.NO_ARTIFACT),
    (text(404, "runID 13: artifact name not found: no-such"), Page.NO_ARTIFACT),
    (text(404, "runID 13: artifact ID not found: 999999"), Page.NO_ARTIFACT),
    (text(404, "no such run 9"), Page.NO_RUN),
    (text(404, "no such run"), Page.NO_RUN),
    (to(f"https://root.example{RUN}/7/jobs/0/attempt/1", 307), Page.REDIRECT),
    (to("/O/R/actions/runs/7", 303), Page.REDIRECT),
    (to("/o/new/actions/runs/7/jobs/0", 301), Page.RENAMED),
    (to("/user/login?redirect_to=x"), Page.SIGN_IN),
    (to("/sub/user/login"), Page.SIGN_IN),
    (to("/user/two_factor"), Page.SIGN_IN),
    (to("/user/settings/change_password"), Page.CHANGE_PASSWORD),
    (to("/user/settings/security"), Page.ENROL_TWO_FACTOR),
    (to("https://elsewhere.example/"), Page.UNKNOWN),
    (text(404, "run with index 9: resource does not exist"), Page.NO_RUN),
    (text(404, "Not Found"), Page.NO_JOBS),
    (text(404, "Not found."), Page.NOT_FOUND),
    (text(404, "job is not started"), Page.NOT_STARTED),
    (text(404, "logs have been cleaned up"), Page.EXPIRED),
    (page(status=404), Page.UNKNOWN),
    (page("Not found.", status=404), Page.UNKNOWN),
    (text(404, "404 page not found"), Page.UNKNOWN),
    (page("logs have been cleaned up", status=404), Page.UNKNOWN),
    (to("https://wall.example/o/new/actions/runs/7", 302), Page.UNKNOWN),
    (to("/wall/o/r/actions", 302), Page.UNKNOWN),
    (text(400, "Invalid CSRF token."), Page.BAD_CSRF_TOKEN),
    (text(400, "else"), Page.UNKNOWN),
    (text(500, "task with job_id 7 and attempt 3: resource does not exist"), Page.NO_ATTEMPT),
    (text(500, 'dbfs open "actions_log/x": file does not exist'), Page.NO_LOG_FILE),
    (text(500, "open /x: no such file or directory"), Page.NO_LOG_FILE),
    (text(500, "The specified key does not exist."), Page.NO_LOG_FILE),
    (text(500, ""), Page.UNKNOWN),
    (text(500, "open /x: permission denied"), Page.FAILED),
    (page("oops", status=500), Page.UNKNOWN),
    (page(), Page.UNKNOWN),
    (page('<div role="main" class="page-content user activate">'), Page.INACTIVE),
    (text(429, ""), Page.BUSY),
    (text(503, ""), Page.BUSY),
    (text(502, "Bad Gateway"), Page.UNKNOWN),
    (Said(200, (("Content-Type", "text/plain; charset=utf-8"),)), Page.UNKNOWN),
]


@pytest.mark.clause("S26")
@pytest.mark.parametrize("said, meaning", ANSWERS, ids=lambda value: getattr(value, "name", None))
def test_what_each_answer_means(said: Said, meaning: Page) -> None:
    assert classify(said.status, Headers(said.headers), said.body, REPO) is meaning


@pytest.mark.clause("S26")
def test_each_meaning_has_a_row() -> None:
    assert {meaning for _, meaning in ANSWERS} == set(Page) - {Page.NOT_A_LOG}, "its first bytes tell that one"


@pytest.mark.clause("S12")
@pytest.mark.parametrize("name", ["build", "té/st 漢字", 'quo"te; filename="x"', "a-1.log", "-9"])
def test_the_task_and_the_job_in_a_file_name(name: str) -> None:
    headers = Headers(log(name=name, task=42).headers)
    assert task_of(headers) == 42
    assert is_log_of(headers, WebJob(1, name, "success"))
    assert not is_log_of(headers, WebJob(1, name + "x", "success"))
    assert not is_log_of(headers, WebJob(1, "other", "success"))


@pytest.mark.clause("S12")
@pytest.mark.parametrize(
    "said", ["", "attachment", 'attachment; filename="ci-build-7.log"', "attachment; filename*=UTF-8''x.txt"]
)
def test_a_file_name_that_names_no_task(said: str) -> None:
    assert task_of(Headers([("Content-Disposition", said)])) is None


@pytest.mark.clause("S12", "S26")
@pytest.mark.parametrize("run", [2, 11, 10])
def test_the_state_of_another_run(run: int) -> None:
    with pytest.raises(PageChanged, match="another run"):
        parse_web_run(state(run=run).body, REPO, Location(1, 0))


@pytest.mark.clause("S26")
@pytest.mark.parametrize("body", [b"", b"[]", b"null", b"{", b'{"state": 1}', b"\xff"])
def test_a_state_that_is_none(body: bytes) -> None:
    with pytest.raises(PageChanged):
        parse_web_run(body, REPO, Location(1, 0))


@pytest.mark.clause("S26")
def test_the_schemas_in_use_are_those_of_the_specification() -> None:
    root = Path(__file__).parents[2]
    for path in (root / "shim/forgejo_shim/schemas").glob("*.json"):
        assert path.read_text() == (root / "spec/web" / path.name).read_text()
