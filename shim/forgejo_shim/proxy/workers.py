"""`serve --workers N`: a parent that listens for N workers, starts them, and starts again what ends.

Rules: the parent has no event loop and answers nothing. It opens the sockets (SO_REUSEPORT, one of each address for
each worker), so a bad address is one message, and connections that a worker has not accepted when it dies are accepted
by the next one. Workers are forked, so what they need, secrets too, is theirs without arguments. A worker that ends
soon after its start waits longer and longer for its next one. If none ever came up, that is an error.
TERM, INT and HUP (without TLS) end the listening and let the workers drain; another one ends them at once. With TLS,
HUP reads the certificate again: here, for workers to come, and in each worker. What several say at once is said once.
"""

from __future__ import annotations

import gc
import os
import re
import select
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from time import monotonic
from typing import NoReturn

from prometheus_client.multiprocess import mark_process_dead

from ..errors import ShimError
from .changes import QUIET, to_stderr
from .metrics import METRICS
from .serve import BACKLOG, Address, cannot_listen
from .worker import DRAIN, END, LINE, READY, RELOAD, Worker

SOON = 10.0  # seconds; a worker that lived longer is followed by another one at once
TRIES = 4  # of each worker, before it is said that none comes up
LONGEST = 30.0  # seconds between two of them
GRACE = 10.0  # seconds to end, after the time for draining
ENDS = (signal.SIGTERM, signal.SIGINT)


@dataclass
class Place:
    """The place of a worker: its sockets are there whether it is or not."""

    number: int
    addresses: list[Address]
    pid: int = 0  # 0: there is none
    line: socket.socket | None = None
    started: float = 0.0
    failures: int = 0  # workers in a row that ended soon
    due: float = 0.0  # when the next one is started

    def close(self) -> None:
        """Stop listening here."""
        for address in self.addresses:
            for one in address.sockets:
                one.close()


class Workers:
    """The parent of `count` workers, which each do `work(worker, *addresses)`; `ready` is called when the first serves.

    `folder` is the workers' own. Raises ShimError if an address cannot be had.
    """

    def __init__(
        self,
        count: int,
        addresses: list[Address],
        folder: Path,
        work: Callable[..., None],
        drain: float,
        ready: Callable[[], None],
    ) -> None:
        self._certificate = addresses[0].certificate
        self._folder, self._work, self._drain, self._ready = folder, work, drain, ready
        (folder / METRICS).mkdir(mode=0o700)
        listening = [opened(address, count) for address in addresses]
        self._places = [Place(number, list(mine)) for number, mine in enumerate(zip(*listening, strict=True))]
        self._is_up = False
        self._stops = 0
        self._patience = float("inf")  # until when workers may end by themselves
        self._said: dict[str, float] = {}

    def run(self) -> None:
        """Keep them going until a signal comes, and all have ended. Raises ShimError if none comes up."""
        gc.freeze()  # so that workers share with it what is here now, and no collector looks at it again
        with waking() as wake:
            self._wake = wake
            try:
                while not self._stops or self._living():
                    self._start_due()
                    self._wait()
            finally:
                self._stop(END)
                while self._living():
                    self._wait()

    def _living(self) -> list[Place]:
        return [place for place in self._places if place.pid]

    def _start_due(self) -> None:
        for place in self._places:
            if not self._stops and not place.pid and place.due <= monotonic():
                self._start(place)

    def _wait(self) -> None:
        """Wait for a signal, a word of a worker, its end, or for what is due."""
        living = self._living()
        if monotonic() >= self._patience:
            for place in living:
                os.kill(place.pid, signal.SIGKILL)
        due = [self._patience, *(place.due for place in self._places if not place.pid and not self._stops)]
        wait = max(0.0, min(due) - monotonic())
        lines = {place.line.fileno(): place for place in living if place.line}
        heard = select.poll()  # whatever the numbers of the sockets are: hundreds may be open
        for line in (self._wake.fileno(), *lines):
            heard.register(line, select.POLLIN)
        for line, _ in heard.poll(min(wait, LONGEST) * 1000):
            if line in lines:
                self._hear(lines[line])
            else:
                for number in self._wake.recv(LINE):
                    self._obey(number)

    def _obey(self, number: int) -> None:
        if number == signal.SIGHUP and self._certificate:
            self._certificate.reload(self._say)
            self._tell(RELOAD)
        else:
            self._stop(END if self._stops else DRAIN)

    def _stop(self, word: bytes) -> None:
        self._stops += 1
        self._patience = monotonic() + GRACE + (self._drain if word == DRAIN else 0)
        for place in self._places:
            place.close()
        self._tell(word)

    def _tell(self, word: bytes) -> None:
        for place in self._living():
            assert place.line
            with suppress(OSError):  # it has just ended
                place.line.send(word)

    def _hear(self, place: Place) -> None:
        assert place.line
        try:
            word = place.line.recv(LINE)
        except ConnectionError:
            word = b""
        if word == READY and not self._is_up:
            self._is_up = True
            self._ready()
        elif word and word != READY:
            self._say_once(word.decode(errors="replace"))
        elif not word:
            self._ended(place)

    def _ended(self, place: Place) -> None:
        """A worker has ended: see when the next one is started. Raises ShimError if none ever came up."""
        assert place.line
        _, status = os.waitpid(place.pid, 0)
        place.line.close()
        place.pid, place.line = 0, None
        mark_process_dead(place.number, str(self._folder / METRICS))  # type: ignore[no-untyped-call]
        if self._stops:
            return
        place.failures = place.failures + 1 if monotonic() - place.started < SOON else 0
        wait = pause(place.failures)
        place.due = monotonic() + wait
        code = os.waitstatus_to_exitcode(status)
        how = f"with exit code {code}" if code >= 0 else f"by signal {-code}"
        if not self._is_up and all(one.failures >= TRIES for one in self._places):
            raise ShimError(f"no worker came up: the last one ended {how}; see the lines above")
        self._say(f"a worker ended {how}; the next one starts {f'in {wait:g} s' if wait else 'now'}")

    def _say(self, line: str) -> None:
        self._said[re.sub(r"\d+", "", line)] = monotonic()
        to_stderr(line)

    def _say_once(self, line: str) -> None:
        """Say what a worker says, unless another one just did, with other seconds perhaps."""
        now = monotonic()
        self._said = {said: at for said, at in self._said.items() if now - at < QUIET}
        if re.sub(r"\d+", "", line) not in self._said:
            self._say(line)

    def _start(self, place: Place) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sys.stdout.flush()
        sys.stderr.flush()
        place.started = monotonic()
        if not (pid := os.fork()):
            ours.close()
            self._be(place, theirs)
        theirs.close()
        place.pid, place.line = pid, ours

    def _be(self, place: Place, line: socket.socket) -> NoReturn:
        """Be a worker, from its start to its end."""
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            worker = Worker(place.number, line, self._folder)
            self._wake.close()
            for other in self._places:
                if other is not place:
                    other.close()
                if other.line:
                    other.line.close()
            self._work(worker, *place.addresses)
            code = 0
        except ShimError as error:
            code = error.exit_code
            to_stderr(error.message)
        except BaseException as error:  # a traceback's texts may be a caller's
            to_stderr(f"{type(error).__name__} in a worker")
        finally:
            with suppress(OSError, ValueError):
                sys.stdout.flush()
            os._exit(code)


def pause(failures: int) -> float:
    """The seconds before the next start, after so many workers in a row that ended soon."""
    return min(2.0 ** (failures - 2), LONGEST) if failures > 1 else 0.0


@contextmanager
def waking() -> Iterator[socket.socket]:
    """A socket that gives the numbers of signals; HUP is left as it is where it is ignored, as under nohup."""
    here, there = socket.socketpair()
    there.setblocking(False)
    before = signal.set_wakeup_fd(there.fileno())
    wanted = [*ENDS, signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else ENDS
    handlers = {number: signal.signal(number, lambda *_: None) for number in wanted}
    try:
        yield here
    finally:
        signal.set_wakeup_fd(before)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        here.close()
        there.close()


def opened(address: Address, count: int) -> list[Address]:
    """The address `count` times, each with sockets that listen there. Raises ShimError."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        places = list(dict.fromkeys((family, where) for family, _, _, _, where in found))
        for family, where in places:  # alone, to see that nobody else is there
            socket.create_server(where, family=family).close()
        listen = partial(socket.create_server, backlog=BACKLOG, reuse_port=True)
        each = [tuple(listen(where, family=family) for family, where in places) for _ in range(count)]
    except (OSError, OverflowError) as error:
        raise cannot_listen(address, error) from None
    return [replace(address, sockets=sockets) for sockets in each]
