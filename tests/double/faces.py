"""The faces: what tells one Forgejo version from another, as data.

Rules
-----
* A difference between versions that anybody outside can see is a column of `Face`; no other file of the double compares
  version numbers.
* Each column says where the fact comes from: a recording (`tests/data/recordings/`) or a file of Forgejo's source.
* `operations.json` holds what `/swagger.v1.json` lists below `/repos/{owner}/{repo}/actions` and `/actions`, recorded;
  `since` and `until` are major versions, both included.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Face:
    """One version's outside."""

    version: str
    """What `/api/v1/version` says (recorded)."""
    major: int
    attempt_in_view: bool
    """Page and state have `/attempt/{n}` in their path; run and job page are redirects (routers/web/web.go, 13.0.0)."""
    attempt_in_download: bool
    """The log's path has `/attempt/{n}` (routers/web/web.go, 13.0.4)."""
    attempt_counts_asked: bool
    """The attempt is raised when a rerun is asked for, not when a runner takes it (models/actions/run_job.go, 15)."""
    csrf_token: bool
    """Forms and the state's POST need the token of `_csrf`; from 14 `Origin` is compared (services/context/csrf.go)."""
    session_cookie: str
    remember_cookie: str
    rename_status: int
    """Answer to a renamed repository's old name (services/context/repo.go)."""
    api_runs: bool
    runs_newest_first: bool
    """`GET …/actions/runs` is ordered by id, descending; before, no order is asked for (models/actions/run_list.go)."""
    pending_without_labels: bool
    """`runners/jobs` without `labels` lists every waiting and running job (recorded on 14)."""
    job_fields: tuple[str, ...]
    """Fields of an ActionRunJob that came after 11 (recorded)."""
    native_logs: bool
    """The API has jobs, logs, artifacts, cancelling and deletion of runs; the web has `…/delete`."""
    artifact_by_ids: bool
    """The download of an artifact takes the run's id and a name or an id, and its file's name ends in `.zip`; before,
    the run's number and a name (recorded, and routers/web/repo/actions/view.go of 13)."""
    replaces_rows: bool
    """A job whose matrix needs an output is a placeholder that new rows replace (services/actions/job_emitter.go)."""
    expands_reusable: bool
    """A job with `uses` becomes an outer row and rows for the inner jobs (models/actions/task.go, 15)."""
    done_needs_all_jobs: bool
    """`done` and (from 14) `canCancel` look at every job, not at the run's status alone (recorded)."""
    cancel_while_any: bool
    details: bool
    """`details`, an array, and `status_diagnostics` in place of `detail` (recorded on 14)."""
    description: bool
    """`description` and `localeAllRuns` in place of `localeCommit` and `localePushedBy` (recorded on 15)."""
    all_attempts_always: bool
    """`allAttempts` is filled while no runner has the job (recorded on 16)."""
    pre_execution_error: bool
    cache_control: str
    """Of every answer but a download (recorded)."""
    title_anchor: str
    """A run's title in the run list (templates/repo/actions/runs_list.tmpl)."""
    menu_content: bool
    """A workflow's name in the menu beside the run list has an element of its own (list_inner.tmpl, from 14 on)."""
    disabled_unit_is_404: bool
    """API: 404 where Actions is switched off for the repository; before, 403 (routers/api/v1/api.go)."""
    rerun: str
    """What a rerun does about jobs that aren't over: `skips` them; `stops` there with 400, what came before is done;
    `cancels` those that depend on the job, and refuses before it begins (routers/web/repo/actions/view.go)."""
    cancel_unknown: int
    """Status of the web's cancelling an unknown run (seen on 15.0.2 and 16)."""
    bare_405: bool
    """A web 405 has no header but `Allow` (seen on 16)."""
    bad_token: str
    bad_user: str
    bad_password: str
    bad_otp: str
    """Messages of a 401 (recorded); 16 repeats the credential."""
    wiki_fields: bool
    """A repository has `has_wiki_contents`, `wiki_clone_url`, `wiki_ssh_url` (recorded on 15)."""


_11 = Face(
    version="11.0.15+gitea-1.22.0",
    major=11,
    attempt_in_view=False,
    attempt_in_download=False,
    attempt_counts_asked=False,
    csrf_token=True,
    session_cookie="i_like_gitea",
    remember_cookie="gitea_incredible",
    rename_status=307,
    api_runs=False,
    runs_newest_first=False,
    pending_without_labels=False,
    job_fields=(),
    native_logs=False,
    artifact_by_ids=False,
    replaces_rows=False,
    expands_reusable=False,
    done_needs_all_jobs=False,
    cancel_while_any=False,
    details=False,
    description=False,
    all_attempts_always=False,
    pre_execution_error=False,
    cache_control="max-age=0, private, must-revalidate, no-transform",
    title_anchor='<a class="flex-item-title" title="{title}" href="{href}">{title}</a>',
    menu_content=False,
    disabled_unit_is_404=False,
    rerun="skips",
    cancel_unknown=404,
    bare_405=False,
    bad_token="user does not exist [uid: 0, name: ]",
    bad_user="user does not exist [uid: 0, name: {name}]",
    bad_password="user's password is invalid [uid: {uid}, name: {name}]",
    bad_otp="invalid provided OTP",
    wiki_fields=False,
)
_12 = replace(_11, version="12.0.4+gitea-1.22.0", major=12, rename_status=301, api_runs=True, disabled_unit_is_404=True)
_13_0_3 = replace(
    _12,
    version="13.0.3+gitea-1.22.0",
    major=13,
    attempt_in_view=True,
    done_needs_all_jobs=True,
    pre_execution_error=True,
    artifact_by_ids=True,
)
_13 = replace(_13_0_3, version="13.0.5+gitea-1.22.0", attempt_in_download=True)
_14 = replace(
    _13,
    version="14.0.5+gitea-1.22.0",
    major=14,
    menu_content=True,
    csrf_token=False,
    pending_without_labels=True,
    replaces_rows=True,
    cancel_while_any=True,
    details=True,
)
_15 = replace(
    _14,
    version="15.0.2+gitea-1.22.0",
    major=15,
    attempt_counts_asked=True,
    session_cookie="session",
    remember_cookie="persistent",
    runs_newest_first=True,
    job_fields=("attempt", "handle"),
    expands_reusable=True,
    description=True,
    rerun="stops",
    bad_token="access token does not exist [sha: {secret}]",
    wiki_fields=True,
)
_MALFORMED = "token is malformed: token contains an invalid number of segments"
_NOT_A_TOKEN = 'access token does not exist [sha: {secret}]\n%stask with token "{secret}": resource does not exist'
_16 = replace(
    _15,
    version="16.0.0+gitea-1.22.0",
    major=16,
    job_fields=("attempt", "handle", "run_id"),
    native_logs=True,
    all_attempts_always=True,
    cache_control="max-age=0, private, must-revalidate",
    title_anchor='<div class="flex-item-title"><a title="{title}" href="{href}">{title}</a></div>',
    bad_token=f"{_MALFORMED}\n{_NOT_A_TOKEN % (_MALFORMED + chr(10))}"
    f"\nauthorized integration: parse JWT error: {_MALFORMED}",
    rerun="cancels",
    cancel_unknown=500,
    bare_405=True,
    bad_user=f"{_MALFORMED}\nuser does not exist [uid: 0, name: {{name}}]\n{_NOT_A_TOKEN % ''}",
    bad_password=f"{_MALFORMED}\nuser's password is invalid [uid: {{uid}}, name: {{name}}]\n{_NOT_A_TOKEN % ''}",
    bad_otp=f"{_MALFORMED}\ninvalid provided OTP\n{_NOT_A_TOKEN % ''}",
)

FACES: dict[str, Face] = {"11": _11, "12": _12, "13.0.3": _13_0_3, "13": _13, "14": _14, "15": _15, "16": _16}


@cache
def _operations() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(Path(__file__).with_name("operations.json").read_text())
    return rows


def swagger(face: Face, base_path: str) -> dict[str, Any]:
    """The Swagger 2.0 document of a face: the Actions operations of a repository and the version."""
    paths: dict[str, dict[str, Any]] = {
        "/version": {"get": {"operationId": "getVersion", "produces": ["application/json"], "responses": {}}}
    }
    for row in _operations():
        if not row["since"] <= face.major <= row.get("until", face.major):
            continue
        names = ("name", "in", "type", "required")
        parameters = [
            {key: value for key, value in zip(names, parameter, strict=True) if value not in (None, False)}
            for parameter in row["parameters"]
        ]
        operation = {
            "operationId": row["operationId"],
            "tags": ["repository"],
            "parameters": parameters,
            "responses": {code: {"description": ""} for code in row["responses"]},
        }
        if "produces" in row:
            operation["produces"] = row["produces"]
        paths.setdefault(row["path"], {})[row["method"]] = operation
    return {
        "swagger": "2.0",
        "info": {"title": "Forgejo API", "version": face.version},
        "basePath": base_path,
        "paths": paths,
    }
