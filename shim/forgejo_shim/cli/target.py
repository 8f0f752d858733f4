"""A verb's first argument: a repository, or one of its run pages, as a URL or a path.

OWNER/REPO
https://forge.example[/sub-path]/OWNER/REPO[/actions[/runs/42[/jobs/0[/attempt/1]]]]
/OWNER/REPO/actions/runs/42/jobs/0      as in commit statuses; the server is then given otherwise
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

import click

from ..errors import ShimError
from ..models import Repo
from ..operations import parse_repo

RunRef = int | Literal["latest"]

_PAGE = re.compile(
    r"(?P<origin>https?://[^/?#]+)?(?P<path>(?:/[^/?#]+)*?)/(?P<owner>[^/?#]+)/(?P<repo>[^/?#]+?)"
    r"(?:/actions(?:/runs/(?P<run>[0-9]+|latest)(?:/jobs/(?P<job>[0-9]+)(?:/attempt/(?P<attempt>[0-9]+))?(?:/logs)?)?)?)?"
    r"/?(?:[?#].*)?"
)


@dataclass(frozen=True)
class Target:
    """A repository, and what else the URL names: server, run, job index, attempt."""

    repo: Repo
    server: str | None = None
    run: RunRef | None = None
    job_index: int | None = None
    attempt: int | None = None


def parse_target(value: str) -> Target:
    """OWNER/REPO, or the URL of a run or a job, as a Target. Raises BadParameter."""
    if "@" in re.split("[?#]", value)[0]:
        raise click.BadParameter("the address contains credentials; give OWNER/REPO or a URL without them")
    if re.match("[^?#]*/api/v1([/?#]|$)", value):
        raise click.BadParameter("that is an address of the API; give OWNER/REPO (and a job id), or that of a page")
    found = _PAGE.fullmatch(value)
    try:
        if not found:
            return Target(parse_repo(value))
        repo = parse_repo(f"{unquote(found['owner'])}/{unquote(found['repo'])}")
    except ShimError as error:
        raise click.BadParameter(error.message) from None
    server = found["origin"] + found["path"] if found["origin"] else None
    index, attempt = (_number(text) if text else None for text in (found["job"], found["attempt"]))
    return Target(repo, server, run_ref(found["run"]) if found["run"] else None, index, attempt)


def with_run(target: Target, run: str | None, name: str) -> Target:
    """`target` with the run, or a page of it, that the argument `name` names. Raises UsageError."""
    if run is None:
        return target
    if target.run is not None:
        raise click.UsageError(f"the URL already names a run; leave out {name}")
    if "/" not in run:
        return replace(target, run=run_ref(run))
    page = parse_target(run)
    if page.repo.key != target.repo.key or page.run is None:
        raise click.UsageError(f"the URL given as {name} is not a run of {target.repo}")
    return page


def named_run(target: Target, run: str | None) -> Target:
    """`target` with its run, for a verb that has no default. Raises UsageError."""
    target = with_run(target, run, "RUN")
    if target.run is None:
        raise click.UsageError("no run given; give its number, latest, or the URL of its page")
    return target


def run_ref(text: str) -> RunRef:
    """A run's number or `latest`. Raises BadParameter."""
    if text == "latest":
        return "latest"
    if re.fullmatch("[0-9]{1,18}", text):
        return int(text)
    shown = f"{text!a} is" if len(text) < 100 else "that is"
    raise click.BadParameter(f"{shown} not a run; give its number, latest, or the URL of its page")


def _number(text: str) -> int:
    if len(text) > 18:
        raise click.BadParameter("the URL contains a number that is too long; give the URL of a job's page")
    return int(text)
