"""Where a document comes from.

    spec/head.yaml · - (stdin) · https://api.example/spec.json · git:v1.2:spec/head.yaml · a word of the profile

Rules: what cannot be loaded whole is an error of one sentence, never an empty document. Files that a document refers to
are read from where it is itself, and from below its folder or the working folder only.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from posixpath import join, normpath
from typing import Any

from .document import Beside, Document, parse
from .errors import Unreadable
from .fetch import Web, fetch_document, is_address
from .profile import Profile
from .reading import Room, read_whole

STDIN, GIT = "-", "git:"
NO_PROFILE, PLAIN_WEB = Profile(), Web()


def load(source: str, profile: Profile = NO_PROFILE, web: Web = PLAIN_WEB) -> Document:
    """The document that `source` names. Raises Unreadable."""
    if source in profile.documents:
        path = str(profile.documents[source])
        return parse(_from_file(path), source, Beside(path, Room(lambda name: _from_near(path, name)).read))
    if source == STDIN:
        return parse(read_whole(sys.stdin.buffer, "stdin"), "stdin")
    if source.startswith(GIT):
        return parse(_from_git(source), source, _beside_in_git(source))
    if is_address(source):
        return fetch_document(source, web, profile.server_document, profile.absent)
    beside = Beside(source, Room(lambda name: _from_near(source, name)).read)
    return parse(_from_file(source), source, beside, _relative(source))


def _relative(path: str) -> str:
    """A path as from the working folder, if it is below it."""
    found = os.path.relpath(path)
    return path if found.startswith("..") else found


def _from_file(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return read_whole(file, path)
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
            data = read_whole(process.stdout, source)
    except FileNotFoundError:
        raise Unreadable(f"{source!a} needs git, and there is none on the PATH") from None
    if process.returncode:
        raise Unreadable(f"{source!a}: there is no file {path!a} in {ref!a}; paths are from the repository's root")
    return data


def _beside_in_git(source: str) -> Beside:
    ref, _, path = source.removeprefix(GIT).partition(":")
    here, start = path.rpartition("/")[0], "./" if path.startswith("./") else ""
    return Beside(path, Room(lambda name: _from_git(f"{GIT}{ref}:{start}{normpath(join(here, name))}")).read)


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
