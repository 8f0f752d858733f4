"""`serve --workers N`: a parent and its workers, how they begin, what they share, and how they end."""

from __future__ import annotations

import json
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
import requests
from certificates import certificate
from command import Place
from forgejo_shim.errors import ShimError
from forgejo_shim.proxy import workers
from forgejo_shim.proxy.serve import Address
from forgejo_shim.proxy.worker import in_turn
from forgejo_shim.proxy.workers import LONGEST, Workers, opened, pause
from hand import wait
from proxied import Proxied
from running import log_path
from servers import free_port
from small import LOG
from test_tls import WithTls

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="not run: workers need Linux")
TWO = ("--workers", "2", "--drain", "30")
OPERATION = 'operation="/repos/{owner}/{repo}/actions/jobs/{job_id}/logs"'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the parent makes the workers' folder."""
    (tmp_path / "tmp").mkdir()
    return tmp_path / "tmp"


@pytest.fixture
def two(web: Place, folder: Path) -> Iterator[Proxied]:
    with served(web, folder) as proxy:
        yield proxy
        assert "Traceback" not in proxy.log()


def served(place: Place, folder: Path, *words: object, **environment: str) -> Proxied:
    """Two workers, both of which are there."""
    told = {**place.environment, "TMPDIR": str(folder), **environment}
    proxy = Proxied(None, None, *TWO, *words, environment=told)
    wait(lambda: len(children(proxy)) == 2, "both workers", 10)
    return proxy


def children(proxy: Proxied) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text().split()}


def is_gone(pid: int) -> bool:
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


def ask(proxy: Proxied, path: str, token: str = "", times: int = 16) -> list[requests.Response]:
    """The same request by as many connections: the system shares them out among the workers."""
    headers = {"Authorization": f"token {token}"} if token else {}
    return [requests.get(f"{proxy.base_url}{path}", headers=headers, timeout=20) for _ in range(times)]


def replaced(proxy: Proxied) -> None:
    """Kill one, and wait for another."""
    before = children(proxy)
    os.kill(min(before), signal.SIGKILL)
    wait(lambda: len(children(proxy) - {min(before)}) == 2, "another one", 10)


def figure(proxy: Proxied, name: str) -> float:
    (answer,) = ask(proxy, "/-/shim/metrics", times=1)
    found = re.findall(rf"^forgejo_shim_{re.escape(name)} (\S+)$", answer.text, re.MULTILINE)
    return sum(map(float, found))


def logged(proxy: Proxied, count: int) -> list[dict[str, object]]:
    wait(lambda: proxy.out.read_bytes().count(b"\n") >= count, f"{count} lines of the log", 10)
    return [json.loads(line) for line in proxy.out.read_text().splitlines()]


# --- what they do, and share


@pytest.mark.clause("O5", "O9", "O10")
def test_both_serve_with_one_sign_in(two: Proxied, web: Place, folder: Path) -> None:
    assert two.said.read_text() == (
        f"forgejo-shim: {two.base_url} in front of {web.small.url}, web account o; 2 workers\n"
    )
    path = log_path(web.small)
    assert all(answer.content == LOG for answer in ask(two, path, web.small.token))
    assert len({str(line["id"]).partition("-")[0] for line in logged(two, 16)}) == 2, "one that both have answered"
    assert [seen.method for seen in web.small.double.requests if seen.path == "/user/login"] == ["POST"]
    (made,) = folder.iterdir()
    assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in made.glob("s*.*")} == {0o600}
    for pid in children(two):
        assert web.small.web.password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
    assert two.end() == 0
    assert list(folder.iterdir()) == []


@pytest.mark.clause("O9")
def test_a_refused_sign_in_is_tried_once(web: Place, folder: Path) -> None:
    path = log_path(web.small)
    with served(web, folder, FORGEJO_SHIM_WEB_PASSWORD="wrong") as proxy:
        answers = ask(proxy, path, web.small.token)
        assert {answer.status_code for answer in answers} == {501}
        assert {answer.json()["cause"] for answer in answers} == {"web-sign-in-refused"}
        assert all(int(answer.headers["Retry-After"]) > 200 for answer in answers)
        assert len({str(line["id"]).partition("-")[0] for line in logged(proxy, 16)}) == 2
        assert [seen.method for seen in web.small.double.requests if seen.path == "/user/login"] == ["POST"]
        assert proxy.said.read_text().count("web account") == 2, "at the start, and of the refusal"


@pytest.mark.clause("O9")
def test_a_signed_address_is_good_at_each(web: Place, folder: Path) -> None:
    path = log_path(web.small).replace("/api/v1/", "/api/v3/")
    with served(web, folder, "--face", "github") as proxy:
        headers = {"Authorization": f"token {web.small.token}"}
        moved = requests.get(f"{proxy.base_url}{path}", headers=headers, allow_redirects=False, timeout=20)
        assert moved.status_code == 302
        signed = moved.headers["Location"].removeprefix(proxy.base_url)
        assert [answer.content for answer in ask(proxy, signed, times=8)] == [LOG] * 8


@pytest.mark.clause("O8")
def test_the_figures_of_any_are_those_of_all(web: Place, folder: Path) -> None:
    path, own = log_path(web.small), free_port()
    with served(web, folder, "--admin-listen", f"127.0.0.1:{own}") as proxy:
        ask(proxy, path, web.small.token)
        proxy.base_url = f"http://127.0.0.1:{own}"
        for _ in range(6):
            assert figure(proxy, f'requests_total{{backend="web",{OPERATION},status="200"}}') == 16
            assert figure(proxy, f"request_seconds_count{{{OPERATION}}}") == 16
        wait(lambda: figure(proxy, "sign_ins_total") == 1, "what others count", 5)
        text = proxy.get("/-/shim/metrics").text
        assert "pid=" not in text and "# HELP forgejo_shim_requests_total Requests answered." in text
        assert requests.get(f"http://127.0.0.1:{proxy.port}/-/shim/metrics", timeout=5).status_code == 404


@pytest.mark.clause("X32")
def test_a_server_that_is_itself(folder: Path) -> None:
    port = free_port()
    with Proxied(f"http://127.0.0.1:{port}", None, *TWO, port=port, environment={"TMPDIR": str(folder)}) as proxy:
        assert {answer.status_code for answer in ask(proxy, "/x", times=6)} == {508}
        assert proxy.said.read_text().count("is this proxy itself") == 1


@pytest.mark.clause("O10")
def test_lines_are_written_whole(tmp_path: Path) -> None:
    reading, writing = os.pipe()

    def write(data: bytes) -> None:
        for start in range(0, len(data), 4096):
            os.write(writing, data[start : start + 4096])

    texts = [letter * 50_000 + b"\n" for letter in (b"a", b"b", b"c")]
    threads = [threading.Thread(target=in_turn(tmp_path, write), args=[text]) for text in texts]
    with open(reading, "rb") as file:
        for thread in threads:
            thread.start()
        assert sorted(file.readline() for _ in texts) == texts
    for thread in threads:
        thread.join()
    os.close(writing)


# --- one that dies


@pytest.mark.clause("O5", "O8")
def test_one_that_dies_is_followed_by_another(two: Proxied, web: Place) -> None:
    path, since = log_path(web.small), figure(two, "start_time_seconds")
    ask(two, path, web.small.token)
    for _ in range(2):
        replaced(two)
        assert all(answer.content == LOG for answer in ask(two, path, web.small.token))
    assert figure(two, f'requests_total{{backend="web",{OPERATION},status="200"}}') == 48
    assert figure(two, "start_time_seconds") == since, "they go on counting"
    said = two.said.read_text().splitlines()[1:]
    assert said[0] == "forgejo-shim: a worker ended by signal 9; the next one starts now" and len(said) == 2


@pytest.mark.clause("O8")
def test_streams_of_one_that_died_are_not_open(two: Proxied, web: Place) -> None:
    path = log_path(web.small)
    web.small.double.faults.slow(r"/logs$", piece=100, delay=0.05)
    with two.get(path, web.small.token, stream=True):
        wait(lambda: figure(two, 'open_streams{kind="log"}') == 1, "a stream", 5)
        for pid in children(two):
            os.kill(pid, signal.SIGKILL)
        wait(lambda: len(children(two)) == 2, "others", 10)
        assert figure(two, 'open_streams{kind="log"}') == 0


@pytest.mark.clause("O5")
def test_the_waits_grow() -> None:
    assert [pause(failures) for failures in range(1, 5)] == [0, 1, 2, 4]
    assert pause(50) == LONGEST


@pytest.fixture(params=[0, 1100], ids=["few", "many"])
def open_files(request: pytest.FixtureRequest) -> Iterator[None]:
    """As many more open files: each of 256 workers has several sockets."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limits[1] < 4096:
        pytest.skip("not run: this system allows no 4096 open files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, limits[1]))
    with ExitStack() as stack:
        for _ in range(request.param):
            stack.enter_context(open(os.devnull))
        yield
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.clause("O5")
@pytest.mark.usefixtures("open_files")
def test_none_that_comes_up_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "LONGEST", 0.01)

    def work(*_: object) -> None:
        raise ShimError("it cannot be", 500)

    def ready() -> None:
        raise AssertionError

    parent = Workers(2, [Address("127.0.0.1", free_port())], tmp_path, work, 1, ready)
    with pytest.raises(ShimError, match="no worker came up: the last one ended with exit code 1; see the lines above"):
        parent.run()
    assert capfd.readouterr().err.count("it cannot be\n") >= 2 * workers.TRIES


@pytest.mark.clause("O5")
def test_without_a_folder_for_what_they_share(web: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")
    code, said = web.failure("serve", *TWO, "--listen", f"127.0.0.1:{free_port()}")
    assert code == 1 and "--workers needs a folder that can be written to" in said and "TMPDIR" in said


# --- the end


@pytest.mark.clause("O6")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("to_all", [False, True], ids=["the parent", "all, as systemd does"])
def test_answers_under_way_may_end(two: Proxied, web: Place, number: int, to_all: bool) -> None:
    path = log_path(web.small)
    stopping = threading.Event()
    web.small.double.faults.held(r"/logs$", 8192, stopping)
    with two.get(path, web.small.token, stream=True) as answer:
        for pid in [*(children(two) if to_all else ()), two.pid]:
            os.kill(pid, number)
        wait(lambda: not accepts(two.port), "the listening to end", 5)
        wait(lambda: len(children(two)) == 1, "the idle one to end", 5)
        assert two.process.poll() is None
        stopping.set()
        assert answer.content == LOG
    assert two.process.wait(10) == 0
    assert len(two.said.read_text().splitlines()) == 1


@pytest.mark.clause("O6")
def test_a_signal_to_workers_alone_changes_nothing(two: Proxied, web: Place) -> None:
    """One that ended slowly by itself would leave connections waiting, since its place listens on."""
    path, stopping = log_path(web.small), threading.Event()
    web.small.double.faults.held(r"/logs$", 8192, stopping)
    with two.get(path, web.small.token, stream=True) as answer:
        before = children(two)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            for pid in before:
                os.kill(pid, number)
        assert {one.status_code for one in ask(two, "/-/shim/healthz")} == {200}
        assert children(two) == before
        stopping.set()
        assert answer.content == LOG
    assert two.end() == 0


@pytest.mark.clause("O6")
@pytest.mark.parametrize("words, signals", [(("--drain", "0.3"), 1), ((), 2)], ids=["time is up", "second signal"])
def test_what_does_not_end_is_ended(web: Place, folder: Path, words: tuple[str, ...], signals: int) -> None:
    path = log_path(web.small)
    web.small.double.faults.slow(r"/logs$", piece=100, delay=0.05)
    with served(web, folder, *words) as proxy, proxy.get(path, web.small.token, stream=True) as answer:
        for _ in range(signals):
            proxy.process.send_signal(signal.SIGINT)
            wait(lambda: not accepts(proxy.port), "the listening to end", 5)
        assert proxy.process.wait(20) == 0
        with pytest.raises(requests.RequestException):
            _ = answer.content


@pytest.mark.clause("O6")
def test_none_stays_without_its_parent(web: Place, folder: Path) -> None:
    path = log_path(web.small)
    with served(web, folder) as proxy:
        ask(proxy, path, web.small.token)
        pids = children(proxy)
        proxy.process.kill()
        for pid in pids:
            wait(lambda pid=pid: is_gone(pid), "the worker to end", 10)  # type: ignore[misc]
        assert not accepts(proxy.port)
        assert list(folder.iterdir()) == [], "nor does a session"


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- the certificate


@pytest.mark.clause("O7")
def test_each_has_the_new_certificate(web: Place, tmp_path: Path) -> None:
    with WithTls(web, tmp_path, *TWO) as proxy:
        cert, key = proxy.files
        assert {proxy.shown() for _ in range(8)} == {"first"}
        for mine, new in zip(proxy.files, certificate(tmp_path, "second"), strict=True):
            new.replace(mine)
        proxy.hang_up(f"the certificate was read again from {cert}")
        wait(lambda: {proxy.shown() for _ in range(8)} == {"second"}, "the new certificate at both", 5)
        key.write_text("no key")
        proxy.hang_up("the certificate is still the one from before")
        assert len(proxy.said.read_text().splitlines()) == 3, "each line once"
        replaced(proxy)
        assert {proxy.shown() for _ in range(8)} == {"second"}, "also at one that began after the files went bad"
        assert proxy.end() == 0


# --- addresses


@pytest.mark.clause("O5")
@pytest.mark.parametrize("option", ["--listen", "--admin-listen"])
def test_an_address_that_is_taken_is_one_message(two: Proxied, web: Place, option: str) -> None:
    taken = f"127.0.0.1:{two.port}"
    words = ("--listen", f"127.0.0.1:{free_port()}", option, taken)
    ended = web.process("serve", *TWO, *words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, said = ended.communicate(timeout=20)
    why = "(address already in use); choose another address"
    assert ended.returncode == 1 and out == b""
    assert said.decode() == f"forgejo-shim: cannot listen on http://{taken} {why}\n"


@pytest.mark.clause("O5")
def test_each_has_sockets_of_its_own() -> None:
    port = free_port()
    found = opened(Address("127.0.0.1", port), 3)
    numbers = [one.fileno() for address in found for one in address.sockets]
    assert len(set(numbers)) == 3
    with socket.create_connection(("127.0.0.1", port), 5):
        for address in found:
            for one in address.sockets:
                one.close()
    with pytest.raises(ShimError, match="cannot listen on http://h.invalid:1"):
        opened(Address("h.invalid", 1), 2)


@pytest.mark.clause("O5")
def test_one_has_no_parent(web: Place, folder: Path) -> None:
    told = {**web.environment, "TMPDIR": str(folder)}
    with Proxied(None, None, "--workers", "1", environment=told) as proxy:
        assert children(proxy) == set() and list(folder.iterdir()) == []
        assert "workers" not in proxy.said.read_text()
