#!/usr/bin/env python3
"""Run the programs of the recipes anew, and write the logs that the runner would have made of them.

    scripts/joblogs [NAME …] [--data DIR] [--work DIR]

NAME is a log's name, or a recipe's; without any, all are made. The data folder (tests/data/logs) has recipes/ and
gets NAME.log.xz and index.json. Tools are installed in the work folder, once for each list of commands.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import lzma
import re
import shutil
import sys
import tomllib
from pathlib import Path

from job import Action, Job
from recipes import Log, Recipe, Step, read
from sandbox import Ran, Sandbox

DATA = Path(__file__).resolve().parents[2] / "tests/data/logs"
ESCAPES = re.compile(r"\x1b(?:\[[0-9;:?]*[ -/]*[@-~]|[()][0-9A-Z])")


class Maker:
    """Makes the logs of a data folder, with a work folder for tools and jobs."""

    def __init__(self, data: Path, work: Path) -> None:
        self.data, self.work = data, work
        told = tomllib.loads((DATA / "actions.toml").read_text(encoding="utf-8"))
        self.actions = {name: Action(**table) for name, table in told.items()}

    def make(self, recipe: Recipe, log: Log) -> dict[str, object]:
        """Runs one job, writes its log, and gives its row of the index."""
        tools = self.tools(recipe)
        version = self.unrecorded(self.sandbox(tools, {}), recipe.env, recipe.versions[log.tool])
        sandbox, env = self.sandbox(tools, log.files), recipe.env | log.env
        self.unrecorded(sandbox, env, "\n".join(log.prepare))

        def run_step(number: int, step: Step) -> Ran:
            return sandbox.run(number, step.run, env, log.terminal, 0 if step.always else log.stop_after)

        before, after = ([self.actions[name] for name in names] for names in (log.before, log.after))
        rows = Job(log, before, after, run_step).run().written
        self.write(log, "".join(rows))
        return {
            "file": f"{log.name}.log.xz",
            "tool": log.tool,
            "kind": log.kind,
            "command": "\n".join(step.run for step in log.steps),
            "version": ESCAPES.sub("", version),
            "rows": len(rows),
            "wanted": list(log.wanted),
        }

    def write(self, log: Log, text: str) -> None:
        """Writes a log; a complaint if it lacks a wanted line, or is green where it should be red."""
        plain = ESCAPES.sub("", text)
        missing = [line for line in log.wanted if line not in plain]
        if missing or ("Job failed\n" in text) != bool(log.wanted):
            print(f"{log.name}: {'not in the log: ' + missing[0] if missing else 'ended otherwise'}", file=sys.stderr)
        packed = lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME)
        (self.data / f"{log.name}.log.xz").write_bytes(packed)

    def tools(self, recipe: Recipe) -> Path:
        """The folder of a recipe's tools, installed if it is not there."""
        script = "\n".join(recipe.setup)
        folder = self.work / "tools" / hashlib.sha256(script.encode()).hexdigest()[:16]
        if not (folder / ".ready").exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            self.unrecorded(self.sandbox(folder, {}), recipe.env, script)
            (folder / ".ready").touch()
        return folder

    def sandbox(self, tools: Path, files: dict[str, str]) -> Sandbox:
        """A new job folder with these files."""
        job = self.work / "job"
        shutil.rmtree(job, ignore_errors=True)
        sandbox = Sandbox(job, tools)
        sandbox.write(files)
        return sandbox

    def unrecorded(self, sandbox: Sandbox, env: dict[str, str], script: str) -> str:
        """The last line that commands print; SystemExit if they fail."""
        ran = sandbox.run(0, script, env)
        printed = ran.printed.decode("utf-8", "replace").strip()
        if ran.code:
            raise SystemExit(f"{script}\n{printed}\nexit code {ran.code}")
        return printed.split("\n")[-1]


def main() -> int:
    """The command; its exit code."""
    told = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    told.add_argument("names", nargs="*", metavar="NAME")
    told.add_argument("--data", type=Path, default=DATA)
    told.add_argument("--work", type=Path, default=Path("/tmp/joblogs"))
    asked = told.parse_args()
    maker, names = Maker(asked.data, asked.work), set(asked.names)
    index_file = asked.data / "index.json"
    index = {row["file"]: row for row in json.loads(index_file.read_text())} if index_file.exists() else {}
    for path in sorted((asked.data / "recipes").glob("*.toml")):
        recipe = read(path)
        for log in recipe.logs:
            if not names or names & {path.stem, log.name}:
                row = maker.make(recipe, log)
                index[row["file"]] = row
                print(f"{log.name}: {row['rows']} rows, {row['version']}")
                rows = [index[file] for file in sorted(index)]
                index_file.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
