"""How a status and a time are shown to people: data, and a few words made of numbers.

Rules: pure. A status is a sign and Forgejo's own word, so that colour and sign add to the word and never stand for it.
"""

from __future__ import annotations

from dataclasses import dataclass

MINUTE, HOUR, DAY, YEAR = 60, 3600, 86_400, 31_557_600


@dataclass(frozen=True)
class Look:
    """The sign of a status, one for an encoding that lacks it, the colour of both, and the colour of a whole row."""

    sign: str
    plain: str
    colour: str
    of_row: str = ""


LOOKS = {
    "success": Look("✓", "+", "green"),
    "failure": Look("✗", "x", "bold red", "red"),
    "cancelled": Look("–", "-", "yellow"),
    "skipped": Look("–", "-", "bright_black", "bright_black"),
    "running": Look("●", "*", "cyan"),
    "waiting": Look("…", ".", "bright_black"),
    "blocked": Look("…", ".", "bright_black"),
}
OTHER = Look("?", "?", "")
# What is looked at first where not all jobs can be shown.
URGENCY = ("failure", "cancelled", "running", "waiting", "blocked", "unknown", "success", "skipped")


def look_of(status: str) -> Look:
    """How a status looks."""
    return LOOKS.get(status, OTHER)


def lasted(seconds: float | None) -> str:
    """A duration in at most six characters: `42s`, `3m05s`, `1h02m`, `2d03h`; "" if it is not known."""
    if seconds is None:
        return ""
    whole = max(0, int(seconds))
    for unit, name, part, of_part in ((DAY, "d", HOUR, "h"), (HOUR, "h", MINUTE, "m"), (MINUTE, "m", 1, "s")):
        if whole >= unit:
            return f"{whole // unit}{name}{whole % unit // part:02d}{of_part}"
    return f"{whole}s"


def ago(seconds: float) -> str:
    """How long ago something was, by its largest unit: `42s`, `5m`, `3h`, `12d`, `2y`."""
    whole = max(0, int(seconds))
    for unit, name in ((YEAR, "y"), (DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if whole >= unit:
            return f"{whole // unit}{name}"
    return f"{whole}s"
