"""The web face: sign-in, pages, the state, downloads, rerun, cancel, delete (routers/web/web.go).

Rules
-----
* Only the session cookie says who it is; tokens and Basic are ignored. Without permission everything is 404.
* A run that is 0 or no number is the repository's first; a job index that is out of range is job 0.
* Redirects to runs and jobs are absolute, from ROOT_URL; those to sign-in and to a renamed repository are paths.
"""

from __future__ import annotations

import secrets
from base64 import b32encode
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from . import pages, ranges, view, workflows
from .accounts import Access, totp
from .entities import ADMIN, READ, STATUSES, WRITE, Job, Repo, Run, Task
from .faces import swagger
from .messages import PLAIN, Match, Request, Response, Route, Routes, html, json_answer, plain, redirect, whole
from .model import NotOver
from .sessions import Answered, Session, Sessions, Visit
from .web_artifacts import WebArtifacts

if TYPE_CHECKING:
    from . import Double

RUN = "/{owner}/{repo}/actions/runs/{run}"
JOB = RUN + "/jobs/{job}"
ATTEMPT = JOB + "/attempt/{attempt}"
_SIGN_IN_ROUTES = ("sign_in_page", "sign_in", "second_factor_page", "second_factor")
_NEEDS_USER = ("settings", "enrolment_page", "enrol", "password_page", "change_password")


class Web:
    """Answers everything that isn't the API."""

    def __init__(self, double: Double) -> None:
        self.double, self.model, self.face = double, double.model, double.face
        self.sub_path = double.sub_path
        self.sessions = Sessions(self.model, double.session_cookie, self.sub_path)
        self.routes = Routes(self._table())

    def _table(self) -> list[Route]:
        face = self.face
        table: list[Route] = [
            ("GET", "/", self.home),
            ("GET", "/user/login", self.sign_in_page),
            ("POST", "/user/login", self.sign_in),
            ("GET", "/user/two_factor", self.second_factor_page),
            ("POST", "/user/two_factor", self.second_factor),
            ("POST", "/user/logout", self.sign_out),
            ("GET", "/user/logout", self.not_found),
            ("GET", "/user/settings", self.settings),
            ("GET", "/user/settings/security", self.settings),
            ("GET", "/user/settings/security/two_factor/enroll", self.enrolment_page),
            ("POST", "/user/settings/security/two_factor/enroll", self.enrol),
            ("GET", "/user/settings/change_password", self.password_page),
            ("POST", "/user/settings/change_password", self.change_password),
            ("GET", "/{owner}", self.profile),
            ("GET", "/{owner}/{repo}", self.overview),
            ("GET", "/{owner}/{repo}/actions", self.run_list),
            ("GET", "/{owner}/{repo}/actions/runs/latest", self.latest),
            ("GET", "/{owner}/{repo}/actions/workflows/{file}/runs/latest", self.latest_of_workflow),
            ("GET", RUN, self.run_page),
            ("POST", RUN, self.state),
            ("GET", JOB, self.run_page),
            ("POST", JOB, self.state),
            *WebArtifacts(self).routes(),
            ("POST", RUN + "/rerun", self.rerun),
            ("POST", JOB + "/rerun", self.rerun),
            ("POST", RUN + "/cancel", self.cancel),
            ("POST", "/{owner}/{repo}/actions/enable", self.enable),
            ("POST", "/{owner}/{repo}/actions/disable", self.disable),
            ("GET", (ATTEMPT if face.attempt_in_download else JOB) + "/logs", self.download),
        ]
        if face.attempt_in_view:
            table += [("GET", ATTEMPT, self.attempt_page), ("POST", ATTEMPT, self.state)]
        if face.native_logs:
            table.append(("POST", RUN + "/delete", self.delete))
        if self.double.swagger:
            table += [("GET", "/swagger.v1.json", self.swagger), ("GET", "/api/swagger", self.swagger_page)]
        return table

    # --- one request

    def answer(self, request: Request) -> Response:
        visit = Visit(self.sessions, request)
        try:
            response = self._route(visit, request)
        except Answered as early:
            response = early.response
        kept = {"Cache-Control": self.face.cache_control, "X-Frame-Options": "SAMEORIGIN"}
        for name, value in kept.items() if not (response.status == 405 and self.face.bare_405) else ():
            if response.header(name) is None and not (response.status == 416 and name == "Cache-Control"):
                response.set(name, value)
        return visit.finish(response)

    def _route(self, visit: Visit, request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        match = self.routes.find(method, request.path) or Match(self.not_found, {})
        if match.handler is None:
            return Response(405, [("Allow", match.allow)])
        name = match.handler.__name__
        if name not in ("swagger", "not_found") and (stopped := self._verify(visit, name, "owner" in match.arguments)):
            return stopped
        return match.handler(visit, **match.arguments)

    def _verify(self, visit: Visit, name: str, in_repo: bool) -> Response | None:
        """The checks before every page, in Forgejo's order (routers/web/web.go, verifyAuthWithOptions)."""
        user, request, signing_in = visit.user, visit.request, name in _SIGN_IN_ROUTES
        if user and (user.prohibit_login or not user.active):
            return html(200, pages.suspended())
        if user and user.must_change_password and "password" not in name:
            visit.remember_where()
            return redirect(request, 303, f"{self.sub_path}/user/settings/change_password")
        if signing_in and user:
            return redirect(request, 303, f"{self.sub_path}/")
        if request.method in ("POST", "DELETE") and not signing_in and (refused := self._foreign(visit)):
            return refused
        wanted = name in _NEEDS_USER or (self.double.require_signin_view and not signing_in)
        return self._to_sign_in(visit) if wanted and not user else None

    def _foreign(self, visit: Visit) -> Response | None:
        """A write that another site could have made."""
        if self.face.csrf_token:
            return None if visit.csrf_fits() else plain(400, "Invalid CSRF token.")
        headers, text = visit.request.headers, "cross-origin request detected"
        site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
        if site in ("same-origin", "none") or (not site and not origin):
            return None
        if site:
            return plain(403, f"{text} from Sec-Fetch-Site header")
        if origin and urlsplit(origin).netloc == headers.get("Host"):
            return None
        why = "Sec-Fetch-Site is missing, and Origin does not match Host"
        return plain(403, f"{text}, and/or browser is out of date: {why}")

    def _to_sign_in(self, visit: Visit) -> Response:
        visit.remember_where()
        return redirect(visit.request, 303, f"{self.sub_path}/user/login")

    def not_found(self, visit: Visit) -> Response:
        if any("text/html" in value for value in visit.request.headers.get_all("Accept", [])):
            return html(404, pages.page("Page not found"))
        headers = [("Content-Type", PLAIN.replace(" ", "")), ("X-Content-Type-Options", "nosniff")]
        return Response(404, headers, b"Not found.\n")

    # --- accounts

    def home(self, visit: Visit) -> Response:
        return html(200, pages.page("Forgejo"))

    def sign_in_page(self, visit: Visit) -> Response:
        visit.set(self.face.remember_cookie, "", -1)
        return html(200, pages.sign_in(self.sub_path, self.double.internal_signin))

    def sign_in(self, visit: Visit) -> Response:
        if not self.double.internal_signin:
            return plain(403, "Forbidden")
        form = visit.request.form
        user = self.model.user_by_login(form.get("user_name", ""))
        if not user or user.is_org or user.password != form.get("password"):
            return html(200, pages.sign_in(self.sub_path, True, "Username or password is incorrect."))
        if user.prohibit_login:
            return html(200, pages.suspended())
        if user.totp_secret:
            visit.begin(Session(second_factor=user))
            return redirect(visit.request, 303, f"{self.sub_path}/user/two_factor")
        return redirect(visit.request, 303, visit.sign_in(user))

    def second_factor_page(self, visit: Visit) -> Response:
        if not visit.session.second_factor:
            return html(500, pages.page("Internal server error"))
        return html(200, pages.second_factor(self.sub_path))

    def second_factor(self, visit: Visit) -> Response:
        user = visit.session.second_factor
        if not user:
            return html(500, pages.page("Internal server error"))
        if not self.model.use_totp(user, visit.request.form.get("passcode", "")):
            return html(200, pages.second_factor(self.sub_path, "Your passcode is incorrect."))
        return redirect(visit.request, 303, visit.sign_in(user))

    def sign_out(self, visit: Visit) -> Response:
        self.sessions.open.pop(visit.session_id, None)
        for name in (self.sessions.cookie, self.face.remember_cookie, "redirect_to"):
            visit.set(name, "", -1)
        return json_answer(200, {"redirect": f"{self.sub_path}/"})

    def settings(self, visit: Visit) -> Response:
        return html(200, pages.settings())

    def enrolment_page(self, visit: Visit) -> Response:
        session = visit.session
        if session.user and session.user.totp_secret:
            return redirect(visit.request, 303, f"{self.sub_path}/user/settings/security")
        session.totp_secret = session.totp_secret or b32encode(secrets.token_bytes(40)).decode().rstrip("=")
        return html(200, pages.enrolment(session.totp_secret))

    def enrol(self, visit: Visit) -> Response:
        session, code = visit.session, visit.request.form.get("passcode", "")
        now = self.model.now()
        if session.user and session.totp_secret and code in {totp(session.totp_secret, now + n) for n in (-30, 0, 30)}:
            session.user.totp_secret, session.totp_secret = session.totp_secret, ""
            return redirect(visit.request, 303, f"{self.sub_path}/user/settings/security")
        return redirect(visit.request, 303, f"{self.sub_path}/user/settings/security/two_factor/enroll")

    def password_page(self, visit: Visit) -> Response:
        return html(
            200,
            pages.page("Update password", '<form method="post"><input name="password"><input name="retype"></form>'),
        )

    def change_password(self, visit: Visit) -> Response:
        form = visit.request.form
        if visit.user and form.get("password") and form.get("password") == form.get("retype"):
            visit.user.password, visit.user.must_change_password = form["password"], False
            return redirect(visit.request, 303, f"{self.sub_path}/")
        return self.password_page(visit)

    # --- what isn't about Actions

    def swagger(self, visit: Visit) -> Response:
        answer = json_answer(200, swagger(self.face, f"{self.sub_path}/api/v1"))
        answer.set("Content-Type", "application/json")
        return answer

    def swagger_page(self, visit: Visit) -> Response:
        return html(200, pages.page("Forgejo API"))

    def profile(self, visit: Visit, owner: str) -> Response:
        return html(200, pages.page(owner)) if self.model.user(owner) else self.not_found(visit)

    def overview(self, visit: Visit, owner: str, repo: str) -> Response:
        found, _ = self._find(visit, owner, repo)
        return html(200, pages.page(found.full_name))

    # --- repositories

    def _find(self, visit: Visit, owner: str, name: str) -> tuple[Repo, Access]:
        """The repository of a path, in any case, with `.git` or without; else the answer that says why not."""
        plain_name = name.removesuffix(".git")
        repo = self.model.repo(owner, plain_name)
        if not repo:
            moved = self.model.moved(owner, plain_name)
            if not moved:
                raise Answered(self._no_repo(visit, owner))
            old, new = f"{quote(owner)}/{quote(name)}", quote(moved.full_name)
            path = self.sub_path + visit.request.request_uri.replace(old, new, 1)
            raise Answered(redirect(visit.request, self.face.rename_status, path))
        access = self.model.access(visit.user, repo)
        if not access.mode:
            raise Answered(self.not_found(visit))
        return repo, access

    def _no_repo(self, visit: Visit, owner: str) -> Response:
        renamed = self.model.old_users.get(owner.lower())
        if not renamed:
            return self.not_found(visit)
        path = visit.request.request_uri.replace(f"/{quote(owner)}", f"/{quote(renamed.name)}", 1)
        return redirect(visit.request, 307, self.sub_path + path)

    def actions(self, visit: Visit, owner: str, name: str, need: int = READ) -> tuple[Repo, Access]:
        repo, access = self._find(visit, owner, name)
        if not repo.has_actions or access.actions < need:
            raise Answered(self.not_found(visit))
        return repo, access

    def run(self, repo: Repo, text: str) -> Run:
        number = whole(text)
        run = repo.runs.get(number) if number else next(iter(repo.runs.values()), None)
        if not run:
            raise Answered(plain(404, f"run with index {repo.id} {number}: resource does not exist"))
        return run

    def _job(self, repo: Repo, run: str, job: str) -> tuple[Run, Job]:
        found, index = self.run(repo, run), whole(job)
        if not found.jobs:
            raise Answered(plain(404, "Not Found"))
        return found, found.jobs[index if 0 <= index < len(found.jobs) else 0]

    def _task(self, job: Job, attempt: str, asked: bool) -> Task | None:
        """The task that an answer is about; None if no runner has the job now."""
        if job.task is None or not asked:
            return job.task
        number = whole(attempt)
        for task in job.tasks:
            if task.attempt == number:
                return task
        raise Answered(plain(500, f"task with job_id {job.id} and attempt {number}: resource does not exist"))

    def _job_url(self, job: Job) -> str:
        url = f"{self.double.root_url}{quote(job.run.repo.full_name)}/actions/runs/{job.run.number}"
        return f"{url}/jobs/{job.run.jobs.index(job)}/attempt/{job.attempt or 1}"

    # --- runs

    def run_list(self, visit: Visit, owner: str, repo: str) -> Response:
        found, _ = self.actions(visit, owner, repo)
        request = visit.request
        runs = list(found.runs.values())[::-1]
        tests: dict[str, Callable[[Run, str], bool]] = {
            "workflow": lambda run, value: run.workflow == value,
            "actor": lambda run, value: run.user.id == whole(value),
            "status": lambda run, value: STATUSES.index(run.status) == whole(value),
        }
        params = {name: request.one(name) for name in tests if request.one(name) not in ("", "0")}
        for name, value in params.items():
            runs = [run for run in runs if tests[name](run, value)]
        size = whole(request.one("limit"))
        size = min(size, 50) if size > 0 else 30
        current = max(whole(request.one("page")), 1)
        shown = runs[(current - 1) * size : current * size]
        link = f"{self.sub_path}/{found.full_name}/actions"
        switches = {file: file not in found.switched_off for file in workflows.files_of(found.files)}
        return html(200, pages.run_list(self.face, link, switches, shown, current, -(-len(runs) // size), params))

    def latest(self, visit: Visit, owner: str, repo: str) -> Response:
        found, _ = self.actions(visit, owner, repo)
        return self._to_run(visit, list(found.runs.values())[-1:])

    def latest_of_workflow(self, visit: Visit, owner: str, repo: str, file: str) -> Response:
        found, _ = self.actions(visit, owner, repo)
        ref = f"refs/heads/{visit.request.one('branch') or found.default_branch}"
        event = visit.request.one("event")
        fits = [
            run for run in found.runs.values() if run.workflow == file and run.ref == ref and event in ("", run.event)
        ]
        return self._to_run(visit, fits[-1:])

    def _to_run(self, visit: Visit, runs: list[Run]) -> Response:
        if not runs:
            return self.not_found(visit)
        url = f"{self.double.root_url}{quote(runs[0].repo.full_name)}/actions/runs/{runs[0].number}"
        return redirect(visit.request, 307, url)

    def run_page(self, visit: Visit, owner: str, repo: str, run: str, job: str = "0") -> Response:
        if not self.face.attempt_in_view:
            return self.attempt_page(visit, owner, repo, run, job)
        found, _ = self.actions(visit, owner, repo)
        _, row = self._job(found, run, job)
        return redirect(visit.request, 307, self._job_url(row))

    def attempt_page(
        self, visit: Visit, owner: str, repo: str, run: str, job: str = "0", attempt: str = "0"
    ) -> Response:
        found, access = self.actions(visit, owner, repo)
        the_run, row = self._job(found, run, job)
        task = self._task(row, attempt, self.face.attempt_in_view)
        state = self._state_of(the_run, row, task, access, [])
        numbers = {"run": whole(run), "job": whole(job), "attempt": whole(attempt)}
        return html(200, pages.run_view(self.face, the_run, numbers, state, self.sub_path))

    def state(self, visit: Visit, owner: str, repo: str, run: str, job: str = "0", attempt: str = "0") -> Response:
        found, access = self.actions(visit, owner, repo)
        the_run, row = self._job(found, run, job)
        task = self._task(row, attempt, self.face.attempt_in_view)
        is_json = "json" in visit.request.headers.get("Content-Type", "")
        cursors = visit.request.json.get("logCursors") if is_json else None
        try:
            return json_answer(200, self._state_of(the_run, row, task, access, cursors or []))
        except IndexError:
            return html(500, pages.page("Internal server error"))

    def _state_of(self, run: Run, job: Job, task: Task | None, access: Access, cursors: list[Any]) -> dict[str, Any]:
        writer, owner = access.actions >= WRITE, access.mode >= ADMIN
        state = view.state(self.face, self.sub_path, run, job, task, writer, owner)
        return {"state": state, "logs": {"stepsLog": view.steps_log(task, cursors) if task else []}}

    def download(self, visit: Visit, owner: str, repo: str, run: str, job: str, attempt: str = "0") -> Response:
        found, _ = self.actions(visit, owner, repo)
        the_run, row = self._job(found, run, job)
        task = self._task(row, attempt, self.face.attempt_in_download)
        if task is None:
            return plain(404, "job is not started")
        if task.expired:
            return plain(404, "logs have been cleaned up")
        if task.log is None:
            return plain(500, f'dbfs open "actions_log/{task.filename}": file does not exist')
        name = f"{the_run.workflow.partition('.')[0] or the_run.workflow}-{row.name}-{task.id}.log"
        shown = name.replace("\\", "\\\\").replace('"', '\\"')
        headers = [
            ("Content-Type", PLAIN),
            ("X-Content-Type-Options", "nosniff"),
            ("Content-Disposition", f"attachment; filename=\"{shown}\"; filename*=UTF-8''{quote(name, safe='$&+:=@')}"),
            ("Access-Control-Expose-Headers", "Content-Disposition"),
            ("Cache-Control", "private, max-age=300"),
        ]
        return ranges.serve(visit.request, task.log, headers)

    # --- what changes a run

    def rerun(self, visit: Visit, owner: str, repo: str, run: str, job: str = "") -> Response:
        found, _ = self.actions(visit, owner, repo, WRITE)
        if not (number := whole(run)) or number not in found.runs:
            return plain(500, f"run with index {found.id} {number}: resource does not exist")
        the_run, row = self._job(found, run, job or "0")
        try:
            self.model.rerun(row if job else the_run)
        except NotOver as error:
            return json_answer(400, {"errorMessage": f"The {error} cannot be rerun.", "renderFormat": "html"})
        except ValueError as error:
            return plain(500, str(error))
        if not self.face.attempt_in_view:
            return json_answer(200, {})
        url = self._job_url(row)
        if not self.face.attempt_counts_asked:
            url = f"{url.rpartition('/')[0]}/{row.attempt + 1}"
        return json_answer(200, {"redirect": url})

    def cancel(self, visit: Visit, owner: str, repo: str, run: str) -> Response:
        found, _ = self.actions(visit, owner, repo, WRITE)
        number = whole(run)
        if number and number not in found.runs:
            text = f"run with index {found.id} {number}: resource does not exist"
            return plain(self.face.cancel_unknown, text)
        the_run, _ = self._job(found, run, "-1")
        self.model.cancel(the_run)
        return json_answer(200, {})

    def enable(self, visit: Visit, owner: str, repo: str) -> Response:
        return self._switch(visit, owner, repo, is_off=False)

    def disable(self, visit: Visit, owner: str, repo: str) -> Response:
        return self._switch(visit, owner, repo, is_off=True)

    def _switch(self, visit: Visit, owner: str, repo: str, *, is_off: bool) -> Response:
        """Any name is taken (routers/web/repo/actions/view.go, disableOrEnableWorkflowFile)."""
        found, _ = self.actions(visit, owner, repo, ADMIN)
        file = visit.request.one("workflow")
        (found.switched_off.add if is_off else found.switched_off.discard)(file)
        return json_answer(
            200, {"redirect": f"{self.sub_path}/{found.full_name}/actions?workflow={file}&actor=&status="}
        )

    def delete(self, visit: Visit, owner: str, repo: str, run: str) -> Response:
        found, _ = self.actions(visit, owner, repo, ADMIN)
        try:
            if the_run := found.runs.get(whole(run)):
                self.model.delete_run(the_run)
        except ValueError:
            return json_answer(500, {"message": "The workflow run could not be deleted."})
        return json_answer(200, {"ok": True})
