"""Runs the commands of a job where the log tells nothing of this machine, and takes what they print, byte by byte.

The commands see /workspace/me/app (the job's files), /opt/ci (the tools that `setup` installed) and /home/ci (the home
folder of who runs this, so that its toolchains and caches work), in namespaces of their own for mounts, processes and
the host's name. So this needs Linux, root, and util-linux.

`JOBLOGS_HIDDEN` names further folders that the commands do not see, `JOBLOGS_RENAMED` (`old=new …`) names that they
print and that shall be others in the logs, such as a mirror's.
"""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

ENTER = """
hostname build-1
mount --bind "$HOME_OF_HOST" /mnt; mount -t tmpfs none /home; mkdir /home/ci; mount --move /mnt /home/ci
mkdir -p /workspace/me/app /opt/ci
mount --bind "$JOB/app" /workspace/me/app; mount --bind "$TOOLS" /opt/ci
mount -t tmpfs none /run/act; mkdir /run/act/workflow; cp "$JOB/script" "/run/act/workflow/$STEP.sh"
mount --bind "$JOB/tmp" /tmp
for hidden in $HIDDEN; do mount -t tmpfs none "$hidden"; done
mount -t proc proc /proc
cd /workspace/me/app
exec env -i "$@" bash --noprofile --norc -e -o pipefail "/var/run/act/workflow/$STEP.sh"
"""
KEPT = ("PATH", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
GIVEN = {
    "HOME": "/home/ci",
    "LANG": "C.UTF-8",
    "CI": "true",
    "FORGEJO_ACTIONS": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_WORKSPACE": "/workspace/me/app",
    "GOFLAGS": "-buildvcs=false",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "NPM_CONFIG_UPDATE_NOTIFIER": "false",
}


@dataclass(frozen=True)
class Ran:
    """What a step printed, and how it ended: its exit code, or `stopped` because its time was over."""

    printed: bytes
    code: int
    stopped: bool


@dataclass(frozen=True)
class Sandbox:
    """The folders of one job."""

    job: Path
    tools: Path

    def write(self, files: dict[str, str]) -> None:
        """Lays the job's files; those that begin with `#!` can be executed."""
        for folder in ("app", "tmp"):
            (self.job / folder).mkdir(parents=True)
        (self.job / "tmp").chmod(0o1777)
        for name, text in files.items():
            path = self.job / "app" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if text.startswith("#!") else 0o644)

    def run(self, step: int, script: str, env: dict[str, str], terminal: bool = False, stop_after: float = 0) -> Ran:
        """Runs a step's script as the runner does; `stop_after` in seconds, 0 for never."""
        (self.job / "script").write_text(f"\n{script}\n", encoding="utf-8")
        home = os.path.expanduser("~")
        outside = {"HOME_OF_HOST": home, "JOB": str(self.job), "TOOLS": str(self.tools), "STEP": str(step)}
        hidden = [home, *os.environ.get("JOBLOGS_HIDDEN", "").split()]
        path = os.environ["PATH"].replace(home, "/home/ci")
        inside = {name: os.environ[name] for name in KEPT if name in os.environ} | GIVEN
        inside |= {"PATH": f"/opt/ci/bin:/opt/ci/venv/bin:/opt/ci/node_modules/.bin:{path}"} | env
        Path("/run/act").mkdir(exist_ok=True)
        command = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "sh", "-ec", ENTER, "enter"]
        command += [f"{name}={value}" for name, value in inside.items()]
        ours, theirs = pty.openpty() if terminal else os.pipe()
        process = subprocess.Popen(
            command,
            env=os.environ | outside | {"HIDDEN": " ".join(hidden)},
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        stopped = threading.Event()

        def stop() -> None:
            stopped.set()
            os.killpg(process.pid, signal.SIGKILL)

        clock = threading.Timer(stop_after, stop)
        if stop_after:
            clock.start()
        printed = read_all(ours)
        code = process.wait()
        clock.cancel()
        return Ran(renamed(printed), code, stopped.is_set())


def renamed(printed: bytes) -> bytes:
    """What was printed, with the names that JOBLOGS_RENAMED wants."""
    for pair in os.environb.get(b"JOBLOGS_RENAMED", b"").split():
        old, _, new = pair.partition(b"=")
        printed = printed.replace(old, new)
    return printed


def read_all(descriptor: int) -> bytes:
    """Everything until the other end is closed; a terminal says that with an error."""
    parts = []
    try:
        while part := os.read(descriptor, 65536):
            parts.append(part)
    except OSError:
        pass
    os.close(descriptor)
    return b"".join(parts)
