"""How many attempts of a job a runner has ever taken, where the web UI does not tell (12 to 14).

Rules: counted from the API's tasks, one for each attempt that was taken; they carry the run number and the job's name
only, so a name that two jobs of the run share tells nothing. "Not known" is None, never a guess.
"""

from __future__ import annotations

from ..api import parse_tasks
from ..errors import PageChanged, ShimError
from ..models import RunFacts
from ..paths import tasks_path
from ..times import seconds
from ..webui.reader import Reader
from ..webui.values import WebRun
from .runs import read_api, run_numbered

MAX_PAGES = 20  # pages of 50 tasks


async def attempts_taken(reader: Reader, run_number: int, state: WebRun) -> dict[int, int] | None:
    """The attempts taken so far of each job (by id) whose name is its own in the run; None if that can't be known."""
    try:
        run = await run_numbered(reader, run_number)
        return await _counted(reader, run, state) if run else None
    except PageChanged:
        raise
    except ShimError:
        return None


async def _counted(reader: Reader, run: RunFacts, state: WebRun) -> dict[int, int] | None:
    created = seconds(run.given["created"])
    names = [job.name for job in state.jobs]
    taken = {job.id: 0 for job in state.jobs if names.count(job.name) == 1}
    by_name = {job.name: job.id for job in state.jobs if job.id in taken}
    read = 0
    for page in range(1, MAX_PAGES + 1):
        tasks, total = parse_tasks(await read_api(reader, tasks_path(reader.repo, page), "a page of the API's tasks"))
        read += len(tasks)
        for task in tasks:
            if task["run_number"] == run.number and task["name"] in by_name:
                taken[by_name[task["name"]]] += 1
        if read >= total or (tasks and seconds(tasks[-1]["created_at"]) < created):  # older than the run: of others
            return taken
        if not tasks:
            return None
    return None
