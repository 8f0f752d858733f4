"""A server of git over HTTP, as git ships one: `git http-backend` behind a few lines of CGI."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from pathlib import Path

from aiohttp import web
from running import Answering


@contextmanager
def git_server(folder: Path) -> Iterator[Answering]:
    """A server that has the empty repository `o/r.git`, to which anyone may push."""
    repository = folder / "o/r.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(repository)], check=True)
    subprocess.run(["git", "-C", str(repository), "config", "http.receivepack", "true"], check=True)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()  # however long it is
        process = await asyncio.create_subprocess_exec(
            "git", "http-backend", env=environment(folder, request), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        out, _ = await process.communicate(body)
        head, _, body = out.partition(b"\r\n\r\n")
        headers = BytesParser().parsebytes(head)
        status = int(headers.get("Status", "200").split()[0])
        return web.Response(status=status, body=body, headers={"Content-Type": headers["Content-Type"]})

    with Answering(answer) as server:
        yield server


def environment(folder: Path, request: web.BaseRequest) -> dict[str, str]:
    """What CGI says of a request."""
    path, _, query = request.raw_path.partition("?")
    return {
        "PATH": os.environ["PATH"],
        "GIT_PROJECT_ROOT": str(folder),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": request.headers.get("Content-Type", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("Content-Encoding", ""),
        "HTTP_GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
        "REMOTE_USER": "o",
        "REMOTE_ADDR": "127.0.0.1",
    }
