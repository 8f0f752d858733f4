"""What each tool does: one function a tool, from a call to an answer, by `Client`.

Rules: blocking; server.py runs them in threads. All that is asked is asked in the name of the call's own client.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from ..errors import NotPossible, WebAccount, WrongArguments
from ..models import FAILED, Job, JobDetails, Repo
from .answers import MOST, Answer, compact, inert_message, listed
from .asking import Asking
from .following import follow
from .reading import SECONDS, Piece, Wanted, read
from .reasons import why_failed
from .rows import Cursor

JOBS = 20  # whose steps are listed
TAIL = 20  # lines that a log is followed from


def list_runs(asking: Asking) -> Answer:
    """The newest runs that fit."""
    repo, given = asking.target().repo, asking.given
    filters = {name: given.get(name) for name in ("status", "branch", "workflow", "event", "commit")}
    try:
        runs = asking.client.runs(repo, given["limit"], **filters)
    except ValueError as error:
        raise WrongArguments(str(error)) from None
    answer = listed(
        "runs",
        [compact(asdict(run)) for run in runs],
        asking.max_bytes,
        "raise max_bytes, or ask for fewer",
        repo=str(repo),
    )
    if len(runs) == given["limit"]:
        answer.notes.append(f"these are the newest {len(runs)}; for older ones raise limit")
    return answer


def list_jobs(asking: Asking) -> Answer:
    """The jobs of a run, those that failed first."""
    target = asking.target()
    run = asking.run(target)
    jobs = sorted(asking.client.jobs(target.repo, run), key=lambda job: job.status not in FAILED)
    values = [_of_job(job) for job in jobs]
    notes = _add_steps(asking, target.repo, values) if asking.given["steps"] else []
    more = "raise max_bytes, or leave steps out"
    answer = listed("jobs", values, asking.max_bytes, more, repo=str(target.repo), run=compact(asdict(run)))
    answer.notes += notes
    return answer


def _of_job(job: Job) -> dict[str, Any]:
    return compact({"id": job.id, "index": job.index, "name": job.name, "status": job.status, "attempt": job.attempt})


def _add_steps(asking: Asking, repo: Repo, values: list[dict[str, Any]]) -> list[str]:
    """Add their steps to the first jobs, as far as the server tells them; gives what is to be said of the others."""
    for value in values[:JOBS]:
        asking.check()
        try:
            value["steps"] = _steps(asking.client.job(repo, value["id"]))
        except (NotPossible, WebAccount) as error:
            return [f"steps cannot be told: {inert_message(error.message)}"]
    more = len(values) > JOBS
    return [f"steps are listed of the first {JOBS} of {len(values)} jobs"] if more else []


def read_log(asking: Asking) -> Answer:
    """A piece of a job's log."""
    wanted = asking.wanted()
    piece = read(asking.client, wanted, asking.check)
    return _of_log(wanted, piece)


def follow_log(asking: Asking) -> Answer:
    """The new lines of a running job's log."""
    wanted = asking.wanted()
    if wanted.step is not None:
        raise WrongArguments("the cursor is of one step; a log is followed as a whole")
    tail = None if wanted.cursor else wanted.tail or TAIL
    wanted = replace(wanted, tail=tail, whole=True)
    came = follow(asking.client, wanted, asking.given["seconds"], asking.check)
    came.piece.why = "full" if came.piece.why == "full" else "end"
    answer = _of_log(wanted, came.piece, is_over=came.is_over, status=came.status)
    if not came.is_over and came.piece.why == "end":
        answer.notes.append(
            f"the job is not over: give the cursor back to go on: {answer.facts.get('cursor', 'none yet')}"
        )
    return answer


def list_artifacts(asking: Asking) -> Answer:
    """The artifacts of a run, or the newest of all."""
    target, limit = asking.target(), asking.given["limit"]
    found = asking.client.artifacts(target.repo, asking.run_ref(target), limit)
    values = [compact(asdict(artifact)) for artifact in found]
    answer = listed("artifacts", values, asking.max_bytes, "raise max_bytes, or ask for fewer", repo=str(target.repo))
    if len(found) == limit:
        answer.notes.append(f"these are the first {limit}; for more raise limit")
    return answer


def rerun(asking: Asking) -> Answer:
    """Start a run or a job again."""
    target, failed = asking.target(), asking.given["failed"]
    if asking.given.get("job_id") is not None or target.job_index is not None:
        if failed or asking.given.get("run") is not None:
            raise WrongArguments("give job_id alone, or a run")
        job_id = asking.job_id(target)
        asking.client.rerun_job(target.repo, job_id)
        return _done(target.repo, f"job {job_id} and the jobs that need it were started again")
    if asking.run_ref(target) is None:
        raise WrongArguments("no run is named; give run, or job_id")
    run = asking.run(target)
    job = asking.client.rerun(target.repo, run, failed=failed)
    what = f"job {job.id} of run {run.number}" if job else f"all jobs of run {run.number}"
    return _done(target.repo, f"{what} were started again" if not job else f"{what} was started again")


def cancel(asking: Asking) -> Answer:
    """Cancel a run."""
    target = asking.target()
    run = asking.run(target)
    asking.client.cancel(target.repo, run)
    return _done(target.repo, f"run {run.number} was cancelled, as far as it was not over")


CALLS: Mapping[str, Callable[[Asking], Answer]] = {
    call.__name__: call
    for call in (why_failed, list_runs, list_jobs, read_log, follow_log, list_artifacts, rerun, cancel)
}


def _of_log(wanted: Wanted, piece: Piece, **facts: Any) -> Answer:
    last, first = piece.passed, piece.lines[0].row if piece.lines else None
    cursor = Cursor(wanted.attempt, wanted.step, last.number, last.start, last.mark) if last else wanted.cursor
    shown = {
        "job_id": wanted.job_id,
        "attempt": wanted.attempt,
        "step": wanted.step,
        "lines": len(piece.lines),
        "first_line": first and first.number,
        "last_line": piece.lines[-1].row.number if piece.lines else None,
        "size": piece.size,
        "more": piece.why in ("full", "time", "broken"),
        "cursor": str(cursor) if cursor else None,
        **facts,
    }
    return Answer(compact(shown), "log", piece.text, _notes(wanted, piece, cursor))


def _notes(wanted: Wanted, piece: Piece, cursor: Cursor | None) -> list[str]:
    """What was left out of a piece of a log, and how to get it."""
    shown = len(piece.lines)
    end = {
        "full": f"max_bytes are full (at most {MOST})",
        "time": f"reading stopped after {SECONDS:g} s",
        "broken": "the log breaks off into something else, as while it is moved",
    }
    notes = [f"{end[piece.why]}; to go on give the cursor back: {cursor}"] if piece.why in end else []
    if wanted.tail is not None and shown < wanted.tail and (piece.seen > shown or piece.is_part):
        notes.append(
            f"of the last {wanted.tail} lines there is room for {shown}: raise max_bytes, or read with from_line"
        )
    if piece.cut:
        notes.append(
            f"{piece.cut} long lines are shown in part: one can be read alone, with from_line and to_line and a larger"
            " max_bytes"
        )
    if not shown and piece.why in ("end", "last") and not wanted.whole:
        notes.append("no line fits" if wanted.fits else "there are no such lines so far")
    return notes


def _steps(job: JobDetails) -> list[dict[str, Any]]:
    """The steps of the current attempt, as far as they are told."""
    if not job.attempts:
        return []
    return [
        compact(
            {
                "number": step.number,
                "name": step.name,
                "status": step.status,
                "seconds": step.times.duration,
                "lines": step.log_length,
            }
        )
        for step in job.attempts[-1].steps
    ]


def _done(repo: object, what: str) -> Answer:
    return Answer({"repo": str(repo), "done": what})
