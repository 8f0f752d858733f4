"""Answers of Gitea's face held against its Swagger document, spec/gitea.swagger.json; and the table of what is done for
each of Gitea's paths, spec/gitea-actions.md.

Rules: what the document has no path for is Forgejo's answer, and not held. Schemas of answers know every field, so one
that is not declared does not fit; null fits where the document says `x-nullable`.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from jsonschema import Draft4Validator

SPEC = Path(__file__).parents[1] / "spec"
DOCUMENT: dict[str, Any] = json.loads((SPEC / "gitea.swagger.json").read_text())
ROOT = DOCUMENT["basePath"]
OURS = {"incomplete_results"}  # fields that Gitea's answers have not
TABLE = (SPEC / "gitea-actions.md").read_text()
ROWS = re.findall(r"^\| ([A-Z]+) \| `(/[^`]+)` \| (same|translated|web|not possible) \|", TABLE, re.MULTILINE)
NUMBERS = [name for name, one in DOCUMENT["parameters"].items() if one["type"] == "integer"]


def _pattern(path: str) -> re.Pattern[str]:
    kinds = dict.fromkeys(NUMBERS, "[0-9]{1,18}")
    return re.compile(ROOT + re.sub(r"\{(\w+)\}", lambda found: kinds.get(found[1], "[^/]+"), path) + r"\Z")


PATTERNS = [(_pattern(path), methods) for path, methods in DOCUMENT["paths"].items()]


def _with_null(schema: Any) -> Any:
    """A schema in which null fits where it says so; Swagger 2.0 has no other word for that."""
    if isinstance(schema, list):
        return [_with_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    told = {key: _with_null(value) for key, value in schema.items()}
    return {"anyOf": [told, {"type": "null"}]} if schema.get("x-nullable") else told


DEFINITIONS = _with_null(DOCUMENT["definitions"])


@cache
def _validator(reference: str) -> Draft4Validator:
    return Draft4Validator({"$ref": reference, "definitions": DEFINITIONS})


def example(path: str) -> str:
    """A path of the table with something for each of its parts."""
    return re.sub(r"\{(\w+)\}", lambda found: "7" if found[1] in NUMBERS else found[1], path)


def answers_of(method: str, path: str) -> dict[str, Any] | None:
    """The answers that the document has for a request; None if it has none."""
    method = "get" if method == "HEAD" else method.lower()
    for pattern, methods in PATTERNS:
        if method in methods and pattern.match(path):
            found: dict[str, Any] = methods[method]["responses"]
            return found
    return None


def hold(response: requests.Response, *_: Any, **__: Any) -> None:
    """Hold an answer against the document, as a hook of a session. Raises AssertionError."""
    method, path = str(response.request.method), urlsplit(str(response.request.url)).path
    answers, status = answers_of(method, path), str(response.status_code)
    if answers is None or (
        response.is_redirect and "302" not in answers
    ):  # of a renamed repository, as Forgejo does it
        return
    known = answers.get(status) or (answers["default"] if int(status) >= 400 else None)
    assert known is not None, f"{method} {path}: {status} is not declared"
    reference = known.get("schema", {}).get("$ref")
    if method == "HEAD":
        assert not response.content, f"{method} {path}: there is a body"
        return
    if reference is None:
        assert known.get("schema") or not response.content, f"{method} {path}: there is a body"
        return
    errors = [*_validator(reference).iter_errors(response.json())]
    assert errors == [], f"{method} {path}: {errors[0].json_path}: {errors[0].message}"
