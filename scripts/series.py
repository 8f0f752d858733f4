"""A series of patches for one commit of another project: what it says, how it is applied, how it is exported.

Rules
-----
* A folder holds the patches, `series` (their names in order) and `UPSTREAM`: the repository, tag and commit that they
  are for, the suffix that names what is built from them, and the tree that they end in (which `refresh` writes).
* Nobody's settings count: git runs with no configuration of user or system, and patches are applied and exported in a
  repository of our own that only borrows the clone's objects. So two people get the same bytes and the same commit ids.
* No fuzz, no 3-way merge: a patch applies as it stands, or it is refused with the files that are in its way.
* All or nothing: a clone or a folder that is refused stays as it was.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "patches/v15.0.2"
BASE = "refs/patches/base"  # set in the clone, for `git rebase -i --autosquash refs/patches/base`

ISOLATED = {
    # HOME and XDG_CONFIG_HOME, because a user's git/attributes and git/ignore are read whatever GIT_CONFIG_GLOBAL says.
    **dict.fromkeys(("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "HOME", "XDG_CONFIG_HOME"), os.devnull),
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_COMMITTER_NAME": "scripts/patches",
    "GIT_COMMITTER_EMAIL": "patches@localhost",
    "LC_ALL": "C",
}
# What a clone's own settings could still start while we read it or move its HEAD.
QUIET = ("core.hooksPath=/dev/null", "core.fsmonitor=false", "gc.auto=0", "maintenance.auto=false")

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


class Refused(Exception):
    """What happened, to which object, and what to do next: a text for a person."""


# --- git


def run(where: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run git in the repository whose top folder is `where`, never in one that lies above it."""
    settings = [word for setting in QUIET for word in ("-c", setting)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment |= ISOLATED | {"GIT_CEILING_DIRECTORIES": str(where.resolve().parent)}
    try:
        return subprocess.run(
            ["git", *settings, *words], cwd=where, env=environment, capture_output=True, text=True, errors="replace"
        )
    except FileNotFoundError as missing:
        if missing.filename == "git":
            raise Refused("git is needed, and there is none on the PATH; install it") from None
        raise


def git(where: Path, *words: str) -> str:
    """What git prints; Refused with git's words if it fails."""
    done = run(where, *words)
    if done.returncode:
        raise Refused(f"{where}: git {words[0]} failed: {done.stderr.strip() or 'it does not say why'}")
    return done.stdout.strip()


def commit_of(clone: Path, name: str) -> str | None:
    """The id of the commit that a name stands for in the clone."""
    done = run(clone, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return done.stdout.strip() if done.returncode == 0 else None


def require_repository(clone: Path) -> None:
    if not clone.is_dir():
        raise Refused(f"{clone} is no folder; name a clone of Forgejo")
    if (done := run(clone, "rev-parse", "--git-dir")).returncode:
        said = done.stderr.strip().splitlines()[0]
        raise Refused(f"{clone} is no git repository that can be read ({said}); name a clone of Forgejo of your own")


def clean_head(clone: Path) -> str:
    """The id of HEAD in a clone where no change and no operation is under way."""
    require_repository(clone)
    if changed := git(clone, "status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none"):
        first = changed.splitlines()[0].split(maxsplit=1)[1]
        raise Refused(f"the work tree of {clone} is not clean ({first}); commit or remove what has changed")
    for name in ("rebase-merge", "rebase-apply"):
        if (clone / git(clone, "rev-parse", "--git-path", name)).exists():
            raise Refused(f"a rebase or am is under way in {clone}; finish it, or abort it")
    if not (head := commit_of(clone, "HEAD")):
        raise Refused(f"{clone} has no commit; name a clone of Forgejo")
    return head


@contextmanager
def borrowed(clone: Path) -> Iterator[Path]:
    """A new repository that reads the clone's objects: none of the clone's settings hold in it, and all that is
    written stays in it. It is gone at the end."""
    with tempfile.TemporaryDirectory(prefix="patches-") as scratch:
        here = Path(scratch).resolve() / "forgejo"
        git(here.parent, "init", "--quiet", "--template=", str(here))
        objects = clone.resolve() / git(clone, "rev-parse", "--git-path", "objects")
        alternates = here / ".git/objects/info/alternates"
        alternates.parent.mkdir(exist_ok=True)
        alternates.write_text(f"{objects}\n")
        shallow = clone.resolve() / git(clone, "rev-parse", "--git-path", "shallow")
        if shallow.exists():
            shutil.copyfile(shallow, here / ".git/shallow")
        yield here


# --- the series


@dataclass(frozen=True)
class Series:
    """A folder with patches, and what its UPSTREAM says: see the rules above."""

    folder: Path
    repository: str
    tag: str
    commit: str
    suffix: str
    patched_tree: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Series:
        path = folder / "UPSTREAM"
        if not path.is_file():
            raise Refused(f"{path} is not there; name the folder of a series with --series")
        pairs = (line.partition(":") for line in path.read_text().splitlines())
        found = {key.strip().replace("-", "_"): value.strip() for key, _, value in pairs}
        try:
            series = cls(folder.resolve(), **found)
        except TypeError:
            keys = "repository, tag, commit, suffix, patched-tree"
            raise Refused(
                f"{path} must have a line 'key: value' for each of: {keys}; it has: {', '.join(found)}"
            ) from None
        for key in filter(None, (series.commit, series.patched_tree)):
            if not re.fullmatch("[0-9a-f]{40}", key):
                raise Refused(f"{path}: {key!r} is no id of 40 hexadecimal digits; write the full one")
        return series

    @property
    def release(self) -> str:
        """What the tag with all patches is called: `15.0.2-joblogs.1`."""
        return f"{self.tag.removeprefix('v')}-{self.suffix}"

    def names(self) -> list[str]:
        """The patches' file names, in order."""
        path = self.folder / "series"
        if not path.is_file():
            raise Refused(f"{path} is not there; scripts/patches refresh DIR writes it from the commits of a clone")
        return path.read_text().splitlines()

    def paths(self) -> list[Path]:
        paths = [self.folder / name for name in self.names()]
        if missing := [path for path in paths if not path.is_file()]:
            raise Refused(f"{missing[0]} is in `series`, but there is no such file; scripts/patches check says more")
        return paths

    def patches(self) -> list[Patch]:
        return [Patch(path.name, path.read_bytes()) for path in self.paths()]

    def require_base(self, clone: Path) -> None:
        """Refuse a clone that lacks the base commit."""
        if not commit_of(clone, self.commit):
            fetch = f"git -C {clone} fetch {self.repository} tag {self.tag}"
            raise Refused(f"{clone} has no commit {self.commit} ({self.tag}); get it: {fetch}")


@dataclass(frozen=True)
class Change:
    """What a patch does to one file."""

    path: str
    new: bool
    added: list[str]
    removed: list[str]


@dataclass(frozen=True)
class Patch:
    """A patch as `git format-patch` writes it."""

    name: str
    data: bytes

    @property
    def parts(self) -> tuple[bytes, str, str]:
        """Its mail headers, its message without the subject, its diff."""
        head, _, rest = self.data.partition(b"\n\n")
        message, mark, diff = f"\n{rest.decode(errors='replace')}".partition("\ndiff --git ")
        return head, message.strip(), mark + diff

    @property
    def changes(self) -> list[Change]:
        changes = []
        for text in self.parts[2].split("\ndiff --git ")[1:]:
            head, _, hunks = text.partition("\n@@ ")
            named = re.match(r"a/(.+) b/\1(?:\n|$)", head)
            path = named[1] if named else head.partition("\n")[0]
            # Below the first @@ every line begins with a sign, so that no header is taken for an added line.
            lines = hunks.split("\n")
            added, removed = ([line[1:] for line in lines if line.startswith(sign)] for sign in "+-")
            changes.append(Change(path, "\nnew file mode " in head, added, removed))
        return changes


def in_the_way(said: str) -> str:
    """The files that a failed `git apply` or `git am` names, or what else it says."""
    errors = [line for line in said.splitlines() if line.startswith(("error: ", "fatal: "))]
    reasons = r"error: (.+): (?:patch does not apply|does not|already exists|No such file|wrong type|has type)"
    files = [found[1] for line in errors if (found := re.match(reasons, line))]
    return ", ".join(dict.fromkeys(files)) or "; ".join(errors) or said.strip()


# --- apply and refresh


def put_on(here: Path, series: Series) -> str:
    """Apply the series to its base in a borrowed repository; the id of the last commit."""
    git(here, "checkout", "--quiet", "--detach", series.commit)
    for path in series.paths():
        done = run(here, "am", "--quiet", "--no-3way", "--committer-date-is-author-date", str(path))
        if done.returncode:
            obstacle = in_the_way(done.stderr + done.stdout)
            raise Refused(f"{path.name} does not apply to {series.tag}; in its way: {obstacle}")
    return git(here, "rev-parse", "HEAD")


def apply(series: Series, clone: Path) -> str:
    """Put the series on top of a clone's HEAD; the id of the last commit. A clone that is refused stays as it was."""
    head = clean_head(clone)
    series.require_base(clone)
    if head != series.commit:
        at = git(clone, "describe", "--tags", "--always", head)
        raise Refused(
            f"{clone} is at {at} ({head}), the series is for {series.tag} ({series.commit}); "
            f"go there: git -C {clone} checkout {series.commit}"
        )
    with borrowed(clone) as here:
        commit = put_on(here, series)
        git(clone, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(here), "HEAD")
    git(clone, "merge", "--quiet", "--ff-only", "--no-stat", "--no-verify-signatures", "--no-overwrite-ignore", commit)
    git(clone, "update-ref", BASE, series.commit)
    return commit


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


def refresh(series: Series, clone: Path) -> dict[str, str]:
    """Write the folder anew from the clone's commits; what became of each file. All is written, or nothing."""
    head = clean_head(clone)
    series.require_base(clone)
    if (base := commit_of(clone, BASE) or series.commit) != series.commit:
        raise Refused(
            f"{BASE} in {clone} is {base}, but UPSTREAM names {series.commit} ({series.tag}); "
            f"if the series was moved there: git -C {clone} update-ref {BASE} {series.commit}"
        )
    found = export(clone, base, head)
    upstream = re.sub(r"^patched-tree:.*\n?", "", (series.folder / "UPSTREAM").read_text(), flags=re.MULTILINE)
    found["series"] = "".join(f"{name}\n" for name in found).encode()
    found["UPSTREAM"] = f"{upstream}patched-tree: {git(clone, 'rev-parse', f'{head}^{{tree}}')}\n".encode()
    before = {path.name: path.read_bytes() for path in series.folder.iterdir() if path.is_file()}
    write(series.folder, found)
    git(clone, "update-ref", BASE, base)
    became = {name: "as it was" if before.get(name) == found[name] else "written" for name in found}
    return became | {name: "removed" for name in before.keys() - found.keys() if name.endswith(".patch")}


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
