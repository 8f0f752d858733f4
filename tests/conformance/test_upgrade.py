"""The patched 15.0.2 starts on a stock database, and a stock 15.0.2 on the patched one's.

Rules: only executables, because a container's data go with it; the schema is compared as SQLite tells it.
"""

from __future__ import annotations

import os

import pytest
from servers import Executable
from targets import log_path
from world import seed

STOCK, PATCHED = (os.environ.get(name) for name in ("FORGEJO_BIN_15", "FORGEJO_BIN_15_PATCHED"))


@pytest.mark.skipif(
    not (STOCK and PATCHED), reason="not run: FORGEJO_BIN_15 and FORGEJO_BIN_15_PATCHED are not both set"
)
def test_stock_and_patched_take_turns_on_one_database() -> None:
    assert STOCK and PATCHED
    with Executable(STOCK) as server:
        world = seed(server.hand())
        job = world.job("failing", "build")
        path = log_path(job.run.repo, job.id)

        def log() -> tuple[int, bytes, bytes]:
            hand = server.hand()
            native = hand.ask("GET", path)
            web = hand.download(job.run.repo.full, job.run.number, job.index)
            return native.status_code, native.content, web.content

        stock_version, schema = server.hand().version, server.schema()
        assert log() == (404, b"404 page not found\n", job.expected())
        server.become(PATCHED)
        assert server.hand().version.startswith(f"{stock_version}-")
        assert log() == (200, job.expected(), job.expected())
        assert server.schema() == schema
        server.become(STOCK)
        assert server.hand().version == stock_version
        assert log() == (404, b"404 page not found\n", job.expected())
        assert server.schema() == schema
