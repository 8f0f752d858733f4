"""A reader of stdout that has gone, such as `head`: exit code 0 for every verb, and not a word."""

from __future__ import annotations

import os
import subprocess

import pytest
from command import Place
from red import Did, lines, red

BAD = Did("failure", 3, text=lines("one", "::error::boom", "three"))
VERBS = (
    ["why", "o/r"], ["why", "o/r", "--json"], ["why", "o/r", "--markdown"], ["runs", "o/r"], ["runs", "o/r", "--json"],
    ["jobs", "o/r", "--steps"], ["watch", "o/r"], ["detect", "o/r"], ["attempts", "o/r", "--run", 1], ["open", "o/r"],
    ["logs", "o/r", "--failed"], ["logs", "o/r", "--follow"], ["completion", "bash"], ["spec", "rules"], ["--help"],
    ["--version"],
)  # fmt: skip


def without_reader(web: Place, *words: object, stderr: int = subprocess.PIPE) -> tuple[int, bytes]:
    """Exit code and stderr of the command whose stdout nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = web.process(*words, stdout=writer, stderr=writer if stderr == subprocess.STDOUT else stderr)
        _, said = process.communicate()
    finally:
        os.close(writer)
    return process.returncode, said


@pytest.mark.clause("C10")
@pytest.mark.parametrize("words", VERBS, ids=lambda words: " ".join(map(str, words)))
def test_a_reader_that_has_gone_is_no_error_of_any_verb(web: Place, words: list[object]) -> None:
    red(web.small, BAD)
    code, said = without_reader(web, *words)
    assert code == 0 and b"forgejo-shim:" not in said and b"Traceback" not in said


@pytest.mark.clause("C10")
@pytest.mark.parametrize("words, code", [(["logs", "o/r", 99], 5), (["logs", "--bogus"], 2), (["why", "o/r"], 0)])
def test_nor_does_it_change_that_of_an_error(web: Place, words: list[object], code: int) -> None:
    red(web.small, BAD)
    assert without_reader(web, *words, stderr=subprocess.STDOUT)[0] == code
