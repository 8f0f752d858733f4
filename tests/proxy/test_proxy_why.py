"""Why a run is red, through the proxy: by a run's id, as the latest one, and by its number in the face.

Rules: as in test_face.py; what a report says is test_why.py's.
"""

from __future__ import annotations

import pytest
from forgejo_shim import Client
from forgejo_shim.capabilities import Capability, parse_swagger
from forgejo_shim.faces.forgejo_proxy import ROOT as FACE
from forgejo_shim.faces.forgejo_proxy import RUN
from forgejo_shim.operations import LATEST_WHY, WHY
from red import Did, LongLog, lines, play, red
from running import Running, raw
from small import Small

clause = pytest.mark.clause
R = "/api/v1/repos/o/r/actions/runs"
BAD = Did("failure", 3, text=lines("one", "::error::boom", "three"))


@clause("Y1", "Y8")
def test_by_id_as_the_latest_and_by_number(small: Small) -> None:
    small.model.add_finished_run(small.model.add_repo(small.repo.owner, "other"), {"build": b""})
    run = red(small, Did(), BAD)
    with Running(small.url, small.web) as proxy:
        paths = [f"{FACE}{R}/1/why", f"{FACE}{R}/latest/why", f"{R}/latest/why"]
        paths += [f"{R}/{run.id}/why"] * small.double.face.api_runs
        reports = []
        for path in paths:
            answer = proxy.get(path, small.token)
            assert answer.status_code == 200, answer.text
            assert answer.headers["X-Forgejo-Shim"] == "web" and answer.headers["Vary"] == "Accept"
            reports.append(answer.json())
        assert reports == [reports[0]] * len(paths)
        assert reports[0]["jobs"][0]["last"] == ["one", "::error::boom", "three"]
        assert small.url not in reports[0]["jobs"][0]["url"] or small.double.face.api_runs
        assert proxy.get(f"{FACE}{R}/7/why", small.token).json()["cause"] == "run-number-not-found"
        for path in paths:
            assert proxy.get(path).status_code == 404  # nobody's token: hidden
            assert proxy.session.head(proxy.base_url + path, timeout=5).status_code == 405
            assert proxy.get(path + "?lines=x", small.token).json()["cause"] == "out-of-range"
        told = {line["operation"] for line in proxy.lines(len(paths))}
        assert told - {WHY.path, LATEST_WHY.path} == {f"{FACE}/api/v1{RUN}/why"}


@clause("Y7")
def test_as_markdown(either: Small) -> None:
    red(either, BAD)
    with Running(either.url, either.web) as proxy:
        answer = proxy.get(f"{R}/latest/why", either.token, headers={"Accept": "text/markdown"})
        assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8" and "boom" in answer.text


@clause("Y7")
def test_several_lines_of_accept_are_one(either: Small) -> None:
    red(either, BAD)
    head = f"GET {R}/latest/why HTTP/1.1\r\nHost: h\r\nAuthorization: token {either.token}\r\n"
    with Running(either.url, either.web) as proxy:
        answer = raw(proxy, f"{head}Accept: application/json;q=0.1\r\nAccept: text/markdown\r\n\r\n".encode())
    assert b"text/markdown" in answer


@clause("Y4")
def test_a_log_of_1_gb(either: Small) -> None:
    log = red(either, Did("failure", 10_000_000, 1000), long=True).jobs[0].tasks[0].log
    assert isinstance(log, LongLog)
    with Running(either.url, either.web) as proxy:
        [job] = proxy.get(f"{R}/latest/why", either.token).json()["jobs"]
    assert job["last"][-1].strip() == "row 9999999" and log.given < 2 * 1024 * 1024


@clause("Y8", "X40")
def test_a_second_shim_in_front_takes_it_for_native(small: Small) -> None:
    """It needs no web account of its own; `Client` finds the same through the operations that the shim behind has."""
    run = red(small, Did(), BAD)
    path = f"{R}/{run.id}/why" if small.double.face.api_runs else f"{FACE}{R}/1/why"
    with Running(small.url, small.web) as behind, Running(behind.base_url, None) as front:
        told = front.get(path, small.token)
        assert told.headers["X-Forgejo-Shim"] == "web, native" and told.json()["jobs"][0]["step"]["name"] == "step 2"
        with Client(behind.base_url, small.token) as client:
            [job] = client.why("o/r").jobs
        assert job.last == ("one", "::error::boom", "three") and job.step and job.step.name == "step 2"


@clause("Y4")
@pytest.mark.parametrize("nth", [1, 2, 3, 4, 6, 8])
def test_a_rerun_behind_a_shim_that_knows_no_attempts(nth: int) -> None:
    """Then no request can name the attempt: only the task, told before and after, says whether all was of one."""
    with Small("12") as small, Running(small.url, small.web) as behind, Client(behind.base_url, small.token) as client:
        run = red(small, Did("failure", 90_000, 900, "of the first {}".format), long=True)

        def rerun(_: object) -> None:
            small.model.rerun(run.jobs[0])
            play(small, run.jobs[0], Did("failure", 90_000, 900, "of the second {}".format), long=True)

        fault = small.double.faults.hook("/logs$", rerun, nth=nth)
        [job] = client.why("o/r").jobs
        assert fault.fired
        assert job.missing or {line.split()[2] for line in job.last if line.startswith("of")} == {"second"}


@clause("X21")
@pytest.mark.parametrize("face", ["11", "15", "16"])
def test_the_swagger_document_has_it(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web) as proxy:
        found = parse_swagger(proxy.get("/swagger.v1.json").content)
        assert found.of("GET", LATEST_WHY.path) is Capability.PRESENT
        assert found.of("GET", WHY.path) is (Capability.ABSENT if face == "11" else Capability.PRESENT)
