"""Where random worlds are grown and read: whatever happens on the server, an answer is the oracle's bytes or a
documented error.

Rules
-----
* A world is grown by random acts; then every job and attempt there ever was is read through a shim. In half of the
  reads the world goes on acting *between two requests of one read*, below the shim, where nobody expects it.
* What an answer may be is the oracle's word at any moment of the read: its bytes, its cause, or an error that the table
  of spec/README.md has for "not now" or "cannot be had here". Never another job's or attempt's bytes.
* The shim of `Ground` is an adapter; another kind of ground says how its own begins, reads, and is acted before.
* `FORGEJO_SHIM_WORLDS` says how many run (`WORLDS`; 0: a few on the double).
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import requests
import servers
from forgejo_shim import WebLogin
from hand import Hand
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as some
from runner import Runner
from seeded import Cause, Job, Repo, Stage
from wire import Wire, behind
from world import RandomWorld, push_shapes

WORLDS = int(os.environ.get("FORGEJO_SHIM_WORLDS", "0"))
BATCH = 25  # worlds whose workflows are pushed in one commit
Expected = bytes | Cause
DOCUMENTED = {
    "rows-moving": 503,
    "rerun-waits": 503,
    "attempt-not-provable": 501,
    "search-limit": 504,
    "upstream-busy": 503,
}


class Ground:
    """A server with a repository for random worlds, and sessions behind the shim that read there."""

    def __init__(self, server: servers.Server) -> None:
        self.server = server
        self.hand: Hand = server.hand()
        self.runner = Runner(server.base_url, self.hand.registration_token())
        self.account = self.hand.user("random-worlds")
        self.token = self.hand.new_token(self.account, ["read:repository"])
        self.repo = Repo(self.hand.repo(self.account.name, "worlds"))
        self.marks: list[str] = []
        self.used = 0
        self.answers: Counter[str] = Counter()
        self.web = WebLogin(self.account.name, self.account.password)
        self.begin()

    def begin(self) -> None:
        """Have a shim."""
        self.wire = Wire()
        self.session: requests.Session
        self.fresh()

    def fresh(self) -> None:
        """Begin with nothing kept."""
        self.session, _, _ = behind(self.server.base_url, self.token, self.wire, web=self.web)

    @contextmanager
    def before(self, number: int, act: Callable[[], None]) -> Iterator[None]:
        """Act before the request of this number, counted from 0, that the shim sends meanwhile."""
        begun = len(self.wire.sent)

        def now(sent: int) -> None:
            if sent - begun == number:
                self.wire.before = None
                act()

        self.wire.before = now
        yield
        self.wire.before = None

    def world(self, choose: Callable[[Sequence[Any]], Any]) -> RandomWorld:
        if self.used == len(self.marks):
            new = [f"w{len(self.marks) + number}" for number in range(BATCH)]
            push_shapes(self.hand, self.repo, new)
            self.marks += new
        mark = self.marks[self.used]
        self.used += 1
        return RandomWorld(Stage(self.hand, self.runner, mark), self.repo, choose)

    def read(self, job: Job, attempt: int | None) -> requests.Response:
        query = "" if attempt is None else f"?attempt={attempt}"
        path = f"/api/v1/repos/{self.repo.full}/actions/jobs/{job.id}/logs{query}"
        return self.session.get(self.server.base_url + path, timeout=60)


def says(response: requests.Response, expected: Expected) -> bool:
    """Whether an answer is what the oracle expects."""
    if isinstance(expected, bytes):
        return response.status_code == 200 and response.content == expected
    if response.status_code != 404:
        return expected is Cause.NO_LOG and response.status_code == 500 and made_by(response) == "native"
    message = response.json()["message"]
    fits: dict[Cause, bool] = {
        Cause.NOT_EXECUTED: message == "job has not been executed yet",
        Cause.NO_LOG: message.startswith("job has no log"),
        Cause.EXPIRED: message == "logs have expired",
        Cause.NO_ATTEMPT: message.startswith("task with job_id "),
        Cause.NO_JOB: message.endswith("resource does not exist"),
    }
    return fits[expected]


def made_by(response: requests.Response) -> str:
    """The backend of an answer, as the adapter or a proxy tells it."""
    return str(getattr(response, "backend", response.headers.get("X-Forgejo-Shim")))


def allowed_errors(hand: Hand, job: Job, attempt: int | None, acted: bool) -> set[str]:
    """The causes of documented errors that this read may end with, though the oracle knows bytes."""
    found = {"rows-moving", "upstream-busy"} if acted else set()
    if job.gone:
        found.add("search-limit")
    if attempt is not None:
        if (hand.major, hand.minor, hand.patch) < (13, 0, 4):
            found.add("attempt-not-provable")
        if job.current is None or acted:
            found |= {"rerun-waits", "attempt-not-provable"}
    return found


def play(ground: Ground, choose: Callable[[Sequence[Any]], Any], acts: int) -> list[str]:
    """Grow a world, then read everything in it; what was done, for a failure's report."""
    world = ground.world(choose)
    done = [world.act() for _ in range(acts)]
    for job in world.jobs():
        for attempt in [None, *range(1, max(job.attempts, default=0) + 2)]:
            read_while_acting(ground, world, job, attempt, choose, done)
    return done


def read_while_acting(
    ground: Ground,
    world: RandomWorld,
    job: Job,
    attempt: int | None,
    choose: Callable[[Sequence[Any]], Any],
    done: list[str],
) -> None:
    """Read one log; perhaps the world acts before the n-th request of the read."""
    when = choose([0, 0, 0, 1, 2, 3, 4, 5]) - 1
    could_be: list[Expected] = [job.expected(attempt)]

    def act() -> None:
        for _ in range(choose([1, 2, 3])):
            done.append(f"(while job {job.id} attempt {attempt} is read) {world.act()}")
            could_be.append(job.expected(attempt))

    with ground.before(when, act):
        response = ground.read(job, attempt)
    acted = len(could_be) > 1
    ground.answers["reads"] += 1
    ground.answers["reads with acts between requests"] += acted
    ground.answers[f"status {response.status_code}"] += 1
    told = f"job {job.id} of run {job.run.number}, attempt {attempt}: {response.status_code} {response.text[:200]}\n"
    told += f"the oracle: {could_be}\n" + "\n".join(done)
    if response.status_code < 300:
        assert response.content in could_be, told
    elif not any(says(response, expected) for expected in could_be):
        cause = response.json().get("cause")
        allowed = allowed_errors(ground.hand, job, attempt, acted)
        assert cause in allowed and DOCUMENTED[cause] == response.status_code, told
    else:
        assert any(says(response, expected) for expected in could_be), told


def grow(ground: Ground, worlds: int) -> None:
    """Play so many worlds by chance, the same ones each time unless `WORLDS` says how many."""

    @settings(
        max_examples=worlds,
        deadline=None,
        derandomize=not WORLDS,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(some.randoms(use_true_random=True), some.integers(8, 24))
    def one(chance: random.Random, acts: int) -> None:
        if chance.random() < 0.5:
            ground.fresh()
        play(ground, chance.choice, acts)

    one()
    assert ground.answers["status 200"] and ground.answers["reads with acts between requests"]
