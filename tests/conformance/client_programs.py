"""Clients that others wrote for GitHub's API, run as programs at a proxy that speaks https.

Rules: a client gets the proxy's address, its certificate and a token, nothing else. One that is not there is 'not run',
and nothing is fetched for it (tests/clients/README.md says where to get it). What it must tell comes from the world.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from certificates import certificate
from seeded import FINAL, Attempt, Job, Repo, Run
from targets import Live

Json = dict[str, Any]
CLIENTS = Path(__file__).parent.parent / "clients"
GITHUB = ("PyGithub", "githubkit", "octokit", "go-github")
# The variable that names the program, and what stands behind it.
PROGRAMS: Mapping[str, tuple[str, tuple[Path, ...]]] = {
    "gh": ("GH_BIN", ()),
    "github-mcp-server": ("GITHUB_MCP_SERVER", ()),
    "PyGithub": ("CLIENTS_PYTHON", (CLIENTS / "of_pygithub.py",)),
    "githubkit": ("CLIENTS_PYTHON", (CLIENTS / "of_githubkit.py",)),
    "octokit": ("OCTOKIT_CLIENT", ()),
    "go-github": ("GO_GITHUB_CLIENT", ()),
}
# How a client says that an operation is not possible here.
REFUSAL = {
    "PyGithub": r"GithubException: .*\b501\b",
    "githubkit": r"RequestFailed: Response\(501 ",
    "octokit": r"HttpError: (?!Not Found)\w",
    "go-github": r": 501 \w",
}


class Failed(Exception):
    """The client could not; its words are the message."""


def program(name: str) -> list[str]:
    """How a client is called. Skips the case if it is not there."""
    variable, behind = PROGRAMS[name]
    path = os.environ.get(variable)
    if not path:
        pytest.skip(f"not run: no {variable} for {name}")
    return [path, *map(str, behind)]


@cache
def certified() -> tuple[Path, Path]:
    """The files of the proxy's certificate and of its key, made once."""
    folder = Path(tempfile.mkdtemp(prefix="forgejo-shim-clients-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return certificate(folder, "proxy")


@dataclass(frozen=True)
class Client:
    """A client of a repository, at a front of a live target that has the face of GitHub and may write."""

    name: str
    live: Live
    repo: Repo
    token: str = "owner"
    home: Path = Path("/nonexistent")

    @property
    def server(self) -> str:
        """The address of the proxy."""
        cert, key = certified()
        words = ("--allow-writes", "--tls-cert", str(cert), "--tls-key", str(key), "--face", "github")
        return self.live.further(self.live.server.base_url, *words).base_url.replace("http:", "https:")

    @property
    def token_text(self) -> str:
        return self.live.world.tokens[self.token]

    @property
    def environment(self) -> dict[str, str]:
        cert = str(certified()[0])
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "SERVER": self.server,
            "TOKEN": self.token_text,
            "REPOSITORY": self.repo.full,
            "SSL_CERT_FILE": cert,
            "NODE_EXTRA_CA_CERTS": cert,
        }

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """Run the program to its end."""
        command = [*program(self.name), *map(str, words)]
        env = {**self.environment, **environment}
        return subprocess.run(command, env=env, capture_output=True, timeout=60, stdin=subprocess.DEVNULL)

    def bytes(self, *words: object) -> bytes:
        """What it printed. Raises Failed."""
        done = self.run(*words)
        if done.returncode:
            raise Failed((done.stdout + done.stderr).decode(errors="replace"))
        return done.stdout

    def ask(self, *words: object) -> Any:
        """What it told in JSON. Raises Failed."""
        return json.loads(self.bytes(*words))


# --- what must be told


def words_of(status: str) -> tuple[str, str | None]:
    """A status of the world's as GitHub's status and conclusion."""
    if status in FINAL:
        return "completed", status
    return ("in_progress" if status == "running" else "queued"), None


def told_words(one: Json) -> tuple[str, str | None]:
    """The status and the conclusion that a client tells; no conclusion may be null, empty or left out."""
    return one["status"], one.get("conclusion") or None


def jobs_of(run: Run) -> list[tuple[int, str, tuple[str, str | None]]]:
    """Id, name and words of each job, by id."""
    jobs = sorted(run.jobs.values(), key=lambda job: job.id)
    return [(job.id, job.name.partition("#")[0], words_of(job.status)) for job in jobs]


def told_jobs(jobs: list[Json]) -> list[tuple[int, str, tuple[str, str | None]]]:
    return sorted((job["id"], job["name"], told_words(job)) for job in jobs)


def are_steps_of(steps: list[Json], attempt: Attempt) -> None:
    """Raise unless these are the steps of an attempt that has ended: two between the runner's own."""
    assert [step["number"] for step in steps] == list(range(1, len(steps) + 1))
    assert (steps[0]["name"], steps[-1]["name"]) == ("Set up job", "Complete job")
    if attempt.rows and attempt.result not in (None, "cancelled"):
        assert [told_words(step) for step in steps[1:-1]] == [words_of("success"), words_of(str(attempt.result))]


def log_of(job: Job, attempt: int | None = None) -> bytes:
    expected = job.expected(attempt)
    assert isinstance(expected, bytes)
    return expected
