"""Move a series onto another version: rebase it in a clone, and open a folder for it.

Rules
-----
* The series is the one in the files: a clone whose HEAD holds work that neither upstream nor the series has is refused.
* 3-way merging is for moving only, and whoever moves resolves the conflicts; nothing is exported here.
* The folder that is moved from stays as it was. The new one gets an UPSTREAM and no patch; `refresh` writes those.
* The clone's branches stay where they were: HEAD is detached.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from clones import Refused, borrowed, clean_head, commit_of, git, run
from series import BASE, Series, commits_between, name_of, put_on, upstream_name


@dataclass(frozen=True)
class Moved:
    """Where the series stands now: the folder for it, and the files that are in conflict."""

    folder: Path
    conflicts: list[str]


def move(series: Series, clone: Path, ref: str, name: str | None) -> Moved:
    """Rebase the series onto a version in the clone, and open the folder NAME (default: the version's tag) for it."""
    head = clean_head(clone)
    series.require_base(clone)
    if not (target := commit_of(clone, ref)):
        raise Refused(
            f"{clone} has no {ref}; name a commit that it has, or fetch a tag: "
            f"git -C {clone} fetch {series.repository} tag {ref}"
        )
    folder = series.folder.parent / folder_name(clone, ref, target, name)
    if folder.exists():
        raise Refused(f"{folder} is there already; remove it, or name another folder with --as")
    with borrowed(clone) as here:
        patched = put_on(here, series)
        git(clone, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(here), "HEAD")
    require_nothing_lost(clone, head, patched)
    conflicts = rebase(clone, target, series.commit, patched)
    git(clone, "update-ref", BASE, target)
    says = {"repository": series.repository, "tag": folder.name, "commit": target, "suffix": series.suffix}
    if commit_of(clone, f"refs/tags/{folder.name}") != target:
        says["branch"] = branch_of(clone, target)
    folder.mkdir()
    (folder / "UPSTREAM").write_text("".join(f"{key}: {value}\n" for key, value in says.items()))
    return Moved(folder, conflicts)


def folder_name(clone: Path, ref: str, target: str, name: str | None) -> str:
    """What the new folder is called: the release's tag."""
    tags = git(clone, "tag", "--points-at", target).splitlines()
    found = name or (ref if ref in tags else next(iter(tags), ""))
    if not re.fullmatch(r"v\d+\.\d+\.\d+", found):
        raise Refused(f"{ref} is no release's tag; say which release it is, or becomes part of: --as v15.0.9")
    return found


def branch_of(clone: Path, commit: str) -> str:
    """A remote branch that has the commit, without the remote's name."""
    return (upstream_name(clone, commit, "remotes") or "unknown/unknown").partition("/")[2]


def require_nothing_lost(clone: Path, head: str, patched: str) -> None:
    """Refuse a HEAD with commits that only it has: they would be left behind."""
    if head == patched or commits_between(clone, head, patched) is not None:
        return
    if git(clone, "rev-list", "--max-count=1", head, "--not", patched, "--tags", "--remotes"):
        raise Refused(
            f"{clone} is at {name_of(clone, head)} ({head}), which neither upstream nor the series has; "
            f"refresh the series first, or leave it: git -C {clone} checkout --detach {patched}"
        )


def rebase(clone: Path, target: str, base: str, patched: str) -> list[str]:
    """Rebase base..patched onto the target; the files in conflict, where it stopped."""
    words = ("--quiet", "--no-verify", "--no-gpg-sign", "--committer-date-is-author-date", "--empty=drop")
    done = run(clone, "rebase", *words, "--onto", target, base, patched)
    if done.returncode == 0:
        return []
    conflicts = git(clone, "diff", "--name-only", "--diff-filter=U").splitlines()
    if not conflicts:
        raise Refused(f"{clone}: git rebase failed: {(done.stderr or done.stdout).strip()}")
    return conflicts


def next_steps(moved: Moved, clone: Path, ref: str) -> list[str]:
    """What is to be done now, in order."""
    steps = []
    if moved.conflicts:
        steps.append(
            f"resolve {', '.join(moved.conflicts)}; then git -C {clone} add, and git -C {clone} rebase --continue"
        )
        steps.append("go on so until the rebase is done; to give up: git rebase --abort, and remove the new folder")
    steps.append(f"make each commit build and pass its tests on {ref}: git -C {clone} rebase -i refs/patches/base")
    steps.append(f"python3 scripts/patches --series {moved.folder} refresh {clone}")
    steps.append(
        f"say in {moved.folder / 'DIFFERENCES'} why a file differs (path: reason), in UPSTREAM what was tested"
    )
    steps.append(f"python3 scripts/patches check {clone} --go")
    return steps
