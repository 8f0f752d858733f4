#!/usr/bin/env python3
"""Keep the Go patch series: apply one to a clone of Forgejo, export it anew, move it, check it, try other versions.

    python3 scripts/patches apply DIR              put the series on top of the clone's HEAD
    python3 scripts/patches refresh DIR [--yes]    write the series anew from the clone's commits
    python3 scripts/patches move DIR REF           rebase the series onto another version, and open a folder for it
    python3 scripts/patches check [DIR] [--go]     is each series sound? without DIR: what the files alone can tell
    python3 scripts/patches report DIR [REF ...]   which patches another version has, takes, or has something in the way
                                                   of; with neither option: does the series apply?
                                                   --build: does it build? --test: do its tests pass, too?

Rules
-----
* Which series: the one that --series names; else the one whose base is the nearest ancestor of the clone's HEAD, but
  for `refresh` and `move` the one for the base that the clone's refs/patches/base says. `check` looks at all.
* What a series is, says series.py; that nobody's git settings count, clones.py.
* `apply` and `refresh` do everything or nothing; `check` and `report` change nothing.
* To change a series: `apply`; in the clone `git commit --fixup` and `git rebase -i --autosquash refs/patches/base`;
  `refresh`; `check`.
* Exit code 0: done, every check that was made is ok, every level that was asked for is reached; 1: refused, or not so,
  as where a move stops at a conflict; 2: usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import nullcontext
from pathlib import Path

from checks import Trial, check
from clones import Refused, borrowed, clean_head, commit_of, require_repository
from export import refresh
from move import move, next_steps
from report import report
from series import BASE, PATCHES, Series, all_series, apply, beyond, nearest


def parser() -> argparse.ArgumentParser:
    """The command's arguments."""
    told = argparse.ArgumentParser(
        prog="scripts/patches", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    told.add_argument("--series", type=Path, metavar="FOLDER", help="default: the nearest one in patches/")
    verbs = told.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name in ("apply", "refresh", "move", "check", "report"):
        verb = verbs.add_parser(name)
        optional = "?" if name == "check" else None
        verb.add_argument("dir", type=Path, nargs=optional, metavar="DIR", help="a clone of Forgejo")
        if name == "refresh":
            verb.add_argument("--yes", action="store_true", help="the count of patches may change, edited ones may go")
        if name == "move":
            verb.add_argument("ref", metavar="REF", help="a version that the clone has: a tag, a branch, a commit")
            verb.add_argument("--as", dest="name", metavar="TAG", help="its release; needed where REF is no tag")
        if name == "check":
            verb.add_argument("--go", action="store_true", help="also go build, go vet, unit tests and swagger-check")
        if name == "report":
            verb.description = (
                "Without --build and --test: does the series apply? The exit code is about that alone, then."
            )
            verb.add_argument("refs", nargs="*", default=["HEAD"], metavar="REF", help="a version; default: HEAD")
            levels = verb.add_mutually_exclusive_group()
            for option, level, what in (("--build", "builds", "build and vet"), ("--test", "tested", "build and test")):
                text = f"{what} the touched packages"
                levels.add_argument(option, dest="level", action="store_const", const=level, help=text)
            verb.set_defaults(level="applies")
    return told


def chosen(folder: Path | None, clone: Path, verb: str) -> Series:
    """The series for a clone: see the rules above."""
    if folder:
        return Series.read(folder)
    require_repository(clone)
    series = all_series(PATCHES)
    base = None if verb == "apply" else commit_of(clone, BASE)  # left over there, perhaps, from another version
    head = commit_of(clone, "HEAD")
    found = next((one for one in series if one.commit == base), None) or (
        nearest(series, clone, head) if head else None
    )
    if not found:
        bases = "; ".join(f"{one.tag}: {one.commit}" for one in series)
        raise Refused(
            f"{clone} is at {head}, which descends from no base of a series ({bases}); check one of them out, or fetch "
            f"the missing history: git -C {clone} fetch --unshallow {series[0].repository}"
        )
    return found


def checked(asked: argparse.Namespace) -> bool:
    """Check one series, or all; whether no check failed."""
    series = [Series.read(asked.series)] if asked.series else all_series(PATCHES)
    every = all_series(series[0].folder.parent)
    if asked.dir:
        require_repository(asked.dir)
        if not any(commit_of(asked.dir, one.commit) for one in series):
            series[-1].require_base(asked.dir)
    sound = True
    for one in series:
        if len(series) > 1:
            print(f"{one.folder.name}, for {one.commit}:")
        older = [other for other in every if other.version < one.version]
        with borrowed(asked.dir) if asked.dir else nullcontext() as here:
            sound &= check(Trial(one, older[-1] if older else None, here, asked.go))
    return sound


def do(asked: argparse.Namespace) -> bool:
    """Do what was asked for; whether all is well."""
    if asked.verb == "check":
        return checked(asked)
    if asked.verb == "report":
        series = [Series.read(asked.series)] if asked.series else all_series(PATCHES)
        return report(series, asked.dir, asked.refs, asked.level)
    one = chosen(asked.series, asked.dir, asked.verb)
    if asked.verb == "apply":
        head = clean_head(asked.dir)
        commit = apply(one, asked.dir)
        print(f"{asked.dir}: {len(one.names())} patches of {one.folder.name}, HEAD is {commit}, {BASE} is {head}")
        print("\n".join(beyond(one, asked.dir, head)))
    elif asked.verb == "refresh":
        for name, became in sorted(refresh(one, asked.dir, asked.yes).items()):
            print(f"{name}: {became}")
    else:
        moved = move(one, asked.dir, asked.ref, asked.name)
        became = "stopped at a conflict on its way" if moved.conflicts else "was moved"
        print(f"{asked.dir}: {one.folder.name} {became} to {asked.ref}; next:")
        for number, step in enumerate(next_steps(moved, asked.dir, asked.ref), 1):
            print(f"  {number}. {step}")
        return not moved.conflicts
    return True


def main() -> int:
    """The command; its exit code."""
    asked = parser().parse_args()
    try:
        return 0 if do(asked) else 1
    except Refused as reason:
        print(f"scripts/patches: {reason}", file=sys.stderr)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: no word about it at the exit
    except OSError as error:
        print(f"scripts/patches: {error.filename}: {error.strerror}", file=sys.stderr)
    except KeyboardInterrupt:
        print("scripts/patches: interrupted", file=sys.stderr)
        return 130
    return 1


if __name__ == "__main__":
    sys.exit(main())
