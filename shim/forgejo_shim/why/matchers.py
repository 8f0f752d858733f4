"""Problem matchers: what an error looks like, as data in GitHub's format.

Rules: a file that is not as matchers/README.md says is BadRequest, naming the file and what is wrong in it. Files of
GitHub's actions load unchanged; as there, a group that a regexp does not have holds nothing. The package's own regexps
are run by `re`, those of others by `regex`, which knows JavaScript's named groups, and stops after a time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any

import fastjsonschema
import regex  # type: ignore[import-untyped]

from ..errors import BadRequest

# Keys of a pattern, and what they are groups of; `character` is VS Code's old name of the column.
FIELDS = {"character": "column"} | {
    name: name for name in ("file", "fromPath", "line", "column", "location", "severity", "code", "message")
}
LITERAL = re.compile(r"\A/(\^.*\$)/\Z")  # a regexp between slashes, as setup-node has one
CAUSE, SURVIVABLE, SUMMARY, LAST_WORDS, OF_RUNNER = 4, 3, 2, 1, 0  # ranks; the last is the runner's own last words
SECONDS = 0.25  # for a regexp of others on one line; TimeoutError


@dataclass(frozen=True)
class Pattern:
    """What one line must look like. `search` gives the match of a line or None; `groups` says which group of it holds
    which field of a finding.

    `loop`: each further line that fits is a finding of its own. `repeat`: any number of lines, none too.
    """

    search: Callable[[str], Any]
    groups: tuple[tuple[str, int], ...]
    loop: bool = False
    repeat: bool = False


@dataclass(frozen=True, eq=False)
class Matcher:
    """Lines that follow each other and are an error together; README.md says what `rank`, `words`, `ends` and `clears`
    are."""

    owner: str
    severity: str
    patterns: tuple[Pattern, ...]
    rank: int = CAUSE
    words: tuple[str, ...] = ()
    ends: bool = False
    clears: bool = False


@cache
def built_in() -> tuple[Matcher, ...]:
    """The matchers of the package."""
    folder = files(__package__).joinpath("matchers")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".json"))
    return tuple(one for name in names for one in load(folder.joinpath(name).read_bytes(), name, is_own=True))


def load(text: bytes | str, name: str, *, is_own: bool = False) -> tuple[Matcher, ...]:
    """The matchers of a file; `name` stands for it in messages. Raises BadRequest if it holds anything else."""
    try:
        document = _schema()(json.loads(text))
    except fastjsonschema.JsonSchemaValueException as error:
        raise _wrong(name, error.message.removeprefix("data.").replace("data ", "the file ", 1)) from None
    except (ValueError, RecursionError) as error:
        raise _wrong(name, f"it is no JSON ({error})") from None
    return tuple(_matcher(one, name, is_own) for one in document["problemMatcher"])


@cache
def _schema() -> Any:
    text = files(__package__).joinpath("matcher.schema.json").read_text("utf-8")
    return fastjsonschema.compile(json.loads(text), use_default=False)


def _wrong(place: str, what: str) -> BadRequest:
    return BadRequest(f"problem matchers in {place}: {what}", cause="matcher-not-understood")


def _matcher(given: dict[str, Any], name: str, is_own: bool) -> Matcher:
    patterns, place = given["pattern"], f"{name}, {given['owner']}"
    if any(pattern.get("loop") for pattern in patterns[:-1]) or (len(patterns) == 1 and patterns[0].get("loop")):
        raise _wrong(place, "loop is only for the last of several patterns")
    if patterns[0].get("repeat") or patterns[-1].get("repeat"):
        raise _wrong(place, "repeat is only for a pattern between others")
    return Matcher(
        given["owner"],
        given.get("severity", "error"),
        tuple(_patterns(patterns, place, is_own)),
        given.get("rank", CAUSE),
        tuple(given.get("words", ())),
        given.get("ends", False),
        given.get("clears", False),
    )


def _patterns(given: list[dict[str, Any]], place: str, is_own: bool) -> Iterator[Pattern]:
    for number, pattern in enumerate(given, 1):
        text = LITERAL.sub(r"\1", pattern["regexp"])
        try:
            compiled = re.compile(text) if is_own else regex.compile(text)
        except (re.error, regex.error, ValueError, OverflowError, RecursionError) as error:  # ValueError: odd flags
            raise _wrong(place, f"the regexp of pattern {number} is invalid: {error}") from None
        groups = ((field, pattern[key]) for key, field in FIELDS.items() if key in pattern)
        search = compiled.search if is_own else partial(compiled.search, timeout=SECONDS)
        there = tuple((field, group) for field, group in groups if group <= compiled.groups)
        yield Pattern(search, there, pattern.get("loop", False), pattern.get("repeat", False))
