"""Untrusted text made inert: its text and its colours, and nothing else that a terminal or a reader obeys.

Rules: pure. Colour (SGR sequences, but for "concealed") passes; every other escape sequence and control character is
shown by a sign in its place: ESC as `␛`, a lone carriage return as `␍`, C1 controls, bidirectional controls and other
invisible characters as `<U+202E>`. So nothing overwrites a line, hides in it, turns it round, or speaks to a terminal.
"""

from __future__ import annotations

import re
import unicodedata

JOINERS = "\u200c\u200d"  # needed in some scripts and in emoji
VARIANTS = range(0xE0100, 0xE01F0)  # invisible: they choose a form of a kanji, and can spell a text that no one sees
SGR = re.compile(r"\x1b\[([0-9;:]{0,64})m")
_PIECE = re.compile(rf"({SGR.pattern})|\r\n|[^\x20-\x7e\n\t]")
CONCEALED, COLOURS, PALETTE, DIRECT, LAST = 8, (38, 48), 5, 2, 107
# Of one field in the form of ISO 8613-6: a colour (38:5:n, 38:2::r:g:b, also of the underline), or a kind of underline.
_WITH_COLONS = re.compile(r"0*[345]8(?::[0-9]{0,3}){1,8}|0*4:[0-5]")


def safe_text(text: str) -> str:
    """A whole text, inert but for its colours: safe to write to a terminal."""
    return _PIECE.sub(_replace, text)


def plain_text(text: str) -> str:
    """A log's text, inert and without its colours: for readers that are no terminal."""
    return name_text(SGR.sub("", text))  # what is left can have become a sequence only now


def name_text(text: str) -> str:
    """A name or a title, inert; colours, which are no part of one, are shown by a sign, too."""
    return safe_text(text.replace("\x1b", "␛"))


def _replace(found: re.Match[str]) -> str:
    if found[1] is None:
        return _symbol(found[0])
    return found[1] if _is_colour(found[2]) else _symbol("\x1b") + found[1][1:]


def _is_colour(fields: str) -> bool:
    """Whether the fields of an SGR sequence (ECMA-48, 8.3.117) hide nothing, however a terminal counts them."""
    rest = iter(fields.split(";"))
    for field in rest:
        if ":" in field:
            if not _WITH_COLONS.fullmatch(field):
                return False
            continue
        if len(field) > 3 or int(field or 0) == CONCEALED or int(field or 0) > LAST:
            return False
        if int(field or 0) in COLOURS:
            mode = next(rest, "")
            more = {PALETTE: 1, DIRECT: 3}.get(int(mode) if mode.isdecimal() else 0, 0)
            values = [next(rest, None) for _ in range(more)]
            if not values or not all(value is not None and re.fullmatch("[0-9]{0,3}", value) for value in values):
                return False
    return True


def _symbol(text: str) -> str:
    if text == "\r\n":
        return "\n"
    code = ord(text)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    hides = unicodedata.category(text) in ("Cc", "Cf", "Cs", "Zl", "Zp") and text not in JOINERS
    return f"<U+{code:04X}>" if hides or code in VARIANTS else text
