"""Answers in GitHub's form: JSON with a tag of its bytes, and errors."""

from __future__ import annotations

import hashlib

from ..models import Pairs
from ..transport import encode
from .face import Reply

JSON = ("Content-Type", "application/json; charset=utf-8")
DOCUMENTATION = "https://docs.github.com/rest"


def reply_json(value: object, headers: Pairs = ()) -> Reply:
    """A 200 of JSON, with a tag of its bytes."""
    body = encode(value)
    return Reply(200, [JSON, ("ETag", f'W/"{hashlib.sha256(body).hexdigest()}"'), *headers], body)


def reply_error(status: int, message: str, headers: Pairs = (), cause: str = "") -> Reply:
    """An error as GitHub writes one."""
    told = {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
    if cause:
        told["cause"] = cause
    return Reply(status, [JSON, *headers], encode(told), cause=cause)
