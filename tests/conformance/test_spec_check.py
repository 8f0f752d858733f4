"""`forgejo-shim spec check` against the target's front: it passes, or says what is missing.

Rules: a target with the adapter is asked as the server that it is, since a document is no answer of the shim's. The
double lists operations without their answers, so there only operations count where they are the double's own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from forgejo_shim.cli import main
from forgejo_shim.contract import JOB_LOGS, RUN_JOBS, RUN_LOGS
from targets import Live, Target

LOG, OF_RUNS = {f"GET {JOB_LOGS}"}, {f"GET {RUN_JOBS}", f"GET {RUN_LOGS}"}


def run(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Exit code and JSON of the command."""
    hidden = {name: None for name in os.environ if name.startswith(("FORGEJO", "XDG_"))}
    result = CliRunner(env={**hidden, "HOME": str(home)}).invoke(main, ["--json", "spec", *words])
    assert result.exit_code in (0, 1) and result.stderr == "", result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return result.exit_code, found


def is_native(target: Target) -> bool:
    """Whether the server itself has the operations."""
    return "native" in target.features


def lacking(target: Target) -> set[str]:
    """The operations of the contract that are not there."""
    if is_native(target):
        return set()
    if target.front == "proxy":
        return set() if "run-jobs" in target.features else OF_RUNS
    return LOG | OF_RUNS


@pytest.mark.clause("K1", "K2")
def test_the_check_names_what_is_missing(live: Live, tmp_path: Path) -> None:
    code, found = run(tmp_path, "check", live.base_url)
    missing = {finding["operation"] for finding in found["findings"] if finding["rule"] == "operation-removed"}
    assert missing == lacking(live.target)
    if not (live.target.double and is_native(live.target)):
        worse = [finding for finding in found["findings"] if finding["level"] == "ERR"]
        assert len(worse) == len(missing), worse
        assert code == (1 if missing else 0)


@pytest.mark.clause("K3")
def test_a_server_does_not_differ_from_itself(live: Live, tmp_path: Path) -> None:
    code, found = run(tmp_path, "diff", "--all", live.base_url, live.base_url)
    assert (code, found["findings"]) == (0, [])
