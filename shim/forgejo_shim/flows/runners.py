"""Runners, and the tokens that they register with, as the API tells them from 15 on, the tokens on every server.

Rules: asked as the caller, and the API says who may. A token is handed on and kept nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..api import is_absent_route
from ..errors import NotPossible, PageChanged
from ..identity import with_identity
from ..operations import API, Call
from ..scopes import REGISTRATION
from ..transport import JSON_LIMIT, Transport, read_all, read_head


@dataclass(frozen=True)
class Runners:
    """A list of the API's own objects; `total` counts those of all pages."""

    told: tuple[Mapping[str, Any], ...]
    total: int


@dataclass(frozen=True)
class Runner:
    """The API's own object."""

    told: Mapping[str, Any]


@dataclass(frozen=True)
class Registration:
    """The token that a runner registers with."""

    token: str

    def __repr__(self) -> str:  # it is a credential
        return "Registration"


async def runners(net: Transport, call: Call) -> Runners | Runner | Registration:
    """What a call of one of these operations gives. Raises ServerRefusal, NotPossible, PageChanged."""
    path = call.path if call.repo_segment else API + call.tail
    answer = await net.api(with_identity(path, call.query))
    if answer.status != 200:
        body = await read_head(answer)
        if is_absent_route(answer.status, answer.headers.get("Content-Type"), body):
            raise _cannot("the API tells of runners from Forgejo 15 on; its web UI shows them")
        raise call.refusal(answer.status, answer.headers, body)
    if call.method == "PATCH":
        await answer.close()
        raise _cannot("a runner cannot be switched off; stop it where it runs, or delete it")
    total = answer.headers.get("X-Total-Count")
    told = _json(await read_all(answer, JSON_LIMIT, "the API's answer about runners"))
    if isinstance(told, list) and all(isinstance(one, dict) for one in told):
        return Runners(tuple(told), int(total) if total.isascii() and total.isdecimal() else len(told))
    if isinstance(told, dict) and call.operation not in REGISTRATION.values():
        return Runner(told)
    if isinstance(told, dict) and isinstance(told.get("token"), str):
        return Registration(told["token"])
    raise PageChanged("the API's answer about runners was not understood")


def _cannot(reason: str) -> NotPossible:
    return NotPossible(f"this server cannot do that: {reason}", cause="native-only")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
