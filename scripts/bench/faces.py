"""What GitHub's face costs: jobs with their steps, the zip of their logs by steps, and `gh` as it is.

Rules
-----
* A run of 20 jobs of five steps, each with a log of 2.5 MB, sent by a runner as to any Forgejo. The rows are a real
  job's, since lines that come again and again cost a zip nothing.
* *cold* is a proxy that has answered one request about another run; each way gets one of its own, and they take turns.
* A zip is read to its end and each log is found in it: the rows of the steps of GitHub's, the bytes of the contract's.
* `gh` (GH_BIN) speaks https only, so the proxy does, too; its time is that of the whole command, to a pipe. With
  the zip kept from before it asks for no log: that is what it takes by itself.
"""

from __future__ import annotations

import io
import lzma
import os
import secrets
import statistics
import subprocess
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from time import perf_counter

import requests
from certificates import certificate
from double import Double
from forgejo_shim import WebLogin
from fronted import proxied
from hand import Hand
from measuring import PLACE, Figure, Ground, equal, in_turns, say
from proxied import Proxied
from runner import START, Row, Runner
from running import Running
from small import Small, row

JOBS, STEPS, ROWS = 20, 5, 5_100  # rows of a step: 2.5 MB a job
ENDED = START + timedelta(seconds=2 * STEPS + 2)
EACH = STEPS * ROWS + 2
LINES = JOBS * EACH
KEPT = Path(__file__).parents[2] / "tests/data/logs/green-shell-60k.log.xz"
TURNS = 5
WHAT = f"run of {JOBS} jobs, 50 MB"
Way = Callable[[Proxied], object]


def figures(ground: Ground, hand: Hand) -> Iterator[Figure]:
    """The times in front of a server, as ratios to the contract's own operations through the same proxy."""
    run = made(ground, hand)
    jobs, zips = partial(read_jobs, ground, run), partial(read_zip, ground, run)
    ways = (
        (
            f"jobs of a {WHAT}: GitHub's, with steps ÷ contract's",
            partial(jobs, "/api/v3"),
            partial(jobs, "/api/v1"),
            None,
        ),
        (f"zip of a {WHAT}: GitHub's, by steps ÷ contract's", partial(zips, "/api/v3"), partial(zips, "/api/v1"), 2),
    )
    for what, one, other, most in ways:
        say(f"{ground.server}: {what}")
        yield Figure(f"time, cold, {what}", ground.server, cold(ground, one, other), at_most=most)
        with proxied(ground, "--face", "github") as proxy:
            ratio = in_turns(partial(seconds, one, proxy), partial(seconds, other, proxy), TURNS)
        yield Figure(f"time, warm, {what}", ground.server, round(ratio, 2), at_most=most)
    if gh := os.environ.get("GH_BIN"):
        yield from of_gh(ground, gh, run, partial(zips, "/api/v1"))


def of_gh(ground: Ground, gh: str, run: int, contracts: Way) -> Iterator[Figure]:
    """`gh run view --log`, whose every line is counted."""
    what = f"gh run view --log, {WHAT} ÷ contract's zip"
    say(f"{ground.server}: {what}")
    with tempfile.TemporaryDirectory() as folder:
        cert, key = certificate(Path(folder), "proxy")
        words = ("--face", "github", "--tls-cert", cert, "--tls-key", key)
        web = WebLogin(ground.user, ground.password)
        with Proxied(ground.base_url, web, *words) as proxy:
            proxy.base_url, proxy.session.verify = proxy.base_url.replace("http:", "https:"), str(cert)
            proxy.get("/api/v3/user", ground.token)
            kept, new = (partial(log_of_gh, ground, gh, run, cert, Path(folder), keeps) for keeps in (True, False))
            for how, shown, most in (("warm", new, 2), ("zip kept by gh", kept, None)):
                ratio = in_turns(partial(seconds, shown, proxy), partial(seconds, contracts, proxy), TURNS)
                yield Figure(f"time, {how}, {what}", ground.server, round(ratio, 2), at_most=most)


def counted() -> Iterator[Figure]:
    """Requests for the jobs of a run with their steps, on the double."""
    with Small(PLACE) as small, Running(small.url, small.web, faces=frozenset({"github"})) as proxy:
        run = small.add({f"job {number}": row("x") for number in range(JOBS)})
        proxy.get(f"/api/v3/repos/o/r/actions/runs/{small.add().id}/jobs", small.token)
        for how, most in (("cold", 2 + 2 * JOBS), ("warm", 1 + JOBS)):
            found = requests_of(small.double, proxy, f"/api/v3/repos/o/r/actions/runs/{run.id}/jobs", small.token)
            what = f"requests, {how}, GitHub's jobs with steps of a run of {JOBS} jobs"
            yield Figure(what, f"double {PLACE}", found, at_most=most)


def requests_of(double: Double, proxy: Running, path: str, token: str) -> int:
    """How many requests of the server an answer takes."""
    before = len(double.requests)
    equal(proxy.get(path, token).json()["total_count"], JOBS, "jobs of the run")
    return len(double.requests) - before


def made(ground: Ground, hand: Hand) -> int:
    """The run's id. The hand is an admin's."""
    label, name = f"{ground.user}-{secrets.token_hex(3)}", "twenty.yml"
    steps = [{"name": f"step {number}", "run": "true"} for number in range(STEPS)]
    jobs = {f"job-{number}": {"runs-on": [label], "steps": steps} for number in range(JOBS)}
    hand.push(ground.repo, {name: {"on": {"workflow_dispatch": {}}, "jobs": jobs}})
    run = hand.dispatch(ground.repo, name)
    runner = Runner(hand.base_url, hand.registration_token())
    with lzma.open(KEPT, "rt") as kept:
        rows = [Row(line.rstrip("\n").partition(" ")[2], ticks(n)) for n, line in zip(range(EACH), kept)]  # noqa: B905
    for number in range(JOBS):
        say(f"{ground.server}: the log of job {number + 1} of {JOBS} is sent")
        task = runner.fetch(label)
        assert task, "no runner got a job of the run"
        task.rows(rows, more=False)
        task.finish(steps=[(ROWS, "success")] * STEPS, started_at=START, stopped_at=ENDED)
    assert run.id
    return run.id


def ticks(n: int) -> int:
    """When row n was written, if each step writes all the time of its two seconds, the first from second 1 on."""
    step, number = divmod(max(0, n - 1), ROWS)
    return (1 + 2 * step) * 10_000_000 + number * 4_000


def seconds(way: Way, proxy: Proxied) -> float:
    """How long something takes through a proxy."""
    began = perf_counter()
    way(proxy)
    return perf_counter() - began


def cold(ground: Ground, one: Way, other: Way) -> float:
    """The median of one ÷ the other, each in a proxy of its own that knows nothing of the run."""
    ratios = []
    for number in range(TURNS):
        taken = {}
        for way in (one, other) if number % 2 else (other, one):
            with proxied(ground, "--face", "github") as proxy:
                taken[way] = seconds(way, proxy)
        ratios.append(taken[one] / taken[other])
    return round(statistics.median(ratios), 2)


def path_of(ground: Ground, run: int, root: str, what: str) -> str:
    """Where a run has its jobs or logs in one of the two APIs."""
    return f"{root}/repos/{ground.repo}/actions/runs/{run}/{what}"


def read_jobs(ground: Ground, run: int, root: str, proxy: Proxied) -> None:
    """Read the jobs of the run; GitHub's have steps."""
    told = proxy.get(path_of(ground, run, root, "jobs?per_page=100"), ground.token).json()
    jobs = told["jobs"] if isinstance(told, dict) else told
    equal(len(jobs), JOBS, "jobs of the run")


def read_zip(ground: Ground, run: int, root: str, proxy: Proxied) -> None:
    """Read the zip of the run's logs."""
    headers = {"Authorization": f"token {ground.token}"}
    answer = get_all(proxy.session, proxy.base_url + path_of(ground, run, root, "logs"), headers)
    with zipfile.ZipFile(io.BytesIO(answer)) as archive:
        equal(sum(archive.read(name).count(b"\n") for name in archive.namelist()), LINES, f"lines in the zip of {root}")


def get_all(session: requests.Session, url: str, headers: dict[str, str]) -> bytes:
    """The body of an answer, with the redirect to a signed address."""
    answer = session.get(url, headers=headers, timeout=120)
    equal(answer.status_code, 200, f"the status of {url}")
    return answer.content


def log_of_gh(ground: Ground, gh: str, run: int, cert: Path, folder: Path, keeps: bool, proxy: Proxied) -> None:
    """All that gh shows of a run's logs; in a home of its own, unless it `keeps` the zip that it had before."""
    home = folder / ("kept" if keeps else secrets.token_hex(4))
    home.mkdir(exist_ok=True)
    host = proxy.base_url.removeprefix("https://")
    own = {"GH_HOST": host, "GH_REPO": f"{host}/{ground.repo}", "GH_ENTERPRISE_TOKEN": ground.token}
    more = {"GH_CONFIG_DIR": str(home), "GH_NO_UPDATE_NOTIFIER": "1", "SSL_CERT_FILE": str(cert), "HOME": str(home)}
    environment = {"PATH": os.environ["PATH"], **own, **more}
    shown = subprocess.run([gh, "run", "view", str(run), "--log"], env=environment, capture_output=True, check=False)
    equal(shown.returncode, 0, f"gh: {shown.stderr.decode()[:300]}")
    equal(shown.stdout.count(b"\n"), LINES, "lines that gh shows")
