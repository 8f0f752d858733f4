"""Random requests for the routes of a face: near them, with odd spellings, ids, queries, headers and bodies.

Rules: the dice are the same each time. Somebody who may write is a collaborator, never an owner, so that no repository
goes away in the middle.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from face_questions import ROOTS, ROUTES

ODD = (
    b"0", b"-1", b"+1", b"01", b"999999999", b"%31", b"1%00", b"9223372036854775808", b"9" * 40, b"%FF", b"..",
    b"%2e%2e", b"%2F", b"latest", b"main", b"a%20b", b"%E6%BC%A2", b"'", b"%25", b"%", b"*", b"a;b", b"~", b"x" * 300,
)  # fmt: skip
NAMES = (
    b"page", b"per_page", b"limit", b"status", b"event", b"branch", b"actor", b"head_sha", b"created", b"filter",
    b"name", b"check_name", b"sort", b"order", b"exclude_pull_requests", b"attempt", b"tail", b"step", b"follow",
    b"job", b"ticket", b"token", b"access_token", b"sudo", b"brief", b"ref", b"workflow", b"commit", b"workflow_id",
    b"return_run_details", b"disabled", b"app_id",
)  # fmt: skip
WORDS = (
    b"", b"1", b"2", b"100", b"0", b"-1", b"success", b"completed", b"all", b"latest", b"main", b"true", b"desc",
    b"2020-01-01..2030-01-01", b">=2026-01-01", b"*..*", b"build", b"1e3",
)  # fmt: skip
BODIES = (
    b"", b"{}", b"[]", b"null", b'{"ref": "main"}', b'{"ref": ""}', b'{"ref": "none"}', b'{"ref": 1}', b"{",
    b"\xff\x00", b'{"ref": "main", "inputs": {"a": [1]}}', b"[" * 3000, b'{"inputs": null}', b"a=b",
)  # fmt: skip
BESIDE = (
    b"meta",
    b"rate_limit",
    b"",
    b"graphql",
    b"openapi.json",
    b"user",
    b"repos",
    b"user/repos",
    b"swagger.v1.json",
)
METHODS = (b"PATCH", b"PUT", b"HEAD", b"OPTIONS", b"get", b"X")


@dataclass(frozen=True)
class Known:
    """What there is: values for the names in paths, and values of `Authorization` by who they are of."""

    parts: Mapping[str, Sequence[bytes]]
    callers: Mapping[str, bytes]
    secret: bytes


@dataclass(frozen=True)
class Thrown:
    """A request, and who sends it."""

    who: str
    method: bytes
    target: bytes
    lines: tuple[bytes, ...]
    body: bytes


def throw(dice: random.Random, face: str, known: Known) -> Thrown:
    """A request of one of the callers, or of nobody."""
    method, path = _path(dice, face, known)
    lines = [b"If-None-Match: *"] if dice.random() < 0.03 else []
    lines += [b"Range: bytes=" + dice.choice((b"0-9", b"-5", b"x"))] if dice.random() < 0.05 else []
    lines += [b"X-HTTP-Method-Override: DELETE"] if dice.random() < 0.02 else []
    lines += [dice.choice((b"Cookie: i_like_gitea=", b"X-Forgejo-OTP: ", b"X-Any: ")) + known.secret] * (
        dice.random() < 0.1
    )
    who = dice.choice((*known.callers, *known.callers, "nobody"))
    if who in known.callers:
        lines.append(b"Authorization: " + known.callers[who])
    if dice.random() < 0.05:
        lines.append(b"Sudo: " + dice.choice((b"nobody-there", b"%00", b"\xc3\xa9")))
    body = b""
    if method not in (b"GET", b"HEAD") or dice.random() < 0.02:
        body = dice.choice(BODIES)
        lines += [
            b"Content-Length: %d" % len(body),
            b"Content-Type: " + dice.choice((b"application/json", b"text/plain")),
        ]
    return Thrown(who, method, path + _query(dice, known), tuple(lines), body)


def _path(dice: random.Random, face: str, known: Known) -> tuple[bytes, bytes]:
    route = dice.choice(ROUTES[face])
    root = ROOTS[face].encode()
    if dice.random() < 0.05:
        return b"GET", root + b"/" + dice.choice(BESIDE)
    segments = [_segment(dice, part, known) for part in route.path.split("/")[1:]]
    if dice.random() < 0.12:
        place = dice.randrange(len(segments) + 1)
        how = dice.choice(("more", "less", "twice"))
        if how == "less":
            segments = segments[:place]
        else:
            segments.insert(place, dice.choice(ODD) if how == "more" else b"")
    if dice.random() < 0.04:
        root = dice.choice((root.upper(), b"/" + root, root + b"/.", root.replace(b"a", b"%61"), b"/api/v1"))
    method = dice.choice(METHODS) if dice.random() < 0.06 else route.method.encode()
    return method, b"/".join([root, *segments]) + dice.choice((b"", b"", b"", b"", b"", b"/"))


def _segment(dice: random.Random, part: str, known: Known) -> bytes:
    chance = dice.random()
    if part.startswith("{"):
        return dice.choice(ODD) if chance < 0.12 else dice.choice(known.parts[part[1:-1]])
    return (
        part.encode()
        if chance > 0.01
        else dice.choice((part.upper().encode(), b"%%%02X" % part.encode()[0] + part.encode()[1:]))
    )


def _query(dice: random.Random, known: Known) -> bytes:
    if dice.random() < 0.5:
        return b""
    pairs = []
    for _ in range(dice.randint(1, 3)):
        name = dice.choice(NAMES)
        value = dice.choice((*WORDS, *ODD))
        pairs.append(name + b"=" + (known.secret if name in (b"token", b"access_token", b"ticket") else value))
    return b"?" + dice.choice((b"&", b"&", b"&", b";")).join(pairs)
