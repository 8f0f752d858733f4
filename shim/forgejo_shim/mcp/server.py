"""The tools as a server of the protocol: calls are checked, run in threads, and answered, whatever goes wrong.

Rules: a call's work is blocking, so it runs in a thread; at most `THREADS` at once, and beside them `WAITING` that wait
for a log. Where there are several callers, each may have one in `SHARE` of them. One call more is an error that says
so; none queues up. A call that its client has given up ends at its next look at the clock or the log. An error is an
answer with its cause (answers.py); one that nobody foresaw is named by its type on stderr, and neither its text nor a
traceback is shown to anybody.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import anyio
import fastjsonschema
from anyio.from_thread import check_cancelled
from mcp import types
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server

from ..client import Client
from ..errors import ShimError, TooMany, WrongArguments
from ..models import Repo
from ..proxy.limits import Streams
from .answers import told
from .asking import Asking
from .calls import CALLS
from .schemas import Schema, Tool
from .tools import INSTRUCTIONS, READING, WRITING

THREADS, WAITING = 32, 16
SHARE = 4  # so many callers can have all of them

Context = ServerRequestContext[Any, Any]


class Tools:
    """The tools with what they are run by.

    `client_of` gives the client of a call's caller, `message_of` what is said of an error, `callers_of` opaque names of
    who calls (none: all calls are one caller's); each may raise ShimError. `repo` is the repository where a call names
    none; `writes`: whether rerun and cancel are among the tools.
    """

    def __init__(
        self,
        client_of: Callable[[Context], Client],
        message_of: Callable[[Context, ShimError], str],
        *,
        callers_of: Callable[[Context], frozenset[bytes]] = lambda _: frozenset(),
        repo: Repo | None = None,
        writes: bool = False,
    ) -> None:
        self._client_of = client_of
        self._message_of = message_of
        self._callers_of = callers_of
        self._tools = {tool.name: tool for tool in (*READING, *(WRITING if writes else ()))}
        schemas = {name: tool.input_schema(str(repo) if repo else None) for name, tool in self._tools.items()}
        self._listed = types.ListToolsResult(tools=[_listed(self._tools[name], schemas[name]) for name in schemas])
        self._check = {name: fastjsonschema.compile(schema) for name, schema in schemas.items()}
        self._threads = anyio.CapacityLimiter(THREADS), Streams(THREADS // SHARE)
        self._waiting = anyio.CapacityLimiter(WAITING), Streams(WAITING // SHARE)

    def server(self, version: str) -> Server[Any]:
        """A server of the SDK with these tools."""
        return Server(
            "forgejo-shim",
            version=version,
            title="Forgejo Actions",
            instructions=INSTRUCTIONS,
            on_list_tools=self.list,
            on_call_tool=self.call,
        )

    async def list(self, context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
        """The tools."""
        return self._listed

    async def call(self, context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
        """The answer of a tool, or the error that says why there is none."""
        try:
            given = self._given(params.name, params.arguments or {})
            limiter, shares = self._waiting if params.name == "follow_log" else self._threads
            work = partial(self._answer, params.name, given, context)
            async with shares.slot(self._callers_of(context)):
                facts, text = await anyio.to_thread.run_sync(work, limiter=self._free(limiter))
        except ShimError as error:
            error.message = self._message_of(context, error)
            return _result(*told(error), is_error=True)
        except Exception as error:  # whatever it is, the server goes on
            print(f"forgejo-shim: a tool failed ({type(error).__name__})", file=sys.stderr, flush=True)
            failed = ShimError("the tool failed at this; report it, with the arguments of the call")
            return _result(*told(failed), is_error=True)
        return _result(facts, text)

    def _answer(self, name: str, given: Mapping[str, Any], context: Context) -> tuple[dict[str, Any], str]:
        return CALLS[name](Asking(self._client_of(context), given, check_cancelled)).both()

    def _given(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with their defaults. Raises WrongArguments."""
        if name not in self._tools:
            raise WrongArguments(f"there is no tool of that name; there are {', '.join(self._tools)}")
        given = {key: value for key, value in arguments.items() if value is not None}
        if type(given.get("run")) is int:  # as many models write it
            given["run"] = str(given["run"])
        try:
            return dict(self._check[name](given))
        except fastjsonschema.JsonSchemaValueException as error:
            said = error.message.removeprefix("data.")
            raise WrongArguments(f"the arguments do not fit: {said.removeprefix('data ')}") from None

    @staticmethod
    def _free(limiter: anyio.CapacityLimiter) -> anyio.CapacityLimiter:
        if limiter.borrowed_tokens >= limiter.total_tokens:
            raise TooMany("as many calls are under way as this server takes; ask again", cause="too-many-calls")
        return limiter


def _listed(tool: Tool, schema: Schema) -> types.Tool:
    return types.Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=schema,
        output_schema=tool.output_schema(),
        annotations=types.ToolAnnotations(
            title=tool.title,
            read_only_hint=not tool.writes,
            destructive_hint=tool.writes,  # a rerun, too: its steps may deploy or delete
            idempotent_hint=tool.is_idempotent,
            open_world_hint=True,  # what a run wrote can come from anybody
        ),
    )


def _result(facts: dict[str, Any], text: str, *, is_error: bool = False) -> types.CallToolResult:
    content: Iterable[types.ContentBlock] = [types.TextContent(type="text", text=text)]
    return types.CallToolResult(content=list(content), structured_content=facts, is_error=is_error)
