"""The errors in a log, that which explains most first, and the last lines before the step ended.

Rules: pure; the same bytes give the same findings however they were split; memory does not grow with the log.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence

from .lines import END_OF_GROUP, Lines
from .matchers import Matcher
from .ranking import Ranking, cut
from .running import Running
from .values import Found

BEFORE = 3  # lines before a program's last words that are kept with them
PREFIX = re.compile(r"#\d+ (?:\d+\.\d+ )?|[\w.-]+-\d+ +\| ")  # docker build's and compose's, before what a program said


def find(chunks: Iterable[bytes], matchers: Sequence[Matcher], lines: int = 30) -> Found:
    """What is wrong according to a log, which comes in pieces and may be that of a success, and its last lines."""
    finder = Finder(matchers, lines, has_failed=False)
    for chunk in chunks:
        finder.feed(chunk)
    return finder.found()


class Finder:
    """The search of a log whose bytes come one after the other; it is known to be of a failed step, or is not."""

    def __init__(self, matchers: Sequence[Matcher], lines: int = 30, *, has_failed: bool = True) -> None:
        self._has_failed = has_failed
        self._lines = Lines()
        self._by_word: dict[str, list[Running]] = {}
        self._wordless: list[Running] = []
        self._running = [*map(Running, matchers)]
        for running in self._running:
            for word in running.matcher.words:
                self._by_word.setdefault(word, []).append(running)
            if not running.matcher.words:
                self._wordless.append(running)
        self._open: list[Running] = []  # those that have begun a match
        self._ranking = Ranking(matchers)
        self._before: deque[str] = deque(maxlen=BEFORE)
        self._last: deque[str] = deque(maxlen=lines)
        self._is_after_gap = False
        self._count = self._size = 0

    def feed(self, data: bytes) -> None:
        """Search the next bytes."""
        self._size += len(data)
        if self._is_after_gap:
            self._is_after_gap, data = b"\n" not in data, data.partition(b"\n")[2]
        self._search(self._lines.feed(data))

    def gap(self) -> None:
        """Say that bytes are left out here: the next ones begin in the middle of a line, and of something else."""
        self._search(self._lines.end())
        for running in self._open:
            running.begun = {}
        self._open = []
        self._last.clear()
        self._before.clear()
        self._is_after_gap = True

    def found(self) -> Found:
        """What was found, once all bytes were given."""
        self._search(self._lines.end())
        certain = self._ranking.certain(self._count, has_failed=self._has_failed)
        likely = () if certain else self._ranking.likely()
        given_up = dict.fromkeys(running.matcher.owner for running in self._running if running.is_slow)
        return Found(certain, tuple(map(cut, self._last)), self._size, likely, tuple(given_up))

    def _search(self, text: str) -> None:
        if not text:
            return
        hits = self._hits(text.lower())
        for index, line in enumerate(text[:-1].split("\n")):
            self._count += 1
            if not self._ranking.has_ended and line not in END_OF_GROUP:
                self._last.append(line)
            if self._open or index in hits:
                self._step(line, hits.get(index, []))
            if line:
                self._before.append(line)

    def _hits(self, text: str) -> dict[int, list[Running]]:
        """The matchers to try on a line, by the line's index: those whose words it has, and those without words."""
        lines = text[:-1].split("\n")
        hits = {index: [*self._wordless] for index in range(len(lines))} if self._wordless else {}
        for word, some in self._by_word.items():
            if word in text:
                for index in [index for index, line in enumerate(lines) if word in line]:
                    hits.setdefault(index, []).extend(some)
        return hits

    def _step(self, line: str, hits: list[Running]) -> None:
        prefix = PREFIX.match(line)
        said = line[prefix.end() :] if prefix else line
        tried = dict.fromkeys([*self._open, *hits])
        found = [(running.matcher, running.step(said, self._count, running in hits)) for running in tried]
        matches = [(matcher, match) for matcher, match in found if match]
        self._ranking.take(matches, self._count, tuple(self._before))
        self._open = [running for running in tried if running.begun]
