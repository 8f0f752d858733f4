"""`forgejo-shim login`: a token and a web account for a server, tried first, then kept.

Rules: nothing is kept that the server did not accept just now, and of one login all or nothing. Credentials are typed
hidden or come on stdin, never as arguments. They go into the keyring of the system if there is one, else into the
config file. Asked for is the secret of two-factor sign-in, and not a code: the shim signs in again whenever its session
ends, and a code is good once.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict

import click

from ..capabilities import Capabilities, Capability
from ..errors import ShimError, WebAccount
from ..models import TokenRights, WebCookie, WebCredentials, WebLogin
from ..operations import JOB_LOG
from ..store.memory import MemoryStore
from . import os_keyring
from .config import WEB
from .help import Verb, option_of
from .output import note, show_json
from .ready import ready
from .settings import CommonOptions, common

LINE = 64 * 1024  # characters of a line on stdin
APPLICATIONS = "/user/settings/applications"  # where Forgejo makes tokens
stdin_option = option_of("Without a terminal")


@click.command(
    cls=Verb,
    examples=[
        "forgejo-shim login https://forge.example",
        "forgejo-shim login https://forge.example --token-stdin < token.txt",
    ],
)
@click.argument("address", metavar="[SERVER]", required=False)
@option_of("Options")("--no-keyring", is_flag=True, help="Keep them in the config file, and use the keyring no more.")
@stdin_option("--token-stdin", is_flag=True, help="Read the token from stdin, one line.")
@stdin_option(
    "--account-stdin",
    is_flag=True,
    help="Read the web account from stdin (after the token): its name, its password and, if it has one, its TOTP"
    " secret, a line each.",
)
@stdin_option("--cookie-stdin", is_flag=True, help="Read a signed-in browser's Cookie header from stdin, one line.")
@common
@click.pass_obj
def login(settings: CommonOptions, /, address: str | None, no_keyring: bool, **on_stdin: bool) -> None:
    """Keep a token and a web account for a server.

    Each is tried against the server first, which says what it can do; nothing is kept that does not work. They are kept
    in the keyring of the system (extra `keyring`), else in the config file, ~/.config/forgejo-shim/config.toml or that
    of --config, which is made with mode 0600. The first server becomes the default one. What is not given stays as it
    was.
    """
    settings.server, settings.makes_config = address or settings.server, True
    server = settings.address()
    trial = Trial(settings, server)
    with trial.nothing_saved():
        if any(on_stdin.values()):
            _from_stdin(trial, **on_stdin)
        elif settings.may_ask():
            _by_asking(trial)
        else:
            why = "--no-input is given" if settings.no_input else "stdin is no terminal"
            raise click.UsageError(f"login asks for credentials, but {why}; use --token-stdin, --account-stdin …")
        if not trial.values:
            raise click.UsageError("no token and no web account given; nothing was saved")
    place = _save(settings, server, trial.values, no_keyring)
    _, kept = settings.server_and_credentials({})
    sentence = ready(server, trial.capabilities().of("GET", JOB_LOG.path), None, bool(kept.token), bool(kept.web))
    if settings.json:
        rights = asdict(trial.rights) if trial.rights else None
        show_json({"server": server, "token": rights, "web": trial.account, "saved_in": place, "summary": sentence})
    else:
        click.echo(f"saved in {place}\n{sentence}")
    for name in ("FORGEJO_TOKEN", *WEB.values()):
        if os.environ.get(name):
            note(f"{name} is set, and goes before what was saved")


class Trial:
    """Tries credentials at a server. `values` are those that it accepted, as the config file calls them."""

    def __init__(self, settings: CommonOptions, server: str) -> None:
        self.server = server
        self.values: dict[str, str] = {}
        self.rights: TokenRights | None = None
        self.account: str | None = None
        self._settings = settings
        self._store = MemoryStore()
        self._token: str | None = None

    def token(self, token: str) -> None:
        """Try a token. Raises ShimError."""
        with self._settings.client_with(self.server, token, None, self._store) as client:
            self.rights = client.try_token()
        self._token = self.values["token"] = token
        writes = {True: "may read, cancel and rerun", False: "may read, not cancel or rerun", None: "may read"}
        self._say(f"token of {self.rights.account}" if self.rights.account else "token", writes[self.rights.writes])

    def web(self, web: WebCredentials) -> None:
        """Try a web account. Raises ShimError."""
        with self._settings.client_with(self.server, self._token, web, self._store) as client:
            client.try_web()
            self.account = client.adapter.server.session.account
        if isinstance(web, WebCookie):
            self.values["web_cookie"] = web.cookie
        else:
            self.values |= {"web_user": web.user, "web_password": web.password}
            if web.totp_secret:
                self.values["web_totp_secret"] = web.totp_secret
        self._say(self.account, "signs in")

    def capabilities(self) -> Capabilities:
        """What the server offers. Raises ShimError."""
        with self._settings.client_with(self.server, self._token, None, self._store) as client:
            return client.capabilities()

    @contextmanager
    def nothing_saved(self) -> Iterator[None]:
        """Add to an error that nothing was saved. Raises UsageError for what was typed and is no text."""
        try:
            yield
        except ShimError as error:
            error.message += "; nothing was saved"
            raise
        except UnicodeDecodeError:  # of a prompt
            raise click.UsageError("what was typed is not UTF-8 text; nothing was saved") from None

    def _say(self, what: str, it_can: str) -> None:
        if not self._settings.json:
            click.echo(f"{what}: {it_can}")


def _from_stdin(trial: Trial, *, token_stdin: bool, account_stdin: bool, cookie_stdin: bool) -> None:
    """Try what is on stdin: token, then account or cookie. Raises ShimError, UsageError."""
    if account_stdin and cookie_stdin:
        raise click.UsageError("give --account-stdin or --cookie-stdin, not both")
    if sys.stdin.isatty():
        raise click.UsageError("stdin is a terminal, which would show what is typed; leave --…-stdin out to be asked")
    if token_stdin:
        trial.token(_line("the token").strip())
    if account_stdin:
        user, password, secret = _line("the web account's name"), _line("its password"), _line()
        trial.web(WebLogin(user, password, secret.strip() or None))
    if cookie_stdin:
        trial.web(WebCookie(_cookie(_line("the cookie"))))


def _line(what: str = "") -> str:
    """A line of stdin without its end; raises UsageError if there is none, or an empty one, and `what` is needed."""
    try:
        line = sys.stdin.readline(LINE).rstrip("\r\n")
    except UnicodeDecodeError:
        raise click.UsageError("stdin is not UTF-8 text") from None
    if what and not line:
        raise click.UsageError(f"{what} is missing on stdin; give each on a line of its own")
    return line


def _by_asking(trial: Trial) -> None:
    """Ask for what is needed, and try it. Raises ShimError."""
    note(f"A token is made under {trial.server}{APPLICATIONS}, with the scope read:repository,")
    note("or write:repository to cancel and rerun too. Without one, press Enter.")
    if token := _ask("Token").strip():
        trial.token(token)
    is_native = trial.capabilities().of("GET", JOB_LOG.path) is Capability.PRESENT
    if is_native:
        note("This server has the log API, so a token is enough.")
    else:
        note("For private repositories this server needs an account that may read them on the web: your own will do.")
        note("With single sign-on, give the Cookie header of a browser that is signed in.")
    ways = click.Choice(["password", "cookie", "none"])
    way = click.prompt("Web account", type=ways, default="none" if is_native else "password", err=True)
    if way == "cookie" and (cookie := _cookie(_ask("Cookie"))):
        trial.web(WebCookie(cookie))
    if way == "password":
        user: str = click.prompt("Name", default=trial.rights.account if trial.rights else None, err=True)
        _sign_in(trial, user, _ask("Password"))


def _sign_in(trial: Trial, user: str, password: str) -> None:
    """Try an account, and ask for its TOTP secret if the server wants a code. Raises ShimError."""
    try:
        trial.web(WebLogin(user, password))
    except WebAccount as error:
        if error.cause != "web-two-factor-needed":
            raise
        note("The account has two-factor sign-in. Give its secret: the text beside the QR code when it is set up.")
        note("A current code is not enough, since the shim signs in again whenever its session ends.")
        trial.web(WebLogin(user, password, _ask("TOTP secret").strip() or None))


def _ask(what: str) -> str:
    return str(click.prompt(f"{what} (hidden)", hide_input=True, default="", show_default=False, err=True))


def _cookie(text: str) -> str:
    return re.sub(r"(?i)^cookie:", "", text.strip()).strip()


def _save(settings: CommonOptions, server: str, values: dict[str, str], no_keyring: bool) -> str:
    """Keep credentials; gives the place. Raises ShimError."""
    from .config_edit import keep  # here, since no other verb need wait for tomlkit

    path, may_ask = settings.config_path(), settings.may_ask()
    to_keyring = not no_keyring and os_keyring.is_there(may_ask)
    before: dict[str, str] = {}
    was_there = settings.is_in_keyring(server)
    with nullcontext() if to_keyring else suppress(ShimError):  # one that fails can be given up
        before = os_keyring.load(server, may_ask) if was_there else {}
    if to_keyring:
        os_keyring.save(server, _with_others(before, values), may_ask)
        keep(path, server, values, in_keyring=True)
        return "the keyring"
    keep(path, server, _with_others(before, values), in_keyring=False)
    with suppress(ShimError):
        if was_there:
            os_keyring.remove(server, may_ask)
    return str(path)


def _with_others(before: dict[str, str], values: dict[str, str]) -> dict[str, str]:
    """`values`, and those of before whose kind, token or web account, is not among them."""
    given = {key in WEB for key in values}
    return {key: value for key, value in before.items() if (key in WEB) not in given} | values
