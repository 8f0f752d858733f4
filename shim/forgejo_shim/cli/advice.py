"""What the command adds to an error of the library: the variables that it is about, or where a credential came from.

Rules: the library's messages stay neutral, since it takes credentials from nowhere; the command knows its sources. Only
names of variables and files, never a value. What a shim in front of the server relayed is about an account of its own.
"""

from __future__ import annotations

from ..errors import NotThere, Refused, ShimError
from .config import WEB, Credentials

# Causes that a variable puts right.
_SET = {
    "web-credentials-needed": f": set {WEB['web_user']} and {WEB['web_password']}",
    "web-two-factor-needed": f" (set {WEB['web_totp_secret']} or {WEB['web_cookie']})",
    "web-sign-in-disabled": f" (set {WEB['web_cookie']})",
}
_OF_THE_TOKEN = {"repository-hidden", "not-found", "credentials-wrong", "scope-missing", "sign-in-required"}


def advised(error: ShimError, credentials: Credentials) -> str:
    """The error's message, with what the command knows of the credentials."""
    if error.cause.startswith("web-"):
        if error.is_relayed:
            return error.message
        return error.message + (_SET.get(error.cause) or _from("web account", credentials.web_source))
    if error.cause in _OF_THE_TOKEN and isinstance(error, NotThere | Refused):
        return error.message + (_from("token", credentials.token_source) or " (no FORGEJO_TOKEN is set)")
    return error.message


def _from(what: str, source: str) -> str:
    return f" ({what} from {source})" if source else ""
