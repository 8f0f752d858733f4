"""A request under way, and what it is called in log and figures."""

from __future__ import annotations

from dataclasses import dataclass

from ..faces.face import Face, Reply
from ..operations import Call
from .own import is_own


@dataclass
class Exchange:
    """Its name in the logs, its path as Forgejo's router sees it, its query, the face that answers it, and what that
    knows it as."""

    name: str
    path: str
    query: str
    face: Face
    known: Call | Reply | None = None

    @property
    def call(self) -> Call | None:
        """The operation that it calls."""
        return self.known if isinstance(self.known, Call) else None

    @property
    def backend(self) -> str:
        """Who answers where no operation is called."""
        return "own" if isinstance(self.known, Reply) or is_own(self.path) else "pass"
