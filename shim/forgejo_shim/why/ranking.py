"""Which of the errors in a log explains most.

Rules: pure; memory does not grow with the log; no warnings. The order is: what the step said before it ended;
the higher rank; the owner that spoke last (what an earlier tool reported was survived); of one owner the first, since
what follows is often its consequence; but the last of what programs survive, if it is not the very end. What repeats a
better finding is left out, and last words where there is anything better. Findings of a log that does not say that it
is a failure's are certain or only likely; never both.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .matchers import CAUSE, LAST_WORDS, OF_RUNNER, SURVIVABLE, Matcher
from .running import Match
from .values import Finding

MOST = 10  # findings of a log, and of one matcher
HEAD, TAIL = 4, 8  # lines of a long finding
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

    def __init__(self, matchers: Sequence[Matcher]) -> None:
        self.has_ended = False
        self._says_failed = False  # the runner does
        self._kept: dict[Matcher, list[_Candidate]] = {matcher: [] for matcher in matchers}
        self._spoke: dict[str, int] = {}  # the last line of each owner

    def take(self, matches: Sequence[tuple[Matcher, Match]], number: int, before: tuple[str, ...]) -> None:
        """Take the matches that are complete with the line of that number; `before` are the lines before it.

        Where a matcher is sure what a line is, what only looks like an error in general does not count.
        """
        is_sure = any(matcher.rank != SURVIVABLE for matcher, _ in matches)
        is_late = self.has_ended
        for matcher, match in matches:
            if matcher.clears and (not self.has_ended or matcher.ends):
                self._clear()
                continue
            is_error = not match.fields.get("severity", matcher.severity).lower().startswith(NO_ERRORS)
            self._says_failed |= is_error and not matcher.clears and (matcher.ends or matcher.rank == OF_RUNNER)
            if is_error and not matcher.clears and (matcher.rank != SURVIVABLE or not is_sure):
                self._keep(matcher, match, number, before, is_late and not matcher.ends)
            if matcher.ends and not self.has_ended:
                self.has_ended = True
                if is_error:
                    self._raise_last(number)

    def _clear(self) -> None:
        for kept in self._kept.values():
            kept.clear()
        self._spoke.clear()
        self.has_ended = self._says_failed = False

    def _keep(self, matcher: Matcher, match: Match, number: int, before: tuple[str, ...], is_late: bool) -> None:
        if not is_late:
            self._spoke[matcher.owner] = number
        first = number if matcher.patterns[-1].loop else match.first
        lines = (*before, *match.lines) if matcher.rank <= LAST_WORDS and len(match.lines) == 1 else match.lines
        finding = _finding(matcher.owner, match, lines, first - len(lines) + len(match.lines))
        one = _Candidate(finding, matcher.rank, first, number, is_late)
        kept = self._kept[matcher]
        if len(kept) == MOST and matcher.rank == SURVIVABLE:
            kept.pop(0)
        if len(kept) < MOST:
            kept.append(one)

    def _raise_last(self, number: int) -> None:
        """What programs survive, they did not if it is the last thing they said."""
        for kept in self._kept.values():
            if kept and kept[-1].rank == SURVIVABLE and number - kept[-1].end <= AT_THE_END:
                kept[-1] = replace(kept[-1], rank=CAUSE)

    def certain(self, number: int, *, has_failed: bool) -> tuple[Finding, ...]:
        """The findings in so many lines, best first. `has_failed`: whether that is known of the step.

        Else the runner has to say so where it went on to its last steps; and before, what programs survive counts only
        where it is the very end, or beside something else.
        """
        found = self._all()
        if not has_failed and not self._says_failed:
            if self.has_ended:
                return ()
            if all(one.rank == SURVIVABLE for one in found):
                found = [one for one in found if number - one.end <= AT_THE_END]
        return tuple(self._best(found))

    def likely(self) -> tuple[Finding, ...]:
        """All that looks like an error, best first."""
        return tuple(self._best(self._all()))

    def _all(self) -> list[_Candidate]:
        return [one for kept in self._kept.values() for one in kept]

    def _best(self, found: list[_Candidate]) -> Iterator[Finding]:
        chosen: list[_Candidate] = []
        for one in sorted(found, key=self._order):
            if len(chosen) == MOST or chosen and _is_pointless(one, chosen[0]):
                break
            if not any(_repeats(one, better) for better in chosen):
                chosen.append(one)
                yield one.finding

    def _order(self, one: _Candidate) -> tuple[int, ...]:
        place: tuple[int, ...] = (one.first,)
        if one.rank == SURVIVABLE:
            place = (-one.end,)
        elif one.rank > LAST_WORDS:
            place = (-self._spoke.get(one.finding.owner, 0), one.first)
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
    if len(shown) > HEAD + TAIL:
        shown[HEAD:-TAIL] = ["…"]
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
