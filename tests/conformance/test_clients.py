"""Clause X25: clients that others wrote for Forgejo 16 read jobs, logs and artifacts through the proxy, as they are.

Rules: a client gets the proxy's address and a token, nothing else. One that is not installed is 'not run', and nothing
is fetched for it (tests/clients/README.md says where to get it). Directly on a server that lacks the operations the
same call must fail by that absence, so that it is the proxy that makes it work.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeVar

import pytest
from artifact_world import Artifacts, Json, artifacts_of, holds
from seeded import Repo
from targets import Live

clause = pytest.mark.clause
of_run = pytest.mark.feature("proxy", "run-jobs")
ABSENT, UNDECLARED = "404 page not found", "UnexpectedStatusCode(404)"
TOLD = ("id", "name", "size_in_bytes", "expired", "run_id")  # of an artifact, by every server
Jobs = list[tuple[int, str, str]]

Kind = TypeVar("Kind", bound="Client")


class Failed(Exception):
    """The client could not; its words are the message."""


@dataclass(frozen=True)
class Client(ABC):
    """A client at a server. `jobs` gives each one's id, status and name; `log` bytes, or text if it has no bytes."""

    server: str
    token: str
    owner: str
    repo: str

    @abstractmethod
    def jobs(self, run_id: int) -> Jobs: ...

    @abstractmethod
    def log(self, job_id: int) -> bytes | str: ...

    def call(self, variable: str, name: str, *words: str, **environment: str) -> bytes:
        """What an executable prints, found by a variable or on the PATH. Raises Failed."""
        path = os.environ.get(variable) or shutil.which(name)
        if not path:
            pytest.skip(f"not run: no {name} on the PATH, and no {variable}")
        environment |= {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
        done = subprocess.run(
            [path, *words], env=environment, capture_output=True, timeout=60, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise Failed((done.stdout + done.stderr).decode(errors="replace"))
        return done.stdout


class OfArtifacts(Client):
    """A client that knows artifacts, too."""

    @abstractmethod
    def artifacts(self, *run_id: int) -> list[Json]:
        """Every page of those of a run, or of the repository; one that the client takes for no artifact fails."""

    @abstractmethod
    def artifact(self, artifact_id: int) -> Json: ...

    @abstractmethod
    def zip(self, artifact_id: int) -> bytes: ...


class ForgejoPython(OfArtifacts):
    """forgejo-python (PyPI), a Python library made from 16's document."""

    def ask(self, what: str, *number: int) -> Any:
        """What a method of `api.repos.actions` gives; of a list, all pages."""
        pyfj = pytest.importorskip("pyfj", reason="not run: forgejo-python is not installed")
        try:
            with pyfj.Forgejo(self.server, token=self.token) as api:
                given = attrgetter(what)(api.repos.actions)(self.owner, self.repo, *number)
                return list(given) if isinstance(given, pyfj.Paginated) else given
        except pyfj.APIError as error:
            raise Failed(str(error)) from None

    def jobs(self, run_id: int) -> Jobs:
        return [(job.id, job.status, job.name) for job in self.ask("runs.jobs", run_id)]

    def log(self, job_id: int) -> str:
        return str(self.ask("jobs.logs", job_id))

    def artifacts(self, *run_id: int) -> list[Json]:
        found = self.ask("runs.artifacts" if run_id else "artifacts.list", *run_id)
        return [artifact.model_dump() for artifact in found]

    def artifact(self, artifact_id: int) -> Json:
        found: Json = self.ask("artifacts.get", artifact_id).model_dump()
        return found

    def zip(self, artifact_id: int) -> bytes:
        return bytes(self.ask("artifacts.download", artifact_id))


class ForgejoMcp(Client):
    """forgejo-mcp (Go), a server of tools for language models and a command; it reads a log by Range."""

    def tool(self, name: str, **what: int) -> Any:
        arguments = json.dumps({"owner": self.owner, "repo": self.repo, **what})
        told = self.call(
            "FORGEJO_MCP", "forgejo-mcp", "--cli", name, "--args", arguments,
            FORGEJO_URL=self.server, FORGEJO_ACCESS_TOKEN=self.token,
        )  # fmt: skip
        return json.loads(json.loads(told)[0]["text"])["Result"]

    def jobs(self, run_id: int) -> Jobs:
        told = self.tool("list_action_run_jobs", run_id=run_id, limit=100)
        return [(job["id"], job["status"], job["name"]) for job in told["jobs"]]

    def log(self, job_id: int) -> str:
        """In two pieces: the time of the first row, which is ASCII, and the rest."""
        first = self.tool("get_action_job_logs", job_id=job_id, offset=0, max_bytes=20)
        rest = self.tool("get_action_job_logs", job_id=job_id, offset=first["next_offset"], max_bytes=256 * 1024)
        assert first["total_bytes"] == rest["total_bytes"] == rest["end_byte"] + 1
        return str(first["content"] + rest["content"])


class ForgejoApi(OfArtifacts):
    """forgejo-api (crates.io), a Rust library, called by tests/clients/forgejo-api."""

    def ask(self, what: str, *number: int) -> bytes:
        words = (self.server, self.owner, self.repo, what, *map(str, number))
        return self.call("FORGEJO_API_CLIENT", "forgejo-api-client", *words, FORGEJO_TOKEN=self.token)

    def jobs(self, run_id: int) -> Jobs:
        lines = (line.split("\t") for line in self.ask("jobs", run_id).decode().splitlines())
        return [(int(job_id), status, name) for job_id, status, name in lines]

    def log(self, job_id: int) -> bytes:
        return self.ask("log", job_id)

    def artifacts(self, *run_id: int) -> list[Json]:
        found: list[Json] = json.loads(self.ask("artifacts", *run_id))
        return found

    def artifact(self, artifact_id: int) -> Json:
        found: Json = json.loads(self.ask("artifact", artifact_id))
        return found

    def zip(self, artifact_id: int) -> bytes:
        return self.ask("zip", artifact_id)


def clients(live: Live, where: Repo, kind: type[Kind]) -> tuple[Kind, Kind]:
    """The client at the proxy, and at the server behind."""
    owner, repo = where.full.split("/")
    token = live.world.tokens["read"]
    return kind(live.base_url, token, owner, repo), kind(live.server.base_url, token, owner, repo)


def refused(asked: Callable[..., object], *number: int) -> None:
    """The server lacks what is asked for: the client must fail, and by that."""
    with pytest.raises(Failed) as raised:
        asked(*number)
    # forgejo-api shows that `404 page not found` is not JSON, or the status alone where 16's document has no 404.
    assert ABSENT in str(raised.value) or UNDECLARED in str(raised.value)


each = pytest.mark.parametrize("kind", [ForgejoPython, ForgejoMcp, ForgejoApi])
each_of_artifacts = pytest.mark.parametrize("kind", [ForgejoPython, ForgejoApi])


@of_run
@clause("X25")
@each
def test_a_client_lists_a_runs_jobs(live: Live, kind: type[Client]) -> None:
    run = live.world.runs["failing"]
    fronted, direct = clients(live, run.repo, kind)
    known = sorted(run.jobs.values(), key=lambda job: job.id)
    expected = [(job.id, job.status, job.name.partition("#")[0]) for job in known]
    assert fronted.jobs(run.id or 0) == expected
    if "native" in live.target.features:
        assert direct.jobs(run.id or 0) == expected
    else:
        refused(direct.jobs, run.id or 0)


@of_run
@clause("X25")
@each
@pytest.mark.parametrize("name", ["build", "té/st 漢字"])
def test_a_client_reads_a_log(live: Live, kind: type[Client], name: str) -> None:
    run = live.world.runs["failing"]
    fronted, direct = clients(live, run.repo, kind)
    job = run.jobs[name]
    expected = job.expected()
    assert isinstance(expected, bytes)
    told = fronted.log(job.id)
    assert told == (expected if isinstance(told, bytes) else expected.decode(errors="replace"))
    if "native" in live.target.features:
        assert direct.log(job.id) == told
    else:
        refused(direct.log, job.id)


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


def shown(artifacts: list[Json]) -> list[Json]:
    """What the clients' models have of what was sent."""
    return [{key: artifact.get(key) for key in TOLD} for artifact in artifacts]


@clause("X25", "T1", "T9")
@pytest.mark.feature("proxy", "artifacts")
@each_of_artifacts
def test_a_client_lists_artifacts(live: Live, art: Artifacts, kind: type[OfArtifacts]) -> None:
    fronted, direct = clients(live, art.repo, kind)
    found, expected = shown(fronted.artifacts()), shown(art.all())
    assert found == expected and len(found) == sum(made.run.repo is art.repo for made in art.made.values())
    assert shown([fronted.artifact(found[0]["id"])]) == found[:1]
    if "native" in live.target.features:
        assert shown(direct.artifacts()) == found
    else:
        refused(direct.artifacts)


@clause("X25", "T2")
@pytest.mark.feature("proxy", "artifacts", "run-jobs")
@each_of_artifacts
@pytest.mark.parametrize("key", ["many", "odd", "none"])
def test_a_client_lists_a_runs_artifacts(live: Live, art: Artifacts, kind: type[OfArtifacts], key: str) -> None:
    fronted, direct = clients(live, art.repo, kind)
    run_id = art.runs[key].id or 0
    found = shown(fronted.artifacts(run_id))
    assert found == shown(art.all(art.runs[key]))
    assert {(one["name"], one["run_id"]) for one in found} == {(name, run_id) for name in art.of(key)}
    if "native" in live.target.features:
        assert shown(direct.artifacts(run_id)) == found
    else:
        refused(direct.artifacts, run_id)


@clause("X25", "T11", "T12")
@pytest.mark.feature("proxy", "artifacts")
@each_of_artifacts
@pytest.mark.parametrize("name", ["one", "blocks", "plain", "three"])
def test_a_client_downloads_an_artifact(live: Live, art: Artifacts, kind: type[OfArtifacts], name: str) -> None:
    """Found by its name in the client's own list; of v4 the very bytes that were uploaded."""
    fronted, direct = clients(live, art.repo, kind)
    made = art.made["first", name]
    number = [artifact["id"] for artifact in fronted.artifacts() if artifact["name"] == name][-1]
    holds(fronted.zip(number), made)
    if "native" in live.target.features:
        holds(direct.zip(number), made)
    else:
        refused(direct.zip, number)
