"""What names a repository, or one of its run pages: a text, or an address as a browser shows it.

OWNER/REPO
https://forge.example[/sub-path]/OWNER/REPO[/actions[/runs/42[/jobs/0[/attempt/1]]]]
/OWNER/REPO/actions/runs/42/jobs/0      as in commit statuses; the server is then given otherwise

Rules: pure. An address may hold a password, so one with an `@` is refused and never repeated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

from .errors import WrongArguments
from .models import Repo
from .operations import parse_repo

RunRef = int | Literal["latest"]

_PAGE = re.compile(
    r"(?P<origin>https?://[^/?#]+)?(?P<path>(?:/[^/?#]+)*?)/(?P<owner>[^/?#]+)/(?P<repo>[^/?#]+?)"
    r"(?:/actions(?:/runs/(?P<run>[0-9]+|latest)(?:/jobs/(?P<job>[0-9]+)(?:/attempt/(?P<attempt>[0-9]+))?(?:/logs)?)?)?)?"
    r"/?(?:[?#].*)?"
)


@dataclass(frozen=True)
class Target:
    """A repository, and what else the URL names: server, run, job index, attempt. `is_here`: none was named, so it is
    that of the git clone in which the command was called."""

    repo: Repo
    server: str | None = None
    run: RunRef | None = None
    job_index: int | None = None
    attempt: int | None = None
    is_here: bool = False


def target_of(value: str) -> Target:
    """OWNER/REPO, or the URL of a run or a job, as a Target. Raises ShimError."""
    if "@" in re.split("[?#]", value)[0]:
        raise WrongArguments("the address contains credentials; give OWNER/REPO or a URL without them")
    if re.match("[^?#]*/api/v1([/?#]|$)", value):
        raise WrongArguments("that is an address of the API; give OWNER/REPO (and a job id), or that of a page")
    found = _PAGE.fullmatch(value)
    if not found:
        return Target(parse_repo(value))
    repo = parse_repo(f"{unquote(found['owner'])}/{unquote(found['repo'])}")
    server = found["origin"] + found["path"] if found["origin"] else None
    index, attempt = (_number(text) if text else None for text in (found["job"], found["attempt"]))
    return Target(repo, server, run_of(found["run"]) if found["run"] else None, index, attempt)


def run_of(text: str) -> RunRef:
    """A run's number or `latest`. Raises ShimError."""
    if text == "latest":
        return "latest"
    if re.fullmatch("[0-9]{1,18}", text):
        return int(text)
    shown = f"{text!a} is" if len(text) < 100 else "that is"
    raise WrongArguments(f"{shown} not a run; give its number, latest, or the URL of its page")


def _number(text: str) -> int:
    if len(text) > 18:
        raise WrongArguments("the URL contains a number that is too long; give the URL of a job's page")
    return int(text)
