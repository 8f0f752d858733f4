"""Ids for workflows, which Forgejo knows by the name of their file alone, for clients that want a number.

Rules: pure; the same for every replica and at all times, without memory; small enough for JavaScript.
"""

from __future__ import annotations

import hashlib

BITS = 53  # that JavaScript's numbers keep


def workflow_id(file: str) -> int:
    """The id of the workflow in a file of this name (without its folder), positive and below 2**53."""
    return int.from_bytes(hashlib.sha256(file.encode("utf-8", "surrogateescape")).digest()[:8]) >> 64 - BITS or 1
