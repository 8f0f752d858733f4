"""How each thing that the proxy needs is, and since when.

Rules: times are seconds since the epoch. What is said is a cause (spec/README.md) or a word of ours, and names
nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Protocol


@dataclass(frozen=True)
class Part:
    """One thing that has to work; `retry_in` are the seconds until it is tried again, if that waits on purpose."""

    ok: bool
    says: str
    retry_in: int | None = None


@dataclass(frozen=True)
class Condition:
    """A thing's name in figures (`web_session`), how it is, and since when."""

    name: str
    part: Part
    since: float


class Watched(Protocol):
    """Something else whose state is shown, beside the server behind and the web session: a state that replicas share.
    Requests go on without it."""

    def condition(self) -> Condition:
        """How it is, by what is known already; its name is a word such as `redis`."""
        ...


class Since:
    """Since when a thing is as it was found last; at first, since `at`."""

    def __init__(self, at: float, clock: Callable[[], float] = time.time) -> None:
        self.at = at
        self._clock = clock
        self._looked = -inf
        self._found: tuple[bool, str] | None = None

    def note(self, part: Part, changed: float) -> None:
        """Note what a look found; traffic has noticed at `changed` that it began or ceased to work."""
        now, found = self._clock(), (part.ok, part.says)
        if changed > self._looked:
            self.at = changed
        elif found != self._found:
            self.at = now
        self._looked, self._found = now, found
