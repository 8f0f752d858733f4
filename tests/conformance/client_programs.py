"""Clients that others wrote for GitHub's and for Gitea's API, run as programs at a proxy that speaks https.

Rules: a client gets the proxy's address, its certificate and a token, nothing else. One that is not there is 'not run',
and nothing is fetched for it (tests/clients/README.md says where to get it). What it must tell comes from the world.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from certificates import certified
from seeded import FINAL, Attempt, Job, Repo, Run
from targets import Live

Json = dict[str, Any]
CLIENTS = Path(__file__).parent.parent / "clients"
GITHUB = ("PyGithub", "githubkit", "octokit", "go-github")
GITEA = ("gitea-api-client", "gitea-sdk", "gitea-js")
LACKS = {  # what a client has no word for
    "gitea-api-client": ("logs", "cancel"),
    "gitea-sdk": ("logs", "cancel", "attempt"),
    "gitea-js": ("logs", "cancel"),
}
# The variable that names the program, and what stands behind it.
PROGRAMS: Mapping[str, tuple[str, tuple[Path, ...]]] = {
    "gh": ("GH_BIN", ()),
    "github-mcp-server": ("GITHUB_MCP_SERVER", ()),
    "PyGithub": ("CLIENTS_PYTHON", (CLIENTS / "of_pygithub.py",)),
    "githubkit": ("CLIENTS_PYTHON", (CLIENTS / "of_githubkit.py",)),
    "octokit": ("OCTOKIT_CLIENT", ()),
    "go-github": ("GO_GITHUB_CLIENT", ()),
    "gitea-api-client": ("CLIENTS_PYTHON", (CLIENTS / "of_gitea.py",)),
    "gitea-sdk": ("GITEA_SDK_CLIENT", ()),
    "gitea-js": ("GITEA_JS_CLIENT", ()),
    "tea": ("TEA_BIN", ()),
    "gitea-mcp": ("GITEA_MCP", ()),
}
# How a client says that an operation is not possible here.
REFUSAL = {
    "PyGithub": r"GithubException: .*\b501\b",
    "githubkit": r"RequestFailed: Response\(501 ",
    "octokit": r"HttpError: (?!Not Found)\w",
    "go-github": r": 501 \w",
    "gitea-api-client": r"ServiceException: \(501\)",
    "gitea-sdk": r"errorString: .*this server",  # the message alone
    "gitea-js": r"501: \w",
}


class Failed(Exception):
    """The client could not; its words are the message."""


def each(word: str) -> pytest.MarkDecorator:
    """The clients that know a word."""
    return pytest.mark.parametrize("name", [name for name in GITHUB + GITEA if word not in LACKS.get(name, ())])


def program(name: str) -> list[str]:
    """How a client is called. Skips the case if it is not there."""
    variable, behind = PROGRAMS[name]
    path = os.environ.get(variable)
    if not path:
        pytest.skip(f"not run: no {variable} for {name}")
    return [path, *map(str, behind)]


@dataclass(frozen=True)
class Client:
    """A client of a repository, at a front of a live target that has its face and may write."""

    name: str
    live: Live
    repo: Repo
    token: str = "owner"
    home: Path = Path("/nonexistent")

    @property
    def server(self) -> str:
        """The address of the proxy."""
        return self.live.faced().base_url

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
            "API": "/compat/gitea/api/v1",
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


BLOCKED = {"pending": "queued", "waiting": "queued"}  # Gitea's words for a job that waits for others


def told_words(one: Json) -> tuple[str, str | None]:
    """The status and the conclusion that a client tells; no conclusion may be null, empty or left out."""
    return BLOCKED.get(one["status"], one["status"]), one.get("conclusion") or None


def jobs_of(run: Run) -> list[tuple[int, str, tuple[str, str | None]]]:
    """Id, name and words of each job, by id."""
    jobs = sorted(run.jobs.values(), key=lambda job: job.id)
    return [(job.id, job.name.partition("#")[0], words_of(job.status)) for job in jobs]


def told_jobs(jobs: list[Json]) -> list[tuple[int, str, tuple[str, str | None]]]:
    return sorted((job["id"], job["name"], told_words(job)) for job in jobs)


def are_steps_of(steps: list[Json], attempt: Attempt, name: str = "") -> None:
    """Raise unless these are the steps of an attempt that has ended: two, for GitHub's clients between the runner's."""
    first = 0 if name in GITEA else 1
    assert [step["number"] for step in steps] == list(range(first, first + len(steps)))
    own = steps if name in GITEA else steps[1:-1]
    assert {"Set up job", "Complete job"}.isdisjoint(step["name"] for step in own)
    if own != steps:
        assert (steps[0]["name"], steps[-1]["name"]) == ("Set up job", "Complete job")
    if attempt.rows and attempt.result not in (None, "cancelled"):
        assert [told_words(step) for step in own] == [words_of("success"), words_of(str(attempt.result))]


def is_told(told: list[Any], expected: list[Any], name: str) -> bool:
    """Whether each artifact is told once; a client that knows no pages of them has a page of the usual size."""
    most = 30 if name == "gitea-api-client" else len(expected)
    return len(told) == len(set(told)) == min(most, len(expected)) and set(told) <= set(expected)


def log_of(job: Job, attempt: int | None = None) -> bytes:
    expected = job.expected(attempt)
    assert isinstance(expected, bytes)
    return expected
