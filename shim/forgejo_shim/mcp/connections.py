"""A connection of uvicorn's that is closed where no whole request comes: uvicorn itself waits for one for ever, and
takes only so many connections at once.

Rules: the one place that looks into uvicorn. An answer under way is never touched, however long it takes.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

PATIENCE = 30.0  # seconds for which the next request, or the rest of one, is waited for; at most twice as many


class Connection(H11Protocol):
    """A client's connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As in uvicorn; its clock starts."""
        super().connection_made(transport)
        self.loop.call_later(PATIENCE, self._look, None)

    def _look(self, before: RequestResponseCycle | None) -> None:
        """Close the connection if nothing has come of the request that was waited for when this was asked `before`."""
        now: RequestResponseCycle | None = self.cycle
        if self.transport.is_closing():
            return
        is_answering = now is not None and not now.more_body and not now.response_complete
        if now is before and not is_answering:
            self.transport.close()
        else:
            self.loop.call_later(PATIENCE, self._look, now)
