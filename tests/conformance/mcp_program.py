"""A server of tools for language models that others wrote, as a program at a proxy: its tools as a function."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import mcp
from anyio.from_thread import start_blocking_portal
from client_programs import Client, Failed, program
from mcp.client.stdio import StdioServerParameters, stdio_client

Tool = Callable[..., Any]


@contextmanager
def tools(client: Client, *words: str, **environment: str) -> Iterator[Tool]:
    """Calls a tool for a repository; what it tells in JSON. Raises Failed."""
    (command,) = program(client.name)
    where = StdioServerParameters(command=command, args=list(words), env={**client.environment, **environment})
    with start_blocking_portal() as portal:
        with portal.wrap_async_context_manager(mcp.Client(stdio_client(where))) as server:

            def call(name: str, repo: str = client.repo.full, **arguments: Any) -> Any:
                owner, _, repo = repo.partition("/")
                try:
                    result = portal.call(server.call_tool, name, {"owner": owner, "repo": repo, **arguments})
                except mcp.MCPError as error:  # as some tell of an error of the server behind
                    raise Failed(str(error)) from None
                text = result.content[0].text
                if result.is_error:
                    raise Failed(text)
                return json.loads(text)

            yield call
