"""Checks by GitHub's face, behind faces of the double: a run is a check suite, a job a check run."""

from __future__ import annotations

import pytest
from faced import GITHUB, told
from running import Running
from small import Small, row

clause = pytest.mark.clause
R = f"{GITHUB}/repos/o/r"
ON = frozenset({"github"})
RED = b"".join(
    b"2026-01-02T03:04:05.0000000Z %s\n" % line
    for line in (b"compiling", b"src/main.c:12:5: error: 'x' undeclared", b"make: *** [all] Error 1")
)


@clause("V16")
def test_a_job_is_a_check_run(small: Small, proxy: Running) -> None:
    run = small.add({"build": row("a")}, status="failure")
    (job,) = run.jobs
    check = told(proxy, small, f"{R}/check-runs/{job.id}")
    alone = told(proxy, small, f"{R}/actions/jobs/{job.id}")
    same = ("id", "name", "status", "conclusion", "started_at", "completed_at", "html_url", "head_sha")
    assert {name: check[name] for name in same} == {name: alone[name] for name in same}
    assert check["url"] == alone["check_run_url"]
    assert check["output"]["annotations_url"] == f"{check['url']}/annotations"
    assert proxy.get(f"{R}/check-runs/{job.id + 9}", small.token).status_code == 404
    if small.double.face.api_runs:
        suite = told(proxy, small, f"{R}/check-suites/{run.id}")
        assert (suite["id"], suite["conclusion"], check["check_suite"]) == (run.id, "failure", {"id": run.id})
        assert told(proxy, small, f"{R}/actions/runs/{run.id}")["check_suite_url"] == suite["url"]
        (listed,) = told(proxy, small, f"{R}/check-suites/{run.id}/check-runs")["check_runs"]
        assert listed == check
    else:
        assert proxy.get(f"{R}/check-suites/{run.id}", small.token).status_code == 501


@clause("V17")
def test_annotations_are_what_is_found_in_a_failed_job(small: Small, proxy: Running) -> None:
    run = small.add({"build": RED, "test": row("no error: in it")}, status="failure")
    (found, *_) = told(proxy, small, f"{R}/check-runs/{run.jobs[0].id}/annotations")
    assert (found["path"], found["start_line"], found["end_line"], found["start_column"]) == ("src/main.c", 12, 12, 5)
    assert (found["annotation_level"], found["message"]) == ("failure", "'x' undeclared")
    sha = f"/src/commit/{run.sha}/" if small.double.face.api_runs else ""
    assert found["blob_href"].endswith(f"{sha}src/main.c" if sha else "")
    well = small.add({"build": RED})
    assert told(proxy, small, f"{R}/check-runs/{well.jobs[0].id}/annotations") == []
    small.add({"build": RED}, status="failure")
    pages = proxy.get(f"{R}/check-runs/{run.jobs[0].id}/annotations?per_page=1", small.token)
    assert len(pages.json()) == 1
    assert proxy.get(f"{R}/check-runs/{run.jobs[0].id + 99}/annotations", small.token).status_code == 404


@clause("V17")
@pytest.mark.parametrize(
    "file, at",
    [
        ("src/a b#c?d%2e.c", "src/a%20b%23c%3Fd%252e.c"),
        ("src/\u00e9.c", "src/%C3%A9.c"),
        ("./src/main.c", "src/main.c"),
        ("../../../../user/logout?x=1#y z", ""),
        ("src/../../x", ""),
        ("/user/logout", ""),
        ("//elsewhere.example/x", ""),
        ("src//main.c", ""),
        ("src/./main.c", ""),
    ],
)
def test_a_name_in_a_log_leads_to_a_file_of_the_repository_or_nowhere(file: str, at: str) -> None:
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.add({"build": row(f"::error file={file},line=7::boo")}, status="failure")
        (found,) = told(proxy, small, f"{R}/check-runs/{run.jobs[0].id}/annotations")
        assert (found["path"], found["start_line"], found["message"]) == (file, 7, "boo")
        assert found["blob_href"] == (f"{proxy.base_url}/o/r/src/commit/{run.sha}/{at}" if at else "")


@clause("V17")
def test_annotations_of_a_job_without_a_log_are_none(small: Small, proxy: Running) -> None:
    run = small.add({"build": RED}, status="failure")
    small.model.expire(run.jobs[0].tasks[0])
    assert told(proxy, small, f"{R}/check-runs/{run.jobs[0].id}/annotations") == []
    waits = small.model.add_run(small.repo, ["one"])
    assert told(proxy, small, f"{R}/check-runs/{waits.jobs[0].id}/annotations") == []


@clause("V18")
@pytest.mark.parametrize("face", ["12", "14", "15", "16"])
def test_checks_of_a_commit(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        small.repo.head = "a" * 40
        first = small.add({"build": row("a"), "test": row("b")})
        other = small.add({"lint": row("c")}, status="failure", workflow="lint.yml")
        small.repo.head = "b" * 40
        small.add({"build": row("d")}, ref="refs/heads/a/branch")
        for ref, names in (
            ("a" * 40, ["lint", "build", "test"]),
            ("aaaaaaaaaa", ["lint", "build", "test"]),
            ("a/branch", ["build"]),
            ("heads/a/branch", ["build"]),
            ("a%2Fbranch", ["build"]),
            (f"{'a' * 40}", ["lint", "build", "test"]),
        ):
            listed = told(proxy, small, f"{R}/commits/{ref}/check-runs")
            assert (listed["total_count"], [one["name"] for one in listed["check_runs"]]) == (len(names), names), ref
        a = "a" * 40
        one = told(proxy, small, f"{R}/commits/{a}/check-runs")["check_runs"][0]
        assert (one["id"], one["head_sha"], one["conclusion"]) == (other.jobs[0].id, a, "failure")
        assert one["check_suite"] == {"id": other.id}
        for query, names in (
            ("check_name=test", ["test"]),
            ("status=completed&filter=latest", ["lint", "build", "test"]),
            ("status=queued", []),
            ("per_page=2&page=2", ["test"]),
        ):
            checks = told(proxy, small, f"{R}/commits/{a}/check-runs?{query}")["check_runs"]
            assert [check["name"] for check in checks] == names, query
        assert proxy.get(f"{R}/commits/{a}/check-runs?status=green", small.token).status_code == 422
        for query in ("check-runs?filter=all", "check-runs?app_id=1", "check-suites?app_id=1"):
            found = proxy.get(f"{R}/commits/{a}/{query}", small.token)
            assert (found.status_code, found.json()["cause"]) == (501, "filter-not-possible"), query
        for query, ids in (
            ("", [other.id, first.id]),
            ("check_name=test", [first.id]),
            ("check_name=none", []),
            ("check_name=build&page=2", []),
        ):
            suites = told(proxy, small, f"{R}/commits/{a}/check-suites?{query}")
            assert [suite["id"] for suite in suites["check_suites"]] == ids, query
        assert proxy.get(f"{R}/commits/nothing/check-runs", small.token).status_code == 404


@clause("V16")
@pytest.mark.parametrize("face", ["12", "14", "15", "16"])
def test_check_runs_of_a_suite_are_chosen_by_name_and_status(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        run = small.model.add_run(small.repo, ["build", "test", "lint"])
        small.model.play(run.jobs[0], row("a"), "failure")
        small.model.play(run.jobs[1], row("b"))
        for query, names in (
            ("check_name=test", ["test"]),
            ("check_name=none", []),
            ("status=completed", ["build", "test"]),
            ("status=queued", ["lint"]),
            ("status=queued&check_name=test", []),
            ("status=completed&per_page=1&page=2", ["test"]),
            ("filter=latest", ["build", "test", "lint"]),
        ):
            listed = told(proxy, small, f"{R}/check-suites/{run.id}/check-runs?{query}")
            assert [check["name"] for check in listed["check_runs"]] == names, query
        small.model.play(run.jobs[2], row("c"))
        small.model.rerun(run.jobs[1])
        if face in ("15", "16"):  # before, only the attempt that is waiting is known
            for query, conclusions in (("completed", ["success"]), ("queued", [None])):
                path = f"{R}/check-suites/{run.id}/check-runs?filter=all&check_name=test&status={query}"
                checks = told(proxy, small, path)["check_runs"]
                assert [check["conclusion"] for check in checks] == conclusions, query
        for query, status in (("status=green", 422), ("filter=some", 422), ("app_id=1", 501)):
            found = proxy.get(f"{R}/check-suites/{run.id}/check-runs?{query}", small.token)
            assert found.status_code == status, query


@clause("V18")
@pytest.mark.parametrize("face", ["14", "15", "16"])
def test_what_checks_of_a_commit_cost(face: str) -> None:
    with Small(face) as small, Running(small.url, small.web, faces=ON) as proxy:
        small.repo.head = "a" * 40
        for _ in range(30):
            small.model.add_run(small.repo, ["one", "two"])
        told(proxy, small, f"{R}/actions/runs/{next(iter(small.model.runs))}/jobs")
        before = len(small.double.requests)
        assert told(proxy, small, f"{R}/commits/{'a' * 40}/check-runs")["total_count"] == 60
        assert len(small.double.requests) - before <= 30 + 4
        small.model.add_run(small.repo, ["one"])
        found = proxy.get(f"{R}/commits/main/check-runs", small.token)
        assert (found.status_code, found.json()["cause"]) == (504, "search-limit")


@clause("V19")
def test_the_status_of_a_commit(small: Small, proxy: Running) -> None:
    small.repo.head = "a" * 40
    small.add({"build": row("a"), "test": row("b")})
    status = told(proxy, small, f"{R}/commits/main/status")
    assert (status["state"], status["sha"], status["total_count"]) == ("success", "a" * 40, 2)
    assert [one["context"] for one in status["statuses"]] == ["ci.yml / build (push)", "ci.yml / test (push)"]
    assert status["repository"]["full_name"] == "o/r"
    small.add({"other": row("c")}, status="failure")
    paged = told(proxy, small, f"{R}/commits/{'a' * 40}/status?per_page=1&page=2")
    assert (paged["state"], paged["total_count"], len(paged["statuses"])) == ("failure", 3, 1)
    small.repo.head = "b" * 40
    small.model.add_run(small.repo, ["one"], event="workflow_dispatch")
    none = told(proxy, small, f"{R}/commits/main/status")
    assert (none["state"], none["statuses"], none["sha"]) == ("pending", [], "b" * 40)
    assert none["repository"]["full_name"] == "o/r"
    assert proxy.get(f"{R}/commits/nothing/status", small.token).status_code == 404


@clause("V18")
@pytest.mark.parametrize("ref", ["a%20b", "%20main", "main%0Amain", "main%40%7B99%7D", "%40%7Bu%7D"])
def test_what_git_allows_in_no_name_is_no_commit(ref: str) -> None:
    """The API answers such with 500, or never, so it is not asked."""
    with Small("15") as small, Running(small.url, small.web, faces=ON) as proxy:
        small.repo.head = "a" * 40
        for path in ("check-runs", "check-suites", "status"):
            found = proxy.get(f"{R}/commits/{ref}/{path}", small.token)
            assert (found.status_code, found.json()["status"]) == (404, "404"), path
            assert proxy.get(f"{R}/commits/{ref}/{path}").status_code == 404, path
        assert not any(seen.path.endswith("/commits") for seen in small.double.requests)
        assert proxy.get(f"{R}/commits/main/status", small.token).status_code == 200


@clause("V16")
def test_checks_are_as_closed_as_runs(small: Small, proxy: Running) -> None:
    run = small.add({"build": RED}, status="failure")
    outsider = small.model.add_token(small.model.add_user("outsider")).sha1
    paths = [f"check-runs/{run.jobs[0].id}{what}" for what in ("", "/annotations")]
    paths += [f"commits/main/{what}" for what in ("check-runs", "check-suites", "status")]
    for path in [*paths, f"check-suites/{run.id}", f"check-suites/{run.id}/check-runs"]:
        for token, expected in ((outsider, 404), ("", 404), ("0" * 40, 401)):
            assert proxy.get(f"{R}/{path}", token).status_code == expected, path
