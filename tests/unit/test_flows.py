"""The flows with scripted answers: one table, driven without an event loop and by asyncio."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest
import scripted
from forgejo_shim import MemoryStore, WebLogin
from forgejo_shim.capabilities import Capability
from forgejo_shim.faces.face import Reply
from forgejo_shim.flows.native import capability, learn_from
from forgejo_shim.models import Headers
from forgejo_shim.operations import Call, recognise
from forgejo_shim.server import Server
from forgejo_shim.transport import run
from forgejo_shim.webui.session import WebSession
from scripted import (
    BASE,
    CODE_PAGE,
    CODE_REFUSED,
    HIDDEN,
    LOG,
    REFUSED,
    RUN,
    SETTINGS_PAGE,
    SIGN_IN_IS_OFF,
    SIGN_IN_PAGE,
    SIGNED_IN,
    SWAGGER,
    WITHOUT,
    Said,
    Scripted,
    ScriptedAnswer,
    answer_json,
    answered,
    log,
    page,
    script,
    state,
    text,
    to,
    until,
)

Flow = Callable[..., Coroutine[Any, Any, Any]]
LOGIN = WebLogin("log-reader", "s3cret-word", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
NO_FILE = text(500, 'dbfs open "actions_log/x": file does not exist')


def job_log(job_id: int = 7, query: str = "", headers: tuple[tuple[str, str], ...] = ()) -> Flow:
    """The flow that answers one request for a log."""

    async def flow(net: Scripted, server: Server) -> tuple[int, bytes, Headers]:
        return await told(await answered(net, server, f"/repos/o/r/actions/jobs/{job_id}/logs?{query}", headers))

    return flow


async def told(reply: Reply) -> tuple[int, bytes, Headers]:
    """Status, body and headers of a reply; a log's body without the time of its row."""
    if isinstance(reply.body, bytes):
        return reply.status, reply.body, Headers(reply.headers)
    body, data = b"", b"-"
    while data:
        data = await reply.body.read(1 << 16)  # type: ignore[union-attr]
        body += data
    return reply.status, body.removeprefix(scripted.STAMP), Headers(reply.headers)


@dataclass
class Row:
    """One row of the table: a script, what is asked, and what must come of it."""

    clause: str
    name: str
    lines: dict[str, Any]
    status: int
    said: str
    """The log's bytes for 2xx, else the cause, or a part of the message where the error has no cause."""
    web: WebLogin | None = None
    flow: Flow = field(default_factory=job_log)
    asked: dict[str, int] = field(default_factory=dict)
    """How often some of the requests must have been made."""
    slept: list[float] | None = None


LOG_OF_1 = f"GET {RUN}/1/jobs/1/attempt/1/logs"
SWAPPED = state(((8, "other", "success"), (7, "build", "success")))
IN_ITS_PLACE = replace(log(), body=b"<!DOCTYPE html>")
ONCE_LOST = {
    "login": SIGNED_IN,
    "settings": to("/user/login"),
    "state": until("POST /user/login", HIDDEN, state(), times=2),
    "state_plain": HIDDEN,
}


def moving(net: Scripted) -> Said:
    """The two rows change places with each download."""
    return SWAPPED if (net.asked.count(LOG) + net.asked.count(LOG_OF_1)) % 2 else state()


TABLE = [
    Row("L1", "a log", script(), 200, "a line\n", asked={scripted.QUESTION: 1, LOG: 1}),
    Row("L1", "the second job", script(log_of_1=log(b"b\n", "other", 80)), 200, "b\n", flow=job_log(8)),
    Row(
        "S11",
        "conditional headers",
        script(),
        200,
        "a line\n",
        flow=job_log(headers=(("If-Match", "x"), ("If-Range", "y"), ("Range", "bytes=0-1"))),
    ),
    Row("E2", "an unknown job", script(), 404, "run job with id 5: resource does not exist", flow=job_log(5)),
    Row("E4", "an unknown attempt", script(), 404, "task with job_id 7 and attempt 3", flow=job_log(7, "attempt=3")),
    Row("S5", "a no is relayed", script(question=answer_json({"message": "no"}, 403)), 403, "no"),
    Row("S5", "an answer that is no JSON", script(question=page()), 502, "page-changed"),
    Row("S5", "JSON of another kind", script(question=answer_json([])), 502, "page-changed"),
    Row("S5", "no such API", script(question=text(404, "404 page not found")), 502, "no-actions-api"),
    Row("S6", "a signed request", script(), 501, "signature-auth", flow=job_log(headers=(("Signature", "x"),))),
    Row("S12", "a file name of another job", script(log=log(name="other")), 502, "page-changed"),
    Row("S12", "a file name without a job", script(log=log(name="")), 502, "page-changed"),
    Row("S12", "a run that is another", script(state=state(run=2)), 502, "page-changed"),
    Row(
        "S16",
        "a row that moves once",
        script(state=until(LOG, state(), SWAPPED), state1=SWAPPED, log_of_1=log(b"moved\n")),
        200,
        "moved\n",
    ),
    Row(
        "S16",
        "a row that goes on moving",
        script(state=moving, state1=moving, log_of_1=log()),
        503,
        "rows-moving",
    ),
    Row(
        "S16",
        "a row that is replaced meanwhile",
        script(state=until(LOG, state(), state(((8, "other", "success"), (9, "build", "success"))))),
        404,
        "run job with id 7",
    ),
    Row(
        "S16",
        "an attempt that ends meanwhile",
        script(state=until(LOG, state(), state(attempts=(2, 1))), log2=log(b"new\n", task=71)),
        200,
        "new\n",
    ),
    Row(
        "S20",
        "a wrong password",
        script(login=REFUSED),
        501,
        "web-sign-in-refused",
        LOGIN,
        asked={"POST /user/login": 1},
    ),
    Row("S21", "a lost session", script(**ONCE_LOST), 200, "a line\n", LOGIN, asked={"POST /user/login": 2}),
    Row(
        "S21",
        "a session that is lost again at once",
        script(login=SIGNED_IN, settings=to("/user/login"), state=HIDDEN, state_plain=HIDDEN),
        501,
        "web-sign-in-refused",
        LOGIN,
        asked={"POST /user/login": 2},
    ),
    Row(
        "S21",
        "sent to the sign-in page once",
        script(login=SIGNED_IN, state=until("POST /user/login", to("/user/login"), state(), times=2)),
        200,
        "a line\n",
        LOGIN,
    ),
    Row(
        "S22",
        "an account that cannot read",
        script(login=SIGNED_IN, settings=SETTINGS_PAGE, state=HIDDEN, state_plain=HIDDEN),
        501,
        "web-account-cannot-read",
        LOGIN,
        asked={"POST /user/login": 1},
    ),
    Row(
        "S23",
        "hidden from anonymous visitors",
        script(state=HIDDEN, state_plain=HIDDEN),
        501,
        "web-credentials-needed",
    ),
    Row(
        "S23",
        "sent to the sign-in page",
        script(latest=to("/user/login"), login_page=SIGN_IN_PAGE),
        501,
        "web-credentials-needed",
    ),
    Row(
        "S24",
        "a code that is refused once",
        script(login=to("/user/two_factor"), factor=[CODE_REFUSED, SIGNED_IN]),
        200,
        "a line\n",
        LOGIN,
        asked={"POST /user/two_factor": 2, "POST /user/login": 1},
        slept=[20.5],
    ),
    Row(
        "S24",
        "two codes refused",
        script(login=to("/user/two_factor"), factor=CODE_REFUSED),
        501,
        "web-two-factor-refused",
        LOGIN,
        asked={"POST /user/two_factor": 2},
    ),
    Row(
        "S24",
        "no secret",
        script(login=to("/user/two_factor"), factor_page=CODE_PAGE),
        501,
        "web-two-factor-needed",
        WebLogin("u", "p"),
    ),
    Row(
        "S24",
        "a secret that is none",
        script(login=to("/user/two_factor")),
        501,
        "web-two-factor-refused",
        WebLogin("u", "p", "!"),
    ),
    Row(
        "S24",
        "two-factor to be set up",
        script(login=SIGNED_IN, latest=to("/user/settings/security")),
        501,
        "web-two-factor-needed",
        LOGIN,
    ),
    Row(
        "S25",
        "must change password",
        script(login=SIGNED_IN, latest=to("/user/settings/change_password")),
        501,
        "web-must-change-password",
        LOGIN,
    ),
    Row(
        "S25",
        "not activated",
        script(login=SIGNED_IN, latest=page('<div class="page-content user activate">')),
        501,
        "web-account-inactive",
        LOGIN,
    ),
    Row(
        "S25",
        "sign-in switched off",
        script(login=text(403, "Forbidden"), login_page=SIGN_IN_IS_OFF),
        501,
        "web-sign-in-disabled",
        LOGIN,
    ),
    Row("S26", "a page in place of the state", script(state=page()), 502, "page-changed"),
    Row(
        "S26",
        "a field that is missing",
        script(state=answer_json({"state": {"run": {}, "currentJob": {}}, "logs": {"stepsLog": []}})),
        502,
        "state.run",
    ),
    Row("S26", "a field of another kind", script(state=state(steps=None)), 502, "currentJob.steps"),
    Row("S26", "a status that is none", script(state=state(((7, "build", "fine"),))), 502, "status"),
    Row(
        "S26",
        "a text in another language",
        script(log=text(404, "Job ist nicht gestartet"), plain_log=text(404, "?")),
        502,
        "page-changed",
    ),
    Row("S26", "a compressed log", script(log=log(headers=(("Content-Encoding", "gzip"),))), 502, "page-changed"),
    Row("S26", "a status that nothing is known of", script(state=page(status=418)), 502, "page-changed"),
    Row("S26", "busy", script(state=text(503, "later", ("Retry-After", "7"))), 503, "upstream-busy"),
    Row("S26", "renamed meanwhile", script(state=to("/o/s/actions/runs/1x", 301)), 503, "renamed"),
    Row("S33", "a page in the log's place, once", script(log=[IN_ITS_PLACE, log()]), 200, "a line\n", slept=[0.3]),
    Row("S33", "a page in the log's place", script(log=IN_ITS_PLACE), 503, "upstream-busy", slept=[0.3]),
    Row("S33", "no file at the moment of the hand-over", script(log=[NO_FILE, log()]), 200, "a line\n", slept=[0.3]),
    Row("E7", "no file", script(log=NO_FILE), 404, "job has no log", asked={LOG: 2}),
    Row("E6", "expired", script(log=text(404, "logs have been cleaned up")), 404, "logs have expired"),
    Row("E5", "not taken", script(state=state(attempts=None)), 404, "job has not been executed yet"),
    Row(
        "E5",
        "a rerun asked for meanwhile",
        script(log=text(404, "job is not started")),
        404,
        "job has not been executed yet",
    ),
    Row(
        "S14",
        "hidden while the rerun waits",
        script(state=state(((7, "build", "waiting"),), None), page=to(f"{BASE}{RUN}/1/jobs/0/attempt/2", 307)),
        503,
        "rerun-waits",
        flow=job_log(7, "attempt=1"),
    ),
]


def without_loop(flow: Callable[[Scripted], Any], net: Scripted) -> Any:
    return run(flow(net))


def check(row: Row, drive: Callable[..., Any]) -> Scripted:
    """Play one row of the table."""
    net = Scripted(row.lines)
    server = Server(BASE, WebSession(row.web), MemoryStore())
    status, body, headers = drive(lambda given: row.flow(given, server), net)
    assert status == row.status, body
    if status < 300:
        assert body.decode() == row.said
        assert not headers.get("Set-Cookie")
    else:
        said = json.loads(body)
        assert row.said == said.get("cause") or row.said in said["message"], said
        assert LOGIN.password not in body.decode() and "signed-in" not in body.decode()
    assert {asked: net.asked.count(asked) for asked in row.asked} == row.asked
    assert row.slept is None or row.slept == net.slept
    return net


@pytest.mark.clause("S5", "S12", "S16", "S20", "S21", "S22", "S23", "S24", "S25", "S26", "S33")
@pytest.mark.parametrize("drive", [without_loop, scripted.under_asyncio])
@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{row.clause} {row.name}")
def test_the_table(row: Row, drive: Callable[..., Any]) -> None:
    net = check(row, drive)
    if row.status >= 400:
        assert [a for a in net.answers if not a.closed and a.status in (200, 206)] == [], "an open body was left"


def test_the_table_has_a_row_for_each_clause_it_is_marked_with() -> None:
    marked = {"S5", "S12", "S16", "S20", "S21", "S22", "S23", "S24", "S25", "S26", "S33"}
    assert marked <= {row.clause for row in TABLE}


@pytest.mark.clause("S24")
def test_the_second_code_is_of_the_next_window() -> None:
    row = next(row for row in TABLE if row.name == "a code that is refused once")
    codes = [body for asked, _, body in check(row, without_loop).sent if asked == "POST /user/two_factor"]
    assert len(set(codes)) == 2


@pytest.mark.clause("S20")
def test_a_refusal_is_remembered() -> None:
    net, server = Scripted(script(login=REFUSED)), Server(BASE, WebSession(LOGIN), MemoryStore())
    for _ in range(3):
        status, body, _ = run(job_log()(net, server))
        assert (status, json.loads(body)["cause"]) == (501, "web-sign-in-refused")
    assert net.asked.count("POST /user/login") == 1


@pytest.mark.clause("S12", "S19")
def test_a_kept_place_is_proved_by_the_file_name() -> None:
    other = log(b"of another job\n", "other", 80)
    net = Scripted(script())
    server = Server(BASE, WebSession(None), MemoryStore())
    assert run(job_log()(net, server))[1] == run(job_log(7, "attempt=1")(net, server))[1] == b"a line\n"
    net.lines = script(log=other)
    status, body, _ = run(job_log(7, "attempt=1")(net, server))
    assert (status, json.loads(body)["cause"]) == (502, "page-changed")


@pytest.mark.clause("S6")
def test_the_identity_in_a_query_goes_with_every_request_to_the_api() -> None:
    asked = "api /api/v1/repos/o/r/actions/tasks?limit=1&page=999999&token=t0ken&sudo=me"
    net = Scripted({**script(), asked: scripted.YES})
    flow = job_log(7, "token=t0ken&attempt=1&sudo=me")
    assert run(flow(net, Server(BASE, WebSession(None), MemoryStore())))[0] == 200
    assert asked in net.asked
    assert [line for line in net.asked if "t0ken" in line and not line.startswith("api ")] == []


@pytest.mark.clause("S13")
def test_an_old_attempt_is_never_the_latest() -> None:
    """Warm or not: the page's redirect tells the attempt, and a new one is looked up."""
    net, server = Scripted(script()), Server(BASE, WebSession(None), MemoryStore())
    assert [run(job_log()(net, server))[1] for _ in range(2)] == [b"a line\n"] * 2
    page_of_2 = to(f"{RUN}/1/jobs/0/attempt/2", 307)
    net.lines = script(state=state(attempts=(2, 1)), page=page_of_2, log2=log(b"new\n", task=71))
    assert run(job_log()(net, server))[1] == b"new\n"


# --- what the server offers

LOGS = "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs"
DOCUMENT = answer_json({"swagger": "2.0", "paths": {LOGS: {"get": {}}}})
CALL = cast(Call, recognise("GET", "/api/v1/repos/o/r/actions/jobs/7/logs", ""))


@pytest.mark.clause("S2", "S3")
@pytest.mark.parametrize(
    "said, found",
    [
        (DOCUMENT, Capability.PRESENT),
        (WITHOUT, Capability.ABSENT),
        (answer_json({"swagger": "3.0", "paths": {}}), Capability.UNKNOWN),
        (page(), Capability.UNKNOWN),
        (page(status=404), Capability.UNKNOWN),
        (to("/user/login"), Capability.UNKNOWN),
        (text(500, "oops"), Capability.UNKNOWN),
    ],
)
def test_what_the_document_says(said: Said, found: Capability) -> None:
    net, server = Scripted({SWAGGER: said}), Server(BASE, WebSession(None), MemoryStore())
    assert [run(capability(net, server, CALL)) for _ in range(2)] == [found] * 2
    assert net.asked == [SWAGGER]


@pytest.mark.clause("S4")
def test_what_a_server_offers_is_kept_for_an_hour() -> None:
    net, server = Scripted({SWAGGER: [WITHOUT, DOCUMENT]}), Server(BASE, WebSession(None), MemoryStore())
    found = []
    for seconds in (0, 3599, 2, 3000):
        net.at += seconds
        found.append(run(capability(net, server, CALL)))
    assert found == [Capability.ABSENT, Capability.ABSENT, Capability.PRESENT, Capability.PRESENT]
    assert net.asked == [SWAGGER] * 2


def native_answer(status: int, kind: str, body: bytes) -> ScriptedAnswer:
    """A native answer, as far as a driver looks at it."""
    answer = ScriptedAnswer(Said(status, (("Content-Type", kind),)), waits=False)
    answer.told = body
    return answer


ABSENT_TEXT = (404, "text/plain; charset=utf-8", b"404 page not found\n")


@pytest.mark.clause("S3", "S4")
@pytest.mark.parametrize(
    "native, found",
    [
        (ABSENT_TEXT, Capability.ABSENT),
        ((404, "application/json;charset=utf-8", b'{"message": "x"}'), Capability.PRESENT),
        ((200, "text/plain; charset=utf-8", b""), Capability.PRESENT),
        ((401, "application/json", b"{}"), Capability.UNKNOWN),
        ((403, "application/json", b"{}"), Capability.UNKNOWN),
        ((502, "text/html", b""), Capability.UNKNOWN),
    ],
)
def test_what_a_native_answer_says(native: tuple[int, str, bytes], found: Capability) -> None:
    net, server = Scripted({SWAGGER: page(status=404)}), Server(BASE, WebSession(None), MemoryStore())
    absent = run(learn_from(net, server, CALL, native_answer(*native)))
    assert absent is (native == ABSENT_TEXT)
    assert run(capability(net, server, CALL)) is found


@pytest.mark.clause("S4")
def test_an_absent_route_corrects_the_document_at_once() -> None:
    net, server = Scripted({SWAGGER: DOCUMENT}), Server(BASE, WebSession(None), MemoryStore())
    assert run(capability(net, server, CALL)) is Capability.PRESENT
    assert run(learn_from(net, server, CALL, native_answer(*ABSENT_TEXT)))
    assert run(capability(net, server, CALL)) is Capability.ABSENT
