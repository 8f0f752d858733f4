"""How many requests a read takes, cold and warm: of a log among 10,000 runs, and of the list of 3,000 artifacts.

Rules: counted on the double, with a budget each. The list is the first page of the longest that the shim still makes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import requests
from adapter import behind_adapter
from double import Double, Job, Repo
from double.logs import format_line
from forgejo_shim import WebLogin
from hand import READ, Hand
from measuring import PLACE, Figure, equal, get, log_url, say

RUNS, REPLACED_AT, REPLACED_AFTER, EMPTY_FROM, EMPTY = 10_000, 2_000, 5_000, 4_553, 500
HALVING = math.floor(2 * math.log2(RUNS) + 8)  # requests of a cold read while ids rise with run numbers
PROBES = 200  # requests more where rows were replaced or runs are empty
LISTED, OF_A_RUN = 1_000, 3  # runs whose artifacts are listed, and how many each has
PAGES = LISTED // 50  # requests for the list of these runs, which is the question of rights, too


@dataclass(frozen=True)
class World:
    """A repository of 10,000 runs, the jobs to ask for, and the requests that finding one may take."""

    name: str
    repo: Repo
    asked: list[Job]
    cold: int


def log_of(job: Job) -> bytes:
    """The log that a job has in these worlds: one line."""
    return format_line("2026-01-02T03:04:05Z", f"job {job.id} of run {job.run.number}")


class Builder:
    """Makes the worlds in the double's model, a run each minute."""

    def __init__(self, double: Double) -> None:
        self.double = double
        self.now = time.time() - RUNS * 200

    def run(self, repo: Repo, *jobs: str) -> list[Job]:
        """A new run whose first job is over."""
        self.now += 60
        made = self.double.model.add_run(repo, jobs).jobs
        for job in made[:1]:
            self.double.model.play(job, log_of(job))
        return made

    def worlds(self) -> Iterator[World]:
        """All three, one after another."""
        model, model.clock = self.double.model, lambda: self.now
        for build in (self.rising, self.replaced, self.empty):
            yield build(model.add_repo(self.double.admin, build.__name__))
        model.clock = time.time

    def rising(self, repo: Repo) -> World:
        """Job ids rise with run numbers, as they do where nothing was replaced."""
        jobs = [self.run(repo, "build")[0] for _ in range(RUNS)]
        return World("ids rising", repo, [*jobs[:: RUNS // 20], jobs[-1]], HALVING)

    def replaced(self, repo: Repo) -> World:
        """One run's jobs were replaced when many later runs had theirs."""
        jobs, rows = [], []
        for number in range(1, RUNS + 1):
            made = self.run(repo, *(("build", "matrix") if number == REPLACED_AT else ("build",)))
            jobs.append(made[0])
            rows += made[1:]
            if number == REPLACED_AT + REPLACED_AFTER:
                rows = self.double.model.replace_rows(rows[0], ["matrix (a)", "matrix (b)"])
                for row in rows:
                    self.double.model.play(row, log_of(row))
        asked = [*rows, *jobs[:: RUNS // 5]]
        return World(f"rows replaced {REPLACED_AFTER:,} runs later", repo, asked, HALVING + PROBES)

    def empty(self, repo: Repo) -> World:
        """Many runs in a row have no job."""
        gap = range(EMPTY_FROM, EMPTY_FROM + EMPTY)
        jobs = [job for n in range(1, RUNS + 1) for job in self.run(repo, *(() if n in gap else ("build",)))]
        edge = jobs[EMPTY_FROM - 4 : EMPTY_FROM + 2]
        return World(f"{EMPTY} empty runs in a row", repo, [*edge, *jobs[:: RUNS // 5]], HALVING + PROBES)


@dataclass(frozen=True)
class Count:
    """Requests of one read: to sign in, to learn what the server offers, and all others."""

    sign_in: int
    capability: int
    others: int


def counted(double: Double, read: Callable[..., None], *what: object) -> Count:
    """Read something and count what the double was asked."""
    before = len(double.requests)
    read(double, *what)
    paths = [seen.path for seen in double.requests[before:]]
    sign_in = sum(path.startswith("/user/") for path in paths)
    capability = paths.count("/swagger.v1.json")
    return Count(sign_in, capability, len(paths) - sign_in - capability)


def mounting(double: Double) -> Callable[[], requests.Session]:
    """What makes a new session at the double, with the adapter and nothing kept yet."""
    web = WebLogin(double.admin.name, double.admin.password)
    hand = Hand(double.url, web.user, web.password)
    return partial(behind_adapter, double.url, hand.new_token(hand.admin, READ), web)


def read_log(double: Double, session: requests.Session, job: Job, attempt: int | None = None) -> None:
    """Read a job's log."""
    body = get(session, log_url(double.url, job.run.repo.full_name, job.id, attempt)).content
    equal(body, log_of(job), f"the log of job {job.id}")


def read_list(double: Double, session: requests.Session, repo: Repo) -> None:
    """Read the first page of the artifacts of a repository."""
    answer = get(session, f"{double.url}/api/v1/repos/{repo.full_name}/actions/artifacts")
    equal(answer.headers["X-Total-Count"], str(LISTED * OF_A_RUN), f"how many artifacts {repo.full_name} has")


def request_counts() -> Iterator[Figure]:
    """The most requests that a job of each world takes: cold in a new session, then warm in the same."""
    cold_reads: list[Count] = []
    with Double(PLACE) as double:
        mounted = mounting(double)
        for world in Builder(double).worlds():
            cold, latest, given = [], [], []
            for number, job in enumerate(world.asked):
                say(f"requests, {world.name}: job {number + 1} of {len(world.asked)}")
                session = mounted()
                cold.append(counted(double, read_log, session, job))
                latest.append(counted(double, read_log, session, job).others)
                given.append(counted(double, read_log, session, job, 1).others)
            cold_reads += cold
            at, where = f"{RUNS:,} runs, {world.name}", f"double {PLACE}"
            yield Figure(f"requests, cold, {at}", where, max(count.others for count in cold), at_most=world.cold)
            yield Figure(f"requests, warm, {at}, latest attempt", where, max(latest), at_most=2)
            yield Figure(f"requests, warm, {at}, attempt given", where, max(given), at_most=1)
    yield Figure("requests to sign in, once a session", where, max(count.sign_in for count in cold_reads))
    yield Figure("requests for capabilities, once an hour", where, max(count.capability for count in cold_reads))


def artifact_counts() -> Iterator[Figure]:
    """The requests for the list of a repository's artifacts: cold in a new session, then warm in the same."""
    with Double(PLACE) as double:
        repo = double.model.add_repo(double.admin, "artifacts")
        for _ in range(LISTED):
            run = double.model.add_finished_run(repo, {"build": b""})
            for number in range(OF_A_RUN):
                double.model.artifacts.add(run, f"artifact {number}", b"PK")
        session = mounting(double)()
        what = f"list of artifacts, {LISTED:,} runs, {LISTED * OF_A_RUN:,} artifacts"
        for how, budget in (("cold", LISTED + PAGES), ("warm", PAGES)):
            say(f"requests, {what}: {how}")
            found = counted(double, read_list, session, repo).others
            yield Figure(f"requests, {how}, {what}", f"double {PLACE}", found, at_most=budget)
