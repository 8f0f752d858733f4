"""Paths that are spelled otherwise: what Forgejo's router takes for an operation is one here, and nothing else.

Rules: what is right was recorded on real servers (tests/routes.py); through a front every server does what one with the
operations did. A request is sent byte for byte, by the adapter as `requests` sends a URL that is there already.
"""

from __future__ import annotations

import pytest
import requests
import routes
from forgejo_shim.faces.forgejo_proxy import ROOT as FACE
from seeded import Job
from targets import Live

clause = pytest.mark.clause
needs = pytest.mark.needs("repoGetActionJobLogs")
LOG = routes.LOG
SOME = (
    f"/{LOG}",
    f"{LOG}/",
    f"{LOG}///",
    f"{LOG}?",
    f"{LOG}?attempt=99;",
    LOG.replace("/", "//"),
    LOG.replace("{owner}/", "{owner}//"),
    LOG.replace("{job}", "{%job}"),
    LOG.replace("{job}", "0{job}"),
    LOG.replace("{job}", "+{job}"),
    LOG.replace("{job}", "%2B{job}"),
    LOG.replace("{job}", "{job};x=1"),
    LOG.replace("{job}", "{%%job}"),
    LOG.replace("{job}", "x"),
    LOG.replace("{owner}", "{%owner}"),
    LOG.replace("{owner}", "{OWNER}"),
    LOG.replace("{repo}", "{%repo}"),
    LOG.replace("/api/", "/%61pi/"),
    LOG.replace("/repos/", "/Repos/"),
    LOG.replace("/actions/", "/%61ctions/"),
    LOG.replace("/actions/", "/./actions/"),
    LOG.replace("/actions/", "/x/../actions/"),
    LOG.replace("/jobs/", "%2Fjobs/"),
    LOG.replace("/logs", "/LOGS"),
    f"{LOG};x=1",
    f"{LOG}%20",
    f"{LOG}%2F",
    f"{LOG}/.",
)


def build(live: Live) -> Job:
    return live.world.job("last", "build")


def place(live: Live, job: Job, base_url: str = "") -> routes.Place:
    owner, _, repo = job.run.repo.full.partition("/")
    values = {"owner": owner, "repo": repo, "job": str(job.id), "run": str(job.run.id)}
    return routes.Place(base_url or live.base_url, live.world.tokens["read"], values)


def took(live: Live, job: Job, spelled: str) -> str:
    """What is answered to a spelling through the target's front."""
    there = place(live, job)
    if live.target.front != "adapter":
        return there.took(f"GET {spelled}")
    session = live.session()
    request = session.prepare_request(requests.Request("GET", live.base_url))
    request.url = live.base_url + routes.filled(spelled, there.values)
    answer = session.send(request, allow_redirects=False)
    told = routes.taken_for(answer.status_code, answer.headers.get("Content-Type", ""), answer.content)
    return there.named(told)


@needs
@clause("S42")
def test_a_log_by_another_path(live: Live) -> None:
    job, recorded = build(live), routes.recorded("15-patched")
    assert live.log(job).content == job.expected()
    for spelled in SOME:
        told, want = took(live, job, spelled), recorded[f"GET {spelled}"]
        assert told == want, spelled


@clause("S42")
def test_the_server_takes_each_path_as_recorded(live: Live) -> None:
    """Whether the table is true, asked of the server itself."""
    if live.target.double:
        pytest.skip("not run: tests/library/test_routes.py asks the double")
    if live.target.front == "proxy":
        pytest.skip("not run: the server is the same as without a proxy in front")
    recorded = routes.recorded(live.target.version)
    if not recorded:
        pytest.skip(f"not run: nothing was recorded of {live.target.version}")
    there = routes.place(live.server.hand())
    wrong = {spelled: (told, now) for spelled, told in recorded.items() if (now := there.took(spelled)) != told}
    assert not wrong, f"{len(wrong)} of {len(recorded)}: {list(wrong.items())[:5]}"


@clause("X28")
@pytest.mark.feature("proxy")
def test_no_path_makes_a_number_an_id(live: Live) -> None:
    """Behind the face at the root, a run's number is one however its path is spelled, or nothing at all."""
    run = live.world.runs["long"]
    job, number = run.jobs["build"], run.number
    faced = live.further("--face", "forgejo-proxy")
    there = place(live, job, faced.base_url)
    plain = f"{routes.ACTIONS}/runs/{number}/logs"
    spelled = [f"/{plain}", f"{plain}//", plain.replace("/", "//"), plain.replace(f"/{number}/", f"/0{number}/")]
    spelled += [f"/{FACE}/{plain}", f"/{FACE}".replace("/", "//") + plain.replace("/", "//")]
    for path in spelled:
        assert there.took(f"GET {path}") == "200 log {job}", path
    for old, new in (("/actions/", "/%61ctions/"), ("/actions/", "/./actions/"), ("/runs/", "/x/../runs/"),
                     ("/runs/", "%2Fruns/"), ("/logs", "/%6Cogs"), ("/api/", "/%2e/api/"), ("/logs", "/Logs"),
                     ("/runs/", "/jobs/..%2Fruns%2F")):  # fmt: skip
        told = there.took(f"GET {plain.replace(old, new)}")
        assert told.startswith("404 ") and "log" not in told, (new, told)
