"""Start a workflow by hand: the caller's own request, sent on to the API's operation for that.

Rules: the API decides who may. Its body has the names that other APIs give to it (`ref`, and `inputs` as texts), so it
goes on as it came, but for the wish to be told of the run: `return_run_details`, in the body or in the query, is
Forgejo's `return_run_info` (11.0.15 to 16). Why a workflow cannot be started the API tells administrators only, with a
500 (seen on 11.0.15 to 16), so that is the request's fault here: whoever asked again by itself would do so in vain.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..errors import BadRequest
from ..models import Done
from ..operations import API, Call
from ..router import first_values
from ..transport import encode, read_head
from ..webui.reader import Reader
from .rights import Grants
from .workflows import find_file
from .writes import once

DETAILS = "return_run_details"
NOT_STARTED = (400, 404, 500)
WHY = "the ref has to exist, and the workflow at it to be started by hand, with these inputs"


@dataclass(frozen=True)
class Started:
    """The run that a dispatch began, by its id and its number."""

    id: int
    number: int


async def dispatch_workflow(
    reader: Reader, call: Call, caller: Grants, body: Callable[[], Awaitable[bytes]]
) -> Done | Started:
    """Start the workflow that the call names, with the `body` of the caller's request; the run where that is asked for.
    Raises NotThere, BadRequest, ServerRefusal."""
    file = await find_file(reader, call, caller)
    path = f"{API}/repos/{reader.repo}/actions/workflows/{quote(file, safe='')}/dispatches"
    sent, wants_run = _sent(await body(), first_values(call.query).get(DETAILS) == "true")
    answer = await once(reader.net, reader.api(path, "POST", [("Content-Type", "application/json")], sent))
    told = await read_head(answer)
    if 200 <= answer.status < 300:
        return _started(_object(told)) if wants_run else Done()
    if answer.status in NOT_STARTED:
        message = _object(told).get("message")
        why = message if isinstance(message, str) and message else WHY
        raise BadRequest(f"the server did not start {ascii(file)}: {why}", cause="dispatch-refused")
    raise call.refusal(answer.status, answer.headers, told)


def _sent(body: bytes, is_asked: bool) -> tuple[bytes, bool]:
    """The body as Forgejo knows it, and whether the run is to be told; what is no object is the server's to refuse."""
    asked = _object(body)
    if asked.get(DETAILS) is not True and not is_asked:
        return body, False
    kept = {name: value for name, value in asked.items() if name != DETAILS}
    return encode({**kept, "return_run_info": True}), True


def _started(told: dict[str, Any]) -> Done | Started:
    """The run; that it was started is all that is known where the server does not tell of it."""
    run_id, number = told.get("id"), told.get("run_number")
    return Started(run_id, number) if isinstance(run_id, int) and isinstance(number, int) else Done()


def _object(text: bytes) -> dict[str, Any]:
    """The object that a text is in JSON; {} if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
