"""A network that fails, in each way and for every verb: the same sentence, with the same cause, wherever it is met.

Rules: every failure is made by a server, a port or a proxy of this machine; one of each serves all cases.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import forgejo_shim
import pytest
import requests
import urllib3
from click.testing import CliRunner
from documents import SELF_SIGNED
from forgejo_shim.cli import main
from forgejo_shim.errors import NotNow, Unreachable
from forgejo_shim.network import broken_body, causes, for_caller, network_errors, reason
from small import LOG, Small

NAME_UNKNOWN = "its name cannot be resolved"
# Failure: the sentence, and what `requests` raises for it.
FAILURES: dict[str, tuple[str, type[Exception]]] = {
    "untrusted certificate": ("its certificate is not trusted", requests.exceptions.SSLError),
    "unknown name": (NAME_UNKNOWN, requests.exceptions.ConnectionError),
    "refused port": ("the connection is refused", requests.exceptions.ConnectionError),
    "silence": ("it does not answer in time", requests.exceptions.ReadTimeout),
    "reset": ("it resets the connection", requests.exceptions.ConnectionError),
    "hang-up": ("it closes the connection without an answer", requests.exceptions.ConnectionError),
    "TLS on a plain port": ("it does not speak TLS on this port", requests.exceptions.SSLError),
    "plain on a TLS port": ("its answer is not HTTP", requests.exceptions.ConnectionError),
    "proxy refused": ("the proxy does not answer", requests.exceptions.ProxyError),
    "proxy refuses": ("the proxy refuses to connect to it", requests.exceptions.ProxyError),
    "proxy malformed": ("the proxy's address is not valid", requests.exceptions.InvalidProxyURL),
    "no CA file": ("the CA file", OSError),
}
# What is wrong with a setting of the environment is said of the variable, before anything is asked.
SETTINGS = {
    "proxy malformed": "HTTP_PROXY is not a proxy address",
    "no CA file": "the CA file that REQUESTS_CA_BUNDLE names cannot be read",
}
LONELY: dict[str, str | None] = {"HTTP_PROXY": None, "HTTPS_PROXY": None, "NO_PROXY": "", "REQUESTS_CA_BUNDLE": None}


class Listening:
    """A port at which every connection is treated in one way."""

    def __init__(self, treat: Callable[[socket.socket], None]) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self._treat = treat
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self._kept.append(connection)
            try:
                self._treat(connection)
            except OSError:  # an alert, above all: the other side does not trust us
                connection.close()

    def close(self) -> None:
        self._socket.close()
        for connection in self._kept:
            connection.close()


def _reset(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def _hang_up(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.close()


def _tls(connection: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(SELF_SIGNED)
    connection.settimeout(5)
    context.wrap_socket(connection, server_side=True).close()


def _noise(connection: socket.socket) -> None:
    """What many TLS servers answer to plain HTTP: an alert record (RFC 8446, 6)."""
    connection.recv(65536)
    connection.sendall(b"\x15\x03\x01\x00\x02\x02\x46")
    connection.close()


def _plain(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    connection.close()


def _no_thoroughfare(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    connection.close()


@pytest.fixture(scope="module")
def net() -> Iterator[dict[str, tuple[str, dict[str, str | None]]]]:
    """By failure: the server's address, and the environment in which it fails so."""
    ways = (_tls, _reset, _hang_up, _plain, _noise, _no_thoroughfare, lambda connection: None)
    ports = [Listening(way) for way in ways]
    tls, reset, hang_up, plain, noise, proxy, silent = (f"127.0.0.1:{port.port}" for port in ports)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and not listening
        refused = f"127.0.0.1:{closed.getsockname()[1]}"
        yield {
            "untrusted certificate": (f"https://{tls}", {}),
            "unknown name": ("http://no-such-host.invalid", {}),
            "refused port": (f"http://{refused}", {}),
            "silence": (f"http://{silent}", {}),
            "reset": (f"http://{reset}", {}),
            "hang-up": (f"http://{hang_up}", {}),
            "TLS on a plain port": (f"https://{plain}", {}),
            "plain on a TLS port": (f"http://{noise}", {}),
            "proxy refused": ("http://forge.example", {"HTTP_PROXY": f"http://u:proxy-secret@{refused}"}),
            "proxy refuses": ("https://forge.example", {"HTTPS_PROXY": f"http://u:proxy-secret@{proxy}"}),
            "proxy malformed": ("http://forge.example", {"HTTP_PROXY": "http:///proxy-secret"}),
            "no CA file": (f"https://{tls}", {"REQUESTS_CA_BUNDLE": "/no/such/file.pem"}),
        }
    for port in ports:
        port.close()


VERBS = {
    "detect": ["detect", "o/r"],
    "runs": ["runs", "o/r"],
    "jobs": ["jobs", "o/r", "3"],
    "logs": ["logs", "o/r", "7"],
    "logs --run": ["logs", "o/r", "--run", "3", "--job", "build"],
    "logs URL": ["logs", "{url}/o/r/actions/runs/3/jobs/0"],
    "logs --output": ["logs", "o/r", "7", "-o", "x.log"],
    "logs --dir": ["logs", "o/r", "--run", "latest", "--dir", "logs"],
    "spec check": ["spec", "check", "{url}"],
    "spec extract": ["spec", "extract", "{url}/api.json"],
}


@pytest.mark.clause("C14")
@pytest.mark.parametrize(
    ("failure", "verb"),
    [
        (failure, verb)
        for failure in FAILURES
        for verb in VERBS
        if failure != "silence" or verb in ("detect", "runs", "logs", "logs --run", "spec check")  # a second each
    ],
)
def test_every_verb_says_why_the_network_failed(
    failure: str, verb: str, net: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.0)
    monkeypatch.chdir(tmp_path)
    url, environment = net[failure]
    account = {"FORGEJO_SHIM_WEB_USER": "u", "FORGEJO_SHIM_WEB_PASSWORD": "web-secret", "FORGEJO_TOKEN": "token-secret"}
    words = [word.format(url=url) for word in VERBS[verb]]
    timeout = ["--timeout", "1"]
    runner = CliRunner(env={**LONELY, **environment, **account, "FORGEJO_URL": url, "HOME": str(tmp_path)})
    result = runner.invoke(
        main, [*words[:2], *timeout, *words[2:]] if words[0] == "spec" else [*words, "--no-state", *timeout]
    )
    sentence, _ = FAILURES[failure]
    if failure in SETTINGS:
        assert result.exit_code == 8 and result.stdout == "" and SETTINGS[failure] in result.stderr, result.output
        return
    assert result.exit_code == 8 and result.stdout == "", result.output
    assert f"{url}" in result.stderr and f": {sentence}" in result.stderr and result.stderr.count("\n") == 1
    assert "secret" not in result.output


@pytest.mark.clause("C14")
@pytest.mark.parametrize("failure", FAILURES)
def test_a_mounted_session_raises_what_requests_raises(failure: str, net: Any, monkeypatch: Any) -> None:
    url, environment = net[failure]
    for name, value in {**LONELY, **environment}.items():
        monkeypatch.delenv(name, raising=False) if value is None else monkeypatch.setenv(name, value)
    sentence, kind = FAILURES[failure]
    asked = f"{url}/api/v1/repos/o/r/actions/jobs/7/logs"
    mounted = requests.Session()
    forgejo_shim.mount(mounted, url, web=forgejo_shim.WebLogin("u", "web-secret"))
    found = []
    for session in (requests.Session(), mounted):
        with session, pytest.raises(kind) as caught:
            session.get(asked, timeout=0.5)
        found.append(caught.value)
    plain, ours = found
    assert type(ours) is type(plain) and sentence in reason(plain) and sentence in reason(ours)
    assert [type(argument) for argument in ours.args] == [type(argument) for argument in plain.args]
    request = getattr(ours, "request", None)
    assert request is None or request.url == asked
    assert "web-secret" not in repr([(link, vars(link)) for link in causes(ours)])


def test_no_frame_of_the_shims_own_request_hangs_on_an_error() -> None:
    """Such a frame holds the web session's password or cookie."""
    with Small("15") as small, small.client() as client:
        job = small.add().jobs[0]
        client.log("o/r", job.id).close()
        small.double.faults.cut("/actions/runs/", 0)
        client.adapter.server.session.cookies["i"] = "cookie-secret"
        with pytest.raises(requests.RequestException) as caught:
            client.session.get(f"{small.url}/api/v1/repos/o/r/actions/jobs/{job.id}/logs")
        for link in causes(caught.value):
            at = link.__traceback__
            while at:
                assert "cookie-secret" not in repr(at.tb_frame.f_locals.get("headers")), at.tb_frame
                at = at.tb_next


@pytest.mark.clause("C14")
@pytest.mark.parametrize(
    ("stalls", "why"), [(False, "the answer breaks off"), (True, "it does not answer in time")], ids=["cut", "stalled"]
)
def test_an_inner_answer_that_breaks_names_the_server_and_why(stalls: bool, why: str) -> None:
    with Small("15") as small, small.client() as client:
        job, faults = small.add().jobs[0], small.double.faults
        client.log("o/r", job.id).close()
        _ = faults.slow("/actions/runs/", 10, 2.0) if stalls else faults.cut("/actions/runs/", 0)
        with pytest.raises(requests.RequestException) as caught:
            client.session.get(f"{small.url}/api/v1/repos/o/r/actions/jobs/{job.id}/logs", timeout=0.5)
        assert str(caught.value) == f"{small.url}: {why}" and reason(caught.value) == why
        with pytest.raises(Unreachable, match=f"{small.url} cannot be reached: {why}"):
            client._asking.timeout = 0.5
            client.log("o/r", job.id)


@pytest.mark.clause("C14")
@pytest.mark.parametrize("face", ["15", "16"])
def test_a_log_that_breaks_off_is_the_same_error_native_and_from_the_web(face: str) -> None:
    with Small(face) as small, small.client() as client:
        job = small.add().jobs[0]
        small.cut(300_000)
        with pytest.raises(Unreachable, match="broke off in the middle of the log: the answer breaks off"):
            client.log("o/r", job.id).read()
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            client.session.get(f"{small.url}/api/v1/repos/o/r/actions/jobs/{job.id}/logs")
        assert len(LOG) > 300_000


@pytest.mark.clause("C14")
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"Client sent an HTTP request to an HTTPS server.\n", "Go"),
        (b"<html>The plain HTTP request was sent to HTTPS port", "nginx"),
        (b"Reason: You're speaking plain HTTP to an SSL-enabled server port.<br />", "Apache"),
    ],
)
def test_a_server_that_wants_tls_and_says_so_in_plain_http(body: bytes, kind: str) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(400)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    with forgejo_shim.Client(f"http://127.0.0.1:{server.server_address[1]}", timeout=5) as client:
        for ask in (lambda: client.runs("o/r"), lambda: client.log("o/r", 7), lambda: client.jobs("o/r", 3)):
            with pytest.raises(forgejo_shim.NotForgejo, match="https://"):
                ask()
    server.shutdown()
    server.server_close()


def test_words_for_a_broken_network_are_our_own() -> None:
    assert reason(ValueError("http://u:secret@proxy")) == "the connection fails"
    expired = ssl.SSLCertVerificationError(1, "certificate verify failed")
    certificate = OSError()
    certificate.certificate_error = expired  # type: ignore[attr-defined]  # as aiohttp's ClientConnectorCertificateError
    assert reason(certificate) == FAILURES["untrusted certificate"][0]
    unknown = socket.gaierror(-2, "x")
    for error in (requests.ConnectionError(unknown), urllib3.exceptions.MaxRetryError(None, "/", unknown)):  # type: ignore[arg-type]
        assert reason(error) == NAME_UNKNOWN


def test_an_error_of_the_shims_own_comes_through_as_it_is() -> None:
    busy = NotNow("the server is busy", cause="upstream-busy")
    torn = urllib3.exceptions.ProtocolError("the answer breaks off")
    torn.__cause__ = busy
    with pytest.raises(NotNow) as caught, network_errors("http://f"):
        raise requests.exceptions.ChunkedEncodingError(torn)
    assert caught.value is busy
    with pytest.raises(FileNotFoundError), network_errors("http://f"):
        raise FileNotFoundError("a file's error is not the network's")


def test_a_broken_body_is_what_requests_makes_of_it() -> None:
    for under, kind in (
        (urllib3.exceptions.ProtocolError("x"), requests.exceptions.ChunkedEncodingError),
        (urllib3.exceptions.SSLError("x"), requests.exceptions.SSLError),
        (urllib3.exceptions.ReadTimeoutError(None, "/", "x"), requests.exceptions.ConnectionError),  # type: ignore[arg-type]
    ):
        broken = RuntimeError("x")
        broken.__cause__ = under
        error = broken_body(broken, None)
        assert type(error) is kind and under in causes(error)
    request = requests.Request("GET", "http://f/").prepare()
    kept = for_caller(requests.ConnectTimeout("x", request=requests.Request("GET", "http://other/").prepare()), request)
    assert type(kept) is requests.ConnectTimeout and kept.request is request
