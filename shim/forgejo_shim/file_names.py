"""Names for files and folders made of untrusted texts: safe and different on any system.

Rules: pure. A name is one part of a path. What only Windows reads otherwise (devices such as `NUL`, streams, dots at
the end) is in none, and none reads as an option where a shell writes it for `*`. Two names are different only if they
are without regard to case and to how accents are written (NFC or NFD), since there are systems without regard to
either.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import count

OF_WINDOWS = re.compile(r"""[<>:"|?*]|[. ]\Z|\A(?:CON|PRN|AUX|NUL|COM[0-9¹²³]|LPT[0-9¹²³])(?: *\.|\Z)""", re.IGNORECASE)


def safe_name(text: str, fallback: str) -> str:
    """A name made of a text, of at most 150 bytes; `fallback` if nothing of the text is left."""
    name = "".join(c if c.isprintable() and c not in '/\\:*?"<>|' else "_" for c in text)
    name = re.sub(r"\.\.+", "_", name).lstrip(". ")
    name = name.encode()[:149].decode(errors="ignore").strip().rstrip(". ") or fallback
    return f"_{name}" if OF_WINDOWS.search(name) or name.startswith("-") else name


def first_line(text: str) -> str:
    """The first line of a text that has anything on it; "" if none has."""
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def different_names(wanted: Iterable[tuple[str, int]]) -> list[str]:
    """A name for each safe name with an id: itself where no other is the same, else with the id, and if need be with
    one number more. None that is made so is what another one wanted, even where that one does not have it either."""
    wanted = list(wanted)
    same = Counter(_folded(name) for name, _ in wanted)
    taken = set(same)
    found = []
    for name, key in wanted:
        if same[_folded(name)] > 1:
            name = next(other for other in _variants(f"{name}-{key}") if _folded(other) not in taken)
            taken.add(_folded(name))
        found.append(name)
    return found


def _variants(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{number}" for number in count(2))


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
