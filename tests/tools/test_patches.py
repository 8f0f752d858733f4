"""scripts/patches: the series goes out and in unchanged whoever does it, each check fails when it must, and what is
refused stays as it was. All on a tiny project that stands for Forgejo; at the end the real series."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import export
import pytest
import series
from upstream import MESSAGE, SCRIPTS, Upstream, bad_home, commit, git, go, routes, script, write

FILE_CHECKS = [
    "`series` and files agree",
    "headers are complete",
    "what differs from the series before it has a reason",
    "new Go files are as gofmt writes them",
]
CLONE_CHECKS = [
    "the series applies, no fuzz, no 3-way",
    "the patched tree is UPSTREAM's",
    "a new export equals the files",
]
GO_CHECKS = [
    "go build and go vet of the touched packages",
    "unit tests of the touched packages",
    "Forgejo's swagger-check",
]
AGREE, COMPLETE, DIFFERS, FORMATTED = FILE_CHECKS
NO_OLDER = "not run: no series is for an older base"
APPLIES, TREE, EXPORT = CLONE_CHECKS
FIRST = "0001-feat-api-serve-a-job-s-log.patch"
SECOND = "0002-feat-api-name-the-run.patch"
THIRD = "0003-feat-api-list-the-steps.patch"

needs_gofmt = pytest.mark.skipif(not shutil.which("gofmt"), reason="not run: no gofmt on the PATH")
needs_go = pytest.mark.skipif(not shutil.which("go"), reason="not run: no go on the PATH")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    return Upstream.made(tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def upstream(made: Upstream, tmp_path: Path) -> Upstream:
    return made.copy(tmp_path)


def verdicts(shown: str) -> dict[str, str]:
    """The lines of `check`: a check and its verdict."""
    return dict(re.findall(r"^(\S.*?): (ok|FAILED|not run: .*)$", shown, re.MULTILINE))


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Every file under a folder, .git included."""
    paths = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return {str(path): str(path.readlink()) if path.is_symlink() else path.read_bytes() for path in paths}


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


# --- each check fails when it must

Tamper = Callable[[Upstream], None]


def edit(name: str, old: str, new: str) -> Tamper:
    return lambda upstream: upstream.edit(name, old, new)


def renamed(upstream: Upstream) -> None:
    (upstream.folder / THIRD).rename(upstream.folder / "0004-feat-api-list-the-steps.patch")
    upstream.edit("series", "0003", "0004")


def other_tree(upstream: Upstream) -> None:
    path = upstream.folder / "UPSTREAM"
    path.write_text(re.sub("patched-tree: .*", "patched-tree: " + "0" * 40, path.read_text()))


def tree_of_the_edited(upstream: Upstream) -> None:
    """An added line is edited, and UPSTREAM's tree with it: only the blob ids in the patch tell."""
    upstream.edit("0003", "+const First = 1", "+const First = 2")
    clone = upstream.clone("edited")
    upstream.patches("apply", clone)
    text = (upstream.folder / "UPSTREAM").read_text().partition("patched-tree")[0]
    (upstream.folder / "UPSTREAM").write_text(f"{text}patched-tree: {git(clone, 'rev-parse', 'HEAD^{tree}')}\n")


GO_LINE = "+// Name names a log.\n"

TAMPERED: dict[str, tuple[Tamper, str, str]] = {
    "a file is missing in series": (edit("series", SECOND + "\n", ""), AGREE, f"{SECOND} is not in `series`"),
    "a file is missing": (lambda u: (u.folder / SECOND).unlink(), AGREE, f"{SECOND} is in `series`, but"),
    "a name is there twice": (edit("series", SECOND, SECOND + "\n" + SECOND), AGREE, f"{SECOND} is in `series` twice"),
    "the order is another": (edit("series", f"{FIRST}\n{SECOND}", f"{SECOND}\n{FIRST}"), AGREE, "stands at place 1"),
    "a number is left out": (renamed, AGREE, "must begin with 0003-"),
    "series is not there": (lambda u: (u.folder / "series").unlink(), AGREE, "refresh DIR writes it"),
    "a trailer is missing": (edit("0002", "Drop-when: base ≥ 2.0\n", ""), COMPLETE, f"{SECOND}: the last paragraph"),
    "a trailer is empty": (edit("0002", "Forwarded: not-needed", "Forwarded:"), COMPLETE, "`Forwarded: ...`"),
    "no reason is given": (edit("0003", "Without it nobody can read a log.\n\n", ""), COMPLETE, "that says why"),
    "the subject has no scope": (edit("0001", "feat(api): ", "feat: "), COMPLETE, "`[PATCH] type(scope)"),
    "the subject is numbered": (edit("0001", "[PATCH]", "[PATCH 1/3]"), COMPLETE, "`[PATCH] type(scope)"),
    "there is no date": (edit("0001", "Date: ", "X-Date: "), COMPLETE, "no header Date"),
    "there is no author": (edit("0001", "From: ", "X-From: "), COMPLETE, "no header From"),
    "another licence": (edit("0003", "GPL-3.0-or-later", "MIT"), COMPLETE, "services/steps/step.go must begin with"),
    "no copyright": (
        edit("0001", "Forgejo Authors", "Authors"),
        COMPLETE,
        "services/actions/job_log.go must begin with",
    ),
    "carriage returns": (edit("0003", "\n", "\r\n"), COMPLETE, "CR LF"),
    "space at the end": (
        edit("0001", GO_LINE, "+// Name names a log. \n"),
        COMPLETE,
        "white space at the end of a line",
    ),
    "a context line differs": (edit("0001", ' \t"/issues",', ' \t"/problems",'), APPLIES, f"{FIRST} does not apply"),
    "a file is named wrongly": (edit("0001", "routers/routes.go", "routers/paths.go"), APPLIES, "routers/paths.go"),
    "an added line is edited": (edit("0003", "+const First = 1", "+const First = 2"), TREE, "but UPSTREAM says"),
    "the tree is another": (other_tree, TREE, "0" * 40),
    "edited, tree and all": (tree_of_the_edited, EXPORT, f"{THIRD} is not what an export writes"),
    "a hunk stands elsewhere": (edit("0001", "@@ -7,4 +7,5 @@", "@@ -6,4 +6,5 @@"), EXPORT, f"{FIRST} is not what"),
    "a signature": (edit("0003", "Subject: ", "X-Mailer: mine\nSubject: "), EXPORT, f"{THIRD} is not what"),
}


@pytest.mark.parametrize("tampered", TAMPERED)
def test_a_tampered_series_fails_its_check(upstream: Upstream, tampered: str) -> None:
    tamper, check, words = TAMPERED[tampered]
    tamper(upstream)
    done = upstream.patches("check", *([upstream.clone("clone")] if check in CLONE_CHECKS else []))
    assert done.returncode == 1
    assert words in done.stdout
    found = verdicts(done.stdout)
    order = [*FILE_CHECKS, *CLONE_CHECKS, *GO_CHECKS]
    assert list(found) == order
    assert found[check] == "FAILED"
    assert {found[name] for name in order[: order.index(check)]} <= {"ok", NO_OLDER, "not run: no gofmt on the PATH"}
    assert {found[name] for name in order[order.index(check) + 1 :]} <= {"not run: a check before it failed"}


@needs_gofmt
@pytest.mark.parametrize(
    ("patch", "old", "new", "words"),
    [
        ("0001", "+\treturn Open()", "+    return Open()", f"{FIRST}: services/actions/job_log.go is not as gofmt"),
        ("0001", "+func Name() string {", "+func Name( string {", f"{FIRST}: services/actions/job_log.go:7:"),
        ("0002", "+const Run = 1", "+const  Run = 1", f"{SECOND}: services/actions/job_log.go is not as gofmt"),
    ],
)
def test_go_that_gofmt_would_change_is_noticed(upstream: Upstream, patch: str, old: str, new: str, words: str) -> None:
    upstream.edit(patch, old, new)
    done = upstream.patches("check")
    assert done.returncode == 1
    assert verdicts(done.stdout)[FORMATTED] == "FAILED"
    assert words in done.stdout


@pytest.fixture
def only_git(tmp_path: Path) -> str:
    """A PATH with git and nothing else."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git") or "")
    return str(tmp_path / "bin")


def test_what_cannot_be_checked_is_said(upstream: Upstream, only_git: str) -> None:
    done = upstream.patches("check", PATH=only_git)
    assert done.returncode == 0, done.stdout
    found = verdicts(done.stdout)
    assert [found[name] for name in FILE_CHECKS] == ["ok", "ok", NO_OLDER, "not run: no gofmt on the PATH"]
    assert {found[name] for name in [*CLONE_CHECKS, *GO_CHECKS]} == {
        "not run: name a clone of Forgejo: python3 scripts/patches check DIR"
    }
    Path(only_git, "git").unlink()
    done = upstream.patches("check", upstream.clone("clone"), PATH=only_git)
    assert done.returncode == 1 and "git is needed" in done.stderr


# --- the checks with Go


def spoiled(upstream: Upstream, files: dict[str, str]) -> Path:
    """A clone, and a series whose last patch brings the files."""
    clone = upstream.clone("spoiled")
    upstream.patches("apply", clone)
    commit(clone, "feat(api): spoil", files)
    assert upstream.patches("refresh", clone, "--yes").returncode == 0
    return clone


VET = 'import "fmt"\n\n// Say says.\nfunc Say() {\n\tfmt.Printf("%d\\n", "one")\n}\n'
TEST = 'import "testing"\n\nfunc TestNothing(t *testing.T) {\n\tt.Error("nothing works")\n}\n'


@needs_go
@pytest.mark.parametrize(
    ("files", "failing", "words"),
    [
        (go("said", "// Said is said.\nconst Said = 1\n"), None, ""),
        (go("said", VET), GO_CHECKS[0], "services/actions/said.go:10"),
        (go("said", 'import "example.org/nowhere"\n\nvar _ = nowhere.X\n'), GO_CHECKS[0], "modules cannot be had"),
        (go("said_test", TEST), GO_CHECKS[1], "nothing works"),
        ({"templates/swagger/v1_json.tmpl": "{}\n"}, GO_CHECKS[2], "swagger-check"),
    ],
)
def test_with_go_the_patched_tree_is_vetted_and_tested(
    upstream: Upstream, files: dict[str, str], failing: str | None, words: str
) -> None:
    clone = spoiled(upstream, files)
    done = upstream.patches("check", "--go", clone, GOPROXY="off", GOFLAGS="-mod=mod", GOTOOLCHAIN="local")
    found = verdicts(done.stdout)
    assert done.returncode == (1 if failing else 0), done.stdout
    assert [name for name in found if found[name] == "FAILED"] == ([failing] if failing else [])
    assert words in done.stdout
    assert words.endswith("had") or "go build ./routers ./services/actions" in done.stderr
    assert words.endswith("had") or "go vet ./routers ./services/actions" in done.stderr


def test_asking_for_go_where_there_is_none_fails(upstream: Upstream, only_git: str) -> None:
    done = upstream.patches("check", "--go", upstream.clone("clone"), PATH=only_git)
    assert done.returncode == 1
    assert verdicts(done.stdout)[GO_CHECKS[0]] == "FAILED" and "there is no go on the PATH" in done.stdout


# --- refusals change nothing


def dirty(clone: Path) -> None:
    (clone / "routers/routes.go").write_text("package routers\n")


def untracked(clone: Path) -> None:
    (clone / "routers/forgotten.go").write_text("package routers\n")


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


def refused(upstream: Upstream, verb: str, clone: Path, *said: str, words: Sequence[str] = ()) -> None:
    """The verb refuses the clone, says why in these words, and neither clone nor series changed."""
    before = snapshot(clone), upstream.files(), sorted(path.name for path in upstream.folder.parent.iterdir())
    done = upstream.patches(verb, clone, *words)
    assert done.returncode == 1
    assert not [word for word in said if word not in done.stderr], done.stderr
    assert (snapshot(clone), upstream.files()) == before[:2]
    assert sorted(path.name for path in upstream.folder.parent.iterdir()) == before[2]


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


# --- check and report leave the clone alone


@pytest.mark.parametrize("state", ["at the base", "patched", "dirty"])
def test_check_and_report_change_nothing_in_a_clone(upstream: Upstream, state: str, tmp_path: Path) -> None:
    clone = upstream.clone("clone")
    if state == "patched":
        upstream.patches("apply", clone)
    if state == "dirty":
        dirty(clone)
        untracked(clone)
    (tmp_path / "tmp").mkdir()
    before = snapshot(clone)
    for words in (("check",), ("report", "v1.0.1", "v2.0.0")):
        done = upstream.patches(words[0], clone, *words[1:], TMPDIR=str(tmp_path / "tmp"))
        assert done.returncode == 0, done.stdout + done.stderr
    assert snapshot(clone) == before
    assert not list((tmp_path / "tmp").iterdir())


def test_report_says_what_another_version_has_takes_or_has_in_the_way(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    ids = {tag: git(clone, "rev-parse", tag) for tag in ("v1.0.1", "v2.0.0")}
    assert upstream.patches("report", clone, *ids).stdout.splitlines() == [
        f"v1.0.1 ({ids['v1.0.1']})",
        "  series v1.0.0, its base is 1 commits before it",
        f"  {FIRST}: applies",
        f"  {SECOND}: applies",
        f"  {THIRD}: applies",
        "  reached: applies",
        f"v2.0.0 ({ids['v2.0.0']})",
        "  series v1.0.0, its base is 2 commits before it",
        f"  {FIRST}: obsolete here: upstream has GET /jobs/{{job_id}}/logs",
        f"  {SECOND}: stands in its way: services/actions/job_log.go",
        f"  {THIRD}: applies",
        "  reached: nothing",
    ]
    shown = upstream.patches("report", clone)
    assert shown.stdout.startswith("HEAD (") and shown.stdout.count(".patch: applies\n") == 3


@needs_go
def test_report_says_how_far_it_looked(upstream: Upstream) -> None:
    clone = upstream.clone("clone", "v1.0.1")
    go_env = {"GOPROXY": "off", "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    reached = {option: upstream.patches("report", clone, option, **go_env) for option in ("--build", "--test")}
    assert [done.stdout.splitlines()[-1] for done in reached.values()] == ["  reached: builds", "  reached: tested"]
    assert [done.returncode for done in reached.values()] == [0, 0]
    commit(clone, "fix(api): rename", go("log", "// Begin opens a log.\nfunc Begin() string {\n\treturn `log`\n}\n"))
    commit(clone, "fix(api): go on", go("other", "// Other is another.\nconst Other = 1\n"))
    broken = upstream.patches("report", clone, "v1.0.1", "HEAD", "--test", **go_env)
    assert broken.returncode == 1
    assert "\n  reached: tested\nHEAD (" in broken.stdout and broken.stdout.endswith("\n  reached: applies\n")
    assert "  not builds: services/actions/job_log.go:" in broken.stdout and "undefined: Open" in broken.stdout
    later = upstream.patches("report", clone, "v2.0.0", "--build", **go_env)
    assert later.returncode == 1 and later.stdout.endswith("\n  reached: nothing\n")


def test_report_on_a_version_that_it_cannot_read(upstream: Upstream) -> None:
    clone = upstream.clone("clone")
    done = upstream.patches("report", clone, "v1.0.1", "v3.0.0")
    assert done.returncode == 1 and done.stdout == ""
    assert f"{clone} has no v3.0.0; " in done.stderr and "fetch" in done.stderr
    commit(clone, "feat(api): break", {"templates/swagger/v1_json.tmpl": "{{if .X}}{{end}}no JSON\n"})
    done = upstream.patches("report", clone)
    assert done.returncode == 0
    assert (
        "no patch can be told to be obsolete here: its templates/swagger/v1_json.tmpl is not understood" in done.stdout
    )
    assert f"{FIRST}: stands in its way: templates/swagger/v1_json.tmpl" in done.stdout
    assert f"{THIRD}: applies" in done.stdout


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
