"""What the proxy costs: its figures in front of a server, for `scripts/bench`.

Rules
-----
* The proxy is a process of its own, started with what it needs to serve so many at once and otherwise as it comes, its
  access log included. Its memory is its own, at its peak (VmHWM) since it had answered one request and was idle again.
* Streams are at once: every answer's head has come before the first body is read on. Followers are all there, and each
  has all rows so far, before the job goes on.
* The double hands out a log from its memory, faster than any server reads one. Through the proxy each byte is copied
  twice more, which is then most of the time; so the throughput has a budget in front of a Forgejo only.
* Every piece is compared with the log's bytes at its place as it comes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import aiohttp
from forgejo_shim import WebLogin
from hand import Hand
from measuring import (
    LARGE,
    SMALL,
    Figure,
    Ground,
    block,
    equal,
    get,
    in_turns,
    log_throughput,
    log_url,
    memory,
    say,
    taken,
)
from proxied import Proxied
from runner import Row, Runner, stored

STREAMS = 100
SMALL_PAIRS = 200
FOLLOWERS, ROWS, GROWTHS = 300, 400, 3  # rows before the followers come and with each growth
PATIENCE = 120.0  # seconds for everybody to have what there is


def figures(ground: Ground, at_least: float | None) -> Iterator[Figure]:
    """Throughput, with its budget, and memory with many streams."""
    with proxied(ground) as proxy:
        yield from log_throughput(ground, "proxy", ground.api(), at_least, base_url=proxy.base_url)
        yield from small_log(ground, proxy, at_least)
    if Path("/proc/self/status").exists():
        yield from streams(ground)


def small_log(ground: Ground, proxy: Proxied, at_least: float | None) -> Iterator[Figure]:
    """The time of a small log whose latest attempt is asked for; with its budget where throughput has one."""
    say(f"{ground.server}: latency through the proxy")
    size, plain, api = ground.jobs["small"][2], ground.plain(), ground.api()
    ours = replace(ground, base_url=proxy.base_url).api_url("small")
    web = partial(taken, plain, ground.web_url("small"), size, None)
    found = in_turns(partial(taken, api, ours, size, None), web, SMALL_PAIRS)
    what = f"time, {SMALL // 1000} kB log, warm, latest attempt: proxy ÷ web download"
    yield Figure(what, ground.server, round(found, 2), at_most=at_least and 1.3)


@contextmanager
def proxied(ground: Ground, *words: str) -> Iterator[Proxied]:
    """A proxy in front of a server, with its web account; it has answered a request."""
    with Proxied(ground.base_url, WebLogin(ground.user, ground.password), *words) as proxy:
        get(ground.api(), replace(ground, base_url=proxy.base_url).api_url("small"))
        yield proxy


# --- memory


def idle(proxy: Proxied) -> float:
    """MiB of the proxy's memory now; its peak is counted from here on."""
    with suppress(OSError):  # refused in some containers; then the peak is that of the process's whole life
        Path(f"/proc/{proxy.pid}/clear_refs").write_text("5")
    return memory("VmRSS", proxy.pid)


def streams(ground: Ground) -> Iterator[Figure]:
    """The proxy's memory with many long answers at once."""
    log = get(ground.plain(), ground.web_url("large")).content
    with proxied(ground, "--streams-per-caller", str(STREAMS)) as proxy:
        say(f"{ground.server}: {STREAMS} streams at once")
        url, before = replace(ground, base_url=proxy.base_url).api_url("large"), idle(proxy)
        right = asyncio.run(at_once(url, ground.token, log))
        peak = memory("VmHWM", proxy.pid)
    equal(set(right), {len(log)}, f"right bytes of {STREAMS} streams at once")
    what = f"proxy's memory, {STREAMS} streams of {LARGE // 10**6} MB at once"
    yield Figure(f"{what}: peak", ground.server, round(peak, 1), " MiB", at_most=256)
    yield Figure(f"{what}: above idle", ground.server, round(peak - before, 1), " MiB")


def client(token: str) -> aiohttp.ClientSession:
    """A client without a limit of connections."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        headers={"Authorization": f"token {token}"},
        timeout=aiohttp.ClientTimeout(total=None, sock_read=PATIENCE),
        raise_for_status=True,
    )


async def at_once(url: str, token: str, log: bytes) -> list[int]:
    """How many bytes of each stream were right."""
    async with client(token) as session:
        answers = await asyncio.gather(*(session.get(url) for _ in range(STREAMS)))
        readings = [Reading(answer, log) for answer in answers]
        await asyncio.gather(*(reading.read() for reading in readings))
        return [reading.at for reading in readings]


class Reading:
    """An open answer; `at` is how many bytes of it came, all of them the log's so far."""

    def __init__(self, answer: aiohttp.ClientResponse, log: bytes) -> None:
        self.answer = answer
        self.log = log
        self.at = 0

    async def read(self) -> None:
        """Read to the end, or to the first piece that is wrong."""
        async for piece in self.answer.content.iter_any():
            if not self.log.startswith(piece, self.at):
                return self.answer.close()
            self.at += len(piece)


# --- followers


def followers(ground: Ground, hand: Hand) -> Iterator[Figure]:
    """The proxy's memory with many followers of one running job, each of whom reads it from the first row to the last.

    The peak is that of all the time from the first follower's coming to the last one's end. The hand is an admin's.
    """
    if not Path("/proc/self/status").exists():
        return
    lines = [line.decode().partition(" ")[2] for line in block().splitlines()]
    rows = [Row(lines[n % len(lines)], n * 1_000_000) for n in range(ROWS * (1 + GROWTHS))]
    parts = [rows[start : start + ROWS] for start in range(0, len(rows), ROWS)]
    job = {"runs-on": [f"{ground.user}-followed"], "steps": [{"run": "true"}]}
    hand.push(ground.repo, {"followed.yml": {"on": {"workflow_dispatch": {}}, "jobs": {"followed": job}}})
    (state,) = hand.state(ground.repo, hand.dispatch(ground.repo, "followed.yml").number).jobs
    task = Runner(hand.base_url, hand.registration_token()).fetch(f"{ground.user}-followed")
    assert task, "no runner got the job that is followed"

    def grow(part: list[Row]) -> None:
        task.rows(part, more=part is not parts[-1])
        if part is parts[-1]:
            task.finish("success")

    with proxied(ground, "--streams-per-caller", str(FOLLOWERS)) as proxy:
        url, before = log_url(proxy.base_url, ground.repo, state.id) + "?follow=true", idle(proxy)
        right = asyncio.run(followed(url, ground, parts, grow))
        each = (memory("VmHWM", proxy.pid) - before) * 1024 / FOLLOWERS
    equal(set(right), {len(stored(rows))}, f"right bytes of {FOLLOWERS} followers")
    what = f"proxy's memory, {FOLLOWERS} followers of a running job: growth for each"
    yield Figure(what, ground.server, round(each), " KiB", at_most=100)


async def followed(url: str, ground: Ground, parts: list[list[Row]], grow: Callable[[list[Row]], None]) -> list[int]:
    """How many bytes of each follower were right, when all have ended."""
    log, there = stored(row for part in parts for row in part), 0
    await asyncio.to_thread(grow, parts[0])
    async with client(ground.token) as session:
        answers = await asyncio.gather(*(session.get(url) for _ in range(FOLLOWERS)))
        readings = [Reading(answer, log) for answer in answers]
        ends = asyncio.gather(*(reading.read() for reading in readings))
        for number, part in enumerate(parts):
            if number:
                await asyncio.to_thread(grow, part)
            there += len(stored(part))
            say(f"{ground.server}: {FOLLOWERS} followers, part {number + 1} of {len(parts)}")
            async with asyncio.timeout(PATIENCE):
                while any(reading.at < there for reading in readings) and not ends.done():
                    await asyncio.sleep(0.1)
        await ends
    return [reading.at for reading in readings]
