#!/usr/bin/env python3
"""Write what each version of Forgejo declares of its operations of Actions, read from a clone of Forgejo.

    python spec/tools/facts.py DIR [--check] [VERSION ...]

Rules: spec/facts/VERSION.json is a Swagger document of its own, without prose: methods, paths, operationIds,
parameters, codes, field names and types. It is made from the commit that VERSIONS names and says which that was; the
one with the patch series also says the tree that the series ends in. Everything is kept or nothing: a version that
cannot be read changes no file. `--check` writes nothing and fails where a file is not what the clone says.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from swagger_breaking import CheckerError, facts, parse, read_profile

SPEC = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(SPEC.parent / "scripts/patches")]

from clones import Refused, borrowed, commit_of, git, require_repository  # noqa: E402
from series import PATCHES, Series, all_series, put_on  # noqa: E402

FACTS = SPEC / "facts"
ACTIONS = read_profile(SPEC / "forgejo.toml").scopes["actions"]
TEMPLATE = "templates/swagger/v1_json.tmpl"
VERSIONS = {
    "11.0.15": "v11.0.15",
    "12.0.4": "v12.0.4",
    "13.0.5": "v13.0.5",
    "14.0.5": "v14.0.5",
    "15.0.2": "v15.0.2",
    "16": "4695780d410cbb362ed6db9270be71867b43eb0a",  # of the branch v16.0/forgejo; recorded as 16-branch
}


def found(here: Path, version: str, commit: str, **more: str) -> dict[str, Any]:
    """The facts of a commit."""
    text = git(here, "show", f"{commit}:{TEMPLATE}").encode()
    document = facts(parse(text, f"{TEMPLATE} of {version}"), ACTIONS)
    told = {"title": f"Forgejo {version}: its operations of Actions", "version": version, "x-commit": commit, **more}
    return document | {"info": told, "basePath": "/api/v1"}


def of_version(clone: Path, version: str) -> dict[str, Any]:
    """The facts of a version by its name; Refused if the clone lacks it."""
    commit = commit_of(clone, VERSIONS[version])
    if not commit:
        raise Refused(f"{clone} has no {VERSIONS[version]}; fetch it from Forgejo's own repository")
    return found(clone, version, commit)


def of_series(clone: Path, series: Series) -> dict[str, Any]:
    """The facts of the series' base with all of its patches."""
    series.require_base(clone)
    with borrowed(clone) as here:
        head = put_on(here, series)
        made = found(here, series.release, head, **{"x-tree": git(here, "rev-parse", f"{head}^{{tree}}")})
    made["info"]["x-commit"] = series.commit  # a commit of ours says nothing; the base and the tree do
    return made


def written(document: dict[str, Any]) -> str:
    """JSON with a line for each operation, definition and the like."""
    parts = []
    for name, value in sorted(document.items()):
        if name == "paths":
            inner = [f"{json.dumps(path)}: {_lines(item, 2)}" for path, item in sorted(value.items())]
            parts.append(f'"paths": {_block(inner, 1)}')
        elif name in ("definitions", "parameters", "responses", "info", "securityDefinitions"):
            parts.append(f"{json.dumps(name)}: {_lines(value, 1)}")
        else:
            parts.append(f"{json.dumps(name)}: {_line(value)}")
    return _block(parts, 0) + "\n"


def _lines(value: dict[str, Any], depth: int) -> str:
    return _block([f"{json.dumps(key)}: {_line(one)}" for key, one in sorted(value.items())], depth)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _block(lines: list[str], depth: int) -> str:
    return "{\n" + ",\n".join(" " * (depth + 1) + line for line in lines) + "\n" + " " * depth + "}"


def main() -> int:
    """The command; its exit code."""
    series = {one.release: one for one in all_series(PATCHES)}
    names = [*VERSIONS, *series]
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("dir", type=Path, metavar="DIR", help="a clone of Forgejo")
    told.add_argument("versions", nargs="*", metavar="VERSION", help=f"default: all of {', '.join(names)}")
    told.add_argument("--check", action="store_true", help="write nothing, fail where a file would change")
    asked = told.parse_intermixed_args()
    if unknown := set(asked.versions) - set(names):
        told.error(f"no such version: {', '.join(sorted(unknown))}; there are: {', '.join(names)}")
    try:
        require_repository(asked.dir)
        made = {
            name: written(of_version(asked.dir, name) if name in VERSIONS else of_series(asked.dir, series[name]))
            for name in asked.versions or names
        }
    except (Refused, CheckerError) as reason:
        print(f"facts.py: {reason}", file=sys.stderr)
        return 1
    stale = 0
    for name, text in made.items():
        path = FACTS / f"{name}.json"
        same = path.is_file() and path.read_text() == text
        stale += not same
        if not (asked.check or same):
            FACTS.mkdir(exist_ok=True)
            path.write_text(text)
        print(f"{name}: {'as it was' if same else 'is not what the clone says' if asked.check else 'written'}")
    return 1 if asked.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
