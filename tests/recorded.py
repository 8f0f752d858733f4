"""The worlds of the recordings, and how their questions are asked again.

Rules
-----
* A double is seeded to the shape that a recording shows, with its names and first ids, and with the rows of
  `questions.py`; at the same notes as on the real server, something happens (`EVENTS`).
* Cookies, one-time codes and tokens are kept as the recording's asker kept them; who asks is the question's `as`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import requests
from double import Double
from double.accounts import totp
from double.entities import User
from hand import Account, Hand, Web, plain_session
from questions import FIRST, SECOND, TEN, boxed, numbered, play
from runner import LONG_AGO, Runner, Task
from world import FAN, Workflow, job, workflow

ROOT_URL = "http://forgejo.test/"
PASSWORD = "Passw0rd!y"
BAD_TOKEN = "0" * 40

Question = dict[str, Any]
TWO_STEPS = ((2, "success"), (2, "failure"))
ONE_STEP = ((1, "success"),)
LONG_STEP = ((1, "success", 4),)


def has_state(question: Question) -> bool:
    body = question["response"].get("body") or {}
    return isinstance(body.get("json"), dict) and "state" in body["json"]


# --- seeding


@dataclass
class World:
    """A double seeded like the real server, and who asks it."""

    double: Double
    asked: list[Question]
    hand: Hand
    runner: Runner
    web: Web
    fresh: Web
    tokens: dict[str, str] = field(default_factory=dict)
    repos: dict[str, str] = field(default_factory=dict)
    again: Task | None = None
    """The second attempt of the first world's first job."""
    done: set[str] = field(default_factory=set)
    secret: str = ""
    code: str = ""

    def new_web(self) -> Web:
        return Web(self.double.url)

    def start_ids(self, **first: int) -> None:
        for kind, number in first.items():
            self.double.model.start_ids_at(kind, number)


def open_world(double: Double, asked: list[Question]) -> World:
    double.admin.email = "a@b.c"
    hand = Hand(double.url, "root1", PASSWORD)
    runner = Runner(double.url, hand.registration_token(), ["box"])
    world = World(double, asked, hand, runner, Web(double.url), Web(double.url))
    world.tokens["token"] = world.tokens["admin"] = hand.token
    world.tokens["bad token"] = BAD_TOKEN
    world.tokens["token without read:repository"] = hand.new_token(hand.admin, ["read:user"])
    return world


def found(asked: list[Question], pattern: str) -> str:
    """What the pattern's group matches first in questions and answers."""
    for question in asked:
        if match := re.search(pattern, json.dumps(question)):
            return match[1]
    raise LookupError(pattern)


def first_world(world: World) -> None:
    """`pub`, `priv` and `other`, each with a run by push; of `priv` the jobs build, té/st 漢字, skipped, nobody."""
    number = found(world.asked, r"/root1/priv(\d+)/")
    repo_id = int(found(world.asked, r"run with index (\d+) 999"))
    states = (q["response"]["body"]["json"]["state"]["run"] for q in world.asked if has_state(q))
    first_job = next(state["jobs"][0]["id"] for state in states if len(state["jobs"]) == 4)
    first_task = int(found(world.asked, r"ci-build-(\d+)\.log"))
    of_run = [q["request"]["path"] for q in world.asked if q["note"] == "contract: jobs of the run"]
    run_id = int(of_run[0].split("/")[-2])
    world.start_ids(repo=repo_id - 1)
    world.repos = {
        name: world.hand.repo("root1", f"{name}{number}", private=name != "pub") for name in ("pub", "priv", "other")
    }
    ci = workflow("push", build=job(), second=job(name="té/st 漢字"), skipped=job(), nobody=job(label="no-such-label"))
    push, fetch = world.hand.push, world.runner.fetch
    push(world.repos["other"], {"o.yml": boxed(workflow("push", foreign=job()))}, "first")
    world.start_ids(run=run_id - 1, job=first_job - 1, task=first_task - 1)
    world.double.model.waiting.clear()
    push(world.repos["pub"], {"p.yml": boxed(workflow("push", open=job()))}, "public")
    play(fetch(), FIRST, "failure", steps=TWO_STEPS)
    push(world.repos["priv"], {"ci.yml": boxed(ci)}, "first")
    play(fetch(), FIRST, "failure", steps=TWO_STEPS)
    play(fetch(), FIRST, steps=TWO_STEPS)
    play(fetch(), (), "skipped")
    world.web = world.hand.web


def expire(world: World) -> None:
    world.hand.push(world.repos["pub"], {"unused.yml": {"on": "workflow_call", "jobs": {}}}, "old")
    play(world.runner.fetch(), FIRST, steps=ONE_STEP, started_at=TEN, stopped_at=LONG_AGO)
    world.hand.expire_logs()


def take_again(world: World) -> None:
    world.again = world.runner.fetch()


def say_again(world: World) -> None:
    assert world.again
    world.again.rows(SECOND[:2])


def finish_again(world: World) -> None:
    play(world.again, SECOND[2:], steps=ONE_STEP)


def rename(world: World) -> None:
    world.hand.rename(world.repos["other"], world.repos["other"].partition("/")[2] + "x")


def one_step() -> Workflow:
    return job(steps=[{"run": "echo one"}])


def before_and_after(world: World, kind: str) -> str:
    """A repository of its own for a part of the `-more` questions, with the recorded ids to come."""
    asked = [q for q in world.asked if f"/root1/{kind}" in q["request"]["path"]]
    name = found(asked, rf"/root1/({kind}\d+)")
    for question in filter(has_state, asked[:3]):
        world.start_ids(job=question["response"]["body"]["json"]["state"]["run"]["jobs"][0]["id"])
    for question in asked:
        if "runners/jobs" in question["note"]:
            told = question["response"]["body"]["json"][0]
            world.start_ids(repo=told["repo_id"], **({"run": told["run_id"]} if "run_id" in told else {}))
            break
    texts = json.dumps(asked)
    if tasks := re.findall(r"-(\d+)\.log\\\"", texts) or re.findall(r'"id": (\d+), "name"', texts):
        world.start_ids(task=min(map(int, tasks)))
    world.repos[kind] = world.hand.repo("root1", name)
    return world.repos[kind]


def dynamic(world: World) -> None:
    steps = [{"run": "echo"}]
    fan = job(needs=["gen"], strategy=FAN, steps=steps)
    flow = boxed(workflow(gen=job(steps=steps), fan=fan, last=job(steps=steps)))
    repo = before_and_after(world, "dyn")
    world.hand.push(repo, {"w.yml": flow})
    world.hand.dispatch(repo, "w.yml")


def generate(world: World) -> None:
    play(world.runner.fetch(), numbered("g", 2), steps=LONG_STEP, outputs={"list": '["p", "q", "r"]'})
    world.double.model.waiting.clear()


def enrol(world: World) -> None:
    world.web = world.new_web()
    world.web.sign_in(Account(otp_user(world).name, PASSWORD))
    page = world.web.get("/user/settings/security/two_factor/enroll").text
    world.secret = page.partition('alt="')[2].partition('"')[0]


def reuse(world: World) -> None:
    repo = before_and_after(world, "reuse")
    inner = boxed(workflow("workflow_call", build=one_step(), test=one_step()))
    flow = boxed(workflow(outer={"uses": "./.forgejo/workflows/inner.yml"}, plain=job(steps=[{"run": "echo"}])))
    world.hand.push(repo, {"w.yml": flow, "inner.yml": inner})
    world.hand.dispatch(repo, "w.yml")
    for number in range(3):
        play(world.runner.fetch(), numbered(f"re{number}", 2), steps=LONG_STEP)


def more_world(world: World) -> None:
    """`more`, with one run by hand of the jobs build and test, and the accounts that the questions name."""
    repo = before_and_after(world, "more")
    world.hand.push(repo, {"w.yml": boxed(workflow(build=one_step(), test=one_step()))})
    world.hand.dispatch(repo, "w.yml")
    for mark in ("m0", "m1"):
        play(world.runner.fetch(), numbered(mark, 3), steps=LONG_STEP)
    model = world.double.model
    for question in world.asked:
        name = (question["request"].get("form") or {}).get("user_name", "root1")
        if name != "root1" and "unknown" not in question["note"] and not model.user(name):
            note = question["note"]
            fields = {
                "must_change_password": "must" in note,
                "prohibit_login": "prohib" in note,
                "active": "inact" not in note,
            }
            model.add_user(name, PASSWORD, **fields)
    outsider = model.add_user("outsider", PASSWORD)
    world.tokens["outsider"] = model.add_token(outsider).sha1
    world.tokens["token without scope"] = world.tokens["token without read:repository"]
    world.tokens["write token"] = world.hand.token
    world.tokens["read token of the owner"] = model.add_token(world.double.admin, ["read:repository"]).sha1


EVENTS: dict[str, Callable[[World], None]] = {
    "second attempt taken": take_again,
    "second attempt running": say_again,
    "second attempt finished": finish_again,
    "download: expired": expire,
    "old name": rename,
    "dynamic matrix, before": dynamic,
    "dynamic matrix, after": generate,
    "reusable workflow": reuse,
    "two-factor enrolled": enrol,
}
SETTINGS: dict[str, dict[str, Any]] = {
    "signin": {"require_signin_view": True, "swagger": False},
    "nologin": {"internal_signin": False, "root_url": "http://forge.example.test/"},
    "subpath": {"root_url": f"{ROOT_URL}forge/"},
}


def seed_like(world: World, server: str, more: bool) -> None:
    if not more:
        first_world(world)
    elif any("/root1/more" in question["request"]["path"] for question in world.asked):
        more_world(world)


# --- asking


def ask(world: World, question: Question) -> requests.Response:
    for note, event in EVENTS.items():
        if note in question["note"] and note not in world.done:
            world.done.add(note)
            event(world)
    if question["request"]["path"].startswith(("/api/v1/", "/forge/")):
        return ask_api(world, question)
    return ask_web(world, question)


def ask_api(world: World, question: Question) -> requests.Response:
    request, who = question["request"], question["as"]
    headers = {name: value for name, value in (request.get("headers") or {}).items() if name != "Authorization"}
    if who in ("password", "wrong password"):
        name = next(n for n in world.double.model.users if n.startswith("otp")) if who == "password" else "root1"
        secret = PASSWORD if who == "password" else "wrong"
        headers["Authorization"] = "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()
    elif who == "admin sudo outsider":
        headers |= {"Authorization": f"token {world.hand.token}", "Sudo": "outsider"}
    elif who in world.tokens:
        headers["Authorization"] = f"token {world.tokens[who]}"
    session = plain_session()
    session.headers = requests.structures.CaseInsensitiveDict(headers)
    url = world.double.url + request["path"]
    return session.request(request["method"], url, json=request.get("json"), allow_redirects=False, timeout=10)


def ask_web(world: World, question: Question) -> requests.Response:
    request, note = question["request"], question["note"]
    web = browser(world, question)
    headers = {k: v for k, v in (request.get("headers") or {}).items() if k not in ("X-Csrf-Token", "Authorization")}
    if question["as"] == "token":
        headers["Authorization"] = f"token {world.hand.token}"
    if request["method"] != "POST":
        url = web.base_url + request["path"]
        return web.session.request(request["method"], url, headers=headers, allow_redirects=False, timeout=10)
    if request.get("headers") is None or "X-Csrf-Token" in request["headers"]:
        headers |= web.csrf()
    url, body = web.base_url + request["path"], request.get("json")
    form = filled(world, question)
    answer = web.session.post(url, json=body, data=form, headers=headers, allow_redirects=False, timeout=10)
    if world.double.sub_path:  # cookies are for the path that a reverse proxy would serve: bring them here
        for name, value in web.session.cookies.get_dict().items():
            web.session.cookies.set(name, value)
    if note in ("sign in: right password", "sign in"):
        web.get("/user/settings")
    return answer


def browser(world: World, question: Question) -> Web:
    """Whose jar a question comes from."""
    note, who = question["note"], question["as"]
    if note.startswith("sign in") and "same jar" not in note:
        world.web = world.new_web()
    elif note.startswith("unknown session id: download"):
        world.web = world.new_web()
        world.web.session.cookies.set(world.double.session_cookie, "0123456789abcdef")
    elif note.startswith("account without access: download"):
        world.web = world.new_web()
        world.web.sign_in(Account("outsider", PASSWORD))
    elif note == "dynamic matrix, before: state" or note == "reusable workflow: state":
        world.web = world.hand.sign_in(world.hand.admin)
    elif "a code used a second time" in note:
        world.web = world.new_web()
        world.web.post("/user/login", form={"user_name": otp_user(world).name, "password": PASSWORD})
        world.web.get("/user/two_factor")
    elif "no pending" in note:
        world.web = world.new_web()
        world.web.get("/user/two_factor")
    elif (who == "anonymous" and question["request"]["method"] != "POST") or who == "token":
        return world.new_web()
    elif who == "anonymous":
        return world.fresh
    return world.web


def otp_user(world: World) -> User:
    return next(user for name, user in world.double.model.users.items() if name.startswith("otp"))


def filled(world: World, question: Question) -> dict[str, str] | None:
    """A recorded form with the secrets that were left out."""
    note, form = question["note"], question["request"].get("form")
    if question["request"]["path"].endswith("/enroll"):
        return {"passcode": totp(world.secret, world.double.model.now())}
    if form is None and question["request"]["path"] == "/user/login":
        form = {"user_name": "root1"}
    if form is None:
        return None
    if "passcode" in form:
        if "right" in note:
            world.code = totp(world.secret, world.double.model.now())
        return {"passcode": "000000" if "wrong" in note else world.code}
    return {"user_name": form["user_name"], "password": "wrong" if "wrong" in note else PASSWORD}
