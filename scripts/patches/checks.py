"""Is a series sound? The checks, in order.

Rules
-----
* They stop at the first that fails. What cannot be checked here is said, and never called ok.
* They change nothing in a clone: it is tried in a repository that borrows its objects.
"""

from __future__ import annotations

import email
import email.policy
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clones import Refused, commit_of, git
from export import export
from go import build, packages, swagger_check, unit_tests
from series import TRAILERS, Patch, Series, put_on

COPYRIGHT = re.compile(
    r"// Copyright \d{4} The Forgejo Authors\b.*\n// SPDX-License-Identifier: GPL-3\.0-or-later"
)  # the first two lines of a Go file that is new to Forgejo
REASONS = (
    "DIFFERENCES"  # in a series' folder: `path: reason`, a line for each file that differs from the series before it
)


class NotRun(Exception):
    """Why a check was not made."""


@dataclass(frozen=True)
class Trial:
    """What the checks look at: the series, the one for the base before it, and, where a clone was named, a repository
    that borrows its objects."""

    series: Series
    older: Series | None
    borrowed: Path | None
    go: bool

    @property
    def here(self) -> Path:
        """The clone to work in; NotRun if none was named, or it lacks the base."""
        if not self.borrowed:
            raise NotRun("name a clone of Forgejo: python3 scripts/patches check DIR")
        if not commit_of(self.borrowed, self.series.commit):
            raise NotRun(f"the clone lacks the base {self.series.commit} ({self.series.tag})")
        return self.borrowed

    def with_go(self, ask: Callable[[Series, Path], None]) -> list[str]:
        """Run one of Go's verbs on the packages that the series touches; NotRun where that was not asked for."""
        here = self.here
        if not self.go:
            raise NotRun("slow, and Go's module proxy is needed; ask with --go")
        if not packages(self.series, here):
            raise NotRun("the series touches no such package")
        ask(self.series, here)
        return []


def files_agree(trial: Trial) -> list[str]:
    """Do `series` and the folder name the same patches, each once and numbered in order?"""
    names = trial.series.names()
    there = {path.name for path in trial.series.folder.glob("*.patch")}
    faults = [f"{name} is in `series` twice; delete a line" for name in sorted(set(names)) if names.count(name) > 1]
    faults += [f"{name} is in `series`, but there is no such file" for name in names if name not in there]
    faults += [f"{name} is not in `series`; add it, or remove the file" for name in sorted(there.difference(names))]
    for number, name in enumerate(names, 1):
        if not re.fullmatch(rf"{number:04}-[\w.-]+\.patch", name):
            faults.append(
                f"{name} stands at place {number}, so its name must begin with {number:04}-; refresh the series"
            )
    return faults or ([] if names else ["`series` names no patch"])


def headers_complete(trial: Trial) -> list[str]:
    """Has each patch a message and Go code as the rules want them?"""
    faults = []
    for patch in trial.series.patches():
        faults += [f"{patch.name}: {fault}" for fault in (*message_faults(patch), *go_faults(patch))]
    return faults


def message_faults(patch: Patch) -> Iterator[str]:
    """What is missing in a patch's mail headers and message."""
    head, message, diff = patch.parts
    mail = email.message_from_bytes(head, policy=email.policy.default)
    for name in ("From", "Date", "Subject"):
        if not mail.get(name):
            yield f"it has no header {name}"
    subject = str(mail.get("Subject", ""))
    if not re.fullmatch(r"\[PATCH\] [a-z]+\([^()]+\)!?: \S.*", subject):
        yield f"its subject {subject!r} is not `[PATCH] type(scope): what it does`"
    why, _, last = message.rpartition("\n\n")
    if not why:
        yield "its message has no paragraph that says why, above its trailers"
    for name in TRAILERS:
        if len(re.findall(rf"^{name}: \S", last, re.MULTILINE)) != 1:
            yield f"the last paragraph of its message must have one line `{name}: ...`"
    if not diff:
        yield "it has no diff"


def go_faults(patch: Patch) -> Iterator[str]:
    """What a patch must not bring into Forgejo's Go files."""
    if b"\r\n" in patch.data:
        yield "it has a line that ends in CR LF"
    for change in patch.changes:
        if not change.path.endswith(".go"):
            continue
        if change.new and not COPYRIGHT.fullmatch("\n".join(change.added[:2])):
            yield f"{change.path} must begin with Forgejo's copyright and SPDX-License-Identifier: GPL-3.0-or-later"
        if spaced := [line for line in change.added if line != line.rstrip()]:
            yield f"{change.path} gets white space at the end of a line: {spaced[0]!r}"


def formatted(trial: Trial) -> list[str]:
    """After each patch, the Go files that the series has added so far."""
    if not shutil.which("gofmt"):
        raise NotRun("no gofmt on the PATH")
    added: list[str] = []
    with tempfile.TemporaryDirectory(prefix="patches-") as scratch:
        here = Path(scratch)
        for path, patch in zip(trial.series.paths(), trial.series.patches(), strict=True):
            added += [change.path for change in patch.changes if change.new and change.path.endswith(".go")]
            if not added:
                continue
            git(here, "apply", *(f"--include={name}" for name in added), str(path))
            files = [name for name in added if (here / name).exists()]
            done = subprocess.run(["gofmt", "-l", "-e", *files], cwd=here, capture_output=True, text=True)
            unlike = [f"{name} is not as gofmt writes it" for name in done.stdout.splitlines()]
            if faults := done.stderr.splitlines() or unlike:
                return [f"{patch.name}: {fault}" for fault in faults]
    return []


def applies(trial: Trial) -> list[str]:
    """Does the series apply to its base?"""
    put_on(trial.here, trial.series)
    return []


def same_tree(trial: Trial) -> list[str]:
    """Does it end in the tree that UPSTREAM names?"""
    tree, wanted = git(trial.here, "rev-parse", "HEAD^{tree}"), trial.series.patched_tree
    return [] if tree == wanted else [f"it is {tree}, but UPSTREAM says {wanted}; refresh the series"]


def same_files(trial: Trial) -> list[str]:
    """Would an export write the same bytes?"""
    found = export(trial.here, trial.series.commit, git(trial.here, "rev-parse", "HEAD"))
    files = {patch.name: patch.data for patch in trial.series.patches()}
    different = sorted(name for name in found.keys() | files.keys() if found.get(name) != files.get(name))
    return [f"{name} is not what an export writes; apply the series, then refresh it" for name in different]


# --- against the series before it


def content(series: Series) -> dict[str, str]:
    """What a series brings to each file, and says in each message, without what only tells where a hunk stands."""
    found: dict[str, str] = {}
    for number, patch in enumerate(series.patches(), 1):
        found[f"message of patch {number}"] = patch.parts[1]
        for change in patch.changes:
            lines = (*(f"-{line}" for line in change.removed), *(f"+{line}" for line in change.added))
            found[change.path] = "\n".join((found.get(change.path, ""), f"patch {number}", *lines))
    return found


def reasons(series: Series) -> dict[str, str]:
    """The files of DIFFERENCES, each with its reason."""
    path = series.folder / REASONS
    lines = path.read_text().splitlines() if path.is_file() else []
    pairs = (line.partition(": ") for line in lines if line.strip() and not line.startswith("#"))
    return {name.strip(): reason.strip() for name, _, reason in pairs}


def differences(trial: Trial) -> Iterator[tuple[str, str]]:
    """What differs from the series for the base before it, each with its reason, if it has one."""
    if not trial.older:
        raise NotRun("no series is for an older base")
    ours, theirs, why = content(trial.series), content(trial.older), reasons(trial.series)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            yield name, why.get(name, "")


def differences_have_reasons(trial: Trial) -> list[str]:
    """Has each file that differs from the older series' a reason, and no other file one?"""
    found = dict(differences(trial))
    before = trial.older.folder.name if trial.older else ""
    faults = [f"{name} differs from {before}'s, and {REASONS} does not say why" for name in found if not found[name]]
    stale = sorted(reasons(trial.series).keys() - found.keys())
    return faults + [f"{name} is in {REASONS}, but is the same in {before}; remove the line" for name in stale]


CHECKS: dict[str, Callable[[Trial], list[str]]] = {
    "`series` and files agree": files_agree,
    "headers are complete": headers_complete,
    "what differs from the series before it has a reason": differences_have_reasons,
    "new Go files are as gofmt writes them": formatted,
    "the series applies, no fuzz, no 3-way": applies,
    "the patched tree is UPSTREAM's": same_tree,
    "a new export equals the files": same_files,
    "go build and go vet of the touched packages": lambda trial: trial.with_go(build),
    "unit tests of the touched packages": lambda trial: trial.with_go(unit_tests),
    "Forgejo's swagger-check": lambda trial: trial.with_go(swagger_check),
}

TELLING = (differences_have_reasons,)  # these tell what they found where it is no fault, too


def check(trial: Trial) -> bool:
    """Make the checks in order up to the first that fails, print a line for each; whether none failed."""
    failed = False
    for name, find_faults in CHECKS.items():
        try:
            if failed:
                raise NotRun("a check before it failed")
            faults = find_faults(trial)
        except NotRun as reason:
            print(f"{name}: not run: {reason}", flush=True)
            continue
        except Refused as reason:
            faults = [str(reason)]
        failed = bool(faults)
        print(f"{name}: {'FAILED' if failed else 'ok'}", flush=True)
        told = [f"{path}: {reason}" for path, reason in differences(trial)] if find_faults in TELLING else []
        for line in "\n".join(faults or told).splitlines():
            print(f"  {line}", flush=True)
    return not failed
