"""The proxy's image, built by shim/Dockerfile and run as it may be run: by nobody, on a read-only file system.

Rules: it is built with the docker that is there, from what that has: where the image in its first line is missing, it
is 'not run', and nothing is pulled. What pip needs comes from the network of this machine.
"""

from __future__ import annotations

import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from hand import plain_session, wait
from servers import free_port
from small import LOG, Small

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "shim/Dockerfile"
DOCKER = shutil.which("docker")
LOCKED = ["--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--user=10001:10001"]


def docker(*words: object, patience: float = 60) -> subprocess.CompletedProcess[str]:
    command = [str(DOCKER), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=patience)


@pytest.fixture(scope="module")
def image() -> Iterator[str]:
    """The image's name; it is gone in the end."""
    if not DOCKER or docker("version").returncode:
        pytest.skip("not run: no docker answers here")
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE))
    if missing := [base for base in bases if docker("image", "inspect", base).returncode]:
        pytest.skip(f"not run: docker has no image {', '.join(missing)} (docker pull)")
    name = f"forgejo-shim-test:{secrets.token_hex(4)}"
    done = docker("build", "--network=host", "-f", DOCKERFILE, "-t", name, ROOT, patience=900)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    yield name
    docker("rmi", "--force", name)


@pytest.mark.clause("X56")
@pytest.mark.parametrize("more", [[], ["--state", "/state/facts.sqlite3"]], ids=["plain", "state"])
def test_it_serves_with_nothing_that_it_may(image: str, more: list[str], tmp_path: Path) -> None:
    """Its own health check, and a log from the web, through a container that may do nothing else."""
    port, name = free_port(), f"forgejo-shim-test-{secrets.token_hex(4)}"
    tmp_path.joinpath("env").write_text("FORGEJO_SHIM_WEB_USER=o\nFORGEJO_SHIM_WEB_PASSWORD=the owner's password\n")
    run = ["run", "--detach", "--network=host", *LOCKED, f"--name={name}", f"--env-file={tmp_path / 'env'}"]
    with Small("15") as small, plain_session() as session:
        (job,) = small.add().jobs
        run += ["--tmpfs=/state:uid=10001,mode=700"] * bool(more)
        words = ["serve", f"--listen=127.0.0.1:{port}", f"--upstream={small.url}", *more]
        done = docker(*run, image, *words)
        try:
            assert done.returncode == 0, done.stderr
            wait(lambda: alive(session, port, name), "it to be alive", 30)
            url = f"http://127.0.0.1:{port}/api/v1/repos/o/r/actions/jobs/{job.id}/logs"
            log = session.get(url, headers={"Authorization": f"token {small.token}"}, timeout=20)
            assert (log.status_code, log.headers["X-Forgejo-Shim"], log.content) == (200, "web", LOG)
            shown = docker("exec", name, "id", "-u")
            assert shown.stdout.strip() == "10001", shown.stderr
            assert docker("stop", "--time=20", name).returncode == 0
            ended = docker("inspect", "--format={{.State.ExitCode}}", name)
            assert ended.stdout.strip() == "0", docker("logs", name).stderr
        finally:
            docker("rm", "--force", name)


def alive(session: requests.Session, port: int, name: str) -> bool:
    """Whether it says so; an error if it has ended."""
    try:
        return session.get(f"http://127.0.0.1:{port}/-/shim/healthz", timeout=5).text == "alive\n"
    except requests.ConnectionError:
        runs = docker("inspect", "--format={{.State.Running}}", name).stdout.strip()
        assert runs == "true", docker("logs", name).stderr
        return False


@pytest.mark.clause("X56")
def test_its_health_check_is_its_own(image: str) -> None:
    """The words of HEALTHCHECK, in a container with nothing that listens."""
    shown = docker("inspect", "--format={{json .Config.Healthcheck.Test}} {{.Config.User}}", image).stdout
    assert '"CMD","python"' in shown and shown.strip().endswith("10001:10001")
    code = re.search(r'"-c", "(.*)"\]', DOCKERFILE.read_text())
    assert code
    done = docker("run", "--rm", "--network=none", *LOCKED, "--entrypoint=python", image, "-c", code[1])
    assert done.returncode == 1 and "refused" in done.stderr
