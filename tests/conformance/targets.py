"""The targets: a server, what stands in front of it, and the features that it claims.

Rules: a target is a value; a case asks a `Live` one and never knows how it was started. What an older server lacks is a
feature it does not claim, or an operation that the negative control must be seen to lack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import balanced
import requests
import servers
from balanced import Balanced, Front
from certificates import certified
from double import Double
from forgejo_shim import WebLogin, mount
from hand import plain_session
from proxied import Proxied
from seeded import Job, Repo, Run
from servers import GIT, NotOurs, Server, available
from world import Seeded, seed

RUNS = frozenset({"run-jobs", "run-zip", "cancel"})
ATTEMPTS = RUNS | {"attempts"}
NATIVE = ATTEMPTS | {"conditional", "attempt-while-rerun-waits", "native"}
OF_16 = NATIVE | {"artifacts", "delete-run", "own-run"}
PATCHED = NATIVE | {"artifacts", "missing-log", "job-details"}


@dataclass(frozen=True)
class Target:
    """`version` names the server (servers.py), `double` its face in place of a real one.

    `front` is what cases ask through: "adapter" (mounted in each session), "proxy" (a process of its own) or None.
    `balanced`: its proxies are several, behind nginx. What shows only where all goes through one process is not for it.

    `control` marks a target that must fail exactly the cases that need an operation it lacks.
    """

    name: str
    version: str
    features: frozenset[str]
    front: str | None = "adapter"
    double: bool = False
    control: bool = False
    balanced: bool = False

    def stand(self, upstream: str, web: WebLogin, *words: object, tls: bool = False, port: int | None = None) -> Front:
        """Its proxy, or proxies, in front of a server; whoever asks for it ends it."""
        kind = Balanced if self.balanced else Proxied
        return kind(upstream, web, *words, port=port, tls=certified() if tls else None)


ADAPTER, PROXY = frozenset({"adapter", "additions"}), frozenset({"proxy", "additions", "one-process"})
BALANCED = PROXY - {"one-process"}


def _faces() -> list[Target]:
    older = {"11": frozenset(), "12": RUNS, "13.0.3": RUNS, "13": ATTEMPTS, "14": ATTEMPTS, "15": ATTEMPTS}
    shim = frozenset({"shim", "missing-log", "artifacts"})
    found = []
    for double, mark in ((True, "double-"), (False, "")):
        end = "" if double else "-adapter"
        for v, features in older.items():
            found += [
                Target(f"{mark}{v}{end}", v, features | shim | ADAPTER, double=double),
                Target(f"{mark}{v}-proxy", v, features | shim | PROXY, "proxy", double=double),
            ]
        found += [
            Target(f"{mark}16", "16", OF_16, front=None, double=double),
            Target(f"{mark}16-adapter", "16", OF_16 | ADAPTER, double=double),
            Target(f"{mark}16-proxy", "16", OF_16 | PROXY, "proxy", double=double),
            Target(f"{mark}15-balanced", "15", ATTEMPTS | shim | BALANCED, "proxy", double=double, balanced=True),
            Target(f"{mark}15-plain", "15", (OF_16 | PATCHED) - {"native"}, front=None, double=double, control=True),
        ]
    for v in servers.PATCHED:
        found += [
            Target(v, v, PATCHED, front=None),
            Target(f"{v}-adapter", v, PATCHED | ADAPTER),
            Target(f"{v}-proxy", v, PATCHED | PROXY, "proxy"),
        ]
    return found


TARGETS: Mapping[str, Target] = {target.name: target for target in _faces()}
PROXIED = ("11", "15", "16")  # whose proxies `make test` asks; the dialects between differ below the proxy only
ALONE = {name: target for name, target in TARGETS.items() if not target.balanced}
GROUPS = {
    "quick": [n for n, t in ALONE.items() if t.double and (t.front != "proxy" or t.version in PROXIED)],
    "double": [name for name, target in ALONE.items() if target.double],
    "real": [name for name, target in ALONE.items() if not target.double],
    "balanced": [name for name, target in TARGETS.items() if target.balanced],
}


def chosen(text: str) -> list[str]:
    """The names in a comma-separated list of targets, versions and groups."""
    names: list[str] = []
    for word in text.split(","):
        known = GROUPS.get(word) or [name for name in TARGETS if name == word]
        known = known or [name for name, t in ALONE.items() if t.version == word and not t.double]
        if not known:
            raise ValueError(f"no target or group {word!r}; there are {', '.join([*GROUPS, *TARGETS])}")
        names += known
    return list(dict.fromkeys(names))


class DoubleServer(Server):
    """The double with one version's face; its addresses begin with `root_url`, if that is not its own."""

    def __init__(self, face: str, root_url: str | None = None) -> None:
        self.double = Double(face, root_url=root_url)
        self.double.start()
        self.base_url = self.double.url
        self.admin, self.password = self.double.admin.name, self.double.admin.password
        self.how = "double"

    def stop(self) -> None:
        self.double.stop()

    def kill(self) -> None:
        self.double.kill()

    def revive(self) -> None:
        self.double.revive()


def start(target: Target, port: int) -> Server | str:
    """The running server of a target, or why there is none. Behind a proxy it knows the address in front, with that
    port, as its own, and offers git and LFS."""
    if target.balanced and (reason := balanced.missing()):
        return reason
    root_url = f"http://127.0.0.1:{port}/" if target.front == "proxy" else None
    if target.double:
        return DoubleServer(target.version, root_url)
    way = available(target.version)
    if isinstance(way, str) or root_url is None:
        return way if isinstance(way, str) else way()
    try:
        return way({"server.ROOT_URL": root_url, **GIT})
    except NotOurs:  # somebody else runs it
        return way()


class AbsentOperation(AssertionError):
    """The server answered an operation of the contract with its text for a route that does not exist."""


class Live:
    """A running, seeded target as cases ask it: `base_url` is the front's address. Leaving `with` ends its proxies."""

    def __init__(self, target: Target, server: Server, port: int = 0) -> None:
        self.target = target
        self.server = server
        self.version = server.hand().version
        self.world: Seeded = seed(server.hand())
        self.proxy = self.fresh(port=port) if target.front == "proxy" else None
        self.base_url = self.proxy.base_url if self.proxy else server.base_url
        self._sessions: dict[str | None, requests.Session] = {}
        self._further: dict[tuple[str, ...], Front] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for proxied in [*self._further.values(), *([self.proxy] if self.proxy else [])]:
            proxied.stop()

    def fresh(self, *words: object, tls: bool = False, port: int | None = None) -> Front:
        """A new front of the target's kind; whoever asks for it ends it."""
        return self.target.stand(self.server.base_url, self.web, *words, tls=tls, port=port)

    def further(self, *words: str, tls: bool = False) -> Front:
        """Another front, the same for the same words; it ends with the target."""
        return self._kept((str(tls), *words), lambda: self.fresh(*words, tls=tls))

    def second(self) -> Front:
        """A proxy in front of the target's front; it ends with the target."""
        return self._kept(("second",), lambda: Proxied(self.base_url, self.web))

    def _kept(self, key: tuple[str, ...], make: Callable[[], Front]) -> Front:
        if key not in self._further:
            self._further[key] = make()
        return self._further[key]

    def faced(self, *words: str) -> Front:
        """A front that speaks https, writes, and has GitHub's and Gitea's faces."""
        return self.further("--face", "github", "--face", "gitea", "--allow-writes", *words, tls=True)

    @property
    def major(self) -> int:
        return int(re.split("[.-]", self.target.version)[0])

    @property
    def web(self) -> WebLogin:
        """The shim's web account: the owner's, who may read more than most callers."""
        return self.login("owner")

    def login(self, account: str) -> WebLogin:
        """The web sign-in of an account of the world."""
        who = self.world.accounts[account]
        return WebLogin(who.name, who.password, who.totp_secret)

    def session(self, token: str | None = "read", **mounted: Any) -> requests.Session:
        """A new session with the token of that name (None: anonymous), behind the target's front."""
        session = plain_session()
        if token:
            session.headers["Authorization"] = f"token {self.world.tokens.get(token, token)}"
        if self.target.front == "adapter":
            mount(session, self.base_url, **{"web": self.web, **mounted})
        return session

    def get(self, path: str, token: str | None = "read", **more: Any) -> requests.Response:
        """GET a path below the API's root, in a session kept for this token."""
        return self.ask("GET", path, token, **more)

    def ask(
        self, method: str, path: str, token: str | None = "read", *, by: requests.Session | None = None, **more: Any
    ) -> requests.Response:
        """A request below the API's root. Raises AbsentOperation if the route does not exist."""
        if by is None:
            by = self._sessions.setdefault(token, self.session(token))
        return _there(by.request(method, f"{self.base_url}/api/v1{path}", **more), method)

    def change(self, method: str, path: str, token: str | None = "owner") -> requests.Response:
        """A request that changes something, through a front that may write. Raises AbsentOperation."""
        base_url = self.base_url
        if self.proxy:
            base_url = self.further("--allow-writes").base_url
        with self.session(token, writes=True) as session:
            return _there(session.request(method, f"{base_url}/api/v1{path}"), method)

    def log(self, job: Job | int, attempt: object = None, token: str | None = "read", **more: Any) -> requests.Response:
        """The log of a job of the world, or of a job id in the private repository."""
        repo = more.pop("repo", None) or (job.run.repo if isinstance(job, Job) else self.world.repos["priv"])
        job_id = job.id if isinstance(job, Job) else job
        return self.get(log_path(repo, job_id, attempt), token, **more)

    def run(self, run: Run, what: str, token: str | None = "read", **more: Any) -> requests.Response:
        """`what` of a run: "jobs" or "logs"."""
        return self.get(f"/repos/{run.repo.full}/actions/runs/{run.id}/{what}", token, **more)


def _there(response: requests.Response, method: str) -> requests.Response:
    """The answer. Raises AbsentOperation if it says that there is no such path, or no such method of it."""
    is_text = response.headers.get("Content-Type", "").startswith("text/plain")
    no_path = response.status_code == 404 and is_text
    no_path = no_path and (method == "HEAD" or response.text.strip() == "404 page not found")
    if no_path or response.status_code == 405 and method != "HEAD":
        raise AbsentOperation(f"{method} {response.url}")
    return response


def log_path(repo: Repo | str, job_id: object, attempt: object = None) -> str:
    """The path of a job's log below the API's root."""
    full = repo if isinstance(repo, str) else repo.full
    return f"/repos/{full}/actions/jobs/{job_id}/logs" + ("" if attempt is None else f"?attempt={attempt}")
