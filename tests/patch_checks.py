"""What `scripts/patches` says of the tiny project of upstream.py: the names of its checks, how its answers are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from upstream import Upstream

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


def verdicts(shown: str) -> dict[str, str]:
    """The lines of `check`: a check and its verdict."""
    return dict(re.findall(r"^(\S.*?): (ok|FAILED|not run: .*)$", shown, re.MULTILINE))


def snapshot(folder: Path) -> dict[str, bytes | str]:
    """Every file under a folder, .git included."""
    paths = [path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir()]
    return {str(path): str(path.readlink()) if path.is_symlink() else path.read_bytes() for path in paths}


def refused(upstream: Upstream, verb: str, clone: Path, *said: str, words: Sequence[str] = ()) -> None:
    """The verb refuses the clone, says why in these words, and neither clone nor series changed."""
    before = snapshot(clone), upstream.files(), sorted(path.name for path in upstream.folder.parent.iterdir())
    done = upstream.patches(verb, clone, *words)
    assert done.returncode == 1
    assert not [word for word in said if word not in done.stderr], done.stderr
    assert (snapshot(clone), upstream.files()) == before[:2]
    assert sorted(path.name for path in upstream.folder.parent.iterdir()) == before[2]


def dirty(clone: Path) -> None:
    """Change a file that git knows."""
    (clone / "routers/routes.go").write_text("package routers\n")


def untracked(clone: Path) -> None:
    """Add a file that git does not know."""
    (clone / "routers/forgotten.go").write_text("package routers\n")
