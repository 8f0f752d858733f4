"""Artifacts through the two drivers, the proxy and a mounted session: what goes over the wire.

Rules: the proxy runs in a thread of this process (`running.py`); what the flows do is shown in tests/library.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
from double import GeneratedLog
from forgejo_shim import backend_of, mount
from running import Running
from small import Small

R = "/api/v1/repos/o/r/actions"
FILES = {"a.txt": b"alpha\n", "d/b.bin": bytes(range(256))}
LARGE = GeneratedLog(600_000)
FACES = ("11", "12", "13.0.3", "13", "14", "15", "16")
FILE = r"/runs/\d+/artifacts/[^/]+$|/artifacts/\d+/zip$"


@contextmanager
def asked_by(driver: str, small: Small, token: str = "", **more: Any) -> Iterator[tuple[requests.Session, str]]:
    """A session that asks as a client does, and the address that it asks."""
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"token {token or small.token}"
        if driver == "adapter":
            mount(session, small.url, web=small.web, **more)
            yield session, small.url
        else:
            with Running(small.url, small.web, **more) as proxy:
                yield session, proxy.base_url


def filled(small: Small) -> None:
    the_run, artifacts = small.add({"build": b""}), small.model.artifacts
    artifacts.add(the_run, "ünï 漢 %3", b"stored as it is")
    artifacts.add(the_run, "large", LARGE)
    artifacts.add(the_run, "made 漢", FILES)


DRIVERS = ("adapter", "proxy")


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("face", FACES)
def test_lists_and_zips(face: str, driver: str) -> None:
    with Small(face) as small:
        filled(small)
        with asked_by(driver, small) as (session, url):
            got = session.get(f"{url}{R}/artifacts", params={"limit": 2})
            link = f'{R}/artifacts?limit=2&page=2>; rel="next"'
            told = small.url if face == "16" else url
            assert got.headers["X-Total-Count"] == "3" and f"<{told}{link}" in got.headers["Link"]
            if driver == "adapter":
                assert backend_of(got) == ("native" if face == "16" else "web")
            else:
                assert got.headers["X-Forgejo-Shim"] == ("native" if face == "16" else "web")
            found = {row["name"]: row for row in session.get(f"{url}{R}/artifacts").json()}
            for row in found.values():
                one = session.get(f"{url}{R}/artifacts/{row['id']}")
                assert one.json() == row and one.headers["Content-Type"] == "application/json;charset=utf-8"
                assert row["archive_download_url"] == f"{told}{R}/artifacts/{row['id']}/zip"
            zips = {name: f"{url}{R}/artifacts/{row['id']}/zip" for name, row in found.items()}
            got = session.get(zips["ünï 漢 %3"])
            assert got.content == b"stored as it is"
            wanted = "inline; filename=\"ünï 漢 %3.zip\"; filename*=UTF-8''%C3%BCn%C3%AF%20%E6%BC%A2%20%253.zip"
            assert got.headers["Content-Disposition"].encode("latin-1").decode() == wanted
            got = session.get(zips["made 漢"])
            with zipfile.ZipFile(io.BytesIO(got.content)) as archive:
                assert {name: archive.read(name) for name in archive.namelist()} == FILES
            assert "filename=made%20%E6%BC%A2.zip;" in got.headers["Content-Disposition"]
            assert got.headers["Content-Type"] == "application/zip"
            got = session.get(zips["large"], headers={"Range": f"bytes={LARGE.size - 7}-"})
            assert (got.status_code, len(got.content)) == (206, 7)
            assert session.get(zips["large"]).headers["Content-Length"] == str(LARGE.size)
            head = session.head(zips["large"])
            assert head.status_code == 405 and head.content == b""


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_zip_that_breaks_off_breaks_off(driver: str) -> None:
    for face in ("11", "15"):
        with Small(face) as small:
            filled(small)
            with asked_by(driver, small) as (session, url):
                found = {row["name"]: row["id"] for row in session.get(f"{url}{R}/artifacts").json()}
                small.double.faults.cut(FILE, 200_000)
                with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
                    session.get(f"{url}{R}/artifacts/{found['large']}/zip").content  # noqa: B018


@pytest.mark.parametrize("face", FACES)
def test_the_proxy_writes_only_where_it_may(face: str) -> None:
    with Small(face) as small:
        filled(small)
        token = small.model.add_token(small.repo.owner, ("write:repository",)).sha1
        for writes, status in ((False, 501), (True, 204)):
            with asked_by("proxy", small, token, writes=writes) as (session, url):
                name = "large" if writes else "made 漢"
                found = {row["name"]: row["id"] for row in session.get(f"{url}{R}/artifacts").json()}
                got = session.delete(f"{url}{R}/artifacts/{found[name]}")
                assert got.status_code == (204 if face == "16" else status)
                assert got.headers["X-Forgejo-Shim"] == ("native" if face == "16" else "web")
                if got.status_code == 501:
                    assert got.json()["cause"] == "writes-off"
                    assert session.get(f"{url}{R}/artifacts/{found[name]}").status_code == 200
                else:
                    assert session.get(f"{url}{R}/artifacts/{found[name]}").status_code == 404


@pytest.mark.parametrize("face", ["15", "16"])
def test_a_deletion_without_an_answer_is_sent_once(face: str) -> None:
    with Small(face) as small:
        filled(small)
        token = small.model.add_token(small.repo.owner, ("write:repository",)).sha1
        with asked_by("proxy", small, token, writes=True) as (session, url):
            found = {row["name"]: row["id"] for row in session.get(f"{url}{R}/artifacts").json()}
            small.double.faults.lost(r"/artifacts/[^/]+$", method="DELETE")
            got = session.delete(f"{url}{R}/artifacts/{found['large']}")
            assert (got.status_code, got.json()["cause"]) == (502, "write-unknown")
            assert sum(seen.method == "DELETE" for seen in small.double.requests) == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_nor_is_anything_else_that_may_change_something(method: str) -> None:
    with Small("15") as small, asked_by("proxy", small) as (session, url):
        small.double.faults.lost("/subject", method=method)
        assert session.request(method, f"{url}/api/v1/subject").json()["cause"] == "unreachable"
        assert sum(seen.method == method for seen in small.double.requests) == 1


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("face", ["11", "15", "16"])
def test_control_characters_in_a_name_do_not_stop_its_zip(face: str, driver: str) -> None:
    with Small(face) as small, asked_by(driver, small) as (session, url):
        small.model.artifacts.add(small.add({"build": b""}), "own\x1b]0;\x07 it\x7f", b"bytes of it")
        (found,) = session.get(f"{url}{R}/artifacts").json()
        got = session.get(f"{url}{R}/artifacts/{found['id']}/zip")
        assert (got.status_code, got.content) == (200, b"bytes of it")
        if driver == "proxy":
            assert 'filename="own]0; it.zip"' in got.headers["Content-Disposition"]


def test_the_adapter_writes_only_where_it_may() -> None:
    with Small("15") as small:
        filled(small)
        token = small.model.add_token(small.repo.owner, ("write:repository",)).sha1
        for writes, status in ((False, 501), (True, 204)):
            with asked_by("adapter", small, token, writes=writes) as (session, url):
                found = {row["name"]: row["id"] for row in session.get(f"{url}{R}/artifacts").json()}
                assert session.delete(f"{url}{R}/artifacts/{found['large']}").status_code == status


@pytest.mark.parametrize("driver", DRIVERS)
def test_what_only_16_can_do(driver: str) -> None:
    for face in ("11", "15", "16"):
        with Small(face) as small, asked_by(driver, small) as (session, url):
            the_run = small.add({"build": b""})
            got = session.get(f"{url}/api/v1/actions/run")
            assert (got.status_code, got.json().get("cause")) == ((403, None) if face == "16" else (501, "native-only"))
            got = session.delete(f"{url}{R}/runs/{the_run.id}")
            assert (got.status_code, got.json().get("cause")) == ((403, None) if face == "16" else (501, "native-only"))
            if face != "11":
                got = session.get(f"{url}{R}/runs/{the_run.id}")
                assert got.json()["id"] == the_run.id and "X-Forgejo-Shim" not in got.headers
