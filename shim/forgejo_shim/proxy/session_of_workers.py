"""The web session that the workers of one proxy share: one sign-in for all of them, and one back-off.

Rules: one worker at a time signs in. First it goes on with what the last one left in a file: a session that is newer
than its own, or a refusal that is still to be waited for. The file is in the workers' own folder, with mode 0600.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import AsyncFileLock

from ..errors import NotNow, PageChanged, ShimError, WebAccount
from ..files import SAFE_FLAGS
from ..models import WebCredentials
from ..transport import Transport
from .session import SharedSession

KINDS: dict[str, type[ShimError]] = {kind.__name__: kind for kind in (WebAccount, NotNow, PageChanged)}


class SessionOfWorkers(SharedSession):
    """A `SharedSession` that goes on with what is in the file `path`, and leaves what it did there."""

    def __init__(
        self, credentials: WebCredentials | None, on_change: Callable[[dict[str, str]], None], path: Path
    ) -> None:
        super().__init__(credentials, on_change=on_change, backs_off=True)
        self._path = path
        self._alone = asyncio.Lock()
        self._turn = AsyncFileLock(f"{path}.lock", mode=0o600, run_in_executor=False)

    async def _sign_in_and_tell(self, net: Transport, seen: int) -> None:
        async with self._alone, self._turn:
            self._go_on()
            try:
                await super()._sign_in_and_tell(net, seen)
            finally:
                self._leave()

    def _go_on(self) -> None:
        try:
            kept = json.loads(self._path.read_bytes())
        except (OSError, ValueError):  # nobody has signed in yet
            return
        if kept["generation"] > self.generation:
            self.generation, self.cookies = kept["generation"], kept["cookies"]
        told = kept["refusal"]
        self._refusal = KINDS[told["kind"]](told["message"], cause=told["cause"]) if told else None
        self.refusals, self._until = kept["refusals"], kept["until"]

    def _leave(self) -> None:
        error = self._refusal
        told = error and {"kind": type(error).__name__, "message": error.message, "cause": error.cause}
        kept: dict[str, Any] = {"generation": self.generation, "cookies": self.cookies, "refusal": told}
        kept |= {"refusals": self.refusals, "until": self._until}
        new = self._path.with_suffix(".new")
        with os.fdopen(os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | SAFE_FLAGS, 0o600), "w") as file:
            json.dump(kept, file)
        new.replace(self._path)
