"""Clients that read without a pause, and hold each byte that comes against what a scripted runner said.

Rules: what is right is known before: logs from the oracle, zips and lists from a first answer that was held against it.
An answer is right; cut, if it broke off and was right until then; failed, if another status or none came; else wrong.
Nobody asks a second time.
"""

from __future__ import annotations

import io
import random
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import requests
from forgejo_shim import WebLogin
from hand import READ, plain_session
from runner import Runner
from seeded import Repo, Run, Stage
from servers import Server
from world import SHAPES, push_shapes

ROWS = (3, 40, 900, 30_000)  # of the jobs of a run: from one piece on the wire to some megabytes
MARK = "load"


@dataclass(frozen=True)
class Question:
    """What is asked, and what is right; without a token if `token` is "", with each client's own if it is None."""

    path: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    token: str | None = None


@dataclass(frozen=True)
class Told:
    """What was answered, and between which moments."""

    verdict: str
    began: float
    ended: float
    what: str


class Place:
    """A server with runs of known logs. `web` is the account of shims, `tokens` are as many readers'."""

    def __init__(self, server: Server, runs: int, readers: int) -> None:
        hand = server.hand()
        owner, outsider = hand.user("load-owner"), hand.user("load-outsider")
        repo = Repo(hand.repo(owner.name, "load"))
        push_shapes(hand, repo, [MARK])
        self.web = WebLogin(owner.name, owner.password)
        self.tokens = [hand.new_token(owner, READ) for _ in range(readers)]
        self.stranger = hand.new_token(outsider, READ)
        self.repo = repo.full
        self._stage = Stage(hand, Runner(hand.base_url, hand.registration_token()), MARK)
        self.runs = [self._run(repo, number) for number in range(runs)]

    def _run(self, repo: Repo, number: int) -> Run:
        run = self._stage.start("many", repo, SHAPES["many"], f"{MARK}-many.yml")
        for at, key in enumerate(("build", "lint", "doc")):
            self._stage.play(run, key, "success", ROWS[(number + at) % len(ROWS)])
        return run

    def questions(self, base_url: str) -> Iterator[Question]:
        """What there is to ask, with what is right by the oracle."""
        root = f"{base_url}/api/v1/repos/{self.repo}/actions"
        for run in self.runs:
            logs = {job.id: job.expected() for job in run.jobs.values()}
            for job, log in logs.items():
                assert isinstance(log, bytes)
                yield from self._of_a_log(f"{root}/jobs/{job}/logs", log)
            jobs = self._first(f"{root}/runs/{run.id}/jobs")
            assert {job["id"] for job in jobs.json()} == set(logs)
            yield Question(jobs.url, 200, jobs.content)
            packed = self._first(f"{root}/runs/{run.id}/logs")
            archive = zipfile.ZipFile(io.BytesIO(packed.content))
            assert sorted(map(archive.read, archive.namelist())) == sorted(logs.values())  # type: ignore[type-var]
            yield Question(packed.url, 200, packed.content)

    def _of_a_log(self, url: str, log: bytes) -> Iterator[Question]:
        yield Question(url, 200, log)
        yield Question(f"{url}?attempt=1", 200, log)
        begin, end = len(log) // 3, len(log) // 3 + len(log) // 2
        yield Question(url, 206, log[begin : end + 1], {"Range": f"bytes={begin}-{end}"})
        yield Question(f"{url}?tail=2", 200, b"".join(log.splitlines(keepends=True)[-2:]))
        for token, status in ((self.stranger, 404), ("0" * 40, 401), ("", 404)):
            told = plain_session().get(url, headers=_named(token), timeout=30)
            assert told.status_code == status, told.text
            yield Question(url, status, told.content, token=token)

    def _first(self, url: str) -> requests.Response:
        told = plain_session().get(url, headers=_named(self.tokens[0]), timeout=60)
        told.raise_for_status()
        return told


def _named(token: str) -> dict[str, str]:
    return {"Authorization": f"token {token}"} if token else {}


class Load:
    """Clients, one for each token, that ask while `with` lasts. `counts` are the verdicts, `others` all but right."""

    def __init__(self, tokens: Sequence[str], questions: Sequence[Question]) -> None:
        self.counts: Counter[str] = Counter()
        self.bytes = 0
        self.slowest = 0.0
        self.others: list[Told] = []
        self._questions = questions
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._clients = [
            threading.Thread(target=self._client, args=(number, token)) for number, token in enumerate(tokens)
        ]

    def _client(self, number: int, token: str) -> None:
        chance, session = random.Random(number), plain_session()
        while not self._over.is_set():
            question = chance.choice(self._questions)
            self._note(question, ask(session, question, token))
        session.close()

    def _note(self, question: Question, told: Told) -> None:
        with self._lock:
            self.counts[told.verdict] += 1
            if told.verdict == "right":
                self.bytes += len(question.body)
                self.slowest = max(self.slowest, told.ended - told.began)
            else:
                self.others.append(told)

    def __enter__(self) -> Self:
        for client in self._clients:
            client.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for client in self._clients:
            client.join()


def ask(session: requests.Session, question: Question, own: str) -> Told:
    """Ask, and judge what comes."""
    began, status, broken = time.monotonic(), 0, ""
    pieces: list[bytes] = []
    headers = {**question.headers, **_named(own if question.token is None else question.token)}
    try:
        with session.get(question.path, headers=headers, stream=True, timeout=60) as answer:
            status = answer.status_code
            for piece in answer.iter_content(65536):
                pieces.append(piece)  # noqa: PERF402 - what came before it broke off is kept
    except requests.RequestException as error:
        broken = type(error).__name__
    body = b"".join(pieces)
    if status != question.status:
        verdict = "failed"
    elif broken:
        verdict = "cut" if question.body.startswith(body) else "wrong"
    else:
        verdict = "right" if body == question.body else "wrong"
    what = f"{question.path} {dict(question.headers)}: {status} {broken} {len(body)} bytes of {len(question.body)}"
    if verdict == "failed":
        what += f" {body[:300]!r}"
    return Told(verdict, began, time.monotonic(), what)


__all__ = ["Load", "Place", "Question", "Told", "ask"]
