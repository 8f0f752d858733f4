"""The grammar of the web UI in its dialects: how each page is asked for, and what each answer means.

Rules: pure; the only place that knows a web route or a plain text of the web UI (its HTML: web_pages.py). Every answer
is sorted into one `Page` by a sign of Forgejo's own; what has none is `STRANGE`, never a "no" or an empty log. Dialects
are recognised from answers, not from versions:

    dialect      view POST              download                CSRF token
    up to 12     jobs/{j}               jobs/{j}/logs           needed
    13.0.0-13.0.3  jobs/{j}/attempt/{n}   jobs/{j}/logs           needed
    13.0.4-13    jobs/{j}/attempt/{n}   jobs/{j}/attempt/{n}/logs   needed
    14, 15, 16   jobs/{j}/attempt/{n}   jobs/{j}/attempt/{n}/logs   none

The texts matched here are those that Forgejo hard-codes in English (routers/web/repo/actions/view.go, 11.0.15 to 16);
texts that follow the account's language are never matched.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

import fastjsonschema

from .errors import PageChanged
from .models import Headers, JobPlan, Location, Repo, RunEntry, RunState, StepLines, View, WebJob, WebStep
from .web_pages import is_suspended

# In the order of their numbers (models/actions/status.go, 11.0.15 to 16).
STATUSES = ("unknown", "success", "failure", "cancelled", "skipped", "waiting", "running", "blocked")
FINAL = frozenset({"success", "failure", "cancelled", "skipped"})

EMPTY_VIEW: dict[str, list[object]] = {"logCursors": []}  # asks for the state alone

LOGIN = "/user/login"
TWO_FACTOR = "/user/two_factor"
SETTINGS = "/user/settings"
CHANGE_PASSWORD = SETTINGS + "/change_password"
SECURITY = SETTINGS + "/security"


class Page(Enum):
    """What an answer of a web route means."""

    STATE = auto()  # the view POST's JSON
    LOG = auto()  # a download, or the 416 of one: the file name tells the task
    REDIRECT = auto()  # to another page of the same run
    NO_RUN = auto()  # no run has this number
    NO_JOBS = auto()  # the run has no job rows
    NOT_STARTED = auto()  # no runner has the job now
    EXPIRED = auto()  # the log has been cleaned up
    NO_FILE = auto()  # the task has no log file
    SPOILED = auto()  # headers of a log, and something else in its place
    NO_ATTEMPT = auto()  # the job has no such attempt
    HIDDEN = auto()  # no such route, no such repository, or not for this account: the web says "Not found." for all
    SIGN_IN = auto()  # sent to the sign-in page
    CHANGE_PASSWORD = auto()  # the account must change its password first
    ENROL_TWO_FACTOR = auto()  # the account must set up two-factor first
    BAD_TOKEN = auto()  # the CSRF token is missing, old, or another session's
    MOVED = auto()  # the repository has another name
    INACTIVE = auto()  # the account is suspended, or has not been activated
    BUSY = auto()  # 429 or 503
    STRANGE = auto()  # anything else


@dataclass(frozen=True)
class Dialect:
    """What has been seen of this server's web UI; None where nothing has been seen yet."""

    view_has_attempt: bool | None = None
    download_has_attempt: bool | None = None
    needs_token: bool | None = None


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


def latest_path(repo: Repo, workflow: str, branch: str, event: str) -> str:
    """Path that redirects to a workflow's latest run on a branch; event "" for any (404 if there is none)."""
    query = urlencode({"branch": branch, **({"event": event} if event else {})})
    return f"{actions(repo)}/workflows/{quote(workflow, safe='')}/runs/latest?{query}"


def list_path(repo: Repo, workflow: str, status: str) -> str:
    """Path of the newest runs of a workflow, of a status, or both ("" for any): 50 of them, as HTML."""
    query = {"workflow": workflow, "status": str(STATUSES.index(status)) if status else "", "page": "1", "limit": "50"}
    return f"{actions(repo)}?{urlencode({key: value for key, value in query.items() if value})}"


def sort_answer(status: int, headers: Headers, body: bytes, repo: Repo) -> Page:
    """What an answer to a page of `repo` means. `body` holds its first bytes, none for a download's 2xx or 416."""
    kind = headers.get("Content-Type").lower()
    if status in (301, 302, 303, 307, 308):
        return _sort_redirect(headers.get("Location"), repo)
    if status in (429, 503):
        return Page.BUSY
    if status in (200, 206, 416) and task_of(headers) is not None:
        return Page.LOG
    if status == 200 and kind.startswith("application/json"):
        return Page.STATE
    if status == 200 and is_suspended(body):
        return Page.INACTIVE
    return _sort_text(status, kind, body)


def _sort_redirect(location: str, repo: Repo) -> Page:
    target = path_of(location)
    for suffix, page in (
        (LOGIN, Page.SIGN_IN),
        (TWO_FACTOR, Page.SIGN_IN),
        (CHANGE_PASSWORD, Page.CHANGE_PASSWORD),
        (SECURITY, Page.ENROL_TWO_FACTOR),
    ):
        if target.endswith(suffix):
            return page
    if re.search(re.escape(actions(repo)) + r"/runs/\d{1,18}(/|\Z)", target, re.IGNORECASE):
        return Page.REDIRECT
    return Page.MOVED if _is_of_another(location, repo) else Page.STRANGE


def _is_of_another(location: str, repo: Repo) -> bool:
    """Whether a redirect is to the Actions of a repository of another name, as that of a renamed one is: a path without
    an origin (services/context/repo.go, RedirectToRepo, 11.0.15 to 16)."""
    found = re.search(r"/([^/]+)/([^/]+)/actions(?:/|\Z)", path_of(location))
    if not found or not location.startswith("/") or location.startswith("//"):
        return False
    return f"{unquote(found[1])}/{unquote(found[2])}".lower() != repo.key


def _sort_text(status: int, kind: str, body: bytes) -> Page:
    text = body.decode("utf-8", "replace").strip() if kind.startswith("text/plain") else ""
    if status == 404 and text.startswith("run with index "):
        return Page.NO_RUN
    if status == 404 and text == "Not Found":  # http.Error without a text; a missing route says "Not found."
        return Page.NO_JOBS
    if status == 404 and text == "job is not started":
        return Page.NOT_STARTED
    if status == 404 and text == "logs have been cleaned up":
        return Page.EXPIRED
    if status == 404 and text == "Not found.":  # context.NotFound for whoever accepts more than HTML
        return Page.HIDDEN
    if status == 400 and text == "Invalid CSRF token.":
        return Page.BAD_TOKEN
    if status == 500 and re.match(r"task with job_id \d+ and attempt -?\d+: resource does not exist", text):
        return Page.NO_ATTEMPT
    if status == 500 and re.search(r"file does not exist|no such file|key does not exist", text):
        return Page.NO_FILE
    return Page.STRANGE


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
    found = re.search(r"-(\d{1,18})\.log\Z", file_name(headers))
    return int(found[1]) if found else None


def file_name(headers: Headers) -> str:
    """The file name of a download, from `filename*`; the plain `filename` holds raw UTF-8 and quotes."""
    found = re.search(r"filename\*=UTF-8''([^;\s]+)", headers.get("Content-Disposition"))
    return unquote(found[1]) if found else ""


ROW = b"dddd-dd-ddTdd:dd:dd.dddddddZ "  # how each line of a stored log begins (modules/actions/log.go, 11.0.15 to 16)


def may_begin(body: bytes, headers: Headers) -> bool:
    """Whether the first bytes of a download can be a log's. While a log is handed over to storage, an error page can
    stand in its place or at its end, under the log's own headers (recorded on 11.0.15 to 16)."""
    given = headers.get("Content-Range")
    if not headers.get("Content-Type").startswith("text/plain") or (given and not given.startswith("bytes 0-")):
        return True
    return is_row(body)


def rows_only(end: bytes) -> bytes:
    """The end of a broken download without what may be no row: an error page can follow in the middle of one.

    Kept are the rows before the last line that still begins like one; the beginning may be in the middle of a row.
    """
    last, at = 0, end.find(b"\n") + 1
    while at and is_row(line := end[at : at + len(ROW)]) and len(line) == len(ROW):
        last, at = at, end.find(b"\n", at) + 1
    return end[:last]


def is_row(line: bytes) -> bool:
    """Whether a line, as far as it goes, begins like a row of a log."""
    return all(
        chr(byte).isdecimal() if shape == ord("d") else byte == shape for byte, shape in zip(line, ROW, strict=False)
    )


def part_of(headers: Headers) -> tuple[int, int, int] | None:
    """First byte, last byte and size in the Content-Range of a single part; None if there is none."""
    found = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", headers.get("Content-Range"))
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def is_line(row: bytes, line: tuple[float, str]) -> bool:
    """Whether a row of a log is a line of a view: the same time, as exact as a float is, and the same text but for what
    JSON makes of bytes that are no UTF-8."""
    stamp, _, text = row.rstrip(b"\r\n").decode("utf-8", "replace").partition(" ")
    same_text = text.replace("\ufffd", "") == line[1].replace("\n", "\\n").rstrip("\r").replace("\ufffd", "")
    return is_row(row) and same_text and abs(seconds(stamp[:26] + "+00:00") - line[0]) < 0.001


def is_log_of(headers: Headers, job: WebJob) -> bool:
    """Whether a download's file name carries the job's name (traps 1 and 10)."""
    return f"-{job.name}-{task_of(headers)}.log" in file_name(headers)


def read_state(body: bytes, repo: Repo, at: Location) -> RunState:
    """The answer of the state POST.

    Raises PageChanged, naming the field, if it does not fit spec/web/state.schema.json or tells of another run.
    """
    return _state(_valid("state", body, f"the state of run {at.run_number} in {repo}"), repo, at)


def read_view(body: bytes, repo: Repo, at: Location) -> View:
    """The answer of the state POST with the steps shown and the lines asked for.

    Raises PageChanged as `read_state` does, and if lines that were asked for cannot be in it.
    """
    what = f"the view of run {at.run_number} in {repo}"
    answer = _valid("state", body, what)
    if "logs" not in answer:
        raise PageChanged(f"{what} was not understood: logs is missing; report this server's version")
    state, current = _state(answer, repo, at), answer["state"]["currentJob"]
    row = answer["state"]["run"]["jobs"][at.job_index : at.job_index + 1]
    return View(
        state,
        steps=tuple(
            WebStep(step["summary"], step["status"], duration(step.get("duration", ""))) for step in current["steps"]
        ),
        lines={
            step["step"]: StepLines(
                step["cursor"], step["started"], tuple((line["timestamp"], line["message"]) for line in step["lines"])
            )
            for step in answer["logs"]["stepsLog"]
        },
        started={a["number"]: told for a in current.get("allAttempts") or () if (told := _started(a))},
        duration=duration(row[0].get("duration", "")) if row else None,
    )


def _state(answer: Any, repo: Repo, at: Location) -> RunState:
    run, current = answer["state"]["run"], answer["state"]["currentJob"]
    if not run["link"].lower().endswith(f"{actions(repo)}/runs/{at.run_number}".lower()):
        raise PageChanged(f"the web UI answered with another run than {at.run_number} of {repo}: {run['link']!a}")
    attempts = current.get("allAttempts")
    return RunState(
        jobs=tuple(WebJob(job["id"], job["name"], job["status"]) for job in run["jobs"]),
        attempts=None if attempts is None else tuple((a["number"], a["status"]) for a in attempts),
        has_attempts="allAttempts" in current,
        counts_on_request="description" in run,  # in the answer from 15 on (ViewResponse, 15.0.2: view.go)
        status=run["status"],
        title=run.get("title", ""),
    )


def _started(attempt: dict[str, Any]) -> str:
    """When an attempt began: the time in its `<relative-time>` element, "" if it has none."""
    found = re.search(r' datetime="([0-9T:+Z-]+)"', attempt.get("time_since_started_html", ""))
    return found[1] if found else ""


def duration(text: str) -> int | None:
    """Whole seconds of a duration as Go prints it, `1h2m3s` or `-5s`; None if it is none."""
    found = re.fullmatch(r"(-?)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(\d{1,9})s", text)
    if not found:
        return None
    total = int(found[2] or 0) * 3600 + int(found[3] or 0) * 60 + int(found[4])
    return -total if found[1] else total


def read_run(body: bytes) -> dict[str, Any]:
    """One run of the API. Raises PageChanged, naming the field."""
    answer: dict[str, Any] = _valid("run", body, "the API's run")
    return answer


def read_runs(body: bytes) -> tuple[list[dict[str, Any]], int]:
    """A page of the API's runs and the count of all. Raises PageChanged, naming the field."""
    answer = _valid("runs", body, "the API's list of runs")
    return answer["workflow_runs"], answer["total_count"]


def read_first_runs(body: bytes) -> tuple[list[dict[str, Any]], int]:
    """The first page of the API's runs and the count of all. Raises PageChanged, also if none of them is on it."""
    runs, total = read_runs(body)
    if total and not runs:
        raise PageChanged(f"the API's list of runs was not understood: it counts {total} and shows none; ask again")
    return runs, total


def read_run_numbered(body: bytes, number: int) -> dict[str, Any] | None:
    """The run of that number in the API's list for it; None if the list is empty. Raises PageChanged, also if the list
    is of other runs."""
    runs, total = read_first_runs(body)
    found = next((run for run in runs if run["index_in_repo"] == number), None)
    if runs and not found and number > 0:  # 0 and less filter nothing, and no run has them
        raise PageChanged(f"the API was asked for run {number} and answered with others; report this server's version")
    return found


def read_jobs(body: bytes) -> list[dict[str, Any]]:
    """The jobs of a run as the API gives them. Raises PageChanged, naming the field."""
    jobs: list[dict[str, Any]] = _valid("jobs", body, "the API's list of a run's jobs")
    return jobs


def read_job(body: bytes) -> JobPlan:
    """One job in full, as a server gives it that has the operation. Raises PageChanged."""
    try:
        job = json.loads(body)
        attempts = {
            int(told["number"]): (
                str(told["status"]),
                tuple((int(step["log_index"]), int(step["log_length"])) for step in told["steps"] or ()),
            )
            for told in job["attempts"]
        }
        return JobPlan(int(job["attempt"]), int(job["task_id"]), str(job["status"]), attempts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise PageChanged("the API's job was not understood: it lacks its attempts or their steps") from None


def read_tasks(body: bytes) -> tuple[list[dict[str, Any]], int]:
    """A page of the API's tasks, newest first, and the count of all. Raises PageChanged, naming the field."""
    answer = _valid("tasks", body, "the API's list of tasks")
    return answer["workflow_runs"], answer["total_count"]


def run_entry(run: dict[str, Any]) -> RunEntry:
    """What the search needs of a run in the API's list."""
    return RunEntry(run["index_in_repo"], seconds(run["created"]), seconds(run["stopped"]))


def seconds(text: str) -> float:
    """An API time in seconds since the epoch, 0 if unset (Forgejo gives the epoch itself, or the year 1)."""
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp())
    except (ValueError, OverflowError):
        return 0.0


@cache
def _schema(name: str) -> Any:
    text = files(__package__).joinpath("schemas", f"{name}.schema.json").read_text("utf-8")
    return fastjsonschema.compile(json.loads(text), use_default=False)


def _valid(name: str, body: bytes, what: str) -> Any:
    try:
        return _schema(name)(json.loads(body))
    except fastjsonschema.JsonSchemaValueException as error:
        field = ".".join(str(part) for part in error.path[1:]) or "the answer"
        raise PageChanged(f"{what} was not understood: {field} {error.rule} does not fit; report this server's version"
                          ) from None  # fmt: skip
    except (ValueError, RecursionError):
        raise PageChanged(f"{what} was not understood: it is no JSON") from None
