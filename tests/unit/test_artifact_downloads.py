"""The file names of downloads of artifacts, as real servers gave them: whose they are, and as 16 would say it."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from forgejo_shim.models import Headers
from forgejo_shim.webui.grammar import Page, download_of, is_artifact_of, zip_disposition

RECORDINGS = Path(__file__).parents[1] / "data/recordings"
VERSIONS = ("11.0.15", "12.0.4", "13.0.3", "13.0.5", "14.0.5", "15.0.2")


def downloads(version: str, of: str) -> Iterator[tuple[str, Headers]]:
    """Name and headers of each download of `of` that was recorded with an odd name; not `..`, which was never sent."""
    for line in (RECORDINGS / f"{version}-artifacts.jsonl").read_text().splitlines():
        record = json.loads(line)
        who, _, name = record["note"].partition(": name ")
        if who == of and name and name != "'..'":
            yield ast.literal_eval(name), Headers(record["response"]["headers"].items())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_download_is_of_its_name_and_no_other(version: str) -> None:
    found, by_id = dict(downloads(version, "web download")), int(version[:2]) >= 13
    assert len(found) == 21
    for name, headers in found.items():
        assert download_of(headers) is Page.ARTIFACT
        for other in found:
            same_last = other.rpartition("/")[2] == name.rpartition("/")[2]
            assert is_artifact_of(headers, other, by_id=by_id) is same_last, (name, other)


@pytest.mark.parametrize("version", VERSIONS)
def test_its_file_name_is_said_as_16_says_it(version: str) -> None:
    on_16 = {name: headers.get("Content-Disposition") for name, headers in downloads("16-branch", "api zip")}
    found = dict(downloads(version, "web download"))
    both = on_16.keys() & found.keys()
    assert len(both) > 18
    for name in both:
        assert zip_disposition(found[name], by_id=int(version[:2]) >= 13) == on_16[name]


@pytest.mark.parametrize(
    "disposition",
    ["", "inline", "attachment; filename=\"ci-build-8.log\"; filename*=UTF-8''ci-build-8.log", "inline; filename=one",
     "attachment; filename=\"run-7-logs.zip\"", "attachment; filename=one.tar; filename*=UTF-8''one.tar"],
)  # fmt: skip
def test_what_is_no_artifact(disposition: str) -> None:
    headers = Headers([("Content-Disposition", disposition)])
    assert download_of(headers) is not Page.ARTIFACT
    assert not is_artifact_of(headers, "one", by_id=True)
