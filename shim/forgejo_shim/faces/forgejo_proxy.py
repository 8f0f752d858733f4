"""forgejo-proxy's routes: the list of runs, and those that name a run by its number or as the latest one and a job by
its index or its name.

Rules: they stand below `/compat/forgejo-proxy/api/v1`, with `everywhere` below `/api/v1` too, in the place of the
operations by run id. Its documentation shows no answers, so the bodies are this project's own (document:
spec/forgejo-proxy.swagger.json). Without `job` it is the first one, as forgejo-proxy has it; without `attempt` the
current one, where forgejo-proxy has the first.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from urllib.parse import unquote

from ..errors import ServerRefusal, ShimError
from ..flows.dispatch import Value
from ..models import FINAL, Job, RunFacts, RunJobs
from ..operations import (
    API,
    JOB_LOG,
    LATEST_JOBS,
    LATEST_LOGS,
    LATEST_RUN,
    LATEST_WHY,
    LIST_RUNS,
    RERUN_RUN,
    RUN_JOBS,
    RUN_LIST,
    RUN_LOGS,
    RUN_SUMMARY,
    WHY,
    Call,
    Operation,
    called,
    matcher,
    number,
)
from ..router import first_values, routed, tidied
from ..times import seconds
from .face import Reply
from .forgejo import Forgejo, Json, known, reply_json

ROOT = "/compat/forgejo-proxy"  # in front of `/api/v1`
RUN = LIST_RUNS + "/{run_number}"
ROUTES: dict[str, Operation] = {
    LIST_RUNS: RUN_LIST,
    f"{RUN}/logs": JOB_LOG,
    f"{RUN}/jobs": RUN_JOBS,
    f"{RUN}/summary": RUN_SUMMARY,
    f"{RUN}/rerun": RERUN_RUN,
    f"{RUN}/why": WHY,
    LATEST_RUN.path: LATEST_RUN,
}
# Operations of `/api/v1` whose paths mean something else where these routes stand there, and the other way round.
HIDDEN = tuple(row.path for row in (RUN_JOBS, RUN_LOGS, RERUN_RUN, WHY, LATEST_JOBS, LATEST_LOGS, LATEST_WHY))
ONLY_HERE = tuple(f"{RUN}/{what}" for what in ("jobs", "logs", "rerun", "why"))

_PATTERNS = tuple((path, matcher(path)) for path in ROUTES)


@dataclass(frozen=True)
class ForgejoProxy:
    """The face; `everywhere`: below `/api/v1` too."""

    everywhere: bool = False

    def recognise(self, method: str, path: str, query: str, base_url: str = "") -> Call | None:
        """The route of forgejo-proxy's that a request asks for. Raises ServerRefusal for a path of none that a server
        in between that tidies paths may make one of: by then nobody would read its number as a run's number."""
        path = routed(path)
        root = ROOT if path.startswith(ROOT + "/") else ""
        if not root and not self.everywhere:
            return None
        if call := _match(method, path.removeprefix(root), query):
            return replace(call, root=root)
        tidy = routed(tidied(path)) if self.everywhere else path
        if tidy != path and _match(method, tidy.removeprefix(ROOT), query):
            raise ServerRefusal(404, [("Content-Type", "text/plain")], b"404 page not found\n")
        return None

    def render(self, value: Value, call: Call, base_url: str) -> Reply:
        """A run's jobs in this project's own form, any other value in Forgejo's."""
        match value:
            case RunJobs() if call.operation is RUN_SUMMARY:
                return reply_json(_summary(value.run, value.jobs))
            case RunJobs():
                return reply_json([_job(job) for job in value.jobs])
            case _:
                return Forgejo().render(value, call, base_url)

    def render_error(self, error: ShimError, base_url: str) -> Reply:
        """The error as Forgejo gives it."""
        return Forgejo().render_error(error, base_url)

    def headers(self, name: str) -> list[tuple[str, str]]:
        """As in Forgejo's answers."""
        return Forgejo().headers(name)


def _match(method: str, path: str, query: str) -> Call | None:
    for route, pattern in _PATTERNS:
        if found := pattern.match(path):
            call = replace(called(ROUTES[route], method.upper(), found, query), route=ROOT + API + route)
            name = unquote(found.groupdict().get("run_number", ""))
            if not name:  # the list, or the latest run itself, which is an operation
                return call
            job = first_values(query).get("job", "")
            return replace(call, run="latest" if name == "latest" else number(name), job=job)
    return None


def _job(job: Job) -> Json:
    return known({name: getattr(job, name) for name in ("index", "id", "name", "status", "attempt", "task_id")})


def _summary(run: RunFacts, jobs: tuple[Job, ...]) -> Json:
    """A run in short. `duration` is from the beginning to the end of what is over, in whole seconds."""
    told = known({"run_number": run.number, "run_id": run.id, "title": run.title, "workflow_id": run.workflow})
    told["status"] = run.status
    over = run.status in FINAL
    times = {"started": run.started, "stopped": run.stopped if over else ""}
    told |= {name: at for name, at in times.items() if seconds(at)}
    if "started" in told and "stopped" in told:
        told["duration"] = max(0, int(seconds(told["stopped"]) - seconds(told["started"])))
    told["jobs"] = len(jobs)
    told["by_status"] = dict(Counter(job.status for job in jobs))
    told["failed"] = [{"index": job.index, "id": job.id, "name": job.name} for job in jobs if job.status == "failure"]
    return told
