"""What the verbs print: tables for people, tab-separated lines for pipes, JSON, errors, progress.

Rules: names and titles are untrusted text, so they are made safe, and one cell is one line. Progress appears on stderr,
and only if that is a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, cast

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Column, Table
from rich.text import Text

from ..download import Progress as OnProgress
from ..files import write_all, writing
from .table import Column as TableColumn
from .table import Row, table_lines
from .terminal import RESET, one_line, safe_chunks


def show_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2))


def show_rows(rows: Iterable[Sequence[object]]) -> None:
    """Rows for a program: tab-separated, a line each, "" for None."""
    for row in rows:
        click.echo("\t".join(map(one_line, row)))


def show_lines(columns: Sequence[TableColumn], rows: Sequence[Row]) -> None:
    """A table on a terminal, a line a row."""
    out = terminal()
    for line in table_lines(columns, rows, out.width, out.encoding):
        out.print(line, soft_wrap=True)


def is_for_people() -> bool:
    """Whether stdout is a terminal, so that tables and colours are shown in place of rows for a program."""
    return sys.stdout.isatty()


def terminal(stream: TextIO | None = None) -> Console:
    """A terminal (of stdout) that is written to without colour and weight where NO_COLOR is set."""
    colours: Literal["auto"] | None = None if os.environ.get("NO_COLOR") else "auto"
    return Console(file=stream or sys.stdout, color_system=colours, highlight=False)


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; else the rows alone, tab-separated."""
    lines = [[one_line(cell) for cell in row] for row in rows]
    if not is_for_people():
        return show_rows(lines)
    table = Table(*columns, box=None, pad_edge=False)
    for line in lines:
        table.add_row(*(Text(cell, overflow="fold") for cell in line))
    terminal().print(table)


def show_log(chunks: Iterable[bytes], file: FileIO | None = None, name: str = "stdout") -> None:
    """Write a log to stdout, or to the special file `file` that messages call `name`: its bytes, or on a terminal its
    text and colours. Raises ShimError, and BrokenPipeError if the reader has gone."""
    out: BinaryIO = sys.stdout.buffer if file is None else cast(BinaryIO, file)
    is_terminal = sys.stdout.isatty() if file is None else file.isatty()
    encoding = sys.stdout.encoding or "utf-8"
    pieces = (text.encode(encoding, "backslashreplace") for text in safe_chunks(chunks)) if is_terminal else chunks
    with writing(Path(name)):
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
        click.echo(f"forgejo-shim: {one_line(message)}", err=True)


def note(message: str) -> None:
    """Print a line on stderr."""
    click.echo(one_line(message), err=True)


@contextmanager
def progress(what: str) -> Iterator[OnProgress | None]:
    """A progress bar for a download; None if stderr is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    short = Column(no_wrap=True, overflow="ellipsis", max_width=30)  # so that all have room in 80 characters
    name = TextColumn("{task.description}", markup=False, table_column=short)
    columns = (name, BarColumn(bar_width=20), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=terminal(sys.stderr), transient=True) as bar:
        task = bar.add_task(one_line(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
