"""A matcher at work on the lines of a log, one after the other.

Rules: pure. The patterns must be found in lines that follow each other, as GitHub's runner does it: a line that does
not fit ends what was begun; a match that is complete ends all that its matcher has begun, but for a `loop`. What a
later line says of a field replaces what an earlier one said. Of a pattern with `repeat` any number of lines fit, none
too.
"""

from __future__ import annotations

from dataclasses import dataclass

from .matchers import Matcher

SEARCHED = 2048  # characters of a line that a regexp sees, and a match keeps
SPAN = 200  # lines between the first and the last line of one match


@dataclass(frozen=True)
class Match:
    """Lines in which patterns of a matcher were found. `index` is that of the last pattern (0-based), `first` the
    number of the first line."""

    index: int
    first: int
    lines: tuple[str, ...]
    fields: dict[str, str]


class Running:
    """A matcher, and the matches that it has begun: for each of its patterns the one that ends with it."""

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.begun: dict[int, Match] = {}
        self.is_slow = False  # it took too long once, and is not tried again

    def step(self, line: str, number: int, may_begin: bool) -> Match | None:
        """Try the line of that number as the next of what was begun and, if it may, as the first.

        Returns the match that is complete with it, if there is one.
        """
        begun, self.begun, line = self.begun, {}, line[:SEARCHED]
        last = len(self.matcher.patterns) - 1
        for index in range(last if begun else 0, -1, -1):
            before = self._before(begun, index) if begun else None
            if not before and (index or not may_begin) or before and number - before.first > SPAN:
                continue
            fields = self._search(index, line)
            if fields is None:
                continue
            match = (
                Match(index, before.first, (*before.lines, line), before.fields | fields)
                if before
                else Match(index, number, (line,), fields)
            )
            if index == last:
                self.begun = {before.index: before} if before and self.matcher.patterns[last].loop else {}
                return match
            self.begun[index] = match
        return None

    def _before(self, begun: dict[int, Match], index: int) -> Match | None:
        """The match that a line of the pattern at `index` goes on with."""
        patterns = self.matcher.patterns
        if patterns[index].repeat and index in begun:
            return begun[index]
        for earlier in range(index - 1, -1, -1):
            if earlier in begun:
                return begun[earlier]
            if not patterns[earlier].repeat:
                break
        return None

    def _search(self, index: int, line: str) -> dict[str, str] | None:
        """The fields that a line gives; None if it does not fit. A regexp that takes too long is not tried again."""
        if self.is_slow:
            return None
        pattern = self.matcher.patterns[index]
        try:
            found = pattern.search(line)
        except TimeoutError:
            self.is_slow = True
            return None
        return {key: found[group] for key, group in pattern.groups if found[group]} if found else None
