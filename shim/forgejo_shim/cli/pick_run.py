"""Which run is meant by a commit, a branch or a pull request: of its newest commit's runs the newest that failed, else
the newest. And which by the git clone here, where neither a repository nor a run is named:

1. the newest run of the commit that is checked out;
2. else the newest of the branch of that name;
3. else the newest.

Rules: a commit can have a run for each workflow; the others are named on stderr. So is the run that the clone means,
and why. What the server's list cannot filter is looked for among the newest runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

import click

from ..arguments import RunFilters
from ..client import Client
from ..errors import NothingMatched, NotPossible, SearchLimit
from ..models import Repo, Run
from .output import note
from .remote import head_here
from .target import Target

FAILED = ("failure", "cancelled")
NEWEST = 200  # runs that are looked through
SHOWN = 10  # other runs that are named


def pick_run(client: Client, repo: Repo, commit: str | None, branch: str | None, pull: int | None) -> Run | None:
    """The run that is meant; None if none of the three is given. Raises UsageError, NothingMatched, ShimError."""
    if sum(given is not None for given in (commit, branch, pull)) > 1:
        raise click.UsageError("give one of --commit, --branch and --pr")
    if commit is not None:
        return _of_commit(client, repo, commit.lower())
    if branch is not None:
        return _of_newest_commit(repo, client.runs(repo, NEWEST, branch=branch), f"branch {branch}")
    if pull is not None:
        found = [run for run in _newest(client, repo) if run.branch == f"#{pull}"]
        return _of_newest_commit(repo, found, f"pull request #{pull}")
    return None


def run_here(client: Client, target: Target, *, failed_first: bool = False) -> Run | None:
    """The run that the clone here means; None if a run or a repository is named, or nothing is checked out.

    With `failed_first` it is the newest that failed of its commit, if one did. Raises ShimError.
    """
    head = head_here() if target.is_here and target.run is None else None
    if not head:
        return None
    branch = head.branch or "HEAD"
    tried: list[tuple[RunFilters, str]] = [({"commit": head.commit}, f"the commit of {branch} here")]
    if head.branch:
        tried.append(({"branch": head.branch}, f"the newest of {branch}, since the commit here has none"))
    tried.append(({}, f"the newest, since {branch} here has none"))
    for filters, why in tried:
        try:
            runs = client.runs(target.repo, NEWEST if failed_first and filters else 1, **filters)
        except (NotPossible, SearchLimit):
            continue
        if runs:
            run = _of_newest_commit(target.repo, runs, why) if failed_first else runs[0]
            note(f"run {run.number} of {target.repo}: {why}")
            return run
    return None


def _of_commit(client: Client, repo: Repo, commit: str) -> Run:
    if not re.fullmatch("[0-9a-f]{4,64}", commit):
        raise click.BadParameter(f"{commit!a} is no commit; give 4 or more of its hexadecimal digits")
    if len(commit) in (40, 64):
        found = client.runs(repo, NEWEST, commit=commit)
    else:
        found = [run for run in _newest(client, repo) if run.commit.startswith(commit)]
    if len({run.commit for run in found}) > 1:
        raise click.UsageError(f"several commits begin with {commit}; give more of its digits")
    return _of_newest_commit(repo, found, f"commit {commit}")


def _newest(client: Client, repo: Repo) -> list[Run]:
    """The newest runs, where the server tells what they are of."""
    runs = list(islice(client.iter_runs(repo), NEWEST))
    if runs and not any(run.commit for run in runs):
        raise NotPossible(
            "this server's API knows no runs, and its web UI does not list them by what they are of: name the run",
            cause="filter-not-possible",
        )
    return runs


def _of_newest_commit(repo: Repo, runs: Iterable[Run], what: str) -> Run:
    """The newest failed run of the newest commit, else its newest one."""
    found = list(runs)
    if not found:
        raise NothingMatched(f"{what} has no run in {repo}, or none among its newest {NEWEST}")
    same = [run for run in found if run.commit == found[0].commit]
    chosen = next((run for run in same if run.status in FAILED), same[0])
    others = [f"{run.number} ({run.workflow}, {run.status})" for run in same if run.number != chosen.number]
    if others:
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        note(f"run {chosen.number} ({chosen.workflow}); {what} has others: {', '.join(others[:SHOWN])}{more}")
    return chosen
