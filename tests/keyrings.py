"""Keyrings of the operating system, as the package `keyring` has them, for tests: one that works, and bad ones."""

from __future__ import annotations

import threading

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError


class Working(KeyringBackend):
    """It keeps passwords in memory; `asked` is what was done."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append("get")
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.asked.append("set")
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self.asked.append("delete")
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError


class Locked(Working):
    """Its owner did not unlock it. What it says could be a secret."""

    def get_password(self, service: str, username: str) -> str | None:
        raise KeyringLocked("the hush is locked")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise KeyringLocked(password)


class Silent(Working):
    """It waits for its owner, and nobody comes."""

    def get_password(self, service: str, username: str) -> str | None:
        threading.Event().wait(60)
        return None
