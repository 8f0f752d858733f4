"""What the operator is told on stderr: a line when the server behind or the web session fails, and when it works again.

Rules: a line is about a change, never about a request; after a line about a thing there is none for `QUIET` seconds,
then one if it is in another state by then. No credential, and what came from a server speaks to no terminal.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable

import aiohttp

from .. import network

QUIET = 10.0  # seconds

# What aiohttp has classes of its own for; all else is in network.py's words.
_OF_AIOHTTP: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientHttpProxyError, "the proxy refuses to connect to it"),
    (aiohttp.ClientProxyConnectionError, "the proxy does not answer"),
    (aiohttp.ServerDisconnectedError, "it closes the connection without an answer"),
    (aiohttp.ClientResponseError, network.NO_HTTP),
    (aiohttp.ClientPayloadError, "the answer breaks off"),
)


def reason(error: BaseException) -> str:
    """Why there is no answer, in words of our own: what libraries say can hold addresses and credentials."""
    return next((words for kind, words in _OF_AIOHTTP if isinstance(error, kind)), None) or network.reason(error)


def to_stderr(line: str) -> None:
    """Tell the operator."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in line)
    print(f"forgejo-shim: {shown}", file=sys.stderr, flush=True)


class Changes:
    """The state of one thing as it was said last; `works` is the line that says that the trouble is over. It begins
    without trouble. Used within a loop."""

    def __init__(self, works: str, say: Callable[[str], None] = to_stderr, quiet: float = QUIET) -> None:
        self.trouble = ""  # what is wrong now, in a word that stays the same while it is; "" is nothing
        self.since = time.time()  # when that began or ended last; at first: when this was made
        self._said = ""
        self._line = self._works = works
        self._say = say
        self._quiet = quiet
        self._waits = False

    def fails(self, trouble: str, line: str) -> None:
        """Note what is wrong, and the line that says so."""
        if not self.trouble:
            self.since = time.time()
        self.trouble, self._line = trouble, line
        self._tell()

    def works(self) -> None:
        """Note that nothing is."""
        if self.trouble:
            self.since = time.time()
            self.trouble, self._line = "", self._works
            self._tell()

    def _tell(self) -> None:
        if self._waits or self.trouble == self._said:
            return
        self._said = self.trouble
        self._say(self._line)
        self._waits = True
        asyncio.get_running_loop().call_later(self._quiet, self._look_again)

    def _look_again(self) -> None:
        self._waits = False
        self._tell()
