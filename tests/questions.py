"""The recordings' questions: what is asked of every server, after what happened there.

Rules
-----
* This is the first set, and what the others use (`questions_more.py`).
* A question keeps its note for good, so that the answers of versions and of the double can be laid side by side.
* Each set makes small repositories of the admin's for itself; their names end in a random number.
* `Paths` has the routes of this version; where a question is asked in both forms, the paths are spelled out.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from hand import NO_REPOSITORY, Hand, Web, wait
from recorder import Record, Recorder
from runner import LONG_AGO, START, Row, Runner, Task
from seeded import steps_of
from servers import Server
from world import Workflow, job, workflow

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)
ELEVEN = TEN + timedelta(hours=1)
STATE: Mapping[str, Any] = {"logCursors": []}
RANGES = ("bytes=0-15", "bytes=20-", "bytes=-10", "bytes=0-3,10-12", "bytes=99999-", "nonsense")


def rows(at: datetime, *told: tuple[float, str]) -> list[Row]:
    """Rows at seconds after a moment."""
    base = round((at - START).total_seconds()) * 10_000_000
    return [Row(content, base + round(seconds * 10_000_000)) for seconds, content in told]


FIRST = rows(
    TEN,
    (0.1234567, "Set up the job"),
    (1.5, "step one says hi"),
    (2, "tab\there, é, 漢字, \x1b[31mred\x1b[0m"),
    (3, "::error file=a.py,line=3::boom"),
    (4, "first half\nsecond half of one row"),
    (5, "Complete"),
)
SECOND = rows(ELEVEN, (0, "second attempt, line one"), (1, "line two"), (2, "end"))


def numbered(mark: str, count: int) -> list[Row]:
    return rows(TEN, *((n * 1.0000001, f"{mark} line {n} é漢\t{'x' * 20}") for n in range(count)))


def cursors(*steps: int, cursor: int = 0) -> Record:
    return {"logCursors": [{"cursor": cursor, "expanded": True, "step": step} for step in steps]}


def boxed(flow: Workflow, label: str = "box") -> Workflow:
    """The workflow with one label for every job that doesn't name its own."""
    jobs = {
        key: {**spec, "runs-on": [spec["runs-on"][0] or label]} if "runs-on" in spec else spec
        for key, spec in flow["jobs"].items()
    }
    return {**flow, "jobs": jobs}


def play(task: Task | None, told: Sequence[Row], result: str = "success", **more: Any) -> None:
    """Say rows and finish a task nine seconds after ten, or as `more` says."""
    assert task
    if told:
        task.rows(told, more=False)
    steps = steps_of(len(told), result) if result != "skipped" else ()
    task.finish(result, **{"steps": steps, "stopped_at": TEN + timedelta(seconds=9), **more})


class Paths:
    """The routes of one repository as this version has them."""

    def __init__(self, hand: Hand, repo: str) -> None:
        self.api = f"/api/v1/repos/{repo}/actions"
        self.web = f"/{repo}/actions"
        self._in_view = hand.major >= 13
        self._in_log = (hand.major, hand.minor, hand.patch) >= (13, 0, 4)

    def view(self, run: int = 1, index: int = 0, attempt: int = 1) -> str:
        return f"{self.web}/runs/{run}/jobs/{index}" + (f"/attempt/{attempt}" if self._in_view else "")

    def log(self, run: int = 1, index: int = 0, attempt: int = 1) -> str:
        return f"{self.web}/runs/{run}/jobs/{index}" + (f"/attempt/{attempt}" if self._in_log else "") + "/logs"


# --- base


class Base:
    """The first set: a failing run, asked about in every way; then one of its jobs is run again."""

    def __init__(self, server: Server) -> None:
        self.hand = hand = server.hand()
        self.ask = Recorder(hand)
        self.ask.give("token without read:repository", None, hand.new_token(hand.admin, NO_REPOSITORY))
        self.ask.give("bad token", None, "0" * 40)
        self.ask.secrets.pop("0" * 40)
        self.mark = str(secrets.randbelow(900_000) + 100_000)
        self.priv, self.pub, self.other = (self._repo(name) for name in ("priv", "pub", "other"))
        self._seed()

    def _repo(self, name: str) -> Paths:
        name = f"{name}{self.mark}"
        return Paths(self.hand, self.hand.repo(self.hand.admin.name, name, private=not name.startswith("pub")))

    def _seed(self) -> None:
        hand, mark = self.hand, self.mark
        label = f"box{mark}"
        self.runner = Runner(hand.base_url, hand.registration_token(), [label])
        flow = workflow(
            "push",
            build=job(),
            other=job(name="té/st 漢字"),
            skipped=job(),
            nobody=job(label="no-such-label"),
        )
        public = boxed(workflow("push", open=job()), label)
        public["on"]["workflow_dispatch"] = {}
        hand.push(self._full("pub"), {"p.yml": public}, "public")
        hand.wait_for_run(self._full("pub"), 1)
        play(self.runner.fetch(), FIRST, "failure")
        hand.push(self._full("other"), {"o.yml": boxed(workflow(o=job()), label)}, "first")
        hand.push(self._full("priv"), {"ci.yml": boxed(flow, label)}, "first")
        self.run = hand.wait_for_run(self._full("priv"), 1)
        play(self.runner.fetch(), FIRST, "failure")
        play(self.runner.fetch(), FIRST)
        play(self.runner.fetch(), (), "skipped")
        self.jobs = [told.id for told in hand.state(self._full("priv"), 1).jobs]

    def _full(self, name: str) -> str:
        return f"{self.hand.admin.name}/{name}{self.mark}"

    def records(self) -> list[Record]:
        self._api()
        self._views()
        self._downloads()
        self._permissions()
        self._contract()
        self._rerun()
        self._expired()
        self._renamed()
        self._last()
        return self.ask.records

    def _api(self) -> None:
        ask, api, web = self.ask.ask, self.priv.api, self.priv.web
        note = "what swagger.v1.json declares under /repos/…/actions (facts extracted)"
        self.ask.swagger(note, actions_of)
        ask("anonymous", "version", "GET", "/api/v1/version")
        ask("token", "an API route that does not exist", "GET", f"{api}/no/such/route")
        for path in ("runs", "runs?limit=1&page=2", "tasks", "runners/jobs", "runs/1/jobs", "runs/1"):
            ask("token", "API list", "GET", f"{api}/{path}")
        ask("token", "API run by id", "GET", f"{api}/runs/{self.run.id or 1}")
        ask("session", "GET run page", "GET", f"{web}/runs/1")
        ask("session", "GET job page", "GET", f"{web}/runs/1/jobs/0")
        ask("session", "GET attempt page", "GET", f"{web}/runs/1/jobs/1/attempt/1")
        ask("session", "GET latest run", "GET", f"{web}/runs/latest")
        ask("session", "GET unknown run", "GET", f"{web}/runs/999")

    def _views(self) -> None:
        runs = f"{self.priv.web}/runs"
        for note, path in (
            ("run", "1"),
            ("job", "1/jobs/0"),
            ("attempt", "1/jobs/0/attempt/1"),
            ("job that never started", "1/jobs/3/attempt/1"),
            ("skipped job", "1/jobs/2/attempt/1"),
            ("job index out of range", "1/jobs/99/attempt/1"),
            ("unknown attempt", "1/jobs/0/attempt/9"),
            ("run 0", "0/jobs/0/attempt/1"),
            ("run not a number", "abc/jobs/0/attempt/1"),
            ("unknown run", "999/jobs/0/attempt/1"),
        ):
            self._view(f"POST view, no cursors: {note}", f"{runs}/{path}", STATE)
        everything = cursors(0, 1, 2, 3)
        if self._view("POST view: all steps expanded", f"{runs}/1/jobs/0/attempt/1", everything).status_code != 200:
            self._view("POST view: all steps expanded (no attempt in the path)", f"{runs}/1/jobs/0", everything)
        for path in (f"{runs}/1/jobs/0/attempt/1", f"{runs}/1/jobs/0"):
            self._view("POST view: cursor in the middle", path, cursors(1, cursor=1))
            self._view("POST view: step out of range", path, cursors(77))

    def _view(self, note: str, path: str, body: Mapping[str, Any]) -> requests.Response:
        return self.ask.ask("session", note, "POST", path, json=body)

    def _downloads(self) -> None:
        runs = f"{self.priv.web}/runs"
        for note, path in (
            ("attempt in the path", "1/jobs/0/attempt/1"),
            ("no attempt in the path", "1/jobs/0"),
            ("second job", "1/jobs/1/attempt/1"),
            ("second job", "1/jobs/1"),
            ("skipped job", "1/jobs/2/attempt/1"),
            ("skipped job", "1/jobs/2"),
            ("never started", "1/jobs/3/attempt/1"),
            ("never started", "1/jobs/3"),
            ("job index out of range", "1/jobs/99/attempt/1"),
            ("job index out of range", "1/jobs/99"),
            ("unknown attempt", "1/jobs/0/attempt/9"),
            ("attempt not a number", "1/jobs/0/attempt/x"),
            ("unknown run", "999/jobs/0/attempt/1"),
            ("run 0", "0/jobs/0/attempt/1"),
            ("run 0", "0/jobs/0"),
        ):
            self.ask.ask("session", f"download: {note}", "GET", f"{runs}/{path}/logs")
        log = self.priv.log()
        for wanted in RANGES:
            self.ask.ask("session", f"download: Range {wanted}", "GET", log, headers={"Range": wanted})
        self.ask.ask("session", "download: HEAD", "HEAD", log)

    def _permissions(self) -> None:
        ask, log, view = self.ask.ask, self.priv.log(), self.priv.view()
        ask("anonymous", "download: anonymous on a private repo", "GET", log)
        ask("token", "download: token on a private repo", "GET", log)
        html = {"Accept": "text/html"}
        ask("anonymous", "download: accepts html, anonymous, private", "GET", log, headers=html)
        ask("anonymous", "download: anonymous on a public repo", "GET", self.pub.log())
        browser = Web(self.hand.base_url)  # up to 13 the first answer gives it a token
        ask("anonymous", "POST view: anonymous on a public repo", "POST", self.pub.view(), json=STATE, web=browser)
        ask("anonymous", "POST view: anonymous on a private repo", "POST", view, json=STATE, web=browser)
        ask("session", "POST view: no CSRF token", "POST", view, json=STATE, csrf=False)
        evil = {"Origin": "https://evil.test"}
        ask("session", "POST view: Origin of another site", "POST", view, json=STATE, headers=evil)

    def _contract(self) -> None:
        build, api = self.jobs[0], self.priv.api
        for note, path in (
            ("log", f"jobs/{build}/logs"),
            ("second job", f"jobs/{self.jobs[1]}/logs"),
            ("skipped job", f"jobs/{self.jobs[2]}/logs"),
            ("never started", f"jobs/{self.jobs[3]}/logs"),
            ("attempt 1", f"jobs/{build}/logs?attempt=1"),
            ("unknown attempt", f"jobs/{build}/logs?attempt=2"),
            ("attempt 0", f"jobs/{build}/logs?attempt=0"),
            ("attempt not a number", f"jobs/{build}/logs?attempt=x"),
            ("attempt empty", f"jobs/{build}/logs?attempt="),
            ("unknown job", "jobs/999999/logs"),
            ("job not a number", "jobs/abc/logs"),
            ("jobs of the run", f"runs/{self.run.id or 1}/jobs"),
            ("zip of the run", f"runs/{self.run.id or 1}/logs"),
            ("jobs, unknown run", "runs/999999/jobs"),
            ("zip, unknown run", "runs/999999/logs"),
            ("single job", f"jobs/{build}"),
        ):
            self.ask.ask("token", f"contract: {note}", "GET", f"{api}/{path}")
        log = f"{api}/jobs/{build}/logs"
        for wanted in RANGES:
            self.ask.ask("token", f"contract: Range {wanted}", "GET", log, headers={"Range": wanted})
        self.ask.ask("token", "contract: HEAD", "HEAD", log)
        self.ask.ask("token without read:repository", "contract: scope missing", "GET", log)
        self.ask.ask("anonymous", "contract: anonymous on a private repo", "GET", log)
        self.ask.ask("bad token", "contract: bad token", "GET", log, headers={"Authorization": f"token {'0' * 40}"})
        self.ask.ask("token", "contract: job of another repo", "GET", f"{self.other.api}/jobs/{build}/logs")
        shouted = f"/api/v1/repos/{self._full('priv').upper()}/actions/jobs/{build}/logs"
        self.ask.ask("token", "contract: owner and repo in another case", "GET", shouted)

    def _rerun(self) -> None:
        self.ask.ask("session", "rerun one job", "POST", f"{self.priv.web}/runs/1/jobs/0/rerun")
        self._at("rerun waits for a runner")
        task = self.runner.fetch()
        assert task
        self._at("second attempt taken, no row yet")
        task.rows(SECOND[:2])
        self._at("second attempt running")
        task.rows(SECOND[2:], more=False)
        task.finish("success", steps=[(1, "success")], stopped_at=TEN + timedelta(seconds=9))
        self._at("second attempt finished")

    def _at(self, when: str) -> None:
        page, ask = f"{self.priv.web}/runs/1/jobs/0", self.ask.ask
        for path in ("/attempt/1/logs", "/attempt/2/logs", "/logs"):
            ask("session", f"download, {when}", "GET", page + path)
        for path in ("/attempt/1", "/attempt/2", ""):
            ask("session", f"POST view, {when}", "POST", page + path, json=STATE)
        ask("session", f"GET job page, {when}", "GET", page)
        for query in ("", "?attempt=1", "?attempt=2"):
            ask("token", f"contract, {when}", "GET", f"{self.priv.api}/jobs/{self.jobs[0]}/logs{query}")
        ask("token", f"runners/jobs, {when}", "GET", f"{self.priv.api}/runners/jobs")

    def _expired(self) -> None:
        number = self.hand.dispatch(self._full("pub"), "p.yml").number
        told = self.hand.state(self._full("pub"), number).jobs[0]
        play(self.runner.fetch(), FIRST, steps=[(1, "success")], stopped_at=LONG_AGO)
        self.hand.expire_logs()
        wait(lambda: self.hand.download(self._full("pub"), number, 0).status_code == 404, "the log to expire")
        page = f"{self.pub.web}/runs/{number}/jobs/0"
        for path in ("/attempt/1/logs", "/logs"):
            self.ask.ask("session", "download: expired", "GET", page + path)
        for path in ("/attempt/1", ""):
            self._view("POST view: expired, steps expanded", page + path, cursors(0, 1))
        if self._view("POST view: expired", f"{page}/attempt/1", STATE).status_code != 200:
            self._view("POST view: expired", page, STATE)
        self.ask.ask("token", "contract: expired", "GET", f"{self.pub.api}/jobs/{told.id}/logs")

    def _renamed(self) -> None:
        self.hand.rename(self._full("other"), f"other{self.mark}x")
        page, ask = f"{self.other.web}/runs/1/jobs/0", self.ask.ask
        for path in ("/attempt/1/logs", "/logs"):
            ask("session", "download: old name of a renamed repo", "GET", page + path)
        ask("session", "POST view: old name of a renamed repo", "POST", f"{page}/attempt/1", json=STATE)
        ask("token", "API: old name of a renamed repo", "GET", f"{self.other.api}/tasks")

    def _last(self) -> None:
        self.ask.ask("session", "artifacts of a run", "GET", f"{self.priv.web}/runs/1/artifacts")
        self.ask.ask("session", "cancel a run", "POST", f"{self.priv.web}/runs/1/cancel")
        wrong = {"user_name": self.hand.admin.name, "password": "wrong"}
        self.ask.ask("anonymous", "sign in: wrong password", "POST", "/user/login", form=wrong)


def actions_of(document: Any) -> Record:
    """The operations on a repository's Actions in a swagger document, without prose."""
    operations = {
        f"{verb.upper()} {path}": {
            "operationId": told["operationId"],
            "parameters": [[p["name"], p["in"], p.get("type"), p.get("required", False)] for p in told["parameters"]],
            "produces": told.get("produces"),
            "responses": sorted(told["responses"]),
        }
        for path, verbs in document["paths"].items()
        if path.startswith("/repos/{owner}/{repo}/actions")
        for verb, told in verbs.items()
    }
    info = {"swagger": document["swagger"], "version": document["info"]["version"]}
    return {"basePath": document["basePath"], **info, "operations": operations}
