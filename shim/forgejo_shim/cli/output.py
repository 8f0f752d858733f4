"""What the verbs print: tables for people, tab-separated lines for pipes, JSON, errors, progress.

Rules: names and titles are foreign text, so they are made harmless; a title never breaks a line. Progress appears on
stderr, and only where that is a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from rich.text import Text

from ..download import Progress as Report
from ..files import disk, write_all
from .terminal import RESET, harmless, harmless_text


def show_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; else the rows alone, tab-separated."""
    lines = [[_one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in lines:
            click.echo("\t".join(line))
        return
    table = Table(*columns, box=None, pad_edge=False)
    for line in lines:
        table.add_row(*(Text(cell, overflow="fold") for cell in line))
    Console(file=sys.stdout).print(table)


def show_log(chunks: Iterable[bytes], file: FileIO | None = None, name: str = "stdout") -> None:
    """A log on stdout, or in a file that is written straight and called `name`: its bytes, or on a terminal its text
    and colours. Raises ShimError, and BrokenPipeError if the reader has gone."""
    out: BinaryIO = sys.stdout.buffer if file is None else cast(BinaryIO, file)
    is_terminal = sys.stdout.isatty() if file is None else file.isatty()
    encoding = sys.stdout.encoding or "utf-8"
    pieces = (text.encode(encoding, "backslashreplace") for text in harmless(chunks)) if is_terminal else chunks
    with disk(Path(name)):
        try:
            for piece in pieces:
                write_all(out, piece)
        finally:
            if is_terminal:
                write_all(out, RESET.encode())
            out.flush()


def show_error(message: str, cause: str, exit_code: int, as_json: bool) -> None:
    """An error on stderr: a sentence, or JSON."""
    if as_json:
        click.echo(json.dumps({"error": {"cause": cause, "message": message, "exit_code": exit_code}}), err=True)
    else:
        click.echo(f"forgejo-shim: {_one_line(message)}", err=True)


def note(message: str) -> None:
    """A remark on stderr."""
    click.echo(_one_line(message), err=True)


@contextmanager
def progress(what: str) -> Iterator[Report | None]:
    """Shows how far a download is; None where nobody looks."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), transient=True) as bar:
        task = bar.add_task(_one_line(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _one_line(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return harmless_text(text.replace("\t", " ").replace("\n", " ").replace("\x1b", "␛"))
