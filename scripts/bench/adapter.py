"""What the library costs: throughput, latency and memory of reads through the adapter.

Rules: the double is a process of its own, and so is the client whose memory is counted, before and at its peak; each is
this folder run with a role for its word.
"""

from __future__ import annotations

import ctypes
import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import requests
from double import Double, GeneratedLog
from forgejo_shim import WebLogin, mount
from hand import READ, Hand, plain_session
from measuring import (
    HUGE,
    LARGE,
    PIECE,
    PLACE,
    SMALL,
    Figure,
    Ground,
    block,
    digest,
    equal,
    get,
    in_turns,
    log_throughput,
    memory,
    say,
    taken,
    web_path,
)

SMALL_PAIRS = 200


def behind_adapter(base_url: str, token: str, web: WebLogin) -> requests.Session:
    """A session with the token and the adapter."""
    session = plain_session()
    session.headers["Authorization"] = f"token {token}"
    mount(session, base_url, web=web)
    return session


# --- processes


def serve() -> None:
    """A child: the double with logs of every size, until its input ends."""
    with Double(PLACE) as double:
        model, admin = double.model, double.admin
        repo = model.add_repo(admin, "logs")
        several = {name: GeneratedLog(size, block()) for name, size in (("small", SMALL), ("large", LARGE))}
        first = model.add_finished_run(repo, several)
        last = model.add_finished_run(repo, {"huge": GeneratedLog(HUGE, block())})
        jobs = {
            job.name: (job.id, web_path(repo.full_name, run.number, index), size)
            for run, sizes in ((first, (SMALL, LARGE)), (last, (HUGE,)))
            for index, (job, size) in enumerate(zip(run.jobs, sizes, strict=True))
        }
        hand = Hand(double.url, admin.name, admin.password)
        token = hand.new_token(hand.admin, READ)
        runs = {"logs": first.id, "huge": last.id}
        told = Ground(f"double {PLACE}", double.url, admin.name, admin.password, token, repo.full_name, runs, jobs)
        print(json.dumps(asdict(told)), flush=True)
        sys.stdin.read()


@contextmanager
def doubled() -> Iterator[Ground]:
    """The double in a process of its own."""
    with child("serve") as process:
        assert process.stdin and process.stdout
        yield Ground(**json.loads(process.stdout.readline()))
        process.stdin.close()


def child(role: str) -> subprocess.Popen[str]:
    """This folder as another process with a pipe at both ends."""
    command = [sys.executable, str(Path(__file__).parent), role]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# --- throughput and latency


def speed(ground: Ground, at_least: float) -> Iterator[Figure]:
    """Throughput of the large log, with its budget, and latency of the small one: the adapter's against the plain web
    download's."""
    plain = ground.plain()
    shim = behind_adapter(ground.base_url, ground.token, WebLogin(ground.user, ground.password))
    yield from log_throughput(ground, "adapter", shim, at_least)
    size, web = ground.jobs["small"][2], ground.web_url("small")
    equal(digest(shim, ground.api_url("small")), digest(plain, web), "the small log")
    for how, attempt in (("latest attempt (2 requests)", None), ("attempt given (1 request)", 1)):
        say(f"{ground.server}: latency, {how}")
        api = ground.api_url("small", attempt)
        found = in_turns(partial(taken, shim, api, size, None), partial(taken, plain, web, size, None), SMALL_PAIRS)
        what = f"time, {SMALL // 1000} kB log, warm, {how}: adapter ÷ web download"
        yield Figure(what, ground.server, round(found, 2))


# --- memory


def remember() -> None:
    """A child: read the small log, then another answer; print its size, its end, and the memory before and at its peak.

    Idle is after the small read: what is known of the server is kept, what was only needed to learn it is given back.
    """
    told = json.load(sys.stdin)
    session = behind_adapter(told["base_url"], told["token"], WebLogin(told["user"], told["password"]))
    get(session, told["small"])
    idle, size, end = settled(), 0, b""
    with get(session, told["url"], stream=True) as response:
        for piece in response.iter_content(PIECE):
            size, end = size + len(piece), (end + piece)[-22:]
    print(json.dumps({"size": size, "end": end.hex(), "rise": memory("VmHWM") - idle}))


def settled() -> float:
    """MiB of resident memory after all that is free was given back to the system; the peak is counted from here on."""
    gc.collect()
    with suppress(AttributeError, OSError):  # glibc only
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # refused in some containers; then the peak is that of the process's whole life
        Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def risen(ground: Ground, url: str) -> dict[str, Any]:
    """What `remember` tells of one answer."""
    say(f"memory: {url}")
    told = {"small": ground.api_url("small"), "url": url, "token": ground.token}
    told |= {"base_url": ground.base_url, "user": ground.user, "password": ground.password}
    with child("remember") as process:
        output, _ = process.communicate(json.dumps(told))
    equal(process.returncode, 0, "the child that reads a log of 1 GB")
    found: dict[str, Any] = json.loads(output)
    return found


def memories(ground: Ground) -> Iterator[Figure]:
    """How far memory rises above idle: a log of 1 GB, and the zip of a run with that log."""
    if not Path("/proc/self/status").exists():
        return
    log = risen(ground, ground.api_url("huge"))
    equal(log["size"], HUGE, "bytes of the log of 1 GB")
    archive = risen(ground, ground.zip_url("huge"))
    equal(archive["end"][:8], b"PK\5\6".hex(), "the end of the zip")
    for what, found in (("1 GB log", log), ("zip of a run with a 1 GB log", archive)):
        yield Figure(f"memory above idle, {what}", ground.server, round(found["rise"], 1), " MiB", at_most=16)
