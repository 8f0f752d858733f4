"""A store in one SQLite file, which several processes may share: mode 0600, its folder 0700."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path
from typing import Any

from ..errors import ShimError
from ..files import private_file

TABLE = "kept_2"  # another number for values of another shape


class SQLiteStore:
    """Facts in the file at `path`. Raises ShimError if it cannot be used; later failures are facts that are not kept.

    It reads and writes in the thread that asks; beside an event loop it is asked in another one (proxy/beside.py).
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = private_file(Path(path))
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(self.path, check_same_thread=False, timeout=10)
            self._db.execute("pragma synchronous = off")
            self._db.execute(
                f"create table if not exists {TABLE} (base text, subject text, key text, value text, until real,"
                " primary key (base, subject, key)) without rowid"
            )
            with self._db:
                self._db.execute(f"delete from {TABLE} where until <= ?", (time.time(),))
        except sqlite3.OperationalError as error:
            raise ShimError(f"the state file {self.path} is locked or cannot be reached ({error}); try again") from None
        except sqlite3.Error as error:
            raise ShimError(
                f"the state file {self.path} cannot be used ({error}); remove it or choose another"
            ) from None

    async def get(self, base: str, subject: str, keys: Sequence[str]) -> list[Any]:
        """As in `Store`."""
        places = ", ".join("?" * len(keys))
        rows = self._execute(
            f"select key, value from {TABLE} where base = ? and subject = ? and until > ? and key in ({places})",
            [(base, subject, time.time(), *keys)],
        )
        found = {key: json.loads(text) for key, text in rows}
        return [found.get(key) for key in keys]

    async def put(self, base: str, subject: str, values: Mapping[str, Any], ttl: float | None = None) -> None:
        """As in `Store`."""
        until = inf if ttl is None else time.time() + ttl
        gone = [(base, subject, key) for key, value in values.items() if value is None]
        kept = [(base, subject, key, json.dumps(value), until) for key, value in values.items() if value is not None]
        self._execute(f"delete from {TABLE} where base = ? and subject = ? and key = ?", gone)
        self._execute(f"replace into {TABLE} values (?, ?, ?, ?, ?)", kept)

    async def agree(self, base: str, subject: str, key: str, value: Any, ttl: float) -> Any:
        """As in `Store`; of several processes that ask at once, one keeps its value."""
        now = time.time()
        self._execute(f"delete from {TABLE} where until <= ?", [(now,)])
        row = (base, subject, key, json.dumps(value), now + ttl)
        self._execute(f"insert or ignore into {TABLE} values (?, ?, ?, ?, ?)", [row])
        (kept,) = await self.get(base, subject, [key])
        return value if kept is None else kept

    def _execute(self, statement: str, rows: Sequence[Sequence[Any]]) -> list[tuple[str, str]]:
        """Execute a statement for each of `rows`, all of them or none."""
        found: list[tuple[str, str]] = []
        with self._lock, suppress(sqlite3.Error), self._db:
            for values in rows:
                found += self._db.execute(statement, values).fetchall()
        return found

    def close(self) -> None:
        """Close the file."""
        self._db.close()
