"""nginx and Caddy run for real from the files in shim/deploy/, and servers that say who they are.

Rules: of a file only what its own comments call yours is set otherwise: addresses, the site's name, nginx's log. What
has no door here is 'not run', with the reason.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
from certificates import certificate
from hand import wait
from nginx import PROGRAM as NGINX
from running import Answer
from servers import free_port

DEPLOY = Path(__file__).parents[1] / "shim/deploy"
CADDY = shutil.which("caddy")
PROGRAMS = {"nginx": NGINX, "caddy": CADDY}
MAIN = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  include {included};
}}
"""
Door = Callable[[Path, str, Sequence[str]], AbstractContextManager[str]]


def set_to(text: str, *pairs: tuple[str, str]) -> str:
    """A file's text with other values in the place of those that stand there once each."""
    for old, new in pairs:
        assert text.count(old) == 1, f"{old!r} is there {text.count(old)} times"
        text = text.replace(old, new)
    return text


@contextmanager
def nginx_door(
    folder: Path, forgejo: str, shims: Sequence[str], port: int | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """The address of nginx in front of a Forgejo and shims, run from nginx.conf; https with a certificate, `tls`."""
    assert NGINX
    port = port or free_port()
    cert_file, key_file = tls or certificate(folder, "forge.example")
    first, second = re.findall(r"    server 127\.0\.0\.1:80.*\n", text := (DEPLOY / "nginx.conf").read_text())
    lines = [first.replace("127.0.0.1:8080", urlsplit(shim).netloc) for shim in shims]
    included = folder / "forgejo.conf"
    included.write_text(
        set_to(
            text,
            ("server 127.0.0.1:3000;", f"server {urlsplit(forgejo).netloc};"),
            (first + second, "".join(lines)),
            ("listen 443 ssl;", f"listen 127.0.0.1:{port}{' ssl' if tls else ''};"),
            ("forge.example.pem;", f"{cert_file};"),
            ("forge.example.key;", f"{key_file};"),
            ("/var/log/nginx/forgejo.log", f"{folder}/access.log"),
        )
    )
    config = folder / "nginx.conf"
    config.write_text(MAIN.format(folder=folder, included=included))
    command = [NGINX, "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
    with running(command, port, folder / "error.log"):
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"


@contextmanager
def caddy_door(folder: Path, forgejo: str, shims: Sequence[str]) -> Iterator[str]:
    """The address of Caddy in front of a Forgejo and shims, run from Caddyfile."""
    assert CADDY
    port = free_port()
    site = {"FORGEJO_SITE": f"http://127.0.0.1:{port}", "FORGEJO": urlsplit(forgejo).netloc}
    site["SHIMS"] = " ".join(urlsplit(shim).netloc for shim in shims)
    adapted = json.loads(caddy(folder, "adapt", **site).stdout)
    adapted["admin"] = {"disabled": True}  # it listens at one port for all
    config = folder / "caddy.json"
    config.write_text(json.dumps(adapted))
    with running([CADDY, "run", "--config", str(config)], port, folder / "caddy.log", home(folder)):
        yield f"http://127.0.0.1:{port}"


DOORS: dict[str, Door] = {"nginx": nginx_door, "caddy": caddy_door}


def home(folder: Path) -> dict[str, str]:
    """An environment in which a program keeps what it keeps in a folder."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder)}


def caddy(folder: Path, verb: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A verb of Caddy's on the file as it is shipped; an error if it is not taken."""
    words = [str(CADDY), verb, "--adapter", "caddyfile", "--config", str(DEPLOY / "Caddyfile")]
    environment = {**home(folder), **variables}
    return subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60)


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, environment: dict[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens at a port; it ends in the end."""
    with log.open("wb") as out:
        process = subprocess.Popen(command, env=environment, stdout=out, stderr=out)
    try:
        wait(lambda: _listens(port) or process.poll() is not None, "a door to listen", 20)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def _listens(port: int) -> bool:
    with suppress(ConnectionError), socket.create_connection(("127.0.0.1", port), 5):
        return True
    return False


def who(name: str) -> Answer:
    """What answers with its name and what it was asked, and reads bodies whole."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        size = len(await request.read())
        peer = request.transport.get_extra_info("peername")[1] if request.transport else 0
        headers = [(key.lower(), value) for key, value in request.headers.items()]
        told = {"who": name, "path": request.raw_path, "headers": headers, "peer": peer, "size": size}
        return web.json_response(told | {"method": request.method})

    return answer


def asked(base_url: str, *targets: str, method: str = "GET", **headers: str) -> list[tuple[int, dict[str, Any]]]:
    """Status and answer to each target, sent as it is on one connection; {} for an answer that is no JSON."""
    connection = http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=20)
    found = []
    for target in targets:
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in {"Content-Length": "0", **headers}.items() if method != "GET" else headers.items():
            connection.putheader(name.replace("_", "-"), value)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        found.append((answer.status, json.loads(body) if is_json else {}))
    connection.close()
    return found
