"""Clauses X on live servers: what is no operation of the shim's goes through the proxy as if it were not there.

Rules: a real answer is compared with the server's own to the same request; what a real server alone can show (event
streams, git, LFS) is 'not run' on the double.
"""

from __future__ import annotations

import json
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import requests
from balanced import Front
from hand import WRITE, Account, Hand, Web, plain_session, wait
from runner import Runner
from seeded import Repo, Stage
from servers import Url
from targets import Live
from world import ONE, labelled

clause = pytest.mark.clause
one_process = pytest.mark.feature("one-process")
pytestmark = pytest.mark.feature("proxy")


def both(live: Live, path: str, method: str = "GET", **more: Any) -> tuple[requests.Response, requests.Response]:
    """The answers of the proxy and of the server itself."""
    fronted, plain = (
        plain_session().request(method, base_url + path, allow_redirects=False, timeout=30, **more)
        for base_url in (live.base_url, live.server.base_url)
    )
    return fronted, plain


PAGES = (
    "/",
    "/user/login",
    "/explore/repos",
    "/assets/img/logo.svg",
    "/robots.txt",
    "/user/settings",
    "/api/v1/version",
)


@one_process
@clause("X2", "X6")
@pytest.mark.parametrize("path", [*PAGES, "/no/such", "/api/v1/nodeinfo?x=%2F", "/%2e%2e", "//", "/api/v1/user"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_pages_are_the_servers_own(live: Live, path: str, method: str) -> None:
    fronted, plain = both(live, path, method)
    assert fronted.status_code == plain.status_code and fronted.reason == plain.reason
    changing = {"Date", "Set-Cookie", "Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", "Age"}
    for name in {*fronted.headers, *plain.headers} - changing:
        assert fronted.headers.get(name) == plain.headers.get(name), name
    cookies = [
        sorted(line.partition("=")[0] for line in answer.raw.headers.getlist("Set-Cookie"))
        for answer in (fronted, plain)
    ]
    assert cookies[0] == cookies[1]
    if path.startswith(("/assets", "/api", "/robots")):
        assert fronted.content == plain.content


@clause("X6")
@pytest.mark.parametrize("text", ["bytes=0-9", "bytes=-5", "bytes=99999999-", "bytes=0-1,4-5"])
def test_parts_of_a_file_that_passes(live: Live, text: str) -> None:
    fronted, plain = both(live, "/assets/img/logo.svg", headers={"Range": text, "Accept-Encoding": "identity"})
    assert (fronted.status_code, fronted.headers.get("Content-Range")) == (
        plain.status_code,
        plain.headers.get("Content-Range"),
    )
    if "," not in text:
        assert fronted.content == plain.content


@clause("X6")
def test_a_file_that_has_not_changed(live: Live) -> None:
    first, _ = both(live, "/assets/img/logo.svg")
    known = {"If-Modified-Since": first.headers.get("Last-Modified"), "If-None-Match": first.headers.get("ETag")}
    fronted, plain = both(live, "/assets/img/logo.svg", headers=known)
    assert (fronted.status_code, fronted.content) == (plain.status_code, plain.content)


@clause("X2")
def test_a_person_signs_in(live: Live) -> None:
    web = Web(live.base_url)
    assert web.sign_in(live.world.accounts["reader"]).status_code == 303
    assert web.get("/user/settings").status_code == 200
    assert web.get(f"/{live.world.repos['priv'].full}/actions").status_code == 200
    web.post("/user/logout")
    assert web.get("/user/settings").status_code == 303


@clause("X5")
def test_an_admin_and_a_runner_work_through_it(live: Live) -> None:
    """Everything that makes a run, from the repository on, goes through the proxy; so do its jobs and rows."""
    hand = Hand(live.base_url, live.server.admin, live.server.password)
    mark = secrets.token_hex(4)
    stage = Stage(hand, Runner(hand.base_url, hand.registration_token()), mark)
    repo = Repo(hand.repo(live.world.accounts["owner"].name, f"through-{mark}"))
    hand.push(repo.full, {"one.yml": labelled(ONE, mark)})
    job = stage.play(stage.start("through", repo, ONE, "one.yml"), "build", "success", 3000)
    assert live.log(job).content == job.expected()


def only_real(live: Live) -> None:
    if live.target.double:
        pytest.skip("not run: the double does not have this")


@clause("X7")
def test_a_servers_event_stream(live: Live) -> None:
    only_real(live)
    web = Web(live.base_url)
    assert web.sign_in(live.world.accounts["reader"]).status_code == 303
    with web.session.get(f"{live.base_url}/user/events", stream=True, timeout=20) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        web.session.post(
            f"{live.base_url}/user/logout", headers=web.csrf(), cookies=web.session.cookies, allow_redirects=False
        )
        text = b""
        for piece in stream.iter_content(None):
            text += piece
            if b"event: logout" in text:
                break
    assert b"event: logout" in text
    assert b"event: ping" not in text, "one comes each 30 s: what was held back came with it"


# --- git


class Git:
    """A person with git, a home folder and a name and password for the proxy."""

    def __init__(self, home: Path, base_url: str, account: Account | None) -> None:
        self.home = home
        self.base_url = base_url
        home.mkdir()
        settings = "[user]\n\tname = T\n\temail = t@example.invalid\n[init]\n\tdefaultBranch = main\n"
        settings += "[credential]\n\thelper = store\n[lfs]\n\tlocksverify = false\n"
        (home / ".gitconfig").write_text(settings)
        if account:
            place = base_url.replace("http://", f"http://{account.name}:{account.password}@")
            (home / ".git-credentials").write_text(f"{place}\n")

    def try_(self, *words: str, at: str = ".") -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(self.home), "PATH": "/usr/local/bin:/usr/bin:/bin", "GIT_TERMINAL_PROMPT": "0"}
        command = ["git", "-C", str(self.home / at), *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)

    def run(self, *words: str, at: str = ".") -> str:
        done = self.try_(*words, at=at)
        assert done.returncode == 0, f"git {' '.join(words)}: {done.stderr}"
        return done.stdout.strip()

    def clone(self, repo: str, folder: str, *words: str) -> Path:
        self.run("clone", "--quiet", *words, f"{self.base_url}/{repo}.git", folder)
        return self.home / folder


@pytest.fixture
def places(live: Live, tmp_path: Path) -> tuple[Git, Git, str]:
    """Two people who may write to a new private repository, and its name."""
    only_real(live)
    if isinstance(live.server, Url):
        pytest.skip("not run: whether git over HTTP and LFS are on there is not ours to say")
    if not shutil.which("git"):
        pytest.skip("not run: there is no git here")
    owner = live.world.accounts["owner"]
    token = Account(owner.name, live.world.hand.new_token(owner, WRITE))
    repo = live.world.hand.repo(owner.name, f"git-{secrets.token_hex(4)}")
    return Git(tmp_path / "one", live.base_url, token), Git(tmp_path / "two", live.base_url, token), repo


BIG = secrets.token_bytes(3_000_000)  # above http.postBuffer, so that git sends it in chunks


@clause("X17")
def test_git_clones_and_pushes(places: tuple[Git, Git, str]) -> None:
    one, two, repo = places
    work = one.home / "work"
    work.mkdir()
    one.run("init", "--quiet", at="work")
    for number in range(200):
        (work / f"file-{number}").write_text(f"é {number}\n" * number)
    (work / "big").write_bytes(BIG)
    one.run("add", ".", at="work")
    one.run("commit", "--quiet", "-m", "first", at="work")
    one.run("push", "--quiet", f"{one.base_url}/{repo}.git", "HEAD:main", at="work")
    there = two.clone(repo, "there")
    assert (there / "big").read_bytes() == BIG
    assert two.run("rev-parse", "HEAD", at="there") == one.run("rev-parse", "HEAD", at="work")
    (there / "more").write_text("more\n")
    two.run("add", ".", at="there")
    two.run("commit", "--quiet", "-m", "second", at="there")
    two.run("push", "--quiet", "origin", "HEAD:main", "HEAD:refs/heads/branch/with/slash", at="there")
    one.run("fetch", "--quiet", f"{one.base_url}/{repo}.git", "main", at="work")
    assert one.run("rev-parse", "FETCH_HEAD", at="work") == two.run("rev-parse", "HEAD", at="there")
    shallow = two.clone(repo, "shallow", "--depth=1", "--branch=branch/with/slash")
    assert (shallow / "more").read_text() == "more\n"
    assert two.run("rev-list", "--count", "HEAD", at="shallow") == "1"
    assert two.run("fsck", "--strict", at="there") == ""


@clause("X17")
def test_git_is_refused_as_by_the_server(live: Live, places: tuple[Git, Git, str], tmp_path: Path) -> None:
    _, _, repo = places
    reader = live.world.accounts["reader"]
    readers = Git(tmp_path / "reader", live.base_url, reader)
    nobody = Git(tmp_path / "nobody", live.base_url, None)
    for person in (readers, nobody):
        done = person.try_("clone", f"{live.base_url}/{repo}.git", "x")
        assert done.returncode == 128, done.stderr
    priv = live.world.repos["priv"].full
    readers.clone(priv, "priv")
    (readers.home / "priv" / "new").write_text("new\n")
    readers.run("add", ".", at="priv")
    readers.run("commit", "--quiet", "-m", "mine", at="priv")
    assert readers.try_("push", "origin", "HEAD:main", at="priv").returncode != 0


@clause("X17")
def test_a_git_lfs_transfer(live: Live, places: tuple[Git, Git, str]) -> None:
    if not shutil.which("git-lfs"):
        pytest.skip("not run: there is no git-lfs here")
    one, two, repo = places
    work = one.clone(repo, "work")
    for person in (one, two):
        person.run("lfs", "install", "--skip-repo")
    one.run("lfs", "track", "*.bin", at="work")
    (work / "big.bin").write_bytes(BIG)
    one.run("add", ".", at="work")
    one.run("commit", "--quiet", "-m", "large", at="work")
    one.run("push", "--quiet", "origin", "HEAD:main", at="work")
    assert one.run("show", "HEAD:big.bin", at="work").startswith("version https://git-lfs.github.com/spec/v1")
    there = two.clone(repo, "there")
    assert (there / "big.bin").read_bytes() == BIG
    for method in ("PUT", "GET") if "one-process" in live.target.features else ():  # nginx gives it to the server
        wait(lambda method=method: carried(live.proxy, method, repo), f"a {method} of an LFS object in the access log")


def carried(proxied: Front | None, method: str, repo: str) -> bool:
    """Whether the proxy says that it carried an object of LFS."""
    assert proxied
    lines = [line for line in proxied.log().splitlines() if f"/{repo}.git/info/lfs/objects/" in line]
    return any(json.loads(line)["method"] == method and "batch" not in line for line in lines)
