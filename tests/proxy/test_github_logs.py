"""Logs and artifacts by GitHub's face: addresses that carry a ticket, and the zip of a run's steps."""

from __future__ import annotations

import http.client
import io
import zipfile
from pathlib import Path

import pytest
import requests
from double import Run
from faced import GITHUB
from forgejo_shim import SQLiteStore
from forgejo_shim.flows import counted_log
from running import Running
from small import LOG, Small, row
from stepped import Steps, play, waiting

clause = pytest.mark.clause
R = f"{GITHUB}/repos/o/r"
RUNS = f"{R}/actions/runs"
ON = frozenset({"github"})
BY_ID = ["12", "13", "14", "15", "16"]  # whose API knows runs by their ids


def address(proxy: Running, path: str, token: str) -> str:
    """The path and query of the address that is given out."""
    found = proxy.get(path, token)
    assert (found.status_code, found.content) == (302, b""), found.text
    location = found.headers["Location"]
    assert location.startswith(f"{proxy.base_url}{path}?ticket=") and found.headers["Cache-Control"] == "no-store"
    assert found.headers["X-GitHub-Media-Type"] and token not in str(found.headers)
    return location.removeprefix(proxy.base_url)


def fetched(proxy: Running, path: str, token: str) -> requests.Response:
    return proxy.get(address(proxy, path, token))


def files(answer: requests.Response) -> dict[str, bytes]:
    """The zip's files in their order."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/zip"), answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(proxy: Running, small: Small, run: Run, what: str = "") -> dict[str, bytes]:
    return files(fetched(proxy, f"{RUNS}/{run.id}{what}/logs", small.token))


def expected(folder: str, steps: Steps, parts: list[bytes]) -> dict[str, bytes]:
    """The files of a job whose steps have these rows."""
    names = ["Set up job", *(name for name, _ in steps), "Complete job"]
    pairs = enumerate(zip(names, parts, strict=True), 1)
    return {f"{folder}/{number}_{name}.txt": part for number, (name, part) in pairs if part}


# --- one log


@clause("X46")
def test_a_log_is_where_the_address_says(small: Small, proxy: Running) -> None:
    (job,) = small.add().jobs
    path = f"{R}/actions/jobs/{job.id}/logs"
    where = address(proxy, path, small.token)
    whole = proxy.get(where)
    assert whole.content == LOG and whole.headers["X-GitHub-Media-Type"] and whole.headers["X-RateLimit-Limit"]
    part = proxy.get(where, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, LOG[100:200])
    assert proxy.get(where, "another one's").content == LOG, "what octokit sends along is not looked at"
    follows = requests.get(proxy.base_url + path, headers={"Authorization": f"token {small.token}"}, timeout=20)
    assert follows.content == LOG and follows.history[0].status_code == 302


CONDITIONS = [
    {"If-None-Match": "*"}, {"If-Modified-Since": "Sun, 22 Nov 2099 16:00:00 GMT"}, {"If-Match": '"x"'},
    {"Range": "bytes=99999999-"},
]  # fmt: skip


@clause("V4", "X46")
@pytest.mark.parametrize("face", ["15", "16"])
def test_what_a_caller_has_is_asked_by_the_address_that_is_given_out(face: str) -> None:
    """With conditions too, and nothing behind the head of a 304: the next answer on that connection is its own."""
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row("a")})
        small.model.artifacts.add(run, "made", {"a.txt": b"a"})
        (artifact,) = proxy.get(f"{R}/actions/artifacts", small.token).json()["artifacts"]
        for path in (f"{R}/actions/jobs/{run.jobs[0].id}/logs", f"{R}/actions/artifacts/{artifact['id']}/zip"):
            for condition in CONDITIONS:
                assert proxy.get(path, small.token, headers=condition).status_code == 302, condition
            where = address(proxy, path, small.token)
            for condition in CONDITIONS[:2]:
                with proxy.dialled() as wire:
                    head = "".join(f"{name}: {value}\r\n" for name, value in condition.items())
                    wire.sendall(f"GET {where} HTTP/1.1\r\nHost: x\r\n{head}\r\n".encode())
                    found = http.client.HTTPResponse(wire)
                    found.begin()
                    body = found.read()
                    assert found.getheader("X-GitHub-Media-Type") and (found.status == 200) == bool(body)
                    wire.sendall(b"GET /api/v3/meta HTTP/1.1\r\nHost: x\r\n\r\n")
                    assert wire.recv(12) == b"HTTP/1.1 200", (path, condition)
                held = proxy.get(where, headers=condition)  # against the document
                assert held.status_code == found.status, (path, condition)


@clause("X46")
def test_refusals_come_at_once(small: Small, proxy: Running) -> None:
    (job,) = small.add().jobs
    path = f"{R}/actions/jobs/{job.id}/logs"
    stranger = small.model.add_token(small.model.add_user("z", "a password of z"), ("all",)).sha1
    for asked, token, status in ((path, "", 404), (path, stranger, 404), (path, "wrong", 401)):
        assert proxy.get(asked, token).status_code == status
    for gone in (f"{R}/actions/jobs/999/logs", f"{R}/actions/artifacts/999/zip"):
        found = proxy.get(gone, small.token)
        assert (found.status_code, found.json()["status"]) == (404, "404")


@clause("X45", "X46")
def test_a_bad_ticket_is_403_in_the_faces_form(small: Small, proxy: Running) -> None:
    one, other = small.add({"a": LOG, "b": row("b")}).jobs
    path, beside = (f"{R}/actions/jobs/{job.id}/logs" for job in (one, other))
    where = address(proxy, path, small.token)
    query = where.partition("?")[2]
    asked = [f"{beside}?{query}", f"{where}x", where[:-2], f"{path}?ticket=", f"{where}&a=b", f"{where}&{query}"]
    asked += [
        where[:at] + ("A" if where[at] != "A" else "B") + where[at + 1 :] for at in range(len(path) + 8, len(where), 37)
    ]
    for bad in asked:
        found = proxy.get(bad, small.token)
        assert (found.status_code, found.json()["status"]) == (403, "403"), bad
        assert found.json()["message"].startswith("this address is not valid")
    for method in ("HEAD", "POST", "DELETE", "PUT"):
        found = proxy.session.request(method, proxy.base_url + where, allow_redirects=False, timeout=20)
        assert found.status_code in (403, 404) and LOG[:20] not in found.content, method
    late = proxy.proxy.tickets
    real, late.now = late.now, lambda: real() + 61
    assert proxy.get(where).status_code == 403
    late.now = real
    assert proxy.get(where).content == LOG


@clause("X44")
def test_a_revoked_token_gets_nothing_by_an_address(small: Small) -> None:
    with Running(small.url, small.web, faces=ON, keep=0.0) as proxy:
        (job,) = small.add().jobs
        where = address(proxy, f"{R}/actions/jobs/{job.id}/logs", small.token)
        assert proxy.get(where).status_code == 200
        del small.model.tokens[small.token]
        found = proxy.get(where)
        assert found.status_code in (401, 404) and LOG[:20] not in found.content


@clause("X16", "X44")
def test_no_ticket_and_no_token_is_logged(small: Small, capfd: pytest.CaptureFixture[str]) -> None:
    with Running(small.url, small.web, faces=ON) as proxy:
        (job,) = small.add().jobs
        where = address(proxy, f"{R}/actions/jobs/{job.id}/logs", small.token)
        assert proxy.get(where).ok and proxy.get(where + "x").status_code == 403
        lines = proxy.lines(3)
        assert [line["path"] for line in lines] == [where.partition("?")[0]] * 3
        written = b"".join(proxy.written).decode() + "".join(capfd.readouterr())
        ticket = where.partition("ticket=")[2]
        assert ticket not in written and ticket[:20] not in written and small.token not in written
        assert proxy.get("/-/shim/metrics").text.count(ticket[:20]) == 0


@clause("X46")
def test_a_token_in_the_query_is_in_no_address(small: Small, proxy: Running) -> None:
    (job,) = small.add().jobs
    path = f"{R}/actions/jobs/{job.id}/logs"
    found = proxy.get(f"{path}?token={small.token}")
    assert small.token not in found.headers.get("Location", "")
    if found.status_code == 302:
        assert proxy.get(found.headers["Location"].removeprefix(proxy.base_url)).content == LOG


# --- the zip of a run


@clause("X47")
@pytest.mark.parametrize("face", BY_ID)
def test_each_step_is_a_file(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        steps = {"build": [("Compile", 400), ("Skipped", 0), ("Test / all: é", 3000)], "lint": [("Run", 1)]}
        run = waiting(small, steps)
        parts = {job.name: play(small, job, steps[job.name]) for job in run.jobs}
        assert proxy.get(f"{RUNS}/{run.id}/jobs", small.token).json()["total_count"] == 2
        found = zipped(proxy, small, run)
        build = expected("build", [("Compile", 1), ("Skipped", 1), ("Test _ all_ é", 1)], parts["build"])
        assert found == build | expected("lint", steps["lint"], parts["lint"])
        names = [step["name"] for step in proxy.get(f"{RUNS}/{run.id}/jobs", small.token).json()["jobs"][0]["steps"]]
        assert names == ["Set up job", "Compile", "Skipped", "Test / all: é", "Complete job"]


@clause("V23")
@pytest.mark.parametrize("face", BY_ID)
def test_a_step_that_is_a_script_is_named_by_its_first_line(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=frozenset({"github", "gitea"})) as proxy:
        steps = {"build": [("echo one\necho two\n", 4), ("\r\n  \n  make all \u2028 more\n", 3)]}
        run = waiting(small, steps)
        parts = play(small, run.jobs[0], steps["build"])
        shown = [("echo one", 1), ("make all", 1)]
        assert zipped(proxy, small, run) == expected("build", shown, parts)
        for root, own in (("/api/v3", slice(1, -1)), ("/compat/gitea/api/v1", slice(None))):
            (job,) = proxy.get(f"{root}/repos/o/r/actions/runs/{run.id}/jobs", small.token).json()["jobs"]
            assert [step["name"] for step in job["steps"][own]] == ["echo one", "make all"]


@clause("X46")
def test_below_12_there_are_no_run_ids() -> None:
    with Small("11") as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add()
        found = proxy.get(f"{RUNS}/{run.id}/logs", small.token)
        assert (found.status_code, found.json()["cause"]) == (501, "no-run-ids")


@clause("X47")
@pytest.mark.parametrize("face", ["12", "15", "16"])
@pytest.mark.parametrize("each", [0.0, 0.00001, 0.0002, 0.5, -0.01])
def test_long_logs_are_cut_where_their_steps_end(face: str, each: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over what is held in memory, whatever the times of the rows say: all in one second, or falling."""
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        steps = {"build": [("a", 5000), ("b", 1), ("c", 21_000), ("d", 9000), ("e", 0), ("f", 4100)]}
        run = waiting(small, steps)
        parts = play(small, run.jobs[0], steps["build"], each=each)
        monkeypatch.setattr(counted_log, "KEPT", 100_000)
        assert zipped(proxy, small, run) == expected("build", steps["build"], parts)


@clause("X47")
@pytest.mark.parametrize("face", ["12", "15", "16"])
def test_rows_of_no_step(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        steps = {"ends": [("a", 9), ("b", 4)], "between": [("a", 9), ("b", 4)]}
        run = waiting(small, steps)
        ends = play(small, run.jobs[0], steps["ends"], status="cancelled")
        between = play(small, run.jobs[1], steps["between"], gap=2)
        found = zipped(proxy, small, run)
        assert found.pop("ends/system-1.txt") == ends[-1], "the completion of a cancelled job is no step of it"
        whole = found.pop("1_between.txt")
        assert found == expected("ends", steps["ends"], [*ends[:-1], b""])
        assert b"".join(between) != whole and whole.count(b"\n") == 20, "what cannot be told is one file"


@clause("X48")
@pytest.mark.parametrize("face", ["15", "16"])
def test_jobs_of_one_name_have_no_file_that_a_client_takes_for_the_others(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        names = ["a/b", "ab", "..", "x" * 100, "x" * 91, "c\\d", "", "-rf \u202e*\x85", "NUL"]
        steps: dict[str, Steps] = {name: [("s", 2)] for name in names}
        run = waiting(small, steps)
        for job in run.jobs:
            play(small, job, [("s", 2)])
        folders = list(dict.fromkeys(name.partition("/")[0] for name in zipped(proxy, small, run)))
        ids = [job.id for job in run.jobs]
        assert folders[:2] == [f"ab-{ids[0]}", f"ab-{ids[1]}"]
        assert folders[3:5] == [f"{'x' * 90}-{ids[3]}", f"{'x' * 90}-{ids[4]}"]
        assert folders[5] == "cd" and folders[7:] == ["-rf *", "NUL"], "a client looks for those by these names"
        assert not {"", ".", ".."} & set(folders)


@clause("X48")
@pytest.mark.parametrize("face", ["15", "16"])
def test_no_job_has_the_name_that_others_have_in_common(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        small.model.start_ids_at("job", 5)
        run = small.model.add_run(small.repo, ["b", "b", "b-5", "b-5"])
        parts = [play(small, job, [("s", number)]) for number, job in enumerate(run.jobs, 1)]
        folders = ("b-5-2", "b-6", "b-5-7", "b-5-8")
        told = [expected(name, [("echo one", 1)], rows) for name, rows in zip(folders, parts, strict=True)]
        assert zipped(proxy, small, run) == {name: rows for files in told for name, rows in files.items()}


@clause("X47")
@pytest.mark.parametrize("face", ["15", "16"])
def test_an_attempt_has_its_own_zip(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        steps = {"a": [("s", 3)], "b": [("s", 4)]}
        run = waiting(small, steps)
        first = [play(small, job, steps[job.name], status="failure") for job in run.jobs]
        small.model.rerun(run.jobs[1])
        again = play(small, run.jobs[1], [("s", 7)])
        a, b, b2 = (
            expected(name, [("s", 1)], parts) for name, parts in (("a", first[0]), ("b", first[1]), ("b", again))
        )
        assert zipped(proxy, small, run, "/attempts/1") == a | b
        assert zipped(proxy, small, run, "/attempts/2") == zipped(proxy, small, run) == a | b2
        for number in (0, 3):
            assert proxy.get(f"{RUNS}/{run.id}/attempts/{number}/logs", small.token).status_code == 404


@clause("X47", "S15")
def test_earlier_attempts_that_a_server_does_not_give_are_refused_before_the_first_byte() -> None:
    """13.0.0 to 13.0.3 number attempts, and give the latest one's log alone."""
    with Small("13.0.3") as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row("first"), "test": row("other")})
        small.model.rerun(run.jobs[1])
        small.model.play(run.jobs[1], row("second"))
        found = proxy.get(f"{RUNS}/{run.id}/attempts/1/logs", small.token)
        assert (found.status_code, found.json()["cause"]) == (501, "attempt-not-provable"), found.text
        latest = b"".join(zipped(proxy, small, run).values())
        assert b"first" in latest and b"second" in latest and b"other" not in latest


@clause("X47")
@pytest.mark.parametrize("face", BY_ID)
def test_jobs_without_a_log(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = waiting(small, {"ran": [("s", 1)], "expired": [("s", 1)], "waits": [("s", 1)]})
        parts = play(small, run.jobs[0], [("s", 1)])
        play(small, run.jobs[1], [("s", 1)])
        small.model.expire(run.jobs[1].tasks[-1])
        found = zipped(proxy, small, run)
        assert found == expected("ran", [("s", 1)], parts) | {
            "1_expired.MISSING": b"logs have been cleaned up\n",
            "2_waits.MISSING": b"job has not been executed yet\n",
        }


@clause("X47")
def test_without_a_web_account_a_native_job_is_one_file() -> None:
    with Small("16") as small, Running(small.url, faces=ON) as proxy:
        run = waiting(small, {"build": [("s", 5)]})
        parts = play(small, run.jobs[0], [("s", 5)])
        assert zipped(proxy, small, run) == {"0_build.txt": b"".join(parts)}


@clause("X48", "S31")
def test_a_log_that_breaks_off_breaks_the_zip_off(small: Small, proxy: Running) -> None:
    if small.double.face.api_runs:
        run = small.add()
        where = address(proxy, f"{RUNS}/{run.id}/logs", small.token)
        small.cut(len(LOG) // 2)
        with pytest.raises(requests.RequestException):
            _ = proxy.get(where).content


# --- artifacts


@clause("X46")
@pytest.mark.parametrize("face", ["11", "12", "15", "16"])
def test_an_artifact_is_where_the_address_says(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row("a")})
        small.model.artifacts.add(run, "made 漢", {"a.txt": b"a", "b/c.txt": b"c"})
        (listed,) = proxy.get(f"{R}/actions/artifacts", small.token).json()["artifacts"]
        path = listed["archive_download_url"].removeprefix(proxy.base_url)
        assert path == f"{R}/actions/artifacts/{listed['id']}/zip"
        with zipfile.ZipFile(io.BytesIO(fetched(proxy, path, small.token).content)) as archive:
            assert {name: archive.read(name) for name in archive.namelist()} == {"a.txt": b"a", "b/c.txt": b"c"}


@clause("X46")
@pytest.mark.parametrize("face", ["15", "16"])
def test_head_gives_the_address_and_no_body(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        (job,) = small.add().jobs
        asked = proxy.base_url + f"{R}/actions/jobs/{job.id}/logs"
        headers = {"Authorization": f"token {small.token}"}
        found = proxy.session.head(asked, headers=headers, allow_redirects=False, timeout=20)
        assert found.status_code == 302
        assert proxy.get(found.headers["Location"].removeprefix(proxy.base_url)).content == LOG


# --- several proxies


@clause("X45")
@pytest.mark.parametrize("face", ["15", "16"])
def test_two_proxies_with_one_state_file_take_each_others_addresses(face: str, tmp_path: Path) -> None:
    with Small(face) as small:
        stores = [SQLiteStore(tmp_path / "facts") for _ in range(2)]
        one, other = (Running(small.url, small.web, faces=ON, store=store) for store in stores)
        with one, other, Running(small.url, small.web, faces=ON) as alone:
            (job,) = small.add().jobs
            path = f"{R}/actions/jobs/{job.id}/logs"
            for giving, taking in ((one, other), (other, one)):
                where = address(giving, path, small.token)
                assert taking.get(where).content == LOG
                assert alone.get(where).status_code == 403
        kept = (tmp_path / "facts").read_bytes()
        assert small.token.encode() not in kept
