#!/usr/bin/env python3
"""Do the contract, the facts of Forgejo's versions, the patch series and the recordings agree?

    python spec/tools/spec_check.py [SERVER]

Rules: reads the project's files only, so it needs no Forgejo; with SERVER, that one too has to declare what the facts
of its version say. A line a check, its faults below it; exit code 1 if there are any. What is known to differ stands in
data, with its reason: spec/differences.toml between the contract and 16, spec/left-out.toml between the contract and
the patch series, spec/undeclared.json what servers answer and do not declare. An entry that is not needed any more is a
fault.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV2SpecValidator
from swagger_breaking import (
    CheckerError,
    Document,
    Finding,
    Level,
    compare,
    judge,
    load,
    of_document,
    parse,
    read_profile,
    read_rules_file,
)
from swagger_breaking.document import operations
from swagger_breaking.rules_file import place
from swagger_breaking.scope import plain

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts/patches")]

from series import PATCHES, all_series  # noqa: E402

SPEC = ROOT / "spec"
PROFILE = read_profile(SPEC / "forgejo.toml")
RECORDINGS = ROOT / "tests/data/recordings"
API = "/api/v1"
NO_ROUTE = "404 page not found"
TYPES = {"string": str, "integer": int, "boolean": bool, "object": dict, "array": list, "number": (int, float)}


def read(path: Path) -> Document:
    """The document of a file."""
    return parse(path.read_bytes(), path.name)


def all_facts() -> dict[str, Document]:
    """The facts by version, oldest first."""
    paths = sorted((SPEC / "facts").glob("*.json"), key=lambda path: [int(n) for n in re.findall("[0-9]+", path.stem)])
    return {path.name.removesuffix(".json"): read(path) for path in paths}


def contract() -> Document:
    """The contract's own document."""
    return read(SPEC / "contract.swagger.json")


# --- the documents


def valid() -> Iterator[str]:
    """The validator calls `type: file` of an answer wrong, which Swagger 2.0 has; none of ours needs it."""
    for path in sorted(SPEC.glob("*.swagger.json")):
        for error in OpenAPIV2SpecValidator(read(path).content).iter_errors():
            yield f"{path.name}: {error.message} at /{'/'.join(map(str, error.path))}"


def breaks(head: Document) -> Iterator[str]:
    """What breaks the contract's clients on `head`, but for what left-out.toml names, and what that names in vain."""
    base, known = contract(), read_rules_file(SPEC / "left-out.toml")
    found = [one for one in judge(compare(base, head, of_document(base))) if one.level is Level.ERR]
    kept, _ = known.sift(found, date.today())
    yield from (f"{head.name}: {told(finding)}" for finding in kept)


def told(finding: Finding) -> str:
    """A finding with its place, as a rules file names both."""
    return f"{finding.rule} at {place(finding.change)}: {finding.message}"


def equal_to_16() -> Iterator[str]:
    """Every change counts, whatever its level; differences.toml names those that are meant. All that 16 added to
    15.0.2 is in the contract."""
    known = read_rules_file(SPEC / "differences.toml")
    base, head = contract(), all_facts()["16"]
    kept, _ = known.sift(judge(compare(base, head, of_document(base))), date.today())
    yield from map(told, kept)
    old = {plain(key) for document in (base, all_facts()["15.0.2"]) for key in operations(document)}
    yield from (f"the contract lacks {key}, which 16 added" for key in operations(head) if plain(key) not in old)


def patched() -> Iterator[str]:
    """The facts are those of the tree that each series ends in now, and have the contract but for what is left out."""
    for series in all_series(PATCHES):
        facts = all_facts().get(series.release)
        if not facts:
            yield f"spec/facts/{series.release}.json is not there; run facts.py"
        elif facts.content["info"].get("x-tree") != series.patched_tree:
            yield f"spec/facts/{series.release}.json is of another tree than {series.folder.name}; run facts.py"
        else:
            yield from breaks(facts)


def absent_below_16() -> Iterator[str]:
    """A version without the operations is one on which the shim has to work; the double knows the same ones."""
    for version, facts in all_facts().items():
        has = {plain(key) for key in operations(facts)} & {plain(key) for key in operations(contract())}
        if has and version != "16" and "-" not in version:
            yield f"{version} has {', '.join(sorted(has))}"


def as_the_facts_say(source: str) -> Iterator[str]:
    """A server declares what its version does (it tells `15.0.2+gitea-1.22.0`), with the patch series or without."""
    served, facts = load(source, PROFILE), all_facts()
    version = re.split("[-+]", str(served.content.get("info", {}).get("version", "a server that says no version")))[0]
    names = [name for name in facts if name.partition("-")[0] in (version, version.removesuffix(".0.0"))]
    if not names:
        yield f"there are no facts of {version}, only of {', '.join(facts)}"
    found = [judge(compare(facts[name], served, PROFILE.scope)) for name in names]
    yield from map(told, min(found, key=len, default=[]))


# --- the recordings


def recorded() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each recorded answer of Actions' API with its version."""
    for path in sorted(RECORDINGS.glob("*.jsonl")):
        version = re.match("[0-9.]*[0-9]", path.name)
        for line in path.read_text().splitlines():
            answer = json.loads(line)
            if version and re.match(rf"{API}/(.+/)?actions/", answer["request"]["path"]):
                yield version[0], answer


class Declared:
    """What a version declares, and what of it is known to be wrong."""

    def __init__(self, document: Document, undeclared: dict[str, Any], used: set[str]) -> None:
        self.document, self.undeclared, self.used = document, undeclared, used
        self.operations = operations(document)
        self.patterns = {key: re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(key))) for key in self.operations}

    def faults(self, answer: dict[str, Any]) -> Iterator[str]:
        """How a recorded answer differs from what is declared."""
        asked, response = answer["request"], answer["response"]
        line, code = f"{asked['method']} {asked['path'].partition('?')[0].removeprefix(API)}", str(response["status"])
        key = self.operation(line)
        declared = self.operations[key].responses.get(code) if key else None
        if declared and "schema" in declared.content and "json" in response["body"]:
            yield from self.unfit(declared.content["schema"], response["body"]["json"], "its JSON")
        if declared or self.excused(line, response["status"]):
            return
        if key:
            yield f"{code} is not declared"
        elif response["body"].get("text", "").strip() != NO_ROUTE:
            yield f"{code}, but no such operation is declared"

    def operation(self, line: str) -> str | None:
        """The operation that a request's method and path are of; a path with fewer parameters comes first."""
        fitting = [key for key, pattern in self.patterns.items() if pattern.fullmatch(line)]
        return min(fitting, key=lambda key: key.count("{"), default=None)

    def excused(self, line: str, status: int) -> bool:
        """Whether undeclared.json names the answer; * in it is any text."""
        for one in self.undeclared["answers"]:
            if one["status"] == status and re.fullmatch(".*".join(map(re.escape, one["operation"].split("*"))), line):
                self.used.add(f"{status} of {one['operation']}")
                return True
        return False

    def unfit(self, schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
        """The fields that a definition lacks, and those of another type; null is what Go says for nothing."""
        name = schema.get("$ref", "").rpartition("/")[2]
        schema = self.document.spot(schema, "").content
        if value is None or "type" not in schema:
            return
        if not isinstance(value, TYPES[schema["type"]]) or schema["type"] != "boolean" and isinstance(value, bool):
            yield f"{where} is no {schema['type']}"
        elif isinstance(value, list):
            for one in value:
                yield from self.unfit(schema["items"], one, f"{where}[]")
        elif isinstance(value, dict) and "additionalProperties" not in schema:
            for field, one in value.items():
                if field in schema.get("properties", {}):
                    yield from self.unfit(schema["properties"][field], one, f"{where}.{field}")
                elif any(known["field"] == f"{name}.{field}" for known in self.undeclared["fields"]):
                    self.used.add(f"{name}.{field}")
                else:
                    yield f"{where}.{field} is not declared"


def recordings_agree() -> Iterator[str]:
    """An operation that a version lacks is answered by its router; of another patch release, the facts of its major."""
    undeclared, used = json.loads((SPEC / "undeclared.json").read_text()), set[str]()
    declared = {
        name.partition(".")[0]: Declared(one, undeclared, used) for name, one in all_facts().items() if "-" not in name
    }
    for version, answer in recorded():
        for fault in declared[version.partition(".")[0]].faults(answer):
            yield f"{version}: {answer['request']['method']} {answer['request']['path']} ({answer['note']}): {fault}"
    named = [f"{one['status']} of {one['operation']}" for one in undeclared["answers"]]
    for one in [*named, *(known["field"] for known in undeclared["fields"])]:
        if one not in used:
            yield f"undeclared.json: {one} is not needed"


# --- the command

CHECKS: dict[str, Callable[[], Iterator[str]]] = {
    "what spec/ declares is valid Swagger 2.0": valid,
    "16 declares the contract's operations as the contract does": equal_to_16,
    "what each patch series declares keeps the contract": patched,
    "no stock version below 16 has an operation of the contract": absent_below_16,
    "the recordings fit the facts": recordings_agree,
}


def of_no_forgejo() -> Iterator[str]:
    """For people: the operations that only the proxy has."""
    there = {plain(key) for key in operations(all_facts()["16"])}
    yield "in no Forgejo, only behind the proxy:"
    yield from (f"  {key}" for key in operations(read(SPEC / "additions.swagger.json")) if plain(key) not in there)


def main(arguments: list[str]) -> int:
    """Run every check and print its verdict; the exit code."""
    if len(arguments) > 1 or arguments and arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    checks = dict(CHECKS)
    for source in arguments:
        checks["the server declares what the facts of its version say"] = partial(as_the_facts_say, source)
    failed = False
    for name, check in checks.items():
        try:
            faults = list(dict.fromkeys(check()))
        except (CheckerError, OSError, ValueError) as error:
            faults = [str(error)]
        print(f"{name}: {'FAILED' if faults else 'ok'}", *(f"  {fault}" for fault in faults), sep="\n", flush=True)
        failed = failed or bool(faults)
    if not failed:
        print(*of_no_forgejo(), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        code = main(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody reads on: no word about it at the exit
        code = 1
    sys.exit(code)
