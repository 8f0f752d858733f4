"""Clauses T: the download of an artifact."""

from __future__ import annotations

import email
import email.policy
from email.utils import parsedate_to_datetime
from urllib.parse import quote

import pytest
import requests
from artifact_world import Artifacts, artifacts_of, is_of
from targets import Live

UNESCAPED = "$&+:=@"  # what Go leaves as it is in a segment of a path
clause = pytest.mark.clause
feature = pytest.mark.feature
pytestmark = [pytest.mark.needs("DownloadActionArtifact"), feature("artifacts")]


@pytest.fixture
def art(live: Live) -> Artifacts:
    return artifacts_of(live)


def stored_name(name: str) -> str:
    """The header that names a stored zip: of a name with slashes, what stands behind the last one."""
    file = f"{name}.zip".rpartition("/")[2]
    shown = file.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f"inline; filename=\"{shown}\"; filename*=UTF-8''{quote(file, safe=UNESCAPED)}"


def made_name(name: str) -> str:
    """The header that names a zip that the server makes."""
    return f"attachment; filename={quote(name, safe=UNESCAPED)}.zip; filename*=UTF-8''{name}.zip"


def disposition(response: requests.Response) -> str:
    return response.headers["Content-Disposition"].encode("latin-1").decode()


@clause("T11", "T12")
@pytest.mark.parametrize(
    "key, name", [("first", "one"), ("first", "blocks"), ("first", "plain"), ("first", "three"), ("same", "two")]
)
def test_a_download_has_what_was_uploaded(art: Artifacts, key: str, name: str) -> None:
    response = art.zip(key, name)
    is_of(response, art.made[key, name])
    assert not {"Set-Cookie"} & set(response.headers)


@clause("T11")
def test_the_same_name_in_two_runs(art: Artifacts) -> None:
    assert art.made["same", "one"].kept != art.made["first", "one"].kept
    for key in ("first", "same"):
        is_of(art.zip(key, "one"), art.made[key, "one"])


@clause("T11")
def test_of_a_run_that_goes_on(art: Artifacts) -> None:
    is_of(art.zip("running", "early"), art.made["running", "early"])


@clause("T11", "T13", "S56")
def test_odd_names(live: Live, art: Artifacts) -> None:
    for name, made in art.of("odd").items():
        response = art.zip("odd", name)
        if name == ".." and "native" not in live.target.features:
            assert (response.status_code, response.json()["cause"]) == (501, "artifact-not-reachable"), "S56"
            continue
        is_of(response, made)
        wanted = stored_name(name) if isinstance(made.kept, bytes) else made_name(name)
        assert disposition(response) == wanted


@clause("T13")
def test_headers_of_a_stored_zip(live: Live, art: Artifacts) -> None:
    response = art.zip("first", "one")
    assert response.headers["Content-Type"] in ("application/octet-stream", "application/zip")
    assert response.headers["Accept-Ranges"] == "bytes"
    assert disposition(response) == stored_name("one")
    if "native" in live.target.features:
        assert response.headers["Content-Type"] == "application/octet-stream"
        assert art.zip("first", "plain").headers["Content-Type"] == "text/plain; charset=utf-8"


@clause("T13")
def test_a_script_in_what_a_browser_shows_cannot_act_for_who_looks(art: Artifacts) -> None:
    headers = art.zip("odd", "image.svg").headers
    assert headers["Content-Type"] == "image/svg+xml" and headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


@clause("T13")
def test_headers_of_a_zip_that_is_made(art: Artifacts) -> None:
    response = art.zip("first", "three")
    assert response.headers["Content-Type"] == "application/zip"
    assert disposition(response) == made_name("three")


@clause("T14")
def test_parts_of_a_stored_zip(art: Artifacts) -> None:
    kept = art.made["first", "one"].kept
    assert isinstance(kept, bytes)
    size = len(kept)
    for wanted, start, end in (("0-15", 0, 16), ("20-", 20, size), ("-10", size - 10, size), ("0-99999", 0, size)):
        response = art.zip("first", "one", headers={"Range": f"bytes={wanted}"})
        assert (response.status_code, response.content) == (206, kept[start:end]), wanted
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/{size}"
    several = art.zip("first", "one", headers={"Range": "bytes=0-3,10-12"})
    assert several.status_code == 206
    head = f"Content-Type: {several.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + several.content, policy=email.policy.HTTP)
    told = [(part["Content-Range"], part.get_payload(decode=True)) for part in message.iter_parts()]
    assert told == [(f"bytes 0-3/{size}", kept[:4]), (f"bytes 10-12/{size}", kept[10:13])]


@clause("T14")
def test_no_such_part(art: Artifacts) -> None:
    beyond = art.zip("first", "one", headers={"Range": "bytes=99999-"})
    assert (beyond.status_code, beyond.text.strip()) == (416, "invalid range: failed to overlap")
    malformed = art.zip("first", "one", headers={"Range": "bytes=x"})
    assert (malformed.status_code, malformed.text.strip()) == (416, "invalid range")


@clause("T14")
def test_a_zip_that_is_made_has_no_parts(art: Artifacts) -> None:
    is_of(art.zip("first", "three", headers={"Range": "bytes=0-15"}), art.made["first", "three"])


@clause("T15")
@feature("conditional")
def test_a_stored_zip_that_has_not_changed(art: Artifacts) -> None:
    dated = art.zip("first", "one").headers["Last-Modified"]
    assert parsedate_to_datetime(dated)
    unchanged = art.zip("first", "one", headers={"If-Modified-Since": dated})
    assert (unchanged.status_code, unchanged.content) == (304, b"")


@clause("T16")
@pytest.mark.parametrize("name", ["old4", "old3", "part"])
def test_what_cannot_be_downloaded(art: Artifacts, name: str) -> None:
    response = art.zip("first", name)
    assert (response.status_code, response.json()["message"]) == (404, "artifact not confirmed")
