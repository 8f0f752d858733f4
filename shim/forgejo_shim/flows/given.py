"""What the API tells of the caller or of a repository, on every server, for a face that writes it in its own form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import PageChanged
from ..identity import with_identity
from ..operations import API, Call
from ..transport import JSON_LIMIT, Transport, read_all, read_head


@dataclass(frozen=True)
class Given:
    """The API's own object."""

    told: Mapping[str, Any]


async def given(net: Transport, call: Call) -> Given:
    """The object, asked as the caller. Raises ServerRefusal, PageChanged."""
    return await given_at(net, call, call.path if call.repo_segment else API + call.operation.path)


async def given_at(net: Transport, call: Call, path: str) -> Given:
    """The object at a path of the API. Raises ServerRefusal, PageChanged."""
    answer = await net.api(with_identity(path, call.query))
    if answer.status != 200:
        raise call.refusal(answer.status, answer.headers, await read_head(answer))
    try:
        told = json.loads(await read_all(answer, JSON_LIMIT, "the API's answer"))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise PageChanged(f"the API's answer to {call.operation.path} was not understood: it is no object in JSON")
    return Given(told)
