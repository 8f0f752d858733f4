"""Untrusted text made inert: no sequence, no invisible character, and no way to make one of two."""

from __future__ import annotations

import pytest
from forgejo_shim.inert import name_text, plain_text, safe_text
from hypothesis import given
from hypothesis import strategies as st

PIECES = ["\x1b", "[", "3", "1", ";", "m", "\r", "\n", "\x9b", "\u202e", "\U000e0041", "\U000e0101", "\u200b", "x"]


@pytest.mark.parametrize(
    "text, inert",
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[3\x1b[0m1mred", "␛[31mred"),
        ("\x1b]8;;http://x\x07here", "␛]8;;http://x␇here"),
        ("50%\r100%\r\n", "50%␍100%\n"),
        ("a\U000e0069\U000e006eb", "a<U+E0069><U+E006E>b"),
        ("a\U000e0120b", "a<U+E0120>b"),
        ("\u202eabc\ud800", "<U+202E>abc<U+D800>"),
        ("👩\u200d💻 日本\ufe0f é", "👩\u200d💻 日本\ufe0f é"),
    ],
)
def test_plain_text(text: str, inert: str) -> None:
    assert plain_text(text) == inert


def test_a_name_hides_no_colour() -> None:
    assert name_text("main\x1b[31m\x9b1m\r\n") == "main␛[31m<U+009B>1m\n"


@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_nothing_that_acts_is_left(text: str) -> None:
    assert not set(plain_text(text)) & set("\x1b\r\x9b\u202e\U000e0041\U000e0101\u200b")
    assert not set(name_text(text)) & set("\x1b\r\x9b\u202e\U000e0041\U000e0101\u200b")
    assert plain_text(plain_text(text)) == plain_text(text)
    assert safe_text(safe_text(text)) == safe_text(text)
