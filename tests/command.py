"""The command `forgejo-shim`, run in a place of its own: in this process, or as one where only a process shows it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from forgejo_shim.cli import main
from small import Small

PROGRAM = [sys.executable, "-c", "from forgejo_shim.cli import main; main()"]


class Place:
    """A small double, a home folder, and the command run with both."""

    def __init__(self, small: Small, home: Path) -> None:
        self.small = small
        self.home = home
        self.environment = small.environment(home)

    def run(self, *words: object, stdin: str = "", **environment: str | None) -> Result:
        """Run the command; variables given here replace the place's own, None takes them away."""
        hidden = {name: None for name in os.environ if name.startswith(("FORGEJO", "XDG_"))}
        runner = CliRunner(env={**hidden, **self.environment, **environment})
        result = runner.invoke(main, [str(word) for word in words], input=stdin)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.output
        for secret in (self.small.token, self.small.web.password):
            assert secret not in result.output
        return result

    def failure(self, *words: object, stdin: str = "", **environment: str | None) -> tuple[int, str]:
        """The exit code, and the one sentence on stderr of a command that prints nothing else, but for what there is to
        choose from, a line each."""
        result = self.run(*words, stdin=stdin, **environment)
        assert result.stdout == "" and result.stderr.startswith("forgejo-shim: ")
        assert all(line.startswith("  ") for line in result.stderr.splitlines()[1:])
        return result.exit_code, result.stderr

    def shell(self, line: str, *words: object, **environment: str) -> subprocess.CompletedProcess[bytes]:
        """A line of `sh` in which `"$@"` is the command."""
        kept = {"PATH": os.environ["PATH"], **self.environment, **environment}
        command = ["sh", "-c", line, "sh", *PROGRAM, *map(str, words)]
        return subprocess.run(command, env=kept, capture_output=True, timeout=30, check=False)

    def process(self, *words: object, program: Sequence[str] = PROGRAM, **more: Any) -> subprocess.Popen[bytes]:
        """The command as a process."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        environment = {**kept, **self.environment}
        return subprocess.Popen([*program, *map(str, words)], env=environment, **more)

    def talk(self, words: Sequence[object], answers: Sequence[tuple[str, str]], **environment: str) -> tuple[int, str]:
        """Exit code and screen of the command at a terminal, where each question (by its last words) is answered."""
        inside, outside = pty.openpty()
        kept = {"PATH": os.environ["PATH"], "TERM": "xterm", **self.environment, **environment}
        command = [*PROGRAM, *map(str, words)]
        process = subprocess.Popen(
            command, env=kept, stdin=outside, stdout=outside, stderr=outside, start_new_session=True
        )
        os.close(outside)
        screen, waiting = "", list(answers)
        with suppress(OSError):  # the other end is closed
            while data := os.read(inside, 65536).decode():
                screen += data
                if waiting and screen.endswith(waiting[0][0]):
                    os.write(inside, f"{waiting.pop(0)[1]}\n".encode())
        os.close(inside)
        assert not waiting, f"not asked for: {waiting}"
        return process.wait(30), screen.replace("\r\n", "\n")
