"""The additions behind each face of the double: one job in full, and the latest run.

Rules: the flows are driven by the library's own transport; what is asked for is always the same request, whatever the
face, and what must come is told by the double's model. Nothing sleeps: where a flow would, the world moves on.
"""

from __future__ import annotations

import ast
import copy
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from double import GeneratedLog, Job, JobSpec, Run
from double.messages import plain
from forgejo_shim import ShimAdapter, WebCookie, backend_of, mount, operations
from forgejo_shim.faces.face import Reply
from forgejo_shim.flows import by_operation, dispatch, latest
from forgejo_shim.flows.native import capability
from forgejo_shim.models import Headers
from forgejo_shim.operations import recognise
from forgejo_shim.requests_transport import RequestsTransport
from forgejo_shim.transport import run
from forgejo_shim.webui import reader
from forgejo_shim.webui.grammar import Dialect
from openapi_spec_validator import OpenAPIV2SpecValidator
from scripted import answered
from small import Small, row
from wire import Wire, behind

clause = pytest.mark.clause
R = "/api/v1/repos/o/r/actions"
ADDITIONS = json.loads((Path(__file__).parents[2] / "spec/additions.swagger.json").read_text())


class Caller(RequestsTransport):
    """The library's transport, which tells the test where it would sleep; its clock goes on as if it did."""

    moments: list[Callable[[], Any]]
    slept: list[float]

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        assert len(self.slept) < 40, "it never ends"
        if self.moments:
            self.moments.pop(0)()

    def now(self) -> float:
        return 1_800_000_000.0 + sum(self.slept)


@dataclass
class Got:
    """An answer: its bytes, and what broke it off, if anything did."""

    status: int
    headers: Headers
    body: bytes
    broke: Exception | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Asker:
    """Somebody who asks through the flows; `slept` are the times that the last request would have waited."""

    small: Small
    wire: Wire
    adapter: ShimAdapter
    token: str | None
    slept: list[float] = field(default_factory=list)
    allowed: set[str] = field(default_factory=set)

    def __call__(
        self,
        path: str,
        query: str = "",
        *,
        method: str = "GET",
        writes: bool = True,
        moments: tuple[Callable[[], Any], ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> Got:
        headers = {**(headers or {}), **({"Authorization": f"token {self.token}"} if self.token else {})}
        asked = path + (f"?{query}" if query else "")
        request = requests.Request(method, self.small.url + asked, headers=headers).prepare()
        net = Caller(self.adapter, request, {"stream": True, "timeout": 5})
        net.moments, net.slept = list(moments), self.slept
        self.slept.clear()
        target = asked.removeprefix("/api/v1")
        made = answered(
            net, self.adapter.server, target, headers.items(), method=method, allowed=self.allowed, writes=writes
        )
        return run(whole(run(made)))

    def offers(self, path: str, method: str = "GET", query: str = "") -> str:
        call = recognise(method, path, query)
        assert call
        net = Caller(self.adapter, requests.Request(method, self.small.url + path).prepare(), {"timeout": 5})
        net.slept = self.slept
        return run(capability(net, self.adapter.server, call)).value


async def whole(made: Reply) -> Got:
    body, broke, headers = b"", None, Headers(made.headers)
    try:
        if isinstance(made.body, bytes):
            body = made.body
        elif hasattr(made.body, "read"):
            while part := await made.body.read(1 << 16):
                body += part
        else:
            async for part in made.body:
                body += part
    except Exception as error:
        broke = error
    return Got(made.status, headers, body, broke)


def asker(small: Small, token: str | None = "", **more: Any) -> Asker:
    """Who has the reader's token, unless another one (or None) is given."""
    given = small.token if token == "" else token
    _, wire, adapter = behind(small.url, given, **{"web": small.web, **more})
    return Asker(small, wire, adapter, given)


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HAND_OVER", 0.0)


def lines(count: int, text: str = "row", first: int = 0) -> list[bytes]:
    return [b"2026-01-02T03:04:05.%07dZ %s %d\n" % (n, text.encode(), n) for n in range(first, first + count)]


def stepped(small: Small, *counts: int, before: int = 1, after: int = 1, over: bool = True) -> tuple[Job, list[bytes]]:
    """A job whose steps have so many lines, framed by those that set it up and complete it."""
    the_run = small.model.add_run(small.repo, [JobSpec("build", steps=tuple(f"step {n}" for n in range(len(counts))))])
    return the_run.jobs[0], attempt(small, the_run.jobs[0], *counts, before=before, after=after, over=over)


def attempt(
    small: Small, job: Job, *counts: int, before: int = 1, after: int = 1, over: bool = True, text: str = "row"
) -> list[bytes]:
    """An attempt of a job, taken and run to its end if it is `over`; its log's lines."""
    task, rows = small.model.take(job), lines(before + sum(counts) + after, text)
    small.model.log(task, b"".join(rows), more=not over)
    at = before
    for step, count in zip(task.steps, counts, strict=True):
        step.status, step.log_index, step.log_length = "success", at, count
        step.started, step.stopped = task.started + at, task.started + at + count
        at += count
    if over:
        small.model.finish(task)
    return rows


# A1 to A3: one job in full


@clause("A1")
def test_one_job_in_full(small: Small) -> None:
    job, rows = stepped(small, 3, 0, 2)
    told = asker(small)(f"{R}/jobs/{job.id}").json
    task = job.tasks[0]
    assert (told["id"], told["name"], told["status"]) == (job.id, "build", "success")
    assert (told["run_number"], told["task_id"]) == (1, task.id)
    assert told["started"] and told["stopped"]
    if small.double.face.api_runs:
        assert told["run_id"] == job.run.id and told["repo_id"] == small.repo.id
    else:
        assert "run_id" not in told and "repo_id" not in told
    [shown] = told["attempts"]
    assert (shown["task_id"], shown["status"], shown["log_expired"]) == (task.id, "success", False)
    assert shown["log_length"] == len(rows) == 7
    assert [step["number"] for step in shown["steps"]] == [0, 1, 2, 3, 4]
    assert [step["name"] for step in shown["steps"]][1:4] == ["step 0", "step 1", "step 2"]
    assert [(step["log_index"], step["log_length"]) for step in shown["steps"]] == [
        (0, 1), (1, 3), (4, 0), (4, 2), (6, 1),
    ]  # fmt: skip
    assert ("number" in shown) == small.double.face.attempt_in_view


@clause("A1")
def test_every_attempt_of_a_job(small: Small) -> None:
    job, _ = stepped(small, 2)
    small.model.rerun(job)
    attempt(small, job, 4, text="again")
    told = asker(small)(f"{R}/jobs/{job.id}").json
    if not small.double.face.attempt_in_view:
        assert [shown["task_id"] for shown in told["attempts"]] == [job.tasks[1].id]
        return
    if small.double.face.attempt_in_download:
        assert [shown["task_id"] for shown in told["attempts"]] == [task.id for task in job.tasks]
    else:
        assert [shown.get("task_id") for shown in told["attempts"]] == [None, job.tasks[1].id]
    assert [shown["number"] for shown in told["attempts"]] == [1, 2]
    assert told["attempt"] == 2


@clause("A1")
def test_a_job_that_waits(small: Small) -> None:
    waiting = small.model.add_run(small.repo, ["build"]).jobs[0]
    told = asker(small)(f"{R}/jobs/{waiting.id}").json
    assert (told["status"], told["task_id"]) == ("waiting", 0)
    assert "started" not in told and "stopped" not in told
    assert told.get("attempts", []) == []
    assert ("attempts" in told) == small.double.face.api_runs


@clause("A2")
def test_a_rerun_that_waits_hides_what_is_not_told(small: Small) -> None:
    job, _ = stepped(small, 2)
    small.model.rerun(job)
    told = asker(small)(f"{R}/jobs/{job.id}").json
    assert (told["status"], told["task_id"]) == ("waiting", 0)
    if small.double.face.all_attempts_always:
        assert [shown["number"] for shown in told["attempts"]] == [1]  # not the one that nobody has taken
        assert "task_id" not in told["attempts"][0] and "steps" not in told["attempts"][0]
    else:
        assert "attempts" not in told


@clause("A2")
def test_a_long_log_is_not_counted(small: Small) -> None:
    job, _ = stepped(small, 1)
    job.tasks[0].log = GeneratedLog(5 * 1024 * 1024)
    [shown] = asker(small)(f"{R}/jobs/{job.id}").json["attempts"]
    assert "log_length" not in shown and all("log_index" not in step for step in shown["steps"])
    assert shown["steps"][1]["started"] and shown["steps"][1]["stopped"]


@clause("A2")
def test_an_expired_log_is_not_counted(small: Small) -> None:
    job, _ = stepped(small, 1)
    small.model.expire(job.tasks[0])
    [shown] = asker(small)(f"{R}/jobs/{job.id}").json["attempts"]
    assert shown["log_expired"] is True and "log_length" not in shown
    assert all("log_length" not in step for step in shown["steps"])


@clause("A3")
def test_a_job_in_full_is_as_closed_as_its_log(small: Small) -> None:
    job, _ = stepped(small, 1)
    outsider = small.model.add_token(small.model.add_user("outsider")).sha1
    path = f"{R}/jobs/{job.id}"
    assert asker(small, outsider)(path).status == asker(small, None)(path).status == 404
    assert asker(small, "0" * 40)(path).status == 401
    assert asker(small)(f"{R}/jobs/999").json["message"] == "run job with id 999: resource does not exist"
    assert asker(small)(path, method="HEAD").status == 405


@clause("A1", "A2")
def test_a_job_in_full_fits_its_schema(small: Small) -> None:
    job, _ = stepped(small, 3, 2)
    small.model.rerun(job)
    attempt(small, job, 1, 0)
    waiting = small.model.add_run(small.repo, ["build"]).jobs[0]
    ask = asker(small)
    for asked_for in (job, waiting):
        jsonschema.validate(ask(f"{R}/jobs/{asked_for.id}").json, schema_of("ActionRunJobDetails"))


def schema_of(name: str) -> dict[str, Any]:
    """A definition of the swagger document, with nothing allowed that it does not name."""
    definitions = copy.deepcopy(ADDITIONS["definitions"])
    details = definitions[name].pop("allOf", None)
    if details:
        definitions[name] |= details[1] | {
            "properties": definitions["ActionRunJob"]["properties"] | details[1]["properties"]
        }
    for definition in definitions.values():
        definition["additionalProperties"] = False
        for told in definition["properties"].values():
            if told.pop("x-nullable", False):
                told["type"] = [told["type"], "null"]
    return {"$ref": f"#/definitions/{name}", "definitions": definitions}


@clause("A1")
def test_the_document_is_valid_and_marks_what_is_ours() -> None:
    assert [error.message for error in OpenAPIV2SpecValidator(ADDITIONS).iter_errors()] == []
    for path, methods in ADDITIONS["paths"].items():
        for method, operation in methods.items():
            assert operation["x-forgejo-shim"] is True
            filled = "/api/v1" + path.format(owner="o", repo="r", job_id=7, run_id=7)
            found = recognise(method, filled, "tail=1")
            assert found and (found.operation.path, found.operation.method) == (path, method.upper())
            assert not recognise(method, filled + "/x", "")


# A7, A8: the latest run


def run_of(small: Small, **of_run: Any) -> Run:
    return small.add({"build": row("x")}, **of_run)


@clause("A7")
def test_the_latest_run_is_the_one_with_the_highest_number(small: Small) -> None:
    ask = asker(small)
    assert ask(f"{R}/runs/latest").json["cause"] == "nothing-matched"
    runs = [run_of(small, title=f"run {n}") for n in range(3)]
    told = ask(f"{R}/runs/latest").json
    assert (told["index_in_repo"], told["title"], told["status"]) == (3, "run 2", "success")
    if small.double.face.api_runs:
        assert told["id"] == runs[2].id
    else:
        assert "id" not in told


@clause("A7")
@pytest.mark.parametrize(
    "query, number",
    [
        ("workflow_id=ci.yml", 6),
        ("workflow_id=other.yml", 5),
        ("workflow_id=ci.yml&status=failure", 3),
        ("status=failure", 4),
        ("workflow_id=ci.yml&branch=dev", 2),
        ("workflow_id=ci.yml&branch=main&event=push", 3),
        ("workflow_id=no.yml", None),
        ("event=push", 5),
        ("event=workflow_dispatch&workflow_id=ci.yml&branch=main", 6),
        ("status=done", None),
        ("status=unknown", None),
        ("branch=dev", 2),
        ("branch=main&status=failure", 4),
    ],
)
def test_the_latest_run_that_fits(small: Small, query: str, number: int | None) -> None:
    run_of(small)
    run_of(small, ref="refs/heads/dev")
    run_of(small, status="failure")
    run_of(small, workflow="other.yml", status="failure")
    run_of(small, workflow="other.yml", ref="refs/tags/dev")
    run_of(small, event="workflow_dispatch")
    got = asker(small)(f"{R}/runs/latest", query)
    of_web = ("workflow_id=ci.yml&branch", "event=workflow_dispatch", "workflow_id", "status")
    if not small.double.face.api_runs and not query.startswith(of_web):
        assert (got.status, got.json["cause"]) == (501, "filter-not-possible")
    elif query == "status=done" and small.double.face.runs_newest_first:
        assert got.status == 400  # the server's own words
    elif number is None:
        assert (got.status, got.json["cause"]) == (404, "nothing-matched")
    else:
        assert got.json["index_in_repo"] == number


@clause("A7")
@pytest.mark.parametrize("turned", [False, True])
def test_a_list_in_no_promised_order(turned: bool) -> None:
    """12 to 14: what is on the list's first page, or on its last, need not be the newest."""
    with Small("13") as small:
        for n in range(120):
            run_of(small, workflow="rare.yml" if n == 10 else "ci.yml")
        newest = run_of(small, workflow="odd.yml")
        if turned:
            small.repo.runs = {newest.number: newest} | small.repo.runs
        ask = asker(small)
        assert ask(f"{R}/runs/latest").json["index_in_repo"] == 121
        assert ask(f"{R}/runs/latest", "workflow_id=rare.yml").json["index_in_repo"] == 11
        assert ask(f"{R}/runs/latest", "workflow_id=odd.yml").json["index_in_repo"] == 121


@clause("A7")
def test_too_long_a_list_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latest, "MAX_PAGES", 2)
    with Small("13") as small:
        for n in range(160):
            run_of(small, workflow="rare.yml" if n == 60 else "ci.yml")
        got = asker(small)(f"{R}/runs/latest", "workflow_id=rare.yml")
        assert (got.status, got.json["cause"]) == (504, "search-limit")


@clause("A7")
def test_where_the_list_is_in_order_one_entry_is_enough() -> None:
    with Small("15") as small:
        for n in range(60):
            run_of(small, workflow="rare.yml" if n == 3 else "ci.yml")
        ask = asker(small)
        assert ask(f"{R}/runs/latest", "workflow_id=rare.yml&branch=main").json["index_in_repo"] == 4
        assert sum("/actions/runs" in sent.url for sent in ask.wire.sent) == 1


@clause("A8")
def test_jobs_and_logs_of_the_latest_run(small: Small) -> None:
    runs, ask = [run_of(small), run_of(small, workflow="b.yml")], asker(small)
    for query, the_run in (("", runs[1]), ("workflow_id=ci.yml", runs[0])):
        jobs, logs = ask(f"{R}/runs/latest/jobs", query), ask(f"{R}/runs/latest/logs", query)
        if not small.double.face.api_runs:
            assert jobs.json["cause"] == logs.json["cause"] == "no-run-ids"
            continue
        assert [job["id"] for job in jobs.json] == [job.id for job in the_run.jobs]
        assert logs.headers.get("Content-Type") == "application/zip" and logs.body.startswith(b"PK")
        assert f"run-{the_run.id}-logs.zip" in logs.headers.get("Content-Disposition")


@clause("A8")
def test_the_latest_run_is_as_closed_as_the_list(small: Small) -> None:
    run_of(small)
    outsider = small.model.add_token(small.model.add_user("outsider")).sha1
    for tail in ("", "/jobs", "/logs"):
        assert asker(small, outsider)(f"{R}/runs/latest{tail}").status == 404
        assert asker(small, "0" * 40)(f"{R}/runs/latest{tail}").status == 401


@clause("S15")
def test_what_is_known_of_the_dialect_may_change_while_a_log_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another request reads the swagger document meanwhile: the download itself says whether its route has attempts."""
    read = reader.Reader.download

    async def download(self: Any, *of: Any, **how: Any) -> Any:
        page = await read(self, *of, **how)
        self.server.dialect = Dialect()
        return page

    monkeypatch.setattr(reader.Reader, "download", download)
    with Small("13.0.3") as small:
        job = small.add({"build": row("one")}).jobs[0]
        small.again(job, row("two"))
        ask = asker(small)
        for _ in range(2):
            got = ask(f"{R}/jobs/{job.id}/logs", "attempt=1")
            assert (got.status, got.json["cause"]) == (501, "attempt-not-provable")
            assert ask(f"{R}/jobs/{job.id}/logs", "attempt=2").body == row("two")


@clause("S42")
def test_a_mounted_face_refuses_what_others_could_make_a_run_number_of() -> None:
    with Small("15") as small:
        session = requests.Session()
        mount(session, small.url, web=small.web, face="forgejo-proxy")
        small.add()
        for path in ("runs/1%2Fjobs", "jobs/..%2Fruns/1/jobs"):
            answer = session.get(f"{small.url}{R}/{path}", headers={"Authorization": f"token {small.token}"})
            assert (answer.status_code, answer.text) == (404, "404 page not found\n")
        told = session.get(f"{small.url}{R}/runs/1/summary", headers={"Authorization": f"token {small.token}"})
        assert told.json()["run_number"] == 1


def test_each_operation_has_a_flow() -> None:
    """A row alone does nothing: dispatch or its table names each; what neither does is an error, never another flow."""
    texts = map(inspect.getsource, (dispatch, by_operation))
    named = {node.id for text in texts for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    for name, value in vars(operations).items():
        if (
            value in operations.OPERATIONS
            and isinstance(value, operations.Operation)
            and value not in operations.OF_LATEST
        ):
            assert name in named, name


@clause("S3", "S4")
@pytest.mark.parametrize("path", ["repos/x/../actions/jobs/1/logs", "repos/o/r/actions/jobs/%2e%2e/logs"])
def test_a_404_of_another_path_says_nothing_of_an_operation(path: str) -> None:
    """A server in between that tidies paths asked for something else: nobody's operation is switched off by that."""
    with Small("16") as small:
        job = small.add({"build": row("one")}).jobs[0]
        small.double.faults.hook(r"(/\.\./|%2e%2e)", lambda _: plain(404, "404 page not found\n"), nth=1)
        session = requests.Session()
        mount(session, small.url)
        headers = {"Authorization": f"token {small.token}"}
        send_raw(session, f"{small.url}/api/v1/{path}", headers)
        answer = session.get(f"{small.url}{R}/jobs/{job.id}/logs", headers=headers)
        assert (backend_of(answer), answer.content) == ("native", row("one"))


def send_raw(session: requests.Session, url: str, headers: dict[str, str]) -> requests.Response:
    """A request whose path goes out as it is written."""
    request = session.prepare_request(requests.Request("GET", url.partition("/api/")[0], headers=headers))
    request.url = url
    return session.get_adapter(url).send(request, timeout=5)


@clause("S16")
@pytest.mark.parametrize("face, uses", [("13", True), ("14", False), ("15", False)])
def test_a_token_that_was_left_over_says_nothing_of_the_server(face: str, uses: bool) -> None:
    """Rows move where no CSRF token is used: one of a browser's own cookies must not hide that."""
    with Small(face) as small:
        job = small.add({"build": row("one")}).jobs[0]
        signed_in = asker(small)
        assert signed_in(f"{R}/jobs/{job.id}/logs").body == row("one")
        cookies = signed_in.adapter.server.session.cookies | {"_csrf": "left-over"}
        cookie = "; ".join(f"{name}={value}" for name, value in cookies.items())
        ask = asker(small, web=WebCookie(cookie))
        assert ask(f"{R}/jobs/{job.id}/logs").body == row("one")
        assert ask.adapter.server.dialect.needs_token is uses
