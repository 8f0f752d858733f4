"""`forgejo-shim serve`: the proxy, so that clients in any language can use it.

Rules: credentials come as for every verb, or from files that `FORGEJO_SHIM_WEB_…_FILE` name (a container's secrets),
never from an option. The access log goes to stdout, all else to stderr. Needs the extra `proxy`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..environment import NetworkSettings, proxy_variable
from ..errors import ShimError
from ..faces.all import NAMES
from ..models import WebCredentials
from ..proxy.headers import ALWAYS, HOP_BY_HOP
from ..store.memory import MemoryStore
from ..store.sqlite import SQLiteStore
from ..webui.session import WebSession
from .config import WEB
from .help import Verb, option_of
from .output import note
from .settings import CommonOptions, shared

if TYPE_CHECKING:
    from ..proxy.options import Options

SECRET_LIMIT = 64 * 1024  # bytes of a file with a credential
NO_IDENTITY = HOP_BY_HOP | ALWAYS | {"authorization", "cookie"}
address_option, rights_option, limit_option = map(
    option_of, ("Addresses", "Callers and their rights", "Limits and log")
)


def parse_address(value: str) -> tuple[str, int]:
    """HOST:PORT as its two parts; an IPv6 address stands in brackets. Raises BadParameter."""
    found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})", value)
    if not found or int(found[3]) > 65535:
        raise click.BadParameter(f"{value!a} is not an address; use HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080")
    return found[1] or found[2], int(found[3])


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


@click.command(
    cls=Verb,
    examples=[
        "forgejo-shim serve --upstream https://forge.example --listen 127.0.0.1:8080",
        "forgejo-shim serve --upstream http://127.0.0.1:3000 --trust 127.0.0.1",
    ],
)
@address_option(
    "--upstream",
    metavar="URL",
    help="Address of the Forgejo server. Default: --server, FORGEJO_URL, then the config file.",
)
@address_option(
    "--listen",
    metavar="HOST:PORT",
    type=parse_address,
    default="127.0.0.1:8080",
    help="Address that clients connect to.",
)
@address_option(
    "--admin-listen",
    metavar="HOST:PORT",
    type=parse_address,
    help="Serve /-/shim/ (health, readiness, metrics) on this address only.",
)
@address_option(
    "--tls-cert",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Certificate (PEM, with its chain) for https at --listen. SIGHUP reads it and its key again.",
)
@address_option(
    "--tls-key",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Key of --tls-cert (PEM, without a passphrase).",
)
@address_option(
    "--face",
    "faces",
    type=click.Choice(NAMES),
    multiple=True,
    help="Serve another API too: forgejo-proxy's routes at /api/v1, whose run numbers then replace run ids in"
    " runs/{run_id}/…, GitHub's REST API at /api/v3, or Gitea's at /compat/gitea. May be repeated.",
)
@address_option(
    "--gitea-host",
    metavar="NAME",
    default="",
    help="Name of this proxy at which /api/v1 is Gitea's API too, with --face gitea.",
)
@rights_option(
    "--keep",
    metavar="SECONDS",
    type=click.FloatRange(0, 30),
    default=30,
    help="How long to cache that a caller may read a repository; 0 asks each time.",
)
@rights_option(
    "--trust",
    metavar="CIDR",
    type=parse_network,
    multiple=True,
    help="Trusted proxies (CIDR) whose X-Forwarded-* and identity headers are honoured. May be repeated.",
)
@rights_option(
    "--identity-header",
    metavar="NAME",
    type=parse_identity_header,
    multiple=True,
    help="Another header that signs a user in, besides X-WebAuth-*. Honoured from --trust only. May be repeated.",
)
@rights_option(
    "--allow-writes",
    is_flag=True,
    help="Allow rerun, cancel and deleting artifacts. The web account does them and needs write access.",
)
@limit_option(
    "--limit",
    metavar="N",
    type=click.IntRange(1),
    default=512,
    help="How many requests may wait for the server at once.",
)
@limit_option(
    "--streams-per-caller",
    metavar="N",
    type=click.IntRange(1),
    default=100,
    help="How many answers from the web UI one caller may have open.",
)
@limit_option(
    "--idle-timeout",
    metavar="SECONDS",
    type=click.FloatRange(1, 86400),
    default=600,
    help="Close a connection on which nothing is sent or read for so long.",
)
@limit_option(
    "--drain",
    metavar="SECONDS",
    type=click.FloatRange(0.1, 3600),
    default=30,
    help="How long open answers may go on after a stop signal.",
)
@limit_option("--no-access-log", is_flag=True, help="Write no access log (JSON lines on stdout).")
@shared("config", "state")
@click.pass_obj
def serve(settings: CommonOptions, /, upstream: str | None, **given: Any) -> None:
    """Run a proxy that adds Forgejo 16's job and log API.

    Clients send their own tokens to the proxy's address. All other requests go to the server unchanged. SIGTERM, SIGINT
    and, without --tls-cert, SIGHUP stop it.
    """
    cert, key = given["tls_cert"], given["tls_key"]
    if (cert is None) != (key is None):
        raise click.UsageError("give --tls-cert and --tls-key, or neither")
    try:
        from ..proxy import serve as proxy
        from ..proxy.access import AccessLog
        from ..proxy.certificate import Certificate
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("aiohttp", "cryptography", "prometheus_client", "yarl"):
            raise
        raise ShimError("the proxy needs further packages: pip install 'forgejo-shim[proxy]'") from None
    settings.server = upstream or settings.server
    server, credentials = settings.server_and_credentials(with_secret_files(os.environ))
    options = _options(settings, server, credentials.web, given)
    host, port = given["listen"]
    at = proxy.Address(host, port, Certificate(cert, key) if cert else None)
    own = proxy.Address(*given["admin_listen"]) if given["admin_listen"] else None
    log = None if given["no_access_log"] else AccessLog(_to_stdout)

    def say() -> None:
        account = WebSession(options.web).account
        note(f"forgejo-shim: {at} in front of {server}, {account}" + (f"; /-/shim/ at {own}" if own else ""))

    asyncio.run(proxy.serve(options, at, own=own, drain=given["drain"], log=log, ready=say))


def _options(settings: CommonOptions, server: str, web: WebCredentials | None, given: Mapping[str, Any]) -> Options:
    """What the command's options and settings say, as the proxy takes it."""
    from ..proxy.options import Options

    return Options(
        server,
        web,
        store=SQLiteStore(settings.state) if settings.state and not settings.no_state else MemoryStore(),
        keep=given["keep"],
        idle=given["idle_timeout"],
        limit=given["limit"],
        streams=given["streams_per_caller"],
        trusted=given["trust"],
        identity=frozenset(given["identity_header"]),
        writes=given["allow_writes"],
        own_is_apart=given["admin_listen"] is not None,
        faces=frozenset(given["faces"]),
        gitea_host=given["gitea_host"],
        network=_network(settings, server),
        version=__version__,
    )


def with_secret_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with web credentials read from the files that it names. Raises ShimError."""
    found = dict(environment)
    for name in WEB.values():
        path = environment.get(f"{name}_FILE")
        if not path:
            continue
        if environment.get(name):
            raise click.UsageError(f"give {name} or {name}_FILE, not both")
        try:
            with Path(path).open("rb") as file:
                found[name] = file.read(SECRET_LIMIT).decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise ShimError(f"the file that {name}_FILE names is not UTF-8 text") from None
        except OSError as error:
            raise ShimError(f"the file that {name}_FILE names cannot be read ({error.strerror})") from None
    return found


def _network(settings: CommonOptions, server: str) -> NetworkSettings:
    """Certificates and proxy for the server. Raises ShimError for a proxy that aiohttp cannot use."""
    network = settings.network(server)
    if network.proxy and not network.proxy.lower().startswith(("http:", "https:")):
        name = proxy_variable(server)
        raise ShimError(f"{name} names a kind of proxy that serve cannot use; use http://HOST:PORT, or set NO_PROXY")
    return network


def _to_stdout(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
