"""What the bench's figures are made with: a server with logs to read, checked reads in turns, a process's memory.

Rules
-----
* A read whose bytes are not the job's, or whose answer is not 200, ends the bench.
* Two ways are compared in turns, each with a session that is used for nothing else and keeps its connection.
* A missed budget is a figure like any other.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import requests
from double.logs import format_line
from hand import READ, Account, Refused, Web, plain_session
from runner import Row, Runner, Task
from servers import Server

PLACE = "15"  # the version that is measured: the newest without the endpoints
SMALL, LARGE, HUGE = 10_000, 50_000_000, 1_000_000_000  # bytes of a log
PIECE = 64 * 1024  # bytes that a client takes at once
PAIRS = 41

Way = tuple[requests.Session, str]
"""A session, and the address that it reads."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. The budget is a bound in the same unit, from below or from above; None where none is."""

    what: str
    server: str
    value: float
    unit: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool:
        """Whether it keeps its budget; True where there is none."""
        return (self.at_least is None or self.value >= self.at_least) and (
            self.at_most is None or self.value <= self.at_most
        )

    @property
    def measured(self) -> str:
        """The figure with its unit."""
        return f"{self.value:g}{self.unit}"

    @property
    def budget(self) -> str:
        """The bound with its unit, or an empty text."""
        if self.at_least is not None:
            return f"≥ {self.at_least:g}{self.unit}"
        return "" if self.at_most is None else f"≤ {self.at_most:g}{self.unit}"


def say(text: str) -> None:
    """Progress, for a person who waits."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def get(session: requests.Session, url: str, **more: Any) -> requests.Response:
    """A GET whose answer is 200, or the end of the bench."""
    response = session.get(url, allow_redirects=False, **more)
    if response.status_code != requests.codes.ok:
        raise SystemExit(f"GET {response.request.path_url}: {response.status_code} {response.text[:300]}")
    return response


def equal(got: object, wanted: object, what: str) -> None:
    """End the bench if what was read is not what is there."""
    if got != wanted:
        raise SystemExit(f"{what}: {got!r} was read, {wanted!r} is right")


# --- a server with logs


@dataclass(frozen=True)
class Ground:
    """A server with logs to read: an account that may read them in the web, its token, and runs and jobs by name.

    A run is its id; a job is its id, the path of its web download and its log's size in bytes.
    """

    server: str
    base_url: str
    user: str
    password: str
    token: str
    repo: str
    runs: Mapping[str, int]
    jobs: Mapping[str, tuple[int, str, int]]

    def plain(self) -> requests.Session:
        """A session that is signed in to the web."""
        web = Web(self.base_url)
        answer = web.sign_in(Account(self.user, self.password))
        if answer.status_code != requests.codes.see_other:
            raise Refused(answer)
        return web.session

    def api(self) -> requests.Session:
        """A session with the token."""
        session = plain_session()
        session.headers["Authorization"] = f"token {self.token}"
        return session

    def web_url(self, job: str) -> str:
        """Where the web UI has a job's log."""
        return self.base_url + self.jobs[job][1]

    def api_url(self, job: str, attempt: int | None = None) -> str:
        """Where the API has a job's log."""
        return log_url(self.base_url, self.repo, self.jobs[job][0], attempt)

    def zip_url(self, run: str) -> str:
        """Where the API has the logs of a run."""
        return f"{self.base_url}/api/v1/repos/{self.repo}/actions/runs/{self.runs[run]}/logs"


def log_url(base_url: str, repo: str, job_id: int, attempt: int | None = None) -> str:
    """The address of a job's log in the API of a server."""
    query = "" if attempt is None else f"?attempt={attempt}"
    return f"{base_url}/api/v1/repos/{repo}/actions/jobs/{job_id}/logs{query}"


def web_path(repo: str, run_number: int, job_index: int) -> str:
    """The path of the web's own download of a first attempt."""
    return f"/{repo}/actions/runs/{run_number}/jobs/{job_index}/attempt/1/logs"


def block() -> bytes:
    """Rows as logs have them: a time, words and a digest."""
    rows = (f"step {n}: fetched layer sha256:{hashlib.sha256(b'%d' % n).hexdigest()} in {n} ms" for n in range(200))
    return b"".join(format_line(f"2026-01-02T03:04:{n // 4:02d}Z", row) for n, row in enumerate(rows))


def prepare(server: Server, runs: Mapping[str, Mapping[str, int]]) -> Ground:
    """Runs on a server by name, each with jobs by name, whose logs of at least so many bytes are sent by a runner."""
    hand = server.hand()
    owner = hand.user(f"bench-{secrets.token_hex(3)}")
    repo = hand.repo(owner.name, "logs")
    runner = Runner(hand.base_url, hand.registration_token())
    ids, made = {}, {}
    for name, sizes in runs.items():
        jobs = {job: {"runs-on": [f"{owner.name}-{job}"], "steps": [{"run": "true"}]} for job in sizes}
        hand.push(repo, {f"{name}.yml": {"on": {"workflow_dispatch": {}}, "jobs": jobs}})
        run = hand.dispatch(repo, f"{name}.yml")
        assert run.id
        ids[name] = run.id
        for index, job in enumerate(hand.state(repo, run.number).jobs):
            say(f"{server.how}: the log of {job.name}, {sizes[job.name]:,} bytes, is sent")
            task = runner.fetch(f"{owner.name}-{job.name}")
            assert task, f"no runner got {job.name}"
            made[job.name] = (job.id, web_path(repo, run.number, index), send_log(task, sizes[job.name]))
            task.finish("success")
    token = hand.new_token(owner, READ)
    name = "Forgejo " + re.sub(r"\+gitea-[0-9.]+", "", hand.version)
    return Ground(name, hand.base_url, owner.name, owner.password, token, repo, ids, made)


def send_log(task: Task, size: int) -> int:
    """Give a task a log of at least `size` bytes; its size.

    With each request Forgejo writes the offsets of all lines anew, so that a long log goes in few requests.
    """
    rows = [Row(line.decode().partition(" ")[2], n * 1_000_000) for n, line in enumerate(block().splitlines())]
    each = sum(len(row.stored) for row in rows)
    blocks = -(-size // each)
    batch = max(100, -(-blocks // 20))
    for number in range(0, blocks, batch):
        count = min(batch, blocks - number)
        task.rows(rows * count, more=number + count < blocks)
    return blocks * each


# --- time


def taken(session: requests.Session, url: str, size: int, piece: int | None) -> float:
    """Seconds for a whole read in pieces of that many bytes, or at once (`response.content`) where that is None."""
    start = time.perf_counter()
    with get(session, url, stream=True) as response:
        got = len(response.content) if piece is None else sum(map(len, response.iter_content(piece)))
    seconds = time.perf_counter() - start
    equal(got, size, url)
    return seconds


def in_turns(first: Callable[[], float], second: Callable[[], float], pairs: int) -> float:
    """The median of first ÷ second over pairs of measurements, each pair in the other order than the one before."""
    first(), second()
    ratios = []
    for number in range(pairs):
        if number % 2:
            one = first()
            ratios.append(one / second())
        else:
            two = second()
            ratios.append(first() / two)
    return statistics.median(ratios)


def throughput(server: str, plain: Way, other: Way, size: int, pairs: int = PAIRS) -> Iterator[tuple[str, float]]:
    """How fast the other way gives an answer of that size, against the plain one: how it is read, and the ratio."""
    for how, piece in (("in pieces of 64 KiB", PIECE), ("at once", None)):
        say(f"{server}: throughput {how}, {other[1]}")
        found = in_turns(partial(taken, *plain, size, piece), partial(taken, *other, size, piece), pairs)
        yield how, round(found, 2)


def log_throughput(
    ground: Ground, name: str, session: requests.Session, at_least: float | None, base_url: str = ""
) -> Iterator[Figure]:
    """How fast the session reads the large log through the API, there or at `base_url`, against the web download."""
    plain, web, size = ground.plain(), ground.web_url("large"), ground.jobs["large"][2]
    api = replace(ground, base_url=base_url or ground.base_url).api_url("large")
    equal(digest(session, api), digest(plain, web), "the large log")
    for how, ratio in throughput(ground.server, (plain, web), (session, api), size):
        what = f"throughput, {LARGE // 10**6} MB log {how}: {name} ÷ web download"
        yield Figure(what, ground.server, ratio, at_least=at_least)


def digest(session: requests.Session, url: str) -> str:
    """SHA-256 of an answer's body."""
    return hashlib.sha256(get(session, url).content).hexdigest()


# --- memory


def memory(field: str, process: int | str = "self") -> float:
    """MiB of a process's resident memory: now (`VmRSS`) or at most so far (`VmHWM`). Linux tells it."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:")) / 1024
