"""The web session's cookies between processes: no fact, so it is kept only where asked for, in a file of its own."""

from __future__ import annotations

import json
import os
from pathlib import Path

from ..files import check_private, locked, replace_private
from ..webui.cookies import is_cookie


class SessionFile:
    """A JSON file of mode 0600, one entry a server and account."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def load(self, base: str, account: str) -> dict[str, str]:
        """The cookies kept for `account` at `base`, or none."""
        if not self.path.exists():
            return {}
        with locked(self.path):
            cookies = self._read().get(f"{account} {base}", {})
        return {name: value for name, value in cookies.items() if is_cookie(name, value)}

    def save(self, base: str, account: str, cookies: dict[str, str]) -> None:
        """Keep `cookies` in place of what was kept for `account` at `base`."""
        with locked(self.path):
            entries = self._read()
            entries[f"{account} {base}"] = cookies
            replace_private(self.path, json.dumps(entries))

    def remove(self, base: str) -> bool:
        """Remove what is kept for all accounts at `base`; gives whether there was anything."""
        if not self.path.exists():
            return False
        with locked(self.path):
            entries = self._read()
            others = {name: cookies for name, cookies in entries.items() if name.rpartition(" ")[2] != base}
            if len(others) < len(entries):
                replace_private(self.path, json.dumps(others))
        return len(others) < len(entries)

    def _read(self) -> dict[str, dict[str, str]]:
        if self.path.exists():
            check_private(self.path)
        try:
            entries = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return {}
        return entries if isinstance(entries, dict) else {}
