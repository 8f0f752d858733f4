"""`forgejo-shim watch`: a run until it is over.

Rules: a round asks for the run and its jobs, and in full for those jobs that are at work or have just ended. Nothing
changed: the next round comes later, by and by five times as late. A server that does not answer is asked again for
`PATIENCE` seconds, but not before it has answered once. What only steps and times need, and the server or the account
does not give, is left out, unless steps were asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Unpack

import click
from rich.console import Group
from rich.live import Live
from rich.text import Text

from ..arguments import RunFilters
from ..client import Client
from ..errors import NotNow, NotThere, ShimError, Unreachable
from ..models import FINAL, Job, JobDetails, Repo
from .filters import chosen_run, run_filters
from .help import option_of
from .output import note, show_json, terminal
from .settings import CommonOptions, common
from .steps import steps_of
from .target import Target, TargetVerb, takes_target, with_run
from .terminal import one_line
from .watch_table import Seen, frame

PATIENCE = 300  # seconds without an answer
SLOWER, SLOWEST = 1.2, 5  # a round's delay after nothing has changed, and at most, as factors of the interval
NOT_YET = ("waiting", "blocked")  # a step so says nothing
LOST = 8  # exit code of what does not answer, or not as it should
Show = Callable[[Seen, str], None]


@click.command(
    cls=TargetVerb,
    examples=["forgejo-shim watch OWNER/REPO", "forgejo-shim watch OWNER/REPO 42 --steps --interval 10"],
)
@takes_target()
@click.argument("run", metavar="[RUN]", required=False)
@option_of("Options")("--steps", is_flag=True, help="The steps of all jobs, not only of running ones.")
@option_of("Options")(
    "--interval",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    default=3,
    help="How long to wait between two looks. While nothing changes it is up to five times as long.",
)
@run_filters("Which run, if not RUN")
@common
@click.pass_obj
def watch(
    settings: CommonOptions, /, target: Target, run: str | None, steps: bool, interval: float,
    **filters: Unpack[RunFilters],
) -> int:  # fmt: skip
    """Watch a run until it is over.

    RUN is a run number, "latest" (the default) or a run's URL, which can stand alone too. On a terminal a table is kept
    up to date; in a pipe a line is printed for each change. The exit code tells the result: 0 if the run succeeded, 1
    if it failed or was cancelled. With --json the run and its jobs are printed when it is over.
    """
    target = with_run(target, run, "RUN")
    with settings.client(target.server) as client:
        number = chosen_run(client, target, filters).number
        rounds = Rounds(client, target.repo, number, steps)
        display = _silent() if settings.json else _table(steps) if _can_move() else _changes(steps)
        with display as show:
            seen = _until_over(rounds, interval, show)
    if settings.json:
        show_json({"run": asdict(replace(seen.run, status=seen.status)), "jobs": [asdict(job) for job in seen.jobs]})
    return int(seen.status not in ("success", "skipped"))


def _until_over(rounds: Rounds, interval: float, show: Show) -> Seen:
    """Look until the run is over. Raises ShimError."""
    delay, before = interval, None
    while True:
        seen, trouble = rounds.look()
        show(seen, trouble)
        if seen.is_over and not trouble:
            return seen
        delay = interval if seen != before else min(delay * SLOWER, interval * SLOWEST)
        before = seen
        time.sleep(delay)


class Rounds:
    """Looks at a run, and remembers what was seen."""

    def __init__(self, client: Client, repo: Repo, number: int, steps: bool) -> None:
        self.client, self.repo, self.number, self.steps = client, repo, number, steps
        self.seen: Seen | None = None
        self.answered = time.monotonic()
        self.tells_details = True

    def look(self) -> tuple[Seen, str]:
        """The run as it is now; or as it was, and why there is no answer. Raises ShimError."""
        try:
            now = self.client.overview(self.repo, self.number)
            known = self.seen.details if self.seen else {}
            self.seen = Seen(now.run, now.jobs, {job.id: known[job.id] for job in now.jobs if job.id in known})
            self.seen = replace(self.seen, details={**self.seen.details, **dict(self._details(self.seen))})
        except ShimError as error:
            if self.seen is None or not (isinstance(error, NotNow) or error.exit_code == LOST):
                raise
            if time.monotonic() - self.answered > PATIENCE:
                raise
            return self.seen, error.message
        self.answered = time.monotonic()
        return self.seen, ""

    def _details(self, seen: Seen) -> Iterator[tuple[int, JobDetails]]:
        for job in seen.jobs:
            if not self.tells_details or not self._is_asked_for(job, seen.details.get(job.id)):
                continue
            try:
                yield job.id, self.client.job(self.repo, job.id, brief=True)
            except (NotThere, NotNow):  # its row has just been replaced, or moves
                continue
            except ShimError as error:
                if isinstance(error, Unreachable) or self.steps:
                    raise
                self.tells_details = False

    def _is_asked_for(self, job: Job, known: JobDetails | None) -> bool:
        if job.status == "running" or (known and known.job.status != job.status):
            return True
        return self.steps and not known and job.status in FINAL


def _can_move() -> bool:
    """Whether stdout is a terminal whose lines can be written over."""
    out = terminal()
    return out.is_terminal and not out.is_dumb_terminal


@contextmanager
def _silent() -> Iterator[Show]:
    yield lambda seen, trouble: None


@contextmanager
def _table(steps: bool) -> Iterator[Show]:
    """The table, whose times go on between two looks."""
    out = terminal()
    last: list[tuple[Seen, str]] = []

    def made() -> Group:
        if not last:
            return Group()
        seen, trouble = last[-1]
        more = [Text(one_line(trouble), "yellow", no_wrap=True, overflow="ellipsis")] if trouble else []
        room = out.height - 1 - len(more)
        return Group(*frame(seen, out.width, room, time.time(), out.encoding, steps=steps), *more)

    def show(seen: Seen, trouble: str) -> None:
        last[:] = [(seen, trouble)]
        live.refresh()

    with Live(console=out, get_renderable=made, refresh_per_second=1, vertical_overflow="crop") as live:
        yield show


@contextmanager
def _changes(steps: bool) -> Iterator[Show]:
    """A line for each change: of a job, of a step with `steps`, and of the run at its end."""
    known: dict[object, str] = {}
    lost: list[str] = []

    def show(seen: Seen, trouble: str) -> None:
        if trouble and not lost:
            note(f"{_clock()} {trouble}; it is asked again")
        lost[:] = [trouble] if trouble else []
        for key, name, status in _statuses(seen, steps):
            if known.get(key) != status:
                known[key] = status
                click.echo(f"{_clock()} {one_line(name)}: {one_line(status)}")

    yield show


def _statuses(seen: Seen, steps: bool) -> Iterator[tuple[object, str, str]]:
    """What can change, its name and its status; a job that is over comes behind its steps."""
    names = [job.name for job in seen.jobs]
    for job in seen.jobs:
        name = f"{job.name} ({job.id})" if names.count(job.name) > 1 else job.name
        details = seen.details.get(job.id)
        its = [
            ((job.id, step.number), f"{name}: {step.number} {step.name}", step.status)
            for step in (steps_of(details) if steps and details else ())
            if step.status not in NOT_YET
        ]
        own = (job.id, name, job.status)
        yield from [*its, own] if job.status in FINAL else [own, *its]
    if seen.is_over:
        yield "run", f"run {seen.run.number}", seen.status


def _clock() -> str:
    return time.strftime("%H:%M:%S")
