"""A hand: somebody with an admin's name and password who acts on a Forgejo, real or double, by public HTTP only.

Rules
-----
* Nothing but the JSON API, the web pages and their forms: what a person could do with a browser and curl.
* The API is asked with a token of the admin's, the web with a session of its own; a token never goes to a web page.
* An answer other than the hoped-for one is `Refused`; nothing is tried twice, nothing is guessed.
* Waiting is polling for something that can be seen (`wait`), never a bare sleep.

Versions 11 to 16 differ in three things here: up to 12 the state has no attempt in its path, up to 13 a form needs the
CSRF token of the cookie `_csrf`, and from 16 a run can be deleted.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

T = TypeVar("T")

WORKFLOWS = ".forgejo/workflows/"
READ = ("read:repository", "read:user")
WRITE = ("write:repository", "write:user")
NO_REPOSITORY = ("read:user",)


def _yaml(workflow: Mapping[str, Any]) -> str:
    """A workflow as JSON, which is YAML once the characters are escaped that YAML folds or refuses."""
    text = json.dumps(workflow, ensure_ascii=False)
    return re.sub("[\x7f-\x9f\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


class Refused(Exception):
    """The server said something else than what the hand asked for."""

    def __init__(self, response: requests.Response) -> None:
        request = response.request
        self.response = response
        super().__init__(f"{request.method} {request.path_url}: {response.status_code} {response.text[:300]}")


class Account:
    """A user with whom one can sign in; `totp_secret` is base32, None without two-factor authentication."""

    def __init__(self, name: str, password: str, totp_secret: str | None = None) -> None:
        self.name = name
        self.password = password
        self.totp_secret = totp_secret

    def __repr__(self) -> str:
        return f"Account({self.name!r})"


@dataclass(frozen=True)
class RunRef:
    """A run: database id (None where nothing tells it) and the number in its repository."""

    id: int | None
    number: int


@dataclass(frozen=True)
class JobState:
    """A job as the web lists it now; its position in the list is its job index."""

    id: int
    name: str
    status: str


@dataclass(frozen=True)
class WebRun:
    """What the web's view says about a run; `raw` is the whole answer."""

    status: str
    done: bool
    jobs: tuple[JobState, ...]
    raw: Mapping[str, Any]

    def index_of(self, job_id: int) -> int | None:
        """The 0-based position of a job, None if the run doesn't list it (rows are replaced from 14 on)."""
        return next((index for index, job in enumerate(self.jobs) if job.id == job_id), None)


def totp(secret: str, at: float | None = None) -> str:
    """The six digits of RFC 6238 (SHA-1, 30 s) for a base32 secret at a Unix time."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    counter = struct.pack(">Q", int(time.time() if at is None else at) // 30)
    digest = hmac.new(key, counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[offset : offset + 4])[0] & 0x7FFFFFFF) % 1_000_000:06d}"


def wait(look: Callable[[], T | None], what: str, seconds: float = 15.0) -> T:
    """Look until there is something true to see; raise TimeoutError naming `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.02)
    return seen


def plain_session(trusted: Path | None = None) -> requests.Session:
    """A session that takes nothing from the environment: no proxy, no .netrc. It trusts a certificate that is given."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(trusted) if trusted else True
    return session


class Web:
    """A browser's session: keeps cookies, sends the CSRF token that one of them gave (up to 13), follows nothing."""

    def __init__(self, base_url: str, trusted: Path | None = None) -> None:
        self.base_url = base_url
        self.session = plain_session(trusted)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> requests.Response:
        return self.session.get(self.base_url + path, headers=headers, allow_redirects=False, timeout=60)

    def post(self, path: str, *, json: Any = None, form: Mapping[str, str] | None = None) -> requests.Response:
        return self.session.post(
            self.base_url + path, json=json, data=form, headers=self.csrf(), allow_redirects=False, timeout=60
        )

    def csrf(self) -> dict[str, str]:
        """The header that a form needs up to 13; empty from 14 on."""
        token = next((cookie.value for cookie in self.session.cookies if cookie.name == "_csrf"), None)
        return {"X-Csrf-Token": token} if token else {}

    def sign_in(self, account: Account) -> requests.Response:
        """Sign in, with the second factor where the account has one; the last answer, whatever it was."""
        answer = self.post("/user/login", form={"user_name": account.name, "password": account.password})
        if account.totp_secret and answer.status_code == 303 and "two_factor" in answer.headers["Location"]:
            self.get("/user/two_factor")
            answer = self.post("/user/two_factor", form={"passcode": totp(account.totp_secret)})
        if self.csrf():  # the token is bound to the user: what the sign-in page gave is void now
            self.get("/user/settings")
        return answer


class Hand:
    """Acts on the Forgejo at `base_url` as the admin; cheap to make, not safe for several threads at once."""

    def __init__(self, base_url: str, admin: str, password: str, *, trusted: Path | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self.admin = Account(admin, password)
        self._trusted = trusted
        self._http = plain_session(trusted)
        self._token: str | None = None
        self._web: Web | None = None
        self.version: str = self.api("GET", "/version")["version"]
        self.major, self.minor, self.patch = self._numbers()

    def _numbers(self) -> tuple[int, int, int]:
        found = re.match(r"(\d+)\.(\d+)\.(\d+)", self.version)
        if not found:
            raise ValueError(f"{self.base_url} says that its version is {self.version!r}")
        return int(found[1]), int(found[2]), int(found[3])

    # --- the two ways to ask

    def ask(self, method: str, path: str, body: Any = None, *, user: Account | None = None) -> requests.Response:
        """Ask the API and hand back any answer: with the admin's token, or with the password of `user`."""
        auth = (user.name, user.password) if user else None
        headers = {} if user else {"Authorization": f"token {self.token}"}
        url = f"{self.base_url}/api/v1{path}"
        return self._http.request(method, url, json=body, headers=headers, auth=auth, allow_redirects=False, timeout=60)

    def api(self, method: str, path: str, body: Any = None, *, user: Account | None = None) -> Any:
        """Ask the API, want a 2xx, give the JSON of the answer (None where it is empty)."""
        answer = self.ask(method, path, body, user=user)
        if not answer.ok or answer.is_redirect:
            raise Refused(answer)
        return answer.json() if answer.content else None

    @property
    def token(self) -> str:
        if self._token is None:
            self._token = self.new_token(self.admin, ["all"])
        return self._token

    @property
    def web(self) -> Web:
        """The admin's web session."""
        if self._web is None:
            self._web = self.sign_in(self.admin)
        return self._web

    def sign_in(self, account: Account) -> Web:
        """A fresh web session of an account."""
        web = Web(self.base_url, self._trusted)
        answer = web.sign_in(account)
        if answer.status_code != 303:
            raise Refused(answer)
        return web

    def forget_session(self) -> None:
        """Sign in anew at the next use, as after a restart of the server."""
        self._web = None

    def _post(self, path: str, *, json: Any = None, form: Mapping[str, str] | None = None) -> requests.Response:
        answer = self.web.post(path, json=json, form=form)
        if answer.status_code not in (200, 303):
            raise Refused(answer)
        return answer

    # --- accounts

    def user(self, name: str, *, must_change: bool = False) -> Account:
        """A new user with a random password, one to be changed at the first sign-in where that is said."""
        account = Account(name, secrets.token_urlsafe(12))
        mail = f"{name}@example.invalid"
        body = {"username": name, "email": mail, "password": account.password, "must_change_password": must_change}
        self.api("POST", "/admin/users", body)
        return account

    def change(self, account: Account, **fields: Any) -> None:
        """Change an account: `active=False`, `prohibit_login=True`, …"""
        self.api("PATCH", f"/admin/users/{account.name}", {"login_name": account.name, "source_id": 0, **fields})

    def new_token(self, account: Account, scopes: Iterable[str]) -> str:
        """A new access token of an account."""
        body = {"name": f"t-{secrets.token_hex(6)}", "scopes": list(scopes)}
        return str(self.api("POST", f"/users/{account.name}/tokens", body, user=account)["sha1"])

    def revoke_tokens(self, account: Account) -> None:
        """Delete every access token of an account."""
        for token in self.api("GET", f"/users/{account.name}/tokens", user=account):
            self.api("DELETE", f"/users/{account.name}/tokens/{token['id']}", user=account)

    def change_password(self, account: Account) -> None:
        """Give an account another random password; whoever knew the old one doesn't know this one."""
        password = secrets.token_urlsafe(12)
        self.change(account, password=password, must_change_password=False)
        account.password = password

    def enrol(self, account: Account) -> str:
        """Turn on two-factor authentication by one-time codes; the secret, kept in the account too.

        The code that confirms the enrolment can't be used again for a sign-in within its 30 s.
        """
        web = self.sign_in(account)
        page = web.get("/user/settings/security/two_factor/enroll").text
        found = re.search(r'<img[^>]*\salt="([A-Z2-7]{16,})"', page)
        if not found:
            raise ValueError("the enrolment page shows no secret")
        answer = web.post("/user/settings/security/two_factor/enroll", form={"passcode": totp(found[1])})
        if answer.status_code != 303 or answer.headers["Location"].endswith("/enroll"):
            raise Refused(answer)
        account.totp_secret = found[1]
        return found[1]

    def sign_out(self, web: Web) -> None:
        """End a web session on the server's side."""
        web.post("/user/logout")

    # --- repositories

    def repo(self, owner: str, name: str, *, private: bool = True) -> str:
        """A new repository of a user, with a first commit on `main`; its full name."""
        body = {"name": name, "private": private, "auto_init": False, "default_branch": "main"}
        self.api("POST", f"/admin/users/{owner}/repos", body)
        return f"{owner}/{name}"

    def org(self, name: str) -> str:
        """A new organisation that the admin owns."""
        self.api("POST", "/orgs", {"username": name})
        return name

    def org_repo(self, org: str, name: str) -> str:
        """A new private repository of an organisation, with a first commit on `main`."""
        body = {"name": name, "private": True, "auto_init": False, "default_branch": "main"}
        self.api("POST", f"/orgs/{org}/repos", body)
        return f"{org}/{name}"

    def member_without_actions(self, org: str, account: Account) -> None:
        """Let an account read the code of an organisation's repositories, but not their Actions."""
        body = {"name": "coders", "permission": "read", "units": ["repo.code"], "includes_all_repositories": True}
        team = self.api("POST", f"/orgs/{org}/teams", body)
        self.api("PUT", f"/teams/{team['id']}/members/{account.name}")

    def collaborator(self, repo: str, account: Account, permission: str = "read") -> None:
        self.api("PUT", f"/repos/{repo}/collaborators/{account.name}", {"permission": permission})

    def rename(self, repo: str, name: str) -> str:
        """Rename a repository; its new full name."""
        self.api("PATCH", f"/repos/{repo}", {"name": name})
        return f"{repo.split('/')[0]}/{name}"

    def switch_actions(self, repo: str, on: bool) -> None:
        self.api("PATCH", f"/repos/{repo}", {"has_actions": on})

    def push(self, repo: str, workflows: Mapping[str, Mapping[str, Any]], message: str = "workflows") -> None:
        """Commit workflow files to `main` in one commit."""
        files = [
            {
                "operation": "create",
                "path": WORKFLOWS + name,
                "content": base64.b64encode(_yaml(workflow).encode()).decode(),
            }
            for name, workflow in workflows.items()
        ]
        self.api("POST", f"/repos/{repo}/contents", {"files": files, "message": message, "branch": "main"})

    # --- runs

    def dispatch(self, repo: str, workflow: str) -> RunRef:
        """Start a run of a workflow file that has `workflow_dispatch`; it exists when this returns."""
        body = {"ref": "main", "return_run_info": True}
        run = self.api("POST", f"/repos/{repo}/actions/workflows/{workflow}/dispatches", body)
        return RunRef(run["id"], run["run_number"])

    def wait_for_run(self, repo: str, number: int) -> RunRef:
        """Wait until a run that a push starts is there."""
        wait(lambda: self._view(repo, number, 0).status_code == 200, f"run {number} of {repo}")
        return RunRef(self.run_id(repo, number), number)

    def run_id(self, repo: str, number: int) -> int | None:
        """The database id of a run; None up to 11, where neither the API nor a page tells it."""
        if self.major >= 12:
            runs = self.api("GET", f"/repos/{repo}/actions/runs?run_number={number}")["workflow_runs"]
            return next(int(run["id"]) for run in runs if run["index_in_repo"] == number)
        return None

    def _view(self, repo: str, number: int, index: int) -> requests.Response:
        page = f"/{repo}/actions/runs/{number}/jobs/{index}"
        ask: dict[str, Any] = {"logCursors": []}
        if self.major < 13:
            return self.web.post(page, json=ask)
        answer = self.web.post(f"{page}/attempt/1", json=ask)
        if answer.status_code == 500:  # a job that was first taken in a later attempt: its page leads there
            answer = self.web.post(f"{page}/attempt/{self.web.get(page).headers['Location'].split('/')[-1]}", json=ask)
        return answer

    def state(self, repo: str, number: int, index: int = 0) -> WebRun:
        """What the web says of a run now, asked at one of its jobs."""
        answer = self._view(repo, number, index)
        if answer.status_code != 200:
            raise Refused(answer)
        raw = answer.json()
        run = raw["state"]["run"]
        jobs = tuple(JobState(job["id"], job["name"], job["status"]) for job in run["jobs"])
        return WebRun(run["status"], run["done"], jobs, raw)

    def rerun_run(self, repo: str, number: int) -> None:
        self._post(f"/{repo}/actions/runs/{number}/rerun")

    def rerun_job(self, repo: str, number: int, index: int) -> None:
        self._post(f"/{repo}/actions/runs/{number}/jobs/{index}/rerun")

    def cancel(self, repo: str, number: int) -> None:
        self._post(f"/{repo}/actions/runs/{number}/cancel")

    def delete_run(self, repo: str, run_id: int) -> None:
        """Delete a run by its database id (16 and later)."""
        self.api("DELETE", f"/repos/{repo}/actions/runs/{run_id}")

    def expire_logs(self) -> None:
        """Have the server remove logs of tasks that stopped longer ago than it keeps them."""
        self.clean_up()

    def clean_up(self) -> None:
        """Have the server remove what is kept too long: old logs, expired and deleted artifacts."""
        self.api("POST", "/admin/cron/cleanup_actions")

    def download(self, repo: str, number: int, index: int, attempt: int = 1) -> requests.Response:
        """The web's own download of a log, to look at the server beside every library."""
        named = f"/attempt/{attempt}" if (self.major, self.minor, self.patch) >= (13, 0, 4) else ""
        return self.web.get(f"/{repo}/actions/runs/{number}/jobs/{index}{named}/logs")

    def registration_token(self, repo: str | None = None) -> str:
        """A token with which runners register for the whole instance, or for one repository."""
        path = f"/repos/{repo}/actions/runners" if repo else "/admin/runners"
        return str(self.api("GET", f"{path}/registration-token")["token"])
