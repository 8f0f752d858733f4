"""Uploads artifacts to a Forgejo, real or double, as the artifact actions of a running job do.

Rules
-----
* v3 (`actions/upload-artifact@v3`): each file by itself, in chunks, large ones gzipped; the server keeps the files.
* v4 (`@v4`): one zip, in blocks, announced and finalised over twirp; the server keeps the zip as it is.
* Both speak for a task that runs; its token comes with the task. Signed addresses lead to ROOT_URL: their origin is
  replaced by the address that the runner uses.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import requests
from hand import Refused, plain_session
from runner import Task, moment

V3 = "/api/actions_pipeline/_apis/pipelines/workflows/{run}/artifacts"
V4 = "/twirp/github.actions.results.api.v1.ArtifactService/"
CHUNK = 8 << 20
GZIPPED_FROM = 64 * 1024  # bytes of a file from which the action of v3 compresses it
KEPT_DAYS = 90
OVER = -2
"""Days for an artifact that the next clean-up makes expire."""

Files = Mapping[str, bytes]


def upload(
    task: Task,
    name: str,
    data: bytes | Files,
    *,
    protocol: Literal["v3", "v4"] = "v4",
    finish: bool = True,
    days: int = KEPT_DAYS,
    chunk: int = CHUNK,
) -> bytes | Files:
    """Upload files, or one zip (v4) or file (v3) given as bytes, from a running task; what the server has to keep.

    Without `finish` the upload stays pending. With `days=OVER` it can expire: see `Hand.clean_up`.
    """
    if protocol == "v4":
        content = data if isinstance(data, bytes) else zipped(data)
        _V4(task).upload(name, content, finish, days, chunk)
        return content
    files = {"file": data} if isinstance(data, bytes) else data
    _V3(task).upload(name, files, finish, days, chunk)
    return files


def zipped(files: Files) -> bytes:
    """An archive of these files, always the same bytes for the same files."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 4)), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


def pieces(content: bytes, size: int) -> Iterator[tuple[int, bytes]]:
    """Offset and bytes of each piece; one empty piece of nothing."""
    for start in range(0, len(content) or 1, size):
        yield start, content[start : start + size]


def ids_of(task: Task, name: str) -> list[int]:
    """The ids of the rows of an artifact, as v3's protocol tells the running task: one of v4, one a file of v3."""
    told = _Protocol(task)
    where = f"{V3.format(run=told.run)}/{hashlib.md5(name.encode()).hexdigest()}/download_url"
    rows = told.send("GET", f"{where}?itemPath={quote(name, safe='')}").json()["value"]
    return [int(row["contentLocation"].split("/")[-2]) for row in rows]


class _Protocol:
    """What both have in common: who speaks, and where to."""

    def __init__(self, task: Task) -> None:
        self.run = str(task.context["run_id"])
        self.base = task.base_url
        self._http = plain_session()
        self._bearer = {"Authorization": f"Bearer {task.context['gitea_runtime_token']}"}

    def send(self, method: str, url: str, *, signed: bool = False, **told: Any) -> requests.Response:
        """Send to a path, or to an address that the server gave, at the origin that we use; Refused unless 2xx."""
        parts = urlsplit(url)
        where = f"{self.base}{parts.path}" + (f"?{parts.query}" if parts.query else "")
        headers = {**({} if signed else self._bearer), **told.pop("headers", {})}
        answer = self._http.request(method, where, headers=headers, timeout=300, **told)
        if not answer.ok:
            raise Refused(answer)
        return answer


class _V3(_Protocol):
    def upload(self, name: str, files: Files, finish: bool, days: int, chunk: int) -> None:
        base = V3.format(run=self.run)
        asked = {"Type": "actions_storage", "Name": name, **({"RetentionDays": days} if days > 0 else {})}
        url = self.send("POST", f"{base}?api-version=6.0-preview", json=asked).json()["fileContainerResourceUrl"]
        if days < 0:
            url = f"{url}?retentionDays={days}"
        for path, content in files.items():
            self._put(f"{url}{'&' if '?' in url else '?'}itemPath={quote(f'{name}/{path}', safe='')}", content, chunk)
        if finish:
            self.send("PATCH", f"{base}?api-version=6.0-preview&artifactName={quote(name, safe='')}", json={})

    def _put(self, url: str, content: bytes, chunk: int) -> None:
        packed = len(content) >= GZIPPED_FROM
        sent = gzip.compress(content, mtime=0) if packed else content
        for start, piece in pieces(sent, chunk):
            headers = {
                "Content-Type": "application/octet-stream",
                "Content-Range": f"bytes {start}-{start + len(piece) - 1}/{len(sent)}",
                "x-tfs-filelength": str(len(content)),
                "x-actions-results-md5": base64.b64encode(hashlib.md5(piece).digest()).decode(),
                **({"Content-Encoding": "gzip"} if packed else {}),
            }
            self.send("PUT", url, data=piece, headers=headers)


class _V4(_Protocol):
    def upload(self, name: str, content: bytes, finish: bool, days: int, chunk: int) -> None:
        ids = {"workflow_run_backend_id": self.run, "workflow_job_run_backend_id": self.run, "name": name}
        until = moment(datetime.now(UTC) + timedelta(days=days))
        url = self._call("CreateArtifact", {**ids, "version": 4, "expires_at": until})["signedUploadUrl"]
        blocks = []
        for start, piece in pieces(content, chunk):
            blocks.append(base64.b64encode(f"block{start:016}".encode()).decode())
            self.send("PUT", f"{url}&comp=block&blockid={quote(blocks[-1], safe='')}", data=piece, signed=True)
        listed = "".join(f"<Latest>{block}</Latest>" for block in blocks)
        listed = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?><BlockList>{listed}</BlockList>'
        self.send("PUT", f"{url}&comp=blocklist", data=listed.encode(), signed=True)
        if finish:
            digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
            self._call("FinalizeArtifact", {**ids, "size": str(len(content)), "hash": digest})

    def _call(self, method: str, body: Mapping[str, Any]) -> Any:
        return self.send("POST", V4 + method, json=body).json()
