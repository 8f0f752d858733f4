"""What `Client` and `mount` take: an argument of a wrong type is a TypeError that names it, before anything is asked.

Rules: a number may be given as its digits, as it comes from a command line, an environment or JSON. A bool, a float and
a text with anything but digits in it are no numbers. A limit or a timeout out of range is a ValueError; other ranges
are for the server to judge. No message repeats a value that can be a secret.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from operator import index
from os import PathLike
from pathlib import Path
from typing import Literal, SupportsIndex, TypedDict, TypeVar

from .errors import ShimError
from .models import STATUSES, Repo
from .operations import parse_repo

T = TypeVar("T")
Timeout = float | tuple[float, float]
DIGITS = 18  # more than any id or number of Forgejo has


class RunFilters(TypedDict, total=False):
    """What runs must be; what is left out, None or "" may be anything.

    `status` is one of Forgejo's words, `branch` the name of a branch, `workflow` that of a workflow's file, `event` as
    `Run.event` says it, `commit` the whole id of a commit.
    """

    status: str | None
    branch: str | None
    workflow: str | None
    event: str | None
    commit: str | None


def filters(given: RunFilters) -> dict[str, str]:
    """Those of the filters that are given. Raises ValueError for a status or a commit that no run can have."""
    known = RunFilters.__annotations__
    if unknown := [name for name in given if name not in known]:
        raise TypeError(f"there is no filter {unknown[0]}; there are {', '.join(known)}")
    texts = {name: "" if value is None else text(value, name) for name, value in given.items()}  # type: ignore[arg-type]
    found = {name: value for name, value in texts.items() if value}
    if (status := found.get("status", STATUSES[1])) not in STATUSES:
        raise ValueError(f"status must be one of {', '.join(STATUSES)}, not {status!a}")
    if (commit := found.get("commit")) and not re.fullmatch("[0-9a-fA-F]{40}|[0-9a-fA-F]{64}", commit):
        raise ValueError(f"commit must be a whole id, 40 or 64 hexadecimal digits, not {commit!a}")
    return found


def number(value: object, name: str, wanted: str = "a whole number") -> int:
    """A whole number, or the digits of one; `wanted` describes what may be given."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= DIGITS:
        return int(value)
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return index(value)
    raise _wrong(name, wanted, value)


def optional(value: object, name: str) -> int | None:
    """A whole number, its digits, or None."""
    return None if value is None else number(value, name)


def limit(value: object) -> int:
    """How many at most. Raises ValueError for less than none."""
    if (wanted := number(value, "limit")) < 0:
        raise ValueError(f"limit must be 0 or more, not {wanted}")
    return wanted


def within(value: object, name: str, least: int, most: int) -> int:
    """A whole number in a range. Raises ValueError for one outside."""
    if not least <= (wanted := number(value, name)) <= most:
        raise ValueError(f"{name} must be from {least} to {most}, not {wanted}")
    return wanted


def run_number(value: object) -> int | Literal["latest"]:
    """A run's number, or `latest`."""
    return "latest" if value == "latest" else number(value, "run", "a run's number or 'latest'")


def repository(value: object) -> Repo:
    """`OWNER/REPO` as text or as a Repo. Raises ShimError if no repository can be called so."""
    if not isinstance(value, str | Repo):
        raise _wrong("repo", "'OWNER/REPO' or a Repo", value)
    return parse_repo(str(value))


def file(value: str | PathLike[str]) -> Path:
    """The path of a file. Raises ShimError for one that ends in a slash, which a Path would lose without a word."""
    if str(value).endswith("/"):
        raise ShimError(f"{value} is a folder; name a file in it")
    return Path(value)


def of_type(value: T, name: str, wanted: str, *kinds: type) -> T:
    """A value of one of these types, which `wanted` describes. It may be a secret, so it is never repeated."""
    if not isinstance(value, kinds):
        raise _wrong(name, wanted)
    return value


def text(value: str, name: str) -> str:
    """A text."""
    return of_type(value, name, "a text", str)


def timeout(value: object) -> Timeout:
    """Seconds, or a pair of them: to connect, and between two packets. Raises ValueError if they are not above 0."""
    both = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
    for seconds in both:
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise _wrong("timeout", "a number of seconds, or a pair of them", value)
        if not 0 < seconds < math.inf:
            raise ValueError(f"timeout must be above 0 and finite, not {seconds}")
    return value  # type: ignore[return-value]


def duration(value: object, name: str) -> float | None:
    """Seconds, or None. Raises ValueError if they are not above 0."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(name, "a number of seconds or None", value)
    if not value > 0:
        raise ValueError(f"{name} must be above 0, not {value}")
    return float(value)


def face(value: object) -> Literal["forgejo-proxy"] | None:
    """The name of a face, or None."""
    if value is None or value == "forgejo-proxy":
        return value
    raise _wrong("face", "'forgejo-proxy' or None", value)


def methods(value: object, name: str, *needed: str) -> None:
    """Refuse what is neither None nor has the methods needed."""
    if value is not None and not all(callable(getattr(value, method, None)) for method in needed):
        raise _wrong(name, f"None or have {' and '.join(needed)}", value)


def callback(value: object, name: str) -> None:
    """Refuse what is neither None nor can be called."""
    if value is not None and not isinstance(value, Callable):  # type: ignore[arg-type]
        raise _wrong(name, "None or a function", value)


def _wrong(name: str, wanted: str, *value: object) -> TypeError:
    shown = f", not {ascii(value[0])[:80]}" if value and "@" not in str(value[0]) else ""
    return TypeError(f"{name} must be {wanted}{shown}")
