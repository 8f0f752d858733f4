"""The commands that are put to a Redis or a Valkey, and nothing else of the shim.

Rules: names and values are what others have made of them (seal.py); each key that is written has an end. A command is
given up after `patience` seconds, tried once, and all that can be wrong with it is `Gone`, with a word of our own: what
the library says can hold an address or a value. Answers are not trusted: one of another shape is `Gone`, too. Places
are sorted sets of holders by their end, told by the clock of the Redis. Scripts are sent whole each time, so that one
which was restarted, or took over, knows them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Collection, Mapping, Sequence
from contextlib import suppress
from ssl import SSLError
from typing import Any, TypeVar

from redis import exceptions
from redis.asyncio import BlockingConnectionPool, Connection, Redis, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from .protocol import Gone
from .redis_address import RedisAddress

T = TypeVar("T")

PATIENCE = 0.25  # seconds
CONNECTIONS = 32  # at once; who waits for one waits no longer
AT_ONCE = 500  # holders whose places are held on in one command

# The first row that fits is what is said of a failure.
_WORDS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    ((exceptions.AuthenticationError, exceptions.AuthorizationError), "wrong-password"),
    (exceptions.NoPermissionError, "not-permitted"),
    (exceptions.ReadOnlyError, "read-only"),
    (exceptions.OutOfMemoryError, "full"),
    (SSLError, "no-tls"),
    ((exceptions.TimeoutError, TimeoutError), "too-slow"),
    ((exceptions.ConnectionError, OSError), "unreachable"),
)
NOT_UNDERSTOOD = "not-understood"

# KEYS[1]; what it has to hold, "" for nothing; what it is to hold; milliseconds. 1: done, 0: it holds something else.
REPLACE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
"""
_NOW = "local t = redis.call('TIME') local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
# KEYS; a holder, milliseconds, for each of KEYS how many places it has. 0: taken, else which of KEYS has none left.
TAKE = f"""{_NOW}
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
  if redis.call('ZCARD', key) >= tonumber(ARGV[i + 2]) then return i end
end
for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[2], ARGV[1])
  redis.call('PEXPIRE', key, ARGV[2])
end
return 0
"""
# KEYS; milliseconds, for each of KEYS a holder, whose place does not end before that.
HOLD = f"""{_NOW}
for i, key in ipairs(KEYS) do
  redis.call('ZADD', key, now + ARGV[1], ARGV[i + 1])
  redis.call('PEXPIRE', key, ARGV[1])
end
return 0
"""


class RedisCommands:
    """The commands at one address. Each raises Gone. For one event loop, from the first command on."""

    def __init__(self, at: RedisAddress, password: str = "", ca: str | None = None, patience: float = PATIENCE) -> None:
        kind: type[Connection | UnixDomainSocketConnection] = Connection
        where: dict[str, Any] = {"host": at.host, "port": at.port}
        if at.path:
            kind, where = UnixDomainSocketConnection, {"path": at.path}
        elif at.tls:
            kind, where = SSLConnection, {**where, "ssl_ca_certs": ca, "ssl_check_hostname": True}
        pool = BlockingConnectionPool(
            CONNECTIONS,
            patience,
            kind,
            db=at.db,
            username=at.user or None,
            password=password or None,
            protocol=2,
            socket_timeout=patience,
            socket_connect_timeout=patience,
            retry=Retry(NoBackoff(), 0),
            **where,
        )
        self._patience = patience
        self._redis: Any = Redis.from_pool(pool)  # its types depend on how it was made

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        """What is kept under these names."""
        found = await self._ended(self._redis.mget(names))
        if not (isinstance(found, list) and len(found) == len(names)):
            raise Gone(NOT_UNDERSTOOD)
        return [one if isinstance(one, bytes) else None for one in found]

    async def put(self, values: Mapping[str, bytes | None], ttl: float) -> None:
        """Keep values for `ttl` seconds; None removes one."""
        batch = self._redis.pipeline(transaction=False)
        for name, value in values.items():
            _ = batch.delete(name) if value is None else batch.set(name, value, px=_milliseconds(ttl))
        await self._ended(batch.execute())

    async def fill(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        """Keep each value for so many seconds where there is nothing."""
        batch = self._redis.pipeline(transaction=False)
        for name, (value, ttl) in values.items():
            batch.set(name, value, px=_milliseconds(ttl), nx=True)
        await self._ended(batch.execute())

    async def agree(self, name: str, value: bytes, ttl: float) -> bytes | None:
        """What is kept under a name, `value` if there was nothing."""
        batch = self._redis.pipeline(transaction=False)
        batch.set(name, value, px=_milliseconds(ttl), nx=True)
        batch.get(name)
        kept = (await self._ended(batch.execute()))[-1]
        return kept if isinstance(kept, bytes) else None

    async def replace(self, name: str, seen: bytes, value: bytes, ttl: float) -> bool:
        """Keep `value` if `seen` (b"": nothing) is still what is kept; whether it was."""
        done: object = await self._ended(self._redis.eval(REPLACE, 1, name, seen, value, _milliseconds(ttl)))
        return done == 1

    async def take(self, places: Mapping[str, int], holder: str, ttl: float) -> str | None:
        """As in `Places`, for `ttl` seconds."""
        names = list(places)
        full = await self._ended(
            self._redis.eval(TAKE, len(names), *names, holder, _milliseconds(ttl), *places.values())
        )
        if not (isinstance(full, int) and 0 <= full <= len(names)):
            raise Gone(NOT_UNDERSTOOD)
        return names[full - 1] if full else None

    async def hold(self, held: Mapping[str, Collection[str]], ttl: float) -> None:
        """Keep places for `ttl` seconds from now on, also where they were lost."""
        pairs = [(name, holder) for name, holders in held.items() for holder in holders]
        for at in range(0, len(pairs), AT_ONCE):
            part = pairs[at : at + AT_ONCE]
            names, holders = [name for name, _ in part], [holder for _, holder in part]
            await self._ended(self._redis.eval(HOLD, len(part), *names, _milliseconds(ttl), *holders))

    async def leave(self, names: Collection[str], holder: str) -> None:
        """As in `Places`."""
        batch = self._redis.pipeline(transaction=False)
        for name in names:
            batch.zrem(name, holder)
        await self._ended(batch.execute())

    async def renew(self) -> None:
        """Close the connections that nobody uses just now: one to a host that has gone says nothing of it."""
        with suppress(Gone):
            await self._ended(self._redis.connection_pool.disconnect(inuse_connections=False))

    async def close(self) -> None:
        """Close the connections."""
        with suppress(Gone):
            await self._ended(self._redis.aclose())

    async def _ended(self, command: Awaitable[T]) -> T:
        """The answer to a command. Raises Gone."""
        try:
            async with asyncio.timeout(self._patience):
                return await command
        except Exception as error:  # a RecursionError, say, of an answer that is nested too deeply
            raise Gone(_word(error)) from None


def _milliseconds(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _word(error: BaseException) -> str:
    """What is said of a failure, which can be what came before the one that was raised."""
    chain = (error, error.__cause__, error.__context__)
    return next((word for kind, word in _WORDS if any(isinstance(one, kind) for one in chain)), NOT_UNDERSTOOD)
