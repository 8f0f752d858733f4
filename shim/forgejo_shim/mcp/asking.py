"""What a tool's arguments name: a repository of this server, a run, a job, a place in a log.

Rules: what a call names has to be on the server that this one was started for; a page of another server is refused
before anything is asked. What cannot be is WrongArguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ..address import base_url_of
from ..client import Client
from ..errors import NotThere, WrongArguments
from ..expressions import search_of
from ..models import Run
from ..pages import RunRef, Target, run_of, target_of
from .answers import room
from .reading import Wanted
from .rows import Cursor, cursor_of

Arguments = Mapping[str, Any]


@dataclass(frozen=True)
class Asking:
    """A call of a tool: the client of its caller, and its arguments. `check` raises if the caller has given it up."""

    client: Client
    given: Arguments
    check: Callable[[], None]

    @property
    def max_bytes(self) -> int:
        """The bytes that the answer may have."""
        return int(self.given["max_bytes"])

    def target(self) -> Target:
        """The repository, and what else its address names. Raises ShimError."""
        return self._here(target_of(self.given["repo"]))

    def run_ref(self, target: Target) -> RunRef | None:
        """The run by its number or "latest"; None if none is named. Raises ShimError."""
        if (named := self.given.get("run")) is None:
            return target.run
        run = self._run_of_page(named, target) if "/" in named else run_of(named)
        if target.run not in (None, run):
            raise WrongArguments("the address given as repo is that of another run; leave run out")
        return run

    def _run_of_page(self, address: str, target: Target) -> RunRef:
        page = self._here(target_of(address))
        if page.repo.key != target.repo.key or page.run is None:
            raise WrongArguments(f"the address given as run is not that of a run of {target.repo}")
        return page.run

    def run(self, target: Target) -> Run:
        """The run, by default the latest. Raises ShimError."""
        named = self.run_ref(target)
        return self.client.run(target.repo, "latest" if named is None else named)

    def job_id(self, target: Target) -> int:
        """The job's id, also where a page names it by its index. Raises ShimError."""
        if (job_id := self.given.get("job_id")) is not None:
            if target.job_index is not None:
                raise WrongArguments("the address given as repo is that of a job; leave job_id out")
            return int(job_id)
        if target.job_index is None or target.run is None:
            raise WrongArguments("no job is named; give its job_id, or the address of its page as repo")
        for job in self.client.jobs(target.repo, target.run):
            if job.index == target.job_index:
                return job.id
        at = f"run {target.run} of {target.repo} has no job at index {target.job_index}"
        raise NotThere(at, cause="job-not-in-run")

    def wanted(self) -> Wanted:
        """What of a log is asked for. Raises ShimError."""
        target, given = self.target(), self.given
        cursor = self._cursor()
        if cursor and given.get("from_line"):
            raise WrongArguments("give a cursor or from_line, not both")
        if "to_line" in given and given["to_line"] < given.get("from_line", 1):
            raise WrongArguments("to_line is before from_line; give the first line as from_line")
        if given.get("tail") and (given.get("from_line") or given.get("to_line") or cursor):
            raise WrongArguments("tail goes with neither from_line nor to_line nor a cursor")
        attempt = given.get("attempt") or target.attempt
        return Wanted(
            repo=target.repo,
            job_id=self.job_id(target),
            attempt=cursor.attempt if cursor else attempt,
            step=cursor.step if cursor else given.get("step"),
            cursor=cursor,
            first=given.get("from_line", 1),
            last=given.get("to_line"),
            tail=given.get("tail"),
            fits=search_of(given["grep"], "grep") if "grep" in given else None,
            context=given.get("context", 0),
            times=given.get("times", False),
            room=room(self.max_bytes),
        )

    def _cursor(self) -> Cursor | None:
        if (text := self.given.get("cursor")) is None:
            return None
        cursor = cursor_of(text)
        if not cursor:
            raise WrongArguments("the cursor is none that read_log or follow_log gave")
        for name, known in (("attempt", cursor.attempt), ("step", cursor.step)):
            if name in self.given and self.given[name] != known:
                raise WrongArguments(f"the cursor is of another {name}; leave {name} out")
        return cursor

    def _here(self, target: Target) -> Target:
        if target.server and base_url_of(target.server) != self.client.base_url:
            raise WrongArguments(f"that address is on another server; this tool reads {self.client.base_url} alone")
        return target
