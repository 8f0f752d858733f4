"""A series of patches for one commit of another project: what it says, which one a version takes, how it is applied.

Rules
-----
* A folder holds the patches, `series` (their names in order) and `UPSTREAM`: the repository, the tag and commit that
  they are for (the base), the suffix that names what is built from them, the tree that they end in (which `refresh`
  writes), and what was tested of that tree (which `refresh` removes when the tree changes). Where `UPSTREAM` names a
  branch, the base is a commit of that branch, and the tag is the first release that has it.
* Each folder in patches/ is a series for a base of its own. A version takes the one whose base is its nearest ancestor.
* Two people get the same bytes and the same commit ids (clones.py).
* No fuzz, no 3-way merge: a patch applies as it stands, or it is refused with the files that are in its way.
* All or nothing: a clone or a folder that is refused stays as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from clones import Refused, borrowed, clean_head, commit_of, git, run

PATCHES = Path(__file__).resolve().parents[2] / "patches"
TRAILERS = ("Forwarded", "Applied-Upstream", "Drop-when")  # what the last paragraph of each message must have
BASE = "refs/patches/base"  # set in the clone, for `git rebase -i --autosquash refs/patches/base`

# --- the series


@dataclass(frozen=True)
class Series:
    """A folder with patches, and what its UPSTREAM says: see the rules above."""

    folder: Path
    repository: str
    tag: str
    commit: str
    suffix: str
    branch: str | None = None
    patched_tree: str | None = None
    tested: str | None = None

    @classmethod
    def read(cls, folder: Path) -> Series:
        """The series of a folder; Refused if its UPSTREAM is missing or does not say what it must."""
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
    def version(self) -> tuple[int, ...]:
        """The numbers of the tag, in which series are ordered."""
        return tuple(map(int, re.findall(r"\d+", self.tag)))

    @property
    def release(self) -> str:
        """What the tag with all patches is called: `15.0.2-joblogs.1`."""
        return f"{self.tag.removeprefix('v')}-{self.suffix}"

    def names(self) -> list[str]:
        """The patches' file names, in order."""
        path = self.folder / "series"
        if not path.is_file():
            raise Refused(
                f"{path} is not there; python3 scripts/patches refresh DIR writes it from the commits of a clone"
            )
        return path.read_text().splitlines()

    def paths(self) -> list[Path]:
        """The patches in order; Refused if there is none or one is missing."""
        paths = [self.folder / name for name in self.names()]
        if not paths:
            raise Refused(f"{self.folder / 'series'} names no patch; python3 scripts/patches refresh DIR writes it")
        if missing := [path for path in paths if not path.is_file()]:
            raise Refused(
                f"{missing[0]} is in `series`, but there is no such file; python3 scripts/patches check says more"
            )
        return paths

    def patches(self) -> list[Patch]:
        """The patches in order, with their bytes."""
        return [Patch(path.name, path.read_bytes()) for path in self.paths()]

    def require_base(self, clone: Path) -> None:
        """Refuse a clone that lacks the base commit."""
        if not commit_of(clone, self.commit):
            fetch = f"git -C {clone} fetch {self.repository} {self.branch or f'tag {self.tag}'}"
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
        """What it does to each file."""
        changes = []
        for text in self.parts[2].split("\ndiff --git ")[1:]:
            head, _, hunks = text.partition("\n@@ ")
            named = re.match(r"a/(.+) b/\1(?:\n|$)", head)
            path = named[1] if named else head.partition("\n")[0]
            # Below the first @@ every line begins with a sign, so that no header is taken for an added line.
            lines = hunks.split("\n")[1:]
            added, removed = ([line[1:] for line in lines if line.startswith(sign)] for sign in "+-")
            changes.append(Change(path, "\nnew file mode " in head, added, removed))
        return changes


def in_the_way(said: str) -> str:
    """The files that a failed `git apply` or `git am` names, or what else it says."""
    errors = [line for line in said.splitlines() if line.startswith(("error: ", "fatal: "))]
    reasons = r"error: (.+): (?:patch does not apply|does not|already exists|No such file|wrong type|has type)"
    files = [found[1] for line in errors if (found := re.match(reasons, line))]
    return ", ".join(dict.fromkeys(files)) or "; ".join(errors) or said.strip()


# --- which series


def all_series(folder: Path) -> list[Series]:
    """Every series in a folder, oldest base first."""
    found = [Series.read(path.parent) for path in folder.glob("*/UPSTREAM")]
    if not found:
        raise Refused(f"{folder} holds no series; name the folder of one with --series")
    return sorted(found, key=lambda series: series.version)


def commits_between(clone: Path, base: str, head: str) -> int | None:
    """How many commits a version is after a base; None if the base is no ancestor of it, or not in the clone."""
    if not commit_of(clone, base) or run(clone, "merge-base", "--is-ancestor", base, head).returncode:
        return None
    return int(git(clone, "rev-list", "--count", f"{base}..{head}"))


def nearest(series: list[Series], clone: Path, head: str) -> Series | None:
    """The series whose base is the nearest ancestor of a version."""
    far = {one: commits_between(clone, one.commit, head) for one in series}
    return min((one for one in series if far[one] is not None), key=lambda one: far[one] or 0, default=None)


def name_of(clone: Path, commit: str) -> str:
    """A commit by the tag nearest to it."""
    return git(clone, "describe", "--tags", "--always", commit)


def upstream_name(clone: Path, commit: str, *kinds: str) -> str | None:
    """The first tag that has a commit, or else a remote branch, without `refs/tags/` or `refs/remotes/`."""
    for kind in kinds or ("tags", "remotes"):
        words = ("for-each-ref", "--sort=version:refname", "--format=%(refname:lstrip=2)", f"--contains={commit}")
        names = git(clone, *words, f"refs/{kind}").splitlines()
        if found := [name for name in names if not name.endswith("/HEAD")]:
            return found[0]
    return None


def beyond(series: Series, clone: Path, head: str) -> list[str]:
    """How far a version is from what the series was tested on, in sentences."""
    said = [f"tested on {series.commit[:12]}: {series.tested or 'nothing that UPSTREAM tells'}"]
    if not (far := commits_between(clone, series.commit, head)):
        return said
    changes = [change for patch in series.patches() for change in patch.changes]
    old = sorted({change.path for change in changes} - {change.path for change in changes if change.new})
    changed = git(clone, "diff", "--name-only", "--no-renames", series.commit, head, "--", *old).splitlines()
    said.append(
        f"not tested: what came since ({far} commits, to {name_of(clone, head)}); of the {len(old)} files that the "
        f"series changes it changed {len(changed)}{': ' * bool(changed)}{', '.join(changed)}"
    )
    return said


# --- apply


def put_on(here: Path, series: Series, onto: str | None = None) -> str:
    """Apply the series to a commit (default: its base) in a borrowed repository; the id of the last commit."""
    git(here, "checkout", "--quiet", "--detach", onto or series.commit)
    for path in series.paths():
        done = run(here, "am", "--quiet", "--no-3way", "--committer-date-is-author-date", str(path))
        if done.returncode:
            obstacle = in_the_way(done.stderr + done.stdout)
            where = f"{onto}, which is not the base of {series.tag}" if onto else series.tag
            moved = f"; to move the series there: python3 scripts/patches move DIR {onto}" if onto else ""
            raise Refused(f"{path.name} does not apply to {where}; in its way: {obstacle}{moved}")
    return git(here, "rev-parse", "HEAD")


def apply(series: Series, clone: Path) -> str:
    """Put the series on top of a clone's HEAD; the id of the last commit. A clone that is refused stays as it was."""
    head = clean_head(clone)
    series.require_base(clone)
    if commits_between(clone, series.commit, head) is None:
        raise Refused(
            f"{clone} is at {name_of(clone, head)} ({head}), which does not descend from {series.commit}, what the "
            f"series is for ({series.tag}); go to it: git -C {clone} checkout {series.commit}"
        )
    with borrowed(clone) as here:
        git(here, "read-tree", head)
        if run(here, "apply", "--cached", "--check", "--reverse", str(series.paths()[-1])).returncode == 0:
            raise Refused(f"{clone} is at {name_of(clone, head)} ({head}), which has the series already")
        commit = put_on(here, series, None if head == series.commit else head)
        git(clone, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(here), "HEAD")
    git(clone, "merge", "--quiet", "--ff-only", "--no-stat", "--no-verify-signatures", "--no-overwrite-ignore", commit)
    git(clone, "update-ref", BASE, head)
    return commit
