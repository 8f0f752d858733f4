"""Red runs in a small place: jobs whose steps have lines, times and statuses, and logs of any size that take no room.

Rules: rows rise in time, and each step's rows have its times, as a runner writes them. The first and the last step,
which set the job up and complete it, have a row each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from double import Job, JobSpec, Run
from small import Small

START = int(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp())
WIDTH = 100  # bytes of a row of a long log
Text = Callable[[int], str]


@dataclass(frozen=True)
class Did:
    """A step: how it ended, how many rows it wrote, in how many seconds, and each row's text by its number (from 0)."""

    status: str = "success"
    rows: int = 1
    seconds: int = 1
    text: Text = "row {}".format


def lines(*texts: str) -> Text:
    """The texts as the rows of a step."""
    return lambda n: texts[n]


def stamp(at: float) -> str:
    moment = datetime.fromtimestamp(int(at), UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(at % 1 * 10**7):07d}Z "


class LongLog:
    """The log of some steps as the double's model takes it: every row has `WIDTH` bytes, and none is kept."""

    def __init__(self, steps: Sequence[Did]) -> None:
        self.given = 0  # bytes that were taken out of it
        self._steps = steps
        self.length = sum(step.rows for step in steps)
        self.size = self.length * WIDTH

    def offset(self, row: int) -> int:
        return row * WIDTH

    def row(self, number: int) -> bytes:
        at = START
        for step in self._steps:
            if number < step.rows:
                moment = at + step.seconds * number / step.rows
                return (stamp(moment) + step.text(number)).ljust(WIDTH - 1)[: WIDTH - 1].encode() + b"\n"
            number -= step.rows
            at += step.seconds
        raise IndexError(number)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        for number in range(start // WIDTH, -(-stop // WIDTH)):
            at = number * WIDTH
            piece = self.row(number)[max(0, start - at) : stop - at]
            self.given += len(piece)
            yield piece


def written(steps: Sequence[Did]) -> bytes:
    """The log of some steps, its rows as long as their texts."""
    rows, at = [], START
    for step in steps:
        rows += [stamp(at + step.seconds * n / step.rows) + step.text(n) + "\n" for n in range(step.rows)]
        at += step.seconds
    return "".join(rows).encode()


def play(small: Small, job: Job, *steps: Did, status: str = "failure", long: bool = False, over: bool = True) -> None:
    """Take a waiting job, and run it to its end if it is to be `over`; a `long` log takes no room."""
    framed = [Did(text=lines("set up")), *steps, Did(text=lines("complete"))]
    task = small.model.take(job)
    task.started = job.started = START
    small.model.log(task, LongLog(framed) if long else written(framed), more=not over)
    at, index = START + 1, 1
    for step, did in zip(task.steps, steps, strict=True):
        step.status = did.status
        if did.status != "skipped":
            step.started, step.stopped, step.log_index, step.log_length = at, at + did.seconds, index, did.rows
            at, index = at + did.seconds, index + did.rows
    if over:
        small.model.finish(task, status, stopped=at + 1)


def spec(count: int, name: str = "build", **more: Any) -> JobSpec:
    """A job with so many steps."""
    return JobSpec(name, steps=tuple(f"step {n}" for n in range(1, count + 1)), **more)


def red(small: Small, *steps: Did, status: str = "failure", long: bool = False) -> Run:
    """A run of one job that ended so."""
    run = small.model.add_run(small.repo, [spec(len(steps))])
    play(small, run.jobs[0], *steps, status=status, long=long)
    return run
