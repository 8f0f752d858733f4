"""TOML of which every key is known: what is spelled wrong is an error, and never left out in silence."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
_WORDS = {str: "a text in quotes", list: "a list", dict: "a table", date: "a day without quotes, such as 2027-01-01"}
Table = dict[str, Any]


def read(path: Path, what: str, parse: Callable[[str], T]) -> T:
    """What `parse` makes of a file's text. Raises ValueError with a sentence that calls the file `what`."""
    try:
        return parse(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"{what} {path} cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise ValueError(f"{what} {path} is no UTF-8 text") from None
    except ValueError as error:
        raise ValueError(f"{what} {path}: {error}") from None


def table(text: str) -> Table:
    """The content of a text. Raises ValueError with a sentence."""
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:  # TOMLDecodeError, or a number of too many digits
        at = re.search(r"\(at [^)]*\)", str(error))
        raise ValueError(f"it is no TOML {at[0] if at else ''}".rstrip()) from None


def only(table: Table, known: Mapping[str, type], where: str) -> None:
    """ValueError if a table has a key that is not known, or a value of another type."""
    for key, value in table.items():
        if key not in known:
            raise ValueError(f"{where}: {key!a} is not known; known are {', '.join(known)}")
        if not isinstance(value, known[key]) or isinstance(value, datetime):
            raise ValueError(f"{where}: {key} must be {_WORDS[known[key]]}")
