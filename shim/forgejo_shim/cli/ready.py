"""The last line of `detect` and `login`: in words, what can be read and how, or what is missing and how to get it."""

from __future__ import annotations

from ..capabilities import Capability
from ..models import Repo

HOW = {
    Capability.PRESENT: "via the API",
    Capability.ABSENT: "via the web UI",
    Capability.UNKNOWN: "via the API or, if it cannot, the web UI",
}


def ready(server: str, log: Capability, repo: Repo | None, has_token: bool, has_web: bool) -> str:
    """What is said where all that was tried works: of `repo`, or of the server at `server`.

    `log` says whether it has the operation for logs; `has_token` and `has_web` which credentials there are.
    """
    if repo:
        return f"Ready: runs, jobs and logs of {repo} can be read, {HOW[log]}."
    needed = {"a token": has_token, "a web account": has_web or log is Capability.PRESENT}
    missing = [name for name, is_there in needed.items() if not is_there]
    if not missing:
        return f"Ready: runs, jobs and logs can be read, {HOW[log]}."
    return (
        f"Ready for public repositories: runs, jobs and logs can be read, {HOW[log]}. Private ones need"
        f" {' and '.join(missing)}: forgejo-shim login {server}"
    )


def not_ready(server: str, says: str) -> str:
    """What is said where something that is needed does not work; `says` is its error."""
    return f"Not ready: {says}. To give other credentials: forgejo-shim login {server}"
