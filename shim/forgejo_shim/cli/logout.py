"""`forgejo-shim logout`: remove what `login` kept for a server, and its web session."""

from __future__ import annotations

import os

import click

from ..store.session_file import SessionFile
from . import os_keyring
from .config import WEB
from .help import Verb
from .output import note, show_json
from .settings import CommonOptions, common, session_path


@click.command(cls=Verb, examples=["forgejo-shim logout", "forgejo-shim logout https://forge.example"])
@click.argument("address", metavar="[SERVER]", required=False)
@common
@click.pass_obj
def logout(settings: CommonOptions, address: str | None) -> None:
    """Remove the credentials of a server.

    They are removed from the keyring and from the config file, ~/.config/forgejo-shim/config.toml, and so is a web
    session kept with --keep-session, ~/.local/state/forgejo-shim/session.json. The server is not asked: a token is
    revoked there, under Settings, Applications.
    """
    from .config_edit import drop  # here, since no other verb need wait for tomlkit

    settings.server = address or settings.server
    server = settings.address()
    removed = []
    if settings.is_in_keyring(server) and os_keyring.remove(server, settings.may_ask()):
        removed.append("credentials in the keyring")
    if drop(settings.config_path(), server):
        removed.append(f"credentials in {settings.config_path()}")
    if SessionFile(session_path()).remove(server):
        removed.append(f"web session in {session_path()}")
    if settings.json:
        show_json({"server": server, "removed": removed})
    else:
        click.echo("\n".join(f"removed: {what}" for what in removed) or f"nothing was kept for {server}")
    for name in ("FORGEJO_TOKEN", *WEB.values()):
        if os.environ.get(name):
            note(f"{name} is still set")
