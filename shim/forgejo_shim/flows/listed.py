"""Pages of lists, as flows give them: entries, how many there are on all pages, and which page it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..models import Artifact, JobDetails, RunFacts, Workflow
from ..operations import Call
from ..why.values import Finding
from .runs import paging

T = TypeVar("T")


@dataclass(frozen=True)
class ListPage(Generic[T]):
    """A page (1-based) of a list, of at most `limit` entries; `total` counts those of all pages. `is_cut`: there are
    more than the list tells of."""

    entries: tuple[T, ...]
    total: int
    page: int
    limit: int
    is_cut: bool = field(default=False, kw_only=True)


class RunPage(ListPage[RunFacts]):
    """Runs of a repository, of a commit or of several repositories."""


class JobPage(ListPage[JobDetails]):
    """Jobs of one run or of several; one can be there several times, at each of its attempts. The attempt that is meant
    is `job.attempt`, and `job.status` is its status, perhaps `PAST`."""


class WorkflowPage(ListPage[Workflow]):
    """Workflows of a repository."""


class ArtifactPage(ListPage[Artifact]):
    """Artifacts of a run or of a repository."""


@dataclass(frozen=True)
class FindingPage(ListPage[Finding]):
    """What was found in the log of a job of a run."""

    run: RunFacts


@dataclass(frozen=True)
class StatusPage(ListPage[Mapping[str, Any]]):
    """The newest status of each context that a commit has, as the API tells them; `states` are those of all.
    `repository` is the API's own object, too."""

    sha: str
    states: tuple[str, ...]
    repository: Mapping[str, Any]


def page_of(found: Sequence[T], call: Call) -> tuple[tuple[T, ...], int, int, int]:
    """The fields of the page that a call asks for, of a list that is all there."""
    page, limit = paging(call)
    return tuple(found[(page - 1) * limit : page * limit]), len(found), page, limit
