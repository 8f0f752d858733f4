"""`forgejo-shim detect`: what a server offers, what the credentials are good for, and what would be done.

Rules: a report, whatever works or not; the exit code is that of the first thing that was needed and does not work.
Nothing is asked that reading a log would not ask as well, but for the server's version and the token's account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import click

from ..capabilities import Capabilities, Capability
from ..client import Client
from ..errors import NotForgejo, NotPossible, ShimError, Unreachable
from ..models import Repo
from ..operations import API, JOB_LOG, LIST_RUNS, RUN_JOBS, RUN_LOGS, tasks_path
from .advice import advised
from .output import show_json, show_table
from .settings import Settings, common
from .target import Target, TargetType

OPERATIONS = {JOB_LOG: "a job's log", RUN_JOBS: "a run's jobs", RUN_LOGS: "a run's logs"}


@dataclass(frozen=True)
class Offer:
    """What is known of an operation of the contract, and the backend that follows: native, web or none."""

    operation: str
    capability: str
    backend: str
    why: str


@dataclass(frozen=True)
class Trial:
    """A credential, what it was tried for, and how that went; `cause` and `exit_code` of the error, if any."""

    credential: str
    purpose: str
    works: bool
    says: str
    cause: str = ""
    exit_code: int = 0


@click.command()
@click.argument("target", metavar="[OWNER/REPO]", type=TargetType(), required=False)
@common
@click.pass_obj
def detect(settings: Settings, target: Target | None) -> int:
    """Say what the server offers and what the credentials are good for.

    With OWNER/REPO also whether they can read that repository's Actions.
    """
    repo = target.repo if target else None
    with settings.client(target.server if target else None) as client:
        version = _try("token" if client.session.auth.token else "anonymous", "version", lambda: _version(client))  # type: ignore[union-attr]
        known = client.capabilities()
        offers = list(_offers(known))
        web_is_needed = any(offer.backend != "native" for offer in offers)
        trials = [version, *_trials(client, repo, web_is_needed)]
        spare = {"" if web_is_needed else client.adapter.server.session.account}
        report = {
            "server": client.base_url,
            "version": version.says if version.works else known.version or None,
            "operations": [asdict(offer) for offer in offers],
            "credentials": [asdict(trial) for trial in trials],
            "requests": client.adapter.sent,
        }
    if settings.json:
        show_json(report)
    else:
        click.echo(f"{report['server']}: version {report['version'] or 'not told'}, {report['requests']} requests\n")
        show_table(("operation", "capability", "backend", "why"), [tuple(asdict(offer).values()) for offer in offers])
        click.echo()
        rows = [(t.credential, t.purpose, "works" if t.works else "does not", t.says) for t in trials]
        show_table(("credential", "for", "works", "says"), rows)
    needed = (trial for trial in trials if trial.purpose != "account" and trial.credential not in spare)
    return next((trial.exit_code for trial in needed if not trial.works), 0)


def _offers(known: Capabilities) -> Iterator[Offer]:
    no_ids = known.of("GET", LIST_RUNS) is Capability.ABSENT
    for row, name in OPERATIONS.items():
        capability = known.of(row.method, row.path)
        backend, why = {
            Capability.PRESENT: ("native", "the server has it"),
            Capability.ABSENT: ("web", "the server lacks it"),
            Capability.UNKNOWN: ("native, else web", "the server does not tell what it has, so it is asked first"),
        }[capability]
        if capability is Capability.ABSENT and no_ids and row.by_run_id:
            backend, why = "none", "the server lacks it, and its API knows no run ids; this command asks by run number"
        yield Offer(name, capability.value, backend, why)


def _trials(client: Client, repo: Repo | None, web_is_needed: bool) -> Iterator[Trial]:
    session, account = client.session, client.adapter.server.session
    token = bool(session.auth.token)  # type: ignore[union-attr]
    if token:
        yield _try("token", "account", lambda: _account(client))
    if repo:
        caller = "token" if token else "anonymous"
        yield _try(caller, f"the Actions of {repo}", lambda: _can_ask(client, repo))
    if account.credentials:
        signed_in = _try(account.account, "sign-in", lambda: _can_see(client, None))
        yield signed_in
        if not signed_in.works:
            return
    if repo and (account.credentials or web_is_needed):
        yield _try(account.account, f"the Actions of {repo}", lambda: _can_see(client, repo))


def _try(credential: str, purpose: str, ask: Callable[[], str]) -> Trial:
    try:
        return Trial(credential, purpose, True, ask())
    except (NotForgejo, Unreachable):
        raise
    except ShimError as error:
        says = advised(error, click.get_current_context().ensure_object(Settings).used)
        return Trial(credential, purpose, False, says, error.cause, error.exit_code)


def _version(client: Client) -> str:
    try:
        answer = client.get_json(f"{API}/version", "the version")
    except NotPossible:
        answer = None
    match answer:
        case {"version": str(version)}:
            return version
    raise NotForgejo(f"{client.base_url} answers, but not as a Forgejo; check the address")


def _account(client: Client) -> str:
    match client.get_json(f"{API}/user", "the token's account"):
        case {"login": str(login)}:
            return login
    raise NotForgejo(f"{client.base_url} answers, but not as a Forgejo; check the address")


def _can_ask(client: Client, repo: Repo) -> str:
    match client.get_json(tasks_path(repo, 999_999), str(repo)):
        case {"workflow_runs": [*_]}:
            return "can read"
    raise NotForgejo(f"{client.base_url} answers, but not as a Forgejo; check the address")


def _can_see(client: Client, repo: Repo | None) -> str:
    client.try_web(repo)
    return "can read" if repo else "signed in"
