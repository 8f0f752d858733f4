"""Trying the token of `Client`: whose it is, and whether its scope lets it read and write repositories.

Rules: nothing is asked that changes anything. The scope is asked for with a repository that no Forgejo can have, since
no account can be called `-` (models/user/user.go): the server looks at the scope before it looks for the repository
(routers/api/v1/api.go; both read in 15.0.2).
"""

from __future__ import annotations

from contextlib import suppress

from .client_session import ClientSession
from .errors import NotThere, Refused, ShimError
from .models import Repo, TokenRights
from .operations import API
from .paths import tasks_path

NOWHERE = Repo("-", "-")
DISPATCH = f"{API}/repos/{NOWHERE}/actions/workflows/-/dispatches"


def try_token(asking: ClientSession) -> TokenRights:
    """What the token may do. Raises Refused for one that the server does not know, or that may not read, ShimError."""
    with suppress(NotThere):
        asking.json(tasks_path(NOWHERE, 1), "the token")
    return TokenRights(_account(asking), _writes(asking))


def _account(asking: ClientSession) -> str | None:
    try:
        found = asking.json(f"{API}/user", "the token's account")
    except Refused:  # it takes the scope read:user
        return None
    login = found.get("login") if isinstance(found, dict) else None
    return login if isinstance(login, str) else None


def _writes(asking: ClientSession) -> bool | None:
    try:
        asking.post(DISPATCH, "the token's right to write", "")
    except NotThere:
        return True
    except ShimError as error:
        return False if error.cause == "scope-missing" else None
    return None
