"""The grammar of the web UI in its dialects: how each page is asked for, and what each answer means.

Rules: pure; the only place that knows a web route or a plain text of the web UI (html.py knows its HTML, view.py its
JSON). Every answer is sorted into one `Page` by a sign of Forgejo's own; what has none is `UNKNOWN`, never a "no" or
an empty log. Dialects are recognised from answers, not from versions:

    dialect      view POST              download                CSRF token
    up to 12     jobs/{j}               jobs/{j}/logs           needed
    13.0.0-13.0.3  jobs/{j}/attempt/{n}   jobs/{j}/logs           needed
    13.0.4-13    jobs/{j}/attempt/{n}   jobs/{j}/attempt/{n}/logs   needed
    14, 15, 16   jobs/{j}/attempt/{n}   jobs/{j}/attempt/{n}/logs   none

The texts matched here are those that Forgejo hard-codes in English (routers/web/repo/actions/view.go, 11.0.15 to 16);
texts that follow the account's language are never matched.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from urllib.parse import quote, unquote, urlencode, urlsplit

from ..models import STATUSES, Headers, Location, Repo
from .html import is_suspended
from .values import WebJob

EMPTY_VIEW: dict[str, list[object]] = {"logCursors": []}  # asks for the state alone

LOGIN = "/user/login"
TWO_FACTOR = "/user/two_factor"
SETTINGS = "/user/settings"
CHANGE_PASSWORD = SETTINGS + "/change_password"
SECURITY = SETTINGS + "/security"


class Page(Enum):
    """What an answer of a web route means."""

    VIEW = auto()  # the view POST's JSON
    LOG = auto()  # a download, or the 416 of one: the file name tells the task
    ARTIFACT = auto()  # a download of an artifact, or the 416 of one: the file name tells the artifact's
    NO_ARTIFACT = auto()  # the run has no such artifact, or not all of it is there
    REDIRECT = auto()  # to another page of the same run
    NO_RUN = auto()  # no run has this number
    NO_JOBS = auto()  # the run has no job rows
    NOT_STARTED = auto()  # no runner has the job now
    EXPIRED = auto()  # the log has been cleaned up
    NO_LOG_FILE = auto()  # the task has no log file
    NOT_A_LOG = auto()  # headers of a log, and something else in its place
    NO_ATTEMPT = auto()  # the job has no such attempt
    NOT_FOUND = auto()  # no such route, no such repository, or not for this account: the web says "Not found." for all
    SIGN_IN = auto()  # sent to the sign-in page
    CHANGE_PASSWORD = auto()  # the account must change its password first
    ENROL_TWO_FACTOR = auto()  # the account must set up two-factor first
    BAD_CSRF_TOKEN = auto()  # the CSRF token is missing, old, or another session's
    RENAMED = auto()  # the repository has another name
    INACTIVE = auto()  # the account is suspended, or has not been activated
    BUSY = auto()  # 429 or 503
    FAILED = auto()  # an error of the server's own, in plain text, that says nothing of what was asked for
    UNKNOWN = auto()  # anything else


@dataclass(frozen=True)
class Dialect:
    """What has been seen of this server's web UI; None where nothing has been seen yet."""

    view_has_attempt: bool | None = None
    download_has_attempt: bool | None = None
    needs_token: bool | None = None


# Where an answer sends to, by the end of the path, and what that means.
_SENT_TO = (
    (LOGIN, Page.SIGN_IN),
    (TWO_FACTOR, Page.SIGN_IN),
    (CHANGE_PASSWORD, Page.CHANGE_PASSWORD),
    (SECURITY, Page.ENROL_TWO_FACTOR),
)


# What a plain text means: status, pattern of its beginning, page. The first row that fits counts.
_TEXTS = (
    (404, r"run with index ", Page.NO_RUN),
    (404, r"no such run( \d+)?\Z", Page.NO_RUN),  # by its id, from 13 on
    (404, r"artifact not found\Z", Page.NO_ARTIFACT),
    (404, r"runID \d+: artifact (name|ID) not found: ", Page.NO_ARTIFACT),
    (404, r"Not Found\Z", Page.NO_JOBS),  # http.Error without a text; a missing route says "Not found."
    (404, r"job is not started\Z", Page.NOT_STARTED),
    (404, r"logs have been cleaned up\Z", Page.EXPIRED),
    (404, r"Not found\.\Z", Page.NOT_FOUND),  # context.NotFound for whoever accepts more than HTML
    (400, r"Invalid CSRF token\.\Z", Page.BAD_CSRF_TOKEN),
    (500, r"task with job_id \d+ and attempt -?\d+: resource does not exist", Page.NO_ATTEMPT),
    (500, r"(?s).*(file does not exist|no such file|key does not exist)", Page.NO_LOG_FILE),
    (500, r"(?s).", Page.FAILED),
)


def actions(repo: Repo) -> str:
    """Path of a repository's Actions pages."""
    return f"/{quote(repo.owner, safe='')}/{quote(repo.name, safe='')}/actions"


def job_page(repo: Repo, at: Location) -> str:
    """Path of a job's page; from 13 it redirects to the page of its latest attempt."""
    return f"{actions(repo)}/runs/{at.run_number}/jobs/{at.job_index}"


def view_path(repo: Repo, at: Location, attempt: int | None) -> str:
    """Path of the state POST; `attempt` None for the dialects up to 12."""
    return job_page(repo, at) + ("" if attempt is None else f"/attempt/{attempt}")


def download_path(repo: Repo, at: Location, attempt: int | None) -> str:
    """Path of the log download; `attempt` None for the dialects up to 13.0.3."""
    return view_path(repo, at, attempt) + "/logs"


def rerun_path(repo: Repo, at: Location) -> str:
    """Path that runs a job again, together with the jobs that need it (routers/web/web.go, 11.0.15 to 16)."""
    return job_page(repo, at) + "/rerun"


def run_path(repo: Repo, run_number: int, verb: str) -> str:
    """Path that does something to a whole run: `rerun` or `cancel`."""
    return f"{actions(repo)}/runs/{run_number}/{verb}"


def workflow_path(repo: Repo, file: str, verb: str) -> str:
    """Path that switches a workflow: `enable` or `disable` (routers/web/web.go, 11.0.15 to 16)."""
    return f"{actions(repo)}/{verb}?workflow={quote(file, safe='')}"


def artifacts_path(repo: Repo, run: int) -> str:
    """Path of a run's list of artifacts, by the run's number."""
    return f"{actions(repo)}/runs/{run}/artifacts"


def artifact_path(repo: Repo, run: int, name: str) -> str:
    """Path of an artifact. To download it, `run` is the run's number up to 12 and its id from 13 on (trap 24); to
    delete it, its number."""
    return f"{artifacts_path(repo, run)}/{quote(name, safe='', errors='surrogatepass')}"


def latest_path(repo: Repo, workflow: str, branch: str, event: str) -> str:
    """Path that redirects to a workflow's latest run on a branch; event "" for any (404 if there is none)."""
    query = urlencode({"branch": branch, **({"event": event} if event else {})})
    return f"{actions(repo)}/workflows/{quote(workflow, safe='')}/runs/latest?{query}"


def list_path(repo: Repo, workflow: str, status: str, page: int = 1) -> str:
    """Path of a page (1-based) of the runs of a workflow, of a status, or both ("" for any), newest first: 50 of them,
    as HTML."""
    query = {"workflow": workflow, "status": str(STATUSES.index(status)) if status else "", "page": page, "limit": 50}
    return f"{actions(repo)}?{urlencode({key: value for key, value in query.items() if value})}"


def classify(status: int, headers: Headers, body: bytes, repo: Repo) -> Page:
    """What an answer to a page of `repo` means. `body` holds its first bytes, none for a download's 2xx or 416."""
    kind = headers.get("Content-Type").lower()
    if status in (301, 302, 303, 307, 308):
        location = headers.get("Location")
        target = path_of(location)
        for suffix, page in _SENT_TO:
            if target.endswith(suffix):
                return page
        if re.search(re.escape(actions(repo)) + r"/runs/\d{1,18}(/|\Z)", target, re.IGNORECASE):
            return Page.REDIRECT
        return Page.RENAMED if _is_of_another(location, repo) else Page.UNKNOWN
    if status in (429, 503):
        return Page.BUSY
    if status in (200, 206, 416) and (download := download_of(headers)):
        return download
    if status == 200 and kind.startswith("application/json"):
        return Page.VIEW
    if status == 200 and is_suspended(body):
        return Page.INACTIVE
    return _classify_text(status, kind, body)


def _is_of_another(location: str, repo: Repo) -> bool:
    """Whether a redirect is to the Actions of a repository of another name, as that of a renamed one is: a path without
    an origin (services/context/repo.go, RedirectToRepo, 11.0.15 to 16)."""
    found = re.search(r"/([^/]+)/([^/]+)/actions(?:/|\Z)", path_of(location))
    if not found or not location.startswith("/") or location.startswith("//"):
        return False
    return f"{unquote(found[1])}/{unquote(found[2])}".lower() != repo.key


def _classify_text(status: int, kind: str, body: bytes) -> Page:
    text = body.decode("utf-8", "replace").strip() if kind.startswith("text/plain") else ""
    for meant, pattern, page in _TEXTS:
        if meant == status and re.match(pattern, text):
            return page
    return Page.UNKNOWN


def path_of(location: str) -> str:
    """The path of a redirect. Run and job pages redirect to ROOT_URL, so the origin is never followed."""
    try:
        return urlsplit(location).path
    except ValueError:
        return ""


def attempt_of(location: str) -> int | None:
    """The attempt in the redirect of a job's page (Forgejo 13 and later)."""
    found = re.search(r"/actions/runs/\d+/jobs/\d+/attempt/(\d{1,18})\Z", path_of(location))
    return int(found[1]) if found else None


def run_number_of(location: str) -> int | None:
    """The run number in the redirect of `runs/latest`."""
    found = re.search(r"/actions/runs/(\d{1,18})(/|\Z)", path_of(location))
    return int(found[1]) if found else None


def task_of(headers: Headers) -> int | None:
    """The task id in a download's file name, `{workflow}-{job name}-{task id}.log`; None if there is no such name."""
    found = re.search(r"filename\*=UTF-8''[^;\s]*-(\d{1,18})\.log(?:[;\s]|\Z)", headers.get("Content-Disposition"))
    return int(found[1]) if found else None


def file_name(headers: Headers) -> str:
    """The file name of a download, from `filename*`; the plain `filename` holds raw UTF-8 and quotes."""
    found = re.search(r"filename\*=UTF-8''([^;\s]+)", headers.get("Content-Disposition"))
    return unquote(found[1]) if found else ""


# A download of an artifact: the zip that v4 uploaded, by the last part of its name as a path; or one that the server
# makes of v3's files, by the whole name (routers/web/repo/actions/view.go and modules/httplib/serve.go, 11.0.15 to 16).
_STORED = re.compile(r"""inline; filename="(.*)"; filename\*=UTF-8''([^;\s]*)\Z""", re.DOTALL)
_MADE = re.compile(r"""attachment; filename=([^;\s"]+)\.zip; filename\*=UTF-8''""")


def download_of(headers: Headers) -> Page | None:
    """What is downloaded, by the file name; None if there is none that says it."""
    told = headers.get("Content-Disposition")
    if _STORED.match(told) or _MADE.match(told):
        return Page.ARTIFACT
    return Page.LOG if task_of(headers) is not None else None


def is_artifact_of(headers: Headers, name: str, *, by_id: bool) -> bool:
    """Whether a download's file name is that of the artifact `name`; `by_id`: of a server that knows its run by its id,
    which puts `.zip` behind a stored one's name."""
    told = headers.get("Content-Disposition")
    if made := _MADE.match(told):
        return unquote(made[1]) == name
    stored = _STORED.match(told)
    return stored is not None and unquote(stored[2]) == f"{name}{'.zip' * by_id}".rstrip("/").rpartition("/")[2]


def zip_disposition(headers: Headers, *, by_id: bool) -> str:
    """The Content-Disposition of an artifact's download as 16 gives it."""
    told = headers.get("Content-Disposition")
    return told if by_id else _STORED.sub(r"""inline; filename="\1.zip"; filename*=UTF-8''\2.zip""", told)


def part_of(headers: Headers) -> tuple[int, int, int] | None:
    """First byte, last byte and size in the Content-Range of a single part; None if there is none."""
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", headers.get("Content-Range"))
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def is_log_of(headers: Headers, job: WebJob) -> bool:
    """Whether a download's file name carries the job's name (traps 1 and 10)."""
    return f"-{job.name}-{task_of(headers)}.log" in file_name(headers)
