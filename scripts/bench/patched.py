"""What the patches cost: the figures of a Forgejo that answers natively, for `scripts/bench`.

Rules
-----
* Throughput is the native endpoint's against the same server's web download: one request each, token against cookie,
  two sessions alike. Neither goes through the adapter.
* Memory is that of the server's process at its peak, seen twice, each time from a fresh start: while one long answer is
  read, and while short ones are read one after another until as many bytes have passed. Were memory to grow with the
  answer, the first peak would be higher. Only equal bytes can be compared: Go collects garbage when its heap has
  doubled, so that enough bytes in whatever answers raise the process. When that happens differs from one start to the
  next, and the peak with it; so the figure is the median of the differences of a few turns, and has a margin.
* The web download is measured likewise and has no budget: Forgejo loads the offsets of all lines for it
  (15.0.2, routers/web/repo/actions/view.go, `Logs`: the whole ActionTask), which shows that the figure can rise.
"""

from __future__ import annotations

import io
import statistics
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import requests
from measuring import HUGE, LARGE, PIECE, SMALL, Figure, Ground, equal, get, log_throughput, memory, prepare, say, taken
from servers import Server

MEMBERS, MEMBER = 50, 2_000_000  # jobs in the zip, bytes of the log of each
TURNS = 3
MARGIN = 32  # MiB for the collector's moods; a thirtieth of the log, a third of what the zip's jobs hold

SHORT = {"logs": {"small": SMALL, "large": LARGE}}
LONG: Mapping[str, Mapping[str, int]] = {
    **SHORT,
    "one": {"one": MEMBER},
    "many": {f"many-{number:02}": MEMBER for number in range(MEMBERS)},
    "huge": {"huge": HUGE},
}


def figures(server: Server) -> Iterator[Figure]:
    """Throughput, and memory where the server is a process of this machine."""
    ground = prepare(server, SHORT)
    yield from log_throughput(ground, "native", ground.api(), at_least=1)
    if server.pid and Path(f"/proc/{server.pid}/status").exists():
        yield from memories(server, prepare(server, LONG))
    else:
        say("")
        print(f"{ground.server}, memory: not run: {server.how} is no process that Linux tells about", file=sys.stderr)


def memories(server: Server, ground: Ground) -> Iterator[Figure]:
    """How far the peak of one long answer is above that of short ones with as many bytes."""
    log, logs = f"one {HUGE // 10**9} GB log", f"{HUGE // LARGE} reads of a {LARGE // 10**6} MB log"
    archive, archives = f"zip of {MEMBERS} jobs", f"{MEMBERS} zips of one such job"
    pairs = (
        (f"{log} natively", logs, native, "huge", "large", HUGE // LARGE, MARGIN),
        (archive, archives, zipped, "many", "one", MEMBERS, MARGIN),
        (f"{log} by web download", logs, downloaded, "huge", "large", HUGE // LARGE, None),
    )
    for one, many, read, long, short, times, budget in pairs:
        rises = []
        for turn in range(TURNS):
            say(f"{ground.server}: memory, {one}, {turn + 1} of {TURNS}")
            rises.append(
                peak(server, partial(read, ground, long, 1)) - peak(server, partial(read, ground, short, times))
            )
        what = f"server's peak memory, {one}: above that of {many}"
        yield Figure(what, ground.server, round(statistics.median(rises), 1), " MiB", at_most=budget)


def peak(server: Server, read: Callable[[], None]) -> float:
    """MiB of the server's process at its peak, from a fresh start to the end of a read."""
    server.restart()
    read()
    assert server.pid
    return memory("VmHWM", server.pid)


def native(ground: Ground, job: str, times: int) -> None:
    """Read a job's log so many times by the API."""
    repeat(ground.api(), ground.api_url(job), ground.jobs[job][2], times)


def downloaded(ground: Ground, job: str, times: int) -> None:
    """Read a job's log so many times by web download."""
    repeat(ground.plain(), ground.web_url(job), ground.jobs[job][2], times)


def repeat(session: requests.Session, url: str, size: int, times: int) -> None:
    """Read an answer of a known size so many times."""
    for _ in range(times):
        taken(session, url, size, PIECE)


def zipped(ground: Ground, run: str, times: int) -> None:
    """Read the zip of a run so many times and check the sizes of its files."""
    session = ground.api()
    for _ in range(times):
        with zipfile.ZipFile(io.BytesIO(get(session, ground.zip_url(run)).content)) as archive:
            sizes = [entry.file_size for entry in archive.infolist()]
        equal(sizes, [ground.jobs[job][2] for job in LONG[run]], f"sizes in the zip of the run {run}")
