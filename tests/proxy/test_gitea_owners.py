"""Runs and jobs of several repositories, and runners, by Gitea's face, behind faces of the double.

Rules: the proxy runs in a thread of this process (`running.py`); requests go over real connections.
"""

from __future__ import annotations

from collections.abc import Iterator

import forgejo_shim.flows.owners as owners
import pytest
from double import JobSpec
from faced import GITEA as ROOT
from running import Running
from small import Small, row

clause = pytest.mark.clause
ON = frozenset({"gitea"})
SCOPES = ("read:repository", "read:user", "read:organization", "read:admin")
FACES = pytest.mark.parametrize("face", ["12", "14", "15", "16"])


class Town:
    """A place with two repositories of `o`, one of an organisation and one of a stranger; `token` is `o`'s."""

    def __init__(self, face: str) -> None:
        self.small = Small(face)
        model = self.model = self.small.model
        owner = model.user("o")
        assert owner
        self.owner = owner
        self.org = model.add_org("org", owner)
        self.second = model.add_repo(owner, "second")
        self.orgs = model.add_repo(self.org, "third", private=True)
        self.stranger = model.add_user("stranger")
        self.foreign = model.add_repo(self.stranger, "hidden", private=True)
        self.boss = model.add_user("boss", admin=True)
        self.token = model.add_token(owner, SCOPES).sha1
        self.boss_token = model.add_token(self.boss, SCOPES).sha1
        for title, repo in (("a", self.small.repo), ("b", self.second), ("c", self.orgs), ("d", self.foreign)):
            model.add_finished_run(repo, {"build": row(title)}, title=title)
        model.add_run(self.small.repo, ["x", JobSpec("y", needs=("x",))], title="e")

    def __enter__(self) -> tuple[Town, Running]:
        self.small.__enter__()
        self.proxy = Running(self.small.url, self.small.web, faces=ON)
        return self, self.proxy

    def __exit__(self, *of_error: object) -> None:
        self.proxy.__exit__()
        self.small.double.stop()


def titles(proxy: Running, path: str, token: str) -> set[str]:
    found = proxy.get(ROOT + path, token)
    assert found.status_code == 200, found.text
    told = found.json()
    assert len(told["workflow_runs"]) <= told["total_count"]
    return {run["display_title"] for run in told["workflow_runs"]}


@clause("Q7")
@FACES
def test_runs_of_all_repositories_of_an_owner(face: str) -> None:
    with Town(face) as (town, proxy):
        assert titles(proxy, "/user/actions/runs", town.token) == {"a", "b", "e"}
        assert titles(proxy, "/user/actions/runs?status=queued", town.token) == {"e"}
        assert titles(proxy, "/orgs/org/actions/runs", town.token) == {"c"}
        assert titles(proxy, "/admin/actions/runs", town.boss_token) == {"a", "b", "c", "d", "e"}
        paged = proxy.get(f"{ROOT}/user/actions/runs?limit=2&page=2", town.token)
        assert (paged.json()["total_count"], len(paged.json()["workflow_runs"])) == (3, 1)
        assert f"<{proxy.base_url}{ROOT}/user/actions/runs?limit=2&page=1>" in paged.headers["Link"]
        (run,) = proxy.get(f"{ROOT}/orgs/org/actions/runs", town.token).json()["workflow_runs"]
        assert run["url"] == f"{proxy.base_url}{ROOT}/repos/org/third/actions/runs/{run['id']}"
        assert "incomplete_results" not in paged.json()


@clause("Q7")
@FACES
def test_a_caller_is_told_no_more_than_it_may_read(face: str) -> None:
    with Town(face) as (town, proxy):
        other = town.model.add_token(town.stranger, SCOPES).sha1
        assert titles(proxy, "/user/actions/runs", other) == {"d"}
        assert titles(proxy, "/orgs/org/actions/runs", other) == set()
        assert proxy.get(f"{ROOT}/admin/actions/runs", other).status_code == 403
        assert proxy.get(f"{ROOT}/admin/actions/jobs", other).status_code == 403
        assert proxy.get(f"{ROOT}/user/actions/runs").status_code == 401
        assert proxy.get(f"{ROOT}/orgs/none/actions/runs", other).status_code == 404
        assert proxy.get(f"{ROOT}/repos/o/r/actions/jobs", other).status_code == 404


@clause("Q7")
@FACES
def test_jobs_of_a_repository_and_of_all(face: str) -> None:
    with Town(face) as (town, proxy):

        def names(path: str, token: str = town.token) -> list[str]:
            return [job["name"] for job in proxy.get(ROOT + path, token).json()["jobs"]]

        jobs = "/repos/o/r/actions/jobs"
        assert names(jobs) == ["build", "x", "y"]
        assert names(f"{jobs}?order=desc&limit=2") == ["y", "x"]
        assert names(f"{jobs}?status=pending") == ["y"]
        assert names("/user/actions/jobs") == ["build", "build", "x", "y"]
        told = proxy.get(f"{ROOT}{jobs}?status=queued", town.token).json()
        assert told["total_count"] == 1
        (job,) = told["jobs"]
        assert job["url"] == f"{proxy.base_url}{ROOT}/repos/o/r/actions/jobs/{job['id']}"
        assert (job["status"], job["run_id"] > 0, job["steps"]) == ("queued", True, [])
        (done,) = proxy.get(f"{ROOT}{jobs}?status=success", town.token).json()["jobs"]
        assert (done["status"], done["conclusion"], done["steps"]) == ("completed", "success", None)
        # what the shim's account cannot see is left out, and the list says so
        town.model.add_finished_run(town.foreign, {"secret": row("s")})
        everything = proxy.get(f"{ROOT}/admin/actions/jobs", town.boss_token).json()
        seen = sum(job["name"] == "secret" for job in everything["jobs"])
        assert (seen, everything.get("incomplete_results")) == ((1, None) if face == "16" else (0, True))


@clause("Q7")
def test_a_list_that_is_cut_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with Town("15") as (town, proxy):
        monkeypatch.setattr(owners, "MOST_RUNS", 2)
        told = proxy.get(f"{ROOT}/user/actions/runs", town.token).json()
        assert (told["total_count"], len(told["workflow_runs"]), told["incomplete_results"]) == (2, 2, True)
        monkeypatch.setattr(owners, "_SEARCH", owners._SEARCH.replace("limit=50", "limit=1"))
        told = proxy.get(f"{ROOT}/user/actions/runs", town.token).json()
        assert ({run["display_title"] for run in told["workflow_runs"]}, told["incomplete_results"]) == ({"b"}, True)
        monkeypatch.undo()
        monkeypatch.setattr(owners, "MOST_RUNS_OF_JOBS", 1)
        told = proxy.get(f"{ROOT}/repos/o/r/actions/jobs", town.token).json()
        assert ([job["name"] for job in told["jobs"]], told["incomplete_results"]) == (["x", "y"], True)


@clause("Q7")
def test_up_to_11_there_are_no_ids_to_list_by() -> None:
    with Town("11") as (town, proxy):
        for path in ("/user/actions/runs", "/orgs/org/actions/jobs", "/repos/o/r/actions/jobs"):
            found = proxy.get(ROOT + path, town.token)
            assert (found.status_code, found.json()["cause"]) == (501, "no-run-ids")


@pytest.fixture(params=["11", "14", "15", "16"])
def town(request: pytest.FixtureRequest) -> Iterator[tuple[Town, Running]]:
    with Town(request.param) as found:
        yield found


@clause("Q8", "X49")
def test_runners_in_giteas_shape(town: tuple[Town, Running]) -> None:
    here, proxy = town
    scopes = {"/repos/o/r": here.small.repo, "/orgs/org": here.org, "/user": here.boss, "/admin": None}
    for path, scope in scopes.items():
        runner = here.model.add_runner("r1", "v1", ["docker", "host"], scope)
        at = f"{ROOT}{path}/actions/runners"
        found = proxy.get(f"{at}?limit=0&page=1", here.boss_token)
        if here.small.double.face.major < 15:
            assert (found.status_code, found.json()["cause"]) == (501, "native-only")
            continue
        shown = {
            "id": runner.id,
            "name": "r1",
            "status": "offline",
            "busy": False,
            "disabled": False,
            "ephemeral": False,
            "labels": [
                {"id": 0, "name": "docker", "type": "custom"},
                {"id": 1, "name": "host", "type": "custom"},
            ],
        }
        assert found.json() == {"total_count": 1, "runners": [shown]}, path
        assert proxy.get(f"{at}/{runner.id}", here.boss_token).json() == shown
        assert proxy.get(f"{at}?disabled=true", here.boss_token).json() == {"total_count": 0, "runners": []}
        assert proxy.get(f"{at}?disabled=perhaps", here.boss_token).status_code == 400
        assert proxy.get(at).status_code in (401, 404)  # the API's own no
        assert proxy.get(f"{at}/999", here.boss_token).status_code == 404
        for token, statuses in ((here.boss_token, (501,)), ("0" * 40, (401,)), ("", (401, 404))):
            headers = {"Authorization": f"token {token}"} if token else {}
            off = proxy.session.patch(f"{proxy.base_url}{at}/{runner.id}", json={}, headers=headers, timeout=5)
            assert off.status_code in statuses, (path, token)
            assert off.json().get("cause", "") == ("native-only" if off.status_code == 501 else "")


@clause("Q8")
def test_a_registration_token_is_asked_for_as_forgejo_gives_it(town: tuple[Town, Running]) -> None:
    here, proxy = town
    headers = {"Authorization": f"token {here.boss_token}"}
    scopes = {"/repos/o/r": here.small.repo, "/orgs/org": here.org, "/user": here.boss, "/admin": None}
    for path, scope in scopes.items():
        address = f"{proxy.base_url}{ROOT}{path}/actions/runners/registration-token"
        found = proxy.session.post(address, headers=headers, timeout=5)
        assert (found.status_code, found.json()) == (200, {"token": here.small.double.registration_token(scope)}), path
        assert found.headers["Cache-Control"] == "no-store"
        assert proxy.session.post(address, timeout=5).status_code in (401, 404), path


@clause("Q7", "X49")
@FACES
def test_jobs_of_what_can_be_no_repository_are_not_there(face: str) -> None:
    with Town(face) as (town, proxy):
        for token in (town.token, ""):
            found = proxy.get(f"{ROOT}/repos/o/r.git/actions/jobs", token)
            assert found.status_code == 404, found.text
