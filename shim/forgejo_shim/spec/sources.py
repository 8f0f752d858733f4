"""Where a document comes from: a file, stdin, an address, a live server, a commit of git, or the contract itself.

    spec/head.yaml · - · https://forge.example · https://forge.example/spec.json · git:v1.2:spec/head.yaml · contract

Rules: what cannot be loaded whole is an error of one sentence, never an empty document; nothing is read past `LIMIT`.
An address that ends in .json, .yaml, .yml or .tmpl, or has a query, is a document's; any other is a Forgejo's. The
token goes to `/api` of the server that it is for and nowhere else, whatever redirects; no redirect leads from https to
http. A document's name is for people: without query and fragment, which can hold credentials.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from importlib.resources import files
from posixpath import join, normpath
from typing import IO, Any
from urllib.parse import quote, unquote, urljoin, urlsplit

import requests
from requests.auth import AuthBase

from ..address import base_url_of
from ..client_session import REDIRECTS
from ..environment import Session
from ..errors import ShimError, Unreadable
from ..network import reaching
from ..operations import API
from .document import Beside, Document, parse
from .shape import NotSwagger

LIMIT = 32 * 1024 * 1024  # bytes of a document
CHUNK = 64 * 1024
SWAGGER = "/swagger.v1.json"
CONTRACT, STDIN, GIT = "contract", "-", "git:"
_ADDRESS = re.compile("https?://", re.IGNORECASE)
_DOCUMENT = re.compile(r"\.(?:json|ya?ml|tmpl)", re.IGNORECASE)


@dataclass(frozen=True)
class Caller(AuthBase):
    """Who asks: the server that `token` is for, and how many seconds an answer is waited for.

    Given to `requests` without a token too, so that it takes nothing from a .netrc file.
    """

    server: str = ""
    token: str | None = field(default=None, repr=False)
    timeout: float = 60

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token to a request to the server's API, and to no other."""
        if self.token and self.server and (request.url or "").startswith(f"{self.server}{API}/"):
            request.headers["Authorization"] = f"token {self.token}"
        return request


def load(source: str, caller: Caller = Caller()) -> Document:
    """The document that `source` names. Raises ShimError with exit code 8."""
    if source == CONTRACT:
        return parse(files("forgejo_shim").joinpath("proxy", "contract.swagger.json").read_bytes(), CONTRACT)
    if source == STDIN:
        return parse(_whole(sys.stdin.buffer, "stdin"), "stdin")
    if source.startswith(GIT):
        return parse(_from_git(source), source, _beside_in_git(source))
    if _ADDRESS.match(source):
        url = address_of(source)
        return parse(_fetched(url, caller), _shown(url), _beside_at(url, caller))
    return parse(_from_file(source), source, Beside(source, _Room(lambda name: _from_near(source, name)).read))


class _Room:
    """Reads the further files of one document, which together hold `LIMIT` bytes at most."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read, self._left = read, LIMIT

    def read(self, name: str) -> bytes:
        """A file. Raises NotSwagger."""
        try:
            data = self._read(name)
        except ShimError as error:
            raise NotSwagger(f"cannot be read: {error.message}") from None
        self._left -= len(data)
        if self._left < 0:
            raise NotSwagger(f"makes more than {LIMIT // 1024**2} MiB, with the files before it")
        return data


def is_file(source: str) -> bool:
    """Whether a source is a file's path."""
    return source not in (CONTRACT, STDIN) and not source.startswith(GIT) and not _ADDRESS.match(source)


def is_address(source: str) -> bool:
    """Whether a source is an address."""
    return bool(_ADDRESS.match(source))


def address_of(source: str) -> str:
    """Where the document of an address is: there, or a server's. Raises ShimError if that is no address."""
    try:
        parts = urlsplit(source)
    except ValueError:
        raise ShimError(f"{source!a} is no address") from None
    if "@" in parts.netloc:
        raise ShimError("the address holds credentials; give them as FORGEJO_TOKEN, with the server named by --server")
    if not (parts.query or _DOCUMENT.fullmatch(parts.path[parts.path.rfind(".") :])):
        return base_url_of(source) + SWAGGER
    base_url_of(f"{parts.scheme}://{parts.netloc}")
    return source


def _shown(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}" + ("?…" if parts.query else "")


def _whole(stream: IO[bytes], name: str) -> bytes:
    """Everything of a stream, if it is no more than `LIMIT`."""
    data = stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise _too_long(name)
    return data


def _too_long(name: str) -> Unreadable:
    return Unreadable(f"{name} is longer than {LIMIT // 1024**2} MiB, so it is no document of a Forgejo")


def _from_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return _whole(file, path)
    except FileNotFoundError:
        hint = "; a server is given as http(s)://…" if re.match(r"[\w-]+(\.[\w-]+)+(:\d+)?(/|$)", path) else ""
        raise Unreadable(f"{path!a} is not there{hint}") from None
    except IsADirectoryError:
        raise Unreadable(f"{path!a} is a folder; name a file in it") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{path!a} cannot be read ({getattr(error, 'strerror', None) or error})") from None


def _from_near(source: str, name: str) -> bytes:
    """A file below the folder of the document, or below the working folder; no document leads out of there."""
    homes = [os.path.realpath(os.path.dirname(source)), os.path.realpath(os.curdir)]
    path = os.path.normpath(os.path.join(os.path.dirname(source), name))
    found = os.path.realpath(path)
    if not any(found.startswith(home.rstrip(os.sep) + os.sep) for home in homes):
        raise Unreadable(f"{path!a} is neither below the document's folder nor below the working folder")
    return _from_file(found)


# --- an address


def _fetched(url: str, caller: Caller) -> bytes:
    """The body of the 200 that `url` leads to."""
    name = _shown(url)
    with Session(url) as session:
        session.auth = caller
        for _ in range(REDIRECTS + 1):
            with reaching(_shown(url)), _answer(session, url, caller.timeout) as response:
                if not response.is_redirect:
                    return _body(response, _shown(url))
                url = _onward(url, response.headers["Location"], name)
    raise Unreadable(f"{name} redirects more than {REDIRECTS} times; give the address that it should lead to")


def _answer(session: requests.Session, url: str, timeout: float) -> requests.Response:
    """The open answer. Asked of the adapter, since a session would read a redirect's body to its end, however long."""
    headers = {"Accept": "application/json, application/yaml;q=0.9, */*;q=0.1", "Accept-Encoding": "identity"}
    request = session.prepare_request(requests.Request("GET", url, headers=headers))
    how: dict[str, Any] = {**session.merge_environment_settings(request.url or "", {}, True, None, None)}
    return session.get_adapter(url).send(request, timeout=timeout, **how)


def _onward(url: str, location: str, name: str) -> str:
    """Where a redirect leads."""
    try:
        found = urljoin(url, location)
        parts = urlsplit(found)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        is_address = False
    if not is_address:
        raise Unreadable(f"{name} redirects to what is no address; give the address that it should lead to")
    if urlsplit(url).scheme == "https" and parts.scheme == "http":
        raise Unreadable(f"{name} redirects from https to http, which is not followed; give the address in the end")
    if parts.path.endswith("/user/login"):
        raise Unreadable(f"{name} leads to a sign-in page; the document is not public, or {_SWITCHED_OFF}")
    return found


_SWITCHED_OFF = "the server's swagger is switched off ([api] ENABLE_SWAGGER)"


def _body(response: requests.Response, name: str) -> bytes:
    status = response.status_code
    if status != HTTPStatus.OK:
        known = {code.value: code.phrase for code in HTTPStatus}
        hint = f"; that is no Forgejo's address, or {_SWITCHED_OFF}" if status == 404 and name.endswith(SWAGGER) else ""
        raise Unreadable(f"{name} answers {status} {known.get(status, '')}".rstrip() + hint)
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Unreadable(f"{name} is answered compressed, though that was not asked for; save the document in a file")
    data = bytearray()
    while chunk := response.raw.read(CHUNK, decode_content=False):
        data += chunk
        if len(data) > LIMIT:
            raise _too_long(name)
    return bytes(data)


def _beside_at(url: str, caller: Caller) -> Beside:
    """The files of the same server; no credential goes to what a document names."""
    nobody = Caller(timeout=caller.timeout)
    read = _Room(lambda name: _fetched(urljoin(url, re.sub("^/+", "/", quote(name))), nobody)).read
    return Beside(unquote(urlsplit(url).path), read)


# --- a commit


def _from_git(source: str) -> bytes:
    """The file of `git:REF:PATH`; PATH is from the repository's root, or from here as `./PATH`."""
    ref, _, path = source.removeprefix(GIT).partition(":")
    if not ref or not path or ref.startswith("-") or "\0" in source:
        raise Unreadable(f"{source!a} is not git:REF:PATH, such as git:v1.2:spec/head.json")
    try:
        tree = subprocess.run(
            ["git", "rev-parse", "--verify", "--quiet", f"{ref}^{{tree}}"], **_quietly(), stderr=subprocess.PIPE
        )
        if tree.returncode:
            raise _no_tree(source, ref, tree.stderr)
        words = ["git", "cat-file", "blob", f"{tree.stdout.decode().strip()}:{path}"]
        with subprocess.Popen(words, **_quietly(), stderr=subprocess.DEVNULL) as process:
            assert process.stdout
            data = _whole(process.stdout, source)
    except FileNotFoundError:
        raise Unreadable(f"{source!a} needs git, and there is none on the PATH") from None
    if process.returncode:
        raise Unreadable(f"{source!a}: there is no file {path!a} in {ref!a}; paths are from the repository's root")
    return data


def _beside_in_git(source: str) -> Beside:
    ref, _, path = source.removeprefix(GIT).partition(":")
    here, start = path.rpartition("/")[0], "./" if path.startswith("./") else ""
    return Beside(path, _Room(lambda name: _from_git(f"{GIT}{ref}:{start}{normpath(join(here, name))}")).read)


def _quietly() -> dict[str, Any]:
    return {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "env": {**os.environ, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
    }


def _no_tree(source: str, ref: str, said: bytes) -> Unreadable:
    if b"not a git repository" in said:
        return Unreadable(f"{source!a}: the working folder is in no git repository")
    if b"dubious ownership" in said:
        return Unreadable(f"{source!a}: git refuses the repository, since it is another user's (safe.directory)")
    return Unreadable(f"{source!a}: there is no commit {ref!a} here; fetch it first, if the clone is shallow")
