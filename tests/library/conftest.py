"""A desk for the command `forgejo-shim spec`, and a site with documents."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from desk import Desk
from documents import Site


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    return Desk(tmp_path)


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        yield site
