"""The double's answers against those of real servers: every recorded question is asked again and compared.

Rules
-----
* The worlds and the asking are in `recorded.py`.
* Compared: status, every recorded header, the body. Not determined and therefore replaced on both sides: times, hashes,
  uuids, boundaries, durations in which the server's clock has a part, the event's payload. A recorded page says only
  that it was HTML.
* A question that doesn't match fails unless `NOT_MODELLED` says why; the count of matches has a floor.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from double import Double
from recorded import ROOT_URL, SETTINGS, Question, ask, open_world, seed_like

RECORDINGS = Path(__file__).parent.parent / "data" / "recordings"
FACES = {"11.0.15": "11", "13.0.5": "13", "14.0.5": "14", "15.0.2": "15", "16-branch": "16"}
FLOORS = {
    "11.0.15": 146,
    "11.0.15-more": 49,
    "13.0.5": 144,
    "13.0.5-more": 49,
    "14.0.5": 144,
    "14.0.5-more": 65,
    "15.0.2": 144,
    "15.0.2-more": 122,
    "16-branch": 144,
    "16-branch-more": 78,
}
NOT_MODELLED: dict[tuple[str, str], str] = {}
"""(file, note) → why the double answers otherwise."""

HEADERS = (
    "Accept-Ranges Access-Control-Expose-Headers Cache-Control Content-Disposition Content-Range Content-Type"
    " Last-Modified Location"
).split()
HEADERS_OF_MORE = ("Cache-Control", "Content-Disposition", "Content-Type", "Location")


def questions(name: str) -> list[Question]:
    return [json.loads(line) for line in (RECORDINGS / f"{name}.jsonl").read_text().splitlines()]


# --- comparing


SAME: tuple[tuple[str, str], ...] = (
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?!\.)Z?", "<time>"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+00:00", "<time>"),
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<uuid>"),
    (r"\b[0-9a-f]{60}\b", "<boundary>"),
    (r"\b(?!0{40})[0-9a-f]{40}\b", "<sha>"),
    (r"\b[0-9a-f]{32}\b", "<md5>"),
    (r"(?<=[>\"])[0-9a-f]{10}(?=[<\"])", "<short sha>"),
)


def without_chance(value: Any, key: str = "", parent: str = "") -> Any:
    """A body with everything that isn't determined replaced."""
    if isinstance(value, dict):
        clock = value.get("summary") == "Set up job" or "canRerun" in value
        inner = {k: without_chance(v, k, key) for k, v in value.items()}
        if clock and "duration" in inner:
            inner["duration"] = "<duration>"
        if "trigger_event" in value:  # a run of the API, which has none below a second
            inner.pop("duration", None)
        if value.get("step") == 0 and "started" in inner:
            inner["started"] = "<time>"
        return inner
    if isinstance(value, list):
        return [without_chance(item, key, parent) for item in value]
    if key in ("event_payload", "size", "shortSHA", "started", "timestamp") and not _fixed(value):
        return f"<{type(value).__name__}>"
    if isinstance(value, str):
        for pattern, instead in SAME:
            value = re.sub(pattern, instead, value)
    return value


def _fixed(value: Any) -> bool:
    """A moment that the runner gave: within the recorded ten o'clock."""
    return isinstance(value, int | float) and 1795341600 <= value < 1795341660


def shown_body(answer: requests.Response, recorded: Any) -> Any:
    """The answer's body in the shape in which the recorded one was kept."""
    if not recorded:
        return recorded
    if "html_omitted" in recorded:
        return {"html_omitted": answer.headers.get("Content-Type", "").startswith("text/html")}
    if "zip" in recorded:
        archive = zipfile.ZipFile(io.BytesIO(answer.content))
        return {"zip": {name: archive.read(name).decode() for name in archive.namelist()}}
    if "operations" in recorded or "basePath" in recorded:
        return swagger_facts(answer.json(), recorded)
    return {"json": answer.json()} if "json" in recorded else {"text": answer.content.decode()}


def swagger_facts(document: dict[str, Any], recorded: Any) -> dict[str, Any]:
    facts: dict[str, Any] = {"basePath": document["basePath"], "version": document["info"]["version"]}
    if "operations" not in recorded:
        return facts
    operations = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if path.startswith("/repos/") and "/actions" in path:
                operations[f"{method.upper()} {path}"] = {
                    "operationId": operation["operationId"],
                    "parameters": [
                        [p["name"], p["in"], p.get("type"), p.get("required", False)] for p in operation["parameters"]
                    ],
                    "produces": operation.get("produces"),
                    "responses": list(operation["responses"]),
                }
    return facts | {"operations": operations, "swagger": document["swagger"]}


def differences(question: Question, answer: requests.Response, more: bool) -> Iterator[str]:
    recorded = question["response"]
    if answer.status_code != recorded["status"]:
        yield f"status {answer.status_code}, recorded {recorded['status']}"
        return
    if told := recorded.get("headers"):
        yield from header_differences(told, answer, more, "html_omitted" in (recorded.get("body") or {}))
    wanted, got = recorded.get("body"), shown_body(answer, recorded.get("body"))
    if wanted and "html_omitted" in wanted:
        wanted = {"html_omitted": True}
    yield from body_differences(without_chance(wanted), without_chance(got), "body")


def body_differences(wanted: Any, got: Any, where: str) -> Iterator[str]:
    if isinstance(wanted, dict) and isinstance(got, dict):
        for key in wanted.keys() | got.keys():
            yield from body_differences(wanted.get(key, "<none>"), got.get(key, "<none>"), f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(got, list) and len(wanted) == len(got):
        for number, (one, other) in enumerate(zip(wanted, got, strict=True)):
            yield from body_differences(one, other, f"{where}[{number}]")
    elif wanted != got:
        yield f"{where}: {got!r}, recorded {wanted!r}"


def header_differences(told: dict[str, Any], answer: requests.Response, more: bool, page: bool) -> Iterator[str]:
    for name in HEADERS_OF_MORE if more else HEADERS:
        wanted, got = (without_chance(value) for value in (told.get(name), answer.headers.get(name)))
        if name == "Last-Modified" and wanted and "10:00:09" not in wanted:
            wanted, got = True, bool(got)
        if wanted != got:
            yield f"{name}: {got!r}, recorded {wanted!r}"
    if (
        answer.request.method != "HEAD"
        and not page
        and ("Content-Length" in told) != ("Content-Length" in answer.headers)
    ):
        yield f"Content-Length: {answer.headers.get('Content-Length')}, recorded {told.get('Content-Length')}"
    if told.get("Accept-Ranges") and told.get("Content-Length") != answer.headers.get("Content-Length"):
        yield f"Content-Length: {answer.headers.get('Content-Length')}, recorded {told.get('Content-Length')}"
    if "Set-Cookie (names)" in told or more:
        names = sorted({cookie.partition("=")[0] for cookie in answer.raw.headers.getlist("Set-Cookie")})
        if names != told.get("Set-Cookie (names)", []):
            yield f"cookies {names}, recorded {told.get('Set-Cookie (names)')}"


def replay(name: str) -> tuple[int, list[tuple[str, str]]]:
    """How many questions of a file matched, and for each of the others its note and what differs."""
    asked = questions(name)
    version, more = name.removesuffix("-more"), name.endswith("-more")
    matched, others = 0, []
    groups: dict[str, list[Question]] = {}
    for question in asked:
        groups.setdefault(str(question.get("server", "")), []).append(question)
    for server, group in groups.items():
        with Double(FACES[version], **{"root_url": ROOT_URL, **SETTINGS.get(server, {})}) as double:
            world = open_world(double, group)
            seed_like(world, server, more)
            for question in group:
                different = list(differences(question, ask(world, question), more))
                matched += not different
                if different:
                    others.append((question["note"], "; ".join(different)))
    return matched, others


@pytest.mark.parametrize("name", list(FLOORS))
def test_the_double_answers_like_the_recorded_server(name: str, record_property: Callable[[str, object], None]) -> None:
    matched, others = replay(name)
    print(f"\n{name}: {matched} of {matched + len(others)} recorded questions matched")
    record_property("matched", matched)
    unexplained = [f"{note}: {why}" for note, why in others if (name, note) not in NOT_MODELLED]
    assert not unexplained, "\n".join(unexplained)
    assert matched >= FLOORS[name]
