"""`forgejo-shim logs --follow`: one job's log to the job's end, or the logs of all jobs of a run to the run's.

Rules: the exit code is the result: 0 for success, else 1. Of several jobs each line begins with its job's name. A job
is followed as soon as a runner has it. A job without a log is named on stderr; any other error ends it all.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial

from ..client import Client
from ..client_follow import LOSSES
from ..client_log import NO_LOG
from ..errors import NotForgejo, NotNow, PageChanged, Unreachable, run_again
from ..flows import follow as following
from ..log_lines import select
from ..models import FINAL, Job, Overview, Repo
from .log_output import LogPrinter, Origin
from .output import note
from .terminal import one_line

WAITING = ("waiting", "blocked")
GOOD = ("success", "skipped")
AT_ONCE = 32  # logs that are followed at a time; of more jobs, the others' come when these have ended
AWAY = (Unreachable, NotNow, NotForgejo, PageChanged)  # what a server gives that is just being started again


def follow_job(client: Client, repo: Repo, attempt: int | None, origin: Origin, printer: LogPrinter) -> int:
    """Print a job's log to its end; the exit code. Raises ShimError."""
    what = f"job {origin.job_id}" + (f" ({origin.job})" if origin.job else "")
    tail, wanted = printer.options.tail_of_server(of_step=False)
    on_wait = partial(_say_waits, what)
    with client.follow(repo, origin.job_id, attempt, tail=tail, on_wait=on_wait) as log:
        printer.print_lines(select(log, wanted), origin)
    if not log.status:
        raise run_again(origin.job_id)
    return _result(log.status, what)


def follow_run(client: Client, repo: Repo, seen: Overview, printer: LogPrinter) -> int:
    """Print the logs of all jobs of a run to their ends; the exit code. Raises ShimError."""
    run = _Run(client, repo, seen, printer)
    try:
        return run.follow()
    except BaseException:
        printer.lock.acquire(timeout=1)  # and never released: what other threads still read is printed no more
        raise


class _Run:
    """A run whose jobs are followed, a thread each."""

    def __init__(self, client: Client, repo: Repo, seen: Overview, printer: LogPrinter) -> None:
        self.client, self.repo, self.seen, self.printer = client, repo, seen, printer
        self.threads: dict[int, threading.Thread] = {}
        self.ended: dict[int, str] = {}  # the status that each job's log ended with
        self.errors: list[BaseException] = []
        self.changed = threading.Event()  # a thread has come to its end

    def follow(self) -> int:
        has_waited, ended = False, dict(self.ended)
        while True:
            for job in self.seen.jobs:
                is_new = job.status not in WAITING and job.id not in self.threads
                if is_new and sum(thread.is_alive() for thread in self.threads.values()) < AT_ONCE:
                    self._start(job)
            if not self.threads and self.seen.jobs and not has_waited:
                has_waited = True
                _say_waits(f"run {self.seen.run.number}", self.seen.jobs[0].status)
            if not self.seen.jobs and self.seen.run.status in FINAL:  # its workflow is wrong: it never has any
                return _result(self.seen.run.status, f"run {self.seen.run.number}")
            if self._is_over(ended):
                results = [_result(ended.get(job.id, job.status), _what(job)) for job in self.seen.jobs]
                return max(results)
            self.changed.wait(following.INTERVAL)
            self.changed.clear()
            ended = dict(self.ended)  # before it is looked: what is over later may still run in what is seen
            self.seen = self._look()

    def _is_over(self, ended: Mapping[int, str]) -> bool:
        """Whether all jobs are, and all of their logs were printed. Raises what a thread has met."""
        if self.errors:
            raise self.errors[0]
        for job in self.seen.jobs:
            if ended.get(job.id) == "" or (job.id in ended and job.status not in FINAL):
                raise run_again(job.id)
        jobs = self.seen.jobs
        is_over = bool(jobs) and all(job.status in FINAL and job.id in self.threads for job in jobs)
        return is_over and not any(thread.is_alive() for thread in self.threads.values())

    def _look(self) -> Overview:
        """The run as it is now. Raises ShimError where the server is away for too long."""
        for left in reversed(range(LOSSES)):
            try:
                return self.client.overview(self.repo, self.seen.run)
            except AWAY:
                if not left:
                    raise
            self.changed.wait(following.INTERVAL)
        raise AssertionError

    def _start(self, job: Job) -> None:
        self.threads[job.id] = threading.Thread(target=self._print, args=(job,), daemon=True)
        self.threads[job.id].start()

    def _print(self, job: Job) -> None:
        """Print a job's log to its end, in a thread of its own."""
        options = self.printer.options
        tail, wanted = options.tail_of_server(of_step=False)
        label = f"{one_line(job.name)} | " if len(self.seen.jobs) > 1 and options.format == "plain" else ""
        origin = Origin(job.id, job.name, self.seen.run.number, job.attempt, is_counted=options.is_counted)
        try:
            with self.client.follow(self.repo, job.id, tail=tail) as log:
                self.printer.print_lines(select(log, wanted), origin, label)
            self.ended[job.id] = log.status
        except NO_LOG as error:
            note(error.message)
        except BaseException as error:  # which the main thread raises
            self.errors.append(error)
        self.changed.set()


def _say_waits(what: str, status: str) -> None:
    note(f"{what} waits for {'other jobs' if status == 'blocked' else 'a runner'}")


def _what(job: Job) -> str:
    return f"job {job.id} ({job.name})"


def _result(status: str, what: str) -> int:
    """The exit code of a job that has ended so; what is not well is said."""
    if status not in GOOD:
        note(f"{what}: {status}")
    return int(status not in GOOD)
