"""The options of `serve`: one table, of which flags, variables, keys, the help and the operators' page are made.

Rules: an option's name gives the other two: --admin-listen is FORGEJO_SHIM_ADMIN_LISTEN, and in `[serve]` of the config
file `admin_listen`. The flag counts first, then the variable (serve_table.py). Credentials are no options. What is for
one start has neither variable nor key.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from ..faces.all import NAMES
from ..proxy.headers import ALWAYS, HOP_BY_HOP
from .help import option_of
from .serve_table import read_table
from .settings import shared

F = TypeVar("F", bound=Callable[..., Any])
NO_IDENTITY = HOP_BY_HOP | ALWAYS | {"authorization", "cookie"}
address, rights, limit, start = map(
    option_of, ("Addresses", "Callers and their rights", "Limits and log", "Before it serves")
)
FLAG_ONLY: dict[str, Any] = {"is_flag": True, "allow_from_autoenv": False}


class HostPort(NamedTuple):
    """An address that listens."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(value: str) -> HostPort:
    """HOST:PORT as its two parts; an IPv6 address stands in brackets. Raises BadParameter."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", value)
    if not found or int(found[3]) > 65535:
        raise click.BadParameter(f"{value!a} is not an address; use HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")
    return HostPort(found[1] or found[2], int(found[3]))


def parse_network(value: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A network in CIDR notation, such as 10.0.0.0/8, or one address. Raises BadParameter."""
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        raise click.BadParameter(f"{value!a} is not a network; use CIDR, such as 10.0.0.0/8") from None


def parse_identity_header(value: str) -> str:
    """The name of a header that says who somebody is, as headers are compared: in lower case and with `-`.

    Raises BadParameter, also for one that every caller needs: it would be kept from all but trusted proxies.
    """
    if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", value):
        raise click.BadParameter(f"{value!a} is not the name of a header; use a name such as X-Remote-User")
    plain = value.lower().replace("_", "-")
    if plain in NO_IDENTITY:
        raise click.BadParameter(f"{value} has a meaning of its own in HTTP; use a header such as X-Remote-User")
    return plain


_OPTIONS = (
    address(
        "--upstream",
        metavar="URL",
        help="Address of the Forgejo server. Default: --server, FORGEJO_URL, then the config file.",
    ),
    address(
        "--listen",
        metavar="HOST:PORT",
        type=parse_address,
        default="127.0.0.1:8080",
        help="Address that clients connect to.",
    ),
    address(
        "--admin-listen",
        metavar="HOST:PORT",
        type=parse_address,
        help="Serve /-/shim/ (health, readiness, metrics) on this address only.",
    ),
    address(
        "--tls-cert",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Certificate (PEM, with its chain) for https at --listen. SIGHUP reads it and its key again.",
    ),
    address(
        "--tls-key",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Key of --tls-cert (PEM, without a passphrase).",
    ),
    address(
        "--face",
        type=click.Choice(NAMES),
        multiple=True,
        help="Serve another API too: forgejo-proxy's routes at /api/v1, whose run numbers then replace run ids in"
        " runs/{run_id}/…, GitHub's REST API at /api/v3, or Gitea's at /compat/gitea. May be repeated.",
    ),
    address(
        "--gitea-host",
        metavar="NAME",
        default="",
        help="Name of this proxy at which /api/v1 is Gitea's API too, with --face gitea.",
    ),
    rights(
        "--keep",
        metavar="SECONDS",
        type=click.FloatRange(0, 30),
        default=30,
        help="How long to cache that a caller may read a repository; 0 asks each time.",
    ),
    rights(
        "--trust",
        metavar="CIDR",
        type=parse_network,
        multiple=True,
        help="Trusted proxies (CIDR) whose X-Forwarded-* and identity headers are honoured. May be repeated.",
    ),
    rights(
        "--identity-header",
        metavar="NAME",
        type=parse_identity_header,
        multiple=True,
        help="Another header that signs a user in, besides X-WebAuth-*. Honoured from --trust only. May be repeated.",
    ),
    rights(
        "--allow-writes",
        is_flag=True,
        help="Allow rerun, cancel and deleting artifacts. The web account does them and needs write access.",
    ),
    limit(
        "--limit",
        metavar="N",
        type=click.IntRange(1),
        default=512,
        help="How many requests may wait for the server at once.",
    ),
    limit(
        "--streams-per-caller",
        metavar="N",
        type=click.IntRange(1),
        default=100,
        help="How many answers from the web UI one caller may have open.",
    ),
    limit(
        "--idle-timeout",
        metavar="SECONDS",
        type=click.FloatRange(1, 86400),
        default=600,
        help="Close a connection on which nothing is sent or read for so long.",
    ),
    limit(
        "--drain",
        metavar="SECONDS",
        type=click.FloatRange(0.1, 3600),
        default=30,
        help="How long open answers may go on after a stop signal.",
    ),
    limit(
        "--workers",
        metavar="N",
        type=click.IntRange(1, 256),
        default=1,
        help="How many processes serve. Above 1, a parent starts them, and starts again what ends. Linux only.",
    ),
    limit(
        "--state-key-file",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="File with the key that seals a shared state: 32 bytes in base64, from openssl rand -base64 32. Of"
        " several, one a line, the first seals. Its text can be in FORGEJO_SHIM_STATE_KEY instead.",
    ),
    limit("--no-access-log", is_flag=True, help="Write no access log (JSON lines on stdout)."),
    start("--check", **FLAG_ONLY, help="Try server, account, certificate and state, say what works, and end."),
    start("--print-config", **FLAG_ONLY, help="Print each option, its value and where that is from, and end."),
    shared("config", is_eager=True, callback=read_table),
    shared("state"),
    shared("json", **FLAG_ONLY),
)


def serve_options(command: F) -> F:
    """Give the command the options of the table."""
    for give in reversed(_OPTIONS):
        command = give(command)
    return command
