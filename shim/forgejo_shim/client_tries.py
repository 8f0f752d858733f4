"""What `Client` tries: its token, its web account, and what the server offers. For `detect` and `login`.

Rules: nothing is asked that changes anything. A token's scope is asked for with a repository that no Forgejo can have,
since no account can be called `-` (models/user/user.go): the server looks at the scope before it looks for the
repository (routers/api/v1/api.go; read in 15.0.2, and so on real 11.0.15 to 16).
"""

from __future__ import annotations

from . import arguments
from .capabilities import Capabilities
from .client_session import ClientSession
from .errors import NotForgejo, NotPossible, NotThere, Refused, ShimError
from .flows.try_account import try_account
from .models import Repo, TokenRights
from .operations import API
from .paths import tasks_path

NOWHERE = Repo("-", "-")
DISPATCH = f"{API}/repos/{NOWHERE}/actions/workflows/-/dispatches"


class ClientTries:
    """The part of `Client` that tries what it was given."""

    _asking: ClientSession

    def get_json(self, path: str, what: str) -> object:
        """The JSON that the API answers to `path`, below the base URL; `what` names it in errors. Raises ShimError."""
        return self._asking.json(arguments.text(path, "path"), arguments.text(what, "what"))

    def try_token(self) -> TokenRights:
        """What the client's token may do.

        Raises Refused if the server does not know it, or if it may not read, NotForgejo for what answers otherwise than
        a Forgejo, and ShimError.
        """
        try:
            self._asking.json(tasks_path(NOWHERE, 1), "the token")
        except NotThere:
            return TokenRights(self._account(), self._writes())
        except NotPossible as error:
            if error.cause != "operation-absent":
                raise
        raise NotForgejo(f"the token: {self._asking.base_url} does not answer as a Forgejo; check the address")

    def try_web(self, repo: str | Repo | None = None) -> None:
        """Sign in with the web account, if there is one, and look at the Actions of `repo`, if one is given.

        Raises ShimError if either fails.
        """
        named = None if repo is None else arguments.repository(repo)
        self._asking.run(lambda net, caller: try_account(net, self._asking.adapter.server, named))

    def capabilities(self) -> Capabilities:
        """What the server offers, as it is kept or read now. Raises ShimError."""
        return self._asking.capabilities()

    def _account(self) -> str | None:
        try:
            found = self._asking.json(f"{API}/user", "the token's account")
        except Refused:  # it takes the scope read:user
            return None
        login = found.get("login") if isinstance(found, dict) else None
        return login if isinstance(login, str) else None

    def _writes(self) -> bool | None:
        try:
            self._asking.post(DISPATCH, "the token's right to write", "")
        except NotThere:
            return True
        except ShimError as error:
            return False if error.cause == "scope-missing" else None
        return None
