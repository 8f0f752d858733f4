#!/usr/bin/env python3
"""Measure what the library, the proxy and the patches cost, as ratios and counts of one run, and print them as a table.

    python scripts/bench [--json FILE] [--save]

Rules
-----
* Nothing is compared with a figure of another day or machine: a plain web download and a read through the adapter take
  turns, and the median of their ratios is the figure. Memory is that of a child process, before and at its peak.
* adapter.py has the library's figures, counts.py its requests, fronted.py and calls.py those of the proxy, doored.py
  that of the shipped nginx.conf, artifacts.py those of both about artifacts, faces.py those of GitHub's face,
  patched.py those of a Forgejo with the patches, reports.py those of `why`, judged.py those of the spec checks, of
  which the last two have seconds; measuring.py has what they share.
* The server is another process than the client. It is the double, and a real Forgejo too where there is one
  (`servers.available`); the worlds of 10,000 runs, the log of 1 GB through the adapter, and the followers, who would
  keep a Forgejo busy and whose memory is the proxy's, are the double's alone.
* Every read is checked: bytes that are not the job's end the bench with an error. A missed budget is shown, not failed.
* `--save` writes tests/data/bench.json, from which `scripts/tables` makes the table in README.md; beside each figure
  stands what the file had of it before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

import adapter  # noqa: E402
import artifacts  # noqa: E402
import calls  # noqa: E402
import counts  # noqa: E402
import doored  # noqa: E402
import faces  # noqa: E402
import fronted  # noqa: E402
import judged  # noqa: E402
import patched  # noqa: E402
import reports  # noqa: E402
import servers  # noqa: E402
from hand import Hand  # noqa: E402
from measuring import LARGE, PLACE, SMALL, Figure, prepare, say  # noqa: E402

SAVED = ROOT / "tests/data/bench.json"
ROLES = {"serve": adapter.serve, "remember": adapter.remember}  # of the processes that adapter.py starts


def figures() -> Iterator[Figure]:
    """Every figure, in the order of the table."""
    with adapter.doubled() as ground:
        yield from adapter.speed(ground, at_least=0.95)
        yield from adapter.memories(ground)
        yield from fronted.figures(ground, at_least=None)
        hand = Hand(ground.base_url, ground.user, ground.password)
        yield from fronted.followers(ground, hand)
        yield from artifacts.figures(ground, hand, at_least=None)
    with calls.child("one_answer.py") as fixed:
        yield from calls.figures("one answer", fixed)
        yield from doored.figures("one answer", fixed)
        yield from calls.of_workers("one answer", fixed)
    yield from counts.request_counts()
    yield from counts.artifact_counts()
    yield from faces.counted()
    yield from reports.figures()
    yield from judged.made()
    for place, measure in ((PLACE, shimmed), (f"{PLACE}-patched", patched.figures), ("16", judged.figures)):
        way = servers.available(place)
        if isinstance(way, str):
            say("")
            print(f"Forgejo {place}: {way}", file=sys.stderr)
            continue
        say(f"Forgejo {place} starts")
        with way() as server:
            yield from measure(server)


def shimmed(server: servers.Server) -> Iterator[Figure]:
    """The figures of the adapter and of the proxy in front of a real server."""
    ground = prepare(server, {"logs": {"small": SMALL, "large": LARGE}})
    yield from adapter.speed(ground, at_least=0.97)
    yield from fronted.figures(ground, at_least=0.8)
    yield from artifacts.figures(ground, server.hand(), at_least=0.85)
    yield from faces.figures(ground, server.hand())
    yield from calls.figures(ground.server, ground.base_url)


def machine() -> str:
    """The machine in words, before the bench begins: on a busy one, ratios of times say little."""
    python = f"{platform.python_implementation()} {platform.python_version()}"
    libraries = ", ".join(f"{name} {version(name)}" for name in ("requests", "urllib3", "aiohttp"))
    load = f"load {os.getloadavg()[1]:.1f} before"
    return f"{os.cpu_count()} cores ({load}), {platform.system()} {platform.machine()}, {python}, {libraries}"


def report(found: list[Figure], where: str) -> dict[str, Any]:
    """The figures as they are saved, with what was saved before."""
    saved = json.loads(SAVED.read_text())
    before = {(row["what"], row["server"]): row["measured"] for row in saved["figures"]}
    rows = [
        asdict(figure)
        | {"measured": figure.measured, "before": before.get((figure.what, figure.server), "")}
        | {"budget": figure.budget, "met": figure.met}
        for figure in found
    ]
    return {"machine": where, "machine_before": saved["machine"], "figures": rows}


def show(found: list[Figure], where: str) -> None:
    """Print the table."""
    table = Table("figure", "server", "measured", "budget", caption=where)
    for figure in found:
        table.add_row(figure.what, figure.server, figure.measured, figure.budget + ("" if figure.met else "  missed"))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


def main() -> None:
    """Measure, print, and save where that was asked for."""
    parser = argparse.ArgumentParser(
        "scripts/bench", description="Measure what the library, the proxy and the patches cost."
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to FILE")
    parser.add_argument("--save", action="store_true", help=f"write them to {SAVED.relative_to(ROOT)}")
    options = parser.parse_args()
    where, found = machine(), list(figures())
    say("")
    show(found, where)
    for path in [options.json] * bool(options.json) + [SAVED] * options.save:
        path.write_text(json.dumps(report(found, where), indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    ROLES.get("".join(sys.argv[1:2]), main)()
