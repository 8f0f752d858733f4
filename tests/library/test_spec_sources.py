"""The sources of `forgejo-shim spec`: what is no document is never clean, and a token goes to its own server only."""

from __future__ import annotations

import json

import pytest
from desk import SWAGGER, TOKEN, Desk
from documents import Page, Site, moved, small, text_of
from forgejo_shim.client_session import Token

# --- what is no document


def deep(count: int) -> bytes:
    return b'{"swagger": "2.0", "x": ' + b"[" * count + b"]" * count + b"}"


def laughs(count: int = 12) -> bytes:
    """YAML whose aliases stand for 10 ** count texts."""
    lines = ["swagger: '2.0'", "a0: &a0 lol"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, count)]
    return "\n".join([*lines, f"info: *a{count - 1}", "paths: {}"]).encode()


def pointing(target: str) -> bytes:
    document = small()
    document["definitions"]["User"] = {"$ref": target}
    return text_of(document)


BAD = {
    "truncated": text_of(small())[:-40],
    "page": b"<!DOCTYPE html><html><body>Sign In</body></html>",
    "openapi": b'{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "paths": {}}',
    "openapi-yaml": b"openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {}\n",
    "empty": b"",
    "blank": b" \n\n",
    "null": b"null",
    "list": b"[]",
    "text": b"hello",
    "binary": bytes(range(256)) * 10,
    "nul": b"\0" * 100,
    "archive": b"PK\x03\x04" + b"\0" * 40,
    "nowhere": pointing("#/definitions/Nobody"),
    "outside": pointing("other.json#/definitions/User"),
    "file": pointing("file:///etc/passwd"),
    "remote": pointing("http://127.0.0.1:1/x.json"),
    "circle": pointing("#/definitions/User"),
    "deep": deep(100_000),
    "deep-yaml": b"x: " + b"[" * 100_000,
    "deep-mappings": b"\n".join(b" " * n + b"a:" for n in range(3000)),
    "laughs": laughs(),
    "ring": b"swagger: '2.0'\ninfo: &a {title: t, version: '1', x-a: *a}\npaths: {}\n",
    "tag": b"swagger: !!python/object/apply:os.system ['echo evil > evil']\n",
    "tag-new": b"swagger: '2.0'\ninfo: !!python/name:os.system\npaths: {}\n",
    "twice": b'{"swagger": "2.0", "swagger": "2.0", "info": {"title": "", "version": ""}, "paths": {}}',
    "twice-yaml": b"swagger: '2.0'\nswagger: '2.0'\ninfo: {title: t, version: '1'}\npaths: {}\n",
    "nan": b'{"swagger": "2.0", "info": {"title": "t", "version": "1"}, "paths": {}, "x-a": NaN}',
    "paths": b'{"swagger": "2.0", "info": {"title": "t", "version": "1"}, "paths": []}',
    "no-paths": b'{"swagger": "2.0", "info": {"title": "t", "version": "1"}}',
    "two-documents": b"swagger: '2.0'\n---\nswagger: '2.0'\n",
    "error-json": b'{"message": "not found", "url": "http://h/api/swagger"}',
}


@pytest.mark.clause("K4")
@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("verb", ["check", "extract"])
def test_what_is_no_document_is_never_clean(desk: Desk, name: str, verb: str) -> None:
    desk.put("bad.json", BAD[name])
    said = desk.refused(8, verb, "bad.json", says="bad.json")
    assert len(said) < 400 and all(c.isprintable() or c == "\n" for c in said)
    assert sorted(path.name for path in desk.folder.iterdir()) == ["bad.json", "base.json", "head.json"]


@pytest.mark.clause("K4")
@pytest.mark.parametrize("words", [("diff", "bad.json", "base.json"), ("diff", "base.json", "bad.json")])
def test_either_side_counts(desk: Desk, words: tuple[str, ...]) -> None:
    desk.put("bad.json", b"{")
    desk.refused(8, *words, says="bad.json")
    desk.refused(8, *words, "--fail-on", "never", "--format", "sarif", "--output", "report", says="bad.json")
    assert not (desk.folder / "report").exists()


@pytest.mark.clause("K4")
def test_sources_that_cannot_be_reached(desk: Desk, site: Site) -> None:
    site.pages |= {SWAGGER: moved("/user/login"), "/a.json": moved("/a.json"), "/p.json": Page(BAD["page"])}
    desk.refused(8, "check", site.url, says="sign-in page")
    desk.refused(8, "check", f"{site.url}/a.json", says="redirects more than")
    desk.refused(8, "check", f"{site.url}/p.json", says="HTML")
    desk.refused(8, "check", f"{site.url}/sub", says="404")
    desk.refused(8, "check", "nowhere.json", says="is not there")
    desk.refused(8, "check", "git:--output=evil:x.json", says="git:REF:PATH")
    desk.refused(8, "check", ".", says="is a folder")
    result = desk.run("--json", "spec", "check", "nowhere.json")
    assert (result.exit_code, result.stdout) == (8, "")
    assert json.loads(result.stderr)["error"]["cause"] == "spec-unreadable"


@pytest.mark.clause("K4")
def test_stdin(desk: Desk) -> None:
    assert desk.spec("diff", "-", "head.json", "--all", stdin=text_of(small())).stdout.startswith("stdin → head.json")
    desk.refused(8, "check", "-", says="stdin is empty")
    desk.refused(2, "diff", "-", "-", says="stdin")


@pytest.mark.clause("K16")
def test_credentials_in_an_address_are_refused_and_not_repeated(desk: Desk) -> None:
    said = desk.refused(2, "check", "https://someone:secret@forge.example/x.json")
    assert "secret" not in said and "someone" not in said
    desk.refused(2, "check", "http://", says="no address")


@pytest.mark.clause("K5")
def test_the_token_is_for_the_server_named(desk: Desk, site: Site) -> None:
    raw = f"{site.url}/api/v1/repos/o/r/raw/x.json"
    site.pages |= {"/api/v1/repos/o/r/raw/x.json": Page(text_of(small())), "/x.json": Page(text_of(small()))}
    with Site() as other:
        for source, named in ((raw, site.url), (f"{site.url}/x.json", site.url), (raw, other.url), (raw, "")):
            desk.spec("extract", source, FORGEJO_TOKEN=TOKEN, **({"FORGEJO_URL": named} if named else {}))
        assert [headers.get("Authorization") for _, headers in site.seen] == [f"token {TOKEN}", None, None, None]
        assert other.seen == []


@pytest.mark.clause("K5")
def test_the_token_goes_below_api_of_its_server_and_nowhere_else(desk: Desk, site: Site) -> None:
    raw = "/api/v1/repos/o/r/raw/x.json"
    with Site() as other:
        for place in (site, other):
            for path in (raw, SWAGGER, "/x.json", "/api/v1evil/x.json", "/api/v12/x.json"):
                place.pages[path] = Page(text_of(small()))
        for url in (
            f"{site.url}{raw}",
            site.url,
            f"{site.url}/x.json",
            f"{site.url}/api/v1evil/x.json",
            f"{site.url}/api/v12/x.json",
            f"{other.url}{raw}",
        ):
            desk.spec("extract", url, "--all", FORGEJO_TOKEN=TOKEN, FORGEJO_URL=site.url)
        sent = [headers.get("Authorization") for _, headers in site.seen + other.seen]
    assert sent == [f"token {TOKEN}", None, None, None, None, None]


@pytest.mark.clause("K5")
def test_a_redirect_takes_no_token_elsewhere(desk: Desk, site: Site) -> None:
    with Site() as other:
        raw = "/api/v1/repos/o/r/raw/x.json"
        other.pages[raw] = moved(f"{site.url}{raw}x")
        site.pages |= {raw: moved(f"{other.url}{raw}"), f"{raw}x": Page(text_of(small()))}
        done = desk.spec("extract", f"{site.url}{raw}", "--all", FORGEJO_TOKEN=TOKEN, FORGEJO_URL=site.url)
        assert done.exit_code == 0
        assert [headers.get("Authorization") for _, headers in other.seen] == [None]
        assert [headers.get("Authorization") for _, headers in site.seen] == [f"token {TOKEN}"] * 2


@pytest.mark.clause("K5")
def test_a_file_that_a_document_refers_to_is_asked_for_without_the_token(desk: Desk, site: Site) -> None:
    raw = "/api/v1/repos/o/r/raw/"
    site.pages[f"{raw}x.json"] = Page(text_of(small(definitions={"User": {"$ref": "y.json"}})))
    site.pages[f"{raw}y.json"] = Page(b'{"type": "object"}')
    done = desk.spec("extract", f"{site.url}{raw}x.json", "--all", FORGEJO_TOKEN=TOKEN, FORGEJO_URL=site.url)
    sent = [(path, headers.get("Authorization")) for path, headers in site.seen]
    assert done.exit_code == 0 and sent == [(f"{raw}x.json", f"token {TOKEN}"), (f"{raw}y.json", None)]


@pytest.mark.clause("K5")
def test_nothing_of_a_netrc_file_is_sent_and_a_login_shows_no_token(desk: Desk, site: Site) -> None:
    site.pages[SWAGGER] = Page(text_of(small()))
    netrc = desk.put(".netrc", b"machine 127.0.0.1 login someone password secret\n")
    netrc.chmod(0o600)
    desk.spec("extract", site.url, "--all")
    assert "Authorization" not in site.seen[0][1]
    assert TOKEN not in repr(Token(TOKEN))
