"""The commands on a real Redis or Valkey: what they do there, and what each thing that goes wrong is called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import certificate
from forgejo_shim.store.protocol import Gone
from forgejo_shim.store.redis import PATIENCE, RedisCommands
from forgejo_shim.store.redis_address import parse_redis_address
from forgejo_shim.store.seal import Seal
from forgejo_shim.store.shared import SharedStore
from redis_server import KEY, RedisServer, redis_server
from servers import free_port


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


async def word(command: Awaitable[Any]) -> str:
    """The word for what is wrong with a command, "" if nothing is."""
    try:
        await command
    except Gone as gone:
        return gone.word
    return ""


@pytest.mark.clause("B1", "B3")
def test_values(server: RedisServer) -> None:
    async def main() -> None:
        one, other = server.commands(), server.commands()
        await one.put({"a": b"1", "b": b"2"}, 60)
        assert await other.get(["b", "none", "a"]) == [b"2", None, b"1"]
        await other.put({"a": None, "c": b"3"}, 60)
        assert await one.get(["a", "b"]) == [None, b"2"] and 0 < server.cli.pttl("b") <= 60_000
        assert await one.agree("k", b"x", 60) == await other.agree("k", b"y", 60) == b"x"
        assert await one.replace("r", b"", b"1", 60) and not await other.replace("r", b"", b"2", 60)
        assert await other.replace("r", b"1", b"\x00\xff", 60) and await one.get(["r"]) == [b"\x00\xff"]
        server.cli.rpush("list", "x")
        assert await one.get(["list"]) == [None], "of another kind"
        assert all(0 < server.cli.pttl(name) <= 60_000 for name in server.names() if name != "list")
        await one.close(), await other.close()

    asyncio.run(main())


@pytest.mark.clause("B8")
def test_places(server: RedisServer) -> None:
    async def main() -> None:
        one, other = server.commands(), server.commands()
        taken = await asyncio.gather(*(which.take({"p": 3}, f"{n}", 60) for n, which in enumerate([one, other] * 20)))
        assert taken.count(None) == 3 and taken.count("p") == 37
        assert await one.take({"q": 1, "p": 3}, "x", 60) == "p" and await one.take({"q": 1}, "y", 0.05) is None
        assert await other.take({"q": 1}, "z", 60) == "q"
        await asyncio.sleep(0.06)
        assert await other.take({"q": 1}, "z", 60) is None, "one that died is gone by itself"
        await other.leave(["q", "none"], "z")
        await one.hold({"q": {"w"}, "r": {f"{n}" for n in range(1200)}}, 60)
        assert await other.take({"q": 1}, "v", 60) == "q" and server.cli.zcard("r") == 1200
        assert all(0 < server.cli.pttl(name) <= 60_000 for name in server.names())
        await one.close(), await other.close()

    asyncio.run(main())


@pytest.mark.clause("B9")
def test_what_can_be_wrong(server: RedisServer) -> None:
    async def main() -> None:
        one = server.commands()
        assert await word(one.put({"a": b"1"}, 9)) == ""
        server.cli.config_set("maxmemory", "1")
        assert await word(one.put({"a": b"1"}, 9)) == await word(one.agree("b", b"1", 9)) == "full"
        server.cli.config_set("maxmemory", "0")
        server.cli.replicaof("127.0.0.1", "1")
        assert {await word(one.put({"a": b"1"}, 9)), await word(one.take({"p": 1}, "h", 9))} == {"read-only"}
        server.cli.replicaof("NO", "ONE")
        assert await word(one.put({"a": b"1"}, 9)) == ""
        server.cli.acl_setuser("me", enabled=True, nopass=True, keys=["*"], commands=["+get", "+mget"])
        me = RedisCommands(parse_redis_address(server.address.replace("//", "//me@")), "any", patience=9)
        assert (await word(me.get(["a"])), await word(me.put({"a": b"1"}, 9))) == ("", "not-permitted")
        server.cli.config_set("requirepass", "s3cret")
        wrong, right, none = server.commands("wrong"), server.commands("s3cret"), server.commands()
        words = [await word(commands.get(["a"])) for commands in (wrong, right, none)]
        assert words == ["wrong-password", "", "wrong-password"]
        server.kill()
        assert await word(right.get(["a"])) == "unreachable"
        for commands in (one, me, wrong, right, none):
            await commands.close()

    asyncio.run(main())


@pytest.mark.clause("B9")
def test_a_slow_one_costs_a_quarter_of_a_second(server: RedisServer) -> None:
    async def main() -> None:
        one = server.commands(patience=PATIENCE)
        await word(one.put({f"{n}": b"%d" % n for n in range(20)}, 60))
        server.cli.execute_command("CLIENT", "PAUSE", "1000", "ALL")
        begun = time.monotonic()
        words = await asyncio.gather(*(word(one.get([f"{n}"])) for n in range(60)))
        assert set(words) == {"too-slow"} and PATIENCE <= time.monotonic() - begun < 0.9
        patient = server.commands()
        await patient.get(["a"])  # until the pause is over
        for n in range(20):
            assert await word(one.get([f"{n}"])) != "not-understood"
            assert await patient.get([f"{n}"]) == [b"%d" % n], "no connection has another one's answer"
        await one.close(), await patient.close()

    asyncio.run(main())


@pytest.mark.clause("B9", "B10")
def test_one_that_starts_again_is_used_again(server: RedisServer) -> None:
    async def main() -> None:
        store = server.store()
        await store.put("b", "", {"a": 1})
        server.kill()
        assert await store.get("b", "", ["a"]) == [1] and store.trouble == "unreachable"
        await store.beat()
        assert store.trouble == "unreachable"
        server.start()
        await store.beat()
        assert store.trouble == "" and await store.get("b", "", ["a"]) == [1], "it is filled again"
        await store.put("b", "", {"a": 2})
        assert await server.store().get("b", "", ["a"]) == [2]
        await store.close()

    asyncio.run(main())


def test_none_of_its_connections_is_left_open(server: RedisServer) -> None:
    async def main() -> None:
        commands = server.commands()
        await asyncio.gather(*(commands.get(["a"]) for _ in range(9)))
        before = len(server.cli.client_list())
        await commands.close()
        assert len(server.cli.client_list()) == 1 < before, "but for the operator's own"

    asyncio.run(main())


class Way:
    """A way to a Redis at a port of its own. `lose` leaves the connections open, but nothing comes through any more."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._lost = asyncio.Event()

    async def __aenter__(self) -> RedisCommands:
        self._served = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        port = self._served.sockets[0].getsockname()[1]
        return RedisCommands(parse_redis_address(f"redis://127.0.0.1:{port}"), patience=0.5)

    async def __aexit__(self, *_: object) -> None:
        self._served.close()

    def lose(self) -> None:
        self._lost.set()
        self._lost = asyncio.Event()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lost = self._lost
        there, back = await asyncio.open_unix_connection(self._server.socket)

        async def pump(come: asyncio.StreamReader, go: asyncio.StreamWriter) -> None:
            while data := await come.read(65536):
                if not lost.is_set():
                    go.write(data)

        await asyncio.gather(pump(reader, back), pump(there, writer))


@pytest.mark.clause("B9", "B10")
def test_connections_that_are_lost_without_a_word_are_no_trouble_for_long(server: RedisServer) -> None:
    async def main() -> None:
        way = Way(server)
        async with way as commands:
            store = SharedStore(commands, Seal([KEY]))
            await store.put("b", "", {"a": 1})
            await asyncio.gather(*(store.get("b", "", ["a"]) for _ in range(9)))
            way.lose()
            assert await store.get("b", "", ["a"]) == [1] and store.trouble == "too-slow"
            await store.beat()
            found = await asyncio.gather(*(store.get("b", "", ["a"]) for _ in range(9)))
            assert found == [[1]] * 9 and not store.trouble
            await store.close()

    asyncio.run(main())


@pytest.mark.clause("B11")
def test_two_forms_side_by_side(server: RedisServer) -> None:
    async def main() -> None:
        now, later = server.store(), server.store(form=2)
        await now.put("b", "o/r", {"job 7": [1, 2]})
        assert await later.get("b", "o/r", ["job 7"]) == [None]
        await later.put("b", "o/r", {"job 7": {"run": 1, "index": 2}})
        assert await now.get("b", "o/r", ["job 7"]) == [[1, 2]]
        assert server.names() == ["forgejo-shim:1:kept:b o/r job 7", "forgejo-shim:2:kept:b o/r job 7"]
        await now.close(), await later.close()

    asyncio.run(main())


@pytest.mark.clause("B9")
@pytest.mark.parametrize(
    "says",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"*1\r\n", b":1\r\n", b"", b"$9999999999\r\n", b"*1\r\n" * 2000],
    ids=["http", "list", "number", "nothing", "long", "deep"],
)
def test_what_is_no_redis(says: bytes) -> None:
    async def main() -> str:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(100)
            writer.write(says * 10)
            writer.close()

        served = await asyncio.start_server(talk, "127.0.0.1", 0)
        port = served.sockets[0].getsockname()[1]
        commands = RedisCommands(parse_redis_address(f"redis://127.0.0.1:{port}"), patience=1.0)
        found = await word(commands.get(["a", "b"]))
        await commands.close()
        served.close()
        return found

    assert asyncio.run(main()) in ("unreachable", "not-understood", "too-slow")


@pytest.mark.clause("B1", "B9")
def test_tls(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "redis")
    other, _ = certificate(tmp_path, "other")
    port = free_port()
    words = ["--tls-port", str(port), "--tls-cert-file", str(cert), "--tls-key-file", str(key)]
    try:
        server = redis_server(*words, "--tls-auth-clients", "no")
    except AssertionError:
        pytest.skip("not run: this Redis was built without TLS")

    async def main() -> list[str]:
        at = parse_redis_address(f"rediss://127.0.0.1:{port}")
        trusting, foreign = RedisCommands(at, ca=str(cert), patience=9), RedisCommands(at, ca=str(other), patience=9)
        words = [await word(commands.put({"a": b"1"}, 9)) for commands in (trusting, foreign)]
        await trusting.close(), await foreign.close()
        return words

    with server:
        assert asyncio.run(main()) == ["", "no-tls"]
