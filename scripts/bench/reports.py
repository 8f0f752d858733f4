"""What it costs to say why a run is red: the figures of `why`, for `scripts/bench`.

Rules: a log of 1 GB and one of 1 MB, of the same kind: the step that failed wrote all of it but a few rows. The bytes
are those that the double took out of the log, the seconds those of `Client.why` with its place known: this machine's,
with the double in this process. Both errors, at the step's beginning and at its end, must be found.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from forgejo_shim import Client
from measuring import HUGE, PLACE, Figure, equal, say
from red import WIDTH, Did, LongLog, red
from small import Small

TURNS = 5
AFTER = 50  # rows of the steps behind


def figures() -> Iterator[Figure]:
    """Of the long log and of the short one."""
    for name, size, most in (("1 GB", HUGE, 4), ("1 MB", 1_000_000, None)):
        with Small(PLACE) as small:
            rows = size // WIDTH
            errors = {2: "::error::the first", rows - 3: "::error::the last"}
            step = Did("failure", rows, rows // 10_000 + 1, lambda n, errors=errors: errors.get(n, f"row {n}"))
            log = red(small, Did(), step, Did(rows=AFTER, seconds=0), long=True).jobs[0].tasks[0].log
            assert isinstance(log, LongLog)
            with small.client() as client:
                seconds = [_taken(client, name) for _ in range(TURNS + 1)][1:]
            what = f"why of a run with a {name} log"
            read = round(log.given / (TURNS + 1) / 2**20, 2)
            yield Figure(f"{what}: bytes of it that are read", f"double {PLACE}", read, " MiB", at_most=most)
            yield Figure(f"{what}: time", f"double {PLACE}", round(statistics.median(seconds), 2), " s", at_most=2)


def _taken(client: Client, name: str) -> float:
    say(f"why, log of {name}")
    began = time.perf_counter()
    [job] = client.why("o/r").jobs
    ended = time.perf_counter()
    equal(sorted(one.message.strip() for one in job.findings), ["the first", "the last"], "what is found in the log")
    return ended - began
