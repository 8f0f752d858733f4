"""Random worlds: whatever happens on the server, an answer is the oracle's bytes or a documented error.

Rules: those of grounds.py. `FORGEJO_SHIM_WORLDS` says how many worlds run on each face of the double (4 by default),
and on each real server that can be had (servers.py; none by default).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest
import servers
from forgejo_shim.webui import reader
from grounds import WORLDS, Ground, grow, play


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "HAND_OVER", 0.001)


@pytest.fixture(scope="module")
def grounds() -> Iterator[Callable[[str], Ground]]:
    """The double's faces, each with one ground."""
    made: dict[str, Ground] = {}

    def ground(version: str) -> Ground:
        if version not in made:
            made[version] = Ground(servers.pretended(version)())
        return made[version]

    yield ground
    for found in made.values():
        found.server.stop()


@pytest.mark.clause("S12", "S13", "S16", "L9")
@pytest.mark.parametrize("version", ["11", "13.0.3", "13", "14", "15", "16"])
def test_random_worlds_on_the_double(version: str, grounds: Callable[[str], Ground]) -> None:
    grow(grounds(version), WORLDS or 4)


@pytest.mark.clause("S12", "S13", "S16", "L9")
@pytest.mark.parametrize("version", servers.VERSIONS)
def test_random_worlds_on_a_real_server(version: str) -> None:
    if not WORLDS:
        pytest.skip("not run: FORGEJO_SHIM_WORLDS says not how many")
    way = servers.available(version)
    if isinstance(way, str):
        pytest.skip(way)
    with way() as server:
        ground = Ground(server)
        for number in range(WORLDS):
            chance = random.Random(f"{version} {number}")
            if chance.random() < 0.5:
                ground.fresh()
            play(ground, chance.choice, chance.randint(8, 24))
        print(
            f"\n{WORLDS} random worlds on {server.how}, {ground.hand.version}: {dict(sorted(ground.answers.items()))}"
        )
