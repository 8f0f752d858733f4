"""scripts/patches: the series goes out and in unchanged, whoever does it. On a tiny project that stands for Forgejo; at
the end the real series."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from patch_checks import (
    CLONE_CHECKS,
    DIFFERS,
    FILE_CHECKS,
    FIRST,
    FORMATTED,
    GO_CHECKS,
    NO_OLDER,
    SECOND,
    THIRD,
    refused,
    verdicts,
)
from upstream import Upstream, bad_home, commit, git, go, script

# --- out and in


def test_a_series_goes_out_and_in_unchanged(upstream: Upstream) -> None:
    before, clone = upstream.files(), upstream.clone("clone")
    applied = upstream.patches("apply", clone)
    assert applied.returncode == 0, applied.stderr
    assert git(clone, "rev-parse", "HEAD") in applied.stdout
    assert git(clone, "rev-parse", "refs/patches/base") == git(clone, "rev-parse", "v1.0.0^{commit}")
    assert git(clone, "log", "--format=%s", "refs/patches/base..HEAD").splitlines() == [
        "feat(api): list the steps",
        "feat(api): name the run",
        "feat(api): serve a job's log",
    ]
    assert git(clone, "log", "-1", "--format=%an %ad %cd") == "Ann Ünal " + " ".join(
        ["Fri Jan 2 03:04:05 2026 +0100"] * 2
    )
    assert git(clone, "status", "--porcelain") == ""
    refreshed = upstream.patches("refresh", clone)
    assert refreshed.stdout.splitlines() == [f"{name}: as it was" for name in sorted(before) if name != "README.md"]
    assert upstream.files() == before
    checked = upstream.patches("check", clone)
    assert checked.returncode == 0, checked.stdout
    assert verdicts(checked.stdout) == {
        **dict.fromkeys([*FILE_CHECKS, *CLONE_CHECKS], "ok"),
        DIFFERS: NO_OLDER,
        **({} if shutil.which("gofmt") else {FORMATTED: "not run: no gofmt on the PATH"}),
        **dict.fromkeys(GO_CHECKS, "not run: slow, and Go's module proxy is needed; ask with --go"),
    }


def test_two_people_get_the_same_bytes_and_the_same_commits(upstream: Upstream, tmp_path: Path) -> None:
    ann, bob = upstream.clone("ann"), upstream.clone("bob")
    hers, his = {"HOME": str(tmp_path)}, bad_home(tmp_path / "home")
    shutil.copy(tmp_path / "home/.gitconfig", tmp_path / "local")
    git(bob, "config", "include.path", str(tmp_path / "local"))
    (bob / ".git/info/attributes").write_text("*.go diff=golang binary\n")
    for name in ("post-applypatch", "post-checkout", "reference-transaction", "applypatch-msg"):
        (bob / ".git/hooks" / name).write_text(f"#!/bin/sh\ntouch {tmp_path}/hooked\nexit 1\n")
        (bob / ".git/hooks" / name).chmod(0o755)
    before = upstream.files()
    for clone, home in ((ann, hers), (bob, his)):
        applied = upstream.patches("apply", clone, **home)
        assert applied.returncode == 0, applied.stderr
    assert git(ann, "rev-parse", "HEAD") == git(bob, "rev-parse", "HEAD")
    for clone, home in ((bob, his), (ann, hers)):
        for path in upstream.folder.glob("*.patch"):
            path.unlink()
        refreshed = upstream.patches("refresh", clone, **home)
        assert refreshed.returncode == 0, refreshed.stderr
        assert upstream.files() == before
        assert upstream.patches("check", clone, **home).returncode == 0
    assert not (tmp_path / "hooked").exists()


def test_refresh_takes_what_was_changed_and_removes_what_is_gone(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    upstream.patches("apply", clone)
    git(clone, "reset", "--quiet", "--hard", "HEAD~2")
    commit(clone, "feat(api): list the runs", go("runs", "// Runs are runs.\nconst Runs = 1\n"))
    tree = git(clone, "rev-parse", "HEAD^{tree}")
    refused(upstream, "refresh", clone, "has 3 patches, and", "has 2 commits above the base", "refresh --yes")
    assert upstream.patches("refresh", clone, "--yes").stdout.splitlines() == [
        f"{FIRST}: as it was",
        "0002-feat-api-list-the-runs.patch: written",
        f"{SECOND}: removed",
        f"{THIRD}: removed",
        "UPSTREAM: written",
        "series: written",
    ]
    files = upstream.files()
    assert files["series"].decode().splitlines() == [FIRST, "0002-feat-api-list-the-runs.patch"]
    assert files["UPSTREAM"].decode().endswith(f"\nsuffix: joblogs.1\npatched-tree: {tree}\n")
    assert set(files) == {*files["series"].decode().splitlines(), "series", "UPSTREAM", "README.md"}
    assert upstream.patches("check", clone).returncode == 0


@pytest.mark.parametrize("how", ["shallow", "shared", "worktree"])
def test_any_kind_of_clone_will_do(upstream: Upstream, how: str) -> None:
    if how == "worktree":
        clone = upstream.home / "linked"
        git(upstream.clone("main"), "worktree", "add", "--detach", str(clone), "v1.0.0")
    elif how == "shared":
        clone = upstream.home / "shared"
        git(upstream.home, "clone", "--shared", "--branch=v1.0.0", str(upstream.repository), str(clone))
    else:
        clone = upstream.clone("shallow", "v1.0.0", "--depth=1")
    before = upstream.files()
    for verb in ("apply", "refresh", "check", "report"):
        done = upstream.patches(verb, clone)
        assert done.returncode == 0, done.stdout + done.stderr
    assert upstream.files() == before


# --- the series itself


def test_the_series_is_sound_as_far_as_its_files_tell() -> None:
    done = script("patches", "check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [verdicts(done.stdout)[name] for name in FILE_CHECKS[:2]] == ["ok", "ok"]


@pytest.mark.skipif("FORGEJO_SOURCE" not in os.environ, reason="not run: FORGEJO_SOURCE names no clone of Forgejo")
def test_the_series_applies_to_forgejo() -> None:
    done = script("patches", "check", os.environ["FORGEJO_SOURCE"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert [verdicts(done.stdout)[name] for name in CLONE_CHECKS] == ["ok", "ok", "ok"]
