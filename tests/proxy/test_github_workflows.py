"""Workflows and artifacts by GitHub's face, behind faces of the double."""

from __future__ import annotations

import pytest
from faced import GITHUB, told
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{GITHUB}/repos/o/r"
ON = frozenset({"github"})
WORKFLOWS = f"{R}/actions/workflows"
FOLDERS = (".forgejo/workflows", ".gitea/workflows", ".github/workflows")


@clause("V10")
def test_workflows_are_files_and_what_runs_tell(small: Small, proxy: Running) -> None:
    small.repo.files |= {
        ".forgejo/workflows/ci.yml": b'name: "The CI" # of all\non: push\n',
        ".forgejo/workflows/plain.yaml": b"on: push\njobs:\n  name: no\n",
        ".forgejo/workflows/notes.txt": b"name: none",
        ".github/workflows/hidden.yml": b"name: hidden by the other folder",
    }
    small.add(workflow="ci.yml")
    small.add(workflow="gone.yml")
    listed = told(proxy, small, WORKFLOWS)
    shown = [(one["name"], one["path"]) for one in listed["workflows"]]
    files = [("The CI", ".forgejo/workflows/ci.yml"), (".forgejo/workflows/plain.yaml",) * 2]
    assert shown == files + ([("gone.yml", "gone.yml")] if small.double.face.api_runs else [])
    assert listed["total_count"] == len(shown)
    ids = [one["id"] for one in listed["workflows"]]
    assert len(set(ids)) == len(ids) and all(0 < number < 2**53 for number in ids)
    for one in listed["workflows"]:
        for name in (one["id"], one["path"].rpartition("/")[2]):
            assert told(proxy, small, f"{WORKFLOWS}/{name}") == one
    for name in ("hidden.yml", "notes.txt", "7", "no.yml"):
        missing = proxy.get(f"{WORKFLOWS}/{name}", small.token)
        assert (missing.status_code, missing.json()["cause"]) == (404, "workflow-not-found"), name
    paged = told(proxy, small, f"{WORKFLOWS}?per_page=1&page=2")
    assert [one["id"] for one in paged["workflows"]] == ids[1:2]


@clause("V10")
@pytest.mark.parametrize("number", range(3))
def test_the_first_folder_that_there_is(number: int) -> None:
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        small.repo.files |= {f"{folder}/ci.yml": b"" for folder in FOLDERS[number:]}
        (one,) = told(proxy, small, WORKFLOWS)["workflows"]
        assert one["path"] == f"{FOLDERS[number]}/ci.yml"


@clause("V10")
def test_runs_of_a_workflow(small: Small, proxy: Running) -> None:
    small.repo.files |= {".forgejo/workflows/ci.yml": b"on: push\n"}
    for workflow in ("ci.yml", "other.yml", "ci.yml"):
        small.add(workflow=workflow, status="failure" if workflow == "ci.yml" else "success")
    number = told(proxy, small, f"{WORKFLOWS}/ci.yml")["id"]
    for name in (number, "ci.yml"):
        runs = told(proxy, small, f"{WORKFLOWS}/{name}/runs")
        assert [run["run_number"] for run in runs["workflow_runs"]] == [3, 1]
        assert told(proxy, small, f"{WORKFLOWS}/{name}/runs?status=success")["total_count"] == 0
    assert proxy.get(f"{WORKFLOWS}/no.yml/runs", small.token).status_code == 404
    if small.double.face.api_runs:
        assert {run["workflow_id"] for run in runs["workflow_runs"]} == {number}


@clause("V10")
def test_a_file_is_read_once() -> None:
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        small.repo.files |= {f".forgejo/workflows/{n}.yml": b"name: w%d" % n for n in range(5)}
        told(proxy, small, WORKFLOWS)
        before = len(small.double.requests)
        told(proxy, small, WORKFLOWS)
        assert len(small.double.requests) - before == 3  # the folder, a page of runs, and which ones are off
        small.repo.files[".forgejo/workflows/1.yml"] = b"name: another"
        assert "another" in [one["name"] for one in told(proxy, small, WORKFLOWS)["workflows"]]


@clause("V22")
def test_which_ones_are_switched_off(small: Small, proxy: Running) -> None:
    names = ("ci.yml", "off.yml", "a+b & c<é>.yml")
    small.repo.files |= {f".forgejo/workflows/{name}": b"on: push\n" for name in names}
    small.add(workflow="gone.yml")
    small.repo.switched_off |= {"off.yml", "gone.yml", names[2]}
    wanted = {"ci.yml": "active", "off.yml": "disabled_manually", names[2]: "disabled_manually", "gone.yml": "active"}
    listed = {one["path"].rpartition("/")[2]: one for one in told(proxy, small, WORKFLOWS)["workflows"]}
    assert {name: one["state"] for name, one in listed.items()} == {name: wanted[name] for name in listed}
    for one in listed.values():
        assert told(proxy, small, f"{WORKFLOWS}/{one['id']}") == one
    before = len(small.double.requests)
    told(proxy, small, WORKFLOWS)
    asked = [seen for seen in small.double.requests[before:] if seen.path == "/o/r/actions"]
    assert len(asked) == 1


@clause("V22", "Q6")
def test_without_a_web_account_none_is_known_to_be_off(small: Small) -> None:
    small.repo.files[".forgejo/workflows/ci.yml"] = b"on: push\n"
    small.repo.switched_off.add("ci.yml")
    at = {f"{WORKFLOWS}/ci.yml": "active", "/compat/gitea/api/v1/repos/o/r/actions/workflows/ci.yml": None}
    with Running(small.url, None, faces=frozenset({"github", "gitea"})) as proxy:
        for path, state in at.items():
            assert told(proxy, small, path)["state"] == state
        small.repo.private = False  # whose pages anybody may read
        for path in at:
            assert told(proxy, small, path)["state"] == "disabled_manually"


@clause("V22")
@pytest.mark.parametrize("answer", ["200 page", "half of it"])
def test_a_list_that_is_not_understood_is_an_error(small: Small, proxy: Running, answer: str) -> None:
    small.repo.files[".forgejo/workflows/ci.yml"] = b"on: push\n"
    small.double.faults.foreign(r"^/o/r/actions\?", answer)
    found = proxy.get(WORKFLOWS, small.token)
    assert (found.status_code, "the workflows of o/r" in found.json()["message"]) == (502, True), found.text


@clause("V10")
def test_it_is_as_open_as_the_list_of_runs(small: Small, proxy: Running) -> None:
    small.repo.files |= {".forgejo/workflows/ci.yml": b"on: push\n"}
    outsider = small.model.add_token(small.model.add_user("outsider")).sha1
    for path in (WORKFLOWS, f"{WORKFLOWS}/ci.yml", f"{WORKFLOWS}/ci.yml/runs", f"{WORKFLOWS}/no.yml"):
        for token, status in ((outsider, 404), ("", 404), ("0" * 40, 401)):
            found = proxy.get(path, token)
            assert (found.status_code, "cause" in found.json()) == (status, False), path


@clause("V11")
def test_artifacts(small: Small, proxy: Running) -> None:
    run = small.add({"build": row("x")})
    for name in ("one", "two", "three"):
        small.model.artifacts.add(run, name, b"content")
    listed = told(proxy, small, f"{R}/actions/artifacts?per_page=100")
    assert listed["total_count"] == 3
    assert {one["name"] for one in listed["artifacts"]} == {"one", "two", "three"}
    for one in listed["artifacts"]:
        assert one["archive_download_url"] == f"{proxy.base_url}{R}/actions/artifacts/{one['id']}/zip"
        assert told(proxy, small, f"{R}/actions/artifacts/{one['id']}") == one
    assert told(proxy, small, f"{R}/actions/artifacts?name=two")["total_count"] == 1
    page = proxy.get(f"{R}/actions/artifacts?per_page=2", small.token)
    assert (len(page.json()["artifacts"]), page.links["next"]["url"].endswith("page=2")) == (2, True)
    of_run = proxy.get(f"{R}/actions/runs/{run.id}/artifacts", small.token)
    if small.double.face.api_runs:
        assert of_run.json()["artifacts"] == listed["artifacts"]
    else:
        assert (of_run.status_code, of_run.json()["cause"]) == (501, "no-run-ids")
    assert proxy.get(f"{R}/actions/artifacts/1234567", small.token).status_code == 404


@clause("V11")
@pytest.mark.parametrize("face", ["15", "16"])
def test_where_no_document_tells_what_is_native(face: str) -> None:
    with Small(face, swagger=False) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add()
        small.model.artifacts.add(run, "one", b"content")
        for path in ("artifacts", f"runs/{run.id}/artifacts", "artifacts"):
            (one,) = told(proxy, small, f"{R}/actions/{path}")["artifacts"]
            assert told(proxy, small, f"{R}/actions/artifacts/{one['id']}") == one
            assert one["name"] == "one" and (one["created_at"] is not None) == small.double.face.native_logs
        (job,) = told(proxy, small, f"{R}/actions/runs/{run.id}/jobs")["jobs"]
        assert told(proxy, small, f"{R}/actions/jobs/{job['id']}")["name"] == job["name"]
