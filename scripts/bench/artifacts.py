"""What artifacts cost: the throughput and memory of a large one's download, through the adapter and through the proxy.

Rules
-----
* The artifact is sent in blocks by a running job as the action does (v4), the same to the double and to a Forgejo. Its
  id comes from the list, as a client finds it. What is read has the digest of what was sent.
* The web download is the browser's, by the id of the run and the name, as 15 has it. The shim finds and proves it with
  four requests more, which are part of its time.
* Throughput through the proxy has a budget in front of a Forgejo only (fronted.py says why).
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from adapter import behind_adapter, risen
from forgejo_shim import WebLogin
from fronted import idle, proxied
from hand import Hand
from measuring import PIECE, Figure, Ground, digest, equal, get, memory, say, taken, throughput
from runner import Runner
from uploads import upload

SIZE = 100_000_000  # bytes of the artifact
NAME = "large"
PAIRS = 15
FLAT = 16  # MiB that a download may add, whatever its size
WHAT = f"{SIZE // 10**6} MB artifact"


@dataclass(frozen=True)
class Uploaded:
    """An artifact on a server: where its lists are, the address of its web download, and the digest of its bytes."""

    ground: Ground
    web_url: str
    sha256: str

    def api_url(self, session: requests.Session, base_url: str) -> str:
        """Where the API that is asked there has it."""
        url = f"{base_url}/api/v1/repos/{self.ground.repo}/actions/artifacts"
        (found,) = get(session, f"{url}?name={NAME}").json()
        equal(found["size_in_bytes"], SIZE, f"bytes of the {WHAT}")
        return f"{url}/{found['id']}/zip"


def figures(ground: Ground, hand: Hand, at_least: float | None) -> Iterator[Figure]:
    """Throughput and memory; the proxy's throughput has that budget. The hand is an admin's."""
    made = uploaded(ground, hand)
    shim = behind_adapter(ground.base_url, ground.token, WebLogin(ground.user, ground.password))
    yield from speed(made, "adapter", shim, ground.base_url, 0.95)
    with proxied(ground) as proxy:
        yield from speed(made, "proxy", ground.api(), proxy.base_url, at_least)
    if Path("/proc/self/status").exists():
        yield from memories(made, shim)


def uploaded(ground: Ground, hand: Hand) -> Uploaded:
    """Bytes that no compression makes smaller, sent by the job of a new run."""
    say(f"{ground.server}: the {WHAT} is sent")
    content = random.Random(NAME).randbytes(1 << 20) * (SIZE // (1 << 20) + 1)
    label = f"{ground.user}-{NAME}"
    job = {"runs-on": [label], "steps": [{"run": "true"}]}
    hand.push(ground.repo, {f"{NAME}.yml": {"on": {"workflow_dispatch": {}}, "jobs": {NAME: job}}})
    run = hand.dispatch(ground.repo, f"{NAME}.yml")
    task = Runner(hand.base_url, hand.registration_token()).fetch(label)
    assert task, "no runner got the job that has the artifact"
    upload(task, NAME, content[:SIZE])
    task.finish("success")
    web_url = f"{ground.base_url}/{ground.repo}/actions/runs/{run.id}/artifacts/{NAME}"
    return Uploaded(ground, web_url, hashlib.sha256(content[:SIZE]).hexdigest())


def speed(
    made: Uploaded, name: str, session: requests.Session, base_url: str, at_least: float | None
) -> Iterator[Figure]:
    """How fast the session reads it through the API there, against the web download."""
    plain, api = made.ground.plain(), made.api_url(session, base_url)
    for way, url in ((session, api), (plain, made.web_url)):
        equal(digest(way, url), made.sha256, f"the {WHAT}")
    for how, ratio in throughput(made.ground.server, (plain, made.web_url), (session, api), SIZE, PAIRS):
        what = f"throughput, {WHAT} {how}: {name} ÷ web download"
        yield Figure(what, made.ground.server, ratio, at_least=at_least)


def memories(made: Uploaded, shim: requests.Session) -> Iterator[Figure]:
    """How far memory rises above idle: that of a client with the adapter, and that of the proxy."""
    ground = made.ground
    found = risen(ground, made.api_url(shim, ground.base_url))
    equal(found["size"], SIZE, f"bytes of the {WHAT}")
    yield Figure(f"memory above idle, {WHAT}", ground.server, round(found["rise"], 1), " MiB", at_most=FLAT)
    with proxied(ground) as proxy:
        session = ground.api()
        api, before = made.api_url(session, proxy.base_url), idle(proxy)
        taken(session, api, SIZE, PIECE)
        rise = memory("VmHWM", proxy.pid) - before
    yield Figure(f"proxy's memory, {WHAT}: above idle", ground.server, round(rise, 1), " MiB", at_most=FLAT)
