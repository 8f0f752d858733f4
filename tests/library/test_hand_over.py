"""The moment at which a log is handed over to storage: its download can be an error page, or end in one.

Recorded on 11.0.15 to 16: 200 with the log's own headers, some of its bytes in steps of 32 KiB, then an HTML page, and
the connection ends short of the Content-Length; small logs are the page alone, ranges can be nothing at all.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from double.messages import Request, Response
from forgejo_shim.rows import drop_partial_rows
from forgejo_shim.webui import reader
from test_faults import DOWNLOAD, Site

PAGE = b"<!DOCTYPE html>\n<html>\n<body>\n<h1>500</h1>\n" + b"<p>something</p>\n" * 600 + b"</body>\n</html>\n"
ROW = b"2026-01-02T03:04:05.0000000Z a row\n"
clause = pytest.mark.clause


@pytest.fixture(params=["11", "13", "15"])
def site(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(reader, "HAND_OVER", 0.001)
    with Site(request.param) as found:
        yield found


def spoil(site: Site, sent: bytes, status: int = 200, nth: int = 1) -> None:
    """The `nth` download of the first job has the log's headers, `sent` as its body, and then no connection."""
    log, task = site.logs["build"], site.run.jobs[0].task
    assert task

    def answer(request: Request) -> Response:
        name = f"ci-build-{task.id}.log"
        headers = [
            ("Content-Type", "text/plain; charset=utf-8"),
            ("Accept-Ranges", "bytes"),
            ("Content-Length", str(len(log) if status == 200 else 16)),
            ("Content-Disposition", f"attachment; filename=\"{name}\"; filename*=UTF-8''{name}"),
        ]
        if status == 206:
            headers.append(("Content-Range", f"bytes 0-15/{len(log)}"))
        return Response(status, headers, sent or b"-")

    site.double.faults.hook(DOWNLOAD, answer, nth=nth, cut_after=len(sent))


@clause("S33", "S12")
@pytest.mark.parametrize("sent, status", [(b"", 200), (b"", 206), (b"<html>\n", 200), (PAGE, 200)])
def test_nothing_of_the_log_came(site: Site, sent: bytes, status: int) -> None:
    session, _, _ = site.mount()
    spoil(site, sent, status)
    headers = {"Range": "bytes=0-15"} if status == 206 else {}
    response = session.get(site.path(), headers=headers)
    assert response.status_code == status
    assert response.content == (site.logs["build"][:16] if status == 206 else site.logs["build"])


@clause("S33")
def test_it_stays_spoiled(site: Site) -> None:
    session, _, _ = site.mount()
    for nth in (1, 2):
        spoil(site, PAGE, nth=nth)
    response = session.get(site.path())
    assert (response.status_code, response.json()["cause"]) == (503, "upstream-busy")
    assert response.headers["Retry-After"]


@clause("S32")
def test_an_error_page_after_some_of_the_log_raises(site: Site) -> None:
    session, _, _ = site.mount()
    spoil(site, site.logs["build"][: 2 * 32768] + PAGE)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        session.get(site.path())


@clause("Z4", "S31")
@pytest.mark.parametrize("site", ["13", "15"], indirect=True)
def test_the_zip_keeps_no_error_page(site: Site) -> None:
    session, _, _ = site.mount()
    spoil(site, site.logs["build"][: 2 * 32768] + PAGE, nth=3)
    archive = zipfile.ZipFile(io.BytesIO(session.get(site.zip_path()).content))
    log, partial, other = archive.namelist()
    assert log.endswith(".log") and partial.endswith(".PARTIAL") and other.endswith(".log")
    kept = archive.read(log)
    assert kept and site.logs["build"].startswith(kept) and kept.endswith(b"\n")
    assert archive.read(other) == site.logs["other"]


@clause("C4", "C3")
def test_a_saved_log_has_no_error_page(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.001)
    spoil(site, site.logs["build"][: 2 * 32768] + PAGE)
    with site.client() as client:
        saved = client.save_log(site.repo.full_name, site.run.jobs[0].id, tmp_path / "log")
    assert saved.path.read_bytes() == site.logs["build"]
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


@clause("Z4")
def test_rows_before_an_error_page() -> None:
    assert (
        drop_partial_rows(b"half\n" + ROW * 3 + PAGE) == b"half\n" + ROW * 2
    )  # a page can follow in the middle of a row
    assert drop_partial_rows(b"half\n" + ROW + ROW[:31] + PAGE) == b"half\n" + ROW
    assert drop_partial_rows(PAGE) == drop_partial_rows(b"") == b""
