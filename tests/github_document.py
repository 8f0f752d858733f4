"""Answers of GitHub's face held against its OpenAPI document, spec/github.openapi.json.

Rules: what the document has no path for is 404. Schemas of answers know every field, so one that is not declared does
not fit.
"""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from jsonschema import Draft202012Validator

DOCUMENT: dict[str, Any] = json.loads((Path(__file__).parents[1] / "spec/github.openapi.json").read_text())
ROOT = DOCUMENT["servers"][0]["url"]
OWN = {"/", "/rate_limit", "/meta", "/openapi.json"}  # paths that are answered without the server
KINDS = {"commit": ".+"}  # a branch can have slashes in its name
NUMBERS = ("run_id", "job_id", "artifact_id", "attempt")


def _pattern(path: str) -> re.Pattern[str]:
    kinds = {**KINDS, **dict.fromkeys(NUMBERS, "[0-9]{1,18}")}
    return re.compile(ROOT + re.sub(r"\{(\w+)\}", lambda found: kinds.get(found[1], "[^/]+"), path) + r"\Z")


PATTERNS = [(_pattern(path), methods) for path, methods in DOCUMENT["paths"].items()]


@cache
def _validator(reference: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": reference, "components": DOCUMENT["components"]})


def answers_of(method: str, path: str) -> dict[str, Any] | None:
    """The answers that the document has for a request; None if it has none."""
    method = "get" if method == "HEAD" else method.lower()
    for pattern, methods in PATTERNS:
        if method in methods and pattern.match(path.rstrip("/") if path.rstrip("/") != ROOT else f"{ROOT}/"):
            found: dict[str, Any] = methods[method]["responses"]
            return found
    return None


def hold(response: requests.Response, *_: Any, **__: Any) -> None:
    """Hold an answer against the document, as a hook of a session. Raises AssertionError."""
    method, path = str(response.request.method), urlsplit(str(response.request.url)).path
    if path != ROOT and not path.startswith(f"{ROOT}/"):
        return
    answers, status = answers_of(method, path), str(response.status_code)
    if answers is None:
        assert status == "404", f"{method} {path} is in no document and was answered with {status}"
        answers = {"default": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}}
    if response.is_redirect and "302" not in answers:  # of a renamed repository, as Forgejo does it
        return
    known = answers.get(status) or (answers.get("default") if int(status) >= 400 else None)
    assert known is not None, f"{method} {path}: {status} is not declared"
    content = known.get("content", {})
    if not content or method == "HEAD" or status == "304":
        assert not response.content or method != "HEAD"
        return
    if declared := content.get("application/json"):
        errors = [*_validator(declared["schema"]["$ref"]).iter_errors(response.json())]
        assert errors == [], f"{method} {path}: {errors[0].json_path}: {errors[0].message}"
