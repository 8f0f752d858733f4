"""The recordings' second and third set of questions.

Rules
-----
* `More`: accounts, two-factor, permissions, replaced rows, reusable workflows; `settings`: the server set otherwise.
* `Moments`: what can be seen only while something happens: a log on its way to storage, rows replaced between two
  requests, jobs that finish during a search, a restart. A moment may be missed; then its record isn't there.
* As in the first set: a question keeps its note for good.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, IncompleteRead
from urllib.parse import urlsplit

from hand import NO_REPOSITORY, READ, WRITE, Account, Hand, Web, totp, wait
from questions import STATE, Paths, boxed, numbered, play
from recorder import Record, Recorder
from runner import Row, Runner, Task
from servers import Factory, NotOurs, Server
from world import FAN, Workflow, job, workflow

DYNAMIC = workflow(gen=job(outputs={"list": "x"}), fan=job(needs=["gen"], strategy=FAN), last=job())
FANNED = {"list": '["p", "q", "r"]'}
BIG = [Row(secrets.token_hex(16_000), number) for number in range(96)]  # 3 MB: it takes a while to move
SETTINGS = {
    "signin": {"service.REQUIRE_SIGNIN_VIEW": "true", "api.ENABLE_SWAGGER": "false"},
    "nologin": {"service.ENABLE_INTERNAL_SIGNIN": "false", "server.ROOT_URL": "http://forge.example.test/"},
    "subpath": {"server.ROOT_URL": "http://forgejo.test/forge/"},
}


class Made:
    """A repository of the admin's with one workflow, and a runner with a label of its own."""

    def __init__(self, hand: Hand, name: str, flow: Workflow, **others: Workflow) -> None:
        self.hand = hand
        self.mark = str(secrets.randbelow(90_000_000) + 10_000_000)
        self.full = hand.repo(hand.admin.name, f"{name}{self.mark}")
        self.paths = Paths(hand, self.full)
        files = {"w": flow, **others}
        hand.push(self.full, {f"{file}.yml": boxed(told, f"box{self.mark}") for file, told in files.items()})
        self.runner = Runner(hand.base_url, hand.registration_token(), [f"box{self.mark}"])

    def dispatch(self) -> int:
        return self.hand.dispatch(self.full, "w.yml").number

    def take(self) -> Task:
        """The next waiting job, once the server lets it wait."""
        return wait(self.runner.fetch, f"a job of {self.full}")


class More:
    """Accounts, sessions, permissions, and jobs that aren't one row from beginning to end."""

    def __init__(self, server: Server) -> None:
        self.hand = server.hand()
        self.ask = Recorder(self.hand, f"plain {self.hand.version}")
        self.made = Made(self.hand, "more", workflow(build=job(), test=job()))
        self.mark = self.made.mark
        self.made.dispatch()
        for number in range(2):
            play(self.made.take(), numbered(f"m{number}", 3))

    def records(self) -> list[Record]:
        self._sessions()
        self._accounts()
        self._two_factor()
        self._permissions()
        if self.hand.major >= 14:
            self._dynamic()
        if self.hand.major >= 15:
            self._reusable()
        return self.ask.records

    def _sign_in(self, note: str, account: Account, *, voice: str = "anonymous", web: Web | None = None) -> Web:
        web = web or Web(self.hand.base_url)
        form = {"user_name": account.name, "password": account.password}
        self.ask.ask(voice, note, "POST", "/user/login", form=form, web=web, csrf=False)
        if web.csrf():
            web.get("/user/settings")
        return web

    def _look(self, voice: str, who: str, web: Web) -> None:
        """A download, a state and the account's settings: answers that tell apart what is wrong with a session."""
        paths = self.made.paths
        self.ask.ask(voice, f"{who}: download from a private repository", "GET", paths.log(), web=web)
        self.ask.ask(voice, f"{who}: state of a private repository", "POST", paths.view(), json=STATE, web=web)
        self.ask.ask(voice, f"{who}: /user/settings", "GET", "/user/settings", web=web)

    def _sessions(self) -> None:
        admin = self.hand.admin
        web = self._sign_in("sign in: right password", admin)
        self._look("session", "signed in", web)
        wrong = Account(admin.name, "wrong")
        self._sign_in("sign in again with the same jar, wrong password", wrong, voice="session", web=web)
        self._sign_in("sign in: wrong password", wrong)
        self._sign_in("sign in: unknown user", Account(f"nobody{self.mark}", "wrong"))
        lost = Web(self.hand.base_url)
        name = "session" if self.hand.major >= 15 else "i_like_gitea"
        lost.session.cookies.set(name, secrets.token_hex(8), domain="127.0.0.1", path="/")
        self._look("lost session", "unknown session id", lost)

    def _accounts(self) -> None:
        must = self.hand.user(f"must{self.mark}", must_change=True)
        self._look("session", "must change password", self._sign_in("sign in: must change password", must))
        off = self.hand.user(f"off{self.mark}")
        self.hand.change(off, prohibit_login=True)
        self._look("session", "prohibited", self._sign_in("sign in: prohibited account", off))
        inactive = self.hand.user(f"inact{self.mark}")
        self.hand.change(inactive, active=False)
        self._look("session", "inactive", self._sign_in("sign in: inactive account", inactive))
        self.outsider = self.hand.user(f"out{self.mark}")
        self._look("session of another", "account without access", self.hand.sign_in(self.outsider))

    def _two_factor(self) -> None:
        ask, account = self.ask.ask, self.hand.user(f"otp{self.mark}")
        secret = self.hand.enrol(account)
        enrolled = {"method": "POST", "path": "/user/settings/security/two_factor/enroll"}
        self.ask.note("session", "two-factor enrolled", enrolled, {"body": None, "headers": {}, "status": 303})
        half = self._sign_in("sign in: two-factor account, password", account)
        self._look("half signed in", "two-factor pending", half)
        code, path, voice = {"passcode": totp(secret)}, "/user/two_factor", "half signed in"
        ask(voice, "two-factor: wrong code", "POST", path, form={"passcode": "000000"}, web=half)
        ask(voice, "two-factor: right code", "POST", path, form=code, web=half)
        if half.csrf():
            half.get("/user/settings")
        self._look("session of another", "two-factor done", half)
        again = Web(self.hand.base_url)
        again.post("/user/login", form={"user_name": account.name, "password": account.password})
        if again.csrf():
            again.get("/user/two_factor")
        ask(voice, "two-factor: a code used a second time", "POST", path, form=code, web=again)
        fresh = Web(self.hand.base_url)
        fresh.get("/user/login")
        ask("anonymous", "two-factor: no pending sign-in", "POST", path, form=code, web=fresh)
        note = "API with password of a two-factor account"
        self._basic("password", note, f"{self.made.paths.api}/tasks?limit=1", account)

    def _basic(self, voice: str, note: str, path: str, account: Account) -> None:
        self.ask.ask(voice, note, "GET", path, auth=(account.name, account.password))

    def _permissions(self) -> None:
        hand, give = self.hand, self.ask.give
        give("token without scope", None, hand.new_token(hand.admin, NO_REPOSITORY))
        give("bad token", None, "0" * 40)
        self.ask.secrets.pop("0" * 40)
        give("outsider", None, hand.new_token(self.outsider, WRITE))
        give("admin", None, hand.token)
        give("admin sudo outsider", None, hand.token)
        give("write token", None, hand.new_token(hand.admin, WRITE))
        give("read token of the owner", None, hand.new_token(hand.admin, READ))
        question = f"{self.made.paths.api}/tasks?limit=1&page=999999"
        for voice in ("token", "token without scope", "bad token", "anonymous", "outsider", "admin sudo outsider"):
            sudo = {"Sudo": self.outsider.name} if "sudo" in voice else None
            self.ask.ask(voice, "the permission question", "GET", question, headers=sudo)
        self._basic("wrong password", "the permission question", question, Account(hand.admin.name, "wrong"))
        question = f"{self.made.paths.api}/workflows/no-such-{self.mark}.yml/dispatches"
        for voice in ("write token", "read token of the owner", "outsider", "anonymous"):
            self.ask.ask(voice, "the write question", "POST", question, json={"ref": "main"})

    def _dynamic(self) -> None:
        made = Made(self.hand, "dyn", DYNAMIC)
        made.dispatch()
        self._rows(made, "before")
        play(made.take(), numbered("d0", 2), outputs=FANNED)
        wait(lambda: len(self.hand.state(made.full, 1).jobs) == 5, "the rows to be replaced")
        self._rows(made, "after")

    def _rows(self, made: Made, when: str) -> None:
        paths = made.paths
        self.ask.ask("session", f"dynamic matrix, {when}: state", "POST", paths.view(), json=STATE)
        for index in range(6):
            page = f"{paths.web}/runs/1/jobs/{index}"
            self.ask.ask("session", f"dynamic matrix, {when}: job page {index}", "GET", page)
        self.ask.ask("admin", f"dynamic matrix, {when}: runners/jobs", "GET", f"{paths.api}/runners/jobs")

    def _reusable(self) -> None:
        inner = workflow("workflow_call", build=job(), test=job())
        outer: Workflow = {"uses": "./.forgejo/workflows/inner.yml"}
        made = Made(self.hand, "reuse", workflow(outer=outer, plain=job()), inner=inner)
        made.dispatch()
        for number in range(3):
            play(made.take(), numbered(f"re{number}", 2))
        wait(lambda: self.hand.state(made.full, 1).done, "the outer job to end")
        self.ask.ask("session", "reusable workflow: state", "POST", made.paths.view(), json=STATE)
        for index, told in enumerate(self.hand.state(made.full, 1).jobs):
            note = f"reusable workflow: download of '{told.name}' ({told.status})"
            self.ask.ask("session", note, "GET", made.paths.log(index=index))
            note = f"reusable workflow: state of '{told.name}'"
            self.ask.ask("session", note, "POST", made.paths.view(index=index), json=STATE)
            note = f"reusable workflow: contract for '{told.name}'"
            self.ask.ask("admin", note, "GET", f"{made.paths.api}/jobs/{told.id}/logs")


# --- settings


def settings(start: Factory) -> Iterator[Record]:
    """The questions to a server that is set otherwise; each setting is a server of its own."""
    for name, chosen in SETTINGS.items():
        with start(chosen) as server:
            yield from _with_settings(name, server.hand())


def _with_settings(name: str, hand: Hand) -> list[Record]:
    kept = Recorder(hand, name, signed_in=name == "signin")
    kept.give("admin", None, hand.token)
    ask = kept.ask
    if name == "signin":
        ask("anonymous", "/swagger.v1.json", "GET", "/swagger.v1.json")
    else:
        kept.swagger(
            "swagger document", lambda told: {"basePath": told["basePath"], "version": told["info"]["version"]}
        )
    for path, voices in (
        ("/api/v1/version", ("anonymous", "admin")),
        ("/user/login", ("anonymous",)),
        ("/api/v1/repos/root1/x/actions/tasks", ("anonymous", "admin")),
        ("/api/v1/repos/root1/x/no/such/route", ("anonymous", "admin")),
        ("/root1/x/actions/runs/1/jobs/0/attempt/1/logs", ("anonymous",)),
        ("/forge/api/v1/version", ("anonymous",)),
        ("/api/swagger", ("anonymous",)),
    ):
        for voice in voices:
            ask(voice, path, "GET", path)
    web = Web(hand.base_url)
    form = {"user_name": hand.admin.name, "password": hand.admin.password}
    ask("anonymous", "sign in", "POST", "/user/login", form=form, web=web, csrf=False)
    if name != "nologin":
        ask("session", "a page after sign-in", "GET", f"/{hand.admin.name}", web=web)
    if name != "subpath":
        made = Made(hand, "more", workflow(build=job(), test=job()))
        made.dispatch()
        for number in range(2):
            play(made.take(), numbered(f"m{number}", 3))
        if name == "signin":
            paths = made.paths
            ask("session", "job page or download", "GET", paths.log())
            ask("session", "job page or download", "GET", f"{paths.web}/runs/1/jobs/0")
            ask("session", "state", "POST", paths.view(), json=STATE)
            ask("session", "latest", "GET", f"{paths.web}/runs/latest")
        ask("admin", "tasks", "GET", f"{made.paths.api}/tasks?limit=1")
    return kept.records


# --- moments


class Moments:
    """What can be seen only while it happens."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.hand = server.hand()
        self.ask = Recorder(self.hand, f"plain {self.hand.version}")

    def records(self) -> list[Record]:
        self._hand_over()
        self._finishing()
        if self.hand.major >= 14:
            self._replaced()
        self._restart()
        return self.ask.records

    def _hand_over(self, tries: int = 25) -> None:
        """Downloads while the runner's last rows send the log to its storage; each kind of answer once."""
        made = Made(self.hand, "move", workflow(build=job()))
        seen: dict[str, tuple[str, Record]] = {}
        for _ in range(tries):
            path = made.paths.log(made.dispatch())
            task = made.take()
            task.rows(BIG)
            over = threading.Event()
            readers = [threading.Thread(target=self._read, args=(path, over, seen)) for _ in range(4)]
            for reader in readers:
                reader.start()
            task.rows(numbered("end", 1), more=False)
            over.set()
            for reader in readers:
                reader.join()
            task.finish()
        for kind, (path, response) in sorted(seen.items()):
            asked: Record = {"headers": {}, "json": None, "method": "GET", "path": path}
            self.ask.note("session", f"hand-over to storage: {kind}", asked, response)

    def _read(self, path: str, over: threading.Event, seen: dict[str, tuple[str, Record]]) -> None:
        """Download until it is over. A body that ends too early is kept as far as it came, by its ends."""
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.hand.web.session.cookies)
        where = urlsplit(self.hand.base_url)
        while not over.is_set():
            connection = HTTPConnection(where.hostname or "", where.port, timeout=60)
            connection.request("GET", path, headers={"Cookie": cookies})
            answer = connection.getresponse()
            try:
                body, cut = answer.read(), False
            except IncompleteRead as broken:
                body, cut = broken.partial, True
            connection.close()
            kind = "whole" if answer.status == 200 and not cut else f"{answer.status}{', cut short' if cut else ''}"
            ends = [body[:60].decode(errors="replace"), body[-60:].decode(errors="replace")]
            headers = {name: value for name, value in answer.getheaders() if name.startswith(("Content-", "Accept-"))}
            told = {"text": body.decode()} if len(body) < 200 else {"bytes": len(body), "ends": ends}
            seen.setdefault(kind, (path, {"body": told, "headers": headers, "status": answer.status}))

    def _finishing(self) -> None:
        """Jobs end one after the other while somebody reads the run."""
        made = Made(self.hand, "ends", workflow(a=job(), b=job(), c=job(), d=job(needs=["a"])))
        made.dispatch()
        tasks = [made.take() for _ in range(3)]
        self._state(made, "none yet")
        play(tasks[0], numbered("a", 2), "failure")
        play(tasks[1], numbered("b", 2))
        wait(lambda: self.hand.state(made.full, 1).jobs[3].status == "skipped", "the job that needs a failed one")
        self._state(made, "two of three")
        play(tasks[2], numbered("c", 2))
        self._state(made, "all")

    def _state(self, made: Made, when: str) -> None:
        self.ask.ask("session", f"jobs finish during a search, {when}: state", "POST", made.paths.view(), json=STATE)

    def _replaced(self) -> None:
        """The rows of a run are replaced between a state and the download at an index that it gave."""
        made = Made(self.hand, "rows", DYNAMIC)
        made.dispatch()
        tasks = [made.take(), made.take()]
        note, paths = "rows replaced between state and download", made.paths
        play(tasks[1], numbered("last", 3))
        self.ask.ask("session", f"{note}: state before", "POST", paths.view(), json=STATE)
        self.ask.ask("session", f"{note}: download at the index of last", "GET", paths.log(index=2))
        play(tasks[0], numbered("gen", 3), outputs=FANNED)
        wait(lambda: len(self.hand.state(made.full, 1).jobs) == 5, "the rows to be replaced")
        self.ask.ask("session", f"{note}: download at the old index of last", "GET", paths.log(index=2))
        play(made.take(), numbered("fan", 3))
        self.ask.ask("session", f"{note}: the same, its new job ended", "GET", paths.log(index=2))
        self.ask.ask("session", f"{note}: state after", "POST", paths.view(), json=STATE)

    def _restart(self) -> None:
        """A session that the server forgot because it was started anew."""
        made = Made(self.hand, "again", workflow(build=job()))
        made.dispatch()
        play(made.take(), numbered("kept", 3))
        web = self.hand.sign_in(self.hand.admin)
        self._ask_both("before the restart", made, web)
        try:
            self.server.restart()
        except NotOurs:
            return
        self._ask_both("after the restart", made, web)
        self.hand.forget_session()
        self._ask_both("signed in again", made, self.hand.sign_in(self.hand.admin))

    def _ask_both(self, when: str, made: Made, web: Web) -> None:
        ask, paths = self.ask.ask, made.paths
        ask("session", f"{when}: download", "GET", paths.log(), web=web)
        ask("session", f"{when}: state", "POST", paths.view(), json=STATE, web=web)
        ask("session", f"{when}: /user/settings", "GET", "/user/settings", web=web)
        ask("token", f"{when}: the permission question", "GET", f"{paths.api}/tasks?limit=1&page=999999")
