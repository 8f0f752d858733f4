"""Bytes of a document, wherever they come from: all of them or none, and never more than `LIMIT`."""

from __future__ import annotations

from collections.abc import Callable
from typing import IO

from .errors import Unreadable
from .shape import NotSwagger

LIMIT = 32 * 1024 * 1024  # bytes of a document


def read_whole(stream: IO[bytes], name: str) -> bytes:
    """Everything of a stream. Raises Unreadable if that is more than `LIMIT`."""
    data = stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise too_long(name)
    return data


def too_long(name: str) -> Unreadable:
    """The error for a document that is longer than `LIMIT`."""
    return Unreadable(f"{name} is longer than {LIMIT // 1024**2} MiB, so it is no document of an API")


class Room:
    """Reads the further files of one document, which together hold `LIMIT` bytes at most."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read, self._left = read, LIMIT

    def read(self, name: str) -> bytes:
        """A file. Raises NotSwagger."""
        try:
            data = self._read(name)
        except Unreadable as error:
            raise NotSwagger(f"cannot be read: {error.message}") from None
        self._left -= len(data)
        if self._left < 0:
            raise NotSwagger(f"makes more than {LIMIT // 1024**2} MiB, with the files before it")
        return data
