"""Start a workflow by hand: the caller's own request, sent on to the API's operation for that.

Rules: the API decides who may. Its body has the names that other APIs give to it, so it goes on as it came (`ref`, and
`inputs` as texts). Why a workflow cannot be started the API tells administrators only, with a 500 (seen on 11.0.15 to
16), so that is the request's fault here: whoever asked again by itself would do so in vain.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from ..errors import BadRequest
from ..identity import with_identity
from ..models import Done
from ..operations import API, Call
from ..transport import Native, read_head
from ..webui.reader import Reader
from .rights import Grants
from .workflows import find_file
from .writes import once

NOT_STARTED = (400, 404, 500)
WHY = "the ref has to exist, and the workflow at it to be started by hand, with these inputs"


async def dispatch_workflow(reader: Reader, call: Call, caller: Grants) -> Done:
    """Start the workflow that the call names. Raises NotThere, BadRequest, ServerRefusal."""
    file = await find_file(reader, call, caller)
    path = f"{API}/repos/{reader.repo}/actions/workflows/{quote(file, safe='')}/dispatches"
    answer = await once(reader.net, reader.net.native(with_identity(path, call.query)))
    body = await _body(answer)
    if 200 <= answer.status < 300:
        return Done()
    if answer.status in NOT_STARTED:
        raise BadRequest(f"the server did not start {ascii(file)}: {_message(body) or WHY}", cause="dispatch-refused")
    raise call.refusal(answer.status, answer.headers, body)


async def _body(answer: Native) -> bytes:
    return answer.told or await read_head(answer)


def _message(body: bytes) -> str:
    try:
        message = json.loads(body)["message"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""
    return message if isinstance(message, str) else ""
