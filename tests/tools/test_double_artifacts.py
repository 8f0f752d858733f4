"""The double is asked about artifacts, cancelling and deleting what real servers were asked, and must answer the same.

Both worlds are made anew in the same order, so that ids are equal too: whole answers are compared, but for times,
random names and the headers in `OTHER`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from questions_artifacts import Artifacts
from servers import pretended

RECORDINGS = Path(__file__).parents[1] / "data" / "recordings"
VERSIONS = {
    "11.0.15": "11",
    "12.0.4": "12",
    "13.0.3": "13.0.3",
    "13.0.5": "13",
    "14.0.5": "14",
    "15.0.2": "15",
    "16-branch": "16",
}
OTHER = {
    "Access-Control-Expose-Headers",
    "Allow",  # Forgejo's own order of methods changes from answer to answer
    "Content-Length",  # zips that are made, and answers with times in words
    "Last-Modified",
    "No-Gzip-Compression",
    "Set-Cookie (names)",
}
NEUTRAL = (
    (r"\b(art|their|pub|box|reader|writer)\d+", r"\1"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "<time>"),
    (r"[0-9a-f]{60}", "<boundary>"),
    (r'"handle": "[^"]+"', '"handle": ""'),
    (r'"duration": "\d+s"', '"duration": ""'),
    (r'"(commit_sha|shortSHA)": "\w+"|/commit/\w+|>[0-9a-f]{10}<', "<commit>"),
)
SHAPES_ONLY = ("api run of the token: a job's",)
"""An ActionRun holds the event's whole body, which the double shortens."""


def answers(records: Iterable[dict[str, Any]]) -> dict[tuple[str, str, int], Any]:
    """By who asked, note and turn."""
    found: dict[tuple[str, str, int], Any] = {}
    for record in records:
        turn = sum(key[:2] == (record["as"], record["note"]) for key in found)
        found[record["as"], record["note"], turn] = neutral(record)
    return found


def neutral(record: dict[str, Any]) -> Any:
    response = record["response"]
    headers = {name: value for name, value in response["headers"].items() if name not in OTHER}
    body = dict(response["body"])
    if "html_omitted" in body:
        body = {"html": True}
    if record["note"].startswith(SHAPES_ONLY):
        body = sorted(body.get("json", {}).keys() - {"duration"})  # of a run of a second or more
    text = json.dumps([response["status"], headers, body], ensure_ascii=False, sort_keys=True)
    for pattern, instead in NEUTRAL:
        text = re.sub(pattern, instead, text)
    return text


@pytest.mark.parametrize("version", VERSIONS)
def test_the_double_answers_about_artifacts_as_recorded(version: str) -> None:
    lines = (RECORDINGS / f"{version}-artifacts.jsonl").read_text(encoding="utf-8").splitlines()
    recorded = answers(map(json.loads, lines))
    with pretended(VERSIONS[version])() as server:
        asked = answers(Artifacts(server).records())
    differing = {key: (told, asked.get(key)) for key, told in recorded.items() if asked.get(key) != told}
    assert not differing
    assert asked.keys() == recorded.keys()
    assert len(recorded) >= 150
