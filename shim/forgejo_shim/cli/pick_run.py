"""Which run a verb means: that of a commit, a branch or a pull request (pick_run.py of the package). And which is meant
by the git clone here, where neither a repository nor a run is named:

1. the newest run of the commit that is checked out;
2. else the newest of the branch of that name;
3. else the newest.

Rules: what else could have been meant is said on stderr, and so is the run that the clone means, and why.
"""

from __future__ import annotations

from ..arguments import RunFilters
from ..client import Client
from ..errors import NotPossible, SearchLimit
from ..models import Repo, Run
from ..pick_run import NEWEST, Picked, of_newest_commit
from ..pick_run import pick_run as picked_run
from .output import note
from .remote import head_here
from .target import Target

__all__ = ["pick_run", "run_here"]


def pick_run(client: Client, repo: Repo, commit: str | None, branch: str | None, pull: int | None) -> Run | None:
    """The run that is meant; None if none of the three is given. Raises ShimError."""
    picked = picked_run(client, repo, commit, branch, pull)
    return _noted(picked) if picked else None


def _noted(picked: Picked) -> Run:
    """The run, its commit's others having been named."""
    if picked.others:
        note(picked.others)
    return picked.run


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
    newest = f"the newest, since {branch} here has none"
    for filters, why in (*tried, (RunFilters(), "")):
        try:
            runs = client.runs(target.repo, NEWEST if failed_first and filters else 1, **filters)
        except (NotPossible, SearchLimit):
            newest = f"the newest, since this server cannot be asked for those of {branch} here"
            continue
        if runs:
            what = why or newest
            run = _noted(of_newest_commit(target.repo, runs, what)) if failed_first else runs[0]
            note(f"run {run.number} of {target.repo}: {what}")
            return run
    return None
