"""Numbers as JSON and YAML 1.2 write them, exact where a double would overflow."""

from __future__ import annotations

import math
import re
from decimal import Decimal

from .shape import NotSwagger

DIGITS = 4000  # Python itself writes no whole number of more than 4300
_WHOLE = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")


def number(text: str) -> int | float:
    """The value of `12`, `-1.5e3`, `0x1F`; ValueError if that is none, NotSwagger if JSON has none such."""
    if len(text) > DIGITS:
        raise NotSwagger("holds a number of too many digits")
    if _PREFIXED.fullmatch(text):
        return int(text, 0)
    if _WHOLE.fullmatch(text):
        return int(text)
    if text.lower().endswith((".inf", ".nan")):
        raise NotSwagger("holds a number that JSON has not")
    value = float(text)
    if not math.isinf(value):
        return value
    exact = Decimal(text)
    if exact.adjusted() > DIGITS:
        raise NotSwagger("holds a number of too many digits")
    return int(exact)
