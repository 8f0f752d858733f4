"""Which run is meant by a commit, a branch or a pull request: of its newest commit's runs the newest that failed, else
the newest.

Rules: a commit can have a run for each workflow; the others are named, too. What the server's list cannot filter is
looked for among the newest runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from .client import Client
from .errors import NotPossible, NotThere, WrongArguments
from .models import FAILED, Repo, Run

NEWEST = 200  # runs that are looked through
SHOWN = 10  # other runs that are named


@dataclass(frozen=True)
class Picked:
    """The run that is meant, and a sentence that names the other runs of its commit, "" if it has none."""

    run: Run
    others: str


def pick_run(client: Client, repo: Repo, commit: str | None, branch: str | None, pull: int | None) -> Picked | None:
    """The run that is meant; None if none of the three is given. Raises ShimError."""
    if sum(given is not None for given in (commit, branch, pull)) > 1:
        raise WrongArguments("give one of commit, branch and pull request")
    if commit is not None:
        return _of_commit(client, repo, commit.lower())
    if branch is not None:
        return of_newest_commit(repo, client.runs(repo, NEWEST, branch=branch), f"branch {branch}")
    if pull is not None:
        found = [run for run in _newest(client, repo) if run.branch == f"#{pull}"]
        return of_newest_commit(repo, found, f"pull request #{pull}")
    return None


def _of_commit(client: Client, repo: Repo, commit: str) -> Picked:
    if not re.fullmatch("[0-9a-f]{4,64}", commit):
        raise WrongArguments(f"{commit!a} is no commit; give 4 or more of its hexadecimal digits")
    if len(commit) in (40, 64):
        found = client.runs(repo, NEWEST, commit=commit)
    else:
        found = [run for run in _newest(client, repo) if run.commit.startswith(commit)]
    if len({run.commit for run in found}) > 1:
        raise WrongArguments(f"several commits begin with {commit}; give more of its digits")
    return of_newest_commit(repo, found, f"commit {commit}")


def _newest(client: Client, repo: Repo) -> list[Run]:
    """The newest runs, where the server tells what they are of."""
    runs = list(islice(client.iter_runs(repo), NEWEST))
    if runs and not any(run.commit for run in runs):
        raise NotPossible(
            "this server's API knows no runs, and its web UI does not list them by what they are of: name the run",
            cause="filter-not-possible",
        )
    return runs


def of_newest_commit(repo: Repo, runs: Iterable[Run], what: str) -> Picked:
    """The newest failed run of the newest commit, else its newest one. Raises NotThere if there is none."""
    found = list(runs)
    if not found:
        raise NotThere(f"{what} has no run in {repo}, or none among its newest {NEWEST}", cause="run-not-found")
    same = [run for run in found if run.commit == found[0].commit]
    chosen = next((run for run in same if run.status in FAILED), same[0])
    others = [f"{run.number} ({run.workflow}, {run.status})" for run in same if run.number != chosen.number]
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    said = f"run {chosen.number} ({chosen.workflow}); {what} has others: {', '.join(others[:SHOWN])}{more}"
    return Picked(chosen, said if others else "")
