"""Mutants: three ways to give a wrong log are put into the shim, and named cases must catch each.

Rules: a mutant is a patch of the running shim; the case that must catch it passes without it, in the same setting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import test_faults
import test_log
from forgejo_shim.flows import job_log
from forgejo_shim.webui.reader import Reader
from forgejo_shim.webui.values import WebRun
from targets import TARGETS, DoubleServer, Live

Mutate = Callable[[pytest.MonkeyPatch], None]


def file_name_ignored(patch: pytest.MonkeyPatch) -> None:
    """Whatever job the download's file name carries is taken for the one that was asked for."""
    patch.setattr(job_log, "is_log_of", lambda headers, job: True)


def index_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """The download is read from the place after the job's own."""
    real = Reader.download

    async def download(self: Reader, at: Any, *rest: Any) -> Any:
        return await real(self, type(at)(at.run_number, at.job_index + 1), *rest)

    patch.setattr(Reader, "download", download)


def index_and_name_off_by_one(patch: pytest.MonkeyPatch) -> None:
    """The same, with the file name ignored as well."""
    index_off_by_one(patch)
    file_name_ignored(patch)


def old_attempt_relayed(patch: pytest.MonkeyPatch) -> None:
    """The oldest attempt is taken for the newest."""
    oldest = property(
        lambda self: min((number for number, _ in self.attempts), default=None) if self.attempts else None
    )
    patch.setattr(WebRun, "newest", oldest)


def kept_attempt_relayed(patch: pytest.MonkeyPatch) -> None:
    """What was the newest attempt once is believed to be it still."""
    real, seen = Reader.redirected_attempt, {}

    async def redirected_attempt(self: Reader, at: Any) -> int | None:
        if at not in seen:
            seen[at] = await real(self, at)
        return seen[at]

    patch.setattr(Reader, "redirected_attempt", redirected_attempt)


@pytest.fixture(scope="module")
def live() -> Iterator[Live]:
    with DoubleServer("15") as server:
        yield Live(TARGETS["double-15"], server)


@pytest.fixture
def sites() -> Iterator[dict[str, test_faults.Site]]:
    with test_faults.Site("11") as site:
        yield {"11": site}


CASES: dict[str, Callable[..., Any]] = {
    "test_a_download_of_another_job_is_refused": lambda live, sites: (
        test_faults.test_a_download_of_another_job_is_refused(sites, "11")
    ),
    "test_each_job_gives_its_own_bytes": lambda live, sites: test_log.test_each_job_gives_its_own_bytes(fresh(live)),
    "test_read_rerun_read_again_gives_the_new_attempt": lambda live, sites: (
        test_log.test_read_rerun_read_again_gives_the_new_attempt(fresh(live))
    ),
}
MUTANTS: list[tuple[Mutate, str]] = [
    (file_name_ignored, "test_a_download_of_another_job_is_refused"),
    (index_off_by_one, "test_each_job_gives_its_own_bytes"),
    (index_and_name_off_by_one, "test_each_job_gives_its_own_bytes"),
    (old_attempt_relayed, "test_read_rerun_read_again_gives_the_new_attempt"),
    (kept_attempt_relayed, "test_read_rerun_read_again_gives_the_new_attempt"),
]


def fresh(live: Live) -> Live:
    """The same target with nothing kept by its sessions."""
    live._sessions.clear()
    return live


@pytest.mark.clause("S12", "S13", "L3", "L9")
@pytest.mark.parametrize("mutate, case", MUTANTS, ids=lambda value: getattr(value, "__name__", value))
def test_a_mutant_is_caught(
    mutate: Mutate, case: str, live: Live, sites: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    CASES[case](live, sites)
    with monkeypatch.context() as patch:
        mutate(patch)
        with pytest.raises(AssertionError):
            CASES[case](live, sites)
    CASES[case](live, sites)
