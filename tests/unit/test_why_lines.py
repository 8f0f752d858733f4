"""The bytes of a log as lines of text."""

from __future__ import annotations

import pytest
from forgejo_shim.why.lines import BLOCK, LONGEST, Lines, plain
from hypothesis import given
from hypothesis import strategies as st

AT = "2026-01-01T00:00:00.1234567Z "

LINES = [
    ("text", "text"),
    (f"{AT}text", "text"),
    (f"{AT}{AT}text", f"{AT}text"),
    (f"\ufeff{AT}text", "text"),
    ("\ufefftext", "text"),
    (f"build\tRun tests\t{AT}text", "text"),
    (f"build\tRun tests\t\ufeff{AT}text", "text"),
    ("[CI/build]   | text", "text"),
    ("[CI/build] ⭐ Run Main x", "[CI/build] ⭐ Run Main x"),
    ("[ERROR] text | more", "[ERROR] text | more"),
    ("[1/4] text", "[1/4] text"),
    ("2026-01-01T00:00:00Z text", "2026-01-01T00:00:00Z text"),
    ("\x1b[31;1mred\x1b[0m\x1b[K \x1b[38:2::1:2:3mx\x1b[m", "red x"),
    ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\ \x1b]0;never ended", "link "),
    ("\x1b(Ba\x1b7b\x1bc\x1b=d\x1b", "abd"),
    ("\x9b1mx", "x"),
    ("1%\r50%\r100%\r", "100%"),
    ("long progress\r\x1b[Kdone\r\r", "done"),
    ("|\b/\b-\bok", "ok"),
    ("\b\bab\b\b\b\bc", "c"),
    ("spin\x1b[1G\x1b[0Kdone", "done"),
    ("a\x00b\x07\x7f\x85c\td", "abc\td"),
    ("##[group]Run tests", "Run tests"),
    ("::group::Run tests", "Run tests"),
    ("##[endgroup]", "##[endgroup]"),
    (f"{AT}##[group]\x1b[32mgreen\x1b[0m", "green"),
]


@pytest.mark.parametrize("row, line", LINES)
def test_a_row_becomes_a_line(row: str, line: str) -> None:
    assert plain(row.encode()) == plain(f"{row}\n".encode()) == plain(f"{row}\r\n".encode()) == f"{line}\n"
    assert plain(f"before\n{row}\nafter\n".encode()) == f"before\n{line}\nafter\n"


def test_what_is_no_utf8_is_replaced() -> None:
    assert plain(b"a\xffb\xe2\x82\n\xe2\x82\xac\n") == "a\ufffdb\ufffd\n€\n"


def fed(data: bytes, size: int) -> str:
    lines = Lines()
    return "".join(lines.feed(data[at : at + size]) for at in range(0, len(data), size)) + lines.end()


@given(st.lists(st.sampled_from([row.encode() for row, _ in LINES] + [b"\n", b"\r", b"\xe2", b"\xff", b"\x1b["])))
def test_pieces_of_any_size_give_the_same(parts: list[bytes]) -> None:
    data = b"".join(parts)
    assert fed(data, 1) == fed(data, 7) == plain(data)


@pytest.mark.parametrize("size", [999, BLOCK, 3 * BLOCK + 1, 10**7])
@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 2 * LONGEST, 3 * LONGEST + 5])
def test_a_long_line_is_cut_at_the_same_places(length: int, size: int) -> None:
    data = b"one\n" + b"x" * length + b"\ntwo\n" + b"y" * length
    cuts = [LONGEST] * (length // LONGEST) + [length % LONGEST] * bool(length % LONGEST)
    assert [len(line) for line in fed(data, size).splitlines()] == [3, *cuts, 3, *cuts]


def test_many_backspaces_take_no_longer_than_others() -> None:
    assert plain(b"a" * 30_000 + b"\b" * 30_000 + b"end") == "end\n"
