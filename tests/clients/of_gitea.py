"""gitea-api-client as a command: `WHAT [NUMBER]`, see README.md."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import gitea_api_client as gitea
import httpx

OWNER, REPO = os.environ["REPOSITORY"].split("/")
PAGE = 2


class Asking:
    """The methods of the client's API of repositories, for one repository."""

    def __init__(self, client: gitea.ApiClient) -> None:
        self.api = gitea.RepositoryApi(client)

    async def one(self, method: str, *words: Any, **more: Any) -> Any:
        found = await getattr(self.api, method)(OWNER, REPO, *words, **more)
        return found.to_dict() if hasattr(found, "to_dict") else {}

    async def pages(self, method: str, name: str, *words: Any) -> list[Any]:
        """Every object of all pages, until as many came as there are."""
        rows: list[Any] = []
        for page in range(1, 1000):
            found = await self.one(method, *words, page=page, limit=PAGE)
            rows += found[name]
            if len(rows) >= found["total_count"] or not found[name]:
                break
        return rows

    async def rows(self, method: str, name: str, *words: Any) -> list[Any]:
        """Every object of a list that the client knows no pages of."""
        found: list[Any] = (await self.one(method, *words))[name]
        return found

    async def bytes(self, method: str, *words: Any) -> bytes:
        return bytes((await getattr(self.api, f"{method}_with_http_info")(OWNER, REPO, *words)).raw_data)

    async def zip(self, number: int) -> bytes:
        """What is at the address that the answer's Location names, asked for without the token."""
        answer = await self.api.download_artifact_without_preload_content(OWNER, REPO, str(number))
        async with httpx.AsyncClient() as plain:
            response = await plain.get(answer.headers["Location"])
        return response.raise_for_status().content


WHATS: dict[str, Callable[..., Awaitable[Any]]] = {
    "runs": lambda ask: ask.pages("get_workflow_runs", "workflow_runs"),
    "run": lambda ask, run_id: ask.one("get_workflow_run", run_id),
    "jobs": lambda ask, run_id: ask.pages("list_workflow_run_jobs", "jobs", run_id),
    "attempt": lambda ask, run_id, number: ask.pages("list_workflow_run_attempt_jobs", "jobs", run_id, number),
    "all-jobs": lambda ask: ask.pages("list_workflow_jobs", "jobs"),
    "job": lambda ask, job_id: ask.one("get_workflow_job", str(job_id)),
    "log": lambda ask, job_id: ask.bytes("download_actions_run_job_logs", job_id),
    "artifacts": lambda ask: ask.rows("get_artifacts", "artifacts"),
    "run-artifacts": lambda ask, run_id: ask.rows("get_artifacts_of_run", "artifacts", run_id),
    "artifact": lambda ask, number: ask.one("get_artifact", str(number)),
    "zip": lambda ask, number: ask.zip(number),
    "delete-artifact": lambda ask, number: ask.one("delete_artifact", str(number)),
    "workflows": lambda ask: ask.rows("actions_list_repository_workflows", "workflows"),
    "workflow": lambda ask, file: ask.one("actions_get_workflow", file),
    "dispatch": lambda ask, file: ask.one("actions_dispatch_workflow", file, body={"ref": "main"}),
    "rerun": lambda ask, run_id: ask.one("rerun_workflow_run", run_id),
    "rerun-failed": lambda ask, run_id: ask.one("rerun_failed_workflow_run", run_id),
    "rerun-job": lambda ask, run_id, job_id: ask.one("rerun_workflow_job", run_id, job_id),
    "delete": lambda ask, run_id: ask.one("delete_action_run", run_id),
}


async def main(what: str, *words: str) -> Any:
    configuration = gitea.Configuration(
        host=os.environ["SERVER"] + os.environ["API"],
        api_key={"AuthorizationHeaderToken": f"token {os.environ['TOKEN']}"},
        retries=0,
    )
    async with gitea.ApiClient(configuration) as client:
        return await WHATS[what](Asking(client), *(int(word) if word.isdecimal() else word for word in words))


try:
    found = asyncio.run(main(*sys.argv[1:]))
except (gitea.ApiException, httpx.HTTPError, ValueError) as error:
    sys.exit(f"{type(error).__name__}: {error}")
sys.stdout.buffer.write(found if isinstance(found, bytes) else json.dumps(found, default=str).encode())
