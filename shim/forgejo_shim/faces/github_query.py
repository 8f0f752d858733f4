"""What the queries of GitHub's API mean in Forgejo's words.

Rules: pure. What Forgejo has no word for is one of flows/run_list.py's, or is refused; no filter is left out silently.
Parameters that say who the caller is go on as they are.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from ..errors import BadRequest
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
SAME = ("event", "branch", "head_sha", "actor")

_BOUND = re.compile(r"(>=|<=|>|<|)([^<>=]+)\Z")


def of_list(query: str) -> str:
    """The query of a list without filters."""
    return _joined(query, _page(query))


def of_artifacts(query: str) -> str:
    """The query of a list of artifacts."""
    name = first_values(query).get("name", "")
    return _joined(query, [*_page(query), *([("name", name)] if name else [])])


def of_jobs(query: str) -> str:
    """The query of a list of jobs. Raises BadRequest."""
    wanted = first_values(query).get("filter", "latest")
    if wanted not in ("latest", "all"):
        raise _not_understood("filter", "latest or all")
    return _joined(query, [*_page(query), ("filter", wanted)])


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
        found += [(name, str(at)) for name, at in (("since", since), ("until", until)) if at]
    return _joined(query, [*_page(query), *found])


def of_suites(query: str) -> str:
    """The query of a list of check suites. Raises BadRequest."""
    _no_app(first_values(query))
    return of_list(query)


def of_checks(query: str) -> str:
    """The query of a list of a commit's check runs. Raises BadRequest."""
    asked = first_values(query)
    _no_app(asked)
    if asked.get("filter", "latest") != "latest":
        raise _not_understood("filter", "latest; of a run, actions/runs/{run_id}/jobs lists all attempts")
    found = [("name", asked["check_name"])] if asked.get("check_name") else []
    if status := asked.get("status"):
        if status not in ("queued", "in_progress", "completed"):
            raise _not_understood("status", "queued, in_progress, completed")
        found += [("status", word) for word in STATUSES[status]]
    return _joined(query, [*_page(query), *found])


def _no_app(asked: dict[str, str]) -> None:
    if "app_id" in asked:
        raise _not_understood("app_id", "none, since no app makes these checks")


def _page(query: str) -> list[tuple[str, str]]:
    asked = first_values(query)
    names = (("page", "page"), ("per_page", "limit"))
    return [(forgejos, asked[githubs]) for githubs, forgejos in names if githubs in asked]


def _joined(query: str, found: list[tuple[str, str]]) -> str:
    return urlencode([*found, *identity_of(query)], errors="surrogateescape")


def _times(text: str) -> tuple[int, int]:
    """The first and the last second that a range of times names, 0 for an open end: `2026-01-02`, `>=2026-01-02`,
    `2026-01-02..2026-01-03T04:05:06Z`, `*..2026-01-02`. Raises BadRequest."""
    first, dots, last = text.partition("..")
    if dots:
        return (0 if first == "*" else _span(first)[0]), (0 if last == "*" else _span(last)[1])
    found = _BOUND.match(text)
    if not found:
        raise _no_time()
    begin, end = _span(found[2])
    ends = {">=": (begin, 0), ">": (end + 1, 0), "<=": (0, end), "<": (0, begin - 1), "": (begin, end)}
    return ends[found[1]]


def _span(text: str) -> tuple[int, int]:
    """The first and the last second of a day, or a second twice."""
    try:
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        lasts = timedelta(days=1) if len(text) <= len("2026-01-02") else timedelta(seconds=1)
        begin, end = int(at.timestamp()), int((at + lasts).timestamp()) - 1
    except (ValueError, OverflowError):
        raise _no_time() from None
    if begin < 1:
        raise _no_time()
    return begin, end


def _no_time() -> BadRequest:
    return _not_understood("created", "a time such as 2026-01-02 or 2026-01-02T03:04:05Z, or a range of them")


def _not_understood(name: str, known: str) -> BadRequest:
    return BadRequest(f"{name} was not understood; give {known}", cause="filter-not-understood")
