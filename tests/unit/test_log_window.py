"""Which step failed, and which lines of a log are read for it: with a log of bytes, without a server."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from email.message import Message
from typing import cast

import pytest
from double.logs import WrittenLog
from double.messages import Request
from double.ranges import parse, serve
from forgejo_shim.errors import ShimError
from forgejo_shim.flows.bounded_log import BoundedLog
from forgejo_shim.flows.failed_step import FailedStep, failing
from forgejo_shim.flows.log_window import step_window
from forgejo_shim.flows.pinned_log import PinnedLog
from forgejo_shim.models import Step, Times
from forgejo_shim.rows import first_row
from forgejo_shim.times import moment
from forgejo_shim.transport import run
from red import START, stamp
from scripted import Said, ScriptedAnswer

MOST = 2 * 1024 * 1024


@dataclass
class Pinned:
    """A log to be read in pieces; `given` are the bytes that were."""

    data: bytes
    given: int = 0
    asked: list[str] = field(default_factory=list)

    async def open(self, ranges: str) -> ScriptedAnswer:
        """As the double answers, which does as real servers do."""
        self.asked.append(ranges)
        asked = Message()
        asked["Range"] = ranges
        told = serve(Request("GET", "/", asked), WrittenLog(self.data), [("Content-Type", "text/plain")])
        if told.status == 416 or not self.data:
            return ScriptedAnswer(Said(416), waits=False)
        self.given += sum(stop - start for start, stop in parse(ranges, len(self.data)) if start < stop)
        body = told.body or self.data[slice(*told.span)]
        return ScriptedAnswer(Said(told.status, tuple(told.headers), body), waits=False)


def window(data: bytes, told: FailedStep | None, most: int = MOST) -> tuple[list[bytes], Pinned]:
    pinned = Pinned(data)

    async def read() -> list[bytes]:
        log = BoundedLog(cast(PinnedLog, pinned), most)
        await log.open()
        found = await step_window(log, told)
        assert log.read == pinned.given <= most
        return found

    return run(read()), pinned


def told(started: int, stopped: int, length: int | None = None, behind: int | None = None) -> FailedStep:
    step = Step(3, "test", "failure", Times(START + started, START + stopped), None, length)
    return FailedStep(1, Times(), step, behind)


def rows(*seconds: float, width: int = 100) -> bytes:
    return b"".join(
        (stamp(START + at) + f"{n} ").ljust(width - 1, ".").encode() + b"\n" for n, at in enumerate(seconds)
    )


@pytest.mark.parametrize(
    "statuses, numbers",
    [
        ("s f s", [1]),
        ("s f k f", [1]),
        ("s s f", [2]),
        ("s f s f k f", [3]),
        ("s f s f", [1]),
        ("s c c c", [1]),
        ("f k f", [0]),
        ("s f f k f", [1, 2]),
        ("s f c f", [1]),
        ("c f c", [1]),
        ("s s", []),
        ("f", [0]),
        ("", []),
    ],
)
def test_the_steps_that_made_the_job_fail(statuses: str, numbers: list[int]) -> None:
    """Its own frame completes it, and a step that may fail is followed by one that runs."""
    words = {"s": "success", "f": "failure", "c": "cancelled", "k": "skipped"}
    assert failing([words[letter] for letter in statuses.split()]) == numbers


def test_where_rows_begin() -> None:
    data = rows(1, 2, 2, 5)
    assert [first_row(data, moment(START + at)[:19].encode()) for at in (0, 2, 3, 5, 6)] == [0, 100, 300, 300, None]
    assert first_row(data[1:]) == 99 and first_row(b"no row\n") is None and first_row(b"") is None


@pytest.mark.parametrize("seed", range(40))
def test_halving_finds_what_looking_finds(seed: int) -> None:
    """Rows of any width whose times rise, more or less often in one second; or it says that it cannot."""
    rng = random.Random(seed)
    at, data = 0.0, b""
    widest = rng.choice([60, 3000, 70_000])
    while len(data) < 900_000:
        at += rng.choice([0, 0.001, 0.2, 3])
        data += (stamp(START + at) + f"{at} ".ljust(rng.randrange(1, widest), "x")[:65_536] + "\n").encode()
    for second in (0, 1, int(at / 3), int(at * 0.9), int(at), int(at) + 1):
        when = moment(START + second)[:19].encode()

        async def find(second: int = second) -> int | None:
            log = BoundedLog(cast(PinnedLog, Pinned(data)), MOST)
            await log.open()
            return await log.first(START + second, log.size)

        expected, found = first_row(data, when), run(find())
        assert found == (len(data) if expected is None else expected) or (found is None and widest > 65_536)


def test_a_short_log_is_read_once() -> None:
    data = rows(*range(10))
    found, pinned = window(data, told(3, 6))
    assert (found, pinned.asked) == ([data[300:700]], [f"bytes=-{MOST // 8}"])


@pytest.mark.parametrize("length, behind, first, last", [(3, 4, 3, 6), (None, 4, 3, 6), (None, 0, 3, 10), (1, 9, 0, 1)])
def test_lines_that_are_counted_are_exact(length: int | None, behind: int, first: int, last: int) -> None:
    data = rows(*[0, 0, 0, 1, 1, 1, 1, 1, 1, 1])
    found, _ = window(data, told(1, 1, length, behind))
    assert found == [data[first * 100 : last * 100]]


def test_of_a_long_step_its_beginning_and_its_end() -> None:
    data = rows(*(n / 100 for n in range(100_000)))
    (begin, end), pinned = window(data, told(200, 800))
    assert begin == data[20_000 * 100 :][: len(begin)] and MOST // 8 - 100 <= len(begin) <= MOST // 8
    assert end == data[: 80_100 * 100][-len(end) :] and MOST // 2 - 100 <= len(end) <= MOST // 2
    assert len(pinned.asked) < 30


def test_a_step_that_is_not_told_is_at_the_end() -> None:
    data = rows(*(n / 100 for n in range(40_000)))
    for nothing in (None, FailedStep(1)):
        (end,), _ = window(data, nothing)
        assert data.endswith(end) and MOST * 3 // 4 - 100 <= len(end) <= MOST * 3 // 4


def test_few_bytes_are_enough_for_rows_of_any_width() -> None:
    """As little as ten jobs of a run get, and rows so wide that halving costs too much."""
    data = rows(*range(300), width=65_565)
    for most in (MOST, MOST // 5, 70_000, 1000):
        for step in (told(100, 200), told(0, 1), told(10, 299), told(10**6, 10**6 + 1), told(0, 0), None):
            window(data, step, most)


def test_a_log_without_a_row() -> None:
    assert window(b"", told(1, 2))[0] == [b""]
    window(b"x" * 1_000_000, told(1, 2))
    window(b"\n" * 1_000_000, told(1, 2))


def test_another_part_than_was_asked_for_is_an_error() -> None:
    class Liar(Pinned):
        async def open(self, ranges: str) -> ScriptedAnswer:
            return await super().open(ranges if ranges.startswith("bytes=-") else "bytes=0-9")

    async def read() -> None:
        log = BoundedLog(cast(PinnedLog, Liar(rows(*range(9000)))), MOST)
        await log.open()
        await step_window(log, None)

    with pytest.raises(ShimError):
        run(read())
