"""How the lines of a log are printed: as they are, behind their job and step, as JSON, and on a terminal.

Rules: in a pipe a line has its own bytes. On a terminal only its colours are obeyed (terminal.py), its time is
HH:MM:SS, and a command of a workflow is shown as what it means. One line is written at once, whatever else is printed
meanwhile. What is longer than the terminal goes through a pager, where somebody sits at it.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from io import FileIO
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, cast

import click

from ..files import write_all, writing
from ..log_lines import Line, Wanted, readable, select, written
from ..models import Step
from .log_options import LogOptions
from .log_terminal import shown_line
from .terminal import RESET, colours_wanted, one_line

BLOCK = 64 * 1024  # bytes that are written at once where nobody waits for each line


@dataclass(frozen=True)
class Origin:
    """Where lines are from, for the forms that tell it. `step` is the one they are of; else `steps` are those of the
    log. `is_counted`: whether a line's number is its place in the log."""

    job_id: int
    job: str = ""
    run: int | None = None
    attempt: int | None = None
    step: Step | None = None
    steps: tuple[Step, ...] = ()
    is_counted: bool = True

    def of(self, step: Step) -> Origin:
        """The same for the lines of one step."""
        return replace(self, step=step, is_counted=step.log_index is not None)

    def step_of(self, line: Line) -> str:
        """The name of the line's step; "" if it is not known."""
        if self.step or not self.is_counted:
            return self.step.name if self.step else ""
        at = bisect_right(self.steps, line.number - 1, key=lambda step: step.log_index or 0) - 1
        step = self.steps[at] if at >= 0 else None
        inside = step and step.log_index is not None and line.number <= step.log_index + (step.log_length or 0)
        return step.name if step and inside else ""


class LogPrinter:
    """Prints lines to stdout, or to the special file `file`, which messages call `name`. `may_page`: somebody sits
    there, and may be asked."""

    def __init__(
        self, options: LogOptions, file: FileIO | None = None, name: str = "stdout", *, may_page: bool = False
    ) -> None:
        self.options = options
        self.is_terminal = sys.stdout.isatty() if file is None else file.isatty()
        self.lock = threading.Lock()
        self._is_live = options.follow or self.is_terminal
        self._out = cast(BinaryIO, file) if file else sys.stdout.buffer
        if options.follow:  # each line is written at once, and a thread that waits to write holds up no exit
            self._out = getattr(self._out, "raw", self._out)
        self._name = name
        self._encoding = sys.stdout.encoding or "utf-8"
        self._has_colours = self.is_terminal and colours_wanted()
        self._may_page = self.is_terminal and file is None and may_page

    def print_log(self, chunks: Iterable[bytes], wanted: Wanted, origin: Origin, first: int = 1) -> int:
        """Print the wanted lines of a log whose first line that is given has the number `first`; how many there were,
        or pieces. Raises ShimError, and BrokenPipeError if the reader has gone."""
        if wanted == Wanted() and self.options.is_as_it_is and not self.is_terminal:
            return self._print(chunks)
        found = select(chunks, wanted, first)
        if not self._may_page:
            return self.print_lines(found, origin)
        pieces, room = self._pieces(found, origin, ""), shutil.get_terminal_size().lines
        beginning = list(islice(pieces, room))
        if len(beginning) < room:
            return self._print(self._encoded(beginning))
        click.echo_via_pager(chain(beginning, pieces), color=None if self._has_colours else False)
        return room

    def print_lines(self, found: Iterable[Line], origin: Origin, label: str = "") -> int:
        """Print lines, each behind `label`; how many. Raises as above."""
        if self.is_terminal:
            return self._print(self._encoded(self._pieces(found, origin, label)))
        return self._print(self._rendered(found, origin, label.encode()))

    def _print(self, pieces: Iterable[bytes]) -> int:
        count, held, size = 0, [], 0
        with writing(Path(self._name)):
            try:
                for piece in pieces:
                    held.append(piece)
                    size += len(piece)
                    count += 1
                    if self._is_live or size >= BLOCK:
                        self._write(held)
                        held, size = [], 0
            finally:
                self._write(held)
                with self.lock:
                    if self._has_colours:
                        write_all(self._out, RESET.encode())
                    self._out.flush()
        return count

    def _write(self, pieces: Sequence[bytes]) -> None:
        with self.lock:
            write_all(self._out, b"".join(pieces))

    def _encoded(self, pieces: Iterable[str]) -> Iterator[bytes]:
        return (piece.encode(self._encoding, "backslashreplace") for piece in pieces)

    def _rendered(self, found: Iterable[Line], origin: Origin, label: bytes) -> Iterator[bytes]:
        """Lines as a pipe gets them."""
        times = self.options.times or "full"
        for line in self._with_gaps(found):
            if line is None:
                yield b"--\n"
            elif self.options.format == "ndjson":
                yield self._as_json(line, origin).encode()
            else:
                head = label + self._prefix(line, origin).encode("utf-8", "surrogateescape")
                yield head + written(line, times, self.options.strip) + (b"\n" if head else line.end)

    def _pieces(self, found: Iterable[Line], origin: Origin, label: str) -> Iterator[str]:
        """Lines as a terminal shows them."""
        times = self.options.times or "short"
        for line in self._with_gaps(found):
            if line is None:
                yield "--\n"
            elif self.options.format == "ndjson":
                yield self._as_json(line, origin)
            else:
                time = written(Line(0, line.time, b""), times, strip=False).decode()
                raw = written(Line(0, b"", line.text), "none", self.options.strip).removesuffix(b"\r")
                text = shown_line(raw.decode("utf-8", "replace"), self._has_colours)
                if text is not None:
                    yield label + self._prefix(line, origin) + time + text + ("\n" if label or line.end else "")

    def _with_gaps(self, found: Iterable[Line]) -> Iterator[Line | None]:
        """The lines, and None where lines between those around two matches are left out."""
        has_gaps = self.options.wanted.context and self.options.format != "ndjson"
        last = None
        for line in found:
            if has_gaps and last is not None and line.number > last + 1:
                yield None
            last = line.number
            yield line

    def _prefix(self, line: Line, origin: Origin) -> str:
        if self.options.format != "prefixed":
            return ""
        return f"{one_line(origin.job)}\t{one_line(origin.step_of(line))}\t"

    def _as_json(self, line: Line, origin: Origin) -> str:
        told = {
            "run": origin.run,
            "job_id": origin.job_id,
            "job": origin.job or None,
            "attempt": origin.attempt,
            "step": origin.step_of(line) or None,
            "n": line.number if origin.is_counted else None,
            "time": line.time.decode() or None,
            "text": readable(line.text) if self.options.strip else line.text.decode("utf-8", "replace"),
        }
        return json.dumps(told) + "\n"
