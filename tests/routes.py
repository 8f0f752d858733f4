"""How servers route a path that is spelled otherwise: the spellings, and what a server took each for.

Rules
-----
* A spelling is a path with `{owner}`, `{repo}`, `{job}`, `{run}` in it; `{%job}` is the value with each character
  percent-encoded, `{%%job}` encoded twice, `{OWNER}` in capitals. It goes over the wire byte for byte.
* What it was taken for is read from the answer alone: "200 log {job}", "404 no job 0", "404 absent" (the API's
  `404 page not found`), "404 page" (the web UI's), "400 refused" (net/http's, before any router).
* `tests/data/routes.jsonl` has a line for each spelling, with what each server took it for; scripts/routes writes it.
"""

from __future__ import annotations

import http.client
import json
import re
import secrets
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from hand import READ, Hand
from runner import Runner
from seeded import Repo, Stage
from world import ONE, labelled

TABLE = Path(__file__).parent / "data" / "routes.jsonl"
ACTIONS = "/api/v1/repos/{owner}/{repo}/actions"
LOG = f"{ACTIONS}/jobs/{{job}}/logs"
PLAIN = {  # each operation as documents spell it
    "log": f"GET {LOG}",
    "job": f"GET {ACTIONS}/jobs/{{job}}",
    "jobs": f"GET {ACTIONS}/runs/{{run}}/jobs",
    "zip": f"GET {ACTIONS}/runs/{{run}}/logs",
    "run": f"GET {ACTIONS}/runs/{{run}}",
    "runs": f"GET {ACTIONS}/runs",
    "tasks": f"GET {ACTIONS}/tasks",
    "cancel": f"POST {ACTIONS}/runs/{{run}}/cancel",
    "swagger": "GET /swagger.v1.json",
    "version": "GET /api/v1/version",
}


@dataclass(frozen=True)
class Place:
    """A repository with one finished job on a server, and a token that may only read it."""

    base_url: str
    token: str
    values: Mapping[str, str]

    def took(self, spelled: str) -> str:
        """What the server takes a spelling for."""
        return self.named(taken_for(*ask(self.base_url, filled(spelled, self.values), self.token)))

    def named(self, told: str) -> str:
        """The same with the ids of this place by their names."""
        kind = told.split()[-2] if told.count(" ") > 1 else ""
        name = "run" if kind == "run" else "job"
        number = self.values[name]
        return re.sub(rf"\b{number}\Z", f"{{{name}}}", told) if kind in KINDS else told


KINDS = ("log", "job", "jobs", "zip", "run")


def place(hand: Hand) -> Place:
    """Make it on a server."""
    owner = hand.user(f"speller-{secrets.token_hex(3)}")
    repo = Repo(hand.repo(owner.name, "routes"))
    hand.push(repo.full, {"one.yml": labelled(ONE, owner.name)})
    stage = Stage(hand, Runner(hand.base_url, hand.registration_token()), owner.name)
    run = stage.start("routes", repo, ONE, "one.yml")
    job = stage.play(run, "build")
    values = {"owner": owner.name, "repo": "routes", "job": str(job.id), "run": str(run.id or 1)}
    return Place(hand.base_url, hand.new_token(owner, READ), values)


def filled(spelled: str, values: Mapping[str, str]) -> str:
    """A spelling with a place's values."""

    def value(found: re.Match[str]) -> str:
        text = values[found[2].lower()]
        text = text.upper() if found[2].isupper() else text
        for _ in found[1]:
            text = "".join(f"%{ord(char):02x}" for char in text)
        return text

    return re.sub(r"\{(%*)(\w+)\}", value, spelled)


def ask(base_url: str, method_and_target: str, token: str) -> tuple[int, str, bytes]:
    """Status, type and body of an answer to a target that is sent as it is, characters beyond ASCII as latin-1."""
    at = urlsplit(base_url)
    method, _, target = method_and_target.partition(" ")
    head = f"{method} {at.path}{target} HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: token {token}\r\n"
    head += "Connection: close\r\n" + "Content-Length: 0\r\n" * (method == "POST") + "\r\n"
    with socket.create_connection((at.hostname or "", at.port or 80), 30) as connection:
        connection.sendall(head.encode("latin-1"))
        answer = http.client.HTTPResponse(connection, method=method)
        answer.begin()
        return answer.status, answer.getheader("Content-Type", ""), answer.read()


def taken_for(status: int, kind: str, body: bytes) -> str:
    """What a path was taken for, by the answer."""
    return f"{status} {_what(status, kind, body)}".strip()


def _what(status: int, kind: str, body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    if kind.startswith("text/html"):
        return "page"
    if status == 200 and kind.startswith("application/zip"):
        found = re.search(rb"-(\d+)-attempt-", body)
        return f"zip {found[1].decode()}" if found else "zip"
    if kind.startswith("text/plain"):
        log = re.search(r"/(\d+) attempt \d+ row ", text)
        plain = {"404 page not found": "absent", "400 Bad Request": "refused"}.get(text.strip(), "text")
        return f"log {log[1]}" if log else plain
    if not kind.startswith("application/json"):
        return ""
    return _of_json(json.loads(text))


def _of_json(told: object) -> str:
    if isinstance(told, list):
        return f"jobs {told[0]['id']}" if told else "jobs"
    assert isinstance(told, dict)
    if found := re.match(r"run job with id (-?\d+): resource does not exist", str(told.get("message"))):
        return f"no job {found[1]}"
    if found := re.match(r"run with id (-?\d+): resource does not exist", str(told.get("message"))):
        return f"no run {found[1]}"
    if found := re.match(r"task with job_id -?\d+ and attempt (-?\d+): resource", str(told.get("message"))):
        return f"no attempt {found[1]}"
    if "message" in told:
        return f"says {told['message']}"
    if "index_in_repo" in told:
        return f"run {told['id']}"
    if "attempts" in told:
        return f"job {told['id']}"
    names = {"swagger": "swagger", "version": "version"}
    return next((name for key, name in names.items() if key in told), "runs or tasks")


# --- spellings


def spellings() -> list[str]:
    """All of them, each once: `METHOD path`."""
    found = [
        *PLAIN.values(),
        *(f"GET {path}" for path in _of_paths(LOG, every=True)),
        *(f"GET {path}" for path in _of_numbers(LOG)),
        *(f"GET {path}" for path in _of_names(LOG)),
        *(f"GET {LOG}?{query}" for query in QUERIES),
    ]
    for name, plain in PLAIN.items():
        if name != "log":
            method, _, path = plain.partition(" ")
            found += [f"{method} {spelled}" for spelled in _of_paths(path, every=name in ("zip", "tasks"))]
    for name in ("jobs", "zip", "run"):
        found += [f"GET {spelled}" for spelled in _of_numbers(PLAIN[name].partition(" ")[2])]
    return list(dict.fromkeys(found))


QUERIES = (  # attempt 1 is there, 99 is none
    "attempt=1", "attempt=99", "attempt=%39%39", "%61ttempt=99", "Attempt=99", "attempt", "attempt=", "attempt=+99",
    "attempt=%2B99", "attempt=99;", "attempt=99;x=1", ";attempt=99", "attempt;=99", "attempt=99%", "attempt=99%zz",
    "attempt=99%20", "attempt=x", "attempt=1&attempt=99", "attempt=99&attempt=1", "attempt=&attempt=99",
    "attempt=99;&attempt=1", "x=%zz&attempt=99", "&&attempt=99", "?attempt=99", "attempt=99?", "attempt=99#",
    "attempt==99", "attempt[]=99", "attempt=99%00", "=99&attempt", "attempt=0", "attempt=-99", "attempt=099",
)  # fmt: skip


def _of_paths(path: str, *, every: bool) -> Iterator[str]:
    """Slashes, encodings, dots and what else is done to the whole of a path or to its fixed parts."""
    cuts = [at for at, char in enumerate(path) if char == "/"]
    yield from (f"/{path}", f"//{path}", f"{path}/", f"{path}///", path.replace("/", "//"), f"{path}?", f"{path}/?x=1")
    for at in cuts if every else cuts[-1:]:
        head, tail = path[:at], path[at + 1 :]
        between = ("//", "/./", "/%2e/", "/x/../", "/%2E%2E/", "%2F", "%2f", "\\", "%5C", "/;/", "/%20/", "/%2F/")
        yield from (f"{head}{mark}{tail}" for mark in between if head or mark.startswith("/"))
        yield from (f"{head}/{other}" for other in _of_part(tail) if not tail.startswith("{"))
    yield from (f"{path}/.", f"{path}/..", f"{path}/x", f"{path}%2F", f"{path}%3F", f"{path}#", f"{path}%23")
    yield from (f"{path};x=1", f"{path};", f"{path}%20", f"{path}+", f"{path}.json", f"{path}%00", f"{path}%0A")
    yield from (f"{path}%", f"{path}%zz", f"{path}%4", f"{path}\xe9", f'{path}"', f"{path}/\\")


def _of_part(tail: str) -> Iterator[str]:
    """The first segment of `tail` spelled otherwise."""
    first, slash, rest = tail.partition("/")
    middle = len(first) // 2
    for other in (
        f"%{ord(first[0]):02x}{first[1:]}",
        f"{first[:middle]}%{ord(first[middle]):02X}{first[middle + 1 :]}",
        first.capitalize(),
        first.upper(),
        f"{first};x",
        f"{first}%20",
    ):
        yield f"{other}{slash}{rest}"


def _of_numbers(path: str) -> Iterator[str]:
    """What can stand where an id is read."""
    name = "job" if "{job}" in path else "run"
    marked = f"{{{name}}}"
    for other in (
        f"{{%{name}}}", f"{{%%{name}}}", f"0{marked}", f"+{marked}", f"%2B{marked}", f"-{marked}", f"%20{marked}",
        f"{marked}%20", f"{marked}.0", f"{marked};x=1", f"{marked},", f"{marked}%2F", f"{marked}%2Flogs",
        f"{marked}%00", f"{marked}%2F..%2F{marked}", f"{marked}~", f'{marked}"', f"{marked}|", f"{marked}[]",
        f"{marked}\xe9", "%D9%A3", "x", "0", "-77", "%30", "0x1", "1_0", "1e0", "99999999999999999999",
        "-99999999999999999999", "..", "%2e%2e", ".",
    ):  # fmt: skip
        yield path.replace(marked, other)
    yield path.replace("/actions/", "/%61ctions/").replace(marked, f'{marked}"')
    yield path.replace("/actions/", "%2factions/").replace(marked, f"{marked}^")


def _of_names(path: str) -> Iterator[str]:
    """What can stand where owner and repository are read."""
    for name in ("owner", "repo"):
        marked = f"{{{name}}}"
        for other in (
            f"{{%{name}}}", f"{{%%{name}}}", f"{{{name.upper()}}}", f"{marked}%20", f"{marked}%2F", f"{marked}.git",
            f"{marked};x", f"%2E%2F{marked}", f"{marked}+", "..", "%2e", f'{marked}"', f"{marked}\xc3\xa9",
        ):  # fmt: skip
            yield path.replace(marked, other)


# --- the table


def table() -> dict[str, dict[str, str]]:
    """What each server took each spelling for, as recorded."""
    lines = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    rows = [json.loads(line) for line in lines]
    return {row.pop("spelled"): row for row in rows}


def recorded(version: str) -> dict[str, str]:
    """What the server of one version took each spelling for."""
    return {spelled: row[version] for spelled, row in table().items() if version in row}
