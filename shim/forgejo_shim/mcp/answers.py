"""What an agent is given: facts as JSON, the same as text, both bounded, and what was left out and how to get it.

Rules: pure. An answer comes twice, as the protocol has it: structured, and as a text for clients that know no other.
Each of the two is at most `max_bytes` long. All text of the server is inert (fence.py); a log, a report and the text of
a list stand between marks. An error is an answer, too: cause, message, exit code and status as the command and the
proxy have them, and what to do next.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ShimError
from ..inert import plain_text
from .fence import FENCE, fenced, inert, shortened, size_of

LEAST, USUAL, MOST = 2048, 16 * 1024, 64 * 1024  # bytes of an answer
ASIDE = 1000  # bytes of it for facts and notes
NEXT = {  # what to do about a cause, where a tool helps
    "job-not-found": "list_jobs gives the ids of a run's jobs",
    "attempt-not-found": "list_jobs gives the number of the current attempt; leave the attempt out to read that one",
    "not-executed": "the job waits for a runner: follow_log waits for its first lines",
    "job-has-no-log": "if the job is running, follow_log waits for its first lines",
    "logs-expired": "the log was cleaned up and is gone; a rerun makes a new one",
    "run-not-found": "list_runs gives the numbers of runs; a run's id is not its number",
    "run-number-not-found": "list_runs gives the numbers of runs",
    "job-not-in-run": "list_jobs gives the jobs of a run and their ids",
    "nothing-matched": "list_runs gives the numbers of runs",
    "log-changed": "call the tool again without the cursor",
    "run-again": "call the tool again without the cursor",
    "several-failed": "rerun one of them by its job_id, or all jobs without failed",
    "not-over": "wait until all jobs of the run are over, or cancel it",
    "step-not-found": "list_jobs with steps=true gives the steps of a job",
    "repository-hidden": "check owner and repository, and whether the token may read them",
    "usage": "correct the arguments; the tool's description says what they are",
    "unreachable": "try again; if it stays so, the server or the network is down",
    "write-unknown": "look at the run with list_runs and list_jobs before asking again",
    "web-sign-in-refused": "only who runs this tool server can mend it: its web account's name or password is wrong",
}


@dataclass
class Answer:
    """`facts` are JSON without text of a log; `body` is such text, kept under the key `what`; notes are sentences."""

    facts: dict[str, Any]
    what: str = ""
    body: str = ""
    notes: list[str] = field(default_factory=list)

    def both(self) -> tuple[dict[str, Any], str]:
        """The answer as structured content and as text."""
        facts = {**self.facts, "notes": self.notes}
        notes = "".join(f"\n{note}" for note in self.notes)
        if self.what:
            text = fenced(self.body, self.what)
            return {**facts, self.what: text}, text + notes
        return facts, fenced(json.dumps(self.facts, ensure_ascii=False), "answer") + notes


def room(max_bytes: int) -> int:
    """The bytes that a log or a list may take in an answer of `max_bytes`."""
    return max_bytes - ASIDE - FENCE


def reported(facts: Mapping[str, Any], what: str, text: str, max_bytes: int, more: str) -> Answer:
    """Facts and a text of several lines about them, as many as there is room for; `more` says how to get the others."""
    left = max_bytes - ASIDE // 2 - FENCE - size_of(json.dumps(facts, ensure_ascii=False))
    lines = [plain_text(line) for line in text.splitlines()]
    kept: list[str] = []
    for line in lines:
        left -= size_of(line) + 2  # and a line feed, as JSON has it
        if left < 0:
            break
        kept.append(line)
    cut = len(lines) - len(kept)
    notes = [f"{cut} of the {len(lines)} lines of the {what} are left out for want of room; {more}"] if cut else []
    return Answer(dict(facts), what, "\n".join(kept), notes)


def listed(name: str, values: Sequence[Mapping[str, Any]], max_bytes: int, more: str, **facts: Any) -> Answer:
    """A list of objects under `name`, as many as there is room for; `more` says how to get the others."""
    kept, used = [], size_of(json.dumps(inert(facts), ensure_ascii=False))
    for value in values:
        one = inert(value)
        used += size_of(json.dumps(one, ensure_ascii=False)) + 2
        if used > room(max_bytes):
            break
        kept.append(one)
    left_out = len(values) - len(kept)
    notes = [f"{left_out} of {len(values)} {name} are left out for want of room; {more}"] if left_out else []
    return Answer({**inert(facts), name: kept, "left_out": left_out}, notes=notes)


def compact(values: dict[str, Any]) -> dict[str, Any]:
    """The values that are known."""
    return {name: value for name, value in values.items() if value not in (None, "")}


def told(error: ShimError, advice: str = "") -> tuple[dict[str, Any], str]:
    """An error as structured content and as text."""
    message = shortened(inert_message(error.message), LEAST // 2)
    value: dict[str, Any] = {
        "cause": error.cause or "error",
        "message": message,
        "exit_code": error.exit_code,
        "status": error.status,
        "what_to_do": advice or NEXT.get(error.cause, ""),
    }
    if error.retry_after:
        value["retry_after"] = error.retry_after
    lines = [f"error: {message}", value["what_to_do"], f"(cause {value['cause']}, exit code {value['exit_code']})"]
    return {"error": value}, "\n".join(filter(None, lines))


def inert_message(text: str) -> str:
    """A message, which may repeat what a server said, on one line."""
    return " ".join(str(inert(line)) for line in text.splitlines())
