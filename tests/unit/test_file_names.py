"""Names made of untrusted texts: one part of a path on any system, and different on any system."""

from __future__ import annotations

import re
import unicodedata

import pytest
from forgejo_shim.file_names import different_names, safe_name
from hypothesis import example, given
from hypothesis import strategies as st

clause = pytest.mark.clause
DEVICE = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE | re.DOTALL)


@clause("C22")
@pytest.mark.parametrize(
    "text, name",
    [("CON", "_CON"), ("nul.txt", "_nul.txt"), ("LPT1 .x", "_LPT1 .x"), ("com¹", "_com¹"), ("aux. ", "_aux"),
     ("console", "console"), ("nulls.txt", "nulls.txt"), ("dot.", "dot"), ("a .", "a"), (" . ", "x"), ("a/b", "a_b"),
     ("..", "_"), ("-rf", "_-rf"), (". --zip", "_--zip"), ("a-b", "a-b")],
)  # fmt: skip
def test_a_name_is_safe_everywhere(text: str, name: str) -> None:
    assert safe_name(text, "x") == name


@clause("C22")
@given(st.text() | st.sampled_from(["nul", "COM1 ", "x" * 148 + "..", "..", "é" * 99]))
def test_any_text_becomes_one_part_of_a_path(text: str) -> None:
    name = safe_name(text, "x")
    assert name and not set(name) & set('/\\:*?"<>|\0\n') and len(name.encode()) <= 150
    assert name[0] not in ". -" and name[-1] not in ". " and not DEVICE.fullmatch(name)


@clause("C22")
@pytest.mark.parametrize(
    "wanted",
    [
        [("fold", 1), ("FOLD", 2), ("fold-1", 3)],
        [("fold-1", 3), ("fold", 1), ("FOLD", 1), ("fold-1-2", 4)],
        [("café", 1), (unicodedata.normalize("NFD", "café"), 2)],
        [("STRASSE", 1), ("straße", 2)],
        [("a", 1), ("a", 1), ("A", 1)],
        [("a", 1), ("b", 1)],
    ],
)
def test_names_are_different_on_every_system(wanted: list[tuple[str, int]]) -> None:
    found = different_names(wanted)
    assert len({unicodedata.normalize("NFD", name).casefold() for name in found}) == len(wanted)
    for (name, _), made in zip(wanted, found, strict=True):
        assert made.startswith(name)
    assert different_names([("a", 1), ("b", 1)]) == ["a", "b"]


NAMES = st.sampled_from(["b", "B", "b-5", "B-5", "b-6", "b-5-2", "b-5-6", "c"])


@clause("C22", "X48")
@given(st.lists(st.tuples(NAMES, st.integers(5, 8)), max_size=6))
@example([("b", 5), ("b", 6), ("b-5", 7), ("b-5", 8)])
def test_no_name_that_is_made_is_what_another_one_wanted(wanted: list[tuple[str, int]]) -> None:
    """Else who looks for that one by its name would find this one there."""
    found = different_names(wanted)
    assert len({name.casefold() for name in found}) == len(wanted)
    asked = {name.casefold() for name, _ in wanted}
    for (name, _), made in zip(wanted, found, strict=True):
        assert made == name or made.casefold() not in asked
