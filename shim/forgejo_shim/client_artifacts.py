"""The artifacts of a run or a repository for `Client`: listed, and saved as zip or extracted.

Rules: a list is read to its end, and an incomplete one is an error. An artifact that is said to be expired is not asked
for. The zip is kept as it came, or extracted beside its folder's place (unzip.py) and removed. What is there is never
written to.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from . import download
from .api_artifact import parse_artifacts
from .client_body import Body
from .client_session import ClientSession
from .download import Progress
from .errors import BadArchive, Expired, NotForgejo, PageChanged, ShimError
from .file_names import different_names, safe_name
from .files import check_folder, hidden_beside, read_plain, try_lock, writing
from .flows.artifacts import artifacts_of_number
from .flows.rights import Caller, check_may_read
from .models import Artifact, Repo, Run
from .operations import ARTIFACT_ZIP, ARTIFACTS, RUN_ARTIFACTS, recognise
from .paths import artifact_zip_path, artifacts_path
from .transport import Transport
from .unzip import ExtractedFile, unzip
from .webui.reader import Reader

PAGE = 50  # artifacts a page, Forgejo's maximum


@dataclass(frozen=True)
class SavedArtifact:
    """A saved artifact: its zip's size in bytes and SHA-256 in hex, and the backend that gave it. `path` is the zip, or
    the folder with the extracted `files`."""

    path: Path
    size: int
    sha256: str
    backend: str
    files: tuple[ExtractedFile, ...] = ()


class OpenZip(Body):
    """The open zip of an artifact."""

    what = "the artifact"


class ClientArtifacts:
    """Lists and saves artifacts."""

    def __init__(self, asking: ClientSession) -> None:
        self._asking = asking

    def newest(self, repo: Repo, run: Run | None, limit: int | None) -> list[Artifact]:
        """The newest `limit` artifacts (None: all) of a run or of the repository, newest first. Raises ShimError."""
        if run and run.id is None:
            return self._of_number(repo, run.number)[:limit]
        what = f"the artifacts of {f'run {run.number} of ' if run else ''}{repo}"
        template = (RUN_ARTIFACTS if run else ARTIFACTS).path
        found: dict[tuple[int | None, str, int], Artifact] = {}  # two names can have one id (artifact_ids.py)
        page, wanted = 1, 0
        while limit is None or len(found) < limit:
            path = artifacts_path(repo, run.id if run else None, page=page, limit=PAGE)
            told, total = self._asking.page(path, what, template)
            artifacts = parse_artifacts(told, what)
            found.update(((artifact.run_id, artifact.name, artifact.id), artifact) for artifact in artifacts)
            wanted = max(wanted, total or 0)
            if not artifacts or len(found) >= wanted:
                break
            page += 1
        if len(found) < wanted and (limit is None or len(found) < limit):
            raise PageChanged(f"{what}: the list changed while it was read; ask again")
        return list(found.values())[:limit]

    def _of_number(self, repo: Repo, run_number: int) -> list[Artifact]:
        """The artifacts of a run of Forgejo 11, the caller's rights having been asked."""
        call = recognise("GET", artifact_zip_path(repo, 0), "")
        assert call

        async def read(net: Transport, caller: Caller) -> list[Artifact]:
            await check_may_read(net, call, caller)
            return await artifacts_of_number(Reader(net, self._asking.adapter.server, repo), run_number)

        return self._asking.run(read, f"the artifacts of run {run_number} of {repo}", ARTIFACTS.path)

    def save(
        self, repo: Repo, artifact: Artifact, path: Path, *, extract: bool, progress: Progress | None
    ) -> SavedArtifact:
        """Save the zip at `path`, or what is in it in the new folder `path`. Raises ShimError."""
        what = f"artifact {artifact.name!a} of {repo}"
        if artifact.is_expired:
            raise Expired(f"{what} has expired: its files have been removed", cause="artifact-expired")
        with _reserved(path):
            zip_path = _free(hidden_beside(path, "zip")) if extract else path
            try:
                subject = f"{self._asking.base_url} {repo.key} artifact {artifact.id}"
                saved = download.save_new(
                    lambda more: self._open(repo, artifact, what, more), zip_path, subject, progress, shown=path
                )
                with writing(path), read_plain(zip_path) as file:
                    digest = hashlib.file_digest(file, "sha256").hexdigest()
                files = _extracted(zip_path, path, what) if extract else []
            finally:
                if extract:
                    with suppress(OSError):
                        zip_path.unlink(missing_ok=True)
        return SavedArtifact(path, saved.size, digest, saved.backend, tuple(files))

    def _open(self, repo: Repo, artifact: Artifact, what: str, headers: Mapping[str, str]) -> OpenZip:
        path = artifact_zip_path(repo, artifact.id)
        response = self._asking.open(path, what, ARTIFACT_ZIP.path, {"Accept-Encoding": "identity", **headers})
        if response.headers.get("Content-Type", "").startswith(("text/html", "application/json")):
            response.close()
            raise NotForgejo(f"{what}: the answer is a page and no zip; check the address")
        return OpenZip(response, self._asking.base_url)


def folder_names(artifacts: Sequence[Artifact]) -> dict[Artifact, str]:
    """A name for a folder or a file for each artifact: its own as far as that is safe on any system, with the id where
    several would have the same."""
    names = different_names((safe_name(artifact.name, "artifact"), artifact.id) for artifact in artifacts)
    return dict(zip(artifacts, names, strict=True))


@contextmanager
def _reserved(path: Path) -> Iterator[None]:
    """Hold `path`, where nothing may be, against other processes. Raises ShimError."""
    check_folder(path)
    with writing(path, f": a new file in {path.parent}"):
        if os.path.lexists(path):
            raise ShimError(f"{path} exists; remove it, or choose another folder")
        with try_lock(hidden_beside(path, "new")) as is_free:
            if not is_free:
                raise ShimError(f"another process is saving the same as {path}; wait for it")
            yield


def _free(path: Path) -> Path:
    """A hidden path, when what is there is removed: a file that a killed process left, or what another user put there.
    Raises ShimError."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        raise ShimError(f"{path} is in the way; remove it") from None
    return path


def _extracted(zip_path: Path, folder: Path, what: str) -> list[ExtractedFile]:
    try:
        return unzip(zip_path, folder)
    except BadArchive as error:
        raise BadArchive(f"{what}: {error.message}", cause=error.cause) from None
