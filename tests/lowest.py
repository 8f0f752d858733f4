"""Requirements with the lowest version of each package that shim/ and spec/checker/ name, for `make test-lowest`.

The floors are read from both pyproject.toml, so there is no second list to keep; what they need in turn is for pip to
choose.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECTS = ("spec/checker", "shim")
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "jsonschema")  # what the tests themselves need, as it is locked


def floors() -> dict[str, str]:
    """The lowest version of each direct requirement, by its name in lower case."""
    projects = [tomllib.loads((ROOT / name / "pyproject.toml").read_text())["project"] for name in PROJECTS]
    wanted = [one for project in projects for one in project["dependencies"]]
    wanted += [one for project in projects for more in project["optional-dependencies"].values() for one in more]
    found = (re.match(r"([A-Za-z0-9_-]+)>=([0-9.]+)", text) for text in wanted)
    return {name[1].lower().replace("_", "-"): name[2] for name in found if name}


def requirements() -> Iterator[str]:
    """One line a package, as `pip install -r` takes them."""
    for line in (ROOT / "tests/requirements.lock").read_text().split():
        if line.partition("==")[0] in TOOLS:
            yield line
    for name, version in floors().items():
        yield f"{name}=={version}"


if __name__ == "__main__":
    print("\n".join(requirements()))
