"""A log on a terminal, piece by piece: its text and its colours, and nothing else that a terminal obeys (inert.py).

Rules: a log is untrusted text. Bytes that are no UTF-8 become `�`. Only for terminals: piped, a log is its bytes.
"""

from __future__ import annotations

import os

from ..inert import name_text

RESET = "\x1b[0m"


def colours_wanted() -> bool:
    """Whether a terminal may be written to in colour and weight (no-color.org), and knows them."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def one_line(value: object) -> str:
    """Anything as one line without colour, safe to write to a terminal; "" for None."""
    text = "" if value is None else str(value)
    return name_text(text.replace("\t", " ").replace("\n", " "))
