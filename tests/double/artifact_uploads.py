"""How running jobs upload artifacts: v3's protocol and v4's (routers/api/actions/artifacts.go, artifactsv4.go).

Rules
-----
* The job's own token says which task speaks; v4's upload address is signed instead, and names the row.
* Addresses in answers are absolute, from ROOT_URL. Errors are plain texts.
* Of v3, chunks of a file come in any order, each with its place; of v4, a list of blocks gives the order.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import re
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from xml.etree import ElementTree

from .artifacts import RETENTION
from .entities import ZIP, Artifact, Run, Task
from .messages import Request, Response, Route, Routes, json_answer, plain

if TYPE_CHECKING:
    from . import Double

V3 = "/api/actions_pipeline/_apis/pipelines/workflows/{run}/artifacts"
V4 = "/twirp/github.actions.results.api.v1.ArtifactService/"
PREFIXES = ("/api/actions_pipeline/", V4)
NOT_RUNNING = "Error runner api getting task: task is not running"
DAY = 24 * 3600
NOT_IN_NAMES = re.compile('[\\\\/":<>|*?\r\n]')


class Failed(Exception):
    """An error answer."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = plain(status, text)


class ArtifactUploads:
    """Answers the artifact actions."""

    def __init__(self, double: Double) -> None:
        self.double, self.model = double, double.model
        self.artifacts = double.model.artifacts
        self._secret = secrets.token_bytes(32)
        table: list[Route] = [
            ("POST", V3, self.upload_url),
            ("PATCH", V3, self.confirm),
            ("PUT", V3 + "/{digest}/upload", self.upload_chunk),
            ("GET", V3 + "/{digest}/download_url", self.files),
            ("POST", V4 + "CreateArtifact", self.create),
            ("PUT", V4 + "UploadArtifact", self.upload_block),
            ("POST", V4 + "FinalizeArtifact", self.finalize),
        ]
        self._routes = Routes(table)

    def answer(self, request: Request) -> Response:
        match = self._routes.find(request.method, request.path)
        if match is None or match.handler is None:
            return plain(404, "404 page not found")
        try:
            return match.handler(request, **match.arguments)
        except Failed as failed:
            return failed.response

    def _task(self, request: Request) -> Task:
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer":
            raise Failed(401, "Bad authorization header")
        task = self.model.task_of_token(token)
        if task is None:
            raise Failed(500, "Error runner api getting task")
        if task.status != "running":
            raise Failed(500, NOT_RUNNING)
        return task

    def _run(self, request: Request, number: str) -> Run:
        run = self._task(request).job.run
        if str(run.id) != number:
            raise Failed(400, "run-id does not match")
        return run

    # --- v3

    def upload_url(self, request: Request, run: str) -> Response:
        the_run, asked = self._run(request, run), request.json
        url = self._v3_url(the_run, asked.get("Name", ""), "upload")
        if int(asked.get("RetentionDays") or 0) > 0:
            url += f"?retentionDays={asked['RetentionDays']}"
        return json_answer(200, {"fileContainerResourceUrl": url})

    def _v3_url(self, run: Run, name: str, what: str) -> str:
        path = V3.replace("{run}", str(run.id))
        return f"{self.double.root_url.rstrip('/')}{path}/{_digest(name)}/{what}"

    def upload_chunk(self, request: Request, run: str, digest: str) -> Response:
        the_run = self._run(request, run)
        name, _, path = request.one("itemPath").partition("/")
        self._check_name(name, digest)
        days = int(request.one("retentionDays") or RETENTION // DAY)
        row = self.artifacts.row(the_run, name, path, days * DAY)
        at = re.fullmatch(r"bytes (\d+)-(-?\d+)/(\d+)", request.headers.get("Content-Range", ""))
        md5 = base64.b64encode(hashlib.md5(request.body).digest()).decode()
        if not at or md5 != request.headers.get("x-actions-results-md5"):
            raise Failed(500, "Error save upload chunk")
        row.blocks[at[1]] = request.body
        row.encoding = request.headers.get("Content-Encoding", "")
        row.size = int(request.headers.get("x-tfs-filelength") or 0) or len(request.body)
        row.announced = int(at[3])
        return json_answer(200, {"message": "success"})

    def _check_name(self, name: str, digest: str) -> None:
        if _digest(name) != digest:
            raise Failed(400, "Invalid artifact hash")
        if NOT_IN_NAMES.search(name):
            raise Failed(400, "Error checking artifact name contains invalid character")

    def confirm(self, request: Request, run: str) -> Response:
        """Put the files together of which every chunk is there; the others stay pending."""
        the_run, name = self._run(request, run), request.one("artifactName")
        if not name:
            raise Failed(400, "Error artifact name is empty")
        for row in the_run.artifacts:
            if row.name != name or not row.blocks:
                continue
            content = b"".join(row.blocks[at] for at in sorted(row.blocks, key=int))
            if len(content) == row.announced:
                self.artifacts.confirm(row, gzip.decompress(content) if row.encoding == "gzip" else content)
        return json_answer(200, {"message": "success"})

    def files(self, request: Request, run: str, digest: str) -> Response:
        """Where the files of an artifact are, one a row."""
        the_run, name = self._run(request, run), request.one("itemPath")
        if _digest(name) != digest:
            raise Failed(400, "Invalid artifact hash")
        rows = [row for row in the_run.artifacts if row.name == name]
        if not rows:
            raise Failed(404, "Not Found")
        base = self._v3_url(the_run, name, "").removesuffix(f"{digest}/")
        told = [
            {"path": f"{name}/{row.path}", "itemType": "file", "contentLocation": f"{base}{row.id}/download"}
            for row in rows
        ]
        return json_answer(200, {"value": told})

    # --- v4

    def create(self, request: Request) -> Response:
        asked = request.json
        run = self._run(request, asked.get("workflow_run_backend_id", ""))
        kept, now = RETENTION, self.model.now()
        if until := asked.get("expires_at"):
            kept = int((datetime.fromisoformat(until).timestamp() - now) / DAY) * DAY
        name = asked.get("name", "")
        row = self.artifacts.row(run, name, f"{name}.zip", kept)
        row.encoding, row.size, row.updated = ZIP, 0, now
        query = f"artifactName={quote(name)}&taskID={self._task(request).id}&artifactID={row.id}"
        url = f"{self.double.root_url.rstrip('/')}{V4}UploadArtifact?sig={self._signature(row)}&{query}"
        return json_answer(200, {"ok": True, "signedUploadUrl": url})

    def _signature(self, row: Artifact) -> str:
        return hmac.new(self._secret, str(row.id).encode(), hashlib.sha256).hexdigest()

    def upload_block(self, request: Request) -> Response:
        row = self.artifacts.rows.get(int(request.one("artifactID") or 0))
        if row is None or not hmac.compare_digest(request.one("sig"), self._signature(row)):
            raise Failed(401, "Error unauthorized")
        if self.model.tasks[int(request.one("taskID"))].status != "running":
            raise Failed(500, NOT_RUNNING)
        if request.one("comp") == "blocklist":
            row.block_list = [str(node.text) for node in ElementTree.fromstring(request.body)]
            return json_answer(201, "created")
        row.blocks[request.one("blockid")] = request.body
        return json_answer(201, "appended")

    def finalize(self, request: Request) -> Response:
        asked: dict[str, Any] = request.json
        run = self._run(request, asked.get("workflow_run_backend_id", ""))
        row = next((row for row in run.artifacts if row.name == asked.get("name") and row.is_zip), None)
        if row is None:
            raise Failed(404, "Error artifact not found")
        if not row.block_list or not set(row.block_list) <= row.blocks.keys():
            raise Failed(500, "Error merge chunks")
        content = b"".join(row.blocks[block] for block in row.block_list)
        told = asked.get("hash") or ""
        if told and told != f"sha256:{hashlib.sha256(content).hexdigest()}":
            raise Failed(500, "Error merge chunks")
        row.size = len(content)
        self.artifacts.confirm(row, content)
        return json_answer(200, {"ok": True, "artifactId": str(row.id)})


def _digest(name: str) -> str:
    return hashlib.md5(name.encode()).hexdigest()
