"""Git in somebody's clone, in a way that nobody's settings change and that changes nothing by accident.

Rules
-----
* Git runs with no configuration of user or system, and never in a repository that lies above the named one.
* Whatever is only tried is tried in a repository of our own that borrows the clone's objects.
* What cannot be done is `Refused`, with git's own words where it has any.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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


class Refused(Exception):
    """What happened, to which object, and what to do next: a text for a person."""


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
    """Refused, unless this is a git repository that can be read."""
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
