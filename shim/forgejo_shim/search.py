"""Which run can hold a job: halving over run numbers, as a pure value machine.

Rules: no I/O. `next()` names the run number to read, `learn()` takes what its state listed, until `next()` is None.

Why halving works: a run's rows are created with ids above every older row, and a row that replaces another (a dynamic
matrix, from 14 on) gets a still higher id, so the *lowest* id of each run rises with the run number, although its
other ids may not (seen on 14.0.5: run 2 held 41, 43, 84, 85 when run 42 held 83). So the job is in the last run whose
lowest id is not above it, or, as a replaced row, in an older one.
Runs without rows say nothing. They come in stretches, so from an empty middle the search goes outward in doubling
strides, ever closer as it nears a bound; what a stretch encloses is read last.
"""

from __future__ import annotations

from collections.abc import Iterable


class RunSearch:
    """The search for `job_id` among the run numbers 1 to `latest`."""

    def __init__(self, job_id: int, latest: int) -> None:
        self.job_id = job_id
        self.below = 0  # the last run known to begin at or below the job's id; 0 if none
        self.above = latest + 1  # the first run known to begin above it
        self.found: int | None = None
        self._empty: set[int] = set()
        self._stretch: tuple[int, int] | None = None  # first and last of the empty runs around the middle

    def next(self) -> int | None:
        """The run number to read next; None when the job was found or no unread run is left between the bounds."""
        if self.found is not None or self.above - self.below <= 1:
            return None
        middle = (self.below + self.above) // 2
        first, last = self._stretch or (0, 0)
        if not first <= middle <= last:
            self._stretch = None
            if middle not in self._empty:
                return middle
            first = last = middle
        while (number := self._outward(first, last)) in self._empty:
            first, last = min(first, number), max(last, number)
        self._stretch = first, last
        unread = (n for n in range(self.above - 1, self.below, -1) if n not in self._empty)
        return number or next(unread, None)

    def _outward(self, first: int, last: int) -> int:
        """The number to look at beside a stretch, on the side where there is more; 0 if it fills the bounds."""
        lower, upper = max(0, first - self.below - 1), max(0, self.above - 1 - last)
        width = last - first + 1
        if not lower and not upper:
            return 0
        return first - min(width, (lower + 1) // 2) if lower >= upper else last + min(width, (upper + 1) // 2)

    def learn(self, number: int, job_ids: Iterable[int]) -> None:
        """What run `number` listed: its job ids, or nothing if it has no rows."""
        ids = set(job_ids)
        if not ids:
            self._empty.add(number)
        elif self.job_id in ids:
            self.found = number
        elif min(ids) > self.job_id:
            self.above = min(self.above, number)
        else:
            self.below = max(self.below, number)
