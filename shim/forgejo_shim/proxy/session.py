"""The web session that all callers share, and what the operator is told of it."""

from __future__ import annotations

import asyncio

from ..errors import ShimError, Unreachable
from ..transport import Transport
from ..webui.session import WebSession
from .changes import Changes


class SharedSession(WebSession):
    """The web session of many callers: a sign-in goes on when the one who caused it has gone away, so that one that is
    refused is known to be. The operator is told of one that fails, and of the next one that does not."""

    changes: Changes

    async def sign_in(self, net: Transport, seen: int) -> None:
        """As in `WebSession`; it goes on when the caller who began it has left."""
        await asyncio.shield(self._sign_in_and_tell(net, seen))

    async def _sign_in_and_tell(self, net: Transport, seen: int) -> None:
        try:
            await super().sign_in(net, seen)
        except Unreachable:  # told already
            raise
        except ShimError as error:
            later = f"; tried again in {error.retry_after} s" if error.retry_after else ""
            self.changes.fails(error.cause or "web-session", f"{error.message}{later}")
            raise
        self.changes.works()
