"""scripts/patches move: a series for another version, and the nearest one for a version."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from patch_checks import (
    DIFFERS,
    FIRST,
    refused,
    verdicts,
)
from upstream import SCRIPTS, Upstream, commit, git, go, routes, script, write

# --- move


def moved(upstream: Upstream, clone: Path, *words: str, code: int = 0) -> list[str]:
    done = upstream.patches("move", clone, *words)
    assert (done.returncode, done.stderr) == (code, "")
    return done.stdout.splitlines()


def test_a_series_moves_to_another_version_and_the_old_one_stays(upstream: Upstream) -> None:
    clone, before = upstream.clone("clone"), upstream.files()
    steps = moved(upstream, clone, "v1.0.1")
    folder = upstream.folder.parent / "v1.0.1"
    assert steps[0] == f"{clone}: v1.0.0 was moved to v1.0.1; next:"
    assert f"  2. python3 scripts/patches --series {folder} refresh {clone}" in steps
    assert git(clone, "rev-list", "--count", "v1.0.1..HEAD") == "3" and upstream.files() == before
    assert script("patches", "--series", folder, "check").returncode == 1  # no patch is in it yet
    refreshed = script("patches", "--series", folder, "refresh", clone)
    assert refreshed.returncode == 0, refreshed.stderr
    (folder / "DIFFERENCES").write_text("# why\n\n")
    checked = script("patches", "--series", folder, "check", clone)
    assert checked.returncode == 0 and verdicts(checked.stdout)[DIFFERS] == "ok", checked.stdout
    assert f"commit: {git(clone, 'rev-parse', 'v1.0.1')}\n" in (folder / "UPSTREAM").read_text()
    again = upstream.patches("move", clone, "v1.0.1")
    assert again.returncode == 1 and "is there already" in again.stderr


def test_apply_takes_the_nearest_series_whatever_base_was_left_over(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    moved(upstream, clone, "v1.0.1")
    newer = upstream.folder.parent / "v1.0.1"
    assert script("patches", "--series", newer, "refresh", clone).returncode == 0
    shutil.copytree(SCRIPTS, upstream.home / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(upstream.folder.parent, upstream.home / "patches")
    for tag in ("v1.0.0", "v1.0.1", "v1.0.0"):  # the last one was left in refs/patches/base
        git(clone, "checkout", "--quiet", "--detach", tag)
        command = [sys.executable, str(upstream.home / "scripts/patches"), "apply", str(clone)]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert f" patches of {tag}, " in done.stdout


def test_a_move_that_meets_a_conflict_says_how_to_go_on(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    git(clone, "checkout", "--quiet", "-b", "other")
    commit(clone, "fix(api): other", {"routers/routes.go": routes("/version", "/user", "/tags")})
    git(clone, "tag", "v1.0.2")
    git(clone, "checkout", "--quiet", "main")
    steps = moved(upstream, clone, "v1.0.2", code=1)
    assert "stopped at a conflict" in steps[0]
    assert steps[1].startswith(f"  1. resolve routers/routes.go; then git -C {clone} add")
    write(clone, {"routers/routes.go": routes("/version", "/user", "/tags", "/jobs/tags")})
    git(clone, "add", "--all")
    git(clone, "-c", "core.editor=true", "rebase", "--continue")
    folder = upstream.folder.parent / "v1.0.2"
    assert script("patches", "--series", folder, "refresh", clone).returncode == 0
    checked = script("patches", "--series", folder, "check", clone)
    assert checked.returncode == 1 and "routers/routes.go differs from v1.0.0's, and DIFFERENCES" in checked.stdout
    (folder / "DIFFERENCES").write_text("routers/routes.go: it has tags\nservices/x.go: no more\n")
    checked = script("patches", "--series", folder, "check", clone)
    assert checked.returncode == 1 and "services/x.go is in DIFFERENCES, but is the same in v1.0.0" in checked.stdout
    (folder / "DIFFERENCES").write_text("routers/routes.go: it has tags\n")
    checked = script("patches", "--series", folder, "check", clone)
    assert checked.returncode == 0, checked.stdout
    assert "  routers/routes.go: it has tags\n" in checked.stdout


def test_a_move_to_a_commit_names_its_release(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    git(clone, "tag", "--delete", "v1.0.1")
    refused(upstream, "move", clone, "origin/main~1 is no release's tag", "--as v15.0.9", words=["origin/main~1"])
    moved(upstream, clone, "origin/main~1", "--as", "v1.0.3")
    assert (upstream.folder.parent / "v1.0.3/UPSTREAM").read_text().splitlines()[1:] == [
        "tag: v1.0.3",
        f"commit: {git(clone, 'rev-parse', 'origin/main~1')}",
        "suffix: joblogs.1",
        "branch: main",
    ]


def test_a_move_leaves_no_work_behind(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    upstream.patches("apply", clone)
    commit(clone, "feat(api): more", go("more", "// More is more.\nconst More = 1\n"))
    refused(upstream, "move", clone, "neither upstream nor the series has", "refresh the series", words=["v1.0.1"])
    refused(upstream, "move", clone, "has no v3.0.0; ", "fetch", words=["v3.0.0"])
    git(clone, "reset", "--quiet", "--hard", "HEAD~1")
    moved(upstream, clone, "v1.0.1")


def test_a_version_in_whose_way_a_patch_stands_is_refused(upstream: Upstream) -> None:
    clone = upstream.clone("clone", "v2.0.0")
    refused(upstream, "apply", clone, f"{FIRST} does not apply to", "which is not the base of v1.0.0; in its way: ")
