"""Switch a workflow of a repository on or off, by the web UI: no version's API can.

Rules: the web UI lets administrators of the repository do it (routers/web/web.go, 11.0.15 to 16), so the API is asked
whether the caller is one, besides the right to write that its token has to have. The web UI takes any name, so the
workflow is found first.
"""

from __future__ import annotations

from ..errors import Refused
from ..models import Done
from ..operations import API, ENABLE_WORKFLOW, Call
from ..webui.asking import post
from ..webui.grammar import workflow_path
from ..webui.reader import Reader
from .given import given_at
from .rights import Grants
from .workflows import find_file
from .writes import AT_THE_DOOR, done_of, once


async def switch_workflow(reader: Reader, call: Call, caller: Grants) -> Done:
    """Switch it, of a caller who may write. Raises NotThere, Refused, ShimError."""
    file = await find_file(reader, call, caller)
    told = (await given_at(reader.net, call, f"{API}/repos/{reader.repo}")).told
    if not (told.get("permissions") or {}).get("admin"):
        raise Refused(
            f"only administrators of {reader.repo} switch its workflows on and off", 403, cause="not-administrator"
        )
    path = workflow_path(reader.repo, file, "enable" if call.operation is ENABLE_WORKFLOW else "disable")
    for last in (False, True):
        await reader.latest_number()  # which renews a lost session
        page = await once(reader.net, post(reader, path, {}))
        if last or page.kind not in AT_THE_DOOR:
            break
    return done_of(reader, page)
