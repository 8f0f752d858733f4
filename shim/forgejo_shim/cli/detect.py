"""`forgejo-shim detect`: what a server offers, and whether the credentials work.

Rules: it always reports; the exit code is that of the first needed thing that does not work. It sends only requests
that reading a log would send too, and two more: for the server's version and for the token's account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import click

from ..capabilities import Capabilities, Capability
from ..client import Client
from ..errors import NotForgejo, NotPossible, ShimError, Unreachable
from ..models import Repo
from ..operations import (
    API,
    ARTIFACT,
    ARTIFACT_ZIP,
    ARTIFACTS,
    CANCEL_RUN,
    DELETE_ARTIFACT,
    DELETE_RUN,
    JOB_LOG,
    RUN,
    RUN_ARTIFACTS,
    RUN_JOBS,
    RUN_LOGS,
    RUN_OF_TOKEN,
)
from ..paths import tasks_path
from .hints import with_hint
from .output import show_json, show_table
from .ready import not_ready, ready
from .settings import CommonOptions, common
from .target import Target, TargetVerb, takes_target

T = TypeVar("T")
OPERATIONS = {
    JOB_LOG: "a job's log",
    RUN_JOBS: "a run's jobs",
    RUN_LOGS: "a run's logs",
    RUN_ARTIFACTS: "a run's artifacts",
    ARTIFACTS: "all artifacts",
    ARTIFACT: "an artifact",
    ARTIFACT_ZIP: "an artifact's zip",
    DELETE_ARTIFACT: "delete an artifact",
    CANCEL_RUN: "cancel a run",
    DELETE_RUN: "delete a run",
    RUN_OF_TOKEN: "a job token's run",
}


@dataclass(frozen=True)
class Offer:
    """An operation of the contract, the server's capability, and the backend that follows: native, web or none."""

    operation: str
    capability: str
    backend: str
    why: str


@dataclass(frozen=True)
class Check:
    """A credential, what it was used for, and the result; `cause` and `exit_code` are the error's, if there was one."""

    credential: str
    purpose: str
    works: bool
    says: str
    cause: str = ""
    exit_code: int = 0


@click.command(cls=TargetVerb, examples=["forgejo-shim detect", "forgejo-shim detect OWNER/REPO --json"])
@takes_target("[OWNER/REPO]", is_needed=False)
@common
@click.pass_obj
def detect(settings: CommonOptions, target: Target | None) -> int:
    """Show what the server offers, and whether the credentials work.

    With OWNER/REPO, or in a git clone of it, also show whether they can read the Actions of that repository. The last
    line says in words what can be read and how, or what is missing.
    """
    with settings.client(target.server if target else None) as client:
        report, exit_code = _report(client, target.repo if target else None)
    if settings.json:
        show_json(report)
        return exit_code
    click.echo(f"{report['server']}: version {report['version'] or 'unknown'}, {report['requests']} requests\n")
    show_table(("operation", "capability", "backend", "why"), [tuple(offer.values()) for offer in report["operations"]])
    click.echo()
    rows = [(t["credential"], t["purpose"], "works" if t["works"] else "does not", t["says"])
            for t in report["credentials"]]  # fmt: skip
    show_table(("credential", "for", "works", "says"), rows)
    click.echo(f"\n{report['summary']}")
    return exit_code


def _report(client: Client, repo: Repo | None) -> tuple[dict[str, Any], int]:
    """What is shown, and the exit code: that of the first needed thing that does not work. Raises ShimError."""
    has_token, has_web = has_credentials(client)
    version = _check("token" if has_token else "anonymous", "version", lambda: _version(client))
    known = client.capabilities()
    offers = list(_offers(known))
    web_is_needed = any("web" in offer.backend for offer in offers)
    checks = [version, *_checks(client, repo, web_is_needed)]
    spare = {"" if web_is_needed else client.adapter.server.session.account}
    needed = (check for check in checks if check.purpose != "account" and check.credential not in spare)
    failed = next((check for check in needed if not check.works), None)
    if failed:
        summary = not_ready(client.base_url, failed.says)
    else:
        summary = ready(client.base_url, known.of("GET", JOB_LOG.path), repo, has_token, has_web)
    report = {
        "server": client.base_url,
        "version": version.says if version.works else known.version or None,
        "operations": [asdict(offer) for offer in offers],
        "credentials": [asdict(check) for check in checks],
        "requests": client.adapter.sent,
        "summary": summary,
    }
    return report, failed.exit_code if failed else 0


def has_credentials(client: Client) -> tuple[bool, bool]:
    """Whether the client has a token, and a web account."""
    return bool(client.session.auth.token), bool(client.adapter.server.session.credentials)  # type: ignore[union-attr]


def _offers(known: Capabilities) -> Iterator[Offer]:
    no_ids = known.of("GET", RUN) is Capability.ABSENT
    for row, name in OPERATIONS.items():
        capability = known.of(row.method, row.path)
        backend, why = {
            Capability.PRESENT: ("native", "the server has it"),
            Capability.ABSENT: ("web", "the server lacks it"),
            Capability.UNKNOWN: ("native, else web", "the server does not list its operations, so it is asked first"),
        }[capability]
        if row.native_only and capability is not Capability.PRESENT:
            backend = "none" if capability is Capability.ABSENT else "native, else none"
            why = "only the API has it, from Forgejo 16 on"
        elif capability is Capability.ABSENT and no_ids and row.by_run_id:
            backend, why = "none", "the server lacks it and has no run ids; this command uses run numbers"
        elif capability is Capability.ABSENT and row.writes:
            why = "the server lacks it; the shim has to be allowed to write"
        yield Offer(name, capability.value, backend, why)


def _checks(client: Client, repo: Repo | None, web_is_needed: bool) -> Iterator[Check]:
    account = client.adapter.server.session
    token, _ = has_credentials(client)
    if token:
        yield _check("token", "account", lambda: _field(client, f"{API}/user", "the token's account", "login", str))
    if repo:
        caller = "token" if token else "anonymous"
        yield _check(caller, f"the Actions of {repo}", lambda: _can_ask(client, repo))
    if account.credentials:
        signed_in = _check(account.account, "sign-in", lambda: _can_see(client, None))
        yield signed_in
        if not signed_in.works:
            return
    if repo and (account.credentials or web_is_needed):
        yield _check(account.account, f"the Actions of {repo}", lambda: _can_see(client, repo))


def _check(credential: str, purpose: str, ask: Callable[[], str]) -> Check:
    try:
        return Check(credential, purpose, True, ask())
    except (NotForgejo, Unreachable):
        raise
    except ShimError as error:
        says = with_hint(error, click.get_current_context().ensure_object(CommonOptions).used)
        return Check(credential, purpose, False, says, error.cause, error.exit_code)


def _version(client: Client) -> str:
    try:
        return _field(client, f"{API}/version", "the version", "version", str)
    except NotPossible:
        raise _no_forgejo(client) from None


def _can_ask(client: Client, repo: Repo) -> str:
    _field(client, tasks_path(repo, 999_999), str(repo), "workflow_runs", list)
    return "can read"


def _field(client: Client, path: str, what: str, name: str, kind: type[T]) -> T:
    """A field of the JSON that the API answers to `path`. Raises NotForgejo if it is not there."""
    answer = client.get_json(path, what)
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, kind):
        raise _no_forgejo(client)
    return value


def _no_forgejo(client: Client) -> NotForgejo:
    return NotForgejo(f"{client.base_url} answers, but not as a Forgejo; check the address")


def _can_see(client: Client, repo: Repo | None) -> str:
    client.try_web(repo)
    return "can read" if repo else "signed in"
