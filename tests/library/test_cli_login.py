"""`login`, `logout` and `forget`: what is tried, where it is kept, and what is removed again."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keyring
import pytest
from command import Place
from double.messages import Response
from forgejo_shim.cli import os_keyring
from forgejo_shim.cli.config_edit import drop, keep
from forgejo_shim.errors import ShimError
from keyring.backends import fail
from keyrings import Locked, Silent, Working
from small import LOG
from test_cli_credentials import NOTHING, config

SECRET = "JBSWY3DPEHPK3PXP"
OTHER = '# mine\nca_file = "/ca.pem"  # why\n\n[servers."http://other.example"]  # another\ntoken = "keep me"\n'


@pytest.fixture(autouse=True)
def no_keyring() -> Iterator[None]:
    """There is none, whatever another test has set."""
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())
    yield
    keyring.set_keyring(before)


@pytest.fixture
def chain() -> Working:
    """A keyring that works."""
    working = Working()
    keyring.set_keyring(working)
    return working


@pytest.fixture
def bare(place: Place) -> Place:
    """A place in whose environment are no credentials, and no server."""
    place.environment = {name: text for name, text in place.environment.items() if name not in NOTHING}
    return place


@pytest.fixture
def web_bare(web: Place) -> Place:
    """The same, on a server that lacks the operations."""
    web.environment = {name: text for name, text in web.environment.items() if name not in NOTHING}
    return web


def config_of(place: Place) -> Path:
    return place.home / ".config/forgejo-shim/config.toml"


def names_in(folder: Path) -> set[str]:
    """What is in a folder, but for the lock, which some versions of filelock remove."""
    return {entry.name for entry in folder.iterdir()} - {"config.toml.lock"}


def account(place: Place) -> str:
    return f"{place.small.web.user}\n{place.small.web.password}\n"


# What is tried, and kept in the file


@pytest.mark.clause("G1", "G3", "G7")
def test_a_token_and_an_account_on_stdin_are_tried_and_kept(bare: Place) -> None:
    job = bare.small.add().jobs[0]
    result = bare.run(
        "login", bare.small.url + "/", "--token-stdin", "--account-stdin", stdin=f"{bare.small.token}\n{account(bare)}"
    )
    assert (result.exit_code, result.stderr) == (0, "")
    path = config_of(bare)
    how = "the API" if bare.small.double.face.major == 16 else "the web UI"
    assert result.stdout == (
        "token of o: may read, not cancel or rerun\nweb account o: signs in\n"
        f"saved in {path}\nReady: runs, jobs and logs can be read, via {how}.\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert bare.run("logs", "o/r", job.id).stdout_bytes == LOG  # also the server is kept, as the default one
    said = bare.run("detect", "o/r").stdout
    assert said.endswith(f"\n\nReady: runs, jobs and logs of o/r can be read, via {how}.\n")


@pytest.mark.clause("G4")
@pytest.mark.parametrize("before", [True, False], ids=["before", "behind"])
def test_a_config_file_that_is_named_is_made(web_bare: Place, before: bool) -> None:
    path, url = web_bare.home / "new folder/other.toml", web_bare.small.url
    named = ["--config", path]
    words = [*named, "login", url] if before else ["login", url, *named]
    assert web_bare.run(*words, "--token-stdin", stdin="0" * 40).exit_code == 4 and not path.exists()
    result = web_bare.run(*words, "--token-stdin", stdin=web_bare.small.token)
    assert result.exit_code == 0 and f"saved in {path}\n" in result.stdout, result.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and not config_of(web_bare).exists()
    assert web_bare.run("runs", "o/r", *named).exit_code == 0
    code, sentence = web_bare.failure("logout", url, "--config", path.with_name("none.toml"))
    assert code == 1 and "none.toml does not exist; give another with --config" in sentence


@pytest.mark.clause("G1")
def test_what_does_not_work_is_not_kept(web_bare: Place) -> None:
    place, token = web_bare, web_bare.small.token
    unscoped = place.small.model.add_token(place.small.repo.owner, ("read:user",)).sha1
    url = place.small.url
    for words, stdin, code, says in (
        (["--token-stdin"], "0" * 40, 4, "does not accept these credentials"),
        (["--token-stdin"], unscoped, 4, "[read:repository]; give a token that has it"),
        (["--token-stdin"], "a\u201d", 4, "check how it was copied"),
        (["--account-stdin"], "o\nwrong\n", 4, "refused the sign-in"),
        (["--cookie-stdin"], "i_like_gitea=0123456789abcdef", 4, "cookie"),
        (["--token-stdin", "--account-stdin"], f"{token}\no\nwrong\n", 4, "refused the sign-in"),
    ):
        result = place.run("login", url, *words, stdin=stdin)
        assert result.exit_code == code and says in result.stderr, result.stderr
        assert result.stderr.endswith("; nothing was saved\n") and result.stderr.count("\n") == 1
        assert "FORGEJO" not in result.stderr and "wrong" not in result.stderr and unscoped not in result.stderr
        assert not config_of(place).exists()
    result = place.run("login", "http://127.0.0.1:1", "--token-stdin", stdin=token)
    assert result.exit_code == 8 and "nothing was saved" in result.stderr and not config_of(place).exists()


@pytest.mark.clause("G1", "C6")
@pytest.mark.parametrize("status, kind, body", [
    (200, "application/json", b"{}"), (200, "application/json", b"[]"), (404, "text/plain", b"404 page not found\n"),
])  # fmt: skip
def test_what_takes_any_token_is_no_forgejo(web_bare: Place, status: int, kind: str, body: bytes) -> None:
    answer = Response(status, [("Content-Type", kind)], body)
    web_bare.small.double.faults.add("", instead=lambda _: answer)
    result = web_bare.run("login", web_bare.small.url, "--token-stdin", stdin=web_bare.small.token)
    assert result.exit_code == 8 and "check the address; nothing was saved" in result.stderr
    assert not config_of(web_bare).exists()


@pytest.mark.clause("G2")
def test_what_is_typed_and_is_no_text_is_said_to_be_none(web_bare: Place) -> None:
    code, screen = web_bare.talk(["login", web_bare.small.url], [("(hidden): ", "ä")], PYTHONIOENCODING="ascii:strict")
    assert code == 2 and "what was typed is not UTF-8 text; nothing was saved" in screen and "Traceback" not in screen


@pytest.mark.clause("G2")
def test_nothing_is_asked_without_a_terminal(web_bare: Place) -> None:
    place, url = web_bare, web_bare.small.url
    for words, stdin, says in (
        ([url], "", "stdin is no terminal; use --token-stdin"),
        ([url, "--no-input"], "", "--no-input is given; use --token-stdin"),
        ([], "", "no server given; run forgejo-shim login URL"),
        ([url, "--token-stdin"], "", "the token is missing on stdin"),
        ([url, "--token-stdin", "--account-stdin"], place.small.token + "\n", "the web account's name is missing"),
        ([url, "--account-stdin"], "o\n", "its password is missing on stdin"),
        ([url, "--account-stdin", "--cookie-stdin"], "o\n", "not both"),
        (["http://u:hush@f.example", "--token-stdin"], "x", "contains credentials"),
    ):
        result = place.run("login", *words, stdin=stdin)
        assert result.exit_code == 2 and says in result.stderr and "hush" not in result.stderr, result.stderr
    code, screen = place.talk(["login", url, "--no-input"], [])
    assert code == 2 and "--no-input is given" in screen
    code, screen = place.talk(["login", url, "--token-stdin"], [])
    assert code == 2 and "stdin is a terminal" in screen
    assert not config_of(place).exists()


@pytest.mark.clause("G2")
def test_at_a_terminal_each_is_asked_for_and_hidden(web_bare: Place) -> None:
    place = web_bare
    questions = [("Token (hidden): ", place.small.token), ("[password]: ", ""), ("Name [o]: ", "")]
    questions.append(("Password (hidden): ", place.small.web.password))
    code, screen = place.talk(["login", place.small.url], questions)
    assert code == 0 and "Ready: runs, jobs and logs can be read, via the web UI." in screen
    assert place.small.token not in screen and place.small.web.password not in screen
    assert f"{place.small.url}/user/settings/applications" in screen
    assert place.small.web.password in config_of(place).read_text()
    # a wrong password changes nothing
    before = config_of(place).read_text()
    questions = [("Token (hidden): ", ""), ("[password]: ", ""), ("Name: ", "o"), ("Password (hidden): ", "wrong")]
    code, screen = place.talk(["login"], questions)
    assert (
        code == 4 and "nothing was saved" in screen and "wrong" not in screen and config_of(place).read_text() == before
    )
    code, screen = place.talk(["login"], [("Token (hidden): ", ""), ("[password]: ", "none")])
    assert code == 2 and "no token and no web account given; nothing was saved" in screen


@pytest.mark.clause("G1", "G2")
def test_two_factor_sign_in_takes_the_secret_and_not_a_code(web_bare: Place) -> None:
    place = web_bare
    place.small.repo.owner.totp_secret = SECRET
    lines = f"{place.small.token}\n{account(place)}"
    result = place.run("login", place.small.url, "--token-stdin", "--account-stdin", stdin=lines)
    assert result.exit_code == 4 and "give its TOTP secret" in result.stderr
    questions = [("Token (hidden): ", ""), ("[password]: ", ""), ("Name: ", "o")]
    questions += [("Password (hidden): ", place.small.web.password), ("TOTP secret (hidden): ", SECRET)]
    code, screen = place.talk(["login", place.small.url], questions)
    assert code == 0 and "A current code is not enough, since" in screen and SECRET not in screen
    assert f'web_totp_secret = "{SECRET}"' in config_of(place).read_text()


@pytest.mark.clause("G1")
def test_a_cookie_takes_the_place_of_an_account(web_bare: Place) -> None:
    place = web_bare
    place.small.add()
    place.run(
        "login", place.small.url, "--token-stdin", "--account-stdin", stdin=f"{place.small.token}\n{account(place)}"
    )
    with place.small.client() as client:
        client.try_web("o/r")
        cookies = client.adapter.server.session.cookies
    header = "Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items())
    result = place.run("login", "--cookie-stdin", stdin=header + "\n")
    assert result.exit_code == 0 and "web account of the given cookie: signs in\n" in result.stdout
    assert place.small.web.password not in config_of(place).read_text()
    assert place.run("logs", "o/r", "--run", "latest").stdout_bytes == LOG  # the token was kept
    told = json.loads(place.run("--json", "login", "--cookie-stdin", stdin=header + "\n").stdout)
    assert told["saved_in"] == str(config_of(place)) and told["token"] is None and told["summary"].startswith("Ready: ")


@pytest.mark.clause("G7")
@pytest.mark.parametrize(
    ("scope", "says", "writes"),
    [
        ("read:repository", "token: may read, not cancel or rerun", False),
        ("write:repository", "token: may read, cancel and rerun", True),
        ("all", "token of o: may read, cancel and rerun", True),
    ],
)
def test_what_a_token_can_do_is_said(bare: Place, scope: str, says: str, writes: bool) -> None:
    token = bare.small.model.add_token(bare.small.repo.owner, (scope,)).sha1
    result = bare.run("login", bare.small.url, "--token-stdin", stdin=token)
    assert result.exit_code == 0 and result.stdout.splitlines()[0] == says
    last = result.stdout.splitlines()[-1]
    if bare.small.double.face.major == 16:
        assert last == "Ready: runs, jobs and logs can be read, via the API."
    else:
        assert last.endswith(f"Private ones need a web account: forgejo-shim login {bare.small.url}")
    with bare.small.client(token) as client:
        assert client.try_token().writes is writes
    posts = [seen.path for seen in bare.small.double.requests if seen.method == "POST"]
    assert posts and set(posts) == {"/api/v1/repos/-/-/actions/workflows/-/dispatches"}


@pytest.mark.clause("G7")
def test_detect_ends_with_what_is_missing(web: Place) -> None:
    web.small.add()
    for environment, says in (
        ({"FORGEJO_TOKEN": "0" * 40}, "Not ready: "),
        ({"FORGEJO_SHIM_WEB_USER": None, "FORGEJO_SHIM_WEB_PASSWORD": None}, "set FORGEJO_SHIM_WEB_USER and FORGEJO_"),
        ({"FORGEJO_SHIM_WEB_PASSWORD": "wrong"}, "refused the sign-in"),
    ):
        result = web.run("detect", "o/r", **environment)
        last = result.stdout.splitlines()[-1]
        assert last.startswith("Not ready: ") and says in last and last.endswith(f"forgejo-shim login {web.small.url}")
        assert result.exit_code == 4
    anonymous = web.run("detect", **{**NOTHING, "FORGEJO_URL": web.small.url}).stdout.splitlines()[-1]
    assert anonymous == (
        "Ready for public repositories: runs, jobs and logs can be read, via the web UI."
        f" Private ones need a token and a web account: forgejo-shim login {web.small.url}"
    )


@pytest.mark.clause("G3")
def test_what_else_is_in_the_file_stays(web_bare: Place) -> None:
    place = web_bare
    path = config(place, OTHER)
    assert place.run("login", place.small.url, "--token-stdin", stdin=place.small.token).exit_code == 0
    assert f'server = "{place.small.url}"\n{OTHER}' in path.read_text()
    assert place.run("login", "--account-stdin", stdin=account(place)).exit_code == 0
    assert place.small.token in path.read_text() and place.small.web.password in path.read_text()
    result = place.run("login", "--token-stdin", stdin=place.small.token, FORGEJO_TOKEN="x" * 40)
    assert result.stderr == "FORGEJO_TOKEN is set, and goes before what was saved\n"
    assert place.run("logout").stdout == f"removed: credentials in {path}\n"
    assert path.read_text().strip() == f'server = "{place.small.url}"\n{OTHER}'.strip()
    assert place.run("logout").stdout == f"nothing was kept for {place.small.url}\n"


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[servers."http://a.example"]\n# mine\ntoken = "old"\n',
        '[servers]\n"http://a.example/" = {token = "old"}  # mine\n',
        'servers."http://a.example".token = "old"\n',
        '[servers."http://a.example"]\ntoken = """old\n[servers."http://a.example"]\n"""\n[servers."http://b.example"]\n',
        '[servers."http://a.example"]\ntoken = "old"\n[servers."http://a.example/"]\ntoken = "old"\n',
        '[servers."http://a.example"]\r\ntoken = "old"\r\n# mine',
    ],
)
@pytest.mark.clause("G3", "G4")
def test_each_way_to_write_a_section_is_changed_or_refused_whole(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.toml"
    server = "http://a.example"
    for in_keyring in (False, True):
        path.write_text(text)
        path.chmod(0o600)
        try:
            keep(path, server, {"token": 'n"e\\w'}, in_keyring=in_keyring)
        except ShimError as error:
            assert "cannot be changed as it is written" in error.message and path.read_text() == text
            continue
        written = path.read_text()
        assert ("mine" in written) == ("mine" in text) and ("keyring = true" in written) is in_keyring
        assert written.startswith(f'server = "{server}"\n')
        assert drop(path, server) and not drop(path, server)
        assert 'n\\"e' not in path.read_text() and "keyring" not in path.read_text()


@pytest.mark.clause("G4")
def test_a_file_that_is_not_its_owners_alone_is_not_written(web_bare: Place) -> None:
    place = web_bare
    path = config(place, "# mine\n")
    there = path.rename(path.parent / "there.toml")
    path.symlink_to(there)
    words = ["login", place.small.url, "--token-stdin"]
    code, sentence = (
        place.run(*words, stdin=place.small.token).exit_code,
        place.run(*words, stdin=place.small.token).stderr,
    )
    assert code == 1 and "is a link, not a regular file" in sentence and there.read_text() == "# mine\n"
    path.unlink()
    config(place, "# mine\n", 0o640)
    assert place.run(*words, stdin=place.small.token).exit_code == 1
    assert path.read_text() == "# mine\n" and stat.S_IMODE(path.stat().st_mode) == 0o640
    path.unlink()
    path.mkdir()
    assert place.run(*words, stdin=place.small.token).exit_code == 1
    path.rmdir()
    config(place, "# mine\n", 0o400)
    assert place.run(*words, stdin=place.small.token).exit_code == (1 if os.getuid() else 0)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert names_in(path.parent) == {"config.toml", "there.toml"}


@pytest.mark.clause("G4")
def test_another_users_file_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    path.chmod(0o600)
    monkeypatch.setattr(os, "getuid", lambda: path.stat().st_uid + 1)
    with pytest.raises(ShimError, match="other users may read"):
        keep(path, "http://a.example", {"token": "x"}, in_keyring=False)
    assert path.read_text() == ""


@pytest.mark.clause("G4")
def test_logins_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: keep(path, f"http://{n}.example", {"token": str(n)}, in_keyring=False), range(24)))
    text = path.read_text()
    assert all(f'[servers."http://{n}.example"]\ntoken = "{n}"\n' in text for n in range(24))
    assert text.count("server = ") == 1


@pytest.mark.clause("G4")
def test_a_full_disk_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "config.toml"
    path.write_text("# mine\n")
    path.chmod(0o600)

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ShimError, match="No space left"):
        keep(path, "http://a.example", {"token": "x"}, in_keyring=False)
    assert path.read_text() == "# mine\n"
    assert names_in(tmp_path) == {"config.toml"}


# The keyring


@pytest.mark.clause("G3", "G5")
def test_a_keyring_keeps_them_and_the_file_only_says_so(web_bare: Place, chain: Working) -> None:
    place, url = web_bare, web_bare.small.url
    place.small.add()
    config(place, OTHER + f'[servers."{url}"]\ntoken = "old"\n')
    result = place.run("login", url, "--token-stdin", stdin=place.small.token)
    assert result.exit_code == 0 and "\nsaved in the keyring\n" in result.stdout
    assert place.run("login", "--account-stdin", stdin=account(place)).exit_code == 0
    kept = json.loads(chain.kept["forgejo-shim", url])
    assert kept == {"token": place.small.token, "web_user": "o", "web_password": place.small.web.password}
    text = config_of(place).read_text()
    assert f'[servers."{url}"]\nkeyring = true\n' in text and OTHER in text and place.small.token not in text
    assert place.run("logs", "o/r", "--run", "latest").stdout_bytes == LOG
    result = place.run("logout")
    assert result.stdout == f"removed: credentials in the keyring\nremoved: credentials in {config_of(place)}\n"
    assert chain.kept == {} and place.failure("runs", "o/r")[0] == 5


@pytest.mark.clause("G5")
def test_the_keyring_is_asked_only_if_it_is_needed(web: Place, chain: Working) -> None:
    web.small.add()
    assert web.run("runs", "o/r").exit_code == 0
    config(web, f'[servers."{web.small.url}"]\nkeyring = true\n')
    assert web.run("runs", "o/r").exit_code == 0 and chain.asked == []  # the environment has both
    chain.kept["forgejo-shim", web.small.url] = json.dumps({"token": "0" * 40})
    code, sentence = web.failure("runs", "o/r", FORGEJO_TOKEN=None)
    assert code == 4 and sentence.endswith("(token from the keyring)\n") and chain.asked == ["get"]
    assert web.failure("runs", "http://127.0.0.1:1/o/r", **NOTHING)[0] == 8 and chain.asked == ["get"]
    chain.kept["forgejo-shim", web.small.url] = '{"other": "hush"}'
    code, sentence = web.failure("runs", "o/r", FORGEJO_TOKEN=None)
    assert code == 1 and "is not one that login made" in sentence and "hush" not in sentence


@pytest.mark.clause("G5")
def test_a_keyring_that_fails_is_an_error_in_a_sentence(web: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    url = web.small.url
    config(web, f'[servers."{url}"]\nkeyring = true\n')
    keyring.set_keyring(Locked())
    code, sentence = web.failure("runs", "o/r", FORGEJO_TOKEN=None)
    assert code == 1 and "the keyring failed (KeyringLocked); unlock it" in sentence and "hush" not in sentence
    assert web.failure("logout")[0] == 1
    result = web.run("login", url, "--token-stdin", stdin=web.small.token)
    assert result.exit_code == 1 and "KeyringLocked" in result.stderr
    keyring.set_keyring(Silent())
    monkeypatch.setattr(os_keyring, "PATIENCE", 0.1)
    assert "has not answered within 0 seconds" in web.failure("runs", "o/r", FORGEJO_TOKEN=None)[1]
    with monkeypatch.context() as patch:
        patch.setattr(os_keyring, "find_spec", lambda name: None)
        code, sentence = web.failure("runs", "o/r", FORGEJO_TOKEN=None)
        assert code == 1 and "pip install 'forgejo-shim[keyring]'" in sentence
    # without it, things go on
    result = web.run("login", url, "--token-stdin", "--no-keyring", stdin=web.small.token)
    assert result.exit_code == 0 and "keyring" not in config_of(web).read_text()
    assert web.run("runs", "o/r", **NOTHING | {"FORGEJO_URL": url}).exit_code == 0


@pytest.mark.clause("G3")
def test_the_file_is_used_where_there_is_no_keyring_or_it_is_not_wanted(web_bare: Place, chain: Working) -> None:
    place = web_bare
    words = ["login", place.small.url, "--token-stdin"]
    assert place.run(*words, "--no-keyring", stdin=place.small.token).exit_code == 0
    assert chain.kept == {} and place.small.token in config_of(place).read_text()
    assert place.run(*words, stdin=place.small.token).exit_code == 0
    assert len(chain.kept) == 1 and place.small.token not in config_of(place).read_text()
    # what is in the keyring moves
    assert place.run("login", "--account-stdin", "--no-keyring", stdin=account(place)).exit_code == 0
    text = config_of(place).read_text()
    assert chain.kept == {} and place.small.token in text and place.small.web.password in text and "keyring" not in text


# What is removed


@pytest.mark.clause("G6")
def test_what_the_command_keeps_is_removed_and_named(web: Place) -> None:
    job = web.small.add().jobs[0]
    folder = web.home / ".local/state/forgejo-shim"
    config(web, f'server = "{web.small.url}"\n')
    web.run("logs", "o/r", job.id, "--keep-session")
    session = folder / "session.json"
    others = json.loads(session.read_text()) | {"o http://other.example": {"a": "b"}}
    session.write_text(json.dumps(others))
    result = web.run("logout")
    assert result.stdout == f"removed: web session in {session}\n" and "FORGEJO_TOKEN is still set" in result.stderr
    assert list(json.loads(session.read_text())) == ["o http://other.example"]
    assert stat.S_IMODE(session.stat().st_mode) == 0o600
    assert json.loads(web.run("--json", "logout").stdout) == {"server": web.small.url, "removed": []}
    result = web.run("forget")
    assert result.stdout.splitlines()[:2] == [f"removed: {folder / 'state.sqlite3'}", f"removed: {session}"]
    assert result.exit_code == 0 and not folder.exists()
    assert web.run("forget").stdout == "nothing was kept\n"
    assert json.loads(web.run("forget", "--json").stdout) == {"removed": []}
    assert config_of(web).exists()
