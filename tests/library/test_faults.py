"""Servers that break, lie, forget and move things, by the double's faults: never a wrong log, never half a one."""

from __future__ import annotations

import io
import json
import re
import threading
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from command import Place
from double import Double, GeneratedLog, JobSpec
from double.messages import Request, Response, plain
from forgejo_shim import PageChanged, Saved, ShimAdapter, WebLogin
from forgejo_shim.webui import reader
from servers import free_port
from small import Small
from wire import Wire, behind

LINE = b"2026-01-02T03:04:05.0000000Z "
DOWNLOAD = r"/actions/runs/\d+/jobs/\d+(/attempt/\d+)?/logs$"
VIEW = r"/actions/runs/\d+/jobs/\d+(/attempt/\d+)?$"
FACES = ["11", "13", "15"]


class Site(Small):
    """A small place with a finished run of two jobs, and an account for the web that only reads."""

    def __init__(self, face: str, **settings: Any) -> None:
        super().__init__(face, **settings)
        self.web = WebLogin("log-reader", "s3cret-word")
        self.reader = self.model.add_user(self.web.user, self.web.password)
        self.repo.collaborators[self.reader.id] = 1
        self.logs = {
            name: b"".join(LINE + b"%d of %s\n" % (n, name.encode()) for n in range(4000))
            for name in ("build", "other")
        }
        self.run = self.add(self.logs)

    def mount(self, wire: Wire | None = None, **mounted: Any) -> tuple[requests.Session, Wire, ShimAdapter]:
        mounted = {"web": self.web, **mounted}
        return behind(self.double.url, self.token, wire, **mounted)

    def path(self, job: int = 0, query: str = "") -> str:
        full = self.repo.full_name
        return f"{self.double.url}/api/v1/repos/{full}/actions/jobs/{self.run.jobs[job].id}/logs{query}"

    def zip_path(self) -> str:
        return f"{self.double.url}/api/v1/repos/{self.repo.full_name}/actions/runs/{self.run.id}/logs"


@pytest.fixture(scope="module")
def sites() -> Iterator[dict[str, Site]]:
    with ExitStack() as stack:
        yield {face: stack.enter_context(Site(face)) for face in FACES}


@pytest.fixture(params=FACES)
def site(request: pytest.FixtureRequest, sites: dict[str, Site]) -> Iterator[Site]:
    found = sites[request.param]
    found.double.faults.clear()
    yield found
    found.double.faults.clear()


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HAND_OVER", 0.001)


@pytest.fixture
def started() -> Iterator[Callable[..., Site]]:
    """Starts sites with settings of their own."""

    def start(face: str, **settings: Any) -> Site:
        return stack.enter_context(Site(face, **settings))

    with ExitStack() as stack:
        yield start


# --- the download

CUT = (requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)


@pytest.mark.clause("S32")
@pytest.mark.parametrize("after", [0, 1, 70_000])
def test_a_download_that_breaks_off_raises(site: Site, after: int) -> None:
    session, _, _ = site.mount()
    site.double.faults.cut(DOWNLOAD, after)
    with pytest.raises(CUT):
        session.get(site.path())
    with pytest.raises(CUT):
        for _ in session.get(site.path(), stream=True).iter_content(1000):
            pass
    site.double.faults.clear()
    assert session.get(site.path()).content == site.logs["build"]


@pytest.mark.clause("S32")
def test_raw_reads_of_a_download_that_breaks_off_raise(site: Site) -> None:
    session, _, _ = site.mount()
    site.double.faults.cut(DOWNLOAD, 5000)
    response = session.get(site.path(), stream=True)
    with pytest.raises(Exception, match="(?i)incomplete|broken|reset|closed"):
        while response.raw.read(1000):
            pass


@pytest.mark.clause("S31")
@pytest.mark.parametrize("where", ["log", "zip"])
def test_a_big_log_is_never_whole_in_memory(started: Callable[..., Site], where: str) -> None:
    site = started("15")
    size = 48 << 20
    site.run = site.model.add_finished_run(site.repo, {"big": GeneratedLog(size)})
    session, _, _ = site.mount()
    tracemalloc.start()
    response = session.get(site.path() if where == "log" else site.zip_path(), stream=True)
    got = sum(len(part) for part in response.iter_content(1 << 16))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert got == size if where == "log" else got > 1000
    assert peak < 16 << 20, f"{peak >> 20} MiB at the peak"


def test_slow_bytes_are_waited_for(site: Site) -> None:
    session, _, _ = site.mount()
    site.double.faults.slow(DOWNLOAD, piece=20_000, delay=0.005)
    site.double.faults.slow(VIEW, piece=50, delay=0.001)
    assert session.get(site.path()).content == site.logs["build"]


@pytest.mark.clause("S9")
def test_the_timeout_of_the_call_holds_for_web_requests(site: Site) -> None:
    session, _, _ = site.mount()
    site.double.faults.slow(VIEW, piece=1, delay=0.6, method="POST")
    with pytest.raises(requests.exceptions.RequestException):
        session.get(site.path(), timeout=0.3)


@pytest.mark.clause("S9")
def test_verify_proxies_and_timeout_go_with_every_request(site: Site) -> None:
    session, wire, _ = site.mount()
    session.get(site.path(), timeout=(3, 7), verify=False, proxies={"no_proxy": "127.0.0.1"})
    assert len(wire.sent) > 5
    for sent in wire.sent:
        how = sent.how
        assert (how["timeout"], how["verify"]) == ((3, 7), False)
        assert how["proxies"]["no_proxy"] == "127.0.0.1"


@pytest.mark.clause("S33")
def test_a_500_at_the_hand_over_is_asked_again(site: Site) -> None:
    session, _, _ = site.mount()
    rule = site.double.faults.status(DOWNLOAD, 500, 'dbfs open "x": file does not exist', nth=1)
    assert session.get(site.path()).content == site.logs["build"]
    assert rule.fired == 1


# --- other answers than the server's

ROUTES = {
    "question": "/actions/tasks",
    "latest": "/actions/runs/latest",
    "view": VIEW,
    "download": DOWNLOAD,
    "sign-in": "^/user/login",
    "swagger": "^/swagger",
}
SPOILED: dict[str, Callable[[Double, str], Any]] = {
    "500": lambda double, path: double.faults.status(path, 500),
    "502": lambda double, path: double.faults.status(path, 502, "Bad Gateway"),
    "503": lambda double, path: double.faults.status(path, 503, "later"),
    "404": lambda double, path: double.faults.status(path, 404, "nothing here"),
    "page": lambda double, path: double.faults.html(path),
    "sign-in": lambda double, path: double.faults.login(path),
    "empty": lambda double, path: double.faults.status(path, 200, ""),
    "cut": lambda double, path: double.faults.cut(path, 0),
}


@pytest.mark.clause("S26")
@pytest.mark.parametrize("how", SPOILED)
@pytest.mark.parametrize("route", ROUTES)
def test_a_spoiled_answer_is_an_error_and_leaves_nothing_behind(site: Site, route: str, how: str) -> None:
    session, wire, _ = site.mount()
    SPOILED[how](site.double, ROUTES[route])
    try:
        response = session.get(site.path(), allow_redirects=False)
    except requests.exceptions.RequestException:
        assert how == "cut"
    else:
        if response.status_code == 200:
            assert response.content == site.logs["build"]
            assert route in ("swagger", "latest") or how == "cut", "this answer is needed"
        else:
            assert response.status_code >= (300 if route == "question" else 400)
            assert "s3cret-word" not in response.text and site.token not in response.text
    assert len(wire.sent) < 40
    site.double.faults.clear()
    session, _, _ = site.mount() if route == "sign-in" else (session, wire, None)
    assert session.get(site.path()).content == site.logs["build"]


@pytest.mark.clause("S21")
@pytest.mark.parametrize("nth", range(1, 13))
def test_a_session_lost_before_any_request(site: Site, nth: int) -> None:
    session, wire, _ = site.mount()
    site.double.faults.lost_session(".", nth=nth)
    for job in ("build", "other"):
        assert session.get(site.path(job == "other")).content == site.logs[job]
    assert len([sent for sent in wire.sent if sent.method == "POST" and sent.path == "/user/login"]) <= 2


@pytest.mark.clause("S21")
def test_a_session_lost_at_every_request_is_no_endless_loop(site: Site) -> None:
    session, wire, _ = site.mount()
    site.double.faults.lost_session("/actions/runs")
    response = session.get(site.path())
    assert response.status_code == 501 and response.json()["cause"].startswith("web-")
    assert len(wire.sent) < 30


@pytest.mark.clause("S21")
def test_the_sign_in_page_in_place_of_an_answer(site: Site) -> None:
    session, _, _ = site.mount()
    site.double.faults.login(VIEW, nth=1)
    assert session.get(site.path()).content == site.logs["build"]
    site.double.faults.login("/actions/runs/")
    response = session.get(site.path())
    assert (response.status_code, response.json()["cause"]) == (502, "page-changed"), "the settings say: signed in"


# --- settings of the server


@pytest.mark.clause("S3", "S4")
@pytest.mark.parametrize("face", ["13", "15"])
def test_swagger_switched_off_and_the_operation_absent(started: Callable[..., Site], face: str) -> None:
    site = started(face, swagger=False)
    session, wire, _ = site.mount()
    for _ in range(2):
        assert session.get(site.path()).content == site.logs["build"]
    assert [sent.status for sent in wire.api if sent.path.endswith("/logs")] == [404], "asked natively once"


@pytest.mark.clause("S2", "S3")
def test_swagger_switched_off_and_the_operation_native(started: Callable[..., Site]) -> None:
    site = started("16", swagger=False)
    session, wire, _ = site.mount()
    assert session.get(site.path()).content == site.logs["build"]
    assert session.get(site.path(query="?attempt=9")).status_code == 404
    assert {sent.path for sent in wire.web} == {"/swagger.v1.json"}


@pytest.mark.clause("P5", "S3")
@pytest.mark.parametrize("swagger", [True, False])
@pytest.mark.parametrize("face", FACES)
def test_require_signin_view(started: Callable[..., Site], face: str, swagger: bool) -> None:
    site = started(face, require_signin_view=True, swagger=swagger)
    session, _, _ = site.mount()
    assert session.get(site.path()).content == site.logs["build"]
    site.repo.private = False
    anonymous, wire, _ = behind(site.double.url, web=WebLogin("log-reader", "s3cret-word"))
    response = anonymous.get(site.path())
    assert (response.status_code, response.json()["message"]) == (403, "Only signed in user is allowed to call APIs.")
    assert {sent.path for sent in wire.web} <= {"/swagger.v1.json"}
    response = site.mount(web=None)[0].get(site.path())
    assert (response.status_code, response.json()["cause"]) == (501, "web-credentials-needed")


@pytest.mark.clause("S27", "S7")
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("root", ["https://root.example/", "http://127.0.0.1:1/deep/forge/"])
def test_a_sub_path_and_another_root_url(started: Callable[..., Site], face: str, root: str) -> None:
    site = started(face, mounted_at="/forge", root_url=root)
    session, wire, _ = site.mount()
    assert session.get(site.path(1)).content == site.logs["other"]
    assert session.get(site.path(1)).content == site.logs["other"]
    if face != "11":
        assert session.get(site.zip_path()).status_code == 200
    assert {sent.url.startswith(f"{site.double.url}/") for sent in wire.sent} == {True}
    outside = site.double.url.removesuffix("/forge") + "/api/v1/version"
    assert session.get(outside).status_code == 404, "not below the base URL: none of ours"


@pytest.mark.clause("S25")
def test_sign_in_by_password_switched_off(started: Callable[..., Site]) -> None:
    site = started("15", internal_signin=False)
    response = site.mount()[0].get(site.path())
    assert (response.status_code, response.json()["cause"]) == (501, "web-sign-in-disabled")


@pytest.mark.clause("S7")
def test_cookies_of_any_name(started: Callable[..., Site]) -> None:
    site = started("15", session_cookie="our_own")
    assert site.mount()[0].get(site.path()).content == site.logs["build"]


def test_a_dead_host() -> None:
    session, _, _ = behind(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(requests.exceptions.ConnectionError):
        session.get(f"{next(iter(session.adapters))}api/v1/repos/o/r/actions/jobs/7/logs")


@pytest.mark.clause("S7")
def test_nothing_of_netrc(site: Site, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text('machine 127.0.0.1 login o password "the owner\'s password"')
    monkeypatch.setenv("NETRC", str(netrc))
    session, wire, _ = site.mount()
    session.trust_env = True
    assert session.get(site.path()).content == site.logs["build"]
    assert all("authorization" not in sent.headers for sent in wire.web)


# --- rows that move


class Moving:
    """Runs of `gen`, `fan` (a placeholder), `last`: replacing `fan` moves `last` from index 2 to 1."""

    def __init__(self, site: Site, names: list[str]) -> None:
        self.site, self.names = site, names
        model = site.model
        site.run = model.add_run(site.repo, ["gen", JobSpec("fan", needs=("gen",), incomplete=True), "last"])
        self.last = site.run.jobs[2]
        self.bytes = LINE + b"the last of run %d\n" % site.run.number
        model.play(self.last, self.bytes)

    def move(self) -> None:
        fan = next(job for job in self.site.run.jobs if job.name == "fan")
        for job in self.site.model.replace_rows(fan, self.names):
            self.site.model.play(job, LINE + b"another job: %d\n" % job.id)


@pytest.mark.clause("S12", "S16")
@pytest.mark.parametrize(
    "names", [["fan (p)", "fan (q)"], ["last", "last"], []], ids=["others", "the same name", "none"]
)
@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("route, nth", [(VIEW, 1), (VIEW, 2), (VIEW, 3), (DOWNLOAD, 1)])
def test_rows_that_move_between_two_requests(
    sites: dict[str, Site], route: str, nth: int, warm: bool, names: list[str]
) -> None:
    site = sites["15"]
    site.double.faults.clear()
    moving, kept_run = Moving(site, names), site.run
    session, _, _ = site.mount()
    path = site.path(2)
    if warm:
        assert session.get(path).content == moving.bytes
    rule = site.double.faults.add(route, nth=nth, before=moving.move)
    response = session.get(path)
    assert response.status_code in (200, 503), response.text
    assert response.content == moving.bytes or response.json()["cause"] == "rows-moving"
    site.double.faults.clear()
    assert session.get(path).content == moving.bytes
    if not rule.fired:
        assert warm
    assert kept_run is site.run


@pytest.mark.clause("S12")
@pytest.mark.parametrize("face", FACES)
def test_a_download_of_another_job_is_refused(sites: dict[str, Site], face: str) -> None:
    """Where rows don't move one state is proof enough of the place, so the file name must be looked at."""
    site = sites[face]
    session, _, _ = site.mount()
    site.double.faults.clear()
    run = site.run = site.model.add_finished_run(site.repo, {"one": LINE + b"one\n", "two": LINE + b"two\n"})

    def of_the_other(request: Request) -> Response | None:
        request.path = re.sub(r"/jobs/0", "/jobs/1", request.path)
        return None

    site.double.faults.hook(DOWNLOAD, of_the_other)
    response = session.get(site.path())
    assert response.content != LINE + b"two\n", "another job's log"
    assert (response.status_code, response.json()["cause"]) == (502, "page-changed")
    site.double.faults.clear()
    assert run is site.run and session.get(site.path()).content == LINE + b"one\n"


# --- the zip


@pytest.mark.clause("Z4", "S31")
@pytest.mark.parametrize("face", ["13", "15"])
def test_a_log_that_breaks_in_the_zip_is_partial(started: Callable[..., Site], face: str) -> None:
    site = started(face)
    rule = site.double.faults.cut(r"/jobs/0/attempt/1/logs$", 70_000, nth=2)
    response = site.mount()[0].get(site.zip_path())
    assert rule.fired and response.status_code == 200
    archive = zipfile.ZipFile(io.BytesIO(response.content))
    stem = f"build-{site.run.jobs[0].id}-attempt-1"
    assert archive.namelist() == [f"{stem}.log", f"{stem}.PARTIAL", f"other-{site.run.jobs[1].id}-attempt-1.log"]
    kept = archive.read(f"{stem}.log")
    assert site.logs["build"].startswith(kept) and len(kept) < len(site.logs["build"])
    assert archive.read(f"{stem}.PARTIAL").startswith(b"log read failed mid-stream: ")
    assert archive.read(archive.namelist()[2]) == site.logs["other"]


@pytest.mark.clause("S31", "S32")
def test_a_zip_whose_source_dies_has_no_end(started: Callable[..., Site]) -> None:
    site = started("15")
    session, _, _ = site.mount()
    dead: list[Response] = []
    site.double.faults.hook("/actions/runs/", lambda _: dead[0] if dead else None)
    response = session.get(site.zip_path(), stream=True)
    parts = response.iter_content(100)
    data = next(parts)
    dead.append(plain(502, "Bad Gateway"))
    with pytest.raises(CUT):
        for part in parts:
            data += part
    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(data))


@pytest.mark.clause("S30")
@pytest.mark.parametrize("face", ["12", "13", "14"])
def test_attempts_in_the_zip_are_counted_or_not_guessed(started: Callable[..., Site], face: str) -> None:
    site = started(face)
    session, _, _ = site.mount()
    site.run = site.model.add_run(site.repo, ["alone", "same", "same"])
    response = session.get(site.zip_path())
    assert (response.status_code, response.json()["cause"]) == (501, "zip-attempt-unknown")
    site.run = site.model.add_run(site.repo, ["alone", "taken"])
    task = site.model.take(site.run.jobs[1])
    site.model.log(task, LINE + b"x\n")
    archive = zipfile.ZipFile(io.BytesIO(session.get(site.zip_path()).content))
    ids = [job.id for job in site.run.jobs]
    assert archive.namelist() == [f"alone-{ids[0]}-attempt-0.MISSING", f"taken-{ids[1]}-attempt-1.log"]


@pytest.mark.clause("S29")
def test_a_log_that_the_server_fails_at_hides_no_other_job() -> None:
    """The list has it without a task, its own log is the error, and the logs of the others are saved."""
    with Site("15") as site:
        build, other = site.run.jobs
        site.double.faults.hook(
            rf"/runs/{site.run.number}/jobs/0/.*logs", lambda _: plain(500, "open /x: permission denied\n")
        )
        with site.client() as client:
            jobs = client.jobs("o/r", site.run.number)
            assert [(job.id, job.task_id) for job in jobs] == [(build.id, 0), (other.id, other.task.id)]  # type: ignore[union-attr]
            with pytest.raises(PageChanged):
                client.log("o/r", build.id)
            assert client.log("o/r", other.id).read() == site.logs["other"]
        session, _, _ = site.mount()
        assert session.get(site.path().removesuffix("/logs")).json()["cause"] == "page-changed", "nothing is guessed"


@pytest.mark.clause("S29", "C14")
@pytest.mark.parametrize("face", ["14", "15"])
def test_a_log_that_does_not_come_hides_no_job_and_is_named(face: str, tmp_path: Path) -> None:
    released = threading.Event()
    with Site(face) as site:
        build, other = site.run.jobs
        stalled = site.double.faults.hook(r"/jobs/0/.*logs", lambda _: released.wait(30) and None)
        place = Place(site, tmp_path)
        try:
            listed = place.run("jobs", "o/r", "--timeout", 1, "--json", "id,status,attempt,task_id")
            told = [list(job.values()) for job in json.loads(listed.stdout)]
            attempt = 1 if face == "15" else None
            assert told == [[job.id, "success", attempt, 0] for job in (build, other)] and stalled.fired == 1
            code, sentence = place.failure("logs", "o/r", build.id, "--timeout", 1)
            assert code == 8
            assert f"it does not answer in time (job {build.id} of o/r, waited for 1 seconds); check" in sentence
            assert place.run("logs", "o/r", other.id, "--timeout", 1).stdout_bytes == site.logs["other"]
            session, _, _ = site.mount()
            said = session.get(site.zip_path(), timeout=1).json()["message"]
            assert said == f"the log of job {build.id} (build) of o/r does not come; ask again", "no name is guessed"
        finally:
            released.set()


def test_the_other_logs_of_a_run_are_saved(tmp_path: Path) -> None:
    with Site("15") as site:
        site.double.faults.hook(r"/jobs/0/.*logs", lambda _: plain(500, "open /x: permission denied\n"))
        with site.client() as client:
            saved = client.save_run_logs("o/r", site.run.number, tmp_path)
        assert [type(done) for _, done in saved] == [PageChanged, Saved]
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [site.logs["other"]]
        told = Place(site, tmp_path).run("logs", "o/r", "--run", site.run.number, "--dir", tmp_path / "by the command")
        assert told.exit_code == PageChanged.exit_code and "build" in told.stderr and "other" not in told.stderr
