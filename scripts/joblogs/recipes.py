"""The recipes of the logs: which programs are run on which files, and which line an engineer wants to see.

A recipe file is TOML: `versions` (tools, each with the command that says its version; the first is that of logs that
name none), `setup` (commands that install into /opt/ci, once), `env`, and a table `[[log]]` for each log; `Log` says
what is in it. `actions.toml` has what actions of
others (checkout, caches, uploads) print around the programs.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Step:
    """A step that runs commands with bash, also after a failure if `always`."""

    run: str
    name: str = ""
    always: bool = False


@dataclass(frozen=True)
class Log:
    """One log: its files, its steps, and the lines of which one tells the cause (none: the job succeeds)."""

    name: str
    kind: str
    tool: str
    steps: tuple[Step, ...]
    wanted: tuple[str, ...] = ()
    files: dict[str, str] = field(default_factory=dict)
    prepare: tuple[str, ...] = ()  # commands before the job, whose output is not in the log
    env: dict[str, str] = field(default_factory=dict)
    before: tuple[str, ...] = ("checkout",)  # actions, by their names in actions.toml
    after: tuple[str, ...] = ()
    runner: int = 12  # the runner's major version
    terminal: bool = False  # a `host` label: the programs see a terminal, and there is no container
    stop_after: float = 0.0  # seconds until a step is killed; 0: never
    stop: str = ""  # why it is killed: cancelled, step too long, or job too long


@dataclass(frozen=True)
class Recipe:
    """The logs of one file: of a tool, or of tools that are installed together."""

    versions: dict[str, str]
    setup: tuple[str, ...]
    env: dict[str, str]
    logs: tuple[Log, ...]


def read(path: Path) -> Recipe:
    """A recipe file; TypeError if it has an unknown key."""
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    first = next(iter(told["versions"]))
    logs = tuple(log({"tool": first} | table) for table in told["log"])
    return Recipe(told["versions"], tuple(told.get("setup", ())), told.get("env", {}), logs)


def log(table: dict[str, Any]) -> Log:
    """One `[[log]]`: lists become tuples, a step that is a text one with that command."""
    fixed: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    steps = tuple(Step(step) if isinstance(step, str) else Step(**step) for step in fixed.pop("steps"))
    return Log(steps=steps, **fixed)
