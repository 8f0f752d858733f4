"""What a server offers: its swagger document turned into present, absent or unknown, operation by operation.

Rules: never by version number (a patched 15 has what 15.0.2 lacks, and a version can be hidden); pure; a document that
cannot be read says nothing, so every operation is unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

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


def _added(name: str, operation: dict[str, Any]) -> Iterator[str]:
    """The query parameters that a shim in front of the server added to an operation."""
    for parameter in operation.get("parameters", []):
        if parameter.get(ADDED):
            yield f"{name}?{parameter['name']}"


def parse_swagger(document: bytes) -> Capabilities:
    """The capabilities in a swagger 2.0 document of a Forgejo; `UNKNOWN` if it is none.

    Only operations on repositories' Actions are kept: they are all that is ever asked for, and the document has
    hundreds.
    """
    try:
        swagger = json.loads(document)
        paths = swagger["paths"]
        operations = frozenset(
            name
            for path, methods in paths.items()
            if path.startswith("/repos/{owner}/{repo}/actions/")
            for method, operation in methods.items()
            if method in _METHODS
            for name in (f"{method.upper()} {path}", *_added(f"{method.upper()} {path}", operation))
        )
        version = swagger.get("info", {}).get("version", "")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return UNKNOWN
    if swagger.get("swagger") != "2.0" or not operations:
        return UNKNOWN
    return Capabilities(operations, version if isinstance(version, str) else "")
