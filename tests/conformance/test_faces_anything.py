"""Clause X50: random requests by GitHub's and Gitea's face are answered in form, and give nobody what is not theirs.

Rules: of a repository of its own, by who may read it, who may write to it, an outsider, a wrong token and nobody. In
what the latter are told there is nothing that the repository alone has. `FORGEJO_SHIM_REQUESTS=10000` for more of them.
"""

from __future__ import annotations

import json
import os
import random
import re
from collections import Counter

import pytest
from certificates import certified
from dice import Known, Thrown, throw
from face_questions import NOBODYS, ROOTS
from hand import WRITE
from proxied import request
from seeded import Repo, Run, Stage
from targets import Live
from test_proxy_anything import exchange
from world import ONE, labelled

clause = pytest.mark.clause
pytestmark = pytest.mark.feature("proxy")
COUNT = int(os.environ.get("FORGEJO_SHIM_REQUESTS", "200"))
SECRET = b"S3cret-0123456789abcdef"
STRANGERS = ("outsider", "wrong", "nobody")
FILE = "of-the-dice.yml"  # which the repository alone has
FAULT = re.compile(r"^forgejo-shim: \w+ at .*", re.MULTILINE)  # what nobody thought of
# What a page of Forgejo's own says: no face's, and not JSON.
UNREADABLE = b'{"message":"the request cannot be read"}'  # what is no HTTP
PAGES = re.compile(
    rb"\s*(<|404 page not found|Not found\.|invalid range|Credentials are |400 |Bad Request|Forbidden|\Z)",
    re.IGNORECASE,
)


class Table:
    """The repository with its runs, and who asks."""

    def __init__(self, live: Live, face: str) -> None:
        hand, world = live.world.hand, live.world
        owner = world.accounts["owner"].name
        self.repo = Repo(hand.repo(owner, f"dice-{face}-{world.mark}"))
        self.stage = Stage(hand, world.runner, f"{world.mark}-dice-{face}")  # what is run again waits for nobody else
        hand.push(self.repo.full, {FILE: labelled(ONE, self.stage.mark)})
        self.runs = [self.run(f"{face}-{number}") for number in range(4)]
        writer = hand.user(f"dicer-{face}-{world.mark}")
        hand.collaborator(self.repo.full, writer, "write")
        self.tokens = {"owner": world.tokens["read"], "outsider": world.tokens["outsider"], "wrong": "0" * 40}
        self.tokens["writer"] = hand.new_token(writer, WRITE)
        self.sha = hand.api("GET", f"/repos/{self.repo.full}/commits?limit=1")[0]["sha"]
        self.marks = [b"row", self.sha.encode(), FILE.encode(), writer.name.encode()]

    def run(self, key: str) -> Run:
        run = self.stage.start(key, self.repo, ONE, FILE)
        job = self.stage.take(run, "build")
        self.stage.say(job, more=False)
        self.stage.upload(job, "one", {"a.txt": b"row of a file\n"})
        self.stage.finish(job, "failure")
        return run

    def known(self, live: Live) -> Known:
        owner, _, repo = self.repo.full.encode().partition(b"/")
        artifacts = live.get(f"/repos/{self.repo.full}/actions/artifacts").json()
        jobs = [job for run in self.runs for job in run.jobs.values()]
        parts = {
            "owner": [owner],
            "repo": [repo],
            "run_id": [b"%d" % (run.id or run.number) for run in self.runs],
            "job_id": [b"%d" % job.id for job in jobs],
            "attempt": [b"1", b"1", b"2"],
            "artifact_id": [b"%d" % one["id"] for one in artifacts],
            "runner_id": [b"1", b"%d" % NOBODYS],
            "workflow": [FILE.encode(), b"none.yml", b"123"],
            "commit": [b"main", self.sha.encode(), b"none", b"feature/x"],
            "org": [b"none", owner],
        }
        callers = {who: b"token " + token.encode() for who, token in self.tokens.items()}
        return Known(parts, callers, SECRET)


@clause("X50")
@pytest.mark.parametrize("face", ["github", "gitea"])
def test_random_requests_for_the_routes_of_a_face(live: Live, face: str) -> None:
    dice = random.Random(11)
    table = Table(live, face)
    known = table.known(live)
    counts: Counter[tuple[str, bytes]] = Counter()
    with live.fresh("--face", face, "--allow-writes", tls=certified()) as proxied:
        connection = proxied.dialled()
        for _ in range(COUNT):
            thrown = throw(dice, face, known)
            sent = request(thrown.target, *thrown.lines, method=thrown.method, body=thrown.body)
            status, body, goes_on = exchange(connection, sent)
            counts[thrown.who, status] += 1
            looks_right(table, face, thrown, status, body)
            if not goes_on:
                connection.close()
                connection = proxied.dialled()
        connection.close()
        log = proxied.log()
    assert not FAULT.findall(log) and "proxy-failed" not in log and "Traceback" not in log, FAULT.findall(log)
    secrets = [SECRET.decode(), *table.tokens.values(), live.web.password, "gAAAA"]
    assert [secret for secret in secrets if secret in log] == []
    assert "broken" not in {status for _, status in counts}, counts
    for who in table.tokens:
        assert sum(count for (one, _), count in counts.items() if one == who) > 0.1 * COUNT
    assert counts["owner", b"200"] > 0.01 * COUNT, counts  # fewest on 11, where runs have no ids
    print(face, dict(sorted(counts.items())))


def looks_right(table: Table, face: str, thrown: Thrown, status: bytes, body: bytes) -> None:
    """Raise unless an answer is in form and is nobody else's."""
    what = f"{thrown}: {status!r} {body[:300]!r}"
    assert b'"proxy-failed"' not in body, what
    if status >= b"400" and body and not (PAGES.match(body) or body == UNREADABLE) and thrown.method != b"HEAD":
        told = json.loads(body)
        assert isinstance(told.get("message"), str), what
        if face == "github" and thrown.target.startswith(ROOTS[face].encode() + b"/"):
            assert told.get("status") == status.decode() and told.get("documentation_url"), what
    if thrown.who in STRANGERS:
        assert status not in (b"200", b"302") or table.repo.full.encode() not in thrown.target, what
        heard = [mark for mark in table.marks if mark in body and mark not in thrown.target]
        assert not heard or b"openapi" in thrown.target or b"swagger" in thrown.target, what
