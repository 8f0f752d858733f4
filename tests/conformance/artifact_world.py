"""The artifacts that cases ask about: made once for each live target, beside its world.

Rules: uploaded by a running job as the artifact actions do (uploads.py), so the same on every server. What an artifact
must be comes from what was uploaded, never from a server.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from hand import WRITE, wait
from questions_artifacts import FILES, LARGE, ODD, ODD_OF_V3
from seeded import Job, Repo, Run, Stage
from targets import Live
from uploads import OVER, Files, ids_of, upload
from world import ONE, labelled

Json = dict[str, Any]
WORKFLOW = "one.yml"
MANY = 55
NONE = (999_999_999, 0, -1, "nonsense", "1.5", 2**52 + 77, 3 * 2**51 + 77, 2**53, 2**63 - 1, 2**63, "9" * 20)
"""Ids that no artifact has; some are such as the shim makes."""
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(document.domain)</script></svg>'
MISSING = "resource does not exist"
PAGE, LONGEST_PAGE = 30, 50  # artifacts of a page: the server's usual number, and its most


@dataclass(frozen=True)
class Made:
    """An artifact: what was uploaded (of v4 the stored bytes, of v3 the files), and what has become of it."""

    run: Run
    name: str
    kept: bytes | Files
    is_expired: bool = False
    is_whole: bool = True

    @property
    def size(self) -> int:
        """Bytes of its files."""
        return len(self.kept) if isinstance(self.kept, bytes) else sum(map(len, self.kept.values()))


class Artifacts:
    """`repo` with the runs `first`, `same`, `none`, `odd`, `many` and `running`, and `foreign` in `other`."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.hand = hand = live.world.hand
        self.stage = Stage(hand, live.world.runner, f"{live.world.mark}-a")
        owner = live.world.accounts["owner"].name
        self.repo, self.other = (Repo(hand.repo(owner, f"{name}-{live.world.mark}")) for name in ("art", "their"))
        hand.collaborator(self.repo.full, live.world.accounts["reader"])
        writer = hand.user(f"art-writer-{live.world.mark}")
        hand.collaborator(self.repo.full, writer, "write")
        outsider = live.world.accounts["outsider"]
        self.writer, self.outsider = (hand.new_token(account, WRITE) for account in (writer, outsider))
        for repo in (self.repo, self.other):
            hand.push(repo.full, {WORKFLOW: labelled(ONE, self.stage.mark)})
        self.made: dict[tuple[str, str], Made] = {}
        self.runs: dict[str, Run] = {}
        self.pending: list[int] = []
        self.row_ids: dict[str, list[int]] = {}  # of some artifacts of `first`: a row is a file
        self._fill()

    # --- making

    def running(self, key: str, repo: Repo | None = None) -> Job:
        """The job of a new run, taken by the runner."""
        self.runs[key] = self.stage.start(key, repo or self.repo, ONE, WORKFLOW)
        return self.stage.take(self.runs[key], "build")

    def put(self, job: Job, name: str, data: bytes | Files = FILES, *, protocol: str = "v4", **how: Any) -> None:
        """Upload an artifact to its end."""
        self.stage.upload(job, name, data, protocol=protocol, **how)
        kept = job.run.artifacts[name]
        self.made[job.run.key, name] = Made(job.run, name, kept, is_expired=how.get("days") == OVER)

    def begin(self, job: Job, name: str, data: Files, **how: Any) -> list[int]:
        """Begin an upload and leave it so; the ids of its rows."""
        assert job.latest.task
        upload(job.latest.task, name, data, finish=False, **how)
        return ids_of(job.latest.task, name)

    def _fill(self) -> None:
        job = self.running("foreign", self.other)
        self.put(job, "one")
        self.stage.finish(job)
        self._first()
        job = self.running("same")
        self.put(job, "one", {"a.txt": b"another one\n"})
        self.put(job, "two", protocol="v3")
        self.stage.finish(job)
        self.stage.finish(self.running("none"))
        job = self.running("odd")
        for name in ODD:
            self.put(job, name, {"name.txt": name.encode()})
        self.put(job, ODD_OF_V3, protocol="v3")
        self.put(job, "image.svg", SVG)
        self.stage.finish(job)
        job = self.running("many")
        for number in range(MANY):
            self.put(job, f"many {number:02}", b"%d" % number)
        self.stage.finish(job)
        job = self.running("running")
        self.put(job, "early")
        self.pending += self.begin(job, "uploading", FILES)

    def _first(self) -> None:
        job = self.running("first")
        self.put(job, "one")
        self.put(job, "blocks", chunk=50)
        self.put(job, "three", LARGE, protocol="v3", chunk=30)
        self.put(job, "plain", b"no zip\n")
        self.put(job, "old4", days=OVER)
        self.put(job, "old3", days=OVER, protocol="v3")
        self.put(job, "part", {"done": b"done"}, protocol="v3")
        self.made["first", "part"] = Made(job.run, "part", {"done": b"done"}, is_whole=False)
        assert job.latest.task
        upload(job.latest.task, "part", {"more": b"more"}, protocol="v3", finish=False)
        self.pending += self.begin(job, "uploading", FILES)
        self.pending += self.begin(job, "uploading3", FILES, protocol="v3")
        self.row_ids = {name: ids_of(job.latest.task, name) for name in ("one", "three", "old3", "part")}
        self.stage.finish(job)
        self.hand.clean_up()
        page = f"/{self.repo.full}/actions/runs/{job.run.number}/artifacts"
        wait(lambda: self.hand.web.get(page).text.count('"expired"') == 2, "the artifacts to expire")

    # --- asking

    def of(self, *keys: str) -> dict[str, Made]:
        """What was made in these runs, by name."""
        return {name: made for (key, name), made in self.made.items() if key in keys}

    def path(self, what: str = "artifacts", repo: Repo | None = None) -> str:
        """A path below a repository's Actions."""
        return f"/repos/{(repo or self.repo).full}/actions/{what}"

    def list(self, query: str = "", run: Run | None = None, **more: Any) -> requests.Response:
        """A page of the list of the repository, or of a run."""
        what = f"runs/{run.id}/artifacts" if run else "artifacts"
        return self.live.get(self.path(what) + (f"?{query}" if query else ""), **more)

    def all(self, run: Run | None = None) -> list[Json]:
        """Every artifact of the repository, or of a run, page by page."""
        return list(self._all(run))

    def _all(self, run: Run | None) -> Iterator[Json]:
        page = 1
        while found := rows(self.list(f"limit={LONGEST_PAGE}&page={page}", run)):
            yield from found
            page += 1

    def id(self, key: str, name: str, repo: Repo | None = None) -> int:
        """The id that the list gives an artifact of a run: that run is found by what else has the name there."""
        listed = rows(self.live.get(self.path(f"artifacts?name={quote(name, safe='')}", repo)))
        newest_first = [made.run.key for made in reversed(self.made.values()) if made.name == name
                        and made.run.repo is (repo or self.repo)]  # fmt: skip
        return int(listed[newest_first.index(key)]["id"])

    def zip(self, key: str, name: str, **more: Any) -> requests.Response:
        """The download of an artifact."""
        return self.live.get(self.path(f"artifacts/{self.id(key, name)}/zip"), **more)


def rows(response: requests.Response) -> list[Json]:
    """The artifacts of a page."""
    assert response.status_code == 200, response.text
    found: list[Json] = response.json()
    return found


def is_of(response: requests.Response, made: Made) -> None:
    """Raise unless the answer is this artifact: of v4 its very bytes, of v3 a zip of its files."""
    assert response.status_code == 200, response.text[:300]
    if isinstance(made.kept, bytes):
        assert response.headers["Content-Length"] == str(len(made.kept))
    holds(response.content, made)


def holds(content: bytes, made: Made) -> None:
    """Raise unless this is what was uploaded: see `is_of`."""
    if isinstance(made.kept, bytes):
        assert hashlib.sha256(content).digest() == hashlib.sha256(made.kept).digest(), made.name
        return
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == dict(made.kept)
    assert len(archive.namelist()) == len(made.kept)


_made: dict[int, Artifacts] = {}


def artifacts_of(live: Live) -> Artifacts:
    """The artifacts of a live target, made at the first call."""
    if id(live) not in _made:
        _made[id(live)] = Artifacts(live)
    return _made[id(live)]
