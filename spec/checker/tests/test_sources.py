"""Where documents come from: each kind of source, and everything that is none: a sentence, exit code 8, no secret."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
import requests
from documents import SELF_SIGNED, Page, Site, moved, small, text_of
from requests.auth import AuthBase
from swagger_breaking import EVERYTHING, Profile, Unreadable, Web, by_paths, compare, extract, load, parse, reading

TEXT = text_of(small())
TOKEN = "t0ken-of-nobody"
SWAGGER = "/swagger.v1.json"
SERVERS = Profile(server_document=SWAGGER, absent="it is switched off")
HASTY = Web(timeout=0.2)


class Token(AuthBase):
    """Sends a token to whatever it is asked to."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"token {TOKEN}"
        return request


def git(folder: Path, *words: str) -> None:
    """Run git as nobody in particular."""
    who = ["-c", "user.name=nobody", "-c", "user.email=nobody@example"]
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as site:
        site.pages[SWAGGER] = site.pages["/x.json"] = Page(TEXT)
        yield site


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing of whoever runs this: no proxy, no .netrc, no repository around."""
    for name in [n for n in os.environ if n.lower().endswith("_proxy") or n.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))


def refused(source: str, *words: str, web: Web = Web(timeout=20)) -> str:  # noqa: B008
    """The sentence of a source that is not loaded."""
    with pytest.raises(Unreadable) as caught:
        load(source, SERVERS, web)
    message = caught.value.message
    assert "\n" not in message and TOKEN not in message, message
    assert not [word for word in words if word not in message], message
    return message


# --- what is loaded


def test_a_file_and_stdin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(TEXT)
    document = load(str(path))
    assert (document.name, document.text, document.content) == (str(path), TEXT, small())
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(TEXT)))
    assert load("-").content == small()


def test_a_word_of_the_profile_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own").mkdir()
    (tmp_path / "own/api.json").write_bytes(TEXT)
    (tmp_path / "contract").write_text("{}")
    document = load("contract", Profile(documents={"contract": Path("own/api.json")}))
    assert (document.name, document.text, document.path) == ("contract", TEXT, None)


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("", SWAGGER),
        ("/", SWAGGER),
        ("/sub", f"/sub{SWAGGER}"),
        (SWAGGER, SWAGGER),
        ("/a/x.JSON", "/a/x.JSON"),
        ("/x.yml", "/x.yml"),
        ("/v1_json.tmpl", "/v1_json.tmpl"),
        ("/raw?ref=v16", "/raw?ref=v16"),
        ("/v1.2", f"/v1.2{SWAGGER}"),
    ],
)
def test_an_address_is_a_documents_or_a_servers(site: Site, given: str, asked: str) -> None:
    site.pages[asked] = Page(TEXT)
    assert load(site.url + given, SERVERS).content == small()
    assert [path for path, _ in site.seen] == [asked]


def test_without_a_profile_an_address_is_a_documents(site: Site) -> None:
    site.pages["/api-docs"] = Page(TEXT)
    assert load(f"{site.url}/api-docs").name == f"{site.url}/api-docs"


def test_a_query_is_in_no_name(site: Site) -> None:
    site.pages["/x.json?sig=secret"] = Page(TEXT)
    assert load(f"{site.url}/x.json?sig=secret#frag").name == f"{site.url}/x.json?…"
    message = refused(f"{site.url}/y.json?sig=secret")
    assert "secret" not in message


# --- credentials


@pytest.mark.clause("K5")
def test_nothing_of_a_netrc_file_is_sent(site: Site, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    load(site.url, SERVERS)
    assert "Authorization" not in site.seen[0][1]


# --- addresses that give nothing


@pytest.mark.clause("K4")
def test_status_codes(site: Site) -> None:
    refused(f"{site.url}/sub", "answers 404 Not Found; that is no such server's address, or it is switched off")
    refused(f"{site.url}/none.json", "answers 404 Not Found")
    site.pages["/500.json"], site.pages["/299.json"] = Page(TEXT, 500), Page(TEXT, 299)
    site.pages["/206.json"], site.pages["/304.json"] = Page(TEXT, 206), Page(b"", 304)
    refused(f"{site.url}/500.json", "answers 500 Internal Server Error")
    refused(f"{site.url}/299.json", "answers 299")
    refused(f"{site.url}/206.json", "answers 206")
    refused(f"{site.url}/304.json", "answers 304")


@pytest.mark.clause("K4")
def test_redirects_that_lead_nowhere(site: Site) -> None:
    site.pages |= {"/a.json": moved("/b.json"), "/b.json": moved("/a.json"), "/in.json": moved("/user/login")}
    refused(f"{site.url}/a.json", "redirects more than 5 times")
    refused(f"{site.url}/in.json", "sign-in page")
    for location in ("file:///etc/passwd", "ftp://h/x", "https:///x", "http://[", "//u:secret@h/x", "javascript:1"):
        site.pages["/a.json"] = moved(location)
        assert "secret" not in refused(f"{site.url}/a.json", "no address")
    assert {path for path, _ in site.seen} == {"/a.json", "/b.json", "/in.json"}


@pytest.mark.clause("K4")
def test_no_redirect_leads_out_of_tls(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(SELF_SIGNED))
    with Site(tls=True) as safe:
        safe.pages |= {"/x.json": Page(TEXT), "/y.json": moved(f"{site.url}/x.json")}
        assert load(f"{safe.url}/x.json").content == small()
        refused(f"{safe.url}/y.json", "from https to http")
    assert site.seen == []


@pytest.mark.clause("K4")
def test_a_certificate_that_nobody_vouches_for() -> None:
    with Site(tls=True) as safe:
        refused(safe.url, safe.url, "its certificate is not trusted")
        assert safe.seen == []


@pytest.mark.clause("K4")
def test_no_server_and_one_that_is_silent(site: Site) -> None:
    refused(f"http://127.0.0.1:{free_port()}", "connection is refused")
    done = threading.Event()

    def silent(handler: BaseHTTPRequestHandler) -> None:
        done.wait(20)

    def stalls(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n{")
        handler.wfile.flush()
        done.wait(20)

    site.pages |= {"/silent.json": silent, "/stalls.json": stalls}
    for name in ("silent", "stalls"):
        refused(f"{site.url}/{name}.json", "does not answer in time", web=HASTY)
    done.set()


@pytest.mark.clause("K4")
def test_an_answer_that_breaks_off_is_not_a_short_document(site: Site) -> None:
    site.pages["/x.json"] = Page(TEXT, headers={"Content-Length": str(len(TEXT) + 1)})
    refused(f"{site.url}/x.json", "the answer breaks off")

    def torn(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(TEXT), TEXT))

    def noise(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"\x00\xff" * 100)

    site.pages |= {"/torn.json": torn, "/noise.json": noise}
    refused(f"{site.url}/torn.json", "the answer breaks off")
    refused(f"{site.url}/noise.json", "its answer is not HTTP")


def endless(sent: list[int], head: bytes) -> Any:
    """An answer without end; `sent` counts its pieces of 64 KiB."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        try:
            handler.wfile.write(b"HTTP/1.1 %b\r\nConnection: close\r\n\r\n" % head)
            while True:
                handler.wfile.write(b" " * 65536)
                sent.append(65536)
        except OSError:
            pass

    return answer


@pytest.mark.clause("K4")
def test_an_answer_without_end_is_read_up_to_the_limit(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LIMIT", 1024 * 1024)
    sent: list[int] = []
    for head in (b"200 OK", b"200 OK\r\nContent-Length: 524288000"):
        site.pages["/big.json"] = endless(sent, head)
        refused(f"{site.url}/big.json", "longer than 1 MiB")
    site.pages["/moved.json"] = endless(sent, b"302 Found\r\nLocation: /x.json")
    assert load(f"{site.url}/moved.json").content == small()
    assert sum(sent) < 3 * 20 * 1024 * 1024  # what buffers of both sides take, far from an end


@pytest.mark.clause("K4")
def test_a_compressed_answer_is_never_unpacked(site: Site) -> None:
    bomb = gzip.compress(b" " * 64 * 1024 * 1024, 1)
    site.pages["/x.json"] = Page(bomb, headers={"Content-Encoding": "gzip"})
    refused(f"{site.url}/x.json", "compressed")
    assert site.seen[0][1]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("address", ["http://", "http://u:secret@h/x.json", "https://[", "http://h:x/", "http://h/a b"])
def test_what_is_no_address(address: str) -> None:
    assert "secret" not in refused(address)


# --- files that are none


@pytest.mark.clause("K4")
def test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    refused("nowhere.json", "'nowhere.json' is not there")
    refused("forge.example", "http(s)://")
    refused(".", "is a folder")
    refused("a\0b", "cannot be read")
    refused("x" * 5000, "cannot be read")
    (tmp_path / "loop").symlink_to("loop")
    refused("loop", "cannot be read")
    (tmp_path / "empty").touch()
    refused("empty", "is empty")
    monkeypatch.setattr(reading, "LIMIT", 1000)
    refused("/dev/zero", "longer than")


@pytest.mark.clause("K4")
def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    refused("x.json", "cannot be read (Permission denied)")


# --- commits


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with `spec/x.json`, of which the tag `v1` has the small document; the working folder is in it."""
    folder = tmp_path / "repository"
    (folder / "spec").mkdir(parents=True)
    (folder / "spec" / "x.json").write_bytes(TEXT)
    monkeypatch.chdir(folder)
    for line in ("init -q", "add .", "commit -q --message=one", "tag v1"):
        git(folder, *line.split())
    (folder / "spec" / "x.json").write_text("{}")
    return folder


def test_a_file_of_a_commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = load("git:v1:spec/x.json")
    assert (document.name, document.text) == ("git:v1:spec/x.json", TEXT)
    monkeypatch.chdir(repository / "spec")
    assert load("git:HEAD:./x.json").text == load("git:HEAD:spec/x.json").text == TEXT


@pytest.mark.clause("K4")
@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("git:v2:spec/x.json", ["no commit 'v2'", "shallow"]),
        ("git:v1:spec/y.json", ["no file 'spec/y.json' in 'v1'"]),
        ("git:v1:spec", ["no file 'spec' in 'v1'"]),
        ("git:v1:../../x", ["no file '../../x' in 'v1'"]),
        ("git:v1", ["is not git:REF:PATH"]),
        ("git::x.json", ["is not git:REF:PATH"]),
        ("git:v1:", ["is not git:REF:PATH"]),
        ("git:--output=evil:x", ["is not git:REF:PATH"]),
        ("git:--help:x", ["is not git:REF:PATH"]),
        ("git:v1 --output=evil:x", ["no commit"]),
        ("git:v1\nx:x", ["no commit"]),
        ("git:v1\0:x", ["is not git:REF:PATH"]),
    ],
)
def test_what_is_in_no_commit(repository: Path, source: str, words: list[str]) -> None:
    refused(source, *words)
    assert sorted(path.name for path in repository.iterdir()) == [".git", "spec"]


@pytest.mark.clause("K4")
def test_no_repository_and_no_git(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LIMIT", 100)
    refused("git:v1:spec/x.json", "longer than")
    monkeypatch.chdir(tmp_path)
    refused("git:v1:spec/x.json", "in no git repository")
    monkeypatch.setenv("PATH", str(tmp_path))
    refused("git:v1:spec/x.json", "needs git")


# --- a document in several files

PARTS = {
    "api/x.yaml": """
        swagger: '2.0'
        paths:
          /a: {$ref: paths/a.yaml}
          /b: {get: {responses: {200: {$ref: 'x.yaml#/responses/Own'}}}}
        responses:
          Own: {description: '', schema: {$ref: 'paths/../common%20types.json#/definitions/Thing'}}
    """,
    "api/paths/a.yaml": """
        get: {responses: {default: {$ref: '#/Failed'}}, parameters: [{$ref: ../common types.json#/page}]}
        Failed: {description: '', schema: {$ref: '../common types.json#/definitions/Thing'}}
    """,
    "api/common types.json": """{
        "page": {"in": "query", "name": "page", "type": "integer"},
        "definitions": {"Thing": {"properties": {"more": {"$ref": "#/definitions/Thing"}, "id": {"type": "integer"}}}},
        "x-own": {"$ref": "https://x.example/not-followed"}
    }""",
}
INLINE = {
    "swagger": "2.0",
    "paths": {
        "/a": {
            "get": {
                "responses": {"default": {"description": "", "schema": {"$ref": "#/definitions/Thing"}}},
                "parameters": [{"in": "query", "name": "page", "type": "integer"}],
            }
        },
        "/b": {"get": {"responses": {"200": {"description": "", "schema": {"$ref": "#/definitions/Thing"}}}}},
    },
    "definitions": {
        "Thing": {"properties": {"more": {"$ref": "#/definitions/Thing"}, "id": {"type": "integer"}}},
    },
}


def laid_out(folder: Path, parts: dict[str, str]) -> None:
    for name, text in parts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.clause("K9")
def test_relative_references_are_followed(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    repository = tmp_path / "repository"
    laid_out(repository, PARTS)
    site.pages |= {f"/{name.replace(' ', '%20')}": Page(text.encode()) for name, text in PARTS.items()}
    git(repository, "init", "--quiet")
    git(repository, "add", ".")
    git(repository, "commit", "--quiet", "--message", "parts")
    monkeypatch.chdir(repository / "api")
    whole = parse(text_of(INLINE), "whole")
    for source in ("x.yaml", "./x.yaml", str(repository / "api/x.yaml"), "git:HEAD:api/x.yaml", "git:HEAD:./x.yaml"):
        assert compare(load(source), whole) == compare(whole, load(source)) == [], source
    found = load(f"{site.url}/api/x.yaml")
    assert compare(found, whole, by_paths("/**")) == []
    small_one = parse(text_of(extract(found, EVERYTHING)), "extract")
    assert "x-files" not in small_one.content and compare(small_one, whole, by_paths("/**")) == []
    changed = PARTS["api/common types.json"].replace('"integer"}}}}', '"string"}}}}')
    (repository / "api/common types.json").write_text(changed)
    (change,) = compare(load("git:HEAD:api/x.yaml"), load("x.yaml"))[:1]
    assert change.kind == "type-changed" and "common types.json#/definitions/Thing.id" in change.where


@pytest.mark.clause("K4", "K15")
def test_a_document_leads_no_reader_astray(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret.json").write_text('{"type": "string"}')
    inner = tmp_path / "in"
    inner.mkdir()
    (inner / "link.json").symlink_to(tmp_path / "secret.json")
    monkeypatch.chdir(inner)
    for target, says in (
        ("../secret.json", "neither below the document's folder"),
        (f"{tmp_path}/secret.json", "neither below"),
        ("link.json", "neither below"),
        ("none.json", "is not there"),
        ("x.json/y", "cannot be read"),
        (f"{site.url}/x.json", "outside of itself"),
        ("//127.0.0.1/x.json", "outside of itself"),
        ("file:///etc/passwd", "outside of itself"),
    ):
        (inner / "x.json").write_bytes(text_of(small(definitions={"User": {"$ref": target}})))
        refused("x.json", says)
    (inner / "bad.json").write_text("{")
    (inner / "x.json").write_bytes(text_of(small(definitions={"User": {"$ref": "bad.json"}})))
    refused("x.json", "bad.json", "broken or cut-off JSON")
    assert site.seen == []


@pytest.mark.clause("K5")
def test_no_credential_goes_where_a_document_leads(site: Site) -> None:
    raw, web = "/raw/x.json", Web(auth=Token(), timeout=20)
    site.pages[raw] = Page(text_of(small(definitions={"User": {"$ref": "%2F%2F127.0.0.1:1/y.json"}})))
    refused(f"{site.url}{raw}", "404", web=web)
    site.pages[raw] = Page(text_of(small(definitions={"User": {"$ref": "y.json"}})))
    site.pages["/raw/y.json"] = Page(b'{"type": "object"}')
    load(f"{site.url}{raw}", web=web)
    asked = [(path, headers.get("Authorization")) for path, headers in site.seen]
    assert asked[-2:] == [(raw, f"token {TOKEN}"), ("/raw/y.json", None)]
    assert asked[1] == ("/127.0.0.1%3A1/y.json", None)


def test_many_files_are_no_more_than_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LIMIT", 2000)
    many = {f"d{n}.json": json.dumps({"title": "x" * 300}) for n in range(10)}
    laid_out(tmp_path, many)
    path = tmp_path / "x.json"
    path.write_text(json.dumps({"swagger": "2.0", "paths": {}, "definitions": {name: {"$ref": name} for name in many}}))
    refused(str(path), "with the files before it")
