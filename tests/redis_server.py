"""A Redis (or a Valkey) of a test's own: a child process on a socket in a folder of its own, gone with the test.

Rules: the executable is `redis-server` or `valkey-server` of the PATH; where there is neither, `redis_server()` skips
the test and says that it was not run. Nothing is written to the disk. What a test looks at or breaks is done with the
synchronous client, as an operator would with `redis-cli`.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from forgejo_shim.store.redis import RedisCommands
from forgejo_shim.store.redis_address import parse_redis_address
from forgejo_shim.store.seal import Seal
from forgejo_shim.store.shared import SharedStore
from hand import wait
from redis import Redis, RedisError

KEY = "a2V5IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXMgbG9uZyE="
EXECUTABLES = ("redis-server", "valkey-server")
PATIENCE = 10.0  # seconds; a machine that is busy is no slow Redis


class RedisServer:
    """A running server at `address`; `cli` are the commands of an operator. `words` are further settings."""

    def __init__(self, executable: str, *words: str, password: str = "") -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="shim-redis-"))
        self.socket = self._folder / "socket"
        self.address = f"unix://{self.socket}"
        self._command = [executable, "--port", "0", "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._command += ["--unixsocket", str(self.socket), *words, "--requirepass", password]
        atexit.register(self.stop)
        self.cli: Any = Redis(unix_socket_path=str(self.socket), password=password or None)
        self.start()

    def start(self) -> None:
        """Start it, empty."""
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        wait(self._answers, "the Redis to answer", 20)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "the Redis ended at its start"
        with suppress(RedisError):
            return bool(self.cli.ping())
        return False

    def kill(self) -> None:
        """End it without a warning."""
        self.cli.close()
        self._process.kill()
        self._process.wait()
        self.socket.unlink(missing_ok=True)

    def signal(self, number: int) -> None:
        """Stop it in its work, say, or let it go on."""
        self._process.send_signal(number)

    def commands(self, password: str = "", patience: float = PATIENCE) -> RedisCommands:
        return RedisCommands(parse_redis_address(self.address), password, patience=patience)

    def store(self, *keys: str, patience: float = PATIENCE, form: int = 1) -> SharedStore:
        """What one proxy has of it."""
        return SharedStore(self.commands(patience=patience), Seal(keys or [KEY], form))

    def names(self) -> list[str]:
        return sorted(name.decode() for name in self.cli.keys("*"))

    def dump(self) -> bytes:
        """All that stands in it: the names, and the values or the members."""
        parts = []
        for name in self.cli.keys("*"):
            kept = self.cli.get(name) if self.cli.type(name) == b"string" else b" ".join(self.cli.zrange(name, 0, -1))
            parts += [name, kept]
        return b"\n".join(parts)

    def stop(self) -> None:
        self.cli.close()
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)
        atexit.unregister(self.stop)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()


def redis_server(*words: str, password: str = "") -> RedisServer:
    """A running server; the test is not run where there is no executable."""
    found = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if found is None:
        pytest.skip("not run: neither redis-server nor valkey-server is installed")
    return RedisServer(found, *words, password=password)
