"""A typed client: runs, jobs, logs and artifacts of any Forgejo, over a session that `mount` made transparent.

    with Client("https://forge.example", token="…", web=WebLogin("log-reader", "…")) as client:
        run = client.run("o/r", "latest")
        for job in client.jobs("o/r", run):
            client.save_log("o/r", job.id, f"{job.id}.log")

Rules: every operation of the contract is asked as Forgejo 16 has it, so nothing here knows which backend answers; only
what Forgejo 11's API lacks comes from the web. Whatever goes wrong is a ShimError. A redirect is followed to a
renamed repository only, and never to another origin. No credential is taken from anywhere but the arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from os import PathLike
from pathlib import Path
from typing import Literal, Unpack

from . import arguments
from .arguments import RunFilters
from .client_artifacts import ClientArtifacts, SavedArtifact
from .client_base import ClientBase
from .client_changes import ClientChanges
from .client_follow import Followed, Following
from .client_jobs import ClientJobs
from .client_log import Log
from .client_logs import ClientLogs, refuse_present
from .client_runs import ClientRuns
from .client_tries import ClientTries
from .client_why import ClientWhy
from .download import Progress, Saved
from .environment import Session
from .errors import BadRequest, ShimError
from .files import make_folder
from .models import Artifact, Job, JobDetails, Overview, Repo, Run


class Client(ClientBase, ClientTries, ClientWhy):
    """One Forgejo as one caller sees it; see the module's docstring.

    `token` is the caller's access token (None: anonymous), `web` the account that reads the web UI where the server
    lacks an operation, `store` and `session_file` as for `mount`, `timeout` seconds to connect and between two packets.
    `ca_file` names the certificates that are trusted, a file or a folder; None: environment.py says which.
    """

    def _ask_through(self, session: Session) -> None:
        super()._ask_through(session)
        self._runs = ClientRuns(self._asking)
        self._jobs = ClientJobs(self._asking)
        self._logs = ClientLogs(self._asking)
        self._artifacts = ClientArtifacts(self._asking)
        self._changes = ClientChanges(self._asking)

    def runs(self, repo: str | Repo, limit: int = 20, **filters: Unpack[RunFilters]) -> list[Run]:
        """The newest `limit` runs that fit the filters, newest first. Raises ShimError.

        NotPossible for filters that the server's web UI lacks (11), SearchLimit where its list is in no order (12 to
        14) and longer than 2000 runs. On 11 each run is a request.
        """
        repo, limit = arguments.repository(repo), arguments.limit(limit)
        return self._runs.newest(repo, limit, arguments.filters(filters))

    def iter_runs(self, repo: str | Repo, **filters: Unpack[RunFilters]) -> Iterator[Run]:
        """All runs that fit the filters, newest first, asked for page by page as they are read. Raises as `runs`."""
        return self._runs.each(arguments.repository(repo), arguments.filters(filters))

    def run(self, repo: str | Repo, number: int | Literal["latest"], **filters: Unpack[RunFilters]) -> Run:
        """The run of that number, or the newest that fits the filters, which only "latest" takes.

        Raises NotThere if there is none of that number, NothingMatched if there is no newest, and as `runs`.
        """
        repo, number, fits = arguments.repository(repo), arguments.run_number(number), arguments.filters(filters)
        if number == "latest":
            return self._runs.latest(repo, fits)
        if fits:
            raise TypeError(f"filters are for the run 'latest'; run {number} is named by its number")
        return self._runs.numbered(repo, number)

    def overview(self, repo: str | Repo, run: Run | int | Literal["latest"]) -> Overview:
        """A run and its jobs as they are now, to look again and again: of a run that is named by its number it
        takes two requests once the server is known, however many jobs there are. Raises ShimError.
        """
        number = run.number if isinstance(run, Run) else arguments.run_number(run)
        return self._runs.overview(arguments.repository(repo), number)

    def jobs(self, repo: str | Repo, run: Run | int | Literal["latest"]) -> list[Job]:
        """The jobs of a run (or of the run of that number) in the order of their ids. Raises ShimError."""
        repo = arguments.repository(repo)
        return self._runs.jobs(repo, self._run(repo, run))

    def job(self, repo: str | Repo, job_id: int, *, brief: bool = False) -> JobDetails:
        """One job with its attempts and their steps, as far as the server tells; up to 12 the current attempt alone.

        `brief` is for who looks again and again: the current attempt only, without counts of lines. On Forgejo 16, too,
        the web account reads it. Raises ShimError.
        """
        arguments.of_type(brief, "brief", "True or False", bool)
        return self._jobs.details(arguments.repository(repo), arguments.number(job_id, "job_id"), brief=brief)

    def log(
        self,
        repo: str | Repo,
        job_id: int,
        attempt: int | None = None,
        *,
        part: str | None = None,
        step: int | None = None,
        tail: int | None = None,
    ) -> Log:
        """Open a job's log, of its current attempt unless one is given. Use it in a `with` block, and read it there.

        `part` is a range of bytes as in HTTP: `0-99`, `100-` or `-20`; `step` gives the lines of one step (0-based),
        `tail` that many last lines. Raises ShimError.
        """
        job_id, attempt = arguments.number(job_id, "job_id"), arguments.optional(attempt, "attempt")
        step, tail = arguments.optional(step, "step"), arguments.optional(tail, "tail")
        if part is not None and not re.fullmatch("[\\x20-\\x7e]*", arguments.text(part, "part")):
            raise BadRequest("invalid range; give it as 0-99, 100- or -20", 416, cause="range-not-satisfiable")
        headers = {} if part is None else {"Range": f"bytes={part}"}
        return self._logs.open(arguments.repository(repo), job_id, attempt, headers, step, tail)

    def follow(
        self,
        repo: str | Repo,
        job_id: int,
        attempt: int | None = None,
        *,
        tail: int | None = None,
        start: int = 0,
        timeout: float | None = None,
        on_wait: Callable[[str], object] | None = None,
    ) -> Followed:
        """A job's log as it grows, to the job's end: iterate over it for whole rows, in pieces of any size.

        A job that no runner has yet is waited for; `on_wait` is then called once, with its status. A server that does
        not answer is asked again at the same byte for about a minute. All is one attempt's. `tail`: begin with so many
        last lines; `start`: with the row at that byte. `timeout`: follow for so many seconds at most, then raise
        StillRunning. Afterwards `status` of what is given is the attempt's. Raises ShimError as it is iterated over:
        RunAgain where a rerun takes the log away, Refused where the token is no longer accepted.
        """
        arguments.callback(on_wait, "on_wait")
        repo, job_id = arguments.repository(repo), arguments.number(job_id, "job_id")
        attempt, tail = arguments.optional(attempt, "attempt"), arguments.optional(tail, "tail")
        start, timeout = arguments.number(start, "start"), arguments.duration(timeout, "timeout")
        return Followed(Following(self._asking, repo, job_id, attempt, tail, start, timeout, on_wait).rows)

    def save_log(
        self,
        repo: str | Repo,
        job_id: int,
        path: str | PathLike[str],
        attempt: int | None = None,
        progress: Progress | None = None,
    ) -> Saved:
        """Save a job's log at `path`: whole or not at all. A broken download is gone on with, by this call or the next.

        `progress` gets the bytes so far and in all (None: not told). Raises ShimError.
        """
        arguments.callback(progress, "progress")
        repo, job_id = arguments.repository(repo), arguments.number(job_id, "job_id")
        return self._logs.save(repo, job_id, arguments.optional(attempt, "attempt"), arguments.file(path), progress)

    def save_run_logs(
        self,
        repo: str | Repo,
        run: Run | int | Literal["latest"],
        folder: str | PathLike[str],
        progress: Progress | None = None,
        *,
        replace: bool = True,
    ) -> list[tuple[Job, Saved | ShimError]]:
        """Save the current log of each job of a run in `folder`, as `{job name}-{job id}.log`.

        Without `replace` it is an error if one of these is there, and nothing is saved. A job without a log, or one
        that the server fails at, comes with the error that says why; any other error is raised.
        """
        arguments.callback(progress, "progress")
        arguments.of_type(replace, "replace", "True or False", bool)
        repo, folder = arguments.repository(repo), Path(folder)
        jobs = self.jobs(repo, run)
        if not replace:
            refuse_present(folder, jobs)
        make_folder(folder)
        return [(job, self._logs.save_in(repo, job, folder, progress)) for job in jobs]

    def artifacts(
        self, repo: str | Repo, run: Run | int | Literal["latest"] | None = None, limit: int | None = None
    ) -> list[Artifact]:
        """The artifacts of a run, or without one the newest of all runs; at most `limit`, if that is given.

        Natively newest first; from the web UI (below Forgejo 16) those of the newest run first, in the order of their
        names. Raises ShimError.
        """
        repo = arguments.repository(repo)
        limit = None if limit is None else arguments.limit(limit)
        return self._artifacts.newest(repo, None if run is None else self._run(repo, run), limit)

    def save_artifact(
        self,
        repo: str | Repo,
        artifact: Artifact,
        path: str | PathLike[str],
        *,
        extract: bool = True,
        progress: Progress | None = None,
    ) -> SavedArtifact:
        """Save an artifact: extracted into the new folder `path`, or with `extract=False` as the zip file `path`.

        Whole or not at all, and only where nothing is yet. A zip is extracted only if each entry stays below the folder
        and the whole within `Limits` (zip_entries.py). A broken download is gone on with, by this call or the next.
        `progress` gets the bytes so far and in all (None: not told). Raises ShimError, BadArchive for a bad zip.
        """
        arguments.callback(progress, "progress")
        arguments.of_type(artifact, "artifact", "an Artifact, as artifacts() gives them", Artifact)
        arguments.of_type(extract, "extract", "True or False", bool)
        where = Path(path) if extract else arguments.file(path)
        return self._artifacts.save(arguments.repository(repo), artifact, where, extract=extract, progress=progress)

    def cancel(self, repo: str | Repo, run: Run | int | Literal["latest"]) -> None:
        """Cancel a run; one that is over stays as it is. Raises ShimError.

        The caller needs the right to write. Below Forgejo 16 the web account does it, which needs that right, too.
        """
        repo = arguments.repository(repo)
        self._changes.cancel(repo, self._run(repo, run))

    def rerun(self, repo: str | Repo, run: Run | int | Literal["latest"], *, failed: bool = False) -> Job | None:
        """Rerun all jobs of a run that is over (gives None), with `failed` only the one that failed (gives it).

        Several failed jobs are rerun together with all others, if none of those succeeded; else NotPossible is raised.
        Rights as for `cancel`, on every server. Raises ShimError.
        """
        repo = arguments.repository(repo)
        arguments.of_type(failed, "failed", "True or False", bool)
        run = self._run(repo, run)
        if failed:
            return self._changes.rerun_failed(repo, run, self._runs.jobs(repo, run))
        self._changes.rerun(repo, run)
        return None

    def rerun_job(self, repo: str | Repo, job_id: int) -> None:
        """Rerun a job of a run that is over, and the jobs that need it. Raises ShimError."""
        self._changes.rerun_job(arguments.repository(repo), arguments.number(job_id, "job_id"))

    def _run(self, repo: Repo, run: Run | int | Literal["latest"]) -> Run:
        return run if isinstance(run, Run) else self.run(repo, run)
