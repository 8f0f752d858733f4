"""Where the command's credentials come from and where they may go; what it keeps between two calls."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from command import Place
from forgejo_shim.cli import main
from small import LOG


def config(place: Place, text: str, mode: int = 0o600) -> Path:
    path = place.home / ".config/forgejo-shim/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


NOTHING: dict[str, str | None] = {
    "FORGEJO_URL": None,
    "FORGEJO_TOKEN": None,
    "FORGEJO_SHIM_WEB_USER": None,
    "FORGEJO_SHIM_WEB_PASSWORD": None,
}


@pytest.mark.clause("C12")
def test_credentials_from_the_config_file(place: Place) -> None:
    job = place.small.add().jobs[0]
    small = place.small
    entry = f'token = "{small.token}"\nweb_user = "o"\nweb_password = "{small.web.password}"\n'
    text = f'server = "{small.url}/"\n[servers."{small.url}"]\n{entry}'
    path = config(place, text)
    assert place.run("logs", "o/r", job.id, **NOTHING).stdout_bytes == LOG
    assert place.run("logs", f"{small.url}/o/r/actions/runs/1/jobs/0", **NOTHING).stdout_bytes == LOG
    elsewhere = path.rename(place.home / "else.toml")
    assert place.failure("logs", "o/r", job.id, **NOTHING)[0] == 2
    assert place.run("--config", elsewhere, "logs", "o/r", job.id, **NOTHING).stdout_bytes == LOG
    # of another server, they are not for this one
    config(place, text.replace(f'[servers."{small.url}"]', '[servers."http://elsewhere.example"]'))
    assert place.failure("logs", "o/r", job.id, **NOTHING)[0] == 5
    # the environment comes first
    config(place, text.replace(small.token, "0" * 40))
    assert place.run("logs", "o/r", job.id, **NOTHING | {"FORGEJO_TOKEN": small.token}).stdout_bytes == LOG


@pytest.mark.clause("C12")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o666])
def test_a_config_file_that_others_may_read_is_refused(web: Place, mode: int) -> None:
    path = config(web, f'[servers."{web.small.url}"]\ntoken = "secret"\n', mode)
    code, sentence = web.failure("runs", "o/r")
    assert code == 1 and f"chmod 600 {path}" in sentence and "secret" not in sentence
    assert not web.small.double.requests


@pytest.mark.clause("C12")
@pytest.mark.parametrize(
    "text",
    [
        "token = hush",
        'token = "hush"',
        'servers = "hush"',
        '[servers]\n"http://f" = "hush"',
        '[servers."http://f"]\npassword = "hush"',
        '[servers."http://[::1"]\ntoken = "hush"',
        '[servers."http://u:hush@f"]\ntoken = "hush"',
        'server = "u:hush@f"',
        "x = " + "[" * 100_000,
        "x = " + "9" * 5000,
        '[servers."http://f"]\ntoken = 7',
        '[servers."http://f"]\nweb_user = "hush"',
        '[servers."http://f"]\nweb_user = "u"\nweb_password = "p"\nweb_cookie = "hush"',
        "server = 7",
        "\x00hush",
    ],
)
def test_a_config_file_that_is_wrong_is_said_to_be_so(web: Place, text: str) -> None:
    config(web, text)
    code, sentence = web.failure("runs", "o/r")
    assert code in (1, 2) and "hush" not in sentence
    config(web, "")
    web.home.joinpath(".config/forgejo-shim/config.toml").write_bytes(b"\xff")
    assert web.failure("runs", "o/r")[0] == 1
    assert web.failure("--config", "no such file", "runs", "o/r")[0] == 1


@pytest.mark.clause("C12")
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('token = "hush"', 'token belongs under the server that it is for: [servers."https://forge.example"]'),
        ('web_user = "hush"', "web_user belongs under the server"),
        ("server = 3", "server is no text; write it in quotes"),
        ('[servers."http://f"]\ntoken = 7', "token is no text"),
        ('[servers."http://f"]\nserver = "http://f"', "'server' is an unknown key; known keys: keyring, token, web_"),
        ('[servers."http://f/api/v1"]', "give the address of the server, without /api/v1"),
    ],
)
def test_what_is_wrong_with_a_key_of_a_config_file_is_said(web: Place, text: str, said: str) -> None:
    path = config(web, text)
    code, sentence = web.failure("runs", "o/r")
    assert code == 1 and f"{path}: " in sentence and said in sentence and "hush" not in sentence


@pytest.mark.clause("C12")
def test_a_config_that_is_no_file_is_not_waited_for(web: Place) -> None:
    web.home.mkdir(exist_ok=True)
    os.mkfifo(web.home / "pipe", 0o600)
    code, sentence = web.failure("--config", web.home / "pipe", "runs", "o/r")
    assert code == 1 and "not a regular file" in sentence


@pytest.mark.clause("S35")
@pytest.mark.parametrize("address", ["https://u:HUSH@f.example", "u:HUSH@f.example", "https://u:HU SH@f.example/o/r"])
def test_a_password_in_an_address_is_never_shown(web: Place, address: str) -> None:
    for words in (
        ["runs", address],
        ["jobs", "o/r", address],
        ["logs", "o/r", address],
        ["logs", address, "--run", "1"],
        ["logs", "o/r", "--run", address],
        ["logs", "o/r", "1", "--attempt", address],
        ["runs", "o/r", f"--limit={address}"],
        ["--server", address, "runs", "o/r"],
        ["runs", "o/r", address],
        [address],
        ["detect", f"--{address}"],
    ):
        code, sentence = web.failure(*words)
        assert code == 2 and "HU" not in sentence and "SH" not in sentence, words
    code, sentence = web.failure("runs", "o/r", FORGEJO_URL=address)
    assert code == 2 and "HU" not in sentence and "SH" not in sentence


@pytest.mark.clause("C12")
def test_the_environments_credentials_go_only_to_a_server_that_was_named(web: Place) -> None:
    job = web.small.add().jobs[0]
    url = f"{web.small.url}/o/r/actions/runs/1/jobs/0"
    code, sentence = web.failure("logs", url, FORGEJO_URL=None)
    assert code == 2 and "--server" in sentence
    code, sentence = web.failure("logs", url, FORGEJO_URL="http://elsewhere.example")
    assert code == 2 and "elsewhere.example" in sentence
    assert not web.small.double.requests
    assert web.run("logs", url, "--server", web.small.url, FORGEJO_URL=None).stdout_bytes == LOG
    assert web.run("--server", web.small.url, "logs", "o/r", job.id, FORGEJO_URL="http://x.example").exit_code == 0


@pytest.mark.clause("C12")
def test_no_option_takes_a_credential() -> None:
    commands = [main, *main.commands.values()]
    found = [option for command in commands for option in command.params
             if any(re.search("token|password|secret|cookie|user|account", name) for name in option.opts)]  # fmt: skip
    assert {name for option in found for name in option.opts} == {"--token-stdin", "--account-stdin", "--cookie-stdin"}
    assert all(option.is_flag for option in found)


@pytest.mark.clause("C13", "S34")
def test_the_web_session_is_kept_only_on_request(web: Place) -> None:
    job = web.small.add().jobs[0]
    folder = web.home / ".local/state/forgejo-shim"

    def sign_ins() -> int:
        return sum((seen.method, seen.path) == ("POST", "/user/login") for seen in web.small.double.requests)

    web.run("logs", "o/r", job.id)
    assert [path.name for path in folder.iterdir()] == ["state.sqlite3"] and sign_ins() == 1
    web.run("logs", "o/r", job.id, "--keep-session")
    assert sign_ins() == 2
    web.run("--keep-session", "logs", "o/r", job.id)
    assert sign_ins() == 2
    kept = folder / "session.json"
    assert kept.stat().st_mode & 0o777 == 0o600 and folder.stat().st_mode & 0o777 == 0o700
    assert web.small.web.password not in kept.read_text()
    for secret in (web.small.token, web.small.web.password, *json.loads(kept.read_text()).popitem()[1].values()):
        assert secret.encode() not in (folder / "state.sqlite3").read_bytes()
    kept.chmod(0o644)
    assert web.failure("logs", "o/r", job.id, "--keep-session")[0] == 1


@pytest.mark.clause("S34")
def test_state_spares_the_next_command_the_swagger_document(web: Place, tmp_path: Path) -> None:
    job = web.small.add().jobs[0]

    def swagger_reads() -> int:
        return sum(seen.path == "/swagger.v1.json" for seen in web.small.double.requests)

    for words, reads in ((["--state", tmp_path / "s"], 1), (["--state", tmp_path / "s"], 1), (["--no-state"], 2)):
        assert web.run(*words, "logs", "o/r", job.id).exit_code == 0
        assert swagger_reads() == reads
    assert not (web.home / ".local").exists()
    assert web.failure("--no-state", "--state", tmp_path / "s", "runs", "o/r")[0] == 2
    (tmp_path / "bad").write_text("this is no database, but a text of some length" * 100)
    (tmp_path / "bad").chmod(0o600)
    code, sentence = web.failure("--state", tmp_path / "bad", "runs", "o/r")
    assert code == 1 and sentence.endswith("remove it or choose another, or give --no-state\n")


@pytest.mark.clause("S34")
def test_a_home_that_takes_no_file_keeps_nothing_and_fails_nothing(web: Place) -> None:
    job = web.small.add().jobs[0]
    web.home.mkdir()
    (web.home / ".local").write_text("a file in the place of a folder")
    for words in (["runs", "o/r"], ["jobs", "o/r"], ["logs", "o/r", job.id], ["detect", "o/r"]):
        result = web.run(*words)
        assert (result.exit_code, result.stderr) == (0, ""), words
    assert web.failure("--state", web.home / ".local/x", "runs", "o/r")[1].endswith(", or give --no-state\n")
