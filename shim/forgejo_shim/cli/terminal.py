"""A log on a terminal, piece by piece: its text and its colours, and nothing else that a terminal obeys (inert.py).

Rules: a log is untrusted text. Bytes that are no UTF-8 become `�`. Only for terminals: piped, a log is its bytes.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

from ..inert import safe_text

RESET = "\x1b[0m"
_UNFINISHED = re.compile(r"(?:\r|\x1b(?:\[[0-9;:]{0,64})?)\Z")


def safe_chunks(chunks: Iterable[bytes]) -> Iterator[str]:
    """The log's text, safe to write to a terminal, piece by piece; sequences may be split between chunks."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    held = ""
    for chunk in chunks:
        text = held + decoder.decode(chunk)
        cut = _UNFINISHED.search(text)
        held = text[cut.start() :] if cut else ""
        yield safe_text(text[: cut.start()] if cut else text)
    yield safe_text(held + decoder.decode(b"", final=True))


def one_line(value: object) -> str:
    """Anything as one line without colour, safe to write to a terminal; "" for None."""
    text = "" if value is None else str(value)
    return safe_text(text.replace("\t", " ").replace("\n", " ").replace("\x1b", "␛"))
