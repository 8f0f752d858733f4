"""What becomes of a series on other versions of its project, and how far that was looked at.

Rules
-----
* Nothing is judged: a patch is obsolete where upstream has every operation that it adds.
* A level is reached only by what was run: *applies*, *builds* (go build and go vet of the touched packages), *tested*
  (their unit tests). What was not asked for, or could not be run, was not reached.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from clones import Refused, borrowed, commit_of, git, require_repository, run
from go import SWAGGER, build, unit_tests
from series import Patch, Series, commits_between, in_the_way, nearest


def operation(method: str, path: str) -> str:
    """An operation by its method and path; what a parameter is called makes no difference."""
    return f"{method.upper()} {re.sub('{[^}]*}', '{}', path)}"


def operations(here: Path, commit: str) -> set[str]:
    """The operations in a version's swagger template, which is JSON once the template's own expressions are gone."""
    text = re.sub(r"\{\{.*?\}\}", "", git(here, "show", f"{commit}:{SWAGGER}"))
    try:
        return {operation(method, path) for path, item in json.loads(text)["paths"].items() for method in item}
    except (ValueError, KeyError, AttributeError, TypeError):
        raise Refused(f"its {SWAGGER} is not understood") from None


def added_operations(patch: Patch) -> dict[str, str]:
    """The operations that a patch adds: as they are compared, and as they are written."""

    def named(lines: list[str]) -> dict[str, str]:
        found = re.findall(r"^\s*// swagger:operation +(\S+) +(\S+)", "\n".join(lines), re.MULTILINE)
        return {operation(method, path): f"{method} {path}" for method, path in found}

    added = named([line for change in patch.changes for line in change.added])
    removed = named([line for change in patch.changes for line in change.removed])
    return {key: name for key, name in added.items() if key not in removed}


@dataclass(frozen=True)
class Verdict:
    """What becomes of one patch on a version."""

    words: str
    fits: bool
    obsolete: bool = False


def verdicts(series: Series, here: Path, commit: str) -> Iterator[Verdict]:
    """The patches in order, each on top of those before it that apply. They stay applied in the index."""
    there: set[str] = set()
    try:
        there = operations(here, commit)
    except Refused as reason:
        yield Verdict(f"no patch can be told to be obsolete here: {reason}", True)
    git(here, "read-tree", commit)
    for path, patch in zip(series.paths(), series.patches(), strict=True):
        added = added_operations(patch)
        if added and there.issuperset(added):
            yield Verdict(f"{patch.name}: obsolete here: upstream has {', '.join(added.values())}", True, True)
        elif (done := run(here, "apply", "--cached", str(path))).returncode:
            yield Verdict(f"{patch.name}: stands in its way: {in_the_way(done.stderr)}", False)
        else:
            yield Verdict(f"{patch.name}: applies", True)


def check_out(here: Path, commit: str) -> None:
    """Put what the index holds into the work tree, and nothing else; HEAD is the version."""
    git(here, "update-ref", "HEAD", commit)
    git(here, "checkout-index", "--all", "--force")
    git(here, "clean", "--quiet", "--force", "-d", "-x")


LEVELS: dict[str, Callable[[Series, Path], None]] = {"builds": build, "tested": unit_tests}


def level(series: Series, here: Path, commit: str, wanted: str) -> str:
    """The level that a version reaches, of those up to the wanted one; prints why it does not reach the next."""
    found = []
    for verdict in verdicts(series, here, commit):
        found.append(verdict)
        print(f"  {verdict.words}", flush=True)
    if not all(verdict.fits for verdict in found):
        return "nothing"
    if any(verdict.obsolete for verdict in found) and wanted != "applies":
        print(
            "  with a patch that is obsolete the series is another one; move it: python3 scripts/patches move",
            flush=True,
        )
        return "applies"
    reached = "applies"
    for name, ask in LEVELS.items():
        if reached == wanted:
            break
        try:
            if reached == "applies":
                check_out(here, commit)
            ask(series, here)
        except Refused as reason:
            print("\n".join(f"  not {name}: {line}" for line in str(reason).splitlines()), flush=True)
            break
        reached = name
    return reached


def report(series: list[Series], clone: Path, refs: list[str], wanted: str) -> bool:
    """Print the verdicts on each version that a clone has under a name; whether each reaches the wanted level.

    A version takes the series whose base is its nearest ancestor; one without such is tried with the newest."""
    require_repository(clone)
    commits = {ref: commit_of(clone, ref) for ref in refs}
    if missing := [ref for ref, commit in commits.items() if not commit]:
        fetch = f"git -C {clone} fetch {series[-1].repository} tag {missing[0]}"
        raise Refused(f"{clone} has no {missing[0]}; name a commit that it has, or fetch a tag: {fetch}")
    reached = []
    with borrowed(clone) as here:
        for ref, commit in commits.items():
            assert commit is not None
            one = nearest(series, clone, commit) or series[-1]
            far = commits_between(clone, one.commit, commit)
            where = "no ancestor of it" if far is None else f"{far} commits before it" if far else "itself"
            print(f"{ref} ({commit})\n  series {one.folder.name}, its base is {where}")
            reached.append(level(one, here, commit, wanted))
            print(f"  reached: {reached[-1]}", flush=True)
    return wanted == "applies" or all(one == wanted for one in reached)
