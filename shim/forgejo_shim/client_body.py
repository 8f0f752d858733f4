"""An open answer of bytes, as `Client` gives it out and saves it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import requests

from .network import network_errors
from .requests_adapter import Backend, backend_of

CHUNK = 64 * 1024  # bytes given out at once


class Body:
    """An open answer: iterate over it for its bytes, in chunks of at most 64 KiB; leaving the `with` block closes it.

    `backend` is "native" or "web", `size` the bytes of all of it and `start` those before the part that is given (None:
    not told). Reading raises Unreachable if the connection breaks off: a short answer is never taken for a whole one.
    """

    what = "the answer"

    def __init__(self, response: requests.Response, base_url: str) -> None:
        self._response = response
        self._base_url = base_url
        self.backend: Backend = backend_of(response) or "native"
        self.last_modified: str | None = response.headers.get("Last-Modified")
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        length = response.headers.get("Content-Length", "")
        self.start = int(found[1]) if found else 0
        whole = int(length) if length.isdecimal() and response.status_code == 200 else None
        self.size: int | None = int(found[2]) if found else whole

    @property
    def identity(self) -> str | None:
        """What tells it from every other answer of the same name; None if it has nothing of the kind."""
        return f"{self.last_modified} {self.size}" if self.last_modified and self.size is not None else None

    def __iter__(self) -> Iterator[bytes]:
        with network_errors(self._base_url, f"broke off in the middle of {self.what}"):
            yield from self._response.iter_content(CHUNK)

    def read(self) -> bytes:
        """The rest of it."""
        return b"".join(self)

    def close(self) -> None:
        """Give the connection up."""
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()
