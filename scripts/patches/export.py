"""Write a series anew from the commits of a clone.

Rules
-----
* A commit that upstream has is never exported: whatever a tag or a remote branch reaches, and whatever lacks the
  trailers of a series.
* What is more often a mistake than meant (another count of patches, patches edited by hand) wants to be confirmed.
* All or nothing: no file is removed before all new ones are written.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from clones import Refused, borrowed, clean_head, commit_of, git, run
from series import BASE, TRAILERS, Patch, Series, put_on, upstream_name

EXPORT = (
    "format-patch",
    "--zero-commit",  # the commit id is the same for everybody
    "--no-signature",  # git's version at the end is not
    "--full-index",  # an abbreviation depends on how many objects the clone has
    "--no-stat",  # drawn for a terminal's width, and told by the diff anyway
    "--no-numbered",  # `[PATCH 2/4]` changes when a patch is added
    "--no-renames",  # a guess by likeness, which differs between versions of git
    "--diff-algorithm=myers",
)


def require_ours(clone: Path, base: str, head: str) -> None:
    """Refuse commits that upstream has: those that a tag or a remote branch reaches."""
    between = f"{base}..{head}"
    every = git(clone, "rev-list", between).split()
    ours = set(git(clone, "rev-list", between, "--not", "--tags", "--remotes").split())
    if theirs := [commit for commit in every if commit not in ours]:
        where = upstream_name(clone, theirs[0])
        raise Refused(
            f"{len(theirs)} of the {len(every)} commits above the base {base} in {clone} are upstream's "
            f"({theirs[0][:12]} is in {where}), and a series holds none of them; "
            f"to move the series to {where}: python3 scripts/patches move {clone} {where}"
        )


def without_trailers(patches: dict[str, bytes]) -> list[str]:
    """The names of the patches whose message does not end as that of a series' patch does."""
    last = {name: Patch(name, data).parts[1].rpartition("\n\n")[2] for name, data in patches.items()}
    return [n for n, text in last.items() if any(not re.search(rf"^{t}: \S", text, re.MULTILINE) for t in TRAILERS)]


def export(clone: Path, base: str, head: str) -> dict[str, bytes]:
    """The commits base..head as patches: file name to content. Refused if they cannot be a series."""
    with borrowed(clone) as here:
        between = f"{base}..{head}"
        if run(here, "merge-base", "--is-ancestor", base, head).returncode:
            raise Refused(f"HEAD of {clone} does not descend from the base; git -C {clone} rebase {base}")
        if merges := git(here, "rev-list", "--merges", between):
            raise Refused(f"{merges.splitlines()[0]} in {clone} is a merge, which no patch holds; rebase onto {base}")
        subjects = git(here, "log", "--format=%h %s", between).splitlines()
        if left := [subject for subject in subjects if re.match(r"\w+ (fixup|squash|amend)! ", subject)]:
            raise Refused(f"not squashed yet in {clone}: {left[0]}; git -C {clone} rebase -i --autosquash {base}")
        if not subjects:
            raise Refused(f"{clone} has no commit above the base {base}; commit, or apply the series first")
        out = here.parent / "out"
        git(here, *EXPORT, "--output-directory", str(out), between)
        found = {path.name: path.read_bytes() for path in sorted(out.iterdir())}
    if empty := [name for name, content in found.items() if b"\ndiff --git " not in content]:
        raise Refused(f"a commit in {clone} changes no file ({empty[0]}); drop it: git -C {clone} rebase -i {base}")
    return found


def refresh(series: Series, clone: Path, sure: bool = False) -> dict[str, str]:
    """Write the folder anew from the clone's commits; what became of each file. All is written, or nothing.

    Unless `sure`, refused where the count of patches changes or a patch was edited since it was exported."""
    head = clean_head(clone)
    series.require_base(clone)
    if (base := commit_of(clone, BASE) or series.commit) != series.commit:
        raise Refused(
            f"{BASE} in {clone} is {base}, but UPSTREAM names {series.commit} ({series.tag}); to move the series "
            f"there: python3 scripts/patches move {clone} {base}; if it is still the old one: "
            f"git -C {clone} update-ref {BASE} {series.commit}"
        )
    found = export(clone, base, head)
    require_ours(clone, base, head)
    if strangers := without_trailers(found):
        raise Refused(
            f"{len(strangers)} of the commits above the base in {clone} do not end in the trailers of a series "
            f"({', '.join(TRAILERS)}), the first is {strangers[0]}; "
            f"add them, or drop such commits: git -C {clone} rebase -i {base}"
        )
    if not sure:
        require_expected(series, clone, len(found))
    tree = git(clone, "rev-parse", f"{head}^{{tree}}")
    upstream = (series.folder / "UPSTREAM").read_text()
    if tree != series.patched_tree:
        kept = re.sub(r"^(?:patched-tree|tested):.*\n?", "", upstream, flags=re.MULTILINE)
        upstream = f"{kept}patched-tree: {tree}\n"
    found["series"] = "".join(f"{name}\n" for name in found).encode()
    found["UPSTREAM"] = upstream.encode()
    before = {path.name: path.read_bytes() for path in series.folder.iterdir() if path.is_file()}
    write(series.folder, found)
    git(clone, "update-ref", BASE, base)
    became = {name: "as it was" if before.get(name) == found[name] else "written" for name in found}
    return became | {name: "removed" for name in before.keys() - found.keys() if name.endswith(".patch")}


def require_expected(series: Series, clone: Path, count: int) -> None:
    """Refuse what is more often a mistake than meant: another count of patches, or one that was edited by hand."""
    there = sorted(path.name for path in series.folder.glob("*.patch"))
    if there and len(there) != count:
        raise Refused(
            f"{series.folder} has {len(there)} patches, and {clone} has {count} commits above the base; "
            "if that is meant: refresh --yes"
        )
    if not there or series.patched_tree is None or not (series.folder / "series").is_file():
        return
    with borrowed(clone) as here:
        try:
            put_on(here, series)
            edited = git(here, "rev-parse", "HEAD^{tree}") != series.patched_tree
        except Refused:
            edited = True
    if edited:
        raise Refused(
            f"the patches in {series.folder} were edited since they were exported: they do not end in UPSTREAM's tree; "
            "apply them to a clone and refresh from there, or write over them: refresh --yes"
        )


def write(folder: Path, files: dict[str, bytes]) -> None:
    """Put the files into the folder in place of the patches that are there, all at once: the folder is exchanged."""
    with tempfile.TemporaryDirectory(prefix=".refresh-", dir=folder.parent) as scratch:
        new, old = Path(scratch, "new"), Path(scratch, "old")
        shutil.copytree(folder, new, ignore=shutil.ignore_patterns("*.patch"))
        for name, content in files.items():
            (new / name).write_bytes(content)
        folder.rename(old)
        try:
            new.rename(folder)
        except BaseException:
            old.rename(folder)
            raise
