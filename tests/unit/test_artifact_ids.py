"""Ids of artifacts that are made from where they are: found again, told apart, and never a server's own."""

from __future__ import annotations

import pytest
from forgejo_shim.artifact_ids import BY_NUMBER, MARK, ArtifactRun, run_of
from hypothesis import given
from hypothesis import strategies as st

IDS = st.integers(1, 2**27 - 1)
NUMBERS = st.integers(1, 2**21 - 1)
NAMES = st.text(max_size=40)


@given(IDS, NAMES)
def test_the_run_is_found_again(run: int, name: str) -> None:
    made = ArtifactRun(run).artifact_id(name)
    assert 2**52 <= made < 2**53
    assert run_of(made) == ArtifactRun(run)
    assert run_of(made, "o/r") is None


@given(NUMBERS, NAMES)
def test_so_is_one_by_its_number(number: int, name: str) -> None:
    made = ArtifactRun(number, "o/r").artifact_id(name)
    assert 2**52 <= made < 2**53
    assert run_of(made, "o/r") == ArtifactRun(number, "o/r")
    assert run_of(made) is None


@given(st.one_of(st.integers(-(2**63), 2**52 - 1), st.integers(2**53, 2**63)))
def test_a_servers_own_id_is_none_of_them(artifact_id: int) -> None:
    assert run_of(artifact_id) is run_of(artifact_id, "o/r") is None


@given(st.integers(2**52, 2**53 - 1))
def test_what_names_a_run_names_one_that_can_be(artifact_id: int) -> None:
    for repo in ("", "o/r"):
        found = run_of(artifact_id, repo)
        assert found is None or (found.fits and found.run > 0)


def test_ids_stay_what_they_are() -> None:
    """They may be kept by clients, so a change of how they are made is a change of the promise."""
    assert ArtifactRun(13).artifact_id("one") == MARK | 13 << 24 | 0x22DE33
    assert ArtifactRun(2, "o/r").artifact_id("one") == MARK | BY_NUMBER | 2 << 30 | 0x294B62A1


def test_another_repository_has_other_ids_for_a_number() -> None:
    assert ArtifactRun(2, "o/r").artifact_id("one") != ArtifactRun(2, "o/s").artifact_id("one")


@pytest.mark.parametrize(
    ("run", "repo", "fits"),
    [(0, "", False), (-1, "", False), (2**27 - 1, "", True), (2**27, "", False), (2**21 - 1, "o/r", True),
     (2**21, "o/r", False)],
)  # fmt: skip
def test_runs_that_are_too_large_do_not_fit(run: int, repo: str, fits: bool) -> None:
    assert ArtifactRun(run, repo).fits is fits
