"""What may be kept between requests, and between processes: facts about a server, never a log, never a credential.

Rules: in memory by default, in one SQLite file (mode 0600, its folder 0700) where a path is given. What is
kept, and what it is good for, is flows/kept.py's to say.
The web session is no fact; it is kept only where asked for, in a file of its own (`SessionFile`).
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from pathlib import Path
from typing import Any

from .errors import ShimError
from .files import locked, private_file, refuse_shared

TABLE = "kept_1"  # another number for values of another shape


class MemoryState:
    """State for as long as the process lives; holds at most `limit` values, the oldest are forgotten first."""

    def __init__(self, limit: int = 100_000) -> None:
        self._values: dict[tuple[str, str, str], Any] = {}
        self._limit = limit
        self._lock = threading.Lock()

    def get(self, base: str, subject: str, key: str) -> Any:
        """As in `State`."""
        return self._values.get((base, subject, key))

    def put(self, base: str, subject: str, key: str, value: Any) -> None:
        """As in `State`."""
        with self._lock:
            self._values.pop((base, subject, key), None)
            if value is not None:
                self._values[base, subject, key] = value
            while len(self._values) > self._limit:
                del self._values[next(iter(self._values))]


class SQLiteState:
    """State in a file that several processes may share. What cannot be read or written is not kept: facts are hints."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = private_file(Path(path))
        self._lock = threading.Lock()
        try:
            self._db = sqlite3.connect(self.path, check_same_thread=False, timeout=10, isolation_level=None)
            self._db.execute("pragma synchronous = off")
            self._db.execute(
                f"create table if not exists {TABLE} (base text, subject text, key text, value text,"
                " primary key (base, subject, key)) without rowid"
            )
        except sqlite3.OperationalError as error:
            raise ShimError(f"the state file {self.path} is in use or out of reach ({error}); try again") from None
        except sqlite3.Error as error:
            raise ShimError(f"the state file {self.path} cannot be used ({error}); remove it or name another") from None

    def get(self, base: str, subject: str, key: str) -> Any:
        """As in `State`."""
        rows = self._execute(
            f"select value from {TABLE} where base = ? and subject = ? and key = ?", base, subject, key
        )
        try:
            return json.loads(rows[0][0]) if rows else None
        except (ValueError, RecursionError):
            return None

    def put(self, base: str, subject: str, key: str, value: Any) -> None:
        """As in `State`."""
        if value is None:
            self._execute(f"delete from {TABLE} where base = ? and subject = ? and key = ?", base, subject, key)
        else:
            self._execute(f"replace into {TABLE} values (?, ?, ?, ?)", base, subject, key, json.dumps(value))

    def _execute(self, statement: str, *values: str) -> list[tuple[str, ...]]:
        with self._lock:
            try:
                return self._db.execute(statement, values).fetchall()
            except sqlite3.Error:
                return []

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class SessionFile:
    """The web session's cookies between processes: a JSON file of mode 0600, one entry a server and account."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def load(self, base: str, account: str) -> dict[str, str]:
        """The cookies kept for `account` at `base`, or none."""
        if not self.path.exists():
            return {}
        with locked(self.path):
            cookies = self._read().get(f"{account} {base}")
        if not isinstance(cookies, dict):
            return {}
        return {name: value for name, value in cookies.items() if re.fullmatch(r"[\x20-\x7e]+", f"{name}{value}")}

    def save(self, base: str, account: str, cookies: dict[str, str]) -> None:
        """Keep `cookies` in place of what was kept for `account` at `base`."""
        with locked(self.path):
            entries = self._read()
            entries[f"{account} {base}"] = cookies
            unfinished = private_file(self.path.with_name(f"{self.path.name}.{os.getpid()}"))
            unfinished.write_text(json.dumps(entries))
            unfinished.replace(self.path)

    def _read(self) -> dict[str, dict[str, str]]:
        if self.path.exists():
            refuse_shared(self.path)
        try:
            entries = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}
