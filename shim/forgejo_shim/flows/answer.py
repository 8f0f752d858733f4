"""What is done with one request of the contract, step by step.

1. Not an operation of the contract: not ours, on untouched (the driver recognises).
2. Is the operation native here? By capability, per operation. If that is unknown (swagger off), the driver asks
   natively first and `learn_from` reads the answer.
3. Native: on, untouched. A native 404 is an answer, never a reason to read the web UI.
4. Else the question of the caller's rights is put to the API as the caller; any other answer than a yes is relayed.
5. The place is found and proved, the answer is made with 16's status, headers and bytes.
6. An error becomes the status, the JSON and the message that 16 would give; beyond the contract, `cause` says why.
"""

from __future__ import annotations

from ..capabilities import Capability
from ..contract import JOB_LOGS, RUN_LOGS, Operation, error_body, is_absent_route
from ..errors import NotForgejo, NotPossible, NotThere, PageChanged, ShimError
from ..models import Headers, Repo
from ..web import read_tasks
from .joblog import open_log
from .net import JSON_LIMIT, Net, Reply, encode, is_json, whole
from .pages import Reader
from .runjobs import relay, run_facts, run_jobs
from .runzip import entries, write_zip
from .server import Server

# Taken over from the web's download; nothing else, above all no Set-Cookie (every version sets cookies there).
TAKEN_OVER = ("Content-Type", "Content-Length", "Content-Range", "Accept-Ranges", "Date")
JSON_TYPE = ("Content-Type", "application/json;charset=utf-8")
# Schemes that carry who the caller is to any path. A signature binds one path, so it cannot be put to the question.
SCHEMES = ("token", "bearer", "basic")


async def capability(net: Net, server: Server, operation: Operation) -> Capability:
    """Step 2: whether the server has the operation itself."""
    return (await server.capabilities(net)).of("GET", operation.template)


async def learn_from(
    net: Net, server: Server, operation: Operation, status: int, content_type: str, body: bytes
) -> bool:
    """Note what a native answer tells of the operation. True if the route is absent, so that the web is to be read.

    A 401 or 403 tells nothing: every API path gives it, known or not (recorded with REQUIRE_SIGNIN_VIEW). Nor does a
    page: no operation answers with HTML.
    """
    absent = is_absent_route(status, content_type, body)
    telling = status not in (401, 403, 429) and status < 500 and not content_type.startswith("text/html")
    if absent or telling:
        server.correct(net, await server.capabilities(net), "GET", operation.template, not absent)
    return absent


async def answer(net: Net, server: Server, operation: Operation, headers: Headers, allowed: set[str]) -> Reply:
    """Steps 4 to 6 for an operation that the server lacks. `allowed` are the repositories whose question was a yes
    for this caller in this session; a new yes is added."""
    try:
        return await _answer(net, server, operation, headers, allowed)
    except ShimError as error:
        return refusal(error, server.base_url)


def refusal(error: ShimError, base_url: str) -> Reply:
    """An error as the caller gets it. One that is no answer of a server's (a state file, say) is raised."""
    if type(error) is ShimError:
        raise error
    more = [("Retry-After", str(error.retry_after))] if error.retry_after else []
    return Reply(error.status, [JSON_TYPE, *more], error_body(error, base_url))


async def _answer(net: Net, server: Server, operation: Operation, headers: Headers, allowed: set[str]) -> Reply:
    if operation.method != "GET":
        return Reply(405, [("Allow", "GET")], b"")  # as 16 does, HEAD included
    refuse_signatures(headers)
    repo = operation.repo
    reader = Reader(net, server, repo or Repo("-", "-"), operation.query)
    if operation.template == JOB_LOGS or repo is None:
        if refusal := await question(reader, operation, allowed):
            return refusal
        if repo is None:
            raise NotThere("The target couldn't be found.")
        return await _job_log(reader, operation, headers)
    facts = await run_facts(reader, operation)
    if isinstance(facts, Reply):
        return facts
    if facts is None:
        if refusal := await question(reader, operation, allowed):
            return refusal
        raise NotPossible(
            "this server's API knows no run ids (they came with Forgejo 12); ask by job id, or by run number with the"
            " command forgejo-shim",
            cause="no-run-ids",
        )
    if operation.template == RUN_LOGS:
        found = await entries(reader, facts)
        name = f'attachment; filename="run-{facts.id}-logs.zip"'
        return Reply(
            200, [("Content-Type", "application/zip"), ("Content-Disposition", name)], write_zip(reader, facts, found)
        )
    return Reply(200, [JSON_TYPE], encode(await run_jobs(reader, facts)))


async def question(reader: Reader, operation: Operation, allowed: set[str]) -> Reply | None:
    """Ask the API, as the caller, whether it may read Actions here; None is a yes, else the API's own refusal."""
    key = f"{operation.owner_segment}/{operation.repo_segment}".lower()
    if key in allowed:
        return None
    answer = await reader.api(operation.question)
    if answer.status != 200:
        if reply := await relay(answer, operation):
            return reply
        raise NotForgejo(
            f"{reader.server.base_url} has no API of Actions: it is no Forgejo, or one older than 8; check the address",
            cause="no-actions-api",
        )
    if not is_json(answer):
        await answer.close()
        raise PageChanged("the API answered the question of the caller's rights with something that is no JSON")
    read_tasks(await whole(answer, JSON_LIMIT, "the API's answer to the question of the caller's rights"))
    allowed.add(key)
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
