"""What `login` and `detect` say of credentials and of a clone, on every target."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner
from forgejo_shim.cli import main
from targets import Live
from test_command_lists import Desk

clause = pytest.mark.clause


@clause("G1", "G7")
@pytest.mark.parametrize(
    ("token", "code", "says"),
    [
        ("owner", 0, "may read, cancel and rerun"),
        ("read", 0, "may read, not cancel or rerun"),
        ("no-scope", 4, "[read:repository]; give a token that has it; nothing was saved"),
        ("0" * 40, 4, "does not accept these credentials; check them; nothing was saved"),
    ],
)
def test_what_a_token_may_do_is_told_by_the_server(
    live: Live, tmp_path: Path, token: str, code: int, says: str
) -> None:
    desk = Desk(live, tmp_path)
    environment = {**desk.environment, "FORGEJO_TOKEN": None, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    secret = live.world.tokens.get(token, token)
    result = CliRunner(env=environment).invoke(main, ["login", live.base_url, "--token-stdin"], input=secret)
    assert result.exit_code == code and says in result.output and secret not in result.output
    assert (tmp_path / ".config/forgejo-shim/config.toml").exists() is (code == 0)
    given = f"{live.web.user}\n{live.web.password}\n{live.web.totp_secret or ''}\n"
    result = CliRunner(env=environment).invoke(main, ["login", live.base_url, "--account-stdin"], input=given)
    assert result.exit_code == 0 and f"web account {live.web.user}: signs in\n" in result.output


@clause("G9", "G11")
def test_a_clone_is_enough(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(live, tmp_path)
    url = f"{live.base_url}/{desk.repo}.git"
    for words in (["init", "--quiet", "--initial-branch", "nowhere"], ["remote", "add", "origin", url]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    monkeypatch.chdir(tmp_path)
    assert desk.rows("runs", "--limit", 3) == desk.rows("runs", desk.repo, "--limit", 3)
    assert desk.run("detect").output.endswith(desk.run("detect", desk.repo).output.splitlines()[-1] + "\n")
    who = ["-c", "user.name=x", "-c", "user.email=x@x.example"]
    subprocess.run(["git", *who, "commit", "--quiet", "--allow-empty", "-m", "x"], cwd=tmp_path, check=True)
    jobs = desk.run("jobs")
    why = "nowhere here has none" if live.major > 11 else "this server cannot be asked for those of nowhere here"
    assert jobs.exit_code == 0 and f": the newest, since {why}\n" in jobs.stderr, jobs.output
    assert jobs.stdout == desk.run("jobs", desk.repo).stdout
    if live.major > 11:
        subprocess.run(["git", "branch", "--quiet", "-m", "main"], cwd=tmp_path, check=True)
        assert ": the newest of main, since the commit here has none\n" in desk.run("jobs").stderr
