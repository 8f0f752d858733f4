"""What Go says of a tree that a series was put on: does it build, do its tests pass.

Rules
-----
* Only the packages that the series touches are looked at; what depends on them is the business of the whole build.
* Forgejo's own verbs where it has one (`make test-backend`, `make swagger-check`).
* The user's environment holds (GOFLAGS, GOPROXY), git's variables in it do not.
* A tool that fails is `Refused` with the end of what it says.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from clones import Refused
from series import Series

SWAGGER = "templates/swagger/v1_json.tmpl"
SHOWN = 20  # lines of a failed tool's output


def packages(series: Series, here: Path, without: str = "\n") -> list[str]:
    """The packages that the series touches, as Go names folders, without those in one folder."""
    paths = {change.path for patch in series.patches() for change in patch.changes}
    there = [path for path in paths if path.endswith(".go") and (here / path).exists()]
    return sorted({f"./{Path(path).parent}" for path in there if not path.startswith(without)})


def tool(here: Path, *words: str) -> None:
    """Run a tool in the tree; Refused with the end of what it says if it fails."""
    if not shutil.which(words[0]):
        raise Refused(f"there is no {words[0]} on the PATH, and it was asked for; install it")
    print(f"{shlex.join(words)} ...", file=sys.stderr)
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    done = subprocess.run(
        words, cwd=here, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if done.returncode:
        raise Refused("\n".join([f"{shlex.join(words)} says:", *done.stdout.splitlines()[-SHOWN:]]))


def build(series: Series, here: Path) -> None:
    """go build and go vet of the touched packages; vet compiles their tests, too."""
    touched = packages(series, here)
    try:
        tool(here, "go", "list", "-deps", "-test", *touched)
    except Refused as reason:
        raise Refused(f"Go's modules cannot be had; is its proxy (go env GOPROXY) within reach?\n{reason}") from None
    tool(here, "go", "build", *touched)
    tool(here, "go", "vet", *touched)


def unit_tests(series: Series, here: Path) -> None:
    """Forgejo's own verb. Not for tests/, whose tests need a server that was built."""
    tool(here, "make", "test-backend", f"GO_TEST_PACKAGES={' '.join(packages(series, here, without='tests/'))}")


def swagger_check(series: Series, here: Path) -> None:
    """Forgejo's own verb, which generates the file only where that is older than its sources: so it is made older."""
    if (here / SWAGGER).exists():
        os.utime(here / SWAGGER, (0, 0))
    tool(here, "make", "swagger-check")
