"""The faces that both drivers offer: the only list of them."""

from __future__ import annotations

from collections.abc import Callable, Collection

from .face import Face
from .forgejo import Forgejo
from .forgejo_proxy import ForgejoProxy
from .gitea import Gitea
from .github import GitHub

FORGEJO_PROXY, GITHUB, GITEA = NAMES = ("forgejo-proxy", "github", "gitea")


def all_faces(
    names: Collection[str] = (),
    *,
    writes: bool = True,
    now: Callable[[], float] = lambda: 0.0,
    gitea_here: bool = False,
) -> tuple[Face, ...]:
    """The faces in the order in which they are asked; the last one answers what none of them knows.

    `names` are those of `NAMES` that stand where they would be in the way of another API: forgejo-proxy's routes below
    `/api/v1` too. `writes`: the additions that write are recognised; `now` tells seconds since the epoch; `gitea_here`:
    Gitea's API is below `/api/v1` too.
    """
    github = (GitHub(now),) if GITHUB in names else ()
    gitea = (Gitea(), *((Gitea(""),) if gitea_here else ())) if GITEA in names else ()
    return *github, *gitea, ForgejoProxy(FORGEJO_PROXY in names), Forgejo(writes)
