"""Clauses Q2 and X42: forgejo-runner itself works through the proxy by https, and clients read there what it made.

Rules: a server of the target's kind of its own, whose address is the proxy's, so that the signed addresses of uploads
are too; everything goes by the proxy. The job's lines and files are known here, so they are
compared with what was told to be written. A real runner speaks the protocol in protobuf, which a double does not.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from balanced import Front
from certificates import certified
from client_programs import Client
from forgejo_shim import WebLogin
from gh_program import Gh
from hand import WRITE, Hand, wait
from real_runner import VARIABLE, RealRunner
from seeded import Repo
from servers import NotOurs, available, free_port
from targets import Live

clause = pytest.mark.clause
pytestmark = [pytest.mark.feature("proxy")]
by_id = pytest.mark.feature("run-jobs")
LABEL = "of-the-program"
LINES = [f"line {number} of the job: té 漢字" for number in range(1, 501)]
LARGE = 1_500_000  # numbers in a file that is uploaded in more than one block
FILES = {"small.txt": "té 漢字\n".encode(), "deep/er/numbers.txt": b"".join(b"%d\n" % n for n in range(1, LARGE + 1))}
ARTIFACT = "of the job"
STEPS = (
    f"for n in $(seq {len(LINES)}); do echo line $n of the job: té 漢字; done",
    f"mkdir -p out/deep/er; echo té 漢字 > out/small.txt; seq {LARGE} > out/deep/er/numbers.txt",
    f"$CLIENT '{ARTIFACT}' out again && diff -r out again",
)


@dataclass(frozen=True)
class Ran:
    """The place as clients know it (`Live` has the same names), and the job that a runner has run there."""

    hand: Hand
    proxy: Front
    repo: Repo
    world: SimpleNamespace
    run_id: int | None
    job_id: int

    def faced(self) -> Front:
        return self.proxy

    def client(self, name: str) -> Client:
        return Client(name, self, self.repo)  # type: ignore[arg-type]

    def gh(self, home: Path) -> Gh:
        return Gh("gh", self, self.repo, home=home)  # type: ignore[arg-type]

    @property
    def stored(self) -> bytes:
        """The log as the server itself keeps it."""
        return self.hand.download(self.repo.full, 1, 0).content

    def artifact(self, client: Client) -> int:
        """The only artifact's id, as a client lists it."""
        (only,) = client.ask("artifacts")
        assert only["name"] == ARTIFACT
        return int(only["id"])


@pytest.fixture(scope="session")
def ran(live: Live, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """A place whose only job has been run."""
    if live.target.double:
        pytest.skip("not supported: a double speaks the runners' protocol in JSON alone")
    if missing := [name for name in (VARIABLE, "ARTIFACT_CLIENT") if not os.environ.get(name)]:
        pytest.skip(f"not run: no {' and no '.join(missing)}")
    port = free_port()
    way = available(live.target.version)
    assert not isinstance(way, str)
    try:
        server = way({"server.ROOT_URL": f"https://127.0.0.1:{port}/"})
    except NotOurs as reason:
        pytest.skip(f"not run: {reason}")
    with server:
        web, words = WebLogin(server.admin, server.password), ("--face", "github", "--face", "gitea", "--allow-writes")
        with live.target.stand(server.base_url, web, *words, port=port, tls=True) as proxy:
            hand = Hand(proxy.base_url, server.admin, server.password, trusted=certified()[0])
            yield _run(hand, proxy, tmp_path_factory.mktemp("runner"))


def _run(hand: Hand, proxy: Front, folder: Path) -> Ran:
    repo = hand.repo(hand.admin.name, "program")
    environment = {"CLIENT": os.environ["ARTIFACT_CLIENT"]}
    job = {"runs-on": LABEL, "env": environment, "steps": [{"run": step} for step in STEPS]}
    hand.push(repo, {"build.yml": {"on": {"workflow_dispatch": {}}, "jobs": {"build": job}}})
    token = hand.new_token(hand.admin, WRITE)
    path = f"/compat/gitea/api/v1/repos/{repo}/actions/runners/registration-token"
    told = proxy.session.post(proxy.base_url + path, headers={"Authorization": f"token {token}"}, timeout=20).json()
    runner = RealRunner(proxy.base_url, told["token"], LABEL, certified()[0], folder)
    run = hand.dispatch(repo, "build.yml")
    runner.run_a_job()
    (ended,) = hand.state(repo, run.number).jobs
    assert ended.status == "success", hand.download(repo, run.number, 0).text[-3000:]
    return Ran(hand, proxy, Repo(repo), SimpleNamespace(tokens={"owner": token}), run.id, ended.id)


def has_lines(log: bytes) -> bool:
    """Whether the job's lines are in a log, each behind its time, one after the other."""
    rows = [row.partition(" ")[2] for row in log.decode().splitlines()]
    return LINES == rows[rows.index(LINES[0]) :][: len(LINES)] if LINES[0] in rows else False


def has_files(packed: bytes) -> bool:
    archive = zipfile.ZipFile(io.BytesIO(packed))
    return {name: archive.read(name) for name in archive.namelist()} == FILES


@pytest.mark.feature("one-process")
@clause("Q2", "X42")
def test_it_registered_ran_and_uploaded_by_the_proxy_alone(ran: Ran) -> None:
    for path in ("/api/actions/", "/twirp/", "/UploadArtifact", "/DownloadArtifact"):
        wait(lambda path=path: path in ran.proxy.log(), f"a request for {path} in the access log")
    seen = ran.proxy.log()
    assert has_lines(ran.stored)
    assert "Traceback" not in seen and "proxy-failed" not in seen


@clause("V11", "X46")
def test_gh_reads_the_job(ran: Ran, tmp_path: Path) -> None:
    gh = ran.gh(tmp_path)
    root = f"repos/{ran.repo.full}/actions"
    assert gh.bytes("api", f"{root}/jobs/{ran.job_id}/logs") == ran.stored
    (artifact,) = gh.ask("api", f"{root}/artifacts")["artifacts"]
    assert has_files(gh.bytes("api", f"{root}/artifacts/{artifact['id']}/zip"))


@clause("V11", "X46", "X47")
@by_id
def test_gh_reads_the_run(ran: Ran, tmp_path: Path) -> None:
    gh = ran.gh(tmp_path)
    lines = [line.split("\t", 2)[2] for line in gh.bytes("run", "view", ran.run_id, "--log").decode().splitlines()]
    assert lines == ran.stored.decode().removeprefix("\ufeff").splitlines()
    here = tmp_path / "here"
    gh.bytes("run", "download", ran.run_id, "--name", ARTIFACT, "--dir", here)
    assert {str(file.relative_to(here)): file.read_bytes() for file in here.rglob("*") if file.is_file()} == FILES


@clause("Q5", "X46")
@pytest.mark.parametrize("name", ["gitea-api-client", "gitea-sdk", "octokit", "go-github"])
def test_other_clients_read_the_log_and_the_artifact(ran: Ran, name: str) -> None:
    client = ran.client(name)
    assert client.bytes("log", ran.job_id) == ran.stored
    assert has_files(client.bytes("zip", ran.artifact(client)))
