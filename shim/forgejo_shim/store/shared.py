"""A store that several processes share, with each one's memory behind it: how they go on when it fails.

Rules: while the Redis answers, it alone counts. When it does not (it is slow, gone, full, takes no password or only
reads), each process goes on with its own memory, in which it noted all that it gave to others and had from them, and
asks no more; a beat tries again every `BEAT` seconds, by a write. What changed in between is first removed from the
Redis, so that nothing older comes back. One that lost everything is then filled from the memories; of two values that
say when they were made (`at`), the later one stays. What is read is believed only if the key sealed it (seal.py). All
that is kept there has an end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol, TypeVar

from .memory import MemoryStore
from .places import new_holder
from .protocol import Gone
from .seal import Seal

T = TypeVar("T")

BEAT = 2.0  # seconds
LEASE = 15.0  # seconds for which the places of a process that died are still taken
ALWAYS = 7 * 86400.0  # seconds for which a fact without an end is kept
AT_ONCE = 500  # names or values in one command, which has to end in time
MISSED = 10_000  # names that are removed after a failure; of more, the first are


class Commands(Protocol):
    """What is asked of a Redis (redis.py); each raises Gone."""

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        """What is kept under these names."""
        ...

    async def put(self, values: Mapping[str, bytes | None], ttl: float) -> None:
        """Keep values for `ttl` seconds; None removes one."""
        ...

    async def fill(self, values: Mapping[str, tuple[bytes, float]]) -> None:
        """Keep each value for so many seconds where there is nothing."""
        ...

    async def agree(self, name: str, value: bytes, ttl: float) -> bytes | None:
        """What is kept under a name, `value` if there was nothing."""
        ...

    async def replace(self, name: str, seen: bytes, value: bytes, ttl: float) -> bool:
        """Keep `value` if `seen` (b"": nothing) is still what is kept; whether it was."""
        ...

    async def take(self, places: Mapping[str, int], holder: str, ttl: float) -> str | None:
        """As in `Places`, for `ttl` seconds."""
        ...

    async def hold(self, held: Mapping[str, Collection[str]], ttl: float) -> None:
        """Keep places for `ttl` seconds from now on, also where they were lost."""
        ...

    async def leave(self, names: Collection[str], holder: str) -> None:
        """As in `Places`."""
        ...

    async def renew(self) -> None:
        """Close the connections that nobody uses just now, since they may be dead."""
        ...

    async def close(self) -> None:
        """Close the connections."""
        ...


class SharedStore:
    """As in `Store`. `trouble` is the word for what is wrong with the Redis, "" if nothing is; `told` is called with it
    when it changes. It heals while `watch` runs."""

    def __init__(self, redis: Commands, seal: Seal, now: Callable[[], float] = time.time) -> None:
        self.redis = redis
        self.seal = seal
        self.trouble = ""
        self.told: Callable[[str], None] = lambda word: None
        self.held: list[Callable[[], Mapping[str, Collection[str]]]] = []  # who tell which places this process has
        self._now = now
        self._memory = MemoryStore()
        self._missed: dict[str, None] = {}  # the names of what changed while the Redis could not be told
        self._telling: set[asyncio.Task[None]] = set()
        self._life: bytes | None = None  # the mark of what the Redis has not lost yet

    async def get(self, base: str, subject: str, keys: Sequence[str]) -> list[Any]:
        """As in `Store`."""
        names = [self._name(base, subject, key) for key in keys]
        try:
            found = await self.ask(self.redis.get, names)
        except Gone:
            return await self._memory.get(base, subject, keys)
        opened = [self._open(name, data) for name, data in zip(names, found, strict=True)]
        for key, (value, seconds) in zip(keys, opened, strict=True):
            if value is not None:
                await self._memory.put(base, subject, {key: value}, seconds)
        return [value for value, _ in opened]

    async def put(self, base: str, subject: str, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """As in `Store`."""
        await self._memory.put(base, subject, values, ttl)
        given = {self._name(base, subject, key): value for key, value in values.items()}
        seconds = ALWAYS if ttl is None else ttl
        until = self._now() + seconds
        sealed = {name: None if value is None else self.seal.seal(name, value, until) for name, value in given.items()}
        try:
            await self.ask(self.redis.put, sealed, seconds)
        except Gone:
            self._miss(given)
        except BaseException:  # whoever asked has gone, perhaps before it was told
            self._miss(given)
            raise

    async def agree(self, base: str, subject: str, key: str, value: Any, ttl: float) -> Any:
        """As in `Store`; what was agreed on before the Redis lost it is proposed again."""
        name = self._name(base, subject, key)
        (before,) = await self._memory.get(base, subject, [key])
        own = value if before is None else before
        try:
            kept = await self.ask(self.redis.agree, name, self.seal.seal(name, own, self._now() + ttl), ttl)
        except Gone:
            kept = None
        agreed, _ = self._open(name, kept)
        if agreed is not None:
            own = agreed
        await self._memory.put(base, subject, {key: own}, ttl)
        return own

    async def look(self, base: str, key: str) -> tuple[Any, bytes]:
        """The value of a key that all of them change, and a mark of it for `replace`; (None, b"") if there is none."""
        name = self._name(base, "", key)
        try:
            (data,) = await self.ask(self.redis.get, [name])
        except Gone:
            data = None
        value, seconds = self._open(name, data)
        if value is not None:
            await self._memory.put(base, "", {key: value}, seconds)
        return value, data or b""

    async def replace(self, base: str, key: str, mark: bytes, value: Any, ttl: float) -> bool:
        """Keep a value for `ttl` seconds unless another one came in its place since `mark` was seen; whether it is."""
        name = self._name(base, "", key)
        sealed = self.seal.seal(name, value, self._now() + ttl)
        try:
            is_kept = await self.ask(self.redis.replace, name, mark, sealed, ttl)
        except Gone:
            return False
        if is_kept:
            await self._memory.put(base, "", {key: value}, ttl)
        return is_kept

    async def ask(self, command: Callable[..., Awaitable[T]], *words: Any) -> T:
        """The answer to a command of `redis`. Raises Gone: if it has none, at once if there was none lately."""
        if self.trouble:
            raise Gone(self.trouble)
        try:
            return await command(*words)
        except Gone as gone:
            self._tell(gone.word)
            raise

    def tell(self, command: Callable[..., Awaitable[object]], *words: Any) -> None:
        """Put a command to `redis` whose answer nobody waits for; what it does ends by itself if it is not done."""

        async def put() -> None:
            with suppress(Gone):
                await self.ask(command, *words)

        task = asyncio.create_task(put())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    async def has_told(self) -> bool:
        """Wait until the Redis is told of what nobody waited for; whether there was anything."""
        return bool(self._telling and await asyncio.wait(self._telling))

    async def watch(self) -> None:
        """Look whether the Redis can be used, hold on to this process's places there, for ever."""
        while True:
            await self.beat()
            await asyncio.sleep(BEAT)

    async def beat(self) -> None:
        """Do so once."""
        if self.trouble:
            await self.redis.renew()
        try:
            mark = new_holder().encode()
            life = await self.redis.agree(self.seal.name("beat"), mark, ALWAYS)
            await self._forget()
            if life == mark or self._life not in (None, life):
                await self._fill()
            self._life = life
            for held in self.held:
                await self.redis.hold(held(), LEASE)
            await self._forget()  # until nothing is missing when it is used again
        except Gone as gone:
            self._tell(gone.word)
        else:
            self._tell("")

    def _miss(self, names: Iterable[str]) -> None:
        """Note that what stands there under these names is not what it became."""
        self._missed |= dict.fromkeys(names)
        while len(self._missed) > MISSED:
            self._missed.popitem()

    async def _forget(self) -> None:
        """Remove from the Redis what changed while it could not be told."""
        while self._missed:
            missed = list(islice(self._missed, AT_ONCE))
            await self.redis.put(dict.fromkeys(missed), BEAT)
            for name in missed:
                self._missed.pop(name, None)

    async def _fill(self) -> None:
        """Keep there again what it lost and this process remembers; the others do so, too."""
        remembered = self._memory.all()
        for at in range(0, len(remembered), AT_ONCE):
            await self.redis.fill(dict(self._lasting(*one) for one in remembered[at : at + AT_ONCE]))
        for where, until, value in remembered:
            if made := _made(value):
                name, (sealed, seconds) = self._lasting(where, until, value)
                (there,) = await self.redis.get([name])
                if there and 0 < _made(self._open(name, there)[0]) < made:
                    await self.redis.replace(name, there, sealed, seconds)

    def _lasting(self, where: tuple[str, str, str], until: float, value: Any) -> tuple[str, tuple[bytes, float]]:
        """The name of what is remembered, and with it the sealed value and for how many seconds it is kept."""
        now, name = self._now(), self._name(*where)
        end = min(until, now + ALWAYS)
        return name, (self.seal.seal(name, value, end), end - now)

    def _open(self, name: str, data: bytes | None) -> tuple[Any, float]:
        """The value that is kept under a name, None if none is good, and for how many seconds it is."""
        now = self._now()
        value, until = self.seal.open(name, data, now)
        return value, until - now

    def _tell(self, word: str) -> None:
        if word != self.trouble:
            self.trouble = word
            self.told(word)

    def _name(self, base: str, subject: str, key: str) -> str:
        return self.seal.name("kept", base, subject, key)

    async def close(self) -> None:
        """Tell the Redis what it is still to be told, and close the connections."""
        await self.has_told()
        await self.redis.close()


def _made(value: Any) -> float:
    """When a value says that it was made, in seconds since the epoch; 0 if it does not say so."""
    at = value.get("at") if isinstance(value, dict) else None
    return at if isinstance(at, float) else 0.0
