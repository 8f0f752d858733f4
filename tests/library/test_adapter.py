"""The `requests` side: base URLs, `raw` as callers use it, what exceptions hold, and a wheel that has everything."""

from __future__ import annotations

import io
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from forgejo_shim import Client, WebCookie, WebLogin, mount
from forgejo_shim.address import base_url_of
from forgejo_shim.errors import ShimError
from small import LOG, Small

ROOT = Path(__file__).parents[2]
clause = pytest.mark.clause


@pytest.fixture
def small() -> Iterator[Small]:
    with Small("15") as place:
        yield place


def session(small: Small) -> requests.Session:
    """A session of the caller's behind the shim."""
    made = requests.Session()
    made.headers["Authorization"] = f"token {small.token}"
    mount(made, small.url, web=small.web)
    return made


def log_url(small: Small, job_id: object) -> str:
    return f"{small.url}/api/v1/repos/o/r/actions/jobs/{job_id}/logs"


@clause("L1")
@pytest.mark.parametrize("piece", [1, 10, 29, 30, 100, 70_000, None])
def test_raw_gives_every_byte_however_it_is_read(small: Small, piece: int | None) -> None:
    url = log_url(small, small.add().jobs[0].id)
    raw = session(small).get(url, stream=True).raw
    assert raw.read(piece) == LOG[:piece]
    assert raw.tell() == len(LOG[:piece])
    assert raw.read() == LOG[len(LOG[:piece]) :]
    lines = io.TextIOWrapper(session(small).get(url, stream=True).raw)
    assert lines.readline() == LOG.decode().splitlines(keepends=True)[0]
    assert session(small).get(url, stream=True).raw.read1(50) == LOG[:29]
    assert b"".join(session(small).get(url, stream=True).iter_content(1000)) == LOG


@clause("S35")
def test_a_time_out_of_the_sign_in_tells_of_the_callers_request_only(small: Small) -> None:
    given_up = threading.Event()
    small.double.faults.add("/user/login", before=lambda: given_up.wait(30))
    url = log_url(small, small.add().jobs[0].id)
    with pytest.raises(requests.RequestException) as caught:
        session(small).get(url, timeout=0.3)
    given_up.set()
    assert caught.value.request is not None and caught.value.request.url == url
    seen: BaseException | None = caught.value
    while seen is not None:
        assert "owner" not in f"{seen!r}{getattr(getattr(seen, 'request', None), 'body', '')}"
        seen = seen.__cause__ or seen.__context__


@clause("S35", "S27")
@pytest.mark.parametrize(
    "text",
    ["forge.example", "ftp://forge.example", "http://h/?", "http://h/#", "http://h/./", "http://h/x/..", " http://h",
     "http://h/a b", "http://[::1", "http://h:port", "https://user:SECRET@h", "user:SECRET@h",
     "http://h/api/v1", "http://h/sub/api/v1/", "http://h/api/v1/repos/o/r"],
)  # fmt: skip
def test_what_is_no_base_url(text: str) -> None:
    with pytest.raises(ShimError) as caught:
        mount(requests.Session(), text)
    assert "SECRET" not in caught.value.message


@clause("S27")
def test_an_address_of_the_api_is_told_from_that_of_a_server() -> None:
    with pytest.raises(ShimError, match="the address of the server, without /api/v1"):
        Client("https://forge.example/api/v1")
    assert base_url_of("https://forge.example/api/v10/") == "https://forge.example/api/v10"


@clause("S27")
@pytest.mark.parametrize("spelling", ["{}/", "{}//", "{upper}"])
def test_spellings_of_a_base_url(small: Small, spelling: str) -> None:
    made = requests.Session()
    made.headers["Authorization"] = f"token {small.token}"
    mount(made, spelling.format(small.url, upper=small.url.replace("http", "HTTP")), web=small.web)
    assert made.get(log_url(small, small.add().jobs[0].id)).content == LOG


@clause("S35")
def test_a_cookie_that_no_header_carries() -> None:
    with pytest.raises(ShimError) as caught:
        mount(requests.Session(), "http://127.0.0.1:1", web=WebCookie("i_like=SECRET\nx"))
    assert "SECRET" not in str(caught.value)


@clause("E2", "E3", "S26")
def test_numbers_and_answers_beyond_all_bounds(small: Small) -> None:
    job = small.add().jobs[0]
    made = session(small)
    most = 2**63 - 1
    assert made.get(log_url(small, "9" * 5000)).json()["message"] == f"run job with id {most}: resource does not exist"
    assert made.get(log_url(small, job.id), params={"attempt": "9" * 5000}).status_code == 404
    small.double.faults.hook("/actions/tasks", nested)
    assert session(small).get(log_url(small, job.id)).json()["cause"] == "page-changed"


def nested(request: object) -> object:
    """JSON that no parser goes down into."""
    from double.messages import Response

    return Response(200, [("Content-Type", "application/json;charset=utf-8")], b"[" * 200_000)


@clause("E9", "S3")
def test_head_where_the_swagger_document_is_switched_off() -> None:
    with Small("15", swagger=False) as small:
        url = log_url(small, small.add().jobs[0].id)
        made = session(small)
        assert (made.head(url).status_code, made.get(url).content) == (405, LOG)


@clause("S34")
def test_trouble_with_a_local_file_is_no_answer_of_the_server(small: Small, tmp_path: Path) -> None:
    from forgejo_shim import SessionFile

    shared = tmp_path / "session.json"
    made = requests.Session()
    made.headers["Authorization"] = f"token {small.token}"
    mount(made, small.url, web=WebLogin(small.web.user, small.web.password), session_file=SessionFile(shared))
    shared.write_text("{}")
    shared.chmod(0o644)
    with pytest.raises(ShimError) as caught:
        made.get(log_url(small, small.add().jobs[0].id))
    assert "chmod 600" in caught.value.message


def test_a_wheel_has_the_schemas_and_the_man_page(tmp_path: Path) -> None:
    if subprocess.run([sys.executable, "-c", "import hatchling"], capture_output=True).returncode:
        pytest.skip("not run: no hatchling to build with")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT / "shim", check=True, capture_output=True)
    (wheel,) = tmp_path.iterdir()
    paths = zipfile.ZipFile(wheel).namelist()
    names = {path.rpartition("/")[2] for path in paths}
    assert any(path.endswith(".data/data/share/man/man1/forgejo-shim.1") for path in paths)
    assert {path.name for path in (ROOT / "spec/web").glob("*.json")} <= names
