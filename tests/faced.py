"""Small places behind the faces of GitHub and Gitea, and how these are asked.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections, and each answer is
held against the face's document.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import requests
from double import Run
from running import Running
from small import Small, row

GITHUB, GITEA = "/api/v3", "/compat/gitea/api/v1"
BY_HAND = b'{"name": "By hand", "on": {"workflow_dispatch": {}}, "jobs": {"build": {"runs-on": "box", "steps": []}}}'


def told(proxy: Running, small: Small, path: str, token: str = "") -> Any:
    """The JSON of a 200."""
    found = proxy.get(path, token or small.token)
    assert found.status_code == 200, (path, found.text)
    return found.json()


def three_runs(small: Small) -> list[Run]:
    """Runs: one that succeeded, one that failed on another branch, one that waits."""
    done = small.add({"build": row("a"), "test": row("b")}, title="first")
    red = small.add({"build": row("c")}, title="second", status="failure", ref="refs/heads/dev", workflow="other.yml")
    other = small.model.add_user("other")
    waits = small.model.add_run(small.repo, ["build"], title="third", event="workflow_dispatch", user=other)
    return [done, red, waits]


class Writing:
    """A double with a workflow that is started by hand, a proxy that may write, and the token of one who may."""

    def __init__(self, face: str, faces: frozenset[str]) -> None:
        self.small = Small(face)
        self.faces = faces
        self.model = self.small.model
        self.writer = self.model.add_token(self.small.repo.owner).sha1
        self.small.repo.files[".forgejo/workflows/ci.yml"] = BY_HAND

    def ask(self, method: str, path: str, token: str = "", **more: Any) -> requests.Response:
        headers = {"Authorization": f"token {token or self.writer}"}
        address = f"{self.proxy.base_url}{path}"
        return self.proxy.session.request(method, address, headers=headers, timeout=20, allow_redirects=False, **more)

    def __enter__(self) -> Self:
        self.small.__enter__()
        self.proxy = Running(self.small.url, self.small.web, faces=self.faces, writes=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.proxy.__exit__(kind, error, at)
        self.small.__exit__(kind, error, at)
