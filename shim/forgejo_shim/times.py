"""Times as Forgejo writes them: in the API, in the rows of a log, on its pages.

Rules: pure; what is no time is 0 or None, never an error.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

LAST = 253_402_300_799  # seconds since the epoch at the end of the year 9999


def seconds(text: str) -> float:
    """An API time in seconds since the epoch, 0 if unset (Forgejo gives the epoch itself, or the year 1)."""
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return 0.0


def in_utc(text: str) -> str:
    """An API time in RFC 3339 and UTC, whatever zone the server is in; "" if unset."""
    return moment(int(at)) if (at := seconds(text)) > 0 else ""


def duration(text: str) -> int | None:
    """Whole seconds of a duration as Go prints it, `1h2m3s` or `-5s`; None if it is none."""
    found = re.fullmatch(r"(-?)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(\d{1,9})s", text)
    if not found:
        return None
    total = int(found[2] or 0) * 3600 + int(found[3] or 0) * 60 + int(found[4])
    return -total if found[1] else total


def moment(at: int) -> str:
    """Seconds since the epoch in RFC 3339, as the API writes them; of a later year than 9999, its end."""
    return f"{datetime.fromtimestamp(min(at, LAST), UTC):%Y-%m-%dT%H:%M:%SZ}"
