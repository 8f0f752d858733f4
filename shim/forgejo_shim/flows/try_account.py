"""Trying the shim's web account: does it sign in, does it read a repository's Actions. For `detect`.

Rules: nothing but what reading a log would ask as well; a sign-in is tried once.
"""

from __future__ import annotations

from ..models import Repo
from ..server import Server
from ..transport import Transport
from ..webui.reader import Reader


async def try_account(net: Transport, server: Server, repo: Repo | None) -> None:
    """Sign in, if there is an account, and look at the runs of `repo`, if one is given. Raises ShimError."""
    if server.session.credentials:
        await server.session.ensure_signed_in(net)
    if repo is not None:
        await Reader(net, server, repo).latest_number()
