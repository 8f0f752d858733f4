"""The API's lists of what belongs to an owner: repositories, and runners with their registration tokens.

Rules: runners are listed from 15 on; a registration token is asked for with GET in every version
(routers/api/v1/api.go).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from .accounts import Access
from .api import NOT_FOUND, Caller, Refused
from .entities import ADMIN, Repo, Runner, User
from .messages import Response, Route, json_answer, whole

if TYPE_CHECKING:
    from .api import Api

Scope = User | Repo | None
RUNNERS = "/actions/runners"


class ListsApi:
    """`runners` of a repository, an organisation, an account and the instance; the search for repositories."""

    def __init__(self, api: Api) -> None:
        self.api, self.model, self.face, self.objects = api, api.model, api.face, api.objects

    def routes(self) -> list[Route]:
        table: list[Route] = [
            ("GET", "/orgs/{name}", self.org),
            ("GET", "/admin/orgs", self.orgs),
            ("GET", "/repos/search", self.search),
        ]
        scopes: dict[str, Callable[..., Scope]] = {
            "/repos/{owner}/{repo}": self._of_repo,
            "/orgs/{name}": self._of_org,
            "/user": lambda caller: caller.need(),
            "/admin": lambda caller: caller.need_admin() and None,
        }
        for path, scope in scopes.items():
            if path in ("/orgs/{name}", "/user"):
                table.append(("GET", f"{path}{RUNNERS}/registration-token", partial(self._token, scope)))
            if self.face.major >= 15:
                table += [
                    ("GET", path + RUNNERS, partial(self._list, scope)),
                    ("GET", f"{path}{RUNNERS}/{{runner}}", partial(self._one, scope)),
                    ("DELETE", f"{path}{RUNNERS}/{{runner}}", partial(self._delete, scope)),
                ]
        return table

    # --- repositories

    def org(self, caller: Caller, name: str) -> Response:
        return json_answer(200, self.objects.org(self._org(name)))

    def orgs(self, caller: Caller) -> Response:
        caller.need_admin()
        return json_answer(200, [self.objects.org(user) for user in self.model.user_ids.values() if user.is_org])

    def search(self, caller: Caller) -> Response:
        owner = whole(caller.request.one("uid"))
        repos = [repo for repo in self.model.repo_ids.values() if owner in (0, repo.owner.id)]
        seen = [(repo, self.api.access(caller, repo)) for repo in repos]
        seen = [(repo, access) for repo, access in seen if access.mode][::-1]
        page = self.api.one_page(caller.request, seen)
        answer = json_answer(200, {"ok": True, "data": [self.objects.repo(repo, access) for repo, access in page]})
        answer.set("X-Total-Count", str(len(seen)))
        return answer

    # --- runners

    def _org(self, name: str) -> User:
        org = self.model.user(name)
        if not org or not org.is_org:
            raise Refused(*NOT_FOUND)
        return org

    def _of_org(self, caller: Caller, name: str) -> User:
        org, user = self._org(name), caller.need()
        teams = (team for team in self.model.teams.values() if team.org is org and team.name == "Owners")
        if not user.admin and not any(user.id in team.members for team in teams):
            raise Refused(403, "Must be an organization owner")
        return org

    def _of_repo(self, caller: Caller, repo: Repo, access: Access) -> Repo:
        caller.need()
        if access.mode < ADMIN:
            raise Refused(403, "user should be an owner or a collaborator with admin write of a repository")
        return repo

    def _token(self, scope: Callable[..., Scope], caller: Caller, **of_path: Any) -> Response:
        return json_answer(200, {"token": self.api.double.registration_token(scope(caller, **of_path))})

    def _runners(self, scope: Scope) -> list[Runner]:
        return [one for one in self.model.runners.values() if (one.repo or one.owner) is scope]

    def _list(self, scope: Callable[..., Scope], caller: Caller, *of_repo: Any, **of_path: Any) -> Response:
        runners = self._runners(scope(caller, *of_repo, **of_path))
        answer = json_answer(200, [_shown(one) for one in self.api.one_page(caller.request, runners)])
        answer.set("X-Total-Count", str(len(runners)))
        return answer

    def _found(self, scope: Scope, text: str) -> Runner:
        for runner in self._runners(scope):
            if runner.id == whole(text):
                return runner
        raise Refused(404, "Runner not found")

    def _one(self, scope: Callable[..., Scope], caller: Caller, *of_repo: Any, runner: str, **of_path: Any) -> Response:
        return json_answer(200, _shown(self._found(scope(caller, *of_repo, **of_path), runner)))

    def _delete(
        self, scope: Callable[..., Scope], caller: Caller, *of_repo: Any, runner: str, **of_path: Any
    ) -> Response:
        del self.model.runners[self._found(scope(caller, *of_repo, **of_path), runner).uuid]
        return Response(204)


def _shown(runner: Runner) -> dict[str, Any]:
    return {
        "id": runner.id,
        "uuid": runner.uuid,
        "owner_id": runner.owner.id if runner.owner else 0,
        "repo_id": runner.repo.id if runner.repo else 0,
        "name": runner.name,
        "status": "offline",
        "version": runner.version,
        "labels": list(runner.labels),
        "description": "",
        "ephemeral": False,
    }
