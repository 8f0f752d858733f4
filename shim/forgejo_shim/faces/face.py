"""What a face is, and an answer in the form in which drivers send it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Protocol

from ..errors import ShimError
from ..flows.dispatch import Value
from ..operations import Call
from ..transport import Answer


@dataclass
class Reply:
    """What the caller gets: bytes, an open answer as it is, or chunks made as they are read.

    `task` is the task id that a log was proved to be of, `cause` that of an error of the shim's own. `begun` is an
    answer that chunks are made from and that is open already: chunks that nobody ever begins to read do not close it.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes | Answer | AsyncIterator[bytes]
    task: int | None = None
    cause: str = ""
    begun: Answer | None = None


class Face(Protocol):
    """A protocol that clients speak to the shim."""

    def recognise(self, method: str, path: str, query: str, base_url: str = "") -> Call | Reply | None:
        """The call that a request is, the answer where no server is needed for it, or None. `path` is below the base
        URL, as it was sent."""
        ...

    def render(self, value: Value, call: Call, base_url: str) -> Reply:
        """The answer that a value is; never asked for a `Native`, which is an answer already."""
        ...

    def render_error(self, error: ShimError, base_url: str) -> Reply:
        """The answer that an error is. One that is no answer of a server's (a state file, say) is raised."""
        ...

    def headers(self, name: str) -> list[tuple[str, str]]:
        """Headers of every answer of this face; `name` is what the request is called in the logs."""
        ...


def recognise(
    faces: Iterable[Face], method: str, path: str, query: str, base_url: str = ""
) -> tuple[Face, Call | Reply] | None:
    """The first of `faces` that knows a request, and the call or the answer that it is."""
    for face in faces:
        if known := face.recognise(method, path, query, base_url):
            return face, known
    return None
