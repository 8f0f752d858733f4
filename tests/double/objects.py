"""The API's JSON objects (services/convert/, recorded on 11 to 16)."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

from .accounts import Access
from .entities import ADMIN, READ, WRITE, Job, Repo, Run, Task, User
from .faces import Face
from .view import duration

ZERO_TIME = "0001-01-01T00:00:00Z"


def moment(seconds: int) -> str:
    """An unset time is the Unix epoch, not null."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def shown_event(event: str) -> str:
    """The word that the API shows for the one in the database (`Event()` in modules/webhook/type.go)."""
    if event in ("workflow_dispatch", "schedule"):
        return ""
    if event.startswith("pull_request_review_") and event != "pull_request_review_request":
        return event.replace("_review_", "_")
    if event in ("issue_comment", "pull_request_comment"):
        return "issue_comment"
    if event.startswith("issue"):
        return "issues"
    return "pull_request" if event.startswith("pull_request") else event


@cache
def _avatar(name: str) -> str:
    return hashlib.md5(name.encode()).hexdigest()


class Objects:
    """Makes JSON objects with absolute addresses below `root_url`."""

    def __init__(self, face: Face, root_url: str) -> None:
        self.face = face
        self.root_url = root_url

    def user(self, user: User, *, privately: bool = True) -> dict[str, Any]:
        """`privately`: as shown to the user and to admins."""
        return {
            "id": user.id,
            "login": user.name,
            "login_name": "",
            "source_id": 0,
            "full_name": "",
            "email": user.email,
            "avatar_url": f"{self.root_url}avatars/{_avatar(user.name)}",
            "html_url": f"{self.root_url}{user.name}",
            "language": user.language if privately else "",
            "is_admin": privately and user.admin,
            "last_login": moment(user.created) if privately else ZERO_TIME,
            "created": moment(user.created),
            "restricted": False,
            "active": privately and user.active,
            "prohibit_login": privately and user.prohibit_login,
            "location": "",
            "pronouns": "",
            "website": "",
            "description": "",
            "visibility": "public",
            "followers_count": 0,
            "following_count": 0,
            "starred_repos_count": 0,
            "username": user.name,
        }

    def org(self, org: User) -> dict[str, Any]:
        return {
            "id": org.id,
            "name": org.name,
            "username": org.name,
            "full_name": "",
            "email": "",
            "avatar_url": f"{self.root_url}avatars/{_avatar(org.name)}",
            "description": "",
            "website": "",
            "location": "",
            "visibility": "public",
            "repo_admin_change_team_access": True,
        }

    def repo(self, repo: Repo, access: Access) -> dict[str, Any]:
        html_url = f"{self.root_url}{repo.full_name}"
        on = {name: True for name in _SWITCHED_ON}
        off = {name: False for name in _SWITCHED_OFF}
        empty = {name: "" for name in _EMPTY_TEXTS}
        counts = {name: 0 for name in _COUNTS}
        answer = {
            "id": repo.id,
            "owner": self.user(repo.owner, privately=False),
            "name": repo.name,
            "full_name": repo.full_name,
            "empty": not repo.head,
            "private": repo.private,
            "parent": None,
            "size": 26,
            "languages_url": f"{self.root_url}api/v1/repos/{repo.full_name}/languages",
            "html_url": html_url,
            "url": f"{self.root_url}api/v1/repos/{repo.full_name}",
            "ssh_url": f"ssh://git@localhost/{repo.full_name}.git",
            "clone_url": f"{html_url}.git",
            "watchers_count": 1,
            "default_branch": repo.default_branch,
            "created_at": moment(repo.created),
            "updated_at": moment(repo.created),
            "archived_at": moment(0),
            "permissions": {
                name: access.mode >= mode for name, mode in (("admin", ADMIN), ("push", WRITE), ("pull", READ))
            },
            "internal_tracker": {name: True for name in _TRACKER},
            "wiki_branch": repo.default_branch,
            "has_actions": repo.has_actions,
            "default_merge_style": "merge",
            "default_update_style": "merge",
            "object_format_name": "sha1",
            "mirror_updated": ZERO_TIME,
            "repo_transfer": None,
            "topics": [],
        }
        if self.face.wiki_fields:
            off["has_wiki_contents"] = False
            answer |= {
                "wiki_clone_url": f"{html_url}.wiki.git",
                "wiki_ssh_url": f"ssh://git@localhost/{repo.full_name}.wiki.git",
            }
        return on | off | empty | counts | answer

    def run(self, run: Run, access: Access) -> dict[str, Any]:
        answer = {
            "id": run.id,
            "title": run.title,
            "repository": self.repo(run.repo, access),
            "workflow_id": run.workflow,
            "index_in_repo": run.number,
            "trigger_user": self.user(run.user),
            "ScheduleID": 0,
            "prettyref": run.pretty_ref,
            "is_ref_deleted": False,
            "commit_sha": run.sha,
            "is_fork_pull_request": False,
            "need_approval": False,
            "approved_by": 0,
            "event": shown_event(run.event),
            "event_payload": self._payload(run, access),
            "trigger_event": run.event,
            "status": run.status,
            "started": moment(run.started),
            "stopped": moment(run.stopped),
            "created": moment(run.created),
            "updated": moment(run.updated),
            "html_url": self.run_url(run),
        }
        if seconds := duration(run.started, run.stopped, run.status):
            answer["duration"] = seconds * 10**9
        return answer

    def run_url(self, run: Run) -> str:
        return f"{self.root_url}{run.repo.full_name}/actions/runs/{run.number}"

    def _payload(self, run: Run, access: Access) -> str:
        """The event's webhook body, shortened, as a text within the JSON."""
        person = {"name": run.user.name, "email": f"{run.user.name}@example.org", "username": run.user.name}
        commit = {
            "id": run.sha,
            "message": f"{run.title}\n",
            "author": person,
            "committer": person,
            "timestamp": moment(run.created),
            "url": f"{self.root_url}{run.repo.full_name}/commit/{run.sha}",
        }
        payload = {
            "ref": run.ref,
            "after": run.sha,
            "commits": [commit],
            "head_commit": commit,
            "repository": self.repo(run.repo, access),
            "pusher": self.user(run.user, privately=False),
            "sender": self.user(run.user, privately=False),
        }
        return json.dumps(payload, ensure_ascii=False)

    def task(self, task: Task, sub_path: str) -> dict[str, Any]:
        """With a sub-path in ROOT_URL, the address has it twice (services/convert/convert.go)."""
        run = task.job.run
        return {
            "id": task.id,
            "name": task.job.name,
            "head_branch": run.pretty_ref,
            "head_sha": run.sha,
            "run_number": run.number,
            "event": run.event,
            "display_title": run.title,
            "status": task.status,
            "workflow_id": run.workflow,
            "url": f"{self.root_url.rstrip('/')}{sub_path}/{run.repo.full_name}/actions/runs/{run.number}",
            "created_at": moment(task.created),
            "updated_at": moment(task.updated),
            "run_started_at": moment(task.started),
        }

    def job(self, job: Job) -> dict[str, Any]:
        answer = {
            "id": job.id,
            "repo_id": job.run.repo.id,
            "owner_id": job.run.repo.owner.id,
            "name": job.name,
            "needs": list(job.spec.needs) or None,
            "runs_on": list(job.spec.runs_on) or None,
            "task_id": job.task.id if job.task else 0,
            "status": job.status,
        }
        newer = {"attempt": job.attempt, "handle": job.handle, "run_id": job.run.id}
        return answer | {name: newer[name] for name in self.face.job_fields}


_SWITCHED_ON = (
    "has_issues has_wiki has_pull_requests has_projects has_releases has_packages allow_merge_commits allow_rebase"
    " allow_rebase_explicit allow_squash_merge allow_fast_forward_only_merge allow_rebase_update"
).split()
_SWITCHED_OFF = (
    "fork template mirror archived globally_editable_wiki ignore_whitespace_conflicts internal"
    " default_delete_branch_after_merge default_allow_maintainer_edit"
).split()
_EMPTY_TEXTS = "description language link original_url website avatar_url mirror_interval".split()
_COUNTS = "stars_count forks_count open_issues_count open_pr_counter release_counter".split()
_TRACKER = "enable_time_tracker allow_only_contributors_to_track_time enable_issue_dependencies".split()
