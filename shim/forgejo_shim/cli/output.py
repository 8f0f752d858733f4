"""What the verbs print: tables for people, tab-separated lines for pipes, JSON, errors, progress.

Rules: names and titles are untrusted text, so they are made safe, and one cell is one line. Progress appears on stderr,
and only if that is a terminal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TextIO

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Column, Table
from rich.text import Text

from ..download import Progress as OnProgress
from .table import Column as TableColumn
from .table import Row, table_lines
from .terminal import colours_wanted, one_line


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
    """A terminal (of stdout) that is written to without colour and weight where they are not wanted."""
    colours: Literal["auto"] | None = "auto" if colours_wanted() else None
    return _Terminal(file=stream or sys.stdout, color_system=colours, highlight=False)


class _Terminal(Console):
    """A console that leaves a reader who has gone to the command; rich's own ends the process with 1."""

    def on_broken_pipe(self) -> None:
        """Called where BrokenPipeError is caught: raise it again."""
        raise


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on a terminal; else the rows alone, tab-separated."""
    lines = [[one_line(cell) for cell in row] for row in rows]
    if not is_for_people():
        return show_rows(lines)
    table = Table(*columns, box=None, pad_edge=False)
    for line in lines:
        table.add_row(*(Text(cell, overflow="fold") for cell in line))
    terminal().print(table)


def show_error(message: str, cause: str, exit_code: int, as_json: bool, choices: Sequence[str] = ()) -> None:
    """An error on stderr: a sentence and what there is to choose from, a line each; or JSON."""
    if as_json:
        told = {"cause": cause, "message": message, "exit_code": exit_code}
        listed = {"choices": [choice.strip() for choice in choices]} if choices else {}
        click.echo(json.dumps({"error": told | listed}), err=True)
        return
    for line in (f"forgejo-shim: {message}", *choices):
        note(line)


def note(message: str) -> None:
    """Print a line on stderr."""
    click.echo(one_line(message), err=True)


def tell(message: str) -> None:
    """Print a line on stderr, if that is a terminal: of what went well, a program needs no word."""
    if sys.stderr is not None and sys.stderr.isatty():
        note(message)


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
