"""A line of a log on a terminal: safe (terminal.py), in colour unless NO_COLOR is set, and with the commands of a
workflow shown as what they mean.

    ::group::Build            the title, bold               ##[group]Build
    ::endgroup::              nothing                       ##[endgroup]
    ::error file=a.c::no ;    error: no ; (file=a.c)        ##[error]no ;
"""

from __future__ import annotations

import re

from ..inert import safe_text
from .terminal import RESET

COMMAND = re.compile(
    r"::(?P<name>group|endgroup|error|warning|notice|debug)(?: (?P<about>.*?))?::(?P<text>.*)"
    r"|##\[(?P<short>group|endgroup|error|warning|notice|debug|command)\](?P<rest>.*)"
)
COLOURS = {"group": "\x1b[1m", "error": "\x1b[31m", "warning": "\x1b[33m", "command": "\x1b[36m"}
_SEQUENCES = re.compile(r"\x1b\[[0-9;:]*m")  # all that a safe text has


def shown_line(text: str, has_colours: bool) -> str | None:
    """The line's text, safe to write to a terminal; None for one that shows nothing."""
    found = COMMAND.fullmatch(text)
    if not found:
        return _coloured(safe_text(text), has_colours)
    name = found["name"] or found["short"]
    if name == "endgroup":
        return None
    message = safe_text(found["text"] if found["name"] else found["rest"])
    shown = message if name in ("group", "command") else f"{name}: {message}"
    about = f" ({safe_text(found['about'])})" if found["about"] else ""
    return _coloured(f"{COLOURS.get(name, '')}{shown}{about}{RESET}", has_colours)


def _coloured(text: str, has_colours: bool) -> str:
    return text if has_colours else _SEQUENCES.sub("", text)
