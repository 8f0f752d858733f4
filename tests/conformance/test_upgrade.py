"""A patched 15.0.x starts on a stock database, and the stock one on the patched one's.

Rules: only executables, because a container's data go with it; the schema is compared as SQLite tells it.
"""

from __future__ import annotations

import os

import pytest
from servers import Executable
from targets import log_path
from world import seed

PAIRS = [(f"FORGEJO_BIN_{version}", f"FORGEJO_BIN_{version}_PATCHED") for version in ("15", "15_0_4")]


@pytest.mark.parametrize("names", PAIRS, ids="-".join)
def test_stock_and_patched_take_turns_on_one_database(names: tuple[str, str]) -> None:
    stock, patched = (os.environ.get(name) for name in names)
    if not (stock and patched):
        pytest.skip(f"not run: {' and '.join(names)} are not both set")
    with Executable(stock) as server:
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
        server.become(patched)
        assert server.hand().version.startswith(f"{stock_version}-")
        assert log() == (200, job.expected(), job.expected())
        assert server.schema() == schema
        server.become(stock)
        assert server.hand().version == stock_version
        assert log() == (404, b"404 page not found\n", job.expected())
        assert server.schema() == schema
