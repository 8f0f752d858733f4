"""Jobs of the double with steps, whose logs are cut into them: the truth about each step's rows is kept.

Rules: as a runner has it, a job's log begins with rows of its setting up and ends with those of its completion.
"""

from __future__ import annotations

from collections.abc import Sequence

from double import Job, JobSpec, Run
from forgejo_shim.times import moment
from small import Small

BEGIN = 1_767_323_045  # 2026-01-02T03:04:05Z

Steps = Sequence[tuple[str, int]]  # a step's name, and how many rows it has


def rows(count: int, first: int, begin: int, each: float) -> bytes:
    """So many rows from number `first` on, the first at the second `begin`, one each `each` seconds."""
    made = []
    for n in range(count):
        second, part = divmod(round((begin + n * each) * 10_000_000), 10_000_000)
        made.append(f"{moment(second)[:19]}.{part:07d}Z row {first + n}\n")
    return "".join(made).encode()


def play(
    small: Small, job: Job, steps: Steps, *, status: str = "success", each: float = 0.01, gap: int = 0, behind: int = 2
) -> list[bytes]:
    """Run a waiting job with these steps to its end, `status` that of the last one: the rows of each step, those of
    the two around them too. Between two steps are `gap` rows of none, and the job ends with `behind` rows."""
    task = small.model.take(job)
    task.started, at, parts, between = BEGIN, 0, [], []
    begin = float(BEGIN)
    for number, count in enumerate([3, *(count for _, count in steps), behind]):
        if gap and 1 < number <= len(steps):
            between.append((len(parts), rows(gap, at, int(begin), each)))
            at, begin = at + gap, begin + gap * each
        part = rows(count, at, begin, each)
        if 0 < number <= len(steps):
            mine = task.steps[number - 1]
            mine.log_index, mine.log_length, mine.status = at, count, "success"
            mine.started, mine.stopped = int(begin), int(begin + count * each)
        parts.append(part)
        at, begin = at + count, begin + count * each
    task.steps[-1].status = status
    log = b""
    for number, part in enumerate(parts):
        log += b"".join(more for where, more in between if where == number) + part
    small.model.log(task, log)
    small.model.finish(task, status if status in ("success", "cancelled") else "failure", stopped=int(begin))
    return parts


def waiting(small: Small, jobs: dict[str, Steps]) -> Run:
    """A run whose jobs have these steps, and wait."""
    return small.model.add_run(
        small.repo, [JobSpec(name, steps=tuple(step for step, _ in jobs[name])) for name in jobs]
    )
