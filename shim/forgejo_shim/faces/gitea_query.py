"""What the queries of Gitea's API mean in Forgejo's words.

Rules: pure. What Forgejo has no word for is one of the flows' (run_list.py, run_details.py), or is refused; no filter
is left out silently. Parameters that say who the caller is go on as they are.
"""

from __future__ import annotations

from urllib.parse import urlencode

from ..errors import BadRequest
from ..flows.dispatch_workflow import DETAILS
from ..identity import identity_of
from ..router import first_values

# Gitea's words for `status` (routers/api/v1/shared/action.go, 1.27), in the statuses of Forgejo that they name.
STATUSES = {
    **dict.fromkeys(("pending", "waiting", "requested", "action_required"), ("blocked",)),
    "queued": ("waiting",),
    "in_progress": ("running",),
    "completed": ("success", "failure", "skipped", "cancelled"),
    "success": ("success",),
    "failure": ("failure",),
    **dict.fromkeys(("skipped", "neutral"), ("skipped",)),
    **dict.fromkeys(("cancelled", "timed_out"), ("cancelled",)),
}
SAME = ("page", "limit", "event", "branch", "head_sha", "actor")
MOST = "100"  # entries of a list that no client of Gitea asks for by pages


def of_list(query: str) -> str:
    """The query of a list without filters."""
    return _joined(query, _given(query, "page", "limit"))


def of_workflows(query: str) -> str:
    """The query of the list of workflows, which has no pages in Gitea's document."""
    return _joined(query, _given(query, "page", "limit") or [("limit", MOST)])


def of_artifacts(query: str) -> str:
    """The query of a list of artifacts."""
    return _joined(query, _given(query, "page", "limit", "name"))


def of_job(query: str) -> str:
    """The query of one job."""
    return f"brief=true&{of_list(query)}"


def of_jobs(query: str) -> str:
    """The query of a list of jobs. Raises BadRequest."""
    asked = first_values(query)
    for name, known in (("sort", ("id",)), ("order", ("asc", "desc"))):
        if asked.get(name, known[0]) not in known:
            raise _not_understood(name, known)
    return _joined(query, [*_given(query, "page", "limit", "order"), *_statuses(query)])


def of_dispatch(query: str) -> str:
    """The query of a dispatch. Raises BadRequest."""
    _only_own(query)
    if first_values(query).get(DETAILS, "false") not in ("true", "false"):
        raise _not_understood(DETAILS, ("true", "false"))
    return _joined(query, _given(query, DETAILS))


def of_runners(query: str) -> str:
    """The query of a list of runners. Raises BadRequest."""
    if first_values(query).get("disabled", "false") not in ("true", "false"):
        raise _not_understood("disabled", ("true", "false"))
    return of_list(query)


def of_runs(query: str) -> str:
    """The query of a list of runs. Raises BadRequest."""
    _only_own(query)
    return _joined(query, [*_given(query, *SAME), *_statuses(query)])


def _given(query: str, *names: str) -> list[tuple[str, str]]:
    asked = first_values(query)
    return [(name, asked[name]) for name in names if name in asked]


def _only_own(query: str) -> None:
    if first_values(query).get("scoped_workflow_source_repo_id", "0") != "0":
        raise _not_understood("scoped_workflow_source_repo_id", ("0, since Forgejo has no workflows of other scopes",))


def _statuses(query: str) -> list[tuple[str, str]]:
    status = first_values(query).get("status")
    if not status:
        return []
    if status not in STATUSES:
        raise _not_understood("status", STATUSES)
    return [("status", word) for word in STATUSES[status]]


def _joined(query: str, found: list[tuple[str, str]]) -> str:
    return urlencode([*found, *identity_of(query)], errors="surrogateescape")


def _not_understood(name: str, known: object) -> BadRequest:
    assert isinstance(known, dict | tuple)
    return BadRequest(f"{name} was not understood; give {', '.join(known)}", cause="filter-not-understood")
