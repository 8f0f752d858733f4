"""Why a run is red, for `Client`: by the flow itself, so that a report is a value and may have matchers of one's own.

Rules: a run is named by its number or as the latest one, which every Forgejo knows. As everywhere in `Client`, a
redirect is followed to a renamed repository only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from . import arguments
from .capabilities import Capability
from .client_runs import ClientRuns
from .client_session import ClientSession
from .flows.by_number import by_number
from .flows.rights import Caller
from .flows.why import LEAST_SIZE, LINES, MOST_LINES, MOST_SIZE, SIZE, Wanted, report
from .models import Repo, Run, RunFacts, RunJobs
from .operations import LATEST_RUN, LIST_RUNS, Call
from .paths import run_path
from .transport import Transport
from .webui.reader import Reader
from .why.matchers import Matcher
from .why.values import Report

RunName = int | Literal["latest"]


class ClientWhy:
    """The part of `Client` that reports on runs."""

    _asking: ClientSession
    _runs: ClientRuns

    def why(
        self,
        repo: str | Repo,
        run: Run | int | Literal["latest"] = "latest",
        *,
        lines: int = LINES,
        max_bytes: int = SIZE,
        matchers: Sequence[Matcher] | None = None,
    ) -> Report:
        """Why a run is red: its jobs that failed or were cancelled, in each the step that failed, and what was found.

        `lines` are the last lines of that step at most (0 to 1000), `max_bytes` those of the report (1024 to 1 MiB),
        `matchers` are of `load_matchers`, besides those that are known. A run in which nothing failed has no such job.
        At most 4 MiB of logs are read. Raises NotThere if there is no such run, NothingMatched if there is none at all,
        and ShimError.
        """
        number = run.number if isinstance(run, Run) else arguments.run_number(run)
        lines = arguments.within(lines, "lines", 0, MOST_LINES)
        max_bytes = arguments.within(max_bytes, "max_bytes", LEAST_SIZE, MOST_SIZE)
        wanted = Wanted(lines, max_bytes, tuple(matchers or ()))
        return self._report(arguments.repository(repo), number, wanted)

    def _report(self, repo: Repo, run: RunName, wanted: Wanted) -> Report:
        async def ask(call: Call, net: Transport, caller: Caller) -> Report:
            return await self._ask(net, caller, replace(call, run=run), wanted)

        return self._asking.run_call(run_path(repo, 0) + "/why", ask, f"run {run} of {repo}", LIST_RUNS)

    async def _ask(self, net: Transport, caller: Caller, call: Call, wanted: Wanted) -> Report:
        assert call.repo
        reader = Reader(net, self._asking.adapter.server, call.repo)
        found = self._of_shim(call.repo, call.run) or await by_number(reader, call, caller)
        assert isinstance(found, RunJobs)
        return await report(reader, call, found, wanted)

    def _of_shim(self, repo: Repo, run: RunName | None) -> RunJobs | None:
        """The run as a shim behind this one tells it, whose account reads the web UI; None if there is none."""
        if run is None or self._asking.capabilities().of(LATEST_RUN.method, LATEST_RUN.path) is not Capability.PRESENT:
            return None
        told = self._runs.overview(repo, run)
        head = told.run
        facts = RunFacts(
            head.number,
            head.id,
            title=head.title,
            status=head.status,
            workflow=head.workflow,
            started=head.started,
            stopped=head.stopped,
            branch=head.branch,
            commit=head.commit,
            given={"event": head.event, "html_url": head.url},
        )
        return RunJobs(facts, told.jobs)
