"""Something is done, and then told: for APIs whose clients are answered with the run or the job that was run again.

Rules: what was done is not undone by an answer that cannot be made of it any more; then it is `Done`. A job of another
run than the one that the call names is not there.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from ..errors import NotPossible, NotThere, ShimError
from ..models import Done, JobDetails
from ..operations import JOB, Call, Operation
from ..transport import BrokenBody

T = TypeVar("T")


async def told_after(call: Call, answer: Callable[[Call], Awaitable[T]]) -> T:
    """What `answer` gives for what `call.then` tells of what it did. Raises ShimError."""
    if call.of_run is not None:
        _check_run(call, await answer(_read(call, JOB)))
    done = await answer(replace(call, then=None, of_run=None))
    if call.then is None or not isinstance(done, Done):
        return done
    try:
        return await answer(_read(call, call.then))
    except (ShimError, BrokenBody):
        return done


def _read(call: Call, operation: Operation) -> Call:
    return replace(call.of(operation, call.id), method="GET", root=call.root, then=None, of_run=None)


def _check_run(call: Call, found: object) -> None:
    run_id = (found.run.id or found.job.run_id) if isinstance(found, JobDetails) else None
    if run_id is None:
        raise NotPossible(
            "this server's API knows no run ids (they came with Forgejo 12); ask by job id, or by run number with the"
            " command forgejo-shim",
            cause="no-run-ids",
        )
    if run_id != call.of_run:
        raise NotThere(f"run job with id {call.id}: resource does not exist")
