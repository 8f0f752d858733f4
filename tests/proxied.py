"""The proxy as a process of its own in front of a server, on 127.0.0.1, and the wires on both sides of it in bytes.

Rules: whatever is shown by a process alone (signals, memory, what it has open, what it writes) is shown here; where a
test looks inside, `running.py` has the proxy in a thread, asked in the same ways (`Asked`). What it writes is kept in
files, so that a test can look for tracebacks and secrets; nothing of this process's environment but PATH and LANG gets
into it, and its home is its own. It ends with this process, whatever becomes of the tests.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import requests
from command import PROGRAM
from forgejo_shim import WebLogin
from hand import plain_session, wait
from servers import free_port


class Asked:
    """A proxy at `base_url`, and the ways to ask it; nothing of the environment comes into them."""

    base_url: str
    session: requests.Session

    def get(self, path: str, token: str = "", **more: Any) -> requests.Response:
        headers = {**({"Authorization": f"token {token}"} if token else {}), **more.pop("headers", {})}
        return self.session.get(self.base_url + path, headers=headers, allow_redirects=False, timeout=20, **more)

    def dialled(self) -> socket.socket:
        where = urlsplit(self.base_url)
        wire = socket.create_connection((where.hostname, where.port), 10)
        if where.scheme == "http":
            return wire
        return ssl.create_default_context(cafile=self.session.verify).wrap_socket(wire, server_hostname=where.hostname)


class Proxied(Asked):
    """A running proxy: `words` are further ones of `forgejo-shim serve`, `environment` what it finds there besides.

    `process` is it, `pid` its number; `out` its stdout, `said` its stderr so far. With the files of a certificate and
    its key, `tls`, it speaks https, and `session` trusts it.
    """

    def __init__(
        self,
        upstream: str | None,
        web: WebLogin | None = None,
        *words: object,
        port: int | None = None,
        tls: tuple[Path, Path] | None = None,
        environment: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.port = port or free_port()
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self.session = plain_session(tls[0] if tls else None)
        if tls:
            words = (*words, "--tls-cert", tls[0], "--tls-key", tls[1])
        self._home = Path(tempfile.mkdtemp(prefix="forgejo-shim-proxy-"))
        self.out, self.said = self._home / "stdout", self._home / "stderr"
        found = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        found["HOME"] = str(self._home)
        if web:
            found |= {"FORGEJO_SHIM_WEB_USER": web.user, "FORGEJO_SHIM_WEB_PASSWORD": web.password}
        place = ["--listen", f"127.0.0.1:{self.port}", "--drain", "1", *(["--upstream", upstream] if upstream else [])]
        command = [*PROGRAM, "serve", *place, *map(str, words)]
        with self.out.open("wb") as out, self.said.open("wb") as err:
            self.process = subprocess.Popen(command, env={**found, **environment}, stdout=out, stderr=err)
        self.pid = self.process.pid
        atexit.register(self.stop)
        wait(lambda: self.listens() and self.said.stat().st_size, "the proxy to say where it listens", 30)

    @property
    def addresses(self) -> Sequence[str]:
        """Where it can be asked."""
        return [self.base_url]

    def listens(self) -> bool:
        """Whether it takes connections; an error if it has ended."""
        assert self.process.poll() is None, f"the proxy ended: {self.log()}"
        with suppress(ConnectionError), socket.create_connection(("127.0.0.1", self.port), 5):
            return True
        return False

    def log(self) -> str:
        """Everything that it wrote so far."""
        return self.said.read_text(errors="replace") + self.out.read_text(errors="replace")

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(20)

    def stop(self) -> None:
        self.session.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self._home, ignore_errors=True)
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


# --- both wires

END = b"\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
UPGRADE = (
    b"Connection: keep-alive, Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13",
    b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==", b"Sec-WebSocket-Protocol: first, second",
    b"Origin: http://h.example:8", b"Cookie: a=b",
)  # fmt: skip


class Wire:
    """One side of a connection, read in bytes."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.connection.settimeout(10)
        self.rest = b""

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def until(self, mark: bytes) -> bytes:
        """The bytes up to a mark and with it. Raises EOFError."""
        while mark not in self.rest:
            self._more()
        data, _, self.rest = self.rest.partition(mark)
        return data + mark

    def take(self, size: int) -> bytes:
        while len(self.rest) < size:
            self._more()
        data, self.rest = self.rest[:size], self.rest[size:]
        return data

    def all(self) -> bytes:
        """Everything until the other side closes or breaks off."""
        with suppress(EOFError):
            while True:
                self._more()
        data, self.rest = self.rest, b""
        return data

    def body(self, head: bytes) -> bytes:
        """The body of a message as it is on the wire: with its chunks."""
        if b"\r\ntransfer-encoding: chunked" in head.lower():
            return self.until(b"0\r\n\r\n")
        length = re.search(rb"\r\ncontent-length: (\d+)", head.lower())
        return self.take(int(length[1])) if length else b""

    def _more(self) -> None:
        try:
            data = self.connection.recv(65536)
        except ConnectionError:
            data = b""
        if not data:
            raise EOFError
        self.rest += data


Answer = Callable[[Wire, bytes], None]


def fixed(answer: bytes) -> Answer:
    """Read the request whole and say this."""

    def say(wire: Wire, head: bytes) -> None:
        wire.body(head)
        wire.send(answer)

    return say


class Behind:
    """The server behind: `answer` is called with each request's head; `got` keeps head and body as they came."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        self.answer: Answer = fixed(OK)
        self.heads: list[bytes] = []
        self.errors: list[AssertionError] = []
        self.ended = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listening.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        wire = Wire(connection)
        with connection, suppress(EOFError, OSError):
            while True:
                head = wire.until(END)
                if head.startswith(b"GET /api/v1/version ") and b"\r\nX-Forwarded-For:" not in head:
                    fixed(OK)(wire, head)  # the proxy's own question at its start
                    continue
                self.heads.append(head)
                try:
                    self.answer(wire, head)
                except AssertionError as error:
                    self.errors.append(error)
                    raise EOFError from None

    @property
    def head(self) -> bytes:
        """The head of the only request so far."""
        (head,) = self.heads
        return head

    @property
    def lines(self) -> list[bytes]:
        return self.head.removesuffix(END).split(b"\r\n")


def request(target: bytes = b"/", *lines: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: h.example:8", *lines]) + END + body


def header(head: bytes, name: bytes) -> list[bytes]:
    """The values of a header, in order."""
    return [
        line.partition(b":")[2].strip()
        for line in head.split(b"\r\n")[1:]
        if line.lower().startswith(name.lower() + b":")
    ]
