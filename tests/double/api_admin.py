"""The API's operations by which a world is built: accounts, tokens, organisations, repositories, files."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from .accounts import Access
from .api import NOT_FOUND, Caller, Refused
from .entities import ADMIN, MODES, WRITE, Repo, Team, Token, User
from .messages import Response, Route, json_answer, whole

if TYPE_CHECKING:
    from .api import Api

REPO = "/repos/{owner}/{repo}"


class AdminApi:
    """Just as much of each operation as a scripted seeder needs."""

    def __init__(self, api: Api) -> None:
        self.api, self.model, self.objects = api, api.model, api.objects

    def routes(self) -> list[Route]:
        return [
            ("GET", "/user", self.myself),
            ("POST", "/user/repos", self.create_own_repo),
            ("GET", "/users/{name}", self.user),
            ("GET", "/users/{name}/tokens", self.tokens),
            ("POST", "/users/{name}/tokens", self.create_token),
            ("DELETE", "/users/{name}/tokens/{token}", self.delete_token),
            ("POST", "/admin/users", self.create_user),
            ("PATCH", "/admin/users/{name}", self.edit_user),
            ("DELETE", "/admin/users/{name}", self.delete_user),
            ("POST", "/admin/users/{name}/rename", self.rename_user),
            ("POST", "/admin/users/{name}/repos", self.create_repo_for),
            ("GET", "/admin/runners/registration-token", self.registration_token),
            ("POST", "/admin/cron/{task}", self.cron),
            ("POST", "/orgs", self.create_org),
            ("POST", "/orgs/{name}/repos", self.create_repo_for),
            ("GET", "/orgs/{name}/teams", self.teams),
            ("POST", "/orgs/{name}/teams", self.create_team),
            ("PUT", "/teams/{team}/members/{name}", self.add_member),
            ("PUT", "/teams/{team}/repos/{org}/{name}", self.add_team_repo),
            ("GET", REPO, self.repo),
            ("PATCH", REPO, self.edit_repo),
            ("DELETE", REPO, self.delete_repo),
            ("PUT", REPO + "/collaborators/{name}", self.add_collaborator),
            ("DELETE", REPO + "/collaborators/{name}", self.delete_collaborator),
            ("POST", REPO + "/contents", self.change_files),
            ("GET", REPO + "/contents/{path*}", self.file),
            ("POST", REPO + "/contents/{path*}", self.create_file),
            ("PUT", REPO + "/contents/{path*}", self.update_file),
            ("DELETE", REPO + "/contents/{path*}", self.delete_file),
        ]

    # --- accounts

    def _user(self, name: str) -> User:
        found = self.model.user(name)
        if not found:
            raise Refused(404, f"user redirect does not exist [name: {name}]")
        return found

    def myself(self, caller: Caller) -> Response:
        return json_answer(200, self.objects.user(caller.need()))

    def user(self, caller: Caller, name: str) -> Response:
        return json_answer(200, self.objects.user(self._user(name), privately=False))

    def create_user(self, caller: Caller) -> Response:
        caller.need_admin()
        asked = caller.request.json
        try:
            user = self.model.add_user(
                asked["username"],
                asked.get("password", ""),
                email=asked.get("email", ""),
                must_change_password=asked.get("must_change_password", True),
            )
        except (KeyError, ValueError) as error:
            raise Refused(422, str(error)) from None
        return json_answer(201, self.objects.user(user))

    def edit_user(self, caller: Caller, name: str) -> Response:
        caller.need_admin()
        user, asked = self._user(name), caller.request.json
        for field in ("password", "email", "admin", "active", "prohibit_login", "must_change_password"):
            if asked.get(field) is not None:
                setattr(user, field, asked[field])
        return json_answer(200, self.objects.user(user))

    def delete_user(self, caller: Caller, name: str) -> Response:
        caller.need_admin()
        user = self._user(name)
        if any(repo.owner is user for repo in self.model.repo_ids.values()):
            raise Refused(422, f"user still has ownership of repositories [uid: {user.id}]")
        del self.model.users[user.name.lower()], self.model.user_ids[user.id]
        self.model.tokens = {sha1: token for sha1, token in self.model.tokens.items() if token.user is not user}
        return Response(204)

    def rename_user(self, caller: Caller, name: str) -> Response:
        caller.need_admin()
        self.model.rename_user(self._user(name), caller.request.json["new_username"])
        return Response(204)

    def registration_token(self, caller: Caller) -> Response:
        caller.need_admin()
        return json_answer(200, {"token": self.api.double.registration_token(None)})

    def cron(self, caller: Caller, task: str) -> Response:
        caller.need_admin()
        if task != "cleanup_actions":
            raise Refused(*NOT_FOUND)
        self.model.cleanup()
        return Response(204)

    # --- tokens

    def _self_or_admin(self, caller: Caller, name: str, *, by_password: bool = True) -> User:
        """Whose tokens they are; a token can list them, but it takes a password to change them."""
        owner = self._user(name)
        if not caller.user or (caller.user is not owner and not caller.user.admin):
            raise Refused(403, "doer should be the site admin or be same as the contextUser")
        if by_password and not caller.by_password:
            raise Refused(401, "auth required")
        return owner

    def _token(self, token: Token, with_secret: bool) -> dict[str, Any]:
        answer = {"id": token.id, "name": token.name, "sha1": token.sha1 if with_secret else ""}
        return answer | {"token_last_eight": token.sha1[-8:], "scopes": list(token.scopes)}

    def tokens(self, caller: Caller, name: str) -> Response:
        owner = self._self_or_admin(caller, name, by_password=False)
        return json_answer(
            200, [self._token(token, False) for token in self.model.tokens.values() if token.user is owner]
        )

    def create_token(self, caller: Caller, name: str) -> Response:
        owner = self._self_or_admin(caller, name)
        asked = caller.request.json
        if not asked.get("scopes"):
            raise Refused(400, "access token must have a scope")
        token = self.model.add_token(owner, asked["scopes"], asked.get("name", ""))
        return json_answer(201, self._token(token, True))

    def delete_token(self, caller: Caller, name: str, token: str) -> Response:
        owner = self._self_or_admin(caller, name)
        for sha1, found in self.model.tokens.items():
            if found.user is owner and token in (str(found.id), found.name):
                del self.model.tokens[sha1]
                return Response(204)
        raise Refused(*NOT_FOUND)

    # --- organisations

    def create_org(self, caller: Caller) -> Response:
        try:
            org = self.model.add_org(caller.request.json.get("username", ""), caller.need())
        except ValueError as error:
            raise Refused(422, str(error)) from None
        return json_answer(201, self.objects.org(org))

    def _team_json(self, team: Team) -> dict[str, Any]:
        names = {mode: name for name, mode in MODES.items()}
        answer = {"id": team.id, "name": team.name, "permission": names[team.mode], "units": sorted(team.units)}
        return answer | {"organization": self.objects.org(team.org), "includes_all_repositories": team.all_repos}

    def _team(self, caller: Caller, text: str) -> Team:
        team = self.model.teams.get(whole(text))
        if not team:
            raise Refused(*NOT_FOUND)
        self._need_org_owner(caller, team.org)
        return team

    def _need_org_owner(self, caller: Caller, org: User) -> None:
        user = caller.need()
        teams = (team for team in self.model.teams.values() if team.org is org and team.name == "Owners")
        if not user.admin and not any(user.id in team.members for team in teams):
            raise Refused(403, "Must be an organization owner")

    def teams(self, caller: Caller, name: str) -> Response:
        org = self._user(name)
        self._need_org_owner(caller, org)
        return json_answer(200, [self._team_json(team) for team in self.model.teams.values() if team.org is org])

    def create_team(self, caller: Caller, name: str) -> Response:
        org, asked = self._user(name), caller.request.json
        self._need_org_owner(caller, org)
        units = asked.get("units") or list(asked.get("units_map") or ())
        everywhere = bool(asked.get("includes_all_repositories"))
        team = self.model.add_team(
            org, asked.get("name", ""), asked.get("permission", "read"), units, all_repos=everywhere
        )
        return json_answer(201, self._team_json(team))

    def add_member(self, caller: Caller, team: str, name: str) -> Response:
        self._team(caller, team).members.add(self._user(name).id)
        return Response(204)

    def add_team_repo(self, caller: Caller, team: str, org: str, name: str) -> Response:
        repo = self.model.repo(org, name)
        if not repo:
            raise Refused(*NOT_FOUND)
        self._team(caller, team).repos.add(repo.id)
        return Response(204)

    # --- repositories

    def create_own_repo(self, caller: Caller) -> Response:
        return self._create_repo(caller, caller.need())

    def create_repo_for(self, caller: Caller, name: str) -> Response:
        owner = self._user(name)
        if owner.is_org:
            self._need_org_owner(caller, owner)
        else:
            caller.need_admin()
        return self._create_repo(caller, owner)

    def _create_repo(self, caller: Caller, owner: User) -> Response:
        asked = caller.request.json
        fields = {"default_branch": asked.get("default_branch") or "main"}
        try:
            repo = self.model.add_repo(owner, asked.get("name", ""), private=bool(asked.get("private")), **fields)
        except ValueError as error:
            raise Refused(409, str(error)) from None
        if asked.get("auto_init"):
            self.model.push(repo, owner, {"README.md": f"# {repo.name}\n".encode()}, "Initial commit")
        return json_answer(201, self.objects.repo(repo, self.model.access(caller.user, repo)))

    def repo(self, caller: Caller, repo: Repo, access: Access) -> Response:
        return json_answer(200, self.objects.repo(repo, access))

    def edit_repo(self, caller: Caller, repo: Repo, access: Access) -> Response:
        self.api.need_owner(caller, access, ADMIN)
        asked = caller.request.json
        if asked.get("name"):
            try:
                self.model.rename_repo(repo, asked["name"])
            except ValueError as error:
                raise Refused(422, str(error)) from None
        for field in ("private", "has_actions"):
            if asked.get(field) is not None:
                setattr(repo, field, asked[field])
        return json_answer(200, self.objects.repo(repo, access))

    def delete_repo(self, caller: Caller, repo: Repo, access: Access) -> Response:
        self.api.need_owner(caller, access)
        self.model.delete_repo(repo)
        return Response(204)

    def add_collaborator(self, caller: Caller, repo: Repo, access: Access, name: str) -> Response:
        self.api.need_owner(caller, access, ADMIN)
        mode = MODES[caller.request.json.get("permission") or "write"]
        repo.collaborators[self._user(name).id] = mode
        return Response(204)

    def delete_collaborator(self, caller: Caller, repo: Repo, access: Access, name: str) -> Response:
        self.api.need_owner(caller, access, ADMIN)
        repo.collaborators.pop(self._user(name).id, None)
        return Response(204)

    # --- files

    def change_files(self, caller: Caller, repo: Repo, access: Access) -> Response:
        asked = caller.request.json
        changes = {file["path"]: (file["operation"], file.get("content", "")) for file in asked.get("files", [])}
        return self._commit(caller, repo, access, changes, 201)

    def create_file(self, caller: Caller, repo: Repo, access: Access, path: str) -> Response:
        return self._commit(caller, repo, access, {path: ("create", caller.request.json.get("content", ""))}, 201)

    def update_file(self, caller: Caller, repo: Repo, access: Access, path: str) -> Response:
        return self._commit(caller, repo, access, {path: ("update", caller.request.json.get("content", ""))}, 200)

    def delete_file(self, caller: Caller, repo: Repo, access: Access, path: str) -> Response:
        return self._commit(caller, repo, access, {path: ("delete", "")}, 200)

    def _commit(
        self, caller: Caller, repo: Repo, access: Access, asked: dict[str, tuple[str, str]], status: int
    ) -> Response:
        user = caller.need()
        if access.mode < WRITE:
            raise Refused(403, "user should have a permission to write to this branch")
        changes: dict[str, bytes | None] = {}
        for path, (operation, content) in asked.items():
            if operation == "create" and path in repo.files:
                raise Refused(422, f"repository file already exists [path: {path}]")
            if operation != "create" and path not in repo.files:
                raise Refused(404 if operation == "delete" else 422, f"repository file does not exist [path: {path}]")
            changes[path] = None if operation == "delete" else base64.b64decode(content)
        message = caller.request.json.get("message") or "".join(f"Add {path}" for path in changes)
        self.model.push(repo, user, changes, message)
        files = [self._file(path, data) for path, data in changes.items() if data is not None]
        answer: dict[str, Any] = {"commit": {"sha": repo.head, "message": message}, "files": files}
        answer["content"] = files[0] if len(files) == 1 else None
        return json_answer(status, answer)

    def _file(self, path: str, data: bytes) -> dict[str, Any]:
        sha = hashlib.sha1(b"blob %d\x00%b" % (len(data), data)).hexdigest()
        text = base64.b64encode(data).decode()
        answer = {"name": path.rpartition("/")[2], "path": path, "sha": sha, "type": "file", "size": len(data)}
        return answer | {"encoding": "base64", "content": text}

    def file(self, caller: Caller, repo: Repo, access: Access, path: str) -> Response:
        within = [self._file(name, data) for name, data in repo.files.items() if name.rpartition("/")[0] == path]
        if within:
            return json_answer(200, [one | {"encoding": None, "content": None} for one in within])
        if path not in repo.files:
            raise Refused(404, f"object does not exist [id: , rel_path: {path}]")
        return json_answer(200, self._file(path, repo.files[path]))
