"""`forgejo-shim forget`: remove what the command keeps on its own: facts about servers, and web sessions."""

from __future__ import annotations

from contextlib import suppress

import click

from ..files import writing
from .help import Verb
from .output import show_json
from .settings import CommonOptions, session_path, shared, state_path


@click.command(cls=Verb, examples=["forgejo-shim forget", "forgejo-shim forget --json"])
@shared("json")
@click.pass_obj
def forget(settings: CommonOptions) -> None:
    """Remove the cached facts about servers, and web sessions.

    They are in ~/.local/state/forgejo-shim: state.sqlite3, and session.json with --keep-session. The next command reads
    them again. Credentials stay: logout removes those. A file of --state is yours to remove.
    """
    removed = []
    for path in (state_path(), session_path()):
        beside = [path.with_name(path.name + end) for end in ("-journal", "-wal", "-shm", ".lock")]
        for file in (path, *beside):
            with writing(file), suppress(FileNotFoundError, NotADirectoryError):
                file.unlink()
                removed.append(str(file))
    with suppress(OSError):  # something else is in it
        state_path().parent.rmdir()
    if settings.json:
        show_json({"removed": removed})
    else:
        click.echo("\n".join(f"removed: {path}" for path in removed) or "nothing was kept")
