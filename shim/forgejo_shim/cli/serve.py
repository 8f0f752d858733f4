"""`forgejo-shim serve`: the proxy, so that clients in any language need no shim of their own.

Rules: credentials come as for every verb, or from the files that `FORGEJO_SHIM_WEB_…_FILE` name (secrets of a
container); never from an option. The access log goes to stdout, all else to stderr. Needs the extra `proxy`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .. import __version__
from ..environment import Way, proxy_variable
from ..errors import ShimError
from ..store.memory import MemoryStore
from ..store.sqlite import SQLiteStore
from ..webui.session import WebSession
from .config import WEB
from .output import note
from .settings import Settings, shared

SECRET = 64 * 1024  # bytes of a file with a credential


class AddressType(click.ParamType[tuple[str, int]]):
    """HOST:PORT; an IPv6 address stands in brackets."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """HOST:PORT as its two parts."""
        found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", value)
        if not found or int(found[3]) > 65535:
            self.fail(f"{value!a} is no address; give HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080", param, ctx)
        return found[1] or found[2], int(found[3])


class NetworkType(click.ParamType[ipaddress.IPv4Network | ipaddress.IPv6Network]):
    """An address or a network in CIDR notation."""

    name = "cidr"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
        """A network such as 10.0.0.0/8, or one address."""
        try:
            return ipaddress.ip_network(value)
        except ValueError:
            self.fail(f"{value!a} is no network; give it as 10.0.0.0/8", param, ctx)


@click.command()
@click.option(
    "--upstream", metavar="URL", help="The Forgejo behind; default: --server, FORGEJO_URL, then the config file's."
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    type=AddressType(),
    default="127.0.0.1:8080",
    show_default=True,
    help="Where clients come.",
)
@click.option(
    "--admin-listen",
    metavar="HOST:PORT",
    type=AddressType(),
    help="Serve /-/shim/ (healthz, readyz, metrics) here, and at --listen no more.",
)
@click.option(
    "--keep",
    metavar="SECONDS",
    type=click.FloatRange(0, 30),
    default=30,
    show_default=True,
    help="How long a caller's right to read a repository is believed; 0: it is asked for each time.",
)
@click.option(
    "--trust",
    metavar="CIDR",
    type=NetworkType(),
    multiple=True,
    help="Who may say for whom it speaks (X-Forwarded-*, identity headers): a reverse proxy in front.",
)
@click.option(
    "--identity-header",
    metavar="NAME",
    multiple=True,
    help="A header that signs somebody in at the server, besides X-WebAuth-*; taken from --trust alone.",
)
@click.option("--allow-writes", is_flag=True, help="Offer rerun and cancel, done by the web account.")
@click.option(
    "--face",
    type=click.Choice(["forgejo-proxy"]),
    help="Whose clients are served at /api/v1 too: there its runs/{run_number}/… hide the operations by run id.",
)
@click.option(
    "--idle-timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 86400),
    default=600,
    show_default=True,
    help="How long a server that sends nothing, or a client that takes nothing, is waited for.",
)
@click.option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=512,
    show_default=True,
    help="Requests to the server whose answer has not begun.",
)
@click.option(
    "--streams-per-caller",
    metavar="N",
    type=click.IntRange(1),
    default=100,
    show_default=True,
    help="Answers made from the web that one caller may have under way.",
)
@click.option(
    "--drain",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    default=30,
    show_default=True,
    help="How long answers under way may go on after SIGTERM.",
)
@click.option("--no-access-log", is_flag=True, help="Log no requests (JSON lines on stdout).")
@shared("config", "state")
@click.pass_obj
def serve(settings: Settings, /, upstream: str | None, **given: Any) -> None:
    """Put 16's job and log endpoints in front of a Forgejo of any version.

    Clients use their own tokens at the address that this listens at. SIGTERM, SIGINT and SIGHUP end it.
    """
    try:
        from ..proxy import serve as proxy
        from ..proxy.access import AccessLog
        from ..proxy.options import Options
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("aiohttp", "prometheus_client", "yarl"):
            raise
        raise ShimError("the proxy needs packages that are not there: pip install 'forgejo-shim[proxy]'") from None
    settings.server = upstream or settings.server
    server, credentials = settings.place(with_files(os.environ))
    way = _way(settings, server)
    options = Options(
        server,
        credentials.web,
        store=SQLiteStore(settings.state) if settings.state and not settings.no_state else MemoryStore(),
        keep=given["keep"],
        idle=given["idle_timeout"],
        limit=given["limit"],
        streams=given["streams_per_caller"],
        trusted=given["trust"],
        identity=frozenset(name.lower().replace("_", "-") for name in given["identity_header"]),
        writes=given["allow_writes"],
        own_is_apart=given["admin_listen"] is not None,
        face=given["face"] is not None,
        way=way,
        version=__version__,
    )
    at = proxy.Address(*given["listen"])
    own = proxy.Address(*given["admin_listen"]) if given["admin_listen"] else None
    log = None if given["no_access_log"] else AccessLog(_to_stdout)

    def say() -> None:
        account = WebSession(options.web).account
        note(f"forgejo-shim: {at} in front of {server}, {account}" + (f"; /-/shim/ at {own}" if own else ""))

    asyncio.run(proxy.serve(options, at, own=own, drain=given["drain"], log=log, ready=say))


def with_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with the web credentials that are in files. Raises ShimError."""
    found = dict(environment)
    for name in WEB.values():
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        if environment.get(name):
            raise click.UsageError(f"give {name} or {name}_FILE, not both")
        try:
            with Path(path).open("rb") as file:
                found[name] = file.read(SECRET).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ShimError(f"the file that {name}_FILE names is no UTF-8 text") from None
        except OSError as error:
            raise ShimError(f"the file that {name}_FILE names cannot be read ({error.strerror})") from None
    return found


def _way(settings: Settings, server: str) -> Way:
    """The way to the server. Raises ShimError for a proxy that aiohttp cannot use."""
    way = settings.way(server)
    if way.proxy and not way.proxy.lower().startswith(("http:", "https:")):
        name = proxy_variable(server)
        raise ShimError(f"{name} names a proxy of a kind that serve cannot use; give http://HOST:PORT, or set NO_PROXY")
    return way


def _to_stdout(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
