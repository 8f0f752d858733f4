"""How a proxy shall behave."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ..environment import NetworkSettings
from ..models import WebCredentials
from ..store.memory import MemoryStore
from ..store.protocol import Store
from .changes import to_stderr
from .conditions import Watched
from .headers import Network


@dataclass(frozen=True)
class Options:
    """What `serve` was told; times in seconds."""

    upstream: str
    web: WebCredentials | None = None
    store: Store = field(default_factory=MemoryStore)
    keep: float = 30.0
    idle: float = 600.0
    limit: int = 512
    streams: int = 100
    trusted: tuple[Network, ...] = ()
    identity: frozenset[str] = frozenset()
    writes: bool = False
    own_is_apart: bool = False  # `/-/shim/…` is served at another address
    faces: frozenset[str] = frozenset()  # of faces/all.py, besides those that are always there
    gitea_host: str = ""  # the name at which `/api/v1` is Gitea's
    version: str = ""
    name: str = ""  # by which it knows requests that come back; "" makes one
    shared: Path | None = None  # the folder of the workers that this one belongs to
    since: float = field(default_factory=time.time)  # when the counting began, in seconds since the epoch
    network: NetworkSettings = field(default_factory=NetworkSettings)
    watched: tuple[Watched, ...] = ()  # whose states are shown, too
    say: Callable[[str], None] = to_stderr  # tells the operator
