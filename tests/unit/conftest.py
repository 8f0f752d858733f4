"""Places that several files of client and command ask: a small double, by face."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from command import Place
from proxied import OK, Behind, Proxied, Wire, dialled, fixed
from running import Answering, hello
from small import Small

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


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Behind, Proxied]]:
    """A proxy, and the server behind it that says what a case wants."""
    behind = Behind()
    with Proxied(behind.url) as proxied:
        yield behind, proxied
        assert "Traceback" not in proxied.log(), proxied.log()
    behind.listening.close()


@pytest.fixture
def behind(pair: tuple[Behind, Proxied]) -> Iterator[Behind]:
    pair[0].heads.clear()
    pair[0].ended.clear()
    pair[0].answer = fixed(OK)
    yield pair[0]
    assert pair[0].errors == []


@pytest.fixture
def proxied(pair: tuple[Behind, Proxied]) -> Proxied:
    return pair[1]


@pytest.fixture
def front(proxied: Proxied) -> Iterator[Wire]:
    with dialled(proxied) as connection:
        yield Wire(connection)


@pytest.fixture(scope="module")
def greeting() -> Iterator[Answering]:
    """A server that says hello."""
    with Answering(hello) as behind:
        yield behind
