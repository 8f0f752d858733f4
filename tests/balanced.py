"""Several proxies as processes that share a Redis, behind nginx as it is shipped: asked as one is, at nginx's address.

Rules: `replicas` are the proxies, each at an address of its own; one that was killed is started again at its address.
Where there is no nginx or no Redis, `missing()` says so. It all ends with this process, whatever becomes of the tests.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from doors import nginx_door
from forgejo_shim import WebLogin
from hand import plain_session
from nginx import PROGRAM as NGINX
from proxied import Asked, Proxied
from redis_server import EXECUTABLES, KEY, redis_server
from servers import free_port

REPLICAS = 3


def missing() -> str | None:
    """Why there can be none here."""
    if not NGINX:
        return "not run: there is no nginx here"
    if not any(map(shutil.which, EXECUTABLES)):
        return "not run: neither redis-server nor valkey-server is installed"
    return None


class Balanced(Asked):
    """The proxies, `redis` and nginx, all running; the arguments are those of `Proxied`."""

    def __init__(
        self,
        upstream: str,
        web: WebLogin | None = None,
        *words: object,
        port: int | None = None,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.port = free_port()
        self.redis = redis_server("--bind", "127.0.0.1", "--port", str(self.port))
        self._upstream, self._web, self._words = upstream, web, words
        self._written: list[str] = []
        with ThreadPoolExecutor(REPLICAS) as pool:
            self.replicas: list[Proxied] = list(pool.map(self._replica, [free_port() for _ in range(REPLICAS)]))
        self._rest = ExitStack()
        self._rest.callback(self.redis.stop)
        folder = Path(self._rest.enter_context(tempfile.TemporaryDirectory(prefix="forgejo-shim-nginx-")))
        shims = [replica.base_url for replica in self.replicas]
        self.base_url = self._rest.enter_context(nginx_door(folder, upstream, shims, port, tls))
        self.session = plain_session(tls[0] if tls else None)
        atexit.register(self.stop)

    def _replica(self, port: int) -> Proxied:
        words = ("--state", f"redis://127.0.0.1:{self.port}/0", "--trust", "127.0.0.1", *self._words)
        return Proxied(self._upstream, self._web, *words, port=port, environment={"FORGEJO_SHIM_STATE_KEY": KEY})

    @property
    def addresses(self) -> Sequence[str]:
        """nginx's, as often as there are replicas, for it asks each in turn; then each one's own."""
        return [self.base_url] * REPLICAS + [replica.base_url for replica in self.replicas]

    def kill(self, number: int) -> None:
        """End a replica without a warning; counted from 0."""
        self.replicas[number].process.kill()
        self.replicas[number].process.wait()

    def revive(self, number: int) -> None:
        """Start it again."""
        old = self.replicas[number]
        self._written.append(old.log())
        old.stop()
        self.replicas[number] = self._replica(old.port)

    def log(self) -> str:
        """Everything that they wrote so far."""
        return "".join([*self._written, *(replica.log() for replica in self.replicas)])

    def stop(self) -> None:
        self.session.close()
        for replica in self.replicas:
            replica.stop()
        self._rest.close()
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


Front = Proxied | Balanced
"""What a target's cases ask: one proxy, or several."""
