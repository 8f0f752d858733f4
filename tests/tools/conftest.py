"""The tiny project that stands for Forgejo, made once a file, and a copy of it for each test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from upstream import Upstream


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    return Upstream.made(tmp_path_factory.mktemp("upstream"))


@pytest.fixture
def upstream(made: Upstream, tmp_path: Path) -> Upstream:
    return made.copy(tmp_path)


@pytest.fixture
def only_git(tmp_path: Path) -> str:
    """A PATH with git and nothing else."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/git").symlink_to(shutil.which("git") or "")
    return str(tmp_path / "bin")
