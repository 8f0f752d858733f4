#!/usr/bin/env python3
"""Ask another tool which of the changes in data/second-opinion.json break clients, and write what it and we say.

    python tests/second_opinion.py [--check]

Needed on the PATH, or named by OASDIFF and SWAGGER2OPENAPI: oasdiff (`go install github.com/oasdiff/oasdiff@v1.35.0`),
which reads OpenAPI 3, and swagger2openapi (`npm install swagger2openapi@7.0.8`), which makes that of Swagger 2.0.

Rules: a pair is data/jobs.json and the same with `patch` (JSON Patch, RFC 6902: add, remove, replace, move), asked
about in both directions. The verdicts are written by this script alone; their `why` (the name of a reason), the
reasons and the patches by hand. Breaking is what a tool reports at level ERR. Where the two verdicts differ there must
be a `why`, where they agree there must be none: else exit code 1, after writing. `--check` writes nothing and fails
where something would be written otherwise.
"""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from swagger_breaking import compare, judge, parse

DATA = Path(__file__).parent / "data/second-opinion.json"
BASE = Path(__file__).parent / "data/jobs.json"
CHANGELOG = ("changelog", "--format", "json", "--flatten-params", "--flatten-allof")
LEVELS = {1: "INFO", 2: "WARN", 3: "ERR"}


def tool(variable: str, name: str) -> str:
    """Where a tool is, as the variable names it or the PATH has it; SystemExit if there is none."""
    found = shutil.which(os.environ.get(variable, name))
    if not found:
        raise SystemExit(f"second_opinion.py: no {name} on the PATH; install it, or name it by {variable}")
    return found


def output(*command: str) -> str:
    """What a command prints; SystemExit if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"second_opinion.py: {' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def versions(differ: str, converter: str) -> dict[str, str]:
    """The tools' names and versions: a differ that Go installed tells its version in its build information only."""
    version = output(differ, "--version").split()[-1]
    if version == "main" and shutil.which("go"):
        version = next(
            line.split()[2] for line in output("go", "version", "-m", differ).splitlines() if "\tmod\t" in line
        )
    return {"differ": f"oasdiff {version}", "converter": f"swagger2openapi {output(converter, '--version').strip()}"}


class Theirs:
    """The other tool's opinion."""

    def __init__(self, scratch: Path) -> None:
        self.differ, self.converter = tool("OASDIFF", "oasdiff"), tool("SWAGGER2OPENAPI", "swagger2openapi")
        self.scratch = scratch

    def convert(self, swagger: Any, name: str) -> Path:
        """A Swagger 2.0 document as a file in OpenAPI 3; SystemExit if the converter makes none."""
        before, after = self.scratch / f"{name}.swagger.json", self.scratch / f"{name}.openapi.json"
        before.write_text(json.dumps(swagger))
        output(self.converter, str(before), "--outfile", str(after))
        if not json.loads(after.read_text())["openapi"].startswith("3."):
            raise SystemExit(f"second_opinion.py: {name} was not converted")
        return after

    def verdict(self, base: Path, head: Path) -> str:
        """The worst level of what it reports, with the names of its checks of that level."""
        found = json.loads(output(self.differ, *CHANGELOG, str(base), str(head)) or "[]")
        worst = max((change["level"] for change in found), default=0)
        checks = sorted({change["id"] for change in found if change["level"] == worst})
        return " ".join([LEVELS.get(worst, "none"), *checks])


def ours(base: Any, head: Any) -> str:
    """Our own worst level."""
    documents = [parse(json.dumps(content).encode(), name) for content, name in ((base, "base"), (head, "head"))]
    levels = [finding.level for finding in judge(compare(*documents))]
    return str(max(levels, key=lambda level: level.rank, default="none"))


def breaking(verdict: str) -> bool:
    """Whether a recorded verdict, such as `ERR check other-check`, calls a pair breaking."""
    return verdict.split()[0] == "ERR"


def patched(document: Any, patch: list[dict[str, Any]]) -> Any:
    """A copy of the document with a patch applied; KeyError or IndexError where the patch does not fit."""
    document = copy.deepcopy(document)
    for step in patch:
        if step["op"] == "move":
            place, key = _place(document, step["from"])
            value = place.pop(key)
        else:
            value = copy.deepcopy(step.get("value"))
        place, key = _place(document, step["path"])
        if step["op"] == "add" and isinstance(place, list):
            place.insert(key, value)
        elif step["op"] in ("add", "move"):
            place[key] = value
        elif step["op"] == "replace":
            place[key], _ = value, place[key]
        else:
            del place[key]
    return document


def _place(document: Any, path: str) -> tuple[Any, Any]:
    """The object or array that holds the last key of a pointer, and that key."""
    *parents, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
    for key in parents:
        document = document[int(key) if isinstance(document, list) else key]
    return (document, len(document) if last == "-" else int(last)) if isinstance(document, list) else (document, last)


def asked(old: dict[str, Any]) -> dict[str, Any]:
    """Everything anew; `why` as it was."""
    base = json.loads(BASE.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        theirs = Theirs(Path(scratch))
        named = versions(theirs.differ, theirs.converter)
        converted, made = theirs.convert(base, "base"), []
        for number, pair in enumerate(old["pairs"]):
            head = patched(base, pair["patch"])
            opened = theirs.convert(head, str(number))
            made.append({key: pair[key] for key in ("kind", "name", "patch")})
            for way, contents, files in (
                ("forward", (base, head), (converted, opened)),
                ("back", (head, base), (opened, converted)),
            ):
                why = {key: value for key, value in pair.get(way, {}).items() if key == "why"}
                made[-1][way] = {"theirs": theirs.verdict(*files), "ours": ours(*contents), **why}
    return {"tools": named, "reasons": old["reasons"], "pairs": made}


def faults(data: dict[str, Any]) -> list[str]:
    """Differences without a reason, reasons without a difference, and reasons that no pair of the whole data names."""
    used = {pair[way].get("why") for pair in data["pairs"] for way in ("forward", "back")}
    unused = [f"the reason {name} is used nowhere" for name in sorted(data["reasons"].keys() - used)]
    return [fault for pair in data["pairs"] for fault in unexplained(pair, data["reasons"])] + unused


def unexplained(pair: dict[str, Any], reasons: dict[str, str]) -> Iterator[str]:
    """Verdicts of a pair that differ without a reason, and reasons where they do not differ."""
    for way in ("forward", "back"):
        said = pair[way]
        told = f"{pair['name']}, {way}: theirs {said['theirs']}, ours {said['ours']}"
        differ = breaking(said["theirs"]) != breaking(said["ours"])
        if differ and said.get("why") not in reasons:
            yield f"{told}: say why"
        if not differ and "why" in said:
            yield f"{told}: no reason is needed"


def written(data: dict[str, Any]) -> str:
    """JSON with a line for each reason and pair."""
    parts = [f'"tools": {json.dumps(data["tools"])}']
    reasons = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value)}" for key, value in data["reasons"].items())
    parts.append(f'"reasons": {{\n{reasons}\n }}')
    lines = ",\n".join(f"  {json.dumps(one, ensure_ascii=False)}" for one in data["pairs"])
    parts.append(f'"pairs": [\n{lines}\n ]')
    return "{\n " + ",\n ".join(parts) + "\n}\n"


def table(data: dict[str, Any]) -> str:
    """How often both agree, by kind."""
    lines = ["kind: pairs, verdicts, both breaking, neither, only theirs, only ours"]
    kinds = list(dict.fromkeys(pair["kind"] for pair in data["pairs"]))
    for kind in [*kinds, "all"]:
        of_kind = [pair for pair in data["pairs"] if kind in (pair["kind"], "all")]
        said = [(breaking(p[way]["theirs"]), breaking(p[way]["ours"])) for p in of_kind for way in ("forward", "back")]
        counts = [said.count(both) for both in ((True, True), (False, False), (True, False), (False, True))]
        lines.append(f"{kind}: {', '.join(map(str, [len(of_kind), len(said), *counts]))}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Ask and write, or with `--check` compare; the exit code."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    before = DATA.read_text()
    data = asked(json.loads(before))
    print(table(data))
    found = faults(data)
    if not arguments:
        DATA.write_text(written(data))
    elif written(data) != before:
        found.append(f"{DATA.name} is not what the tools say now; run second_opinion.py")
    print("\n".join(found), end="\n" if found else "", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
