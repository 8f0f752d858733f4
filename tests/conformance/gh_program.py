"""gh, the command of GitHub's makers, at a proxy: its host, its token, and what it prints."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

from client_programs import Client, log_of
from seeded import Job


@dataclass(frozen=True)
class Gh(Client):
    """gh in a home of its own."""

    def run(self, *words: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
        host = self.server.removeprefix("https://")
        own = {
            "GH_HOST": host,
            "GH_REPO": f"{host}/{self.repo.full}",
            "GH_ENTERPRISE_TOKEN": self.token_text,
            "GH_CONFIG_DIR": str(self.home / "config"),
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "NO_COLOR": "1",
        }
        return super().run(*words, **{**own, **environment})

    def rows(self, *words: object) -> list[list[str]]:
        """The columns of each line that it printed."""
        return [line.split("\t") for line in self.bytes(*words).decode().splitlines()]


def lines_of(job: Job, attempt: int | None = None) -> list[str]:
    """The lines of a log that gh shows behind the names of job and step."""
    return log_of(job, attempt).decode().splitlines()


def shown(gh: Gh, *words: object) -> dict[str, list[str]]:
    """The lines of each job that `run view` prints."""
    found: dict[str, list[str]] = {}
    for job, _, line in (row.split("\t", 2) for row in gh.bytes("run", "view", *words).decode().splitlines()):
        found.setdefault(job, []).append(line)
    return found
