"""What a server offers: its swagger document turned into present, absent or unknown, operation by operation.

Rules: never by version number (a patched 15 has what 15.0.2 lacks, and a version can be hidden); pure; a document that
cannot be read says nothing, so every operation is unknown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import Enum

ADDED = "x-forgejo-shim"  # marks what a shim added to the document
_METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}


class Capability(Enum):
    """Whether a server has an operation."""

    PRESENT = "present"
    ABSENT = "absent"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Capabilities:
    """The operations of one server, as `METHOD /path/{parameter}` relative to `basePath`, and behind a `?` the
    parameters of a query that a shim in front of the server added to them.

    `operations` is None where no document tells (swagger switched off); `seen` are the operations whose presence was
    seen in an answer all the same, with what was seen.
    """

    operations: frozenset[str] | None
    version: str = ""
    seen: frozenset[tuple[str, bool]] = frozenset()

    def of(self, method: str, template: str) -> Capability:
        """Whether the server has `method` on the path `template`."""
        operation = f"{method} {template}"
        for known, present in self.seen:
            if known == operation:
                return Capability.PRESENT if present else Capability.ABSENT
        if self.operations is None:
            return Capability.UNKNOWN
        return Capability.PRESENT if operation in self.operations else Capability.ABSENT

    def corrected(self, method: str, template: str, present: bool) -> Capabilities:
        """The same with one operation seen to be present or absent, whatever the document says."""
        operation = f"{method} {template}"
        others = {(known, seen) for known, seen in self.seen if known != operation}
        return Capabilities(self.operations, self.version, frozenset(others | {(operation, present)}))


UNKNOWN = Capabilities(None)


def parse_swagger(document: bytes) -> Capabilities:
    """The capabilities in a swagger 2.0 document of a Forgejo; `UNKNOWN` if it is none.

    Only operations of Actions that may be ours are kept: they are all that is ever asked for, and the document has
    hundreds.
    """
    try:
        swagger = json.loads(document)
        operations = set()
        for path, methods in swagger["paths"].items():
            if not path.startswith("/repos/{owner}/{repo}/actions/") and path != "/actions/run":
                continue
            for method in _METHODS & methods.keys():
                name = f"{method.upper()} {path}"
                added = [one["name"] for one in methods[method].get("parameters", []) if one.get(ADDED)]
                operations |= {name, *(f"{name}?{parameter}" for parameter in added)}
        version = swagger.get("info", {}).get("version", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return UNKNOWN
    if swagger.get("swagger") != "2.0" or not operations:
        return UNKNOWN
    return Capabilities(frozenset(operations), version if isinstance(version, str) else "")
