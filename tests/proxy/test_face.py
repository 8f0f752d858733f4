"""The face of forgejo-proxy behind each face of the double: runs by their number, jobs by index or name.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections. What must come is
told by the double's model.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import requests
from double import JobSpec, Run
from double.messages import plain
from forgejo_shim.capabilities import Capability, parse_swagger
from forgejo_shim.faces.forgejo_proxy import HIDDEN, RUN, ForgejoProxy
from forgejo_shim.faces.forgejo_proxy import ROOT as FACE
from forgejo_shim.operations import JOB, JOB_LOG, LATEST_RUN, LIST_RUNS, RERUN_RUN, RUN_JOBS, RUN_LOGS
from forgejo_shim.proxy.swagger import MARK
from openapi_spec_validator import OpenAPIV2SpecValidator
from running import Running
from small import LOG, Small, row

clause = pytest.mark.clause
R = "/api/v1/repos/o/r/actions/runs"
OF_FACE = RUN + "/"
ROOT = Path(__file__).parents[2]
DOCUMENT = json.loads((ROOT / "spec/forgejo-proxy.swagger.json").read_text())


@contextmanager
def fronted(small: Small, **options: Any) -> Iterator[Running]:
    with Running(small.url, small.web, **options) as proxy:
        yield proxy


@pytest.fixture
def proxy(small: Small) -> Iterator[Running]:
    with fronted(small) as running:
        yield running


def two(small: Small) -> Run:
    """A second run with two jobs, whose number is not its id."""
    small.model.add_finished_run(other_repo(small), {"build": row("of another repository")})
    small.add({"only": row("of the first run")})
    return small.add({"build": row("of build"), "test": LOG}, title="second")


def other_repo(small: Small) -> Any:
    owner = next(user for user in small.model.users.values() if user.name == "o")
    return small.model.add_repo(owner, "other")


def writer(small: Small) -> str:
    """The token of who may write."""
    user = small.model.add_user("writer")
    small.repo.collaborators[user.id] = 2
    return small.model.add_token(user, ("write:repository",)).sha1


def post(proxy: Running, path: str, token: str) -> requests.Response:
    headers = {"Authorization": f"token {token}"}
    return proxy.session.post(proxy.base_url + path, headers=headers, allow_redirects=False, timeout=20)


# H1, H2: the log of a job


@clause("H1")
def test_a_log_by_run_number(small: Small, proxy: Running) -> None:
    two(small)
    for run, job, log in (
        ("2", "", row("of build")),
        ("2", "?job=", row("of build")),
        ("2", "?job=0", row("of build")),
        ("2", "?job=1", LOG),
        ("2", "?job=test", LOG),
        ("1", "?job=only&workflow_id=no.yml&status=failure&unknown=1", row("of the first run")),
        ("latest", "?job=test", LOG),
        ("latest", "", row("of build")),
    ):
        found = proxy.get(f"{FACE}{R}/{run}/logs{job}", small.token)
        assert (found.status_code, found.content) == (200, log), (run, job)
        assert found.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert found.headers["X-Forgejo-Shim"] == ("native" if small.double.face.native_logs else "web")


@clause("H1")
def test_parts_of_a_log_by_run_number(small: Small, proxy: Running) -> None:
    two(small)
    path = f"{FACE}{R}/2/logs?job=test"
    part = proxy.get(path, small.token, headers={"Range": "bytes=5-24"})
    assert (part.status_code, part.content) == (206, LOG[5:25])
    assert proxy.get(path, small.token, headers={"Range": f"bytes={len(LOG)}-"}).status_code == 416
    assert proxy.get(f"{path}&tail=2", small.token).content == b"".join(LOG.splitlines(keepends=True)[-2:])
    assert proxy.get(f"{path}&tail=0", small.token).status_code == 416
    with proxy.session.get(
        f"{proxy.base_url}{path}&tail=&follow=false", headers={"Authorization": f"token {small.token}"}, timeout=20
    ) as whole:
        assert whole.content == LOG


@clause("H1")
def test_without_an_attempt_it_is_the_current_one(small: Small, proxy: Running) -> None:
    run = two(small)
    small.again(run.jobs[0], row("again"))
    path = f"{FACE}{R}/2/logs"
    assert proxy.get(path, small.token).content == row("again")
    first = proxy.get(f"{path}?attempt=1", small.token)
    if small.double.face.attempt_in_download:
        assert first.content == row("of build")
    else:
        assert first.json()["cause"] == "attempt-not-provable"
    assert proxy.get(f"{path}?attempt=0", small.token).status_code == 404


@clause("H2")
def test_a_job_that_is_no_one_job(small: Small, proxy: Running) -> None:
    names = ["twin", "1", "a/b 漢", "twin"]
    run = small.model.add_run(small.repo, [JobSpec(name) for name in names])
    for job in run.jobs:
        small.model.play(job, row(f"of {job.id}"))
    ids = [job.id for job in run.jobs]

    def ask(job: str) -> requests.Response:
        return proxy.get(f"{FACE}{R}/1/logs", small.token, params={"job": job})

    for job in ("3", "03"):
        assert ask(job).content == row(f"of {ids[3]}"), job
    assert ask("a/b 漢").content == row(f"of {ids[2]}")
    assert ask("1").content == row(f"of {ids[1]}")  # its name and its index
    ambiguous = ask("twin")
    assert (ambiguous.status_code, ambiguous.json()["cause"]) == (400, "job-ambiguous")
    assert ambiguous.json()["message"].endswith("0 (twin), 3 (twin)")
    for job in ("4", "-1", "+3", "no", "9" * 5000, "١"):
        missing = ask(job)
        assert (missing.status_code, missing.json()["cause"]) == (404, "job-not-in-run"), job
        assert "1 (1)" in missing.json()["message"]


@clause("H2")
def test_a_name_that_is_another_jobs_index_is_refused(small: Small, proxy: Running) -> None:
    small.add({"1": row("first"), "b": row("second")})
    found = proxy.get(f"{FACE}{R}/1/logs?job=1", small.token)
    assert (found.status_code, found.json()["cause"]) == (400, "job-ambiguous")
    assert proxy.get(f"{FACE}{R}/1/logs?job=0", small.token).content == row("first")


@clause("H1")
def test_the_first_job_is_the_first_whatever_others_are_called(small: Small, proxy: Running) -> None:
    small.add({"build": row("first"), "0": row("second")})
    assert proxy.get(f"{FACE}{R}/1/logs", small.token).content == row("first")
    assert proxy.get(f"{FACE}{R}/1/logs?job=0", small.token).json()["cause"] == "job-ambiguous"


@clause("H2")
def test_runs_that_do_not_exist(small: Small, proxy: Running) -> None:
    run = two(small)
    for number in ("0", "-1", "3", "x", "9" * 30, f"{run.id}"):
        for what in ("logs", "jobs", "summary"):
            found = proxy.get(f"{FACE}{R}/{number}/{what}", small.token)
            assert (found.status_code, found.json()["cause"]) == (404, "run-number-not-found"), (number, what)
    for path in (f"{R}/2", f"{R}/2/else", f"{R}/2/logs/x", f"{R}//logs"):
        assert ForgejoProxy(everywhere=True).recognise("GET", FACE + path, "") is None
        assert proxy.get(FACE + path, small.token).headers.get("X-Forgejo-Shim") is None


@clause("H2")
def test_a_list_of_runs_that_is_not_filtered_is_no_answer() -> None:
    with Small("15") as small, fronted(small) as proxy:
        two(small)
        first = proxy.get(f"{R}?run_number=1", small.token)
        small.double.faults.hook("run_number=2", lambda _: plain(200, first.text))
        assert proxy.get(f"{FACE}{R}/2/logs", small.token).json()["cause"] == "page-changed"


# H3, H4: jobs and summary


def fits(value: object, name: str) -> None:
    """Hold an answer against a definition of the document, with nothing allowed that it does not name."""
    definitions = copy.deepcopy(DOCUMENT["definitions"])
    for definition in definitions.values():
        definition["additionalProperties"] = False
    jsonschema.validate(value, {"$ref": f"#/definitions/{name}", "definitions": definitions})


@clause("H3")
def test_the_jobs_of_a_run(small: Small, proxy: Running) -> None:
    run = two(small)
    small.model.rerun(run.jobs[1])
    for number in ("2", "latest"):
        told = proxy.get(f"{FACE}{R}/{number}/jobs", small.token).json()
        assert [(job["index"], job["id"], job["name"], job["status"], job["task_id"]) for job in told] == [
            (0, run.jobs[0].id, "build", "success", run.jobs[0].tasks[0].id),
            (1, run.jobs[1].id, "test", "waiting", 0),
        ]
        for job in told:
            fits(job, "FaceJob")
    if small.double.face.attempt_in_view:
        assert told[0]["attempt"] == 1


@clause("H3", "H4")
def test_where_the_server_has_the_operations_no_web_page_is_asked_for() -> None:
    with Small("16") as small, Running(small.url) as proxy:
        run = two(small)
        assert [job["id"] for job in proxy.get(f"{FACE}{R}/2/jobs", small.token).json()] == [job.id for job in run.jobs]
        assert proxy.get(f"{FACE}{R}/latest/summary", small.token).json()["by_status"] == {"success": 2}
        assert proxy.get(f"{FACE}{R}/2/logs?job=test", small.token).content == LOG
        assert {seen.path.split("/")[1] for seen in small.double.requests} == {"api", "swagger.v1.json"}


@clause("H3", "A8", "S3")
def test_a_server_that_does_not_say_what_it_has_is_asked() -> None:
    """Natively first: 16 gives its jobs without a web account, whose pages the shim could not read here."""
    with Small("16", swagger=False) as small, Running(small.url) as proxy:
        run = two(small)
        ids = [job.id for job in run.jobs]
        assert [job["id"] for job in proxy.get(f"{FACE}{R}/2/jobs", small.token).json()] == ids
        assert [job["id"] for job in proxy.get(f"{R}/latest/jobs", small.token).json()] == ids
        assert proxy.get(f"{FACE}{R}/latest/logs?job=test", small.token).content == LOG
    with Small("15", swagger=False) as small, fronted(small) as proxy:
        ids = [job.id for job in two(small).jobs]
        for path in (f"{FACE}{R}/2/jobs", f"{R}/latest/jobs"):
            assert [job["id"] for job in proxy.get(path, small.token).json()] == ids, path


@clause("H4")
def test_a_run_in_short(small: Small, proxy: Running) -> None:
    run = small.model.add_run(small.repo, ["a", "b", "c", "d"], title="first", workflow="ci.yml")
    for job, status in zip(run.jobs, ("failure", "success", "failure"), strict=False):
        small.model.play(job, row("x"), status)
    told = proxy.get(f"{FACE}{R}/1/summary", small.token).json()
    fits(told, "FaceSummary")
    assert (told["run_number"], told["title"], told["status"], told["jobs"]) == (1, "first", run.status, 4)
    assert told["by_status"] == {"failure": 2, "success": 1, "waiting": 1}
    assert told["failed"] == [{"index": n, "id": run.jobs[n].id, "name": "abc"[n]} for n in (0, 2)]
    by_api = small.double.face.api_runs
    assert (told.get("run_id"), told.get("workflow_id")) == ((run.id, "ci.yml") if by_api else (None, None))
    small.model.finish(small.model.take(run.jobs[3]))
    run.started, run.stopped = 1_700_000_000, 1_700_000_083
    over = proxy.get(f"{FACE}{R}/latest/summary", small.token).json()
    fits(over, "FaceSummary")
    assert (over["status"], over["by_status"]) == ("failure", {"failure": 2, "success": 2})
    assert over.get("duration") == (83 if by_api else None)
    assert ("started" in over) == ("stopped" in over) == by_api
    for job in run.jobs:
        small.model.rerun(job)
    run.started, run.stopped = 1_700_000_000, 1_700_000_083  # of what ran before
    again = proxy.get(f"{FACE}{R}/1/summary", small.token).json()
    assert again["status"] == "waiting" and "stopped" not in again and "duration" not in again


# H5: the latest run


@clause("H5")
def test_the_latest_run_and_its_filters(small: Small, proxy: Running) -> None:
    nothing = proxy.get(f"{FACE}{R}/latest/logs", small.token)
    assert (nothing.status_code, nothing.json()["cause"]) == (404, "nothing-matched")
    small.add({"a": row("1")}, workflow="rare.yml")
    small.add({"a": row("2")}, status="failure")
    small.add({"a": row("3")})
    for query, number in (("", 3), ("workflow_id=rare.yml", 1), ("status=failure", 2)):
        assert proxy.get(f"{FACE}{R}/latest/logs?{query}", small.token).content == row(str(number)), query
        assert proxy.get(f"{FACE}{R}/latest?{query}", small.token).json()["index_in_repo"] == number
        assert proxy.get(f"{FACE}{R}/latest/summary?{query}", small.token).json()["run_number"] == number
    same = proxy.get(f"{R}/latest", small.token)
    assert proxy.get(f"{FACE}{R}/latest", small.token).json() == same.json()


# H10, H11: the list


@clause("H10", "H11")
def test_the_list_of_runs(small: Small, proxy: Running) -> None:
    small.add({"a": row("1")}, workflow="rare.yml")
    small.add({"a": row("2")}, status="failure")
    small.add({"a": row("3")})
    for query, numbers in (("", [3, 2, 1]), ("?workflow_id=rare.yml", [1]), ("?status=failure", [2]), ("?page=2", [])):
        told = proxy.get(f"{FACE}{R}{query}", small.token)
        assert told.headers["Content-Type"] == "application/json;charset=utf-8"
        assert [run["index_in_repo"] for run in told.json()["workflow_runs"]] == numbers, query
        jsonschema.validate(told.json(), {"$ref": "#/definitions/FaceRuns", "definitions": DOCUMENT["definitions"]})
    (latest,) = proxy.get(f"{FACE}{R}?limit=1", small.token).json()["workflow_runs"]
    assert latest == proxy.get(f"{FACE}{R}/latest", small.token).json()
    for method in ("post", "head"):
        refused = proxy.session.request(method, f"{proxy.base_url}{FACE}{R}", timeout=5)
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET"), method


@clause("H9", "H11")
def test_at_the_root_the_document_has_the_filters_too(small: Small) -> None:
    with fronted(small, faces=frozenset({"forgejo-proxy"})) as proxy:
        parameters = proxy.get("/swagger.v1.json").json()["paths"][LIST_RUNS]["get"]["parameters"]
        assert {"workflow_id", "status", "event", "branch", "ref", "run_number", "head_sha", "page", "limit"} <= {
            parameter["name"] for parameter in parameters
        }
        ours = {parameter["name"] for parameter in parameters if parameter.get(MARK)}
        lacking = {"branch"} if small.double.face.runs_newest_first else {"branch", "workflow_id", "ref"}
        assert not small.double.face.api_runs or ours == lacking


# H6: rerun


@clause("H6")
def test_a_run_or_a_job_is_rerun(small: Small) -> None:
    run, token = two(small), writer(small)
    first = small.repo.runs[1]

    def again() -> list[str]:
        waiting = [job.name for job in run.jobs if job.status == "waiting"]
        for job in run.jobs:
            if job.status == "waiting":
                small.model.finish(small.model.take(job))
        return waiting

    with fronted(small, writes=True) as proxy:
        for path in ("2/rerun", "latest/rerun", "latest/rerun?workflow_id=ci.yml", "2/rerun?job="):
            done = post(proxy, f"{FACE}{R}/{path}", token)
            assert (done.status_code, done.content) == (204, b""), done.text
            assert again() == ["build", "test"]
        for job in ("test", "1"):
            assert post(proxy, f"{FACE}{R}/2/rerun?job={job}", token).status_code == 204
            assert again() == ["test"]
        assert post(proxy, f"{FACE}{R}/2/rerun?job=no", token).json()["cause"] == "job-not-in-run"
        assert post(proxy, f"{FACE}{R}/0/rerun", token).json()["cause"] == "run-number-not-found"
        small.model.add_run(small.repo, [])
        assert post(proxy, f"{FACE}{R}/3/rerun", token).json()["cause"] == "run-number-not-found"
        assert post(proxy, f"{FACE}{R}/2/rerun", small.token).status_code == 403
        assert post(proxy, f"{FACE}{R}/2/rerun", "0" * 40).status_code == 401
        found = proxy.get(f"{FACE}{R}/2/rerun", token)
        assert (found.status_code, found.headers["Allow"]) == (405, "POST")
    assert again() == [] and [job.status for job in first.jobs] == ["success"]
    with fronted(small) as proxy:
        off = post(proxy, f"{FACE}{R}/2/rerun", token)
        assert (off.status_code, off.json()["cause"]) == (501, "writes-off")


# H7: whose right it is


@clause("H7")
def test_it_is_as_open_as_the_list_of_runs(small: Small, proxy: Running) -> None:
    two(small)
    outsider = small.model.add_token(small.model.add_user("outsider")).sha1
    paths = [f"{FACE}{R}/{run}/{what}" for run in ("2", "latest", "0") for what in ("logs", "jobs", "summary")]
    for path in [*paths, f"{FACE}{R}", f"{FACE}{R}/latest", f"{FACE}{R}/2/logs?job=test", f"{FACE}{R}/2/logs?job=no"]:
        for token, status in ((outsider, 404), ("", 404), ("0" * 40, 401)):
            listed = proxy.get(f"{R.removesuffix('runs')}tasks", token)
            found = proxy.get(path, token)
            assert found.status_code == listed.status_code == status, (path, found.text)
            assert found.json() == listed.json()
    dotted = proxy.get(f"{FACE}{R}/2/logs".replace("/o/r/", "/o/r.git/"), small.token)
    assert (dotted.status_code, dotted.json()["message"]) == (404, "The target couldn't be found.")
    signed = proxy.get(f"{FACE}{R}/2/jobs", headers={"Authorization": 'Signature keyId="x",signature="y"'})
    assert signed.json()["cause"] == "signature-auth"
    head = proxy.session.head(f"{proxy.base_url}{FACE}{R}/2/logs", timeout=5)
    assert (head.status_code, head.content) == (405, b"")


@clause("H7")
def test_a_renamed_repository_redirects_to_the_same_route(small: Small, proxy: Running) -> None:
    two(small)
    small.model.rename_repo(small.repo, "new")
    moved = proxy.get(f"{FACE}{R}/2/logs?job=test", small.token)
    assert 301 <= moved.status_code <= 308
    path = f"{FACE}{R}/2/logs?job=test".replace("/o/r/", "/o/new/")
    assert moved.headers["Location"].removeprefix(small.url) == path
    assert proxy.get(path, small.token).content == LOG


@clause("H7")
def test_it_is_logged_and_counted_by_its_route() -> None:
    with Small("15") as small, fronted(small) as proxy:
        two(small)
        proxy.get(f"{FACE}{R}/2/jobs?token={small.token}")
        (line,) = proxy.lines(1)
        template = f"{FACE}/api/v1{OF_FACE}jobs"
        assert (line["operation"], line["path"]) == (template, f"{FACE}{R}/2/jobs")
        figures = proxy.figures()
        assert figures[f'forgejo_shim_requests_total{{backend="web",operation="{template}",status="200"}}'] == 1


# H8: at /api/v1, and what the documents tell


@clause("H9")
def test_at_the_root_it_hides_the_operations_by_run_id(small: Small) -> None:
    run = two(small)
    with fronted(small, faces=frozenset({"forgejo-proxy"})) as proxy:
        assert proxy.get(f"{R}/2/logs?job=test", small.token).content == LOG
        assert proxy.get(f"{FACE}{R}/2/logs?job=test", small.token).content == LOG
        assert [job["index"] for job in proxy.get(f"{R}/latest/jobs", small.token).json()] == [0, 1]
        assert proxy.get(f"{R}/latest/logs", small.token).content == row("of build")
        assert proxy.get(f"{R}/{run.id}/jobs", small.token).json()["cause"] == "run-number-not-found"
        log = f"{R.removesuffix('runs')}jobs/{run.jobs[1].id}/logs"
        assert proxy.get(log, small.token).content == LOG
        told = parse_swagger(proxy.get("/swagger.v1.json").content)
        assert {told.of("GET", template) for template in (JOB_LOG.path, JOB.path, LATEST_RUN.path)} == {
            Capability.PRESENT
        }
        assert {told.of("GET", template) for template in HIDDEN} == {Capability.ABSENT}
        assert {told.of("GET", OF_FACE + what) for what in ("logs", "jobs", "summary")} == {Capability.PRESENT}
        assert told.of("POST", OF_FACE + "rerun") is told.of("POST", RERUN_RUN.path) is Capability.ABSENT
    with fronted(small) as proxy:
        assert proxy.get(f"{R}/2/summary", small.token).headers.get("X-Forgejo-Shim") is None
        told = parse_swagger(proxy.get("/swagger.v1.json").content)
        assert told.of("GET", OF_FACE + "jobs") is Capability.ABSENT
        assert {told.of("GET", template) for template in (RUN_JOBS.path, RUN_LOGS.path)} == {
            Capability.PRESENT if small.double.face.api_runs else Capability.ABSENT
        }


@clause("H8")
@pytest.mark.parametrize("writes", [False, True])
def test_its_own_document_is_there_always(writes: bool) -> None:
    with Small("15") as small, fronted(small, writes=writes) as proxy:
        found = proxy.get(f"{FACE}/swagger.v1.json")
        assert found.headers["Content-Type"].startswith("application/json")
        document = found.json()
        assert document["basePath"] == f"{FACE}/api/v1"
        told = {(method, path) for path, methods in document["paths"].items() for method in methods}
        reruns = {("post", OF_FACE + "rerun")}
        reads = {("get", OF_FACE + what) for what in ("logs", "jobs", "summary", "why")}
        reads |= {("get", LATEST_RUN.path), ("get", LIST_RUNS)}
        assert told == reads | (reruns if writes else set())
        assert (proxy.get(f"{FACE}/else").headers.get("X-Forgejo-Shim"), small.double.requests[-1].path) == (
            None, f"{FACE}/else",
        )  # fmt: skip


@clause("H9")
def test_with_the_face_the_document_is_one_that_holds_together() -> None:
    with Small("16") as small, fronted(small, faces=frozenset({"forgejo-proxy"}), writes=True) as proxy:
        made = proxy.get("/swagger.v1.json").json()
        for reference in {part.split('"')[0] for part in json.dumps(made).split('"$ref": "')[1:]}:
            _, kind, name = reference.split("/")
            assert name in made[kind], reference
        assert made["paths"][OF_FACE + "rerun"]["post"][MARK] is True
        names = [parameter["name"] for parameter in made["paths"][OF_FACE + "logs"]["get"]["parameters"]]
        assert {"run_number", "job", "attempt", "tail"} <= set(names)


@clause("H8", "X40")
@pytest.mark.parametrize("face", ["11", "15"])
def test_a_proxy_without_the_face_in_front_of_one_with_it(face: str) -> None:
    """There `runs/{id}/jobs` and `…/logs` are by run id again, and so says its document; `summary` passes."""
    with (
        Small(face) as small,
        fronted(small, faces=frozenset({"forgejo-proxy"})) as first,
        Running(first.base_url, small.web) as second,
    ):
        run = two(small)
        paths = second.get("/swagger.v1.json").json()["paths"]
        assert [path for path in paths if path.startswith(OF_FACE)] == [OF_FACE + "summary"]
        told = second.get(f"{R}/{run.id}/jobs", small.token)
        if small.double.face.api_runs:
            assert [job["id"] for job in told.json()] == [job.id for job in run.jobs]
        else:
            assert told.json()["cause"] == "no-run-ids"
        assert second.get(f"{R}/2/summary", small.token).json()["title"] == "second"


@clause("H8")
def test_the_document_is_valid_and_its_copy_the_same() -> None:
    assert [error.message for error in OpenAPIV2SpecValidator(DOCUMENT).iter_errors()] == []
    shipped = ROOT / "shim/forgejo_shim/proxy/forgejo-proxy.swagger.json"
    assert json.loads(shipped.read_text()) == DOCUMENT
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert operation["x-forgejo-shim"] is True
            filled = DOCUMENT["basePath"] + path.format(owner="o", repo="r", run_number=7)
            found = ForgejoProxy().recognise(method, filled, "")
            assert found and found.route == DOCUMENT["basePath"] + path and found.operation.method == method.upper()
            assert ForgejoProxy().recognise(method, filled.removeprefix(FACE), "") is None
