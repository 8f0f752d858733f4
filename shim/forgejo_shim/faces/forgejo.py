"""Forgejo 16's `/api/v1`, with the shim's additions: status, headers, JSON and messages as 16 gives them.

Rules: what the web does not tell is null (`needs`, `runs_on`), "" (`handle`), 0 (`task_id`) or left out; never guessed.
Beyond the contract, an error's `cause` says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from operator import itemgetter
from typing import Any
from urllib.parse import urlencode

from ..errors import ServerRefusal, ShimError
from ..flows.artifact_zip import OpenArtifact
from ..flows.dispatch import Relayed, Value
from ..flows.job_log import OpenLog
from ..flows.listed import ArtifactPage, RunPage
from ..flows.log_parts import TEXT, LogPart
from ..flows.run_zip import Archive
from ..flows.why import Why
from ..models import (
    Artifact,
    Attempt,
    Done,
    Job,
    JobDetails,
    Pairs,
    RunFacts,
    RunJobs,
    Step,
    Times,
)
from ..operations import Call, recognise
from ..paths import artifact_path
from ..router import parameters
from ..times import moment
from ..transport import encode
from ..why.render import as_json, as_markdown
from .face import Reply

# Taken over from the web's download; nothing else, above all no Set-Cookie (every version sets cookies there).
OF_DOWNLOAD = ("Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Date")
# What a browser shows of an artifact is anybody's: as on 16, these keep a script in it from acting for who looks.
OF_ARTIFACT = (*OF_DOWNLOAD, "Last-Modified", "X-Content-Type-Options", "Content-Security-Policy")
OF_NATIVE = ("Content-Type", "Content-Length", "Content-Disposition", "Date")
JSON = ("Content-Type", "application/json;charset=utf-8")
MARKDOWN = ("Content-Type", "text/markdown; charset=utf-8")
VARIES = (("Vary", "Accept"), ("X-Content-Type-Options", "nosniff"))
GROWS = ("Cache-Control", "no-store, no-transform")

Json = dict[str, Any]


@dataclass(frozen=True)
class Forgejo:
    """The face; `writes`: whether the additions that write are its, too."""

    writes: bool = True

    def recognise(self, method: str, path: str, query: str, base_url: str = "") -> Call | None:
        """The operation of the contract, or the addition, that a request asks for."""
        call = recognise(method, path, query)
        is_off = call and call.operation.is_added and call.operation.writes and not self.writes
        return None if is_off else call

    def render(self, value: Value, call: Call, base_url: str) -> Reply:
        """The value as 16 gives it."""
        match value:
            case RunFacts():
                return reply_json(_run(value))
            case RunPage():
                return reply_json({"workflow_runs": [_run(run) for run in value.entries], "total_count": value.total})
            case RunJobs():
                return reply_json([job_json(job, value.run) for job in value.jobs])
            case JobDetails():
                return reply_json(_details(value))
            case Artifact():
                return reply_json(_artifact(value, call, base_url))
            case ArtifactPage():
                shown = [_artifact(artifact, call, base_url) for artifact in value.entries]
                return reply_json(shown, _of_page(value, call, base_url))
            case OpenLog():
                return Reply(value.answer.status, value.answer.headers.only(*OF_DOWNLOAD), value.answer, value.task)
            case LogPart():
                size = [("Content-Length", str(value.size))] if value.size is not None else []
                return Reply(200, [TEXT, *size, *([GROWS] if value.grows else [])], value.lines, begun=value.begun)
            case Archive():
                name = f'attachment; filename="run-{value.run.id}-logs.zip"'
                headers = [("Content-Type", "application/zip"), ("Content-Disposition", name)]
                return Reply(200, headers, value.chunks)
            case OpenArtifact():
                headers = value.answer.headers.only(*OF_ARTIFACT)
                return Reply(value.answer.status, [*headers, ("Content-Disposition", value.disposition)], value.answer)
            case Relayed():
                return Reply(200, value.answer.headers.only(*OF_NATIVE), value.answer)
            case Why():
                return _why(value)
            case Done():
                return Reply(204, [], b"")
            case _:
                raise TypeError(f"no operation of Forgejo's is answered with a {type(value).__name__}")

    def render_error(self, error: ShimError, base_url: str) -> Reply:
        """The error in 16's form."""
        if isinstance(error, ServerRefusal):
            return Reply(error.status, error.headers, error.body)
        if type(error) is ShimError:
            raise error
        more = [("Retry-After", str(error.retry_after))] if error.retry_after else []
        return Reply(error.status, [JSON, *more], error_body(error, base_url), cause=error.cause)

    def headers(self, name: str) -> list[tuple[str, str]]:
        """The request's name."""
        return [("X-Request-Id", name)]


def reply_json(value: object, headers: Pairs = ()) -> Reply:
    """A 200 of JSON."""
    return Reply(200, [JSON, *headers], encode(value))


def error_body(error: ShimError, base_url: str) -> bytes:
    """The JSON of an error: Forgejo's `message` and `url`, and `cause` where the contract has no word for it."""
    body = {"message": error.message, "url": f"{base_url}/api/swagger"}
    if error.cause:
        body["cause"] = error.cause
    return json.dumps(body, ensure_ascii=False).encode()


def job_json(job: Job, run: RunFacts) -> Json:
    """One job in the operation's own schema; ids of a run that has none are left out."""
    told: Json = {
        "id": job.id,
        "run_id": run.id,
        "repo_id": run.repo_id,
        "owner_id": run.owner_id,
        "name": job.name,
        "needs": None,
        "runs_on": None,
        "handle": "",
        "task_id": job.task_id,
        "status": job.status,
        "attempt": job.attempt,
    }
    return {key: value for key, value in told.items() if value is not None or key in ("needs", "runs_on")}


def known(told: Json) -> Json:
    """What is told of something without what is not known."""
    return {key: value for key, value in told.items() if value is not None}


def _artifact(artifact: Artifact, call: Call, base_url: str) -> Json:
    path = artifact_path(call.repo, artifact.id) if call.repo else ""
    told: Json = {
        "id": artifact.id,
        "name": artifact.name,
        "size_in_bytes": artifact.size,
        "archive_download_url": f"{base_url}{path}/zip",
        "expired": artifact.is_expired,
        "run_id": artifact.run_id,
    }
    return known(told)


def _of_page(page: ArtifactPage, call: Call, base_url: str) -> list[tuple[str, str]]:
    """The headers of a page of a list: how many there are in all, and where the other pages are, in 16's order; a page
    behind the last one counts as that (services/context/api.go, genAPILinks, 16)."""
    last = max(1, -(-page.total // page.limit))
    at = min(page.page, last)
    pages = {"next": at + 1, "last": last} if at < last else {}
    pages |= {"first": 1, "prev": at - 1} if at > 1 else {}
    asked = [pair for pair in parameters(call.query) if pair[0] != "page"]
    links = [
        f'<{base_url}{call.path}?{urlencode(sorted([*asked, ("page", number)], key=itemgetter(0)))}>; rel="{name}"'
        for name, number in pages.items()
    ]
    told = [("X-Total-Count", str(page.total)), *([("Link", ",".join(links))] if links else [])]
    return [*told, ("Access-Control-Expose-Headers", ", ".join(name for name, _ in told))]


def _run(run: RunFacts) -> Json:
    return dict(run.given) or known({"index_in_repo": run.number, "title": run.title, "status": run.status})


def _why(value: Why) -> Reply:
    if not value.as_markdown:
        return reply_json(as_json(value.report), VARIES)
    return Reply(200, [MARKDOWN, *VARIES], as_markdown(value.report).encode())


def _details(details: JobDetails) -> Json:
    told = job_json(details.job, details.run) | {"run_number": details.run.number} | times_json(details.times)
    if details.attempts is not None:
        told["attempts"] = [_attempt(attempt) for attempt in details.attempts]
    return told


def _attempt(attempt: Attempt) -> Json:
    told: Json = {"number": attempt.number, "task_id": attempt.task_id, "status": attempt.status}
    told |= times_json(attempt.times)
    told |= {"log_expired": attempt.log_expired, "log_length": attempt.log_length}
    return known(told | {"steps": [_step(step) for step in attempt.steps] or None})


def _step(step: Step) -> Json:
    told: Json = {"number": step.number, "name": step.name, "status": step.status} | times_json(step.times)
    return known(told | {"log_index": step.log_index, "log_length": step.log_length})


def times_json(times: Times) -> dict[str, str]:
    """`started` and `stopped`; what is unset or unknown is left out."""
    both = {"started": times.started, "stopped": times.stopped}
    return {name: moment(at) for name, at in both.items() if at > 0}
