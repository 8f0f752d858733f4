"""What is done with one call, whatever driver carries it and whatever face it came by.

1. A run named by its number is found first (by_number.py): the call goes on by ids.
2. Is the operation native here? By capability, per operation. If that is unknown (swagger off), the caller's request is
   sent on, and its answer tells.
3. Native: on, untouched, or read into a value for a face that writes another form. A native 404 is an answer, never a
   reason to read the web UI. A part of a log and the latest run are ours on every server; they read through the native
   operations, as the caller, where there are any.
4. Else the question of the caller's rights is put to the API as the caller; anything but a yes is the answer.
5. The place is found and proved, and the value is made. Whatever goes wrong is raised; of a repository that was renamed
   while a yes was kept, the API is asked where it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from ..capabilities import Capability
from ..errors import NotNow, NotPossible, NotThere, ServerRefusal
from ..models import Artifact, Done, Headers, JobDetails, Repo, RunJobs
from ..operations import (
    ARTIFACT,
    ARTIFACT_ZIP,
    CANCEL_RUN,
    DELETE_RUN,
    DISPATCH,
    JOB,
    JOB_LOG,
    LATEST_JOBS,
    LATEST_RUN,
    LATEST_WHY,
    OF_LATEST,
    OPERATIONS,
    REPOSITORY,
    RERUN_JOB,
    RERUN_RUN,
    RUN_JOBS,
    RUN_LIST,
    RUN_LOGS,
    RUN_OF_TOKEN,
    USER,
    WHY,
    Call,
)
from ..scopes import OF_OWNERS, OF_RUNNERS
from ..server import Server
from ..transport import Answer, Transport, read_head
from ..transport import Native as NativeAnswer
from ..webui.reader import Reader
from .artifact_zip import OpenArtifact, open_artifact
from .artifacts import find_artifact
from .by_number import by_number, jobs_of
from .by_operation import READS, WRITES, FlowValue
from .dispatch_workflow import Started, dispatch_workflow
from .given import Given, given
from .job_details import job_details
from .job_log import OpenLog, open_log
from .latest import latest_of_api, latest_run
from .log_parts import LogPart, log_part
from .native import capability, learn_from
from .native_value import READ, native_value
from .owners import of_owner
from .rights import Grants, Uncached, check_may_read, check_may_write, check_no_signature, refused_unless_absent, run_of
from .run_jobs import run_jobs
from .run_list import run_list
from .run_zip import run_zip
from .runners import Registration, Runner, Runners, runners
from .told_after import told_after
from .why import Why, why
from .workflows import of_workflow
from .writes import change_run, once, rerun_job

VERBS = {RERUN_RUN: "rerun", CANCEL_RUN: "cancel"}  # of a run, as the web UI calls them
NATIVE_ONLY = {
    DELETE_RUN: "runs can be deleted from Forgejo 16 on only, and its web UI has nothing for that",
    RUN_OF_TOKEN: "the API tells the run of a job's token from Forgejo 16 on only; in the job, GITHUB_RUN_NUMBER is it",
}


@dataclass
class Native:
    """The server's own answer to the caller's request, to be handed on untouched."""

    answer: NativeAnswer


@dataclass
class Relayed:
    """The open 200 of a native operation that the shim asked in the caller's name."""

    answer: Answer


Value = (
    FlowValue | Native | Relayed | RunJobs | JobDetails | OpenLog | LogPart | Artifact | OpenArtifact | Why | Given
    | Runners | Runner | Registration | Done | Started
)  # fmt: skip


async def uncounted() -> None:
    """What is made from the web UI is not limited, or was counted already."""


async def _nothing() -> bytes:
    return b""


@dataclass
class Request:
    """Who calls, with what, and how far it may go: `headers` are the caller's, `writes` whether operations that write
    are offered at all; `from_web` is awaited before anything is made from the web UI, and may raise. `body` reads
    what the caller sent."""

    headers: Headers
    caller: Grants
    writes: bool = False
    from_web: Callable[[], Awaitable[object]] = uncounted
    body: Callable[[], Awaitable[bytes]] = _nothing


async def dispatch(net: Transport, server: Server, call: Call, request: Request) -> Value:
    """The answer to a call as a value. Raises ShimError."""
    try:
        return await _dispatched(net, server, call, request)
    except NotNow as error:
        if error.cause == "renamed" and call.repo:
            await check_may_read(net, call, Uncached(request.caller))
        raise


async def _dispatched(net: Transport, server: Server, call: Call, request: Request) -> Value:
    if call.then:
        await request.from_web()
        counted = replace(request, from_web=uncounted)
        return await told_after(call, lambda one: dispatch(net, server, one, counted))
    asked = call
    of_face = call.root and not call.as_value and (call.run is not None or call.operation is RUN_LIST)
    if of_face and await capability(net, server, call.of(LATEST_RUN, 0)) is Capability.PRESENT:
        return Native(await net.native(""))  # a shim behind, which has these routes itself
    if call.run is not None:
        found = await _by_ids(net, server, call, request)
        if not isinstance(found, Call):
            return found
        call = found
    if call.operation in (USER, REPOSITORY):
        return await given(net, call)
    if call.operation in OF_RUNNERS:
        return await runners(net, call)
    if call.operation in OF_OWNERS:
        check_no_signature(request.headers)
        await request.from_web()
        return await of_owner(net, server, call, request.caller)
    if call.as_value and call.method != "GET" and not request.writes:  # natively, too: what another API lets be done
        raise await _writes_off(net, call, request)
    if value := await _natively(net, server, call, "" if call is asked and not call.root else call.target):
        return value
    if call.operation is RUN_OF_TOKEN:  # below no repository, so there is no right to ask for
        raise _native_only(call)
    if call is asked:
        await request.from_web()
    reader = Reader(net, server, await _repository(net, call, request), call.query)
    if call.operation in OF_LATEST:
        return await _latest(reader, call, request)
    if call.parts:
        return await log_part(reader, call, request.caller)
    if call.operation.writes:
        return await _write(reader, call, request)
    return await _read(reader, call, request)


async def _natively(net: Transport, server: Server, call: Call, target: str) -> Value | None:
    """The server's own answer, None if it has none; `target` is where the caller's request is sent on to."""
    has = await capability(net, server, call)
    if has is Capability.ABSENT or (has is Capability.UNKNOWN and not call.is_by_method):
        return None
    if call.as_value and call.operation in READ:
        return await native_value(net, server, call)
    sent = net.native(target)
    native = await (once(net, sent) if call.operation.writes else sent)
    try:
        if not await learn_from(net, server, call, native):
            if call.as_value and native.status >= 300 and native.status not in (304, 416):
                raise call.refusal(native.status, native.headers, native.told or await read_head(native))
            return Native(native)
    except BaseException:
        await native.close()
        raise
    await native.close()
    return None


async def _read(reader: Reader, call: Call, request: Request) -> Value:
    """What an operation that changes nothing gives from the web UI."""
    row, caller = call.operation, request.caller
    ranges = [] if request.headers.get("If-Range") else request.headers.only("Range")
    if row in (RUN_JOBS, RUN_LOGS):
        run = await run_of(reader, call, caller)
        return await (run_jobs(reader, run) if row is RUN_JOBS else run_zip(reader, run))
    if row is WHY:
        found = await jobs_of(reader, call, await run_of(reader, call, caller))
        return await why(reader, call, found, request.headers)
    if row is RUN_LIST:
        return await run_list(reader, await of_workflow(reader, call, caller) if call.as_value else call, caller)
    if flow := READS.get(row):
        return await flow(reader, call, caller)
    if row is ARTIFACT:
        return (await find_artifact(reader, call, caller)).artifact
    if row is ARTIFACT_ZIP:
        conditions = request.headers.only("Range", "If-Range")  # of the date that the download has
        return await open_artifact(reader, call, caller, conditions)
    await check_may_read(reader.net, call, caller)
    if row in NATIVE_ONLY:
        raise _native_only(call)
    if row is JOB:
        return await job_details(reader, call)
    if row is JOB_LOG:
        return await open_log(reader, call.id, call.attempt, ranges)
    raise LookupError(f"no flow answers {row.method} {row.path}")


def _native_only(call: Call) -> NotPossible:
    return NotPossible(f"this server cannot do that: {NATIVE_ONLY[call.operation]}", cause="native-only")


async def _repository(net: Transport, call: Call, request: Request) -> Repo:
    """The repository of a call that can be answered. Raises ShimError for one that cannot, whatever its operation."""
    if not call.is_by_method:
        allowed = [row.method for row in OPERATIONS if row.path == call.operation.path] or [call.operation.method]
        raise ServerRefusal(405, [("Allow", ", ".join(allowed))])  # as 16 does, HEAD included
    check_no_signature(request.headers)
    if call.repo is None:
        ask_write = request.writes and call.operation.writes
        await (check_may_write(net, call) if ask_write else check_may_read(net, call, request.caller))
        raise NotThere("The target couldn't be found.")
    return call.repo


async def _by_ids(net: Transport, server: Server, call: Call, request: Request) -> Call | RunJobs | Why:
    """The call by ids, or its value; one that is refused anyhow, whatever the job, is left as it is."""
    if not call.is_by_method or call.repo is None:
        return call
    await request.from_web()
    check_no_signature(request.headers)
    reader = Reader(net, server, call.repo, call.query)
    found = await by_number(reader, call, request.caller)
    if call.operation is WHY and isinstance(found, RunJobs):
        return await why(reader, call, found, request.headers)
    return found


async def _latest(reader: Reader, call: Call, request: Request) -> Value:
    """The latest run, why it is red, or its jobs or logs as the operation by its id gives them, natively where the
    server has it."""
    caller = request.caller
    if call.operation is LATEST_RUN:
        return await latest_run(reader, call, caller)
    if call.operation is LATEST_WHY:
        found = await jobs_of(reader, call, await latest_run(reader, call, caller))
        return await why(reader, call, found, request.headers)
    try:
        run_id = (await latest_of_api(reader, call)).id or 0
    except NotPossible:  # 11, whose API knows no runs: asking for one by its id says so
        await check_may_read(reader.net, call, caller)
        run_id = 0
    wanted = call.of(RUN_JOBS if call.operation is LATEST_JOBS else RUN_LOGS, run_id)
    if run_id and await capability(reader.net, reader.server, wanted) is not Capability.ABSENT:
        answer = await reader.api(wanted.path)
        if answer.status == 200:
            return Relayed(answer)
        await refused_unless_absent(answer, call)
    run = await run_of(reader, wanted, caller)
    return await (run_jobs(reader, run) if wanted.operation is RUN_JOBS else run_zip(reader, run))


async def _write(reader: Reader, call: Call, request: Request) -> Done | Started:
    if not request.writes:
        raise await _writes_off(reader.net, call, request)
    if call.operation is DISPATCH:  # the API itself says who may
        return await dispatch_workflow(reader, call, request.caller, request.body)
    await check_may_write(reader.net, call)
    if call.operation is RERUN_JOB:
        return await rerun_job(reader, call.id)
    if flow := WRITES.get(call.operation):
        return await flow(reader, call, request.caller)
    verb = VERBS[call.operation]
    number = call.run if isinstance(call.run, int) else (await run_of(reader, call, request.caller)).number
    return await change_run(reader, number, verb, str(call.id), tells_over=call.as_value)


async def _writes_off(net: Transport, call: Call, request: Request) -> NotPossible:
    """That nothing is written here. Raises the API's no to who may not read, either."""
    await check_may_read(net, call, request.caller)
    return NotPossible(
        "this shim only reads; whoever runs it can switch writing on, with --allow-writes or writes=True",
        cause="writes-off",
    )
