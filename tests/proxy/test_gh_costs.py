"""What gh costs the server: the requests of one command about a run of twenty jobs, two of which failed.

Rules: counted at a double. Cold is the first question after a proxy has learnt what the server can do and signed in,
warm the same one again. gh has a home of its own each time, since it keeps logs too. The figures are those of FACES.md.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from certificates import certified
from gh_program import Gh
from proxied import Proxied
from seeded import Repo
from small import Small, row

JOBS, FAILED = 20, (3, 11)
ON = ("--face", "github")
FACES = (Path(__file__).parents[2] / "shim" / "FACES.md").read_text()


@dataclass(frozen=True)
class Place:
    """What `Gh` needs of a live target."""

    small: Small
    proxy: Proxied

    @property
    def world(self) -> SimpleNamespace:
        return SimpleNamespace(tokens={"owner": self.small.token})

    def faced(self) -> Proxied:
        return self.proxy


def cost(place: Place, home: Path, *words: object) -> int:
    """How many requests of a command of gh's come to the server."""
    before = len(place.small.double.requests)
    Gh("gh", place, Repo("o/r"), home=home).bytes(*words)  # type: ignore[arg-type]
    return len(place.small.double.requests) - before


@pytest.mark.clause("V9")
@pytest.mark.parametrize("column", [0, 1], ids=["15", "16"])
@pytest.mark.parametrize("words", [("run", "view"), ("run", "view", "--log")])
def test_what_a_command_costs(column: int, words: tuple[str, ...], tmp_path: Path) -> None:
    (row_of_table,) = re.findall(rf"^\| `gh {' '.join(words)}` (.*)$", FACES, re.MULTILINE)
    told = [int(number) for number in re.findall(r"\d+", row_of_table)][2 * column :][:2]
    with Small(("15", "16")[column]) as small, Proxied(small.url, small.web, *ON, tls=certified()) as proxy:
        run = small.model.add_run(small.repo, [f"job {number}" for number in range(JOBS)])
        for number, job in enumerate(run.jobs):
            small.model.play(job, row("x"), "failure" if number in FAILED else "success")
        place = Place(small, proxy)
        cost(place, tmp_path / "other", "run", "view", small.add({"build": row("x")}).id)
        for time, most in zip(("first", "again"), told, strict=True):
            counted = cost(place, tmp_path / time, *words, run.id)
            assert most - JOBS < counted <= most, f"{time}: {counted}"
