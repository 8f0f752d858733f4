"""What the queries of GitHub's API mean in Forgejo's words.

Rules: pure. What Forgejo has no word for is one of flows/run_list.py's, or is refused; no filter is left out silently.
Parameters that say who the caller is go on as they are.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import urlencode

from ..errors import BadRequest, NotPossible
from ..flows.run_list import NO_STATUS
from ..identity import identity_of
from ..router import first_values

OPEN = {"in_progress": ("running",), "queued": ("waiting", "blocked", "unknown")}
ENDED = ("success", "failure", "cancelled", "skipped")
# GitHub's words that no run of Forgejo has (status of "List workflow runs for a repository").
NONE = (
    "action_required", "neutral", "stale", "timed_out", "requested", "waiting", "pending", "startup_failure",
)  # fmt: skip
STATUSES = {
    **OPEN,
    "completed": ENDED,
    **{word: (word,) for word in ENDED},
    **dict.fromkeys(NONE, (NO_STATUS,)),
}
OF_CHECKS = ("queued", "in_progress", "completed")
SAME = ("event", "branch", "head_sha", "actor")
DAY = 24 * 3600  # seconds

_ID = re.compile(r"[0-9]{1,18}\Z")
_BOUND = re.compile(r"(>=|<=|>|<|)([^<>=]+)\Z")


def of_list(query: str) -> str:
    """The query of a list without filters."""
    return _joined(query, _page(query))


def of_artifacts(query: str) -> str:
    """The query of a list of artifacts. Raises NotPossible."""
    asked = first_values(query)
    if asked.get("direction"):
        raise _not_possible("direction", "the server has one order of artifacts")
    return _joined(query, [*_page(query), *_same(asked, ("name", "name"))])


def of_job(query: str) -> str:
    """The query of one job."""
    return f"brief=true&{of_list(query)}"


def of_jobs(query: str) -> str:
    """The query of a list of jobs. Raises BadRequest."""
    return _joined(query, [*_page(query), ("filter", _filter(first_values(query)))])


def of_runs(query: str) -> str:
    """The query of a list of runs. Raises BadRequest."""
    asked = first_values(query)
    found = [(name, asked[name]) for name in SAME if name in asked]
    if status := asked.get("status"):
        if status not in STATUSES:
            raise _not_understood("status", ", ".join(STATUSES))
        found += [("status", word) for word in STATUSES[status]]
    if created := asked.get("created"):
        since, until = _times(created)
        found += [(name, str(at)) for name, at in (("since", since), ("until", until)) if at is not None]
    if suite := asked.get("check_suite_id"):
        if not _ID.match(suite):
            raise _not_understood("check_suite_id", "the id of a run")
        found.append(("id", suite))
    return _joined(query, [*_page(query), *found])


def of_suites(query: str) -> str:
    """The query of a list of check suites. Raises NotPossible."""
    asked = first_values(query)
    _no_app(asked)
    return _joined(query, [*_page(query), *_same(asked, ("check_name", "name"))])


def of_checks(query: str) -> str:
    """The query of a list of a commit's check runs. Raises BadRequest, NotPossible."""
    asked = first_values(query)
    if _filter(asked) != "latest":
        raise _not_possible("filter=all", "of a run, actions/runs/{run_id}/jobs lists all attempts")
    return _joined(query, [*_page(query), *_of_checks(asked)])


def of_suites_checks(query: str) -> str:
    """The query of a list of a run's check runs. Raises BadRequest, NotPossible."""
    asked = first_values(query)
    return _joined(query, [*_page(query), ("filter", _filter(asked)), *_of_checks(asked)])


def _of_checks(asked: dict[str, str]) -> list[tuple[str, str]]:
    _no_app(asked)
    found, status = _same(asked, ("check_name", "name")), asked.get("status", "")
    if status not in ("", *OF_CHECKS):
        raise _not_understood("status", ", ".join(OF_CHECKS))
    return found + [("status", word) for word in STATUSES.get(status, ())]


def _filter(asked: dict[str, str]) -> str:
    wanted = asked.get("filter", "latest")
    if wanted not in ("latest", "all"):
        raise _not_understood("filter", "latest or all")
    return wanted


def _no_app(asked: dict[str, str]) -> None:
    if asked.get("app_id"):
        raise _not_possible("app_id", "no app makes these checks")


def _page(query: str) -> list[tuple[str, str]]:
    return _same(first_values(query), ("page", "page"), ("per_page", "limit"))


def _same(asked: dict[str, str], *names: tuple[str, str]) -> list[tuple[str, str]]:
    """What is asked for by GitHub's name, by Forgejo's."""
    return [(forgejos, asked[githubs]) for githubs, forgejos in names if asked.get(githubs)]


def _joined(query: str, found: list[tuple[str, str]]) -> str:
    return urlencode([*found, *identity_of(query)], errors="surrogateescape")


def _times(text: str) -> tuple[int | None, int | None]:
    """The first and the last second that a range of times names, None for an open end: `2026-01-02`, `>=2026-01-02`,
    `2026-01-02..2026-01-03T04:05:06Z`, `*..2026-01-02`. Raises BadRequest."""
    first, dots, last = text.partition("..")
    if dots:
        return (None if first == "*" else _span(first)[0]), (None if last == "*" else _span(last)[1])
    found = _BOUND.match(text)
    if not found:
        raise _no_time()
    begin, end = _span(found[2])
    ends = {">=": (begin, None), ">": (end + 1, None), "<=": (None, end), "<": (None, begin - 1), "": (begin, end)}
    return ends[found[1]]


def _span(text: str) -> tuple[int, int]:
    """The first and the last second of a day, or a second twice."""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        begin = int(at.timestamp())
    except (ValueError, OverflowError):
        raise _no_time() from None
    return begin, begin + (DAY if len(text) <= len("2026-01-02") else 1) - 1


def _no_time() -> BadRequest:
    return _not_understood("created", "a time such as 2026-01-02 or 2026-01-02T03:04:05Z, or a range of them")


def _not_possible(name: str, why: str) -> NotPossible:
    return NotPossible(f"{name} cannot be asked for here: {why}", cause="filter-not-possible")


def _not_understood(name: str, known: str) -> BadRequest:
    return BadRequest(f"{name} was not understood; give {known}", cause="filter-not-understood")
