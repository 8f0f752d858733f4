"""A runner through the proxy with Gitea's face on: its protocol and its uploads stay as they are, and a client of
Gitea's reads what it made.
"""

from __future__ import annotations

from typing import Literal

import pytest
from faced import GITEA as ROOT
from forgejo_shim.operations import API
from runner import Row, Runner
from running import Running
from small import Small
from uploads import upload

clause = pytest.mark.clause
ROWS = [Row("one"), Row("two", 5)]


@clause("Q2")
@pytest.mark.parametrize("protocol", ["v3", "v4"])
def test_a_runner_registers_runs_and_uploads(small: Small, protocol: Literal["v3", "v4"]) -> None:
    run = small.model.add_run(small.repo, ["build"])
    admin = {"Authorization": f"token {small.model.add_token(small.model.add_user('boss', admin=True)).sha1}"}
    with Running(small.url, small.web, faces=frozenset({"gitea"}), gitea_host="127.0.0.1") as proxy:
        path = f"{ROOT}/repos/o/r/actions/runners/registration-token"
        token = proxy.session.post(proxy.base_url + path, headers=admin, timeout=5).json()["token"]
        begin = len(small.double.requests)
        task = Runner(proxy.base_url, token, ["box"]).fetch()
        assert task
        content = upload(task, "one", {"a.txt": b"hello"}, protocol=protocol)
        task.rows(ROWS, more=False)
        task.finish(steps=[(1, "success")])
        seen = [one.path for one in small.double.requests[begin:]]
        assert seen and all(one.startswith(("/api/actions", "/twirp/")) for one in seen)
        assert not any(line["path"].startswith((API, ROOT)) for line in proxy.lines(len(seen))[1:])
        log = proxy.get(f"{ROOT}/repos/o/r/actions/jobs/{run.jobs[0].id}/logs", small.token)
        assert log.content == b"".join(row.stored for row in ROWS)
        (artifact,) = proxy.get(f"{ROOT}/repos/o/r/actions/artifacts", small.token).json()["artifacts"]
        packed = proxy.get(f"{ROOT}/repos/o/r/actions/artifacts/{artifact['id']}/zip", small.token)
        given = proxy.session.get(packed.headers["Location"], timeout=5).content
        assert given == content if protocol == "v4" else b"a.txt" in given
