"""The half of the model that isn't Actions: accounts, tokens, organisations, repositories, and who may do what."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from .entities import ADMIN, MODES, OWNER, READ, Repo, Team, Token, User

if TYPE_CHECKING:
    from .entities import Run


class Access(NamedTuple):
    """What somebody may do in a repository: `mode` at all, `actions` on the unit Actions (0, READ … OWNER)."""

    mode: int
    actions: int


class Accounts(ABC):
    """Users by lower-cased name, repositories by lower-cased owner and name, old names after a renaming."""

    lock: Any
    runs: dict[int, Run]

    def __init__(self) -> None:
        self.users: dict[str, User] = {}
        self.user_ids: dict[int, User] = {}
        self.repos: dict[tuple[str, str], Repo] = {}
        self.repo_ids: dict[int, Repo] = {}
        self.old_names: dict[tuple[str, str], int] = {}
        self.old_users: dict[str, User] = {}
        self.tokens: dict[str, Token] = {}
        self.teams: dict[int, Team] = {}

    @abstractmethod
    def next_id(self, kind: str) -> int: ...

    @abstractmethod
    def now(self) -> int: ...

    @abstractmethod
    def _forget(self, run: Run) -> None: ...

    # --- users

    def add_user(self, name: str, password: str = "Passw0rd!y", **fields: Any) -> User:
        """A user (or organisation, `is_org=True`); fields as in `User`."""
        with self.lock:
            if name.lower() in self.users:
                raise ValueError(f"user already exists [name: {name}]")
            fields.setdefault("email", f"{name}@example.invalid")
            user = User(self.next_id("user"), name, password, created=self.now(), **fields)
            self.users[name.lower()] = self.user_ids[user.id] = user
            return user

    def user(self, name: str) -> User | None:
        return self.users.get(name.lower())

    def user_by_login(self, name: str) -> User | None:
        """A user by what may be typed at the sign-in: name or mail address."""
        return self.user(name) or next(
            (user for user in self.users.values() if user.email and user.email == name), None
        )

    def rename_user(self, user: User, name: str) -> None:
        with self.lock:
            for repo in self.repo_ids.values():
                if repo.owner is user:
                    self.repos[name.lower(), repo.name.lower()] = self.repos.pop((user.name.lower(), repo.name.lower()))
            self.users[name.lower()] = self.old_users[user.name.lower()] = self.users.pop(user.name.lower())
            user.name = name

    def add_token(self, user: User, scopes: Iterable[str] = ("all",), name: str = "") -> Token:
        with self.lock:
            token_id = self.next_id("token")
            token = Token(token_id, user, name or f"token-{token_id}", secrets.token_hex(20), tuple(scopes))
            self.tokens[token.sha1] = token
            return token

    def is_totp(self, user: User, code: str) -> bool:
        """Whether the code is right in this or a neighbouring window; the API asks no more (services/auth)."""
        secret = user.totp_secret
        return bool(secret) and code in {totp(secret, self.now() + shift) for shift in (-30, 0, 30)}

    def use_totp(self, user: User, code: str) -> bool:
        """Whether the code is right and wasn't used for the last sign-in: what the web asks."""
        with self.lock:
            if code == user.totp_used or not self.is_totp(user, code):
                return False
            user.totp_used = code
            return True

    # --- organisations

    def add_org(self, name: str, owner: User) -> User:
        with self.lock:
            org = self.add_user(name, "", is_org=True)
            team = self.add_team(org, "Owners", "owner", all_repos=True)
            team.members.add(owner.id)
            return org

    def add_team(
        self, org: User, name: str, permission: str, units: Iterable[str] = (), *, all_repos: bool = False
    ) -> Team:
        with self.lock:
            team = Team(self.next_id("team"), org, name, MODES[permission], frozenset(units), all_repos)
            self.teams[team.id] = team
            return team

    # --- repositories

    def add_repo(self, owner: User, name: str, *, private: bool = True, **fields: Any) -> Repo:
        """A repository; fields as in `Repo`."""
        with self.lock:
            key = (owner.name.lower(), name.lower())
            if key in self.repos:
                raise ValueError(f"repository already exists [name: {name}]")
            repo = Repo(self.next_id("repo"), owner, name, private, created=self.now(), **fields)
            self.repos[key] = self.repo_ids[repo.id] = repo
            self.old_names.pop(key, None)
            return repo

    def repo(self, owner: str, name: str) -> Repo | None:
        return self.repos.get((owner.lower(), name.lower()))

    def moved(self, owner: str, name: str) -> Repo | None:
        """The repository that once had this name."""
        return self.repo_ids.get(self.old_names.get((owner.lower(), name.lower()), 0))

    def rename_repo(self, repo: Repo, name: str) -> None:
        with self.lock:
            owner = repo.owner.name.lower()
            if repo.name.lower() != name.lower() and (owner, name.lower()) in self.repos:
                raise ValueError(f"repository already exists [name: {name}]")
            del self.repos[owner, repo.name.lower()]
            self.repos[owner, name.lower()] = repo
            self.old_names[owner, repo.name.lower()] = repo.id
            self.old_names.pop((owner, name.lower()), None)
            repo.name = name

    def delete_repo(self, repo: Repo) -> None:
        """Delete a repository with its runs."""
        with self.lock:
            for run in repo.runs.values():
                self._forget(run)
            del self.repos[repo.owner.name.lower(), repo.name.lower()]
            del self.repo_ids[repo.id]

    def access(self, user: User | None, repo: Repo) -> Access:
        """Who owns, administers, collaborates or is in a team may that; everybody may read what is public."""
        if user and (user.admin or user is repo.owner):
            return Access(OWNER, OWNER)
        public = 0 if repo.private else READ
        mode = actions = public
        if user:
            shared = repo.collaborators.get(user.id, 0)
            mode, actions = max(mode, shared), max(actions, shared)
            for team in self.teams.values():
                if team.org is not repo.owner or user.id not in team.members:
                    continue
                if not team.all_repos and repo.id not in team.repos:
                    continue
                mode = max(mode, team.mode)
                if team.mode >= ADMIN or "repo.actions" in team.units:
                    actions = max(actions, team.mode)
        return Access(mode, actions)


def totp(secret: str, at: int) -> str:
    """RFC 6238: six digits, SHA-1, 30 s; the secret in base32."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", at // 30), hashlib.sha1).digest()
    start = digest[-1] & 15
    number = struct.unpack(">I", digest[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"
