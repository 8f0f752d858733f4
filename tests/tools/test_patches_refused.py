"""scripts/patches: what is refused stays as it was, the clone and the series."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import export
import pytest
import series
from patch_checks import (
    SECOND,
    THIRD,
    dirty,
    refused,
    untracked,
)
from upstream import MESSAGE, Upstream, commit, git, go, script, write

# --- refusals change nothing


def in_a_rebase(clone: Path) -> None:
    (clone / ".git/rebase-merge").mkdir()


@pytest.mark.parametrize("verb", ["apply", "refresh"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [(dirty, "not clean (routers/routes.go)"), (untracked, "(routers/forgotten.go)"), (in_a_rebase, "is under way")],
)
def test_a_clone_with_work_in_it_is_refused(
    upstream: Upstream, verb: str, spoil: Callable[[Path], None], words: str
) -> None:
    clone = upstream.clone("clone")
    if verb == "refresh":
        upstream.patches("apply", clone)
    spoil(clone)
    refused(upstream, verb, clone, words)


def test_another_base_is_refused_with_the_way_to_the_right_one(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    base = git(clone, "rev-parse", "v1.0.0")
    git(clone, "checkout", "--quiet", "--detach", "v1.0.0~1")
    refused(upstream, "apply", clone, f"does not descend from {base}", "(v1.0.0)", f"git -C {clone} checkout {base}")
    git(clone, "checkout", "--quiet", "--detach", "v1.0.0")
    upstream.patches("apply", clone)
    refused(upstream, "apply", clone, "is at v1.0.0-3-g", "has the series already")


def test_a_later_version_takes_the_series_and_is_told_what_was_not_tested(upstream: Upstream) -> None:
    clone = upstream.clone("clone", "v1.0.1")
    (upstream.folder / "UPSTREAM").open("a").write("tested: go vet\n")
    done = upstream.patches("apply", clone)
    assert done.returncode == 0, done.stderr
    assert git(clone, "rev-parse", "refs/patches/base") == git(clone, "rev-parse", "v1.0.1")
    assert git(clone, "rev-list", "--count", "v1.0.1..HEAD") == "3"
    base = git(clone, "rev-parse", "v1.0.0")
    assert done.stdout.splitlines()[1:] == [
        f"tested on {base[:12]}: go vet",
        "not tested: what came since (1 commits, to v1.0.1); of the 2 files that the series changes "
        "it changed 1: routers/routes.go",
    ]
    move = f"python3 scripts/patches move {clone} {git(clone, 'rev-parse', 'v1.0.1')}"
    refused(upstream, "refresh", clone, f"but UPSTREAM names {base}", move)


def test_upstreams_commits_are_never_exported(upstream: Upstream) -> None:
    """After a rebase onto another version: its commits are in a tag, or in a remote branch, or nowhere but here."""
    clone = upstream.clone("clone")
    upstream.patches("apply", clone)
    git(clone, "rebase", "--quiet", "--onto", "v1.0.1", "refs/patches/base")
    refused(
        upstream, "refresh", clone, "1 of the 4 commits above the base", "is in v1.0.1", "python3 scripts/patches move"
    )
    git(clone, "tag", "--delete", "v1.0.1", "v2.0.0")
    refused(upstream, "refresh", clone, "1 of the 4 commits above the base", "is in origin/main")
    git(clone, "remote", "remove", "origin")
    refused(upstream, "refresh", clone, "has 3 patches, and", "has 4 commits above the base")
    git(clone, "reset", "--quiet", "--hard", "refs/patches/base")
    write(clone, {"routers/routes.go": "package routers\n"})
    git(clone, "commit", "--quiet", "--all", "--message", "fix(api): more\n\nReviewed-by: somebody")
    refused(upstream, "refresh", clone, "1 of the commits above the base", "Forwarded, Applied-Upstream, Drop-when")
    assert upstream.patches("refresh", clone, "--yes").returncode == 1


@pytest.mark.parametrize("edited", [("0003", "+const First = 1", "+const First = 2"), ("0001", '"/issues"', '"/x"')])
def test_patches_that_were_edited_by_hand_are_not_written_over(
    upstream: Upstream, edited: tuple[str, str, str]
) -> None:
    clone = upstream.clone("clone")
    upstream.patches("apply", clone)
    upstream.edit(*edited)
    refused(upstream, "refresh", clone, "were edited since they were exported", "refresh --yes")
    assert "written" in upstream.patches("refresh", clone, "--yes").stdout


def test_what_was_tested_is_said_only_of_the_tree_that_was_tested(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    upstream.edit("UPSTREAM", "patched-tree:", "tested: go vet\npatched-tree:")
    upstream.patches("apply", clone)
    assert "UPSTREAM: as it was" in upstream.patches("refresh", clone).stdout
    lines = sorted((upstream.folder / "UPSTREAM").read_text().splitlines())  # in whatever order
    (upstream.folder / "UPSTREAM").write_text("".join(f"{line}\n" for line in lines))
    assert "UPSTREAM: as it was" in upstream.patches("refresh", clone).stdout
    commit(clone, "feat(api): more", go("more", "// More is more.\nconst More = 1\n"))
    assert "UPSTREAM: written" in upstream.patches("refresh", clone, "--yes").stdout
    assert b"tested" not in upstream.files()["UPSTREAM"]


def test_a_clone_without_the_base_is_told_how_to_fetch_it(upstream: Upstream) -> None:
    clone = upstream.clone("clone", "v2.0.0", "--depth=1")
    fetch = f"git -C {clone} fetch {upstream.repository.as_uri()} tag v1.0.0"
    refused(upstream, "apply", clone, f"get it: {fetch}")
    assert fetch in upstream.patches("check", clone).stderr


@pytest.mark.parametrize("verb", ["apply", "refresh", "check", "report"])
def test_what_is_no_clone_is_refused(upstream: Upstream, verb: str) -> None:
    clone = upstream.clone("clone")
    for place, words in ((clone / "none", "is no folder"), (clone / "routers", "is no git repository")):
        done = upstream.patches(verb, place)
        assert done.returncode == 1 and words in done.stderr


def test_a_series_that_does_not_apply_leaves_the_clone_as_it_was(upstream: Upstream) -> None:
    upstream.edit("0003", "--- /dev/null\n+++ b/services/steps/step.go", "--- a/nothing\n+++ b/services/steps/step.go")
    upstream.edit("0002", " // Name names a log.", " // Name is a log.")
    clone = upstream.clone("clone")
    refused(upstream, "apply", clone, f"{SECOND} does not apply to v1.0.0; in its way: services/actions/job_log.go")
    (upstream.folder / THIRD).unlink()
    refused(upstream, "apply", clone, f"{THIRD} is in `series`, but there is no such file")


def test_a_file_in_the_way_of_apply_is_kept(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    (clone / ".git/info/exclude").write_text("/services/steps\n")
    (clone / "services/steps").mkdir()
    (clone / "services/steps/step.go").write_text("mine\n")
    state = git(clone, "for-each-ref"), git(clone, "rev-parse", "HEAD"), git(clone, "status", "--porcelain")
    done = upstream.patches("apply", clone)
    assert done.returncode == 1 and "services/steps/step.go" in done.stderr
    assert (git(clone, "for-each-ref"), git(clone, "rev-parse", "HEAD"), git(clone, "status", "--porcelain")) == state
    assert (clone / "services/steps/step.go").read_text() == "mine\n"


@pytest.mark.parametrize("kind", ["fixup", "squash", "amend", "merge", "empty", "none", "apart", "other base"])
def test_commits_that_are_no_series_are_refused(upstream: Upstream, kind: str) -> None:
    clone, words = upstream.clone("clone"), f"not squashed yet in {upstream.home / 'clone'}: "
    if kind != "none":
        upstream.patches("apply", clone)
    if kind in ("fixup", "squash", "amend"):
        commit(clone, f"{kind}! feat(api): list the steps", go("more", "// More is more.\nconst More = 1\n"))
    elif kind == "merge":
        git(clone, "merge", "--quiet", "--no-edit", "--strategy=ours", "v1.0.1")
        words = "is a merge"
    elif kind == "empty":
        commit(clone, "feat(api): nothing", {})
        words = "changes no file"
    elif kind == "none":
        words = "has no commit above the base"
    elif kind == "apart":
        git(clone, "checkout", "--quiet", "--orphan", "apart")
        git(clone, "commit", "--quiet", "--message", MESSAGE.format(subject="feat(api): apart"))
        words = "does not descend from the base"
    else:
        git(clone, "update-ref", "refs/patches/base", "v1.0.1")
        words = f"git -C {clone} update-ref refs/patches/base {git(clone, 'rev-parse', 'v1.0.0')}"
    refused(upstream, "refresh", clone, words)


def test_a_refresh_that_breaks_off_leaves_the_folder_as_it_was(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    clone = upstream.clone("clone")
    upstream.patches("apply", clone)
    commit(clone, "feat(api): one more", go("more", "// More is more.\nconst More = 1\n"))
    before, rename = upstream.files(), Path.rename

    def breaks(self: Path, target: Path) -> Path:
        if self.name == "new":
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", breaks)
    with pytest.raises(KeyboardInterrupt):
        export.refresh(series.Series.read(upstream.folder), clone, True)
    assert upstream.files() == before
    assert [path.name for path in upstream.folder.parent.iterdir()] == [upstream.folder.name]


def test_a_folder_without_upstream_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    done = script("patches", "--series", tmp_path, "check")
    assert done.returncode == 1 and "name the folder of a series" in done.stderr
    upstream.edit("UPSTREAM", "commit: ", "commit: x")
    done = upstream.patches("check")
    assert done.returncode == 1 and "no id of 40 hexadecimal digits" in done.stderr
    upstream.edit("UPSTREAM", "commit: ", "comit: ")
    done = upstream.patches("check")
    assert done.returncode == 1 and "must have a line 'key: value' for each of" in done.stderr
    assert script("patches").returncode == 2
    assert script("patches", "apply").returncode == 2
