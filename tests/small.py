"""A small place: a double of one face with a private repository, a few runs, a reader's token, and clients for them.

Rules: everything is made through the double's model; `LOG` is bigger than a few chunks, so that a download of it can
break in its middle.
"""

from __future__ import annotations

import pathlib
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from double import Double, Fault, Job, Run, Seen
from forgejo_shim import Client, WebLogin

LOG = b"".join(b"2026-01-02T03:04:05.%07dZ row %d\n" % (n, n) for n in range(12_000))


def row(text: str) -> bytes:
    """A log of one row: every line of a stored log begins with its time."""
    return b"2026-01-02T03:04:05.0000000Z %s\n" % text.encode()


DOWNLOAD = r"/(jobs/\d+(/attempt/\d+)?/logs|actions/jobs/\d+/logs)(\?|$)"
"""A download by the web or by the API."""


class Small:
    """A double with `o/r`, whose runs `add` makes. `web` is the shim's account, `token` the caller's."""

    def __init__(self, face: str, **of_double: Any) -> None:
        self.double = Double(face, **of_double)
        self.model = self.double.model
        owner = self.model.add_user("o", "the owner's password")
        self.repo = self.model.add_repo(owner, "r")
        self.web = WebLogin("o", "the owner's password")
        self.token = self.model.add_token(owner, ("read:repository", "read:user")).sha1
        self.url = self.double.url

    def add(self, logs: Mapping[str, bytes] | None = None, **of_run: Any) -> Run:
        """A finished run; without `logs`, of a job `build` with `LOG`."""
        return self.model.add_finished_run(self.repo, logs or {"build": LOG}, **of_run)

    def again(self, job: Job, log: bytes) -> None:
        """Rerun a job to its end."""
        self.model.rerun(job)
        self.model.play(job, log)

    def client(self, token: str | None = "", **more: Any) -> Client:
        """A client with the reader's token, unless another one (or None) is given."""
        return Client(self.url, self.token if token == "" else token, **{"web": self.web, "timeout": 5, **more})

    def environment(self, home: pathlib.Path) -> dict[str, str]:
        """What the command is to find in its environment."""
        return {
            "HOME": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
            "FORGEJO_URL": self.url,
            "FORGEJO_TOKEN": self.token,
            "FORGEJO_SHIM_WEB_USER": self.web.user,
            "FORGEJO_SHIM_WEB_PASSWORD": self.web.password,
        }

    def cut(self, after: int, **of_fault: Any) -> Fault:
        """Break downloads after so many bytes."""
        return self.double.faults.cut(DOWNLOAD, after, **of_fault)

    def break_off(self, after: int) -> Fault:
        """Break the next download after so many bytes, and every later one at once."""
        self.cut(after, nth=1)
        return self.cut(0)

    def downloads(self) -> list[Seen]:
        """The downloads that were asked for so far, of bytes (a 404 of another dialect's route is none)."""
        return [seen for seen in self.double.requests if seen.path.endswith("/logs") and seen.status in (200, 206, 416)]

    def __enter__(self) -> Self:
        self.double.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.double.stop()
