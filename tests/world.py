"""The world: one description of users, repositories, runs, jobs, attempts and rows that holds every trap of the web UI.

Rules
-----
* The world is data: `STORIES` says for each run its repository, its workflow and what happens to it, in the verbs of
  `Stage` and in the order of the table. `later` is played when every other run is there, so that ids get out of order.
* A job runs on the label of its own key; a job under the label `nobody` never starts.
* Names are unique for each seeding, so that one server can be seeded many times, by several at once.
* Every row names its run, job id and attempt: a wrong log can't be taken for the right one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hand import NO_REPOSITORY, READ, WRITE, Account, Hand
from runner import LONG_AGO, LONGEST, Row, Runner
from seeded import FINAL, Job, Repo, Run, Stage

Workflow = dict[str, Any]
Act = tuple[Any, ...]

ODD_ROWS = [
    Row("Set up the job", 1_234_567),
    Row("é, 漢字, 👾, tab\there", 10_000_000),
    Row("\x1b[31mred\x1b[0m, \x1b]0;a title\x07, \x1b[2J, \x9b31m, \x00 and \x08", 15_000_000),
    Row("::error file=a.py,line=3::boom", 20_000_000),
    Row("first half\nsecond half of one row", 29_999_999),
    Row("ends like a line of DOS\r", 30_000_000),
    Row("progress 1%\rprogress 2%\r\nprogress 3%", 30_000_001),
    Row("", 30_000_002),
    Row(" leading and trailing ", 30_000_003),
    Row("2026-01-02T03:04:05.0000000Z looks like a time", 30_000_004),
    Row("漢" * (LONGEST // 3 + 1) + "cut in the middle of a character", 40_000_000),
    Row("Complete", 9_000_000_000),
]

ODD_NAME = "go\x85ing\x1f\\ \x9f,/\u202e on"  # C0, C1 and bidirectional controls, and what a path is made of


def job(*, label: str = "", name: str | None = None, needs: Sequence[str] = (), **more: Any) -> Workflow:
    """A job of a workflow with two steps; its label is its key unless another one is given."""
    spec: Workflow = {"runs-on": [label], "steps": [{"run": "echo one"}, {"run": "echo two"}], **more}
    if name:
        spec["name"] = name
    if needs:
        spec["needs"] = list(needs)
    return spec


def workflow(on: Any = "workflow_dispatch", **jobs: Workflow) -> Workflow:
    """A workflow file; the keywords are the jobs' keys."""
    return {"on": {on: {}}, "jobs": jobs}


def labelled(flow: Workflow, mark: str) -> Workflow:
    """The workflow with the labels of one world: `<mark>-<label, or else the job's key>`."""
    jobs = {
        key: {**spec, "runs-on": [f"{mark}-{spec['runs-on'][0] or key}"]} if "runs-on" in spec else spec
        for key, spec in flow["jobs"].items()
    }
    return {**flow, "jobs": jobs}


@dataclass(frozen=True)
class Story:
    """A run: where, of what workflow, what happens to it at once and what after all other stories."""

    key: str
    repo: str
    workflow: Workflow
    acts: Sequence[Act] = ()
    later: Sequence[Act] = ()
    since: int = 11
    files: Mapping[str, Workflow] = field(default_factory=dict)


# Forgejo makes equal names of a run unequal by `-1`, `-2` (modules/actions/job_parser.go, services/actions up to 13),
# and doesn't look whether that name is taken: `twin`, `twin-1`, `twin` become `twin`, `twin-1`, `twin-1`.
ONE = workflow(build=job())
FAN = {"matrix": {"m": "${{ fromJSON(needs.gen.outputs.list) }}"}}
INNER = workflow("workflow_call", inner=job(), second=job())

STORIES = (
    Story(
        "failing",
        "priv",
        workflow(
            build=job(),
            other=job(name="té/st 漢字"),
            skip=job(name="skipped"),
            nobody=job(),
            twin_a=job(name="twin"),
            twin_b=job(name="twin-1"),
            twin_c=job(name="twin"),
            cell=job(strategy={"matrix": {"os": ["a", "b"], "py": [3]}}),
        ),
        (
            ("play", "build", "failure", ODD_ROWS),
            ("play", "other"),
            ("play", "skip", "skipped", 0),
            ("play", "twin_a"),
            ("play", "twin_b", "failure"),
            ("play", "twin_c"),
            ("play", "cell"),
            ("play", "cell", "failure"),
        ),
    ),
    Story("foreign", "other", ONE, (("play", "build"),)),
    Story(
        "dynamic",
        "priv",
        workflow(gen=job(outputs={"list": "x"}), fan=job(needs=["gen"], strategy=FAN), last=job()),
        later=(
            ("play", "gen", "success", 4, {"outputs": {"list": '["p", "q", "r"]'}}),
            ("play", "fan"),
            ("play", "fan"),
            ("play", "last"),
        ),
        since=14,
    ),
    Story("public", "pub", ONE, (("play", "build", "failure"),)),
    Story("needs", "priv", workflow(first=job(), then=job(needs=["first"])), (("play", "first", "failure"),)),
    Story(
        "twice",
        "priv",
        workflow(build=job(), side=job()),
        (("play", "build", "failure"), ("play", "side"), ("rerun", "build"), ("play", "build", "success", 7)),
    ),
    Story("waits", "priv", workflow(again=job()), (("play", "again", "failure"), ("rerun", "again"))),
    Story("foreign-2", "other", ONE, (("play", "build"),)),
    Story("taken", "priv", ONE, (("take", "build"),)),
    Story("running", "priv", ONE, (("take", "build"), ("say", "build", 3))),
    Story("empty", "priv", ONE, (("play", "build", "success", 0),)),
    Story(
        "expired",
        "priv",
        workflow(old=job(), new=job()),
        (("play", "old", "success", 5, {"stopped_at": LONG_AGO}), ("play", "new"), ("expire", "old")),
    ),
    Story(
        "cancelled",
        "priv",
        workflow(going=job(name=ODD_NAME), nobody=job()),
        (("take", "going"), ("say", ODD_NAME, 2), ("cancel",)),
    ),
    Story(
        "reusable",
        "priv",
        workflow(outer={"uses": "./.forgejo/workflows/inner.yml"}, plain=job()),
        (("play", "plain"), ("play", "inner"), ("play", "second")),
        since=15,
        files={"inner.yml": INNER},
    ),
    Story("renamed", "old-name", ONE, (("play", "build"), ("rename",))),
    Story("of-org", "org", ONE, (("play", "build"),)),
    Story("switched-off", "off", ONE, (("play", "build"), ("switch_off",))),
    Story("long", "priv", ONE, (("play", "build", "success", 2000),)),
    Story(
        "named",
        "priv",
        workflow(
            other=job(name="té/st 漢字"),
            skip=job(name="skipped"),
            twin_a=job(name="twin"),
            twin_b=job(name="twin-1"),
            twin_c=job(name="twin"),
            cell=job(strategy={"matrix": {"os": ["a"], "py": [3]}}),
        ),
        (
            ("play", "other"),
            ("play", "skip", "skipped", 0),
            ("play", "twin_a"),
            ("play", "twin_b", "failure"),
            ("play", "twin_c"),
            ("play", "cell"),
        ),
    ),
    Story("last", "priv", ONE, (("play", "build"),)),
)

REPOS = {"priv": True, "pub": False, "other": True, "old-name": True, "off": True, "empty": True}


class Seeded:
    """A seeded world: accounts, tokens, repositories and runs by their names here, and the stage to act further."""

    def __init__(self, hand: Hand, mark: str) -> None:
        self.hand = hand
        self.mark = mark
        self.runner = Runner(hand.base_url, hand.registration_token())
        self.stage = Stage(hand, self.runner, mark)
        self.accounts: dict[str, Account] = {}
        self.tokens: dict[str, str] = {}
        self.repos: dict[str, Repo] = {}
        self.runs: dict[str, Run] = {}

    def job(self, run: str, name: str) -> Job:
        return self.runs[run].jobs[name]

    def jobs(self) -> Iterator[Job]:
        """Every job that is there, of every run."""
        return (job for run in self.runs.values() for job in run.jobs.values())


def seed(hand: Hand, mark: str | None = None) -> Seeded:
    """Make the whole world anew on a server."""
    seeded = Seeded(hand, mark or secrets.token_hex(4))
    _places(seeded)
    _people(seeded)
    told = [story for story in STORIES if hand.major >= story.since]
    for name, repo in seeded.repos.items():
        files = {f"{story.key}.yml": story.workflow for story in told if story.repo == name}
        files |= {file: flow for story in told if story.repo == name for file, flow in story.files.items()}
        if files:
            hand.push(repo.full, {file: labelled(flow, seeded.mark) for file, flow in files.items()})
    for story in told:
        seeded.runs[story.key] = seeded.stage.start(
            story.key, seeded.repos[story.repo], story.workflow, f"{story.key}.yml"
        )
        _perform(seeded, story.key, story.acts)
    for story in told:
        _perform(seeded, story.key, story.later)
    return seeded


def _places(seeded: Seeded) -> None:
    hand, mark = seeded.hand, seeded.mark
    owner = seeded.accounts["owner"] = hand.user(f"owner-{mark}")
    for name, private in REPOS.items():
        seeded.repos[name] = Repo(hand.repo(owner.name, f"{name}-{mark}", private=private))
    seeded.repos["org"] = Repo(hand.org_repo(hand.org(f"org-{mark}"), "coded"))


def _people(seeded: Seeded) -> None:
    hand, mark = seeded.hand, seeded.mark
    people = seeded.accounts
    for name in ("outsider", "member", "reader", "factor", "must-change", "inactive", "prohibited"):
        people[name] = hand.user(f"{name}-{mark}", must_change=name == "must-change")
    for name in ("reader", "factor", "must-change", "inactive", "prohibited"):
        hand.collaborator(seeded.repos["priv"].full, people[name])
    hand.change(people["inactive"], active=False)
    hand.change(people["prohibited"], prohibit_login=True)
    hand.member_without_actions(seeded.repos["org"].full.split("/")[0], people["member"])
    hand.enrol(people["factor"])
    for name, who, scopes in (
        ("owner", "owner", WRITE),
        ("read", "owner", READ),
        ("no-scope", "owner", NO_REPOSITORY),
        ("reader", "reader", READ),
        ("outsider", "outsider", READ),
        ("member", "member", READ),
    ):
        seeded.tokens[name] = hand.new_token(people[who], scopes)


def _perform(seeded: Seeded, key: str, acts: Sequence[Act]) -> None:
    run = seeded.runs[key]
    for verb, *rest in acts:
        more = rest.pop() if rest and isinstance(rest[-1], dict) else {}
        if verb in ("say", "finish", "rerun", "expire"):
            rest[0] = run.jobs[rest[0]]
        else:
            rest.insert(0, run)
        getattr(seeded.stage, verb)(*rest, **more)


# --- random worlds

SHAPES: Mapping[str, Workflow] = {
    "one": ONE,
    "many": workflow(build=job(), lint=job(), doc=job()),
    "chain": workflow(first=job(), then=job(needs=["first"]), end=job(needs=["then"])),
    "twins": workflow(build=job(name="same"), lint=job(name="same-1"), doc=job(name="same")),
    "cells": workflow(build=job(strategy={"matrix": {"x": [1, 2, 3]}})),
    "dynamic": workflow(gen=job(outputs={"list": "x"}), fan=job(needs=["gen"], strategy=FAN), last=job()),
}
# A placeholder that is run again alone can't be handed out: FetchTask is a 500 from then on (seen on 14.0.5).
PLACEHOLDER = " (incomplete matrix)"
KEYS = sorted({key for shape in SHAPES.values() for key in shape["jobs"]})


def _shapes(hand: Hand) -> Mapping[str, Workflow]:
    return {name: flow for name, flow in SHAPES.items() if name != "dynamic" or hand.major >= 14}


def push_shapes(hand: Hand, repo: Repo, marks: Sequence[str]) -> None:
    """Push the workflows of random worlds with these marks, in one commit: a push is dear on a real server."""
    shapes = _shapes(hand).items()
    hand.push(repo.full, {f"{mark}-{name}.yml": labelled(flow, mark) for mark in marks for name, flow in shapes})


class RandomWorld:
    """A small world that grows by chosen acts in a repository to which `push_shapes` pushed its stage's mark.

    `choose` picks one of several: `random.choice`, or what hypothesis draws.
    """

    def __init__(self, stage: Stage, repo: Repo, choose: Callable[[Sequence[Any]], Any]) -> None:
        self.stage = stage
        self.repo = repo
        self.choose = choose
        self.shapes = _shapes(stage.hand)

    def jobs(self) -> list[Job]:
        """Every job that there ever was, replaced and deleted ones too."""
        return [job for run in self.stage.runs for job in [*run.jobs.values(), *run.replaced]]

    def act(self) -> str:
        """Do one of the things that can be done now; what it was, in words."""
        offers = {verb: offer for verb, offer in self._offers().items() if offer}
        verb = self.choose(list(offers))
        return f"{verb} {getattr(self, '_' + verb)(self.choose(offers[verb]))}"

    def _offers(self) -> dict[str, list[Any]]:
        there = [run for run in self.stage.runs if not run.deleted]
        jobs = [job for run in there for job in run.jobs.values()]
        running = [job for job in jobs if job.status == "running"]
        over = [run for run in there if all(job.status in FINAL for job in run.jobs.values())]
        return {
            "start": list(self.shapes) if len(self.stage.runs) < 6 else [],
            "take": [KEYS] if any(job.status == "waiting" for job in jobs) else [],
            "say": [job for job in running if not job.latest.complete],
            "finish": running,
            "rerun": [job for run in over for job in run.jobs.values() if not job.name.endswith(PLACEHOLDER)],
            "rerun_run": over,
            "delete": over if self.stage.hand.major >= 16 else [],
        }

    def _start(self, shape: str) -> str:
        run = self.stage.start(shape, self.repo, self.shapes[shape], f"{self.stage.mark}-{shape}.yml")
        return f"{shape} as run {run.number}"

    def _take(self, keys: Sequence[str]) -> str:
        job = self.stage.take_any(self.repo, keys)
        return f"job {job.id}" if job else "nothing"

    def _say(self, job: Job) -> str:
        self.stage.say(job, self.choose([1, 2, 5]), more=self.choose([True, False]))
        return f"job {job.id}"

    def _finish(self, job: Job) -> str:
        outputs = {"list": self.choose(['["p"]', '["p", "q", "r"]'])}
        self.stage.finish(job, self.choose(["success", "failure"]), outputs=outputs)
        return f"job {job.id}"

    def _rerun(self, job: Job) -> str:
        self.stage.rerun(job)
        return f"job {job.id}"

    def _rerun_run(self, run: Run) -> str:
        self.stage.rerun_run(run)
        return f"run {run.number}"

    def _delete(self, run: Run) -> str:
        self.stage.delete(run)
        return f"run {run.number}"
