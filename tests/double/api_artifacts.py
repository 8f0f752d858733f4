"""The API's operations on artifacts, from 16 (recorded on 16.0.0)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from . import artifact_files
from .accounts import Access
from .api import MISSING, Caller, Refused
from .artifacts import Group
from .entities import WRITE, Repo
from .messages import Request, Response, Route, json_answer, whole
from .objects import moment

if TYPE_CHECKING:
    from .api import Api

BASE = "/repos/{owner}/{repo}/actions"
ONE = BASE + "/artifacts/{artifact}"


class ArtifactsApi:
    """Lists, one artifact, its zip, its deletion."""

    def __init__(self, api: Api) -> None:
        self.api, self.artifacts, self.root_url = api, api.model.artifacts, api.double.root_url

    def routes(self) -> list[Route]:
        return [
            ("GET", BASE + "/artifacts", self.of_repo),
            ("GET", BASE + "/runs/{run}/artifacts", self.of_run),
            ("GET", ONE, self.one),
            ("DELETE", ONE, self.delete),
            ("GET", ONE + "/zip", self.zip),
        ]

    def of_repo(self, caller: Caller, repo: Repo, access: Access) -> Response:
        self.api.need_actions(repo, access)
        found = [group for run in repo.runs.values() for group in self.artifacts.listed(run)]
        return self._list(caller.request, repo, found)

    def of_run(self, caller: Caller, repo: Repo, access: Access, run: str) -> Response:
        self.api.need_actions(repo, access)
        return self._list(caller.request, repo, self.artifacts.listed(self.api.run(repo, run)))

    def _list(self, request: Request, repo: Repo, found: Sequence[Group]) -> Response:
        """A page, newest first, with the total and where the other pages are."""
        if name := request.one("name"):
            found = [group for group in found if group.first.name == name]
        found = sorted(found, key=lambda group: -group.first.id)
        size, page = whole(request.one("limit")), max(whole(request.one("page")), 1)
        size = min(size, 50) if size > 0 else 30
        shown = found[(page - 1) * size : page * size]
        answer = json_answer(200, [self._object(repo, group) for group in shown])
        answer.set("X-Total-Count", str(len(found)))
        answer.set("Access-Control-Expose-Headers", "X-Total-Count")
        if links := self._links(request, page, -(-len(found) // size)):
            answer.set("Link", links)
            answer.set("Access-Control-Expose-Headers", "X-Total-Count, Link")
        return answer

    def _links(self, request: Request, page: int, last: int) -> str:
        """A page behind the last one counts as that."""
        page = min(page, max(last, 1))
        pages: dict[str, int] = {"next": page + 1, "last": last} if page < last else {}
        if page > 1 and last > 1:
            pages |= {"first": 1, "prev": page - 1}
        told = []
        for rel, number in pages.items():
            query = urlencode(sorted((request.query | {"page": [str(number)]}).items()), doseq=True)
            told.append(f'<{self.root_url.rstrip("/")}{request.path}?{query}>; rel="{rel}"')
        return ",".join(told)

    def _object(self, repo: Repo, group: Group) -> dict[str, Any]:
        first = group.first
        url = f"{self.root_url}api/v1/repos/{repo.full_name}/actions/artifacts/{first.id}/zip"
        return {
            "id": first.id,
            "name": first.name,
            "size_in_bytes": group.size,
            "archive_download_url": url,
            "expired": group.expired,
            "run_id": first.run.id,
            "created_at": moment(first.created),
            "updated_at": moment(group.updated),
            "expires_at": moment(group.expires),
        }

    def one(self, caller: Caller, repo: Repo, access: Access, artifact: str) -> Response:
        self.api.need_actions(repo, access)
        return json_answer(200, self._object(repo, self._group(repo, artifact)))

    def _group(self, repo: Repo, text: str) -> Group:
        """A listed artifact of this repository by its id, which no other of its rows answers to."""
        row = self.artifacts.rows.get(whole(text))
        for group in self.artifacts.listed(row.run) if row and row.run.repo is repo else ():
            if group.first is row:
                return group
        raise Refused(404, MISSING)

    def zip(self, caller: Caller, repo: Repo, access: Access, artifact: str) -> Response:
        self.api.need_actions(repo, access)
        first = self._group(repo, artifact).first
        rows = [row for row in first.run.artifacts if row.name == first.name]
        if any(row.status != "confirmed" for row in rows):
            raise Refused(404, "artifact not confirmed")
        return artifact_files.file(caller.request, rows, ending=".zip")

    def delete(self, caller: Caller, repo: Repo, access: Access, artifact: str) -> Response:
        caller.need()
        self.api.need_actions(repo, access, WRITE)
        first = self._group(repo, artifact).first
        self.artifacts.delete(first.run, first.name)
        return Response(204)
