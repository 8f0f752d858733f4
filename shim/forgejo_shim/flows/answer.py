"""What is done with one request of the contract or of the additions, step by step.

1. Not an operation of either: not ours, on untouched (the driver recognises).
2. Is the operation native here? By capability, per operation. If that is unknown (swagger off), the driver asks
   natively first and `learn_from` reads the answer.
3. Native: on, untouched. A native 404 is an answer, never a reason to read the web UI. A part of a log and the latest
   run are ours on every server; they read through the native operations, as the caller, where there are any.
4. Else the question of the caller's rights is put to the API as the caller; any other answer than a yes is relayed.
5. The place is found and proved, the answer is made with 16's status, headers and bytes.
6. An error becomes the status, the JSON and the message that 16 would give; beyond the contract, `cause` says why.
"""

from __future__ import annotations

from functools import partial
from typing import Protocol

from ..capabilities import Capability
from ..contract import (
    JOB,
    JOB_LOGS,
    LATEST,
    LATEST_JOBS,
    OF_LATEST,
    RERUN_JOB,
    RERUN_NUMBER,
    RUN_JOBS,
    RUN_LOGS,
    Operation,
    error_body,
    is_absent_route,
)
from ..errors import NotForgejo, NotPossible, NotThere, PageChanged, Refused, ShimError
from ..models import Headers, Repo
from ..web import read_tasks
from .follow import follow
from .job import Viewer, job_details
from .joblog import open_log
from .latest import latest_on_web, latest_run
from .net import JSON_LIMIT, Net, Reply, encode, is_json, whole
from .pages import Reader
from .parts import Log, NativeLog, NativeReader, Relayed, WebLog, log_part, no_range
from .runjobs import RunFacts, relay, run_facts, run_jobs
from .runzip import entries, write_zip
from .server import Server
from .writes import write, write_question

# Taken over from the web's download; nothing else, above all no Set-Cookie (every version sets cookies there).
TAKEN_OVER = ("Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Date")
RUN = RUN_JOBS.removesuffix("/jobs")  # a run by its id (12 and later)
JSON_TYPE = ("Content-Type", "application/json;charset=utf-8")
TRUE = ("1", "t", "T", "true", "True", "TRUE")  # Go's strconv.ParseBool
# Schemes that carry who the caller is to any path. A signature binds one path, so it cannot be put to the question.
SCHEMES = ("token", "bearer", "basic")


async def capability(net: Net, server: Server, operation: Operation) -> Capability:
    """Step 2: whether the server has the operation itself; what no Forgejo has, a shim in front of it may have."""
    known = await server.capabilities(net)
    has = known.of(operation.verb, operation.template)
    if not operation.always_ours:
        return has
    parts = (known.of(operation.verb, f"{operation.template}?{name}") for name in operation.parts)
    return Capability.PRESENT if {has, *parts} == {Capability.PRESENT} else Capability.ABSENT


async def learn_from(
    net: Net, server: Server, operation: Operation, status: int, content_type: str, body: bytes
) -> bool:
    """Note what a native answer tells of the operation. True if the route is absent, so that the web is to be read.

    A 401 or 403 tells nothing: every API path gives it, known or not (recorded with REQUIRE_SIGNIN_VIEW). Nor does a
    page: no operation answers with HTML.
    """
    absent = is_absent_route(status, content_type, body)
    told_json = content_type.startswith("application/json")
    telling = status not in (401, 403, 429) and status < 500 and (told_json or status in (200, 206, 416))
    telling = telling and not content_type.startswith("text/html")
    if absent or telling:
        server.correct(net, await server.capabilities(net), operation.verb, operation.template, not absent)
    return absent


class Allowed(Protocol):
    """The repositories whose question was a yes for this caller; a set is one."""

    def __contains__(self, repo: str, /) -> bool: ...

    def add(self, repo: str, /) -> None:
        """Note a new yes."""
        ...


async def answer(
    net: Net, server: Server, operation: Operation, headers: Headers, allowed: Allowed, writes: bool = False
) -> Reply:
    """Steps 4 to 6 for an operation that the server lacks. `writes`: whether rerun and cancel are offered at all."""
    try:
        return await _answer(net, server, operation, headers, allowed, writes)
    except Relayed as relayed:
        return relayed.reply
    except ShimError as error:
        return refusal(error, net.base_url)


def refusal(error: ShimError, base_url: str) -> Reply:
    """An error as the caller gets it. One that is no answer of a server's (a state file, say) is raised."""
    if type(error) is ShimError:
        raise error
    more = [("Retry-After", str(error.retry_after))] if error.retry_after else []
    return Reply(error.status, [JSON_TYPE, *more], error_body(error, base_url), cause=error.cause)


async def _answer(
    net: Net, server: Server, operation: Operation, headers: Headers, allowed: Allowed, writes: bool
) -> Reply:
    if operation.method != operation.verb:
        return Reply(405, [("Allow", operation.verb)], b"")  # as 16 does, HEAD included
    refuse_signatures(headers)
    viewer = Viewer(net, server, operation.repo or Repo("-", "-"), operation.query)
    ask = partial(question, viewer, operation, allowed)
    if operation.repo is None:
        asked = write_question(net, operation) if writes and operation.verb == "POST" else ask()
        return await asked or _no_such_target()
    if operation.template in OF_LATEST:
        return await _latest(viewer, operation, allowed)
    if operation.parts:
        return await _part(viewer, operation, allowed)
    if operation.verb == "POST":
        return await _write(viewer, operation, allowed, writes)
    if operation.template in (RUN_JOBS, RUN_LOGS):
        return await _of_run(viewer, operation, allowed)
    if refusal := await ask():
        return refusal
    if operation.template == JOB:
        return Reply(200, [JSON_TYPE], encode(await job_details(viewer, operation)))
    return await _job_log(viewer, operation, headers)


def _no_such_target() -> Reply:
    raise NotThere("The target couldn't be found.")


async def _facts(viewer: Viewer, operation: Operation, allowed: Allowed) -> RunFacts | Reply:
    """The run by its id, or the API's refusal. Raises NotPossible where the API knows no run ids."""
    if operation.template == RERUN_NUMBER:
        return RunFacts(0, operation.id, 0, 0)
    facts = await run_facts(viewer, operation)
    if facts is not None:
        return facts
    if refusal := await question(viewer, operation, allowed):
        return refusal
    known = await viewer.server.capabilities(viewer.net)
    if known.of("GET", RUN) is Capability.PRESENT:  # the server lists it, so the 404 is of something in front of it
        raise PageChanged(f"{viewer.net.called} lists runs by id and answered as if it knew none; try again")
    raise NotPossible(
        "this server's API knows no run ids (they came with Forgejo 12); ask by job id, or by run number with the"
        " command forgejo-shim",
        cause="no-run-ids",
    )


async def _of_run(viewer: Viewer, operation: Operation, allowed: Allowed) -> Reply:
    facts = await _facts(viewer, operation, allowed)
    if isinstance(facts, Reply):
        return facts
    if operation.template == RUN_LOGS:
        found = await entries(viewer, facts)
        name = f'attachment; filename="run-{facts.id}-logs.zip"'
        return Reply(
            200, [("Content-Type", "application/zip"), ("Content-Disposition", name)], write_zip(viewer, facts, found)
        )
    return Reply(200, [JSON_TYPE], encode(await run_jobs(viewer, facts)))


async def _latest(viewer: Viewer, operation: Operation, allowed: Allowed) -> Reply:
    """The latest run, or its jobs or logs as the operation by its id gives them, natively where the server has it."""
    run = await latest_run(viewer, operation)
    if isinstance(run, Reply):
        return run
    if run is None:
        if refusal := await question(viewer, operation, allowed):
            return refusal
        if operation.template != LATEST:
            return await _of_run(viewer, operation.by_run(RUN_JOBS, 0), allowed)
        run = await latest_on_web(viewer, operation)
    if operation.template == LATEST:
        return Reply(200, [JSON_TYPE], encode(run))
    wanted = operation.by_run(RUN_JOBS if operation.template == LATEST_JOBS else RUN_LOGS, run["id"])
    if await capability(viewer.net, viewer.server, wanted) is not Capability.ABSENT:
        native = await viewer.api(wanted.path)
        if native.status == 200:
            kept = ("Content-Type", "Content-Length", "Content-Disposition", "Date")
            return Reply(200, native.headers.only(*kept), native)
        if refusal := await relay(native, operation):
            return refusal
    return await _of_run(viewer, wanted, allowed)


async def _part(viewer: Viewer, operation: Operation, allowed: Allowed) -> Reply:
    """A part of a log, or all of it as it grows."""
    log = await _log(viewer, operation)
    reads_web = not isinstance(log, NativeLog) or "step" in operation.parts
    if reads_web and (refusal := await question(viewer, operation, allowed)):
        return refusal
    if set(operation.parts) != {"follow"}:
        return await log_part(viewer, operation, log)
    if operation.parts["follow"] not in TRUE:
        return no_range("follow is true or false")

    async def still_allowed() -> None:
        refusal = await question(viewer, operation, allowed) if reads_web else None
        if refusal:
            raise Refused("the caller may no longer read this log", refusal.status)

    return await follow(viewer.net, log, still_allowed)


async def _log(viewer: Viewer, operation: Operation) -> Log:
    """The job's log as it can be read here: natively, if what pins it is native too, else from the web UI."""
    net, known = viewer.net, await viewer.server.capabilities(viewer.net)
    has = {name: known.of("GET", name) is Capability.PRESENT for name in (JOB_LOGS, RUN_JOBS, JOB)}
    if has[JOB_LOGS] and (has[RUN_JOBS] or has[JOB]):
        return NativeLog(net, NativeReader(viewer, operation.query, has[JOB]), operation)
    return WebLog(viewer, operation.id, operation.attempt)


async def _write(viewer: Viewer, operation: Operation, allowed: Allowed, writes: bool) -> Reply:
    net = viewer.net
    if not writes:
        if refusal := await question(viewer, operation, allowed):
            return refusal
        raise NotPossible(
            "this shim reruns and cancels nothing; whoever runs it can switch that on, with --allow-writes",
            cause="writes-off",
        )
    if refusal := await write_question(net, operation):
        return refusal
    if operation.template == RERUN_JOB:
        return await write(viewer, operation, None)
    facts = await _facts(viewer, operation, allowed)
    return facts if isinstance(facts, Reply) else await write(viewer, operation, facts)


async def question(reader: Reader, operation: Operation, allowed: Allowed) -> Reply | None:
    """Ask the API, as the caller, whether it may read Actions here; None is a yes, else the API's own refusal."""
    repo = operation.repo
    if repo and repo.key in allowed:
        return None
    answer = await reader.api(operation.question)
    if answer.status != 200:
        if reply := await relay(answer, operation):
            return reply
        raise NotForgejo(
            f"{reader.net.called} has no API of Actions: it is no Forgejo, or one older than 8; check the address",
            cause="no-actions-api",
        )
    if not is_json(answer):
        await answer.close()
        raise PageChanged("the API answered the question of the caller's rights with something that is no JSON")
    read_tasks(await whole(answer, JSON_LIMIT, "the API's answer to the question of the caller's rights"))
    if repo:
        allowed.add(repo.key)
    return None


async def _job_log(reader: Reader, operation: Operation, headers: Headers) -> Reply:
    """Nothing conditional goes to the web's download: with `If-Match` it never ends, `If-Modified-Since` it ignores."""
    ranges = [] if headers.get("If-Range") else headers.only("Range")
    opened = await open_log(reader, operation.id, operation.attempt, ranges)
    return Reply(opened.answer.status, opened.answer.headers.only(*TAKEN_OVER), opened.answer, opened.task)


def refuse_signatures(headers: Headers) -> None:
    """Raise NotPossible for credentials that bind the path they were made for."""
    scheme = headers.get("Authorization").split(" ", 1)[0].lower()
    if headers.get("Signature") or scheme not in ("", *SCHEMES):
        raise NotPossible(
            "this way of signing requests binds each path, so the shim cannot ask in your name; use a token",
            cause="signature-auth",
        )
