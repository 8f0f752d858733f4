"""Places that the files of several rooms ask: a small double, by face."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Place
from small import Small

for _number, _usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(_number) is signal.SIG_IGN:  # as a shell starts what runs in the background, and so the tests'
        signal.signal(_number, _usual)  # programs would ignore it, too

FACES = ("11", "12", "13.0.3", "13", "14", "15", "16")


@pytest.fixture(params=FACES)
def small(request: pytest.FixtureRequest) -> Iterator[Small]:
    with Small(request.param) as place:
        yield place


@pytest.fixture(params=("15", "16"))
def either(request: pytest.FixtureRequest) -> Iterator[Small]:
    """A place for each backend: web and native."""
    with Small(request.param) as place:
        yield place


@pytest.fixture(params=("11", "14", "15", "16"))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with Small(request.param) as small:
        yield Place(small, tmp_path / "home")


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Place]:
    """A place whose server lacks the operations."""
    with Small("15") as small:
        yield Place(small, tmp_path / "home")
