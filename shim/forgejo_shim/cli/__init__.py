"""The command `forgejo-shim`: one file per verb. Verbs use `Client`, so none knows which backend answers.

Rules: results go to stdout, everything else to stderr. An error is one sentence (JSON with `--json`) and an exit code
of spec/README.md. A reader of stdout that goes away, such as `head`, had what it wanted: that is 0 for every verb.
Bad input is never a traceback.

    exit code  0 done · 1 error · 2 usage · 3 nothing failed or fits · 4 credentials · 5 what was named does not exist
               6 not executed yet · 7 expired · 8 server not understood or unreachable
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Any, NoReturn, TextIO

import click

from .. import __version__
from ..errors import ShimError
from ..files import writing
from .artifacts import artifacts
from .attempts import attempts
from .cancel import cancel
from .completion import completion
from .detect import detect
from .download import download
from .fields import JSON
from .forget import forget
from .help import Verb
from .hints import with_hint
from .jobs import jobs
from .login import login
from .logout import logout
from .logs import logs
from .mcp import mcp
from .open_page import open_page
from .output import show_error
from .pick import SeveralFit
from .rerun import rerun
from .runs import runs
from .serve import serve
from .settings import CommonOptions, common
from .spec import spec
from .watch import watch
from .why import why

USAGE, INTERRUPTED = 2, 130


class Root(click.Group, Verb):
    """The group of verbs. It turns every error into one sentence and an exit code."""

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run the command and exit."""
        words = list(sys.argv[1:] if args is None else args)
        extra |= {"prog_name": "forgejo-shim", "standalone_mode": False}
        if sys.stdout is None:
            show_error("stdout is closed; open it, or redirect it to /dev/null", "error", 1, _is_json(words))
            sys.exit(1)
        if sys.stdin is None:  # closed: nothing comes
            sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TextIOWrapper):  # a character that the encoding lacks is escaped, never an error
                stream.reconfigure(errors="backslashreplace")
        sys.exit(_exit_code_of(lambda: super(Root, self).main(words, **extra), words))

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """As click's; of --help and --version it is all that runs."""
        with _reader_may_go():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb, and say where credentials of an error came from."""
        try:
            with _reader_may_go():
                result = super().invoke(ctx)
                sys.stdout.flush()
        except ShimError as error:
            error.message = with_hint(error, ctx.ensure_object(CommonOptions).used)
            raise
        return result


def _sentence(error: OSError | sqlite3.Error) -> str:
    """What is said of an error of the system. One that names no file is stdout's: others are opened by name."""
    try:
        if isinstance(error, OSError) and error.filename is None:
            with writing(Path("stdout")):
                raise error
    except ShimError as said:
        return said.message
    return f"{type(error).__name__}: {error}; check files and permissions"


@contextmanager
def _reader_may_go() -> Iterator[None]:
    """End well where the reader of stdout has gone: before click, whose way is exit code 1."""
    try:
        yield
    except BrokenPipeError:
        _drop(sys.stdout)
        raise click.exceptions.Exit(0) from None


def _drop(stream: TextIO) -> None:
    """Discard what a stream has buffered, so that the interpreter does not fail on it when it exits."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _exit_code_of(command: Callable[[], Any], words: Sequence[str]) -> int:
    as_json = _is_json(words)
    try:
        code = command()
        return code if isinstance(code, int) else 0
    except ShimError as error:
        try:
            sys.stdout.flush()
        except OSError:  # it is stdout that takes nothing
            _drop(sys.stdout)
        return _failed(error.exit_code, error.message, error.cause or "error", as_json, error.choices)
    except SeveralFit as error:
        return _failed(USAGE, error.message, "usage", as_json, error.choices)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        help_of = getattr(error, "ctx", None)
        hint = f"; see {help_of.command_path} --help" if help_of else ""
        return _failed(USAGE, _hide_credentials(error.format_message(), words).rstrip(".") + hint, "usage", as_json)
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except (OSError, sqlite3.Error) as error:
        _drop(sys.stdout)
        return _failed(1, _sentence(error), "error", as_json)


def _failed(code: int, message: str, cause: str, as_json: bool, choices: Sequence[str] = ()) -> int:
    """Show an error; its exit code, also where nobody reads stderr any more."""
    try:
        show_error(message, cause, code, as_json, choices)
    except BrokenPipeError:
        _drop(sys.stderr)
    return code


def _is_json(words: Sequence[str]) -> bool:
    return any(word.partition("=")[0] == JSON for word in words)


def _hide_credentials(message: str, words: Sequence[str]) -> str:
    """The message without words that contain `@`: a pasted address can contain a password."""
    for word in words:
        if "@" in word:
            for shown in (word, word.partition("=")[2]):
                message = message.replace(shown, "…") if "@" in shown else message
    return re.sub(r"[^\s'\"]*@[^\s'\"]*", "…", message)


@click.group(
    cls=Root,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples=[
        "forgejo-shim login https://forge.example",
        "forgejo-shim detect OWNER/REPO",
        "forgejo-shim logs OWNER/REPO --job build",
    ],
)
@click.version_option(__version__, prog_name="forgejo-shim", message="%(prog)s %(version)s")
@common
def main() -> None:
    """Read runs, jobs, logs and artifacts of Forgejo Actions, cancel and rerun, from Forgejo 11 on.

    In a git clone, OWNER/REPO may be left out: a remote at a configured server tells it. Each verb has more with
    --help.

    Credentials are those that login keeps, in the keyring of the system or in the config file
    (~/.config/forgejo-shim/config.toml), or those of these variables, which come first. The command line takes none.

    \b
    FORGEJO_TOKEN                 your token, with the scope read:repository, or
                                  write:repository to cancel and rerun
    FORGEJO_SHIM_WEB_USER         an account that may read the repository on the
    FORGEJO_SHIM_WEB_PASSWORD     web, for servers without these operations; your
                                  own will do
    FORGEJO_SHIM_WEB_TOTP_SECRET  its TOTP secret, if it has two-factor sign-in
    FORGEJO_SHIM_WEB_COOKIE       instead of the account: the Cookie header of a
                                  signed-in browser

    \b
    Exit codes: 0 done, 1 error, 2 usage, 3 nothing failed or nothing fits,
    4 credentials, 5 what was named does not exist, 6 not executed yet,
    7 expired, 8 server not understood or unreachable.
    """


for _verb in (
    login, logout, forget, detect, why, runs, jobs, watch, logs, attempts, open_page, artifacts, download, cancel,
    rerun, serve, mcp, spec, completion,
):  # fmt: skip
    main.add_command(_verb)
