"""How each operation is answered by one proxy in front of one server: `native`, `web`, or not at all, and why not.

Rules: pure; by what the server offers, never by its version. Says what `/swagger.v1.json` through the proxy says.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..capabilities import Capabilities, Capability
from ..operations import OPERATIONS, RUN, Operation


@dataclass(frozen=True)
class Answered:
    """`how` is native, web, absent or unknown; `why` says why it is absent or unknown."""

    operation: Operation
    how: str
    why: str = ""


def answered(known: Capabilities, *, allowed: bool, has_account: bool) -> list[Answered]:
    """All operations, those of the contract first; `allowed` says whether writes are."""
    rows = sorted(OPERATIONS, key=lambda row: (row.is_added, row.path, row.method))
    return [Answered(row, *_how(row, known, allowed, has_account)) for row in rows]


def _how(row: Operation, known: Capabilities, allowed: bool, has_account: bool) -> tuple[str, str]:
    has = known.of(row.method, row.path)
    if has is Capability.PRESENT:
        return "native", ""
    if has is Capability.UNKNOWN:
        return "unknown", "the server's document is not known"
    if row.native_only:
        return "absent", "the web UI has nothing like it"
    if row.by_run_id and known.of("GET", RUN) is not Capability.PRESENT:
        return "absent", "the server's API knows no run ids"
    if row.writes and not allowed:
        return "absent", "writes are not allowed"
    if row.writes and not has_account:
        return "absent", "there is no web account"
    return "web", ""
