"""scripts/patches check and report: each check fails when it must, and both leave the clone alone."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from patch_checks import (
    AGREE,
    APPLIES,
    CLONE_CHECKS,
    COMPLETE,
    EXPORT,
    FILE_CHECKS,
    FIRST,
    FORMATTED,
    GO_CHECKS,
    NO_OLDER,
    SECOND,
    THIRD,
    TREE,
    dirty,
    snapshot,
    untracked,
    verdicts,
)
from upstream import Upstream, commit, git, go

needs_gofmt = pytest.mark.skipif(not shutil.which("gofmt"), reason="not run: no gofmt on the PATH")
needs_go = pytest.mark.skipif(not shutil.which("go"), reason="not run: no go on the PATH")


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
