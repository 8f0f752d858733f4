"""Flows one after the other, the next one begun while one is used (transport.py): in a loop, and without one."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from forgejo_shim.proxy.upstream_transport import UpstreamTransport
from forgejo_shim.requests_transport import RequestsTransport
from forgejo_shim.transport import one_ahead, run


def net(kind: type) -> Any:
    return SimpleNamespace(beside=partial(kind.beside, None))


def flows(seen: list[str], count: int, fails: int = -1) -> Any:
    async def flow(number: int) -> int:
        seen.append(f"begins {number}")
        if number == fails:
            raise ValueError(number)
        return number

    return (flow(number) for number in range(count))


async def taken(kind: type, seen: list[str], many: Any, most: int = 9) -> list[int]:
    got: list[int] = []
    async with aclosing(one_ahead(net(kind), many)) as coming:
        async for opening in coming:
            got.append(await opening)
            if kind is UpstreamTransport:
                await asyncio.sleep(0)
            seen.append(f"uses {got[-1]}")
            if len(got) == most:
                break
    return got


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_in_order_with_a_loop_and_without(count: int) -> None:
    assert run(taken(RequestsTransport, [], flows([], count))) == [*range(count)]
    assert asyncio.run(taken(UpstreamTransport, [], flows([], count))) == [*range(count)]


def test_one_is_begun_ahead_where_there_is_a_loop_and_no_more() -> None:
    seen: list[str] = []
    asyncio.run(taken(UpstreamTransport, seen, flows(seen, 3)))
    assert seen == ["begins 0", "begins 1", "uses 0", "begins 2", "uses 1", "uses 2"]
    seen = []
    run(taken(RequestsTransport, seen, flows(seen, 3)))
    assert seen == ["begins 0", "uses 0", "begins 1", "uses 1", "begins 2", "uses 2"]


def test_an_error_comes_where_its_flow_is_used() -> None:
    seen: list[str] = []
    with pytest.raises(ValueError, match="1"):
        asyncio.run(taken(UpstreamTransport, seen, flows(seen, 3, fails=1)))
    assert "uses 0" in seen


def test_what_was_begun_ahead_is_given_up_with_the_rest() -> None:
    ended: list[int] = []

    async def endless(number: int) -> int:
        if number:
            try:
                await asyncio.sleep(60)
            finally:
                ended.append(number)
        return number

    assert asyncio.run(taken(UpstreamTransport, [], (endless(number) for number in range(3)), most=1)) == [0]
    assert ended == [1]
