"""The git clone that the command is called in: which repository of which server it is of, and what is checked out.

Rules: only a remote whose host is that of a configured server counts, since credentials go there, and to no other.
Names and passwords in a remote's address are dropped, and never shown. git is asked for its settings and its HEAD only,
which runs no hook and no pager, and not for longer than PATIENCE seconds. It gets none of our variables, since some of
them hold credentials.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

import click

from ..errors import ShimError
from ..models import Repo
from ..operations import parse_repo

PATIENCE = 10  # seconds
GIVE = "give OWNER/REPO or a URL"
# As git reads it (git-fetch(1), GIT URLS): user@host:path, if no slash stands before the colon.
_SCP = re.compile(r"(?:[^/@:]+@)?(?P<host>\[[^\]/]+\]|[^/@:\[\]]+):(?P<path>.+)")
_SSH = {"ssh", "git", "git+ssh", "ssh+git"}
_WEB = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Remote:
    """A remote at a configured server."""

    name: str
    server: str
    repo: Repo

    def __str__(self) -> str:
        return f"{self.name}: {self.repo} at {self.server}"


@dataclass(frozen=True)
class Head:
    """What is checked out: a commit, on a branch (None: on none)."""

    commit: str
    branch: str | None


def remote_here(servers: Iterable[str]) -> Remote:
    """The remote of the current folder's clone at one of `servers`: `origin`, else the only one. Raises UsageError."""
    addresses = list(_addresses())
    found = [remote for name, url in addresses for remote in remotes_at(name, url, servers)]
    of_origin = [remote for remote in found if remote.name == "origin"]
    fitting = {(remote.server, remote.repo.key): remote for remote in of_origin or found}
    if len(fitting) == 1:
        return next(iter(fitting.values()))
    if fitting:
        all_of_them = "; ".join(map(str, fitting.values()))
        raise click.UsageError(f"several git remotes fit ({all_of_them}); {GIVE}, or --server")
    hosts = ", ".join(dict.fromkeys(filter(None, (host_of(url) for _, url in addresses)))) or "none"
    known = ", ".join(servers) or "none"
    raise click.UsageError(
        f"no repository given, and no git remote here is at a configured server; {GIVE}, or configure the server with"
        f" forgejo-shim login (hosts of remotes: {hosts}; configured: {known})"
    )


def head_here() -> Head | None:
    """What is checked out in the current folder's clone; None before its first commit."""
    commit = _git("rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
    branch = _git("symbolic-ref", "--quiet", "--short", "HEAD").strip()
    return Head(commit, branch or None) if commit else None


def remotes_at(name: str, url: str, servers: Iterable[str]) -> Iterator[Remote]:
    """A remote's address as repositories of those `servers` that it can be at."""
    for server in servers:
        path = _path_at(url, server)
        owner, _, repo = (path or "").strip("/").removesuffix(".git").partition("/")
        try:
            found = parse_repo(f"{owner}/{repo}")
        except ShimError:
            continue
        yield Remote(name, server, found)


def host_of(url: str) -> str | None:
    """The host of a remote's address, in lower case; None for a path on this machine."""
    parts = _split(url)
    if parts and parts.scheme in (*_SSH, *_WEB):
        return parts.hostname
    found = None if "://" in url else _SCP.fullmatch(url)
    return found["host"].strip("[]").lower() if found else None


def _path_at(url: str, server: str) -> str | None:
    """The path below `server` that an address leads to, if it leads there: of ssh, the host alone decides."""
    base, parts = urlsplit(server), _split(url)
    if host_of(url) != base.hostname:
        return None
    if not parts or parts.scheme in _SSH:
        return parts.path if parts else _SCP.sub(r"\g<path>", url)
    try:
        same_port = (parts.port or _WEB[parts.scheme]) == (base.port or _WEB[base.scheme])
        same_port |= parts.port is base.port is None
    except ValueError:
        return None
    path = unquote(parts.path)
    return path[len(base.path) :] if same_port and path.startswith(f"{base.path}/") else None


def _split(url: str) -> SplitResult | None:
    if "://" not in url:
        return None
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _addresses() -> Iterator[tuple[str, str]]:
    """Name and address of each remote, as git rewrites it (`insteadOf`). Raises UsageError where there is no clone."""
    for line in _git("remote", "--verbose", is_needed=True).splitlines():
        if found := re.fullmatch(r"(\S+)\t(.+) \(fetch\)(?: \[.*\])?", line):
            yield found[1], found[2]


def _git(*words: str, is_needed: bool = False) -> str:
    """What git prints; nothing if it fails. Raises UsageError for that if it `is_needed`."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("FORGEJO")}
    environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "--no-pager", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environment,
            timeout=PATIENCE,
            check=False,
            encoding="utf-8",
            errors="surrogateescape",
        )
        if done.returncode == 0:
            return done.stdout
        why = "git does not trust its owner" if "dubious ownership" in done.stderr else "it is no git clone"
    except FileNotFoundError:
        why = "git is not installed"
    except subprocess.TimeoutExpired:
        why = f"git has not answered within {PATIENCE} seconds"
    except OSError as error:
        why = f"git cannot be run ({error.strerror})"
    if is_needed:
        raise click.UsageError(f"no repository given, and this folder tells none: {why}; {GIVE}")
    return ""
