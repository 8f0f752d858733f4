"""What of a job the runner writes into its log, row by row, as its reporter decides it.

- The runner's own sentences are written before the first step has said anything, and after the last step has ended.
- What a step's program prints is always written, without the line feed and carriage returns at its end; a last line
  without a line feed is lost.
- `::group::` and `::endgroup::` become `##[group]` and `##[endgroup]`, `::debug::` and `::add-mask::` vanish. Of a
  command the runner says a sentence of its own, too, with a sign before it.
- From version 12 on, the reason why a step failed is written like its output, with a gear before it; before that it is
  a sentence of the runner's own.

Source: `internal/pkg/report/reporter.go` and `act/runner/step.go` of the runner. Times are made up: they start at the
same moment in every log, and grow with each row.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

BEGIN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
COMMAND = re.compile(r"::([^ :]+)( .*)?::(.*)")
REMARK = re.compile(r"(?:::([^ ]+?)(?: .+)?::|##\[([^ \]]+)(?: .+)?\])(.*)")
SIGNS = {"warning": "\U0001f6a7", "error": "\u2757", "debug": "", "add-mask": ""}  # all else: a question mark
GEAR = "\u2699\ufe0f [runner]: "


class Rows:
    """The log of one job that has `steps` steps, run by a runner of this major version."""

    def __init__(self, steps: int, version: int) -> None:
        self.written: list[str] = []
        self.version = version
        self.lengths = [0] * steps
        self.ended = [False] * steps
        self.ticks = 1_234_567  # units of 100 ns since BEGIN

    def pause(self, seconds: float) -> None:
        """The next row comes so much later."""
        self.ticks += int(seconds * 10_000_000)

    def say(self, sentence: str) -> None:
        """A sentence of the runner's own."""
        if not self.during_steps():
            self.write(sentence)

    def output(self, step: int, printed: bytes) -> None:
        """What a step printed."""
        for line in printed.split(b"\n")[:-1]:
            text = line.decode("utf-8", "replace").replace("\ufffd", "?")
            self.remark(text)
            if self.write(text):
                self.lengths[step] += 1

    def remark(self, text: str) -> None:
        """The runner's own sentence on a command, if the text is one that has such."""
        if command := REMARK.fullmatch(text.rstrip("\r")):
            name = command[1] or command[2]
            if name == "add-matcher":
                self.say(f"  \u2753 add-matcher {command[3]}")
            elif sign := SIGNS.get(name, "\u2753"):
                self.say(f"  {sign}  {text}")

    def fail(self, step: int, why: str) -> None:
        """The reason why a step failed; said after its end."""
        if self.version >= 12:
            self.output(step, f"{GEAR}{why}\n".encode())
        else:
            self.say(why)

    def end(self, step: int) -> None:
        """The step has a result now."""
        self.ended[step] = True

    def end_all(self) -> None:
        """The job has a result, and so has each step."""
        self.ended = [True] * len(self.ended)

    def during_steps(self) -> bool:
        """Is it now between the first step's first row and the last step's end?"""
        return (self.ended[0] or self.lengths[0] > 0) and not self.ended[-1]

    def write(self, text: str) -> bool:
        """One row, unless it is a command that leaves none."""
        text = text.rstrip("\r\n").replace("\n", "\\n")
        if command := COMMAND.fullmatch(text):
            name, value = command[1], command[3]
            if name in ("debug", "add-mask"):
                return False
            text = {"group": f"##[group]{value}", "endgroup": "##[endgroup]"}.get(name, text)
        at = BEGIN + timedelta(seconds=self.ticks // 10_000_000)
        self.written.append(f"{at:%Y-%m-%dT%H:%M:%S}.{self.ticks % 10_000_000:07d}Z {text}\n")
        self.ticks += 100
        return True
