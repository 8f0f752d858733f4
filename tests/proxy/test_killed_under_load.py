"""Three proxies with a Redis behind nginx, under load: they are killed one at a time, then the Redis, then they again.

Rules: `FORGEJO_SHIM_LOAD=50/300` has 50 clients for 300 seconds (10 for 6 by default), on a real server that can be had
(servers.py) too. A request that was cut has a killed proxy to blame: one that was killed while the answer was on its
way. Sign-ins are counted at the server: one in all, and one more for each time that a proxy said that it cannot use the
Redis (B9), be it gone or the machine too busy to hear of it in time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

import pytest
import servers
from balanced import REPLICAS, Balanced, missing
from hand import wait
from load import Load, Place, Told
from servers import Pretended, Server

TOLD = os.environ.get("FORGEJO_SHIM_LOAD", "")
CLIENTS, SECONDS = map(int, (TOLD or "10/6").split("/"))
AWAY, BACK = SECONDS / 100, max(1.5, SECONDS / 100)  # seconds; after 1, nginx asks it again
HEALED = 60.0  # seconds until all use the Redis again (B10), on a machine that is very busy


class Story:
    """What happens, and when: `killed` are the moments at which a replica was."""

    def __init__(self, balanced: Balanced) -> None:
        self.balanced = balanced
        self.killed: list[float] = []

    def kill_in_turn(self, seconds: float, least: int) -> None:
        """Kill one after the other and start it again, for so long, and so many at least."""
        until, least = time.monotonic() + seconds, len(self.killed) + least
        while time.monotonic() < until or len(self.killed) < least:
            number = len(self.killed) % REPLICAS
            self.killed.append(time.monotonic())
            self.balanced.kill(number)
            time.sleep(AWAY)
            self.balanced.revive(number)
            time.sleep(BACK)
        self.all("web_session_up")

    def lose_the_redis(self, seconds: float) -> None:
        """Kill it, start it after so many seconds, empty, and wait until all use it again."""
        self.balanced.redis.kill()
        time.sleep(seconds)
        self.balanced.redis.start()
        self.all("redis_up")

    def all(self, figure: str) -> None:
        """Wait until all say so."""
        line = f"forgejo_shim_{figure} 1.0"
        for replica in self.balanced.replicas:
            wait(lambda one=replica: line in one.get("/-/shim/metrics").text, f"{figure} of all", HEALED)

    def lost(self) -> int:
        """How often one of them could not use the Redis."""
        return self.balanced.log().count("the shared state cannot be used")

    def explains(self, cut: Told) -> bool:
        """Whether one was killed while that answer was on its way."""
        return any(cut.began <= moment <= cut.ended for moment in self.killed)


@pytest.fixture(autouse=True)
def all_there() -> None:
    if reason := missing():
        pytest.skip(reason)


def sign_ins(server: Server) -> Callable[[], int]:
    """A way to count those that the server has had since now."""

    def count() -> int:
        if isinstance(server, Pretended):
            seen = server.double.requests
            return len([one for one in seen if (one.method, one.path) == ("POST", "/user/login")])
        return server.log_tail(10**9).count("completed POST /user/login")

    before = count()
    return lambda: count() - before


def play(server: Server) -> None:
    """Play the story on a server, and tell its figures."""
    place = Place(server, runs=8, readers=CLIENTS)
    counted = sign_ins(server)
    with Balanced(server.base_url, place.web, "--no-access-log") as balanced:
        story = Story(balanced)
        with Load(place.tokens, list(place.questions(balanced.base_url))) as load:
            story.kill_in_turn(SECONDS * 0.5, REPLICAS)
            before = counted(), story.lost()
            story.lose_the_redis(max(1, SECONDS * 0.1))
            story.kill_in_turn(SECONDS * 0.3, 1)
        after = counted(), story.lost()
        assert "Traceback" not in balanced.log()
    print(f"\n{server.how}, {CLIENTS} clients, {SECONDS} s: {dict(load.counts)}, {load.bytes >> 20} MiB,")
    print(f"the slowest right answer {load.slowest:.1f} s, {len(story.killed)} kills; sign-ins, and times that a proxy")
    print(f"could not use the Redis: {before}, and with the Redis killed {after}")
    unexplained = [told for told in load.others if told.verdict != "cut" or not story.explains(told)]
    assert not unexplained, "\n".join(map(str, unexplained[:9]))
    assert load.counts["right"] > CLIENTS * SECONDS
    for signed_in, lost in (before, after):
        assert 1 <= signed_in <= 1 + lost


@pytest.mark.clause("B5", "B9", "B10", "X8", "X55")
def test_on_the_double() -> None:
    with Pretended("15") as server:
        play(server)


@pytest.mark.clause("B5", "B9", "B10", "X8", "X55")
@pytest.mark.parametrize("version", ["15"])
def test_on_a_real_server(version: str) -> None:
    if not TOLD:
        pytest.skip("not run: FORGEJO_SHIM_LOAD says not how much")
    way = servers.available(version)
    if isinstance(way, str):
        pytest.skip(way)
    with way({"log.LEVEL": "info"}) as server:  # a line for each request
        play(server)
