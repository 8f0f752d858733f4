"""The lines of a log: cut from chunks of any size, chosen, and written."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from forgejo_shim import log_lines
from forgejo_shim.errors import WrongArguments
from forgejo_shim.expressions import search_of
from forgejo_shim.log_lines import Line, Wanted, lines, readable, select, written
from hypothesis import given
from hypothesis import strategies as st

clause = pytest.mark.clause


def stamp(n: int) -> bytes:
    return b"2026-01-02T03:%02d:%02d.0000000Z" % divmod(n, 60)


def rows(*texts: bytes) -> bytes:
    return b"".join(stamp(n) + b" " + text + b"\n" for n, text in enumerate(texts))


def texts(data: bytes, wanted: Wanted) -> list[bytes]:
    return [line.text for line in select([data], wanted)]


A_ROW = st.builds(lambda n, text: stamp(n) + b" " + text, st.integers(0, 99), st.binary(max_size=20))
DATA = st.lists(A_ROW | st.binary(max_size=20), max_size=20).map(b"\n".join)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    at = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[a:b] for a, b in zip(at, at[1:], strict=False)]


@clause("C32")
@given(DATA, st.lists(st.integers(0, 500)))
def test_lines_are_the_log_wherever_its_chunks_end(data: bytes, places: list[int]) -> None:
    found = list(lines(cut(data, places)))
    assert b"".join(written(line, "full", strip=False) + line.end for line in found) == data
    assert found == list(lines([data]))
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    assert all(line.end == b"\n" for line in found[:-1])


@clause("C32")
@given(
    DATA,
    st.lists(st.integers(0, 500)),
    st.sampled_from([b"", stamp(30), stamp(99)]),
    st.sampled_from([None, search_of("[0-9A-Za-z]", "grep"), search_of("a$", "grep")]),
    st.integers(0, 3),
    st.sampled_from([(None, None), (0, None), (2, None), (None, 1), (None, 5)]),
)
def test_what_is_chosen_is_the_same_wherever_chunks_end(
    data: bytes,
    places: list[int],
    since: bytes,
    pattern: Callable[[str], bool] | None,
    context: int,
    ends: tuple[int | None, int | None],
) -> None:
    """The oracle has the whole log at once."""
    wanted = Wanted(since, pattern, context, *ends)
    kept, on = [], not since
    for line in lines([data]):
        on = line.time >= since if line.time and since else on
        kept += [line] if on else []
    if pattern:
        hits = [at for at, line in enumerate(kept) if pattern(readable(line.text))]
        near = {n for at in hits for n in range(at - context, at + context + 1)}
        kept = [line for at, line in enumerate(kept) if at in near]
    head, tail = ends
    kept = kept[:head] if head is not None else kept[len(kept) - min(len(kept), tail or 0) :] if tail else kept
    assert list(select(cut(data, places), wanted)) == kept


@clause("C32")
def test_a_line_that_never_ends_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_lines, "LONGEST", 10)
    given_out: list[int] = []

    def endless() -> Iterator[bytes]:
        for n in range(5):
            given_out.append(n)
            yield b"x" * 8

    found = lines(endless())
    assert next(found) == Line(1, b"", b"x" * 16, b"") and given_out == [0, 1]
    assert [len(line.text) for line in found] == [16, 8]


@clause("C32")
@pytest.mark.parametrize("wanted", [Wanted(), Wanted(grep=search_of("x", "grep"), context=3), Wanted(head=1)])
def test_a_line_is_given_as_soon_as_it_is_known_to_be_wanted(wanted: Wanted) -> None:
    """So a log that is followed is shown as it comes."""
    seen: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for chunk in (rows(b"x"), rows(b"y")):
            seen.append(chunk)
            yield chunk

    assert next(select(chunks(), wanted)).text == b"x" and len(seen) == 1


@clause("C32")
def test_a_head_reads_no_further() -> None:
    def chunks() -> Iterator[bytes]:
        yield rows(b"a", b"b")
        raise AssertionError("the rest was read")

    assert [line.text for line in select(chunks(), Wanted(head=2))] == [b"a", b"b"]


@clause("C32")
def test_lines_around_a_match() -> None:
    data = rows(*(b"%d" % n for n in range(20)), b"end")
    assert texts(data, Wanted(grep=search_of("^(3|9|11)$", "grep"), context=1)) == [
        b"2", b"3", b"4", b"8", b"9", b"10", b"11", b"12",
    ]  # fmt: skip
    assert texts(data, Wanted(grep=search_of("end", "grep"), context=2)) == [b"18", b"19", b"end"]
    assert texts(data, Wanted(grep=search_of("1", "grep"), head=2)) == [b"1", b"10"]
    assert texts(data, Wanted(grep=search_of("1", "grep"), tail=2)) == [b"18", b"19"]


@clause("C32")
def test_a_match_is_looked_for_in_what_one_reads() -> None:
    data = rows(b"\x1b[31merr\x1b[0mor: x\r", b"\x1b]8;;http://e\x1b\\link", b"caf\xc3\xa9 \xff", b"2026")
    assert texts(data, Wanted(grep=search_of("error: x$", "grep"))) == [b"\x1b[31merr\x1b[0mor: x\r"]
    assert texts(data, Wanted(grep=search_of("^link", "grep"))) == [b"\x1b]8;;http://e\x1b\\link"]
    assert texts(data, Wanted(grep=search_of("^caf. \ufffd$", "grep"))) == [b"caf\xc3\xa9 \xff"]
    assert texts(data, Wanted(grep=search_of("2026", "grep"))) == [b"2026"], "not the time of each row"


@clause("C32")
def test_since_goes_by_the_rows_times() -> None:
    data = b"no row\n" + rows(*(b"%d" % n for n in range(5))) + b"of row 4"
    assert texts(data, Wanted(since=stamp(3))) == [b"3", b"4", b"of row 4"]
    assert texts(data, Wanted(since=stamp(0))) == [b"0", b"1", b"2", b"3", b"4", b"of row 4"]
    assert texts(data, Wanted(since=stamp(9))) == []


@clause("C32")
def test_a_line_as_it_is_written() -> None:
    (line,) = lines([stamp(7) + b" \x1b[1mbold\x1b[0m \xc2\x9b2Jx \x1b]0;t\x07y\x1b(Bz\n"])
    raw = b"\x1b[1mbold\x1b[0m \xc2\x9b2Jx \x1b]0;t\x07y\x1b(Bz"
    assert written(line, "full", strip=False) == stamp(7) + b" " + raw
    assert written(line, "short", strip=False) == b"03:00:07 " + raw
    assert written(line, "none", strip=False) == raw
    assert written(line, "none", strip=True) == b"bold x yz"
    (other,) = lines([b"no row"])
    assert written(other, "full", strip=True) == written(other, "short", strip=False) == b"no row"


@clause("C32")
def test_an_expression_that_goes_on_and_on_is_given_up() -> None:
    fits = search_of(r"(=|=)+!$", "--grep")
    with pytest.raises(WrongArguments, match="--grep takes too long on a line of this log"):
        texts(rows(b"=" * 5000), Wanted(grep=fits))
    with pytest.raises(WrongArguments, match="--grep is no regular expression"):
        search_of("(", "--grep")
