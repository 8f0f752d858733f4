"""A job's log followed by `Client` to the job's end, through restarts of the server.

Rules: the flow behind `follow=true` (flows/follow.py) with more patience, so that what is read again is read at the
same byte and only of the same task. Only what went well once is waited for: a server that does not answer at first is
an error at once.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

from .client_session import ClientSession
from .errors import BadRequest, NotExecuted, StillRunning, job_over
from .flows import follow as following
from .flows.log_parts import MAX_TAIL
from .flows.pinned_log import NativeLog, PinnedLog, pinned_log
from .flows.rights import Caller, Lately, check_may_read
from .models import Repo
from .operations import JOB_LOG, Call
from .paths import job_log_path
from .transport import Answer, Transport
from .webui.reader import Reader

LOSSES = 30  # failed reads in a row that are tried again: about a minute

Begun = tuple[AsyncIterator[bytes], Answer | None]


class Followed:
    """A log as it grows: iterate over it for its whole rows, in pieces. Leaving a `with` block gives it up.

    `status` is the attempt's when it has ended; "" before, and where the server does not tell it, as of an attempt that
    was rerun meanwhile. `attempt` is its number then, None where that is not told.
    """

    def __init__(self, rows: Callable[[Followed], Generator[bytes]]) -> None:
        self.status = ""
        self.attempt: int | None = None
        self._rows = rows(self)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._rows)

    def close(self) -> None:
        """Give the connection up."""
        self._rows.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class Following:
    """How a log is followed: `rows` are its rows."""

    def __init__(
        self,
        asking: ClientSession,
        repo: Repo,
        job_id: int,
        attempt: int | None,
        tail: int | None,
        start: int,
        timeout: float | None,
        on_wait: Callable[[str], object] | None,
    ) -> None:
        if tail is not None and not 1 <= tail <= MAX_TAIL:
            reason = f"invalid range: tail is a number from 1 to {MAX_TAIL}"
            raise BadRequest(reason, 416, cause="range-not-satisfiable")
        self._asking = asking
        self._what = f"job {job_id} of {repo}" + ("" if attempt is None else f", attempt {attempt}")
        self._path = job_log_path(repo, job_id, attempt)
        self._tail, self._start, self._timeout, self._on_wait = tail, start, timeout, on_wait
        self._began: float | None = None
        self._log: PinnedLog | None = None

    def rows(self, told: Followed) -> Generator[bytes]:
        """The rows in pieces; at their end `told` is told how it went. Raises ShimError."""
        rows, begun = self._asking.run_call(self._path, self._begin, self._what, JOB_LOG.path)

        async def more(*_: object) -> bytes:
            return await anext(rows, b"")

        async def end(*_: object) -> None:
            await rows.aclose()  # type: ignore[attr-defined]  # the flow gives a generator
            if begun:
                await begun.close()

        try:
            while piece := self._asking.run(more, self._what, JOB_LOG.path):
                yield piece
            if self._log:
                told.status, told.attempt = self._log.status, self._log.attempt
        finally:
            self._asking.run(end)

    async def _begin(self, call: Call, net: Transport, caller: Caller) -> Begun:
        """The rows, once a runner has the job, and the open answer that they begin with."""
        assert call.repo
        log = self._log = await pinned_log(Reader(net, self._asking.adapter.server, call.repo), call)

        lately = Lately(caller, net.now)

        async def check() -> None:
            self._check_time(net)
            if not isinstance(log, NativeLog):
                await check_may_read(net, call, lately)

        return await self._wait_for_runner(net, log, check)

    async def _wait_for_runner(self, net: Transport, log: PinnedLog, check: Callable[[], Awaitable[None]]) -> Begun:
        failures, has_waited, is_over = 0, False, False
        while True:
            try:
                await check()
                with suppress(NotExecuted):
                    return await following.follow(net, log, check, tail=self._tail, start=self._start, losses=LOSSES)
                if is_over:  # and was before it was asked for once more: no runner will ever take it
                    raise job_over(log.job_id, log.name, log.status)
                if is_over := await log.is_over():
                    continue
                if self._on_wait and not has_waited:
                    self._on_wait(log.status)
                failures, has_waited = 0, True
            except following.BROKEN as error:
                failures += 1
                if not has_waited or failures > LOSSES or not following.may_heal(error):
                    raise
            await net.sleep(following.INTERVAL)

    def _check_time(self, net: Transport) -> None:
        now = net.now()
        self._began = now if self._began is None else self._began
        if self._timeout is not None and now - self._began > self._timeout:
            raise StillRunning(f"{self._what} is not over after {self._timeout:g} s; follow it again")
