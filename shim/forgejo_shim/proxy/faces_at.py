"""Which faces answer at which name of the proxy: Gitea's may have one of its own."""

from __future__ import annotations

from collections.abc import Callable, Collection

from ..faces.all import FORGEJO_PROXY, GITEA, all_faces
from ..faces.face import Face
from ..faces.gitea import handed_back, handed_on


class FacesAt:
    """The faces with these `names`; at `gitea_host`, `/api/v1` is Gitea's. `now` tells seconds since the epoch."""

    def __init__(self, names: Collection[str], gitea_host: str, now: Callable[[], float]) -> None:
        self._gitea_host = gitea_host.lower()
        self._usual = all_faces(names, now=now)
        self._giteas = all_faces(set(names) - {FORGEJO_PROXY}, now=now, gitea_here=True)
        self._hands_on = GITEA in names
        self.forgejo = self._usual[-1]

    def at(self, host: str) -> tuple[Face, ...]:
        """The faces of a request to a host, which may have a port."""
        name = self._gitea_host
        return self._giteas if name and name in (host.lower(), host.lower().rpartition(":")[0]) else self._usual

    def handed(self, sent: str) -> tuple[str, Callable[[str], str]]:
        """Where a request that no face knows is sent on to, and what is made of the address that it is redirected to;
        `sent` is what it asks for, with its query."""
        target = handed_on(sent) if self._hands_on else sent
        return target, str if target == sent else handed_back
