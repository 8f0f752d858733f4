"""forgejo-runner, the program: registered at an address, it takes one job and runs it on this machine.

Rules
-----
* `FORGEJO_RUNNER_BIN` names it; nothing is fetched for it. What it keeps, and jobs, are in a folder of the caller's.
* It trusts one certificate, and has the jobs' node trust it. Of this process's environment it gets PATH alone.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

VARIABLE = "FORGEJO_RUNNER_BIN"


class RealRunner:
    """A runner with one label, registered at `server`. Raises RuntimeError with its words, also from `run_a_job`."""

    def __init__(self, server: str, token: str, label: str, certificate: Path, folder: Path) -> None:
        self._folder, self._certificate = folder, certificate
        settings = {
            "log": {"level": "info"},
            "runner": {"envs": {"NODE_EXTRA_CA_CERTS": str(certificate)}},
            "cache": {"enabled": False},
            "host": {"workdir_parent": str(folder / "jobs")},
        }
        (folder / "config.yml").write_text(json.dumps(settings))
        place = ["--no-interactive", "--instance", server, "--token", token, "--name", "program"]
        self._do("register", *place, "--labels", f"{label}:host")

    def run_a_job(self) -> None:
        """Take the job that waits for the label, and run it to its end, whatever that is."""
        self._do("one-job")

    def _do(self, *words: str) -> None:
        command = [os.environ[VARIABLE], "--config", "config.yml", *words]
        env = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "SSL_CERT_FILE": str(self._certificate)}
        done = subprocess.run(
            command, cwd=self._folder, env=env, capture_output=True, timeout=300, stdin=subprocess.DEVNULL
        )
        if done.returncode:
            raise RuntimeError(f"{words[0]}: {(done.stdout + done.stderr).decode(errors='replace')[-3000:]}")
