"""`forgejo-shim mcp`: runs, jobs, logs and the reasons of failures as tools for an agent (Model Context Protocol).

Rules: by standard input and output the credentials are those of every verb; by HTTP each request brings its own token,
and only the web account is the server's. Needs the extra `mcp`.
"""

from __future__ import annotations

import re
import signal
from typing import Any

import click

from .. import __version__
from ..errors import ShimError
from .config import Credentials
from .help import Verb, option_of
from .hints import with_hint
from .output import note
from .serve_options import parse_address
from .settings import CommonOptions, common
from .target import Target, parse_target, target_here

EVERYWHERE = ("0.0.0.0", "::", "")
OF_THE_EXTRA = {"mcp", "mcp_types", "anyio", "pydantic", "starlette", "uvicorn"}
tool_option, address_option = map(option_of, ("Tools", "HTTP"))


def parse_host(value: str) -> str:
    """The name of a host, and a port where it has one. Raises BadParameter."""
    if not re.fullmatch(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", value):
        raise click.BadParameter(f"{value!a} is not a host; use NAME or NAME:PORT, such as tools.example")
    return value


@click.command(
    cls=Verb,
    examples=["forgejo-shim mcp", "forgejo-shim mcp --repo OWNER/REPO", "forgejo-shim mcp --listen 127.0.0.1:8090"],
)
@tool_option(
    "--repo",
    metavar="OWNER/REPO",
    type=parse_target,
    help="The repository where a call names none. Default: the git clone's.",
)
@tool_option("--allow-writes", is_flag=True, help="Offer rerun and cancel, too. They need the right to write.")
@address_option(
    "--listen",
    metavar="HOST:PORT",
    type=parse_address,
    help="Serve by HTTP, at http://HOST:PORT/mcp, instead of by standard input and output.",
)
@address_option(
    "--host",
    "hosts",
    metavar="NAME[:PORT]",
    type=parse_host,
    multiple=True,
    help="Another name that clients call this server by, as behind a proxy. May be repeated.",
)
@common
@click.pass_obj
def mcp(
    settings: CommonOptions,
    repo: Target | None,
    allow_writes: bool,
    listen: tuple[str, int] | None,
    hosts: tuple[str, ...],
) -> None:
    """Serve tools for agents: why a run failed, runs, jobs, logs.

    By standard input and output with your credentials, as a client of the protocol starts it. With --listen by HTTP:
    each request is asked for with the token in its own Authorization header, and without one as anybody may. Your
    token is then not used; your web account is, for what the API lets the caller read.
    """
    if hosts and not listen:
        raise click.UsageError("--host is for --listen; give both")
    if listen and listen[0] in EVERYWHERE and not hosts:
        raise click.UsageError("name the host that clients call this server by: --host NAME")
    try:
        if listen:
            _over_http(settings, repo, allow_writes, listen, hosts)
        else:
            _over_stdio(settings, repo, allow_writes)
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in OF_THE_EXTRA:
            raise
        raise ShimError("the tool server needs further packages: pip install 'forgejo-shim[mcp]'") from None


def _over_stdio(settings: CommonOptions, at: Target | None, writes: bool) -> None:
    import anyio

    from ..mcp.serve import serve_stdio
    from ..mcp.server import Tools

    at = at or target_here(settings, is_needed=False)
    with settings.client(at.server if at else None) as client:
        repo = at.repo if at else None
        tools = Tools(lambda _: client, lambda _, error: with_hint(error, settings.used), repo=repo, writes=writes)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # else it ends only with the next line of standard input
        anyio.run(serve_stdio, tools.server(__version__))


def _over_http(
    settings: CommonOptions, at: Target | None, writes: bool, listen: tuple[str, int], hosts: tuple[str, ...]
) -> None:
    import anyio

    from ..mcp.serve import PATH, callers, hosts_of, listening, serve_http, share, token_of
    from ..mcp.server import Tools

    with settings.client(at.server if at else None) as own, listening(*listen) as sock:
        client, repo = share(own), at.repo if at else None
        tools = Tools(
            lambda call: client.as_caller(token_of(call)), _message, callers_of=callers, repo=repo, writes=writes
        )
        host, port = sock.getsockname()[:2]
        shown = f"http://[{host}]:{port}{PATH}" if ":" in host else f"http://{host}:{port}{PATH}"

        def say() -> None:
            note(f"forgejo-shim: tools at {shown} for {client.base_url}, {client.adapter.server.session.account}")

        anyio.run(serve_http, tools.server(__version__), sock, hosts_of(host, port, hosts), say)


def _message(call: Any, error: ShimError) -> str:
    """What is said of an error by HTTP, where the token is the caller's."""
    source = "the Authorization header"
    if "authorization" not in call.request.headers:
        source += ", which the request lacks"
    return with_hint(error, Credentials(token_source=source))
