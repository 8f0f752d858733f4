"""One difference between two documents, and every kind of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REQUEST, RESPONSE = "request", "response"
_TWO_WAY = """
    operation-added operation-removed, operation-deprecated operation-undeprecated, parameter-added parameter-removed,
    required-parameter-added required-parameter-removed, property-added property-removed,
    required-property-added required-property-removed, became-required became-optional, definition-added
    definition-removed, media-type-added media-type-removed, media-type-narrowed media-type-widened,
    subtype-added subtype-removed, scheme-added scheme-removed, response-spelled-out response-left-to-default,
    error-response-spelled-out error-response-left-to-default, response-added response-removed, error-response-added
    error-response-removed, response-body-added response-body-removed, header-added header-removed, security-added
    security-removed, security-eased security-tightened, type-narrowed type-widened, type-spelled-out type-left-out,
    format-narrowed format-widened, enum-added enum-dropped, enum-value-added enum-value-removed, default-added
    default-removed, limit-narrowed limit-widened, became-nullable became-not-nullable, became-read-only
    became-writable, required-became-read-only required-became-writable, additional-properties-narrowed
    additional-properties-widened
"""
_ONE_WAY = """
    operation-id-changed path-parameter-renamed body-renamed base-path-changed base-path-moved
    base-path-respelled path-respelled host-changed security-scheme-changed security-scheme-renamed
    type-changed format-changed default-changed limit-changed collection-format-changed mark-changed keyword-changed
"""
# Those of a document as a whole, in no definition.
OF_SERVERS = {
    "base-path-changed", "base-path-moved", "base-path-respelled", "host-changed", "scheme-added", "scheme-removed",
    "security-added", "security-eased", "security-removed", "security-scheme-changed", "security-scheme-renamed",
    "security-tightened",
}  # fmt: skip
# Every kind of change, and the kind that it is when the documents change places.
MIRRORED = {kind: kind for kind in _ONE_WAY.split()}
for _one, _other in (words.split() for words in _TWO_WAY.split(",")):
    MIRRORED |= {_one: _other, _other: _one}


@dataclass(frozen=True)
class Change:
    """One difference. `operation` is `GET /path`, or "" for one inside something that several operations share, whose
    `where` then begins with its name: `definition User.settings[].name`, `response notFound header X`, `basePath`.
    Otherwise `where` is `query limit`, `body.title`, `response 200[].id` or "". `direction` is `request`,
    `response` or "" (neither); `base_at`, `head_at` are JSON pointers, "" where it is not there."""

    kind: str
    operation: str
    where: str
    direction: str
    old: Any
    new: Any
    base_at: str
    head_at: str
    operations: tuple[str, ...]
