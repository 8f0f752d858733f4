"""The web UI's routes of artifacts (routers/web/repo/actions/view.go)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import artifact_files
from .entities import WRITE, Artifact, Repo, Run
from .messages import Response, Route, json_answer, plain, whole
from .sessions import Answered, Visit

if TYPE_CHECKING:
    from .web import Web

ALL = "/{owner}/{repo}/actions/runs/{run}/artifacts"
ONE = ALL + "/{name}"


class WebArtifacts:
    """List and deletion know a run by its number, the download by its id from 13 on."""

    def __init__(self, web: Web) -> None:
        self.web, self.face = web, web.face
        self.model, self.artifacts = web.model, web.model.artifacts

    def routes(self) -> list[Route]:
        return [("GET", ALL, self.list), ("GET", ONE, self.download), ("DELETE", ONE, self.delete)]

    def list(self, visit: Visit, owner: str, repo: str, run: str) -> Response:
        """In the order of the names' bytes, as SQLite groups them; other databases may order otherwise."""
        found, _ = self.web.actions(visit, owner, repo)
        told = [
            {"name": group.first.name, "size": group.size, "status": "expired" if group.expired else "completed"}
            for group in self.artifacts.listed(self.web.run(found, run))
        ]
        return json_answer(200, {"artifacts": sorted(told, key=lambda artifact: str(artifact["name"]).encode())})

    def download(self, visit: Visit, owner: str, repo: str, run: str, name: str) -> Response:
        found, _ = self.web.actions(visit, owner, repo)
        if self.face.artifact_by_ids:
            rows = self._rows(self._run_by_id(found, whole(run)), name)
        else:
            rows = _named(self.web.run(found, run), name)
        if not rows or any(row.status != "confirmed" for row in rows):
            return plain(404, "artifact not found")
        return artifact_files.file(visit.request, rows, ending=".zip" if self.face.artifact_by_ids else "")

    def _run_by_id(self, repo: Repo, number: int) -> Run:
        run = self.model.runs.get(number)
        if not number:
            raise Answered(plain(404, "zero is not a valid run ID"))
        if run is None:
            raise Answered(plain(404, f"no such run {number}"))
        if run.repo is not repo:
            raise Answered(plain(404, "no such run"))
        return run

    def _rows(self, run: Run, name: str) -> list[Artifact]:
        """The rows of a name, else the one of an id; a negative number stands for every row of the run."""
        if rows := _named(run, name):
            return rows
        number = whole(name)
        if not number:
            raise Answered(plain(404, f"runID {run.id}: artifact name not found: {name}"))
        rows = [row for row in run.artifacts if number < 0 or row.id == number]
        if not rows:
            raise Answered(plain(404, f"runID {run.id}: artifact ID not found: {name}"))
        return rows

    def delete(self, visit: Visit, owner: str, repo: str, run: str, name: str) -> Response:
        """What cannot be deleted is answered like what was."""
        found, _ = self.web.actions(visit, owner, repo, WRITE)
        number = whole(run)
        if number and number not in found.runs:
            return self.web.not_found(visit)
        self.artifacts.delete(self.web.run(found, run), name)
        return json_answer(200, {})


def _named(run: Run, name: str) -> list[Artifact]:
    return [row for row in run.artifacts if row.name == name]
