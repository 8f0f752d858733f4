"""A repository that is renamed while its readers' yes's are kept, by the faces of GitHub and Gitea: every route says
where it is now, as the list of runs does.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

import pytest
from forgejo_shim.faces import gitea_routes, github_routes
from running import Running
from small import Small, row

clause = pytest.mark.clause
GITHUB, GITEA = "/api/v3", "/compat/gitea/api/v1"
MORE = (
    f"{GITHUB}/repos/o/r/actions/workflows/999/runs",
    f"{GITHUB}/repos/o/r/commits/main/check-suites?check_name=build",
    f"{GITHUB}/repos/o/r/actions/runs?check_suite_id=1",
    f"{GITEA}/repos/o/r",
)


def paths(small: Small, proxy: Running) -> list[str]:
    """A path for each route that reads in a repository."""
    run = small.add({"build": row("x")}, status="failure")
    small.model.artifacts.add(run, "one", b"content")
    (artifact,) = proxy.get(f"{GITHUB}/repos/o/r/actions/artifacts", small.token).json()["artifacts"]
    filled = {
        "{owner}/{repo}": "o/r", "{run_id}": run.id, "{job_id}": run.jobs[0].id, "{attempt}": 1, "{runner_id}": 1,
        "{artifact_id}": artifact["id"], "{workflow}": "ci.yml", "{commit}": "main",
    }  # fmt: skip
    tables = ((GITHUB, github_routes.ROUTES), (GITEA, gitea_routes.ROUTES))
    found = [root + route.path for root, table in tables for route in table if route.method == "GET"]
    for name, value in filled.items():
        found = [path.replace(name, str(value)) for path in found]
    return [*(path for path in found if "/repos/" in path), *MORE]


@clause("V2", "Q2")
@pytest.mark.parametrize("face", ["11", "12", "14", "15", "16"])
def test_a_repository_that_was_renamed_within_a_kept_yes(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=frozenset({"github", "gitea"}), keep=60.0) as proxy:
        proxy.session.hooks["response"].clear()  # of an answer that is a redirect, no document tells
        small.repo.head = "a" * 40
        small.repo.files[".forgejo/workflows/ci.yml"] = b"name: CI"
        asked = paths(small, proxy)
        can = [path for path in asked if proxy.get(path, small.token).status_code != 501]
        assert len(can) > (15 if face == "11" else 35)
        small.model.rename_repo(small.repo, "new")
        for path in can:
            found = proxy.get(path, small.token)
            location = found.headers.get("Location", "").removeprefix(small.url)
            expected = path.replace("/repos/o/r", "/repos/o/new")
            assert (found.status_code in (301, 307), location) == (True, expected), (path, found.text)
