"""A proxy, and servers behind it that answer what a case wants."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from proxied import OK, Behind, Proxied, Wire, fixed
from running import Answering, Running, hello
from small import Small


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
    with proxied.dialled() as connection:
        yield Wire(connection)


@pytest.fixture(scope="module")
def greeting() -> Iterator[Answering]:
    """A server that says hello."""
    with Answering(hello) as behind:
        yield behind


@pytest.fixture
def proxy(small: Small, request: pytest.FixtureRequest) -> Iterator[Running]:
    """A proxy in front of a small place, with the faces that the test's file calls `ON`."""
    with Running(small.url, small.web, faces=request.module.ON) as running:
        yield running
