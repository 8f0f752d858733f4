"""`forgejo-shim spec`: API documents checked by swagger-breaking, a distribution of its own (spec/checker).

Rules: its verbs (spec_verbs.py) are loaded when one is asked for, so that no other verb waits for them, and so that the
help is there without the extra `spec`.
"""

from __future__ import annotations

from importlib.util import find_spec

import click

from ..errors import ShimError

INSTALL = "pip install ./spec/checker './shim[spec]', or with pipx: pipx inject forgejo-shim ./spec/checker"


class Verbs(click.Group):
    """The verbs of spec_verbs.py."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names; none without the extra."""
        return sorted(_verbs()) if _is_installed() else []

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A verb by its name. Raises ShimError without the extra."""
        if not _is_installed():
            raise ShimError(f"spec checks need swagger-breaking, which is not installed: {INSTALL}")
        return _verbs().get(name)


def _is_installed() -> bool:
    try:
        return find_spec("swagger_breaking") is not None
    except ValueError:  # so a name that is hidden in sys.modules is told
        return False


def _verbs() -> dict[str, click.Command]:
    from .spec_verbs import VERBS

    return {verb.name or "": verb for verb in VERBS}


@click.command(cls=Verbs)
def spec() -> None:
    """Check API documents for breaking changes.

    A SOURCE is a file, - (stdin), the address of a document or of a Forgejo, git:REF:PATH, or the word contract: the
    operations that this project promises. Needs the extra `spec`.

    Exit code: 0 clean, 1 findings, 2 usage, 8 a document that could not be loaded.
    """
