"""`forgejo-shim serve`: the proxy, so that clients in any language can use it.

Rules: credentials come as for every verb, or from files that `FORGEJO_SHIM_WEB_…_FILE` name (a container's secrets),
never from an option. The access log goes to stdout, all else to stderr. Needs the extra `proxy`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from .. import __version__
from ..environment import NetworkSettings, proxy_variable
from ..errors import ShimError
from ..models import WebCredentials
from ..store.protocol import Store
from ..store.redis_address import PASSWORD
from ..store.sqlite import SQLiteStore
from ..webui.session import WebSession
from .config import WEB
from .help import Verb
from .output import note
from .serve_options import serve_options
from .serve_table import PREFIX
from .settings import CommonOptions
from .state import store_of

if TYPE_CHECKING:
    from ..proxy.certificate import Certificate
    from ..proxy.options import Options
    from ..proxy.serve import Address

OpenStore = Callable[..., Store]  # store_of, but for the file that is taken where none is named
SECRET_LIMIT = 64 * 1024  # bytes of a file with a credential


@click.command(
    cls=Verb,
    context_settings={"auto_envvar_prefix": PREFIX},
    examples=[
        "forgejo-shim serve --upstream https://forge.example --listen 127.0.0.1:8080",
        "forgejo-shim serve --upstream http://127.0.0.1:3000 --trust 127.0.0.1",
        "forgejo-shim serve --upstream https://forge.example --check",
    ],
)
@serve_options
@click.pass_context
def serve(ctx: click.Context, /, **given: Any) -> None:
    """Run a proxy that adds Forgejo 16's job and log API.

    Clients send their own tokens to the proxy's address. All other requests go to the server unchanged. SIGTERM, SIGINT
    and, without --tls-cert, SIGHUP stop it.

    An option can be a variable instead, or a key of the table [serve] in the config file: --admin-listen is
    FORGEJO_SHIM_ADMIN_LISTEN and admin_listen. The option counts first, then the variable. What may be repeated is
    there a list, and has spaces between in a variable.
    """
    if (given["tls_cert"] is None) != (given["tls_key"] is None):
        raise click.UsageError("give --tls-cert and --tls-key, or neither")
    _need_packages()
    settings = ctx.ensure_object(CommonOptions)
    settings.server = given["upstream"] or settings.server
    environment = with_secret_files(os.environ)
    server, credentials = settings.server_and_credentials(environment)
    if given["print_config"]:
        from .serve_shown import show_config

        return show_config(ctx, server, credentials, environment)
    open_store = partial(store_of, settings, given["state_key_file"], environment)
    (_check if given["check"] else _serve)(settings, server, credentials.web, open_store, given)


def _need_packages() -> None:
    try:
        from ..proxy import serve as proxy  # noqa: F401
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in ("aiohttp", "cryptography", "prometheus_client", "yarl"):
            raise
        raise ShimError("the proxy needs further packages: pip install 'forgejo-shim[proxy]'") from None


def _check(
    settings: CommonOptions, server: str, web: WebCredentials | None, open_store: OpenStore, given: Mapping[str, Any]
) -> None:
    """Try what serving needs. Raises ShimError for the first thing that does not work."""
    from ..proxy.check import tried
    from .serve_shown import show_tried

    options = _options(settings, server, web, given)
    trials = tried(options, lambda: _certificate(given), open_store)
    asyncio.run(show_tried(trials, as_json=settings.json))


def _serve(
    settings: CommonOptions, server: str, web: WebCredentials | None, open_store: OpenStore, given: Mapping[str, Any]
) -> None:
    from ..proxy import serve as proxy
    from ..proxy.access import AccessLog

    host, port = given["listen"]
    at = proxy.Address(host, port, _certificate(given))
    own = proxy.Address(*given["admin_listen"]) if given["admin_listen"] else None
    if not all(address.port for address in (at, own) if address):
        raise click.UsageError("name the port to listen on: at port 0 nobody knows which one it is")
    workers = given["workers"]

    def ready() -> None:
        more = (f"; /-/shim/ at {own}" if own else "") + (f"; {workers} workers" if workers > 1 else "")
        note(f"forgejo-shim: {at} in front of {server}, {WebSession(web).account}{more}")

    options = _options(settings, server, web, given)
    if workers > 1:
        return _serve_by_workers(open_store, options, [at, *([own] if own else [])], given, ready)
    options = replace(options, store=open_store())
    log = None if given["no_access_log"] else AccessLog(_to_stdout)
    _run(proxy.serve(options, at, own=own, drain=given["drain"], log=log, ready=ready))


def _serve_by_workers(
    open_store: OpenStore,
    options: Options,
    addresses: list[Address],
    given: Mapping[str, Any],
    ready: Callable[[], None],
) -> None:
    from ..proxy import serve as proxy
    from ..proxy.access import AccessLog
    from ..proxy.worker import Worker, in_turn
    from ..proxy.workers import Workers

    if sys.platform != "linux":
        raise click.UsageError("--workers needs Linux, which shares connections out among processes")
    options = replace(options, name=os.urandom(12).hex())
    if isinstance(store := open_store(), SQLiteStore):  # an error of it is said once, before there are workers
        store.close()
    with _shared_folder() as folder:

        def work(worker: Worker, at: Address, own: Address | None = None) -> None:
            store = open_store(otherwise=Path(folder) / "state.sqlite3")
            mine = replace(options, say=worker.say, shared=worker.folder, store=store)
            log = None if given["no_access_log"] else AccessLog(in_turn(worker.folder, _to_stdout))
            more: dict[str, Any] = {"drain": given["drain"], "log": log, "ready": worker.ready, "obey": worker.obey}
            _run(proxy.serve(mine, at, own=own, **more))

        Workers(given["workers"], addresses, Path(folder), work, given["drain"], ready).run()


def _shared_folder() -> TemporaryDirectory[str]:
    try:
        return TemporaryDirectory(prefix="forgejo-shim-")
    except OSError:
        raise ShimError(
            "--workers needs a folder that can be written to, for what they share; give one with TMPDIR"
        ) from None


def _run(serving: Coroutine[Any, Any, None]) -> None:
    """Serve in the loop of uvloop where that is installed (the extra `fast`), else in asyncio's."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(serving)
    else:
        uvloop.run(serving)


def _certificate(given: Mapping[str, Any]) -> Certificate | None:
    from ..proxy.certificate import Certificate

    return Certificate(given["tls_cert"], given["tls_key"]) if given["tls_cert"] else None


def _options(settings: CommonOptions, server: str, web: WebCredentials | None, given: Mapping[str, Any]) -> Options:
    """What the command's options and settings say, as the proxy takes it; facts are kept in memory."""
    from ..proxy.options import Options

    return Options(
        server,
        web,
        keep=given["keep"],
        idle=given["idle_timeout"],
        limit=given["limit"],
        streams=given["streams_per_caller"],
        trusted=given["trust"],
        identity=frozenset(given["identity_header"]),
        writes=given["allow_writes"],
        own_is_apart=given["admin_listen"] is not None,
        faces=frozenset(given["face"]),
        gitea_host=given["gitea_host"],
        network=_network(settings, server),
        version=__version__,
    )


def with_secret_files(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment, with credentials read from the files that it names. Raises ShimError."""
    found = dict(environment)
    for name in (*WEB.values(), PASSWORD):
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
