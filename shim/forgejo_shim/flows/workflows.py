"""The workflows of a repository: the files that Forgejo reads, and those that only its runs tell of.

Rules: asked as the caller, like its right to read Actions. Forgejo looks into the first of `FOLDERS` that there is
(modules/actions/workflows.go, 11.0.15 to 16), on the default branch; who may not read files is told of runs' workflows
alone; what else the API answers for a folder is its own no. What a file calls its workflow is kept by the file's hash,
so a file is read once. A workflow has no number of Forgejo's: workflow_ids.py makes one of its file's name. Which ones
are switched off, the web UI's list of runs alone tells; where that cannot be read, it is not known.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

from ..errors import NotPossible, NotThere, PageChanged, SearchLimit, WebAccount
from ..models import RunFacts, Workflow
from ..newest import Page, newest
from ..operations import API, Call
from ..router import first_values, parameters
from ..transport import JSON_LIMIT, read_all, read_head
from ..webui.reader import Reader
from ..workflow_ids import workflow_id
from .latest import MAX_PAGES
from .listed import WorkflowPage, page_of
from .rights import Grants, check_may_read
from .runs import page_of_runs

FOLDERS = (".forgejo/workflows", ".gitea/workflows", ".github/workflows")
ENDINGS = (".yml", ".yaml")
NAMES = 50  # files that are read for one answer
# A line of YAML at the top level; what only a whole reader of YAML understands is no name here.
_LINE = re.compile(r"^name:[ \t]+(\S[^\r\n]*)", re.MULTILINE)
_QUOTED = re.compile(r"""(["'])([^"'\\]+)\1[ \t]*(?:\#.*)?\Z""")
_OF_YAML = "\"'|>&*!%@`[{#-"  # a plain text does not begin with one of these

Json = dict[str, Any]


async def workflows(reader: Reader, call: Call, caller: Grants) -> WorkflowPage:
    """A page of them: files first, by name. Raises ShimError."""
    found = await _files(reader, call, caller)
    known = {workflow.file for workflow, _ in found}
    runs = await _runs(reader, call)
    found += [(Workflow(file), "") for file in sorted({run.workflow for run in runs if run.workflow} - known)]
    shown, total, page, limit = page_of(found, call)
    named = [await _named(reader, call, *one) if n < NAMES else one[0] for n, one in enumerate(shown)]
    return WorkflowPage(await _switched(reader, named), total, page, limit)


async def find_workflow(reader: Reader, call: Call, caller: Grants) -> Workflow:
    """The workflow that a call names, by its id or its file. Raises NotThere, SearchLimit, ShimError."""
    (workflow,) = await _switched(reader, [await _named(reader, call, *await _found(reader, call, caller))])
    return workflow


async def find_file(reader: Reader, call: Call, caller: Grants) -> str:
    """The name of its file alone. Raises NotThere, SearchLimit, ShimError."""
    return (await _found(reader, call, caller))[0].file


async def _found(reader: Reader, call: Call, caller: Grants) -> tuple[Workflow, str]:
    """The workflow with the hash of its file, "" where only runs know it."""
    wanted = first_values(call.query).get("workflow", "")
    for workflow, sha in await _files(reader, call, caller):
        if is_called(workflow.file, wanted):
            return workflow, sha
    pages = 0

    async def read(page: int) -> Page:
        nonlocal pages
        pages += 1
        if pages > MAX_PAGES:
            raise SearchLimit(f"workflow {wanted!a} was not found in the newest runs of {reader.repo}; name its file")
        return await page_of_runs(reader, page, call)

    try:
        found = await newest(1, read, lambda run: is_called(run.workflow or "", wanted))
    except NotPossible:  # 11, whose API has no list of runs
        raise _not_there(reader, wanted) from None
    if not found.runs:
        raise _not_there(reader, wanted)
    return Workflow(found.runs[0].workflow or ""), ""


async def of_workflow(reader: Reader, call: Call, caller: Grants) -> Call:
    """The call of a list of runs that names a workflow, by its file. Raises ShimError."""
    if "workflow" not in first_values(call.query):
        return call
    file = await find_file(reader, call, caller)
    kept = [pair for pair in parameters(call.query) if pair[0] != "workflow"]
    return replace(call, query=urlencode([*kept, ("workflow_id", file)], errors="surrogateescape"))


def is_called(file: str, wanted: str) -> bool:
    """Whether a client means this file by `wanted`: a number is an id, all else a name."""
    return str(workflow_id(file)) == wanted if wanted.isdecimal() else file == wanted


def _not_there(reader: Reader, wanted: str) -> NotThere:
    return NotThere(f"{reader.repo} has no workflow {wanted!a}; its workflows are listed", cause="workflow-not-found")


async def _files(reader: Reader, call: Call, caller: Grants) -> list[tuple[Workflow, str]]:
    """The workflow files of the default branch with their hashes, by name."""
    await check_may_read(reader.net, call, caller)
    for folder in FOLDERS:
        told = await _contents(reader, call, folder)
        if isinstance(told, list):
            files = [one for one in told if isinstance(one, dict) and one.get("type") == "file"]
            named = [(str(one.get("name") or ""), one) for one in files]
            return [
                (Workflow(name, "", f"{folder}/{name}", str(one.get("html_url") or "")), str(one.get("sha") or ""))
                for name, one in sorted(named, key=lambda pair: pair[0])
                if name.endswith(ENDINGS)
            ]
    return []


async def _contents(reader: Reader, call: Call, path: str) -> Any:
    """What the API tells of a file or a folder; None if it tells nothing to this caller."""
    at = f"{API}/repos/{reader.repo}/contents/{quote(path)}"
    answer = await reader.api(at)
    if answer.status != 200:
        body = await read_head(answer)
        if answer.status in (403, 404):
            return None
        raise call.refusal(answer.status, answer.headers, body)
    try:
        return json.loads(await read_all(answer, JSON_LIMIT, f"the API's contents of {path}"))
    except (ValueError, RecursionError):
        raise PageChanged(f"the API's contents of {path} were not understood: they are no JSON") from None


async def _named(reader: Reader, call: Call, workflow: Workflow, sha: str) -> Workflow:
    """The workflow with the name that its file gives it."""
    if not workflow.path:
        return workflow
    name = await reader.facts.workflow_name(sha) if sha else None
    if name is None:
        name = name_in(await _contents(reader, call, workflow.path))
        if sha:
            await reader.facts.put_workflow_name(sha, name)
    return replace(workflow, name=name)


def name_in(told: Any) -> str:
    """The name of a workflow in the API's answer for its file; "" if there is none that can be read."""
    try:
        text = base64.b64decode(told["content"]).decode("utf-8", "replace")
    except (TypeError, KeyError, ValueError, binascii.Error):
        return ""
    line = _LINE.search(text)
    if not line:
        return ""
    if quoted := _QUOTED.match(line[1]):
        return quoted[2]
    return "" if line[1][0] in _OF_YAML else re.split(r"[ \t]#", line[1])[0].strip()


async def _switched(reader: Reader, workflows: list[Workflow]) -> tuple[Workflow, ...]:
    """The workflows with whether they are switched on, of those that are files."""
    if not any(workflow.path for workflow in workflows):
        return tuple(workflows)
    try:
        switches = await reader.switches()
    except WebAccount:
        return tuple(workflows)
    return tuple(replace(workflow, is_on=switches.get(workflow.file)) for workflow in workflows)


async def _runs(reader: Reader, call: Call) -> list[RunFacts]:
    try:
        return (await page_of_runs(reader, 1, call))[0]
    except NotPossible:  # 11
        return []
