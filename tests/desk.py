"""A desk: a folder with two documents in it, where the command `forgejo-shim spec` is run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from documents import small, text_of
from forgejo_shim.cli import main

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "t0ken-of-nobody"
SWAGGER = "/swagger.v1.json"


class Desk:
    """A folder with a base and a head that lacks a field, and the command run in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.put("base.json", small())
        self.put("head.json", small(fields={"id": {"type": "integer"}}))

    def put(self, name: str, document: Any) -> Path:
        path = self.folder / name
        path.write_bytes(document if isinstance(document, bytes) else text_of(document))
        return path

    def run(self, *words: object, stdin: bytes = b"", **environment: str) -> Result:
        """Run the command; nothing of this process's own environment that matters to it is there."""
        hidden = {name: None for name in os.environ if name.startswith(("FORGEJO", "XDG_"))}
        runner = CliRunner(env={**hidden, "HOME": str(self.folder), **environment})
        result = runner.invoke(main, [str(word) for word in words], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output and TOKEN not in result.output
        return result

    def spec(self, *words: object, **more: Any) -> Result:
        return self.run("spec", *words, **more)

    def refused(self, exit_code: int, *words: object, says: str = "", **more: Any) -> str:
        """The one sentence of a command that fails and prints nothing else."""
        result = self.spec(*words, **more)
        assert (result.exit_code, result.stdout) == (exit_code, ""), result.output
        assert result.stderr.startswith("forgejo-shim: ") and result.stderr.count("\n") == 1
        assert says in result.stderr, result.stderr
        return result.stderr
