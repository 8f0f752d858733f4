"""The world, its oracle and the hand, held against the double: what the oracle says is what a download gives."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import servers
import world
from hand import Hand, Web, totp
from runner import LONGEST, Row, Runner
from seeded import Cause, Job, Repo, Stage, steps_of


def differences(hand: Hand, job: Job) -> Iterator[str]:
    """Attempts whose download isn't what the oracle says; none can be had while the job has no task."""
    latest_only = (hand.major, hand.minor, hand.patch) < (13, 0, 4)
    for number, attempt in job.attempts.items():
        if job.current is None or job.gone or (latest_only and number != job.current):
            continue
        answer = hand.download(job.run.repo.full, job.run.number, job.index, number)
        expected = attempt.expected
        there = answer.status_code == 200 and answer.content == expected
        if not (there if isinstance(expected, bytes) else answer.status_code in (404, 500)):
            told = f"{answer.status_code} {answer.text[:60]}, not {expected!r:.60}"
            yield f"{job.run.key} {job.name} attempt {number}: {told}"


@pytest.mark.parametrize("version", servers.FACES)
def test_the_oracle_knows_every_log(version: str) -> None:
    with servers.pretended(version)() as server:
        hand = server.hand()
        seeded = world.seed(hand)
        jobs = [job for job in seeded.jobs() if job.run.key != "switched-off"]
        assert [line for job in jobs for line in differences(hand, job)] == []
        assert {told for job in jobs if isinstance(told := job.expected(), Cause)} >= {
            Cause.NOT_EXECUTED,
            Cause.NO_LOG,
            Cause.EXPIRED,
        }
        logs = [told for job in jobs for attempt in job.attempts if isinstance(told := job.expected(attempt), bytes)]
        assert len(set(logs)) == len(logs)


@pytest.fixture(scope="module")
def seeded() -> Iterator[world.Seeded]:
    with servers.pretended("15")() as server:
        yield world.seed(server.hand())


def test_what_the_world_holds(seeded: world.Seeded) -> None:
    dynamic, failing = seeded.runs["dynamic"], seeded.runs["failing"]
    assert [job.name for job in dynamic.jobs.values()] == ["gen", "last", "fan (p)", "fan (q)", "fan (r)"]
    assert [job.gone for job in dynamic.replaced] == [True]
    assert max(job.id for job in dynamic.jobs.values()) > seeded.job("last", "build").id, "ids rise with runs"
    assert failing.jobs["twin-1"].expected() != failing.jobs["twin-1#2"].expected()
    assert seeded.job("twice", "build").expected() == seeded.job("twice", "build").expected(2)
    assert seeded.job("twice", "build").expected(1) != seeded.job("twice", "build").expected(2)
    assert seeded.job("needs", "then").status == "skipped"
    assert seeded.job("reusable", "outer").expected() is Cause.NO_LOG


def test_accounts_are_what_they_are_called(seeded: world.Seeded) -> None:
    base_url = seeded.hand.base_url
    statuses = {name: Web(base_url).sign_in(account).status_code for name, account in seeded.accounts.items()}
    assert statuses.pop("prohibited") == 200
    assert set(statuses.values()) == {303}


def test_one_server_is_seeded_twice(seeded: world.Seeded) -> None:
    second = world.seed(seeded.hand)
    assert seeded.repos["priv"].full != second.repos["priv"].full
    again = second.stage.play(second.runs["waits"], "again")
    assert (again.current, again.latest.number) == (2, 2)
    assert seeded.job("waits", "again").expected() is Cause.NOT_EXECUTED


@pytest.mark.parametrize("version", ["11", "13.0.3", "15", "16"])
def test_random_worlds(version: str) -> None:
    with servers.pretended(version)() as server:
        hand = server.hand()
        runner = Runner(server.base_url, hand.registration_token())
        repo = Repo(hand.repo(hand.user("random").name, "worlds"))
        world.push_shapes(hand, repo, [f"w{number}" for number in range(4)])
        for number in range(4):
            choose = random.Random(number).choice
            grown = world.RandomWorld(Stage(hand, runner, f"w{number}"), repo, choose)
            told = [grown.act() for _ in range(25)]
            assert [line for job in grown.jobs() for line in differences(hand, job)] == [], told


def test_totp_of_the_rfc() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert [totp(secret, at) for at in (59, 1111111109, 20000000000)] == ["287082", "081804", "353130"]


def test_stored_rows() -> None:
    assert Row("a\nb", 15_000_001).stored == b"2026-01-02T03:04:06.5000001Z a\\nb\n"
    assert Row("x" * (LONGEST + 9)).stored == b"2026-01-02T03:04:05.0000000Z " + b"x" * LONGEST + b"\n"


def test_steps_share_the_rows_out() -> None:
    assert steps_of(7, "failure") == [(2, "success"), (3, "failure")]


def test_why_a_server_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("BIN", "IMAGE", "URL"):
        monkeypatch.delenv(f"FORGEJO_{kind}_13_0_3", raising=False)
    told = "not run: no FORGEJO_BIN_13_0_3, FORGEJO_IMAGE_13_0_3 or FORGEJO_URL_13_0_3"
    assert servers.available("13.0.3") == told
    monkeypatch.setenv("FORGEJO_IMAGE_13_0_3", "nowhere/forgejo:13.0.3")
    monkeypatch.setattr(servers, "docker_answers", lambda: False)
    assert servers.available("13.0.3") == told + ", and no Docker engine answers"
