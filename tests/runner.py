"""A scripted runner: takes jobs and reports rows and results that a test chose, and executes nothing.

Rules
-----
* It speaks the runners' protocol (Connect) as plain JSON over HTTP POST; Forgejo 11 to 16 all accept that.
* `fetch(label)` takes a waiting job that runs on that label and no other: each job has a label of its own where it
  matters which one is taken.
* A row is what was said and when; `Row.stored` is the line that Forgejo keeps of it. Tests compare logs with that,
  never with something read from a server.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import requests
from hand import Refused, plain_session

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG_AGO = datetime(2001, 1, 2, 3, 4, 5, tzinfo=UTC)
LONGEST = 64 * 1024  # bytes of a row's content that Forgejo keeps (modules/actions/log.go, MaxLineSize)

Steps = Sequence[tuple[int, str] | tuple[int, str, int]]  # number of rows and result of each, and seconds if not two


@dataclass(frozen=True)
class Row:
    """One row of a log: its content and the moment in units of 100 ns after `START`."""

    content: str
    ticks: int = 0

    @cached_property
    def time(self) -> str:
        moment = START + timedelta(seconds=self.ticks // 10_000_000)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{self.ticks % 10_000_000:07d}Z"

    @property
    def stored(self) -> bytes:
        """The line in the file: a newline becomes the two characters backslash and n, then 64 KiB are kept."""
        return self.time.encode() + b" " + self.content.replace("\n", "\\n").encode()[:LONGEST] + b"\n"


def stored(rows: Iterable[Row]) -> bytes:
    """The bytes of a log with these rows."""
    return b"".join(row.stored for row in rows)


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"


class Task:
    """A job that the runner took: one attempt of one job."""

    def __init__(self, runner: Runner, told: Mapping[str, Any]) -> None:
        self._runner = runner
        self.id = int(told["id"])
        self.context: Mapping[str, Any] = told["context"]
        self.job_key: str = self.context["job"]
        self.attempt = int(self.context["run_attempt"])
        self.run_number = int(self.context["run_number"])
        self.workflow = base64.b64decode(told["workflowPayload"]).decode()
        self.sent: list[Row] = []

    @property
    def base_url(self) -> str:
        """Where the runner that took the job finds the server."""
        return self._runner.base_url

    def rows(self, rows: Sequence[Row], *, more: bool = True) -> None:
        """Append rows to the log; `more=False` says that these were the last, and the log goes to its storage."""
        told = [{"time": row.time, "content": row.content} for row in rows]
        body = {"taskId": self.id, "index": len(self.sent), "rows": told, "noMore": not more}
        answer = self._runner.call("UpdateLog", body)
        self.sent += rows
        if int(answer.get("ackIndex", 0)) != len(self.sent):
            raise ValueError(f"task {self.id}: {len(self.sent)} rows sent, {answer} acknowledged")

    def finish(
        self,
        result: str = "success",
        *,
        steps: Steps = (),
        outputs: Mapping[str, str] | None = None,
        started_at: datetime | None = None,
        stopped_at: datetime | None = None,
    ) -> None:
        """Report the end: `success`, `failure`, `cancelled` or `skipped`; the steps follow the first row in turn.

        Unless both moments are given, the job lasts nine seconds; without `stopped_at` it begins at `START`. The first
        step begins a second later.
        """
        stopped = stopped_at or START + timedelta(seconds=9)
        started = started_at or stopped - timedelta(seconds=9)
        told, index, at = [], 1, started + timedelta(seconds=1)
        for number, (length, step_result, *seconds) in enumerate(steps):
            end = at + timedelta(seconds=seconds[0] if seconds else 2)
            told.append(
                {
                    "id": number,
                    "result": f"RESULT_{step_result.upper()}",
                    "startedAt": moment(at),
                    "stoppedAt": moment(end),
                    "logIndex": index,
                    "logLength": length,
                }
            )
            index, at = index + length, end
        state = {
            "id": self.id,
            "result": f"RESULT_{result.upper()}",
            "startedAt": moment(started),
            "stoppedAt": moment(stopped),
            "steps": told,
        }
        self._runner.call("UpdateTask", {"state": state, "outputs": dict(outputs or {})})


class Runner:
    """A runner registered with a token of the instance, a user or a repository."""

    def __init__(self, base_url: str, registration_token: str, labels: Sequence[str] = ()) -> None:
        self.base_url = base_url.rstrip("/")
        self._url = f"{self.base_url}/api/actions/runner.v1.RunnerService/"
        self._http = plain_session()
        name = f"scripted-{secrets.token_hex(3)}"
        body = {"token": registration_token, "name": name, "version": "v9", "labels": list(labels)}
        told = self.call("Register", body)["runner"]
        self._http.headers.update({"x-runner-uuid": told["uuid"], "x-runner-token": told["token"]})
        self._labels = tuple(labels)

    def call(self, method: str, body: Mapping[str, Any]) -> Any:
        """One call of the protocol; Refused unless the answer is 200."""
        headers = {"Content-Type": "application/json"}
        # long enough for the last rows of a log of 1 GB: the answer comes when the whole log is in its storage
        answer = self._http.post(self._url + method, data=json.dumps(body), headers=headers, timeout=300)
        if answer.status_code != requests.codes.ok:
            raise Refused(answer)
        return answer.json()

    def fetch(self, *labels: str) -> Task | None:
        """Take the waiting job of the lowest age and id that runs on these labels (those of before, if none)."""
        if labels and labels != self._labels:
            self.call("Declare", {"version": "v9", "labels": list(labels)})
            self._labels = labels
        told = self.call("FetchTask", {"tasksVersion": 0}).get("task")
        return Task(self, told) if told else None
