"""Regular expressions that callers give, searched for in lines that others wrote.

Rules: pure. Whatever the two are like, a search of one line ends: one that takes too long is given up and said so.
"""

from __future__ import annotations

from collections.abc import Callable

import regex  # type: ignore[import-untyped]

from .errors import WrongArguments

SECONDS = 0.2  # for one line


def search_of(expression: str, name: str) -> Callable[[str], bool]:
    """Says of a line whether anything in it fits; `name` is what messages call the expression.

    Raises WrongArguments for what is no regular expression, and so does the search that takes too long.
    """
    try:
        compiled = regex.compile(expression)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise WrongArguments(f"{name} is no regular expression: {error}") from None

    def fits(text: str) -> bool:
        try:
            return compiled.search(text, timeout=SECONDS, concurrent=True) is not None
        except TimeoutError:
            raise WrongArguments(f"{name} takes too long on a line of this log; give a simpler expression") from None

    return fits
