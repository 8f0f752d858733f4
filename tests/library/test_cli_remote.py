"""A verb without OWNER/REPO: the repository, the server and the run of the git clone in which it is called.

git is really run, in clones of the test's own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from command import Place
from forgejo_shim.cli import main, remote
from forgejo_shim.cli.remote import Head, host_of, remotes_at
from forgejo_shim.cli.target import TargetVerb
from small import LOG, Small, row
from test_cli_credentials import NOTHING, config

ALL = ("https://forge.example", "https://forge.example:8443/git", "http://127.0.0.1:3000", "http://[::1]:3000")


def git(folder: Path, *words: str) -> str:
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=x", "-c", "user.email=x@x.example"]
    done = subprocess.run(["git", *who, *words], cwd=folder, env=kept, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A clone on the branch `main` with one commit and no remote, in which the command is called."""
    folder = tmp_path / "clone"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "one")
    monkeypatch.chdir(folder)
    yield folder


def at(clone: Path, **remotes: str) -> None:
    for name, url in remotes.items():
        git(clone, "remote", "add", name, url)


# Addresses


@pytest.mark.clause("G10")
@pytest.mark.parametrize(
    ("url", "servers"),
    [
        ("https://forge.example/o/r.git", [ALL[0]]),
        ("https://u:hush@forge.example/o/r", [ALL[0]]),
        ("https://FORGE.example:443/o/r/", [ALL[0]]),
        ("http://forge.example/o/r", [ALL[0]]),
        ("https://forge.example:8443/git/o/r.git", [ALL[1]]),
        ("git@forge.example:o/r.git", [ALL[0], ALL[1]]),
        ("forge.example:/o/r.git", [ALL[0], ALL[1]]),
        ("ssh://git@forge.example:2222/o/r.git", [ALL[0], ALL[1]]),
        ("git://forge.example/o/r", [ALL[0], ALL[1]]),
        ("http://127.0.0.1:3000/o/r", [ALL[2]]),
        ("git@127.0.0.1:o/r", [ALL[2]]),
        ("git@[::1]:o/r", [ALL[3]]),
        ("http://[::1]:3000/%6f/r", [ALL[3]]),
    ],
)
def test_an_address_at_a_configured_server_is_a_repository_there(url: str, servers: list[str]) -> None:
    found = list(remotes_at("origin", url, ALL))
    assert [one.server for one in found] == servers and {str(one.repo) for one in found} == {"o/r"}


@pytest.mark.clause("G10")
@pytest.mark.parametrize(
    "url",
    [
        "https://forge.example.evil/o/r",
        "https://forge.example@evil.example/o/r",
        "https://forge.example:x@evil.example/o/r",
        "https://forge.example\\@evil.example/o/r",
        "https://evil.example/https://forge.example/o/r",
        "https://forge.example:9999/o/r",
        "https://forge.example:x/o/r",
        "https://forge.example/git/o/r",
        "https://forge.example:8443/gito/r",
        "https://forge.example/o",
        "https://forge.example/o/r/more",
        "https://forge.example/../o/r",
        "https://[::1",
        "git@evil.example:o/r",
        "git@forge.example@evil.example:o/r",
        "ext::sh -c forge.example:o/r",
        "/forge.example/o/r",
        "file://forge.example/o/r",
        "./forge.example:o/r",
        "C:\\o\\r",
        "",
    ],
)
def test_any_other_address_is_none(url: str) -> None:
    assert list(remotes_at("origin", url, ALL)) == []


@pytest.mark.clause("G10")
def test_of_an_address_only_the_host_is_shown() -> None:
    assert host_of("https://u:hush@Forge.example:1/x") == host_of("hush@forge.example:x") == "forge.example"
    assert host_of("/srv/hush") is None and host_of("https://[hush") is None


# The clone


@pytest.mark.clause("G9", "G10")
def test_each_verb_takes_the_repository_of_the_clone(place: Place, clone: Path) -> None:
    place.small.repo.head = git(clone, "rev-parse", "HEAD")
    run = place.small.add(status="failure")
    job = run.jobs[0].id
    place.small.model.artifacts.add(run, "report", {"a.txt": b"x"})
    place.small.token = place.environment["FORGEJO_TOKEN"] = place.small.model.add_token(
        place.small.repo.owner, ("write:repository", "read:user")
    ).sha1
    at(clone, origin=f"{place.small.url.replace('//', '//someone:hush@')}/o/r.git")
    for words, says in (
        (["detect"], "the Actions of o/r"),
        (["runs"], "failure\t"),
        (["runs", "--limit", "1"], "failure\t"),
        (["jobs"], f"{job}\t0\t"),
        (["jobs", "1"], f"{job}\t0\t"),
        (["logs", job], "row 1\n"),
        (["logs"], "row 1\n"),
        (["logs", "--job", "build", "--tail", "1"], "row 11999\n"),
        (["logs", "--run", "latest", "--job", "build"], "row 1\n"),
        (["logs", "--failed"], "row 11999\n"),
        (["why"], "row 11999"),
        (["why", "1"], "row 11999"),
        (["attempts", job], "failure\t"),
        (["attempts"], "failure\t"),
        (["attempts", "--job", "build"], "failure\t"),
        (["open"], f"{place.small.url}/o/r/actions/runs/1\n"),
        (["artifacts", "1"], "report"),
        (["artifacts"], "report"),
        (["artifacts", "--newest", "5"], "report"),
        (["download"], "report"),
        (["cancel", "1"], "1\t"),
        (["rerun", "latest"], "1\tall jobs"),
    ):
        result = place.run(*words)
        assert result.exit_code == 0 and says in result.stdout, (words, result.stdout[-200:], result.stderr)
        assert "hush" not in result.output and "someone" not in result.output
    place.small.model.play(run.jobs[0], LOG, "failure")
    for words in (["watch"], ["logs", "--follow"]):
        assert place.run(*words).exit_code == 1
    for words in (["cancel"], ["rerun"]):
        assert "no run given" in place.failure(*words)[1]
    (clone / "build.log").write_bytes(row("error: it fails"))
    assert place.run("why", "--file", "build.log").exit_code == 0


@pytest.mark.clause("G9")
def test_every_verb_of_a_repository_can_do_without_its_name() -> None:
    verbs = [verb for verb in main.commands.values() if any(each.name == "target" for each in verb.params)]
    assert len(verbs) >= 12
    for verb in verbs:
        assert isinstance(verb, TargetVerb), verb.name
        with verb.make_context(verb.name, ["o/r"] + ["1"] * (verb.name in ("cancel", "rerun"))) as ctx:
            assert str(ctx.params["target"].repo) == "o/r"
        argument = next(each for each in verb.params if each.name == "target")
        assert isinstance(argument, click.Argument) and not argument.required and verb.params[0] is argument


@pytest.mark.clause("G10")
def test_origin_comes_first_and_else_there_must_be_one(web: Place, clone: Path) -> None:
    web.small.add()
    url = web.small.url
    at(clone, upstream=f"{url}/other/r", mirror="https://github.example/o/r")
    assert web.failure("artifacts")[0] == 5  # other/r
    at(clone, fork=f"{url}/o/r")
    code, sentence = web.failure("artifacts")
    assert code == 2 and f"several git remotes fit (fork: o/r at {url}; upstream: other/r at {url})" in sentence
    at(clone, origin=f"{url}/o/r.git")
    assert web.run("artifacts", "--newest", 1).exit_code == 0
    git(clone, "remote", "set-url", "origin", "https://github.example/o/r")
    assert web.failure("artifacts")[0] == 2
    git(clone, "remote", "set-url", "upstream", f"{url}/O/R")  # the same repository twice is one
    assert web.run("artifacts", "--newest", 1).exit_code == 0


@pytest.mark.clause("G10", "C12")
def test_nothing_is_sent_to_a_server_that_is_not_configured(web: Place, clone: Path) -> None:
    with Small("15") as other:
        other.add()
        at(clone, origin=f"{other.url}/o/r")
        code, sentence = web.failure("artifacts")
        assert code == 2 and "no git remote here is at a configured server" in sentence
        assert f"hosts of remotes: 127.0.0.1; configured: {web.small.url}" in sentence
        assert not other.double.requests and not web.small.double.requests
        # configured, but the variables name another one as theirs
        entry = (
            f'[servers."{other.url}"]\ntoken = "{other.token}"\nweb_user = "o"\nweb_password = "{other.web.password}"\n'
        )
        config(web, f'server = "{web.small.url}"\n{entry}')
        assert web.failure("artifacts")[0] == 2
        assert web.run("artifacts", FORGEJO_URL=None, FORGEJO_TOKEN="0" * 40).exit_code == 0
        seen = {given.headers.get("authorization") for given in other.double.requests}
        assert f"token {other.token}" in seen and not any("0" * 40 in str(text) for text in seen)
        config(web, f'server = "{web.small.url}"\n[servers."{other.url}"]\n')
        code, sentence = web.failure("artifacts", FORGEJO_URL=None)
        assert code == 5 and sentence.endswith(f"(FORGEJO_TOKEN is not for {other.url})\n")
        assert not web.small.double.requests


@pytest.mark.clause("G10")
def test_what_is_no_clone_says_what_to_give(web: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    code, sentence = web.failure("artifacts")
    assert code == 2 and "this folder tells none: it is no git clone; give OWNER/REPO or a URL" in sentence
    assert web.run("detect").exit_code == 0  # the server alone
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        assert "git is not installed" in web.failure("artifacts")[1]
        slow = tmp_path / "git"
        slow.write_text("#!/bin/sh\nexec /bin/sleep 20\n")
        slow.chmod(0o755)
        patch.setattr(remote, "PATIENCE", 0.1)
        assert "git has not answered within" in web.failure("artifacts")[1]
        slow.chmod(0o644)
        assert web.failure("artifacts")[0] == 2
    assert not [seen for seen in web.small.double.requests if "/artifacts" in seen.path]


@pytest.mark.clause("G10")
def test_a_worktree_and_a_folder_below_are_the_clone_too(
    web: Place, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.small.add()
    at(clone, origin=f"{web.small.url}/o/r")
    git(clone, "worktree", "add", "--quiet", "-b", "topic", "../tree")
    (clone / "deep" / "er").mkdir(parents=True)
    for folder in (clone.parent / "tree", clone / "deep" / "er"):
        monkeypatch.chdir(folder)
        assert web.run("artifacts", "--newest", 1).exit_code == 0
    monkeypatch.chdir(clone.parent / "tree")
    found = remote.head_here()
    assert found and found.branch == "topic"


@pytest.mark.clause("G10")
def test_no_hook_and_no_program_of_the_clone_is_run(web: Place, clone: Path) -> None:
    web.small.add()
    at(clone, origin=f"{web.small.url}/o/r")
    evil = clone / "evil"
    evil.write_text(f"#!/bin/sh\necho x >> '{clone}/ran'\n")
    evil.chmod(0o755)
    for key in ("core.pager", "pager.remote", "core.fsmonitor", "core.sshCommand", "core.editor", "credential.helper",
                "alias.remote", "diff.external", "core.askPass", "gpg.program"):  # fmt: skip
        git(clone, "config", key, f"!{evil}" if key.startswith("alias") else str(evil))
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "fsmonitor-watchman"):
        (clone / ".git/hooks").mkdir(exist_ok=True)
        (clone / ".git/hooks" / hook).write_text(evil.read_text())
        (clone / ".git/hooks" / hook).chmod(0o755)
    (clone / "ran").unlink(missing_ok=True)
    code, screen = web.talk(["artifacts"], [])
    assert code == 0 and "run" in screen and not (clone / "ran").exists()


@pytest.mark.clause("G10")
def test_git_gets_no_credential(web: Place, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    web.small.add()
    at(clone, origin=f"{web.small.url}/o/r")
    spy, seen = clone / "git", clone / "seen"
    spy.write_text(f"#!/bin/sh\nenv >> '{seen}'\nPATH='{os.environ['PATH']}' exec git \"$@\"\n")
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{clone}:{os.environ['PATH']}")
    assert web.run("artifacts").exit_code == 0
    told = seen.read_text()
    assert "LC_ALL=C" in told and "FORGEJO" not in told and web.small.token not in told


# The run


@pytest.mark.clause("G11")
def test_the_run_is_that_of_what_is_checked_out(place: Place, clone: Path) -> None:
    at(clone, origin=f"{place.small.url}/o/r")
    commit = git(clone, "rev-parse", "HEAD")
    assert remote.head_here() == Head(commit, "main")
    artifacts = place.small.model.artifacts
    for number, (sha, branch) in enumerate(((commit, "main"), ("1" * 40, "main"), ("2" * 40, "topic")), 1):
        place.small.repo.head = sha
        run = place.small.add(ref=f"refs/heads/{branch}")
        artifacts.add(run, f"report-{number}", {"a.txt": b"x"})
    assert run.number == 3
    has_filters = place.small.double.face.major > 11

    def said(*words: str) -> tuple[str, str]:
        result = place.run("artifacts", *words)
        assert result.exit_code == 0, result.stderr
        return result.stdout.split("\t")[-1].strip(), result.stderr

    assert said("latest") == ("report-3", "")  # one that is named is that one
    if has_filters:
        assert said() == ("report-1", "run 1 of o/r: the commit of main here\n")
    git(clone, "commit", "--quiet", "--allow-empty", "--message", "not pushed yet")
    if has_filters:
        assert said() == ("report-2", "run 2 of o/r: the newest of main, since the commit here has none\n")
    git(clone, "checkout", "--quiet", "-b", "new")
    why = "{} here has none" if has_filters else "this server cannot be asked for those of {} here"
    assert said() == ("report-3", f"run 3 of o/r: the newest, since {why.format('new')}\n")
    git(clone, "checkout", "--quiet", "--detach")
    assert said() == ("report-3", f"run 3 of o/r: the newest, since {why.format('HEAD')}\n")
    if has_filters:
        git(clone, "checkout", "--quiet", commit)
        assert said() == ("report-1", "run 1 of o/r: the commit of HEAD here\n")
        assert place.run("artifacts", "o/r").stderr == ""  # a repository that is named has no branch


@pytest.mark.clause("G11")
def test_of_a_commit_that_which_failed_is_explained(web: Place, clone: Path) -> None:
    at(clone, origin=f"{web.small.url}/o/r")
    web.small.repo.head = git(clone, "rev-parse", "HEAD")
    web.small.add({"build": row("error: it fails")}, status="failure", workflow="a.yml")
    web.small.add({"test": row("fine")}, workflow="b.yml")
    assert web.run("jobs").stderr == "run 2 of o/r: the commit of main here\n"
    for words in (["why"], ["logs", "--failed"]):
        result = web.run(*words)
        assert "it fails" in result.stdout and "run 1 of o/r: the commit of main here\n" in result.stderr, words
        assert "has others: 2 (b.yml, success)" in result.stderr
    assert "the commit" not in web.run("jobs", "--workflow", "a.yml").stderr
    assert "the commit" not in web.run("why", "--branch", "main").stderr


@pytest.mark.clause("G11")
def test_a_clone_without_a_commit_has_the_latest_run(
    web: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.small.add({"build": row("x")})
    git(tmp_path, "init", "--quiet")
    at(tmp_path, origin=f"{web.small.url}/o/r")
    monkeypatch.chdir(tmp_path)
    result = web.run("artifacts", **{name: web.environment.get(name) for name in NOTHING})
    assert (result.exit_code, result.stderr) == (0, "") and remote.head_here() is None
