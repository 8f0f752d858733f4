"""The faces that both drivers offer: the only list of them."""

from __future__ import annotations

from .face import Face
from .forgejo import Forgejo
from .forgejo_proxy import ForgejoProxy


def all_faces(*, everywhere: bool = False, writes: bool = True) -> tuple[Face, ...]:
    """The faces in the order in which they are asked; the last one answers what none of them knows.

    `everywhere`: forgejo-proxy's routes stand below `/api/v1` too; `writes`: the additions that write are recognised.
    """
    return ForgejoProxy(everywhere), Forgejo(writes)
