"""What the command adds to an error of the library: the variables to set, or where a credential came from.

Rules: the library reads no variables, so its messages name none; the command knows where its credentials are from. A
hint names variables and files, never a value. An error that another shim passed on is about that shim's own account.
"""

from __future__ import annotations

from ..errors import NotThere, Refused, ShimError
from .config import WEB, Credentials

# Causes that giving something more solves.
_SET = {
    "web-credentials-needed": f": run forgejo-shim login, or set {WEB['web_user']} and {WEB['web_password']}",
    "web-two-factor-needed": f" (run forgejo-shim login, or set {WEB['web_totp_secret']} or {WEB['web_cookie']})",
    "web-sign-in-disabled": f" (run forgejo-shim login, or set {WEB['web_cookie']})",
    "web-captcha-needed": f" (run forgejo-shim login, or set {WEB['web_cookie']})",
}
_HIDDEN = {"repository-hidden", "not-found"}  # as to nobody, or to another one


def with_hint(error: ShimError, credentials: Credentials | None) -> str:
    """The error's message, and what the command knows about the credentials that it used (None: none of its own)."""
    if credentials is None:
        return error.message
    if error.cause.startswith("web-"):
        if error.is_relayed:
            return error.message
        return error.message + (_SET.get(error.cause) or _from("web account", credentials.web_source))
    if isinstance(error, Refused) or (isinstance(error, NotThere) and error.cause in _HIDDEN):
        return error.message + (_from("token", credentials.token_source) or f" ({credentials.no_token})")
    return error.message


def _from(what: str, source: str) -> str:
    return f" ({what} from {source})" if source else ""
