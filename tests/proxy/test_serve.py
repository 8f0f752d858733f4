"""The command `forgejo-shim serve`: how it starts, what it refuses, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest
import requests
from command import Place
from forgejo_shim.cli.serve import with_secret_files
from forgejo_shim.cli.serve_options import parse_address, parse_identity_header, parse_network
from forgejo_shim.errors import ShimError
from hand import wait
from proxied import Proxied
from running import log_path
from servers import free_port
from small import LOG, Small

ROOT = Path(__file__).resolve().parents[2]


def served(place: Place, *words: object, **environment: str) -> Proxied:
    """The command in a place: server and account come from its environment."""
    return Proxied(None, None, "--drain", "30", *words, environment={**place.environment, **environment})


def test_it_serves_and_says_where(web: Place, tmp_path: Path) -> None:
    path = log_path(web.small)
    with served(web, "--upstream", web.small.url) as proxy:
        assert proxy.said.read_text() == (
            f"forgejo-shim: {proxy.base_url} in front of {web.small.url}, web account o\n"
        )
        assert proxy.get(path, web.small.token).content == LOG
        assert proxy.get("/-/shim/readyz").json()["ready"] is True
        assert proxy.end() == 0
        lines = [json.loads(line) for line in proxy.out.read_text().splitlines()]
        assert [line["path"] for line in lines] == [path, "/-/shim/readyz"], "written at the end, too"
        assert web.small.web.password not in proxy.said.read_text() + proxy.out.read_text()


def test_its_own_pages_at_an_address_of_their_own(web: Place, tmp_path: Path) -> None:
    own = free_port()
    more = ("--admin-listen", f"127.0.0.1:{own}", "--no-access-log")
    with served(web, *more) as proxy:
        assert proxy.get("/-/shim/metrics").status_code == 404
        assert requests.get(f"http://127.0.0.1:{own}/-/shim/metrics", timeout=5).ok
        assert requests.get(f"http://127.0.0.1:{own}/api/v1/version", timeout=5).status_code == 404
        assert proxy.end(signal.SIGINT) == 0
        assert proxy.out.read_bytes() == b""


def test_facts_survive_a_restart(web: Place, tmp_path: Path) -> None:
    path = log_path(web.small)
    costs = []
    for _ in range(2):
        before = len(web.small.double.requests)
        with served(web, "--state", tmp_path / "kept" / "facts.sqlite3") as proxy:
            assert proxy.get(path, web.small.token).content == LOG
            proxy.end()
        costs.append(len(web.small.double.requests) - before)
    assert costs[1] < costs[0]


@pytest.mark.clause("O11")
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("is_there", [True, False], ids=["uvloop", "no uvloop"])
def test_it_serves_in_the_loop_that_is_there(web: Place, tmp_path: Path, is_there: bool, workers: int) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError")
    path = log_path(web.small)
    environment = {} if is_there else {"PYTHONPATH": str(tmp_path)}
    with served(web, "--workers", workers, **environment) as proxy:
        assert proxy.get(path, web.small.token).content == LOG
        below = Path(f"/proc/{proxy.pid}/task/{proxy.pid}/children").read_text().split()
        assert len(below) == (workers if workers > 1 else 0)
        for pid in below or [proxy.pid]:
            assert ("/uvloop/" in Path(f"/proc/{pid}/maps").read_text()) is is_there
        assert proxy.end() == 0


def test_the_account_is_read_from_files(web: Place, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(web.small.web.password + "\n")
    del web.environment["FORGEJO_SHIM_WEB_PASSWORD"]
    with served(web, FORGEJO_SHIM_WEB_PASSWORD_FILE=str(secret)) as proxy:
        assert proxy.get("/-/shim/readyz").json()["web_session"]["says"] == "signed in"


# --- the end


def test_answers_under_way_may_end(web: Place, tmp_path: Path) -> None:
    path = log_path(web.small)
    with served(web) as proxy:
        stopping = threading.Event()
        web.small.double.faults.held(r"/logs$", 8192, stopping)
        with proxy.get(path, web.small.token, stream=True) as answer:
            proxy.process.send_signal(signal.SIGTERM)
            wait(lambda: not _accepts(proxy.port), "the listening to end", 5)
            assert proxy.process.poll() is None
            stopping.set()
            assert answer.content == LOG
        assert proxy.process.wait(10) == 0


def test_an_upload_under_way_may_end(tmp_path: Path) -> None:
    """A body that still comes in is taken to its end."""
    with Small("15") as small, socket.create_server(("127.0.0.1", 0)) as behind:
        place = Place(small, tmp_path / "home")
        place.environment["FORGEJO_URL"] = f"http://127.0.0.1:{behind.getsockname()[1]}"
        with served(place) as proxy, socket.create_connection(("127.0.0.1", proxy.port), 10) as front:
            behind.settimeout(10)
            at_its_start, _ = behind.accept()  # the proxy's own question
            front.sendall(b"PUT /x HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc")
            behind.settimeout(10)
            wire, _ = behind.accept()
            wire.settimeout(10)
            got = b""
            while b"abc" not in got:
                got += wire.recv(65536)
            proxy.process.send_signal(signal.SIGTERM)
            wait(lambda: not _accepts(proxy.port), "the listening to end", 5)
            front.sendall(b"def")
            assert wire.recv(3) == b"def"
            wire.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok")
            front.settimeout(10)
            answer = b""
            while part := front.recv(65536):
                answer += part
            assert answer.startswith(b"HTTP/1.1 201") and answer.endswith(b"ok")
            assert proxy.process.wait(10) == 0
            wire.close()
            at_its_start.close()


@pytest.mark.parametrize("words, signals", [(("--drain", "0.3"), 1), ((), 2)], ids=["time is up", "second signal"])
def test_what_does_not_end_is_ended(web: Place, tmp_path: Path, words: tuple[str, ...], signals: int) -> None:
    path = log_path(web.small)
    with served(web, *words) as proxy:
        web.small.double.faults.slow(r"/logs$", piece=100, delay=0.05)
        with proxy.get(path, web.small.token, stream=True) as answer:
            for _ in range(signals):
                proxy.process.send_signal(signal.SIGTERM)
                wait(lambda: not _accepts(proxy.port), "the listening to end", 5)
            assert proxy.process.wait(20) == 0, (
                "the answer would take minutes, and the default of --drain is 30 seconds"
            )
            with pytest.raises(requests.RequestException):
                _ = answer.content
        (line,) = [json.loads(line) for line in proxy.out.read_text().splitlines()]
        assert line["broken"] is True, "logged all the same"


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- bad input


def test_a_port_in_use(web: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, said = web.failure("serve", "--listen", f"127.0.0.1:{port}")
    assert code == 1 and f"cannot listen on http://127.0.0.1:{port} (address already in use)" in said


@pytest.mark.parametrize("option", ["--listen", "--admin-listen"])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_nobody_knows(web: Place, option: str, workers: int) -> None:
    words = ("serve", "--workers", workers, "--listen", f"127.0.0.1:{free_port()}", option, "127.0.0.1:0")
    ended = web.process(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert b"name the port to listen on" in ended.communicate(timeout=20)[1] and ended.returncode == 2
    finally:
        ended.kill()


@pytest.mark.parametrize("address", ["8080", "host:", ":8080", "host:99999", "::1:80", "http://h:80", "h:8o", "[::1]"])
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(click.BadParameter):
        parse_address(address)


def test_addresses_and_networks() -> None:
    assert parse_address("[::1]:80") == ("::1", 80)
    assert parse_address("a.example:0") == ("a.example", 0)
    assert str(parse_network("10.1.2.3")) == "10.1.2.3/32"
    with pytest.raises(click.BadParameter):
        parse_network("10.0.0.1/8")


@pytest.mark.parametrize(
    "words, code",
    [
        (("--keep", "31"), 2),
        (("--keep", "-1"), 2),
        (("--streams-per-caller", "0"), 2),
        (("--upstream", "ftp://x"), 2),
        (("--upstream", "http://u:S3cret@h"), 2),
        (("--web-password", "S3cret"), 2),
        (("--trust", "everybody"), 2),
        (("--identity-header", "Authorization"), 2),
    ],
)
def test_bad_options(web: Place, words: tuple[str, ...], code: int) -> None:
    found, said = web.failure("serve", *words)
    assert found == code and "S3cret" not in said


@pytest.mark.parametrize(
    "name", ["", "a b", "X:", "é", "Authorization", "COOKIE", "host", "Transfer_Encoding", "Connection"]
)
def test_a_header_that_cannot_sign_in(name: str) -> None:
    with pytest.raises(click.BadParameter, match="such as X-Remote-User"):
        parse_identity_header(name)


def test_a_header_that_signs_in_is_known_in_every_spelling() -> None:
    assert parse_identity_header("X_Remote-User") == "x-remote-user"


def test_credentials_in_files(tmp_path: Path) -> None:
    name = "FORGEJO_SHIM_WEB_PASSWORD"
    (tmp_path / "secret").write_bytes(b" p w \r\n")
    assert with_secret_files({f"{name}_FILE": str(tmp_path / "secret")})[name] == " p w "
    assert name not in with_secret_files({f"{name}_FILE": ""})
    (tmp_path / "bytes").write_bytes(b"\xff")
    for path, reason in ((tmp_path / "bytes", "not UTF-8"), (tmp_path / "none", "No such file")):
        with pytest.raises(ShimError, match=reason):
            with_secret_files({f"{name}_FILE": str(path)})
    with pytest.raises(click.UsageError, match="not both"):
        with_secret_files({name: "p", f"{name}_FILE": str(tmp_path / "secret")})


@pytest.mark.parametrize("missing", ["aiohttp", "cryptography", "prometheus_client"])
def test_without_the_extra(web: Place, missing: str) -> None:
    program = f"import sys; sys.modules[{missing!r}] = None; from forgejo_shim.cli import main; main(['serve'])"
    done = subprocess.run([sys.executable, "-c", program], env=web.environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == "forgejo-shim: the proxy needs further packages: pip install 'forgejo-shim[proxy]'\n"


def test_the_other_verbs_need_no_extra() -> None:
    program = "import sys; from forgejo_shim.cli import main; print('aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"


# --- the container


def test_the_image_is_run_by_nobody_in_particular() -> None:
    text = (ROOT / "shim" / "Dockerfile").read_text()
    assert "\nUSER 10001:10001\n" in text and "HEALTHCHECK" in text
    assert "ProxyHandler({})" in text, "the container asks itself, whatever HTTP_PROXY says"
    assert text.index("USER") < text.index("ENTRYPOINT")
    compose = (ROOT / "shim/deploy/compose.small.yml").read_text()
    for wanted in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", "dockerfile: shim/Dockerfile"):
        assert wanted in compose
