"""Which of the errors in a log explains most.

Rules: pure; memory does not grow with the log; no warnings. The order is: what the step said before it ended;
the higher rank; the owner that spoke last (what an earlier tool reported was survived); of one owner the first, since
what follows is often its consequence; but the last of what programs survive, if it is not the very end. What repeats a
better finding is left out, and last words where there is anything better.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .matchers import CAUSE, LAST_WORDS, SURVIVABLE, Matcher
from .running import Match
from .values import Finding

MOST = 10  # findings of a log, and of one matcher
SHOWN = 12  # lines of a finding
WIDEST = 500  # characters of a line
NO_ERRORS = ("warn", "info", "note", "notice", "hint", "help", "debug", "style", "suggest", "convention", "⚠")
AT_THE_END = 4  # lines before the end of a step; an exception there is what ended it


@dataclass(frozen=True)
class _Candidate:
    """A finding with its rank, and the numbers of its first and last line. `is_late`: it came after the step's end."""

    finding: Finding
    rank: int
    first: int
    end: int
    is_late: bool


class Ranking:
    """The candidates of a log."""

    def __init__(self) -> None:
        self.has_ended = False
        self._kept: dict[Matcher, list[_Candidate]] = {}
        self._spoke: dict[str, int] = {}  # the last line of each owner

    def take(self, matches: Sequence[tuple[Matcher, Match]], number: int, before: tuple[str, ...]) -> None:
        """Take the matches that are complete with the line of that number; `before` are the lines before it.

        What a matcher knows to be less than a cause is no more than that, though it look like an error in general.
        """
        is_less = any(matcher.rank < SURVIVABLE for matcher, _ in matches)
        for matcher, match in matches:
            if matcher.clears and (not self.has_ended or matcher.ends):
                self._kept, self._spoke, self.has_ended = {}, {}, False
                continue
            is_error = not match.fields.get("severity", matcher.severity).lower().startswith(NO_ERRORS)
            if is_error and not matcher.clears and (matcher.rank != SURVIVABLE or not is_less):
                self._keep(matcher, match, number, before)
            if matcher.ends and not self.has_ended:
                self.has_ended = True
                self._raise_last(number)

    def _keep(self, matcher: Matcher, match: Match, number: int, before: tuple[str, ...]) -> None:
        self._spoke[matcher.owner] = number
        first = number if matcher.patterns[-1].loop else match.first
        lines = (*before, *match.lines) if matcher.rank <= LAST_WORDS and len(match.lines) == 1 else match.lines
        finding = _finding(matcher.owner, match, lines, first - len(lines) + len(match.lines))
        one = _Candidate(finding, matcher.rank, first, number, self.has_ended and not matcher.ends)
        kept = self._kept.setdefault(matcher, [])
        if len(kept) == MOST and matcher.rank == SURVIVABLE:
            kept.pop(0)
        if len(kept) < MOST:
            kept.append(one)

    def _raise_last(self, number: int) -> None:
        """What programs survive, they did not if it is the last thing they said."""
        for kept in self._kept.values():
            one = kept[-1]
            if one.rank == SURVIVABLE and number - one.end <= AT_THE_END:
                kept[-1] = replace(one, rank=CAUSE)

    def best(self) -> Iterator[Finding]:
        """The findings, best first."""
        chosen: list[_Candidate] = []
        for one in sorted((one for kept in self._kept.values() for one in kept), key=self._order):
            if len(chosen) == MOST or chosen and _is_pointless(one, chosen[0]):
                break
            if not any(_repeats(one, better) for better in chosen):
                chosen.append(one)
                yield one.finding

    def _order(self, one: _Candidate) -> tuple[int, ...]:
        if one.rank == SURVIVABLE:
            place: tuple[int, ...] = (-one.end,)
        elif one.rank > LAST_WORDS:
            place = (-self._spoke[one.finding.owner], one.first)
        else:
            place = (one.first,)
        return one.is_late, -one.rank, *place, not one.finding.file, one.first - one.end


def _is_pointless(one: _Candidate, best: _Candidate) -> bool:
    return one.is_late > best.is_late or one.rank <= LAST_WORDS < best.rank


def _repeats(one: _Candidate, better: _Candidate) -> bool:
    """Whether a finding shares lines with a better one, or says the same again."""
    if one.first <= better.end and better.first <= one.end:
        return True
    again, said = one.finding, better.finding
    if one.rank < better.rank:
        return said.message in again.message
    return again.message == said.message and (not again.file or (again.file, again.line) == (said.file, said.line))


def cut(line: str) -> str:
    """A line of a width that can be shown."""
    return line if len(line) <= WIDEST else line[:WIDEST] + "…"


def _finding(owner: str, match: Match, lines: tuple[str, ...], at: int) -> Finding:
    """What a match says; a number that is none is None."""
    fields = match.fields
    shown = [cut(line) for line in lines]
    if len(shown) > SHOWN:
        shown[SHOWN // 2 : -SHOWN // 2] = ["…"]
    line, _, column = fields.get("location", "").partition(",")
    return Finding(
        owner,
        cut(fields.get("message", match.lines[-1]).strip()),
        file=cut(posixpath.join(posixpath.dirname(fields.get("fromPath", "")), fields.get("file", ""))),
        line=_number(fields.get("line", line)),
        column=_number(fields.get("column", column.partition(",")[0])),
        code=cut(fields.get("code", "")),
        at=at,
        lines=tuple(shown),
    )


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None
