"""A log on a terminal: its text and its colours, and nothing that acts.

Rules: a log is foreign text. Colour (SGR sequences, but for "concealed") passes; every other escape sequence and
control character is shown by a sign in its place: ESC as `␛`, a lone carriage return as `␍`, C1 controls, bidirectional
controls and other invisible characters as `<U+202E>`. So nothing overwrites a line, hides it, turns it round, or speaks
to the terminal. Bytes that are no UTF-8 become `�`. Only for terminals: piped, a log is its bytes.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable, Iterator

RESET = "\x1b[0m"
JOINERS = "\u200c\u200d"  # needed in some scripts and in emoji
# A palette or direct colour, or any other number of SGR that does not end in 8: that is 8, 'concealed', above all.
_PARAMETER = r"(?:[34]8;5;[0-9]{1,3}|[34]8;2;[0-9]{1,3};[0-9]{1,3};[0-9]{1,3}|[0-9]{0,2}[0-79]|)"
_COLOUR = re.compile(rf"\x1b\[{_PARAMETER}(?:;{_PARAMETER})*m")
_PIECE = re.compile(rf"({_COLOUR.pattern})|\r\n|[^\x20-\x7e\n\t]")
_UNFINISHED = re.compile(r"(?:\r|\x1b(?:\[[0-9;:]{0,64})?)\Z")


def harmless(chunks: Iterable[bytes]) -> Iterator[str]:
    """The log's text, safe to write to a terminal, piece by piece; sequences may be split between chunks."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    held = ""
    for chunk in chunks:
        text = held + decoder.decode(chunk)
        cut = _UNFINISHED.search(text)
        held = text[cut.start() :] if cut else ""
        yield harmless_text(text[: cut.start()] if cut else text)
    yield harmless_text(held + decoder.decode(b"", final=True))


def harmless_text(text: str) -> str:
    """A whole text, safe to write to a terminal."""
    return _PIECE.sub(lambda found: found[1] or _sign(found[0]), text)


def _sign(text: str) -> str:
    if text == "\r\n":
        return "\n"
    code = ord(text)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "␡"
    acts = unicodedata.category(text) in ("Cc", "Cf", "Cs", "Zl", "Zp") and text not in JOINERS
    return f"<U+{code:04X}>" if acts else text
