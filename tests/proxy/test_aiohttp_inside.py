"""What the proxy uses of aiohttp without a promise: it is there, and used in one file."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path

import aiohttp
import pytest
from forgejo_shim.proxy import aiohttp_inside
from forgejo_shim.proxy.aiohttp_inside import NAMES

PROXY = Path(aiohttp_inside.__file__).parent
PYPROJECT = Path(__file__).parents[2] / "shim" / "pyproject.toml"


@pytest.mark.parametrize(
    "owner, name, what",
    NAMES,
    ids=[f"{owner.__name__}.{name}" for owner, name, _ in NAMES],
)
def test_aiohttp_still_has_it(owner: type, name: str, what: str) -> None:
    made_there = (line for line in _source(owner).splitlines() if f"self.{name}" in line)
    there = hasattr(owner, name) or any(made_there)
    assert there, f"aiohttp {aiohttp.__version__} has no {owner.__name__}.{name} any more; it is needed for {what}"


def test_no_other_file_uses_it() -> None:
    names = "|".join(re.escape(name) for _, name, _ in NAMES)
    private = re.compile(rf"\b(?:{names})\b|from aiohttp\.(?!hdrs\b)\S+ import")
    found = {path.name: private.findall(path.read_text()) for path in PROXY.glob("*.py")}
    assert {name for name, uses in found.items() if uses} == {"aiohttp_inside.py"}, found


def test_a_version_that_may_break_it_is_not_installed() -> None:
    (wanted,) = [
        line
        for line in tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]["proxy"]
        if line.startswith("aiohttp")
    ]
    low, high = re.fullmatch(r"aiohttp>=(\d+\.\d+(?:\.\d+)?),<(\d+\.\d+)", wanted).groups()  # type: ignore[union-attr]
    assert tuple(map(int, low.split("."))) <= _version() < tuple(map(int, high.split(".")))
    major, minor = map(int, low.split(".")[:2])
    assert high == f"{major}.{minor + 1}", "a private name may go with any minor version"


def _version() -> tuple[int, ...]:
    return tuple(int(number) for number in aiohttp.__version__.split(".")[:3])


def _source(owner: type) -> str:
    """The file that a class of aiohttp's stands in."""
    return Path(inspect.getfile(owner)).read_text()
