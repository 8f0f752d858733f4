"""Clause X25: clients that others wrote for Forgejo 16 list a run's jobs and read a log through the proxy, as they are.

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
from dataclasses import dataclass
from typing import Any

import pytest
from seeded import Run
from targets import Live

clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy", "run-jobs")
ABSENT = "404 page not found"
Jobs = list[tuple[int, str, str]]


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


class ForgejoPython(Client):
    """forgejo-python (PyPI), a Python library made from 16's document."""

    def ask(self, what: str, number: int) -> Any:
        pyfj = pytest.importorskip("pyfj", reason="not run: forgejo-python is not installed")
        try:
            with pyfj.Forgejo(self.server, token=self.token) as api:
                actions = api.repos.actions
                asked = actions.runs.jobs if what == "jobs" else actions.jobs.logs
                return asked(self.owner, self.repo, number)
        except pyfj.APIError as error:
            raise Failed(str(error)) from None

    def jobs(self, run_id: int) -> Jobs:
        return [(job.id, job.status, job.name) for job in self.ask("jobs", run_id)]

    def log(self, job_id: int) -> str:
        return str(self.ask("log", job_id))


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


class ForgejoApi(Client):
    """forgejo-api (crates.io), a Rust library, called by tests/clients/forgejo-api."""

    def ask(self, what: str, number: int) -> bytes:
        words = (self.server, self.owner, self.repo, what, str(number))
        return self.call("FORGEJO_API_CLIENT", "forgejo-api-client", *words, FORGEJO_TOKEN=self.token)

    def jobs(self, run_id: int) -> Jobs:
        lines = (line.split("\t") for line in self.ask("jobs", run_id).decode().splitlines())
        return [(int(job_id), status, name) for job_id, status, name in lines]

    def log(self, job_id: int) -> bytes:
        return self.ask("log", job_id)


def clients(live: Live, run: Run, kind: type[Client]) -> tuple[Client, Client]:
    """The client at the proxy, and at the server behind."""
    owner, repo = run.repo.full.split("/")
    token = live.world.tokens["read"]
    return kind(live.base_url, token, owner, repo), kind(live.server.base_url, token, owner, repo)


def refused(asked: Any, number: int) -> None:
    """The server lacks what is asked for: the client must fail, and by that."""
    with pytest.raises(Failed) as raised:
        asked(number)
    # forgejo-api shows no status, only that `404 page not found` is not the JSON that it waited for.
    assert ABSENT in str(raised.value)


each = pytest.mark.parametrize("kind", [ForgejoPython, ForgejoMcp, ForgejoApi])


@clause("X25")
@each
def test_a_client_lists_a_runs_jobs(live: Live, kind: type[Client]) -> None:
    run = live.world.runs["failing"]
    fronted, direct = clients(live, run, kind)
    known = sorted(run.jobs.values(), key=lambda job: job.id)
    expected = [(job.id, job.status, job.name.partition("#")[0]) for job in known]
    assert fronted.jobs(run.id or 0) == expected
    if "native" in live.target.features:
        assert direct.jobs(run.id or 0) == expected
    else:
        refused(direct.jobs, run.id or 0)


@clause("X25")
@each
@pytest.mark.parametrize("name", ["build", "té/st 漢字"])
def test_a_client_reads_a_log(live: Live, kind: type[Client], name: str) -> None:
    run = live.world.runs["failing"]
    fronted, direct = clients(live, run, kind)
    job = run.jobs[name]
    expected = job.expected()
    assert isinstance(expected, bytes)
    told = fronted.log(job.id)
    assert told == (expected if isinstance(told, bytes) else expected.decode(errors="replace"))
    if "native" in live.target.features:
        assert direct.log(job.id) == told
    else:
        refused(direct.log, job.id)
