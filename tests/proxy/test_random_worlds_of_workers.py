"""Random worlds through two workers that share a Redis: an answer is the oracle's bytes or a documented error.

Rules: those of grounds.py. Each read is a connection of its own, so that either worker may have it, and the world goes
on when a request reaches the double. `FORGEJO_SHIM_WORLDS` says how many worlds run in all (3 on each face by default).
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import proxied
import pytest
import requests
from double import Double
from grounds import WORLDS, Ground, grow
from hand import plain_session
from proxied import Proxied
from redis_server import KEY, redis_server
from seeded import Job
from servers import Pretended

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="not run: workers need Linux")
FACES = ("11", "13", "15", "16")
MOST = 250  # worlds on one double, which keeps everything
SOON = "from forgejo_shim.webui import reader; reader.HAND_OVER = 0.001; from forgejo_shim.cli import main; main()"


class Served(Ground):
    """The shim is a proxy with two workers."""

    def begin(self) -> None:
        assert isinstance(self.server, Pretended)
        self.double: Double = self.server.double
        self.redis = redis_server()
        words = ("--workers", "2", "--state", self.redis.address, "--no-access-log")
        self.proxy = Proxied(self.server.base_url, self.web, *words, environment={"FORGEJO_SHIM_STATE_KEY": KEY})

    def fresh(self) -> None:
        """Begin with nothing kept: while the Redis answers, nothing else counts."""
        self.redis.cli.flushall()
        self.double.requests.clear()

    def read(self, job: Job, attempt: int | None) -> requests.Response:
        path = f"/api/v1/repos/{self.repo.full}/actions/jobs/{job.id}/logs"
        query = {} if attempt is None else {"attempt": attempt}
        with plain_session() as session:
            headers = {"Authorization": f"token {self.token}"}
            return session.get(self.proxy.base_url + path, params=query, headers=headers, timeout=60)

    @contextmanager
    def before(self, number: int, act: Callable[[], None]) -> Iterator[None]:
        seen, alone, acting = count(), threading.Lock(), threading.Event()
        errors: list[Exception] = []

        def now(_: object) -> None:
            if acting.is_set():  # what the act itself asks for
                return
            with alone:
                if next(seen) == number:
                    acting.set()
                    try:
                        act()
                    except Exception as error:  # noqa: BLE001 - it is this thread that the test does not look at
                        errors.append(error)
                    acting.clear()

        fault = self.double.faults.hook("", now)
        yield
        with alone:  # an act may go on when the answer is there
            self.double.faults.rules.remove(fault)
        for error in errors:
            raise error

    def stop(self) -> None:
        log = self.proxy.log()
        self.proxy.stop()
        self.redis.stop()
        self.server.stop()
        assert "Traceback" not in log, log


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proxied, "PROGRAM", [sys.executable, "-c", SOON])


@pytest.mark.clause("S12", "S13", "S16", "L9", "B1", "O9")
@pytest.mark.parametrize("version", FACES)
def test_random_worlds_through_two_workers(version: str) -> None:
    left = -(-WORLDS // len(FACES)) or 3
    while left:
        ground = Served(Pretended(version))
        try:
            grow(ground, min(left, MOST))
        finally:
            ground.stop()
        left -= min(left, MOST)
        print(f"\n{ground.server.how}, {ground.used} worlds: {dict(sorted(ground.answers.items()))}")
