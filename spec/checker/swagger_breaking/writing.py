"""A report's file: whole or absent. What is no regular file, such as a pipe, is written straight."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from .errors import Unwritable


def write_whole(path: Path, text: str) -> None:
    """Write a text to a file; one that is replaced keeps its mode. Raises Unwritable."""
    data = text.encode(errors="backslashreplace")
    part = Path(os.path.realpath(path)).with_name(f".swagger-breaking.{os.getpid()}")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        part.write_bytes(data)
        if path.exists():
            shutil.copymode(path, part)
        os.replace(part, os.path.realpath(path))
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        said = error.strerror or error
        raise Unwritable(f"{path} cannot be written ({said}); name another place") from None
