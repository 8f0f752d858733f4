"""Where a server comes from: an executable, a container, a URL, or the double.

Rules
-----
* `pretended(version)` gives the double; it is always there.
* `available(version)` gives a way to start a server of that version, or a sentence that says why there is none.
* A server that we start listens on 127.0.0.1 only, keeps everything in a folder or container of its own, and is gone
  with everything when it is stopped. One that a URL names is used as it is: neither stopped nor set otherwise.
* Settings are `{"section.KEY": value}` and mean what they mean in `app.ini`.
* Nobody has to know which kind a server is; `how` is for the reader of a test's report.

The environment names them, with `15` for any of `VERSIONS`, in capitals, dots and hyphens written as `_`:

    FORGEJO_BIN_15      path of a forgejo executable; run as the user FORGEJO_RUN_AS (default nobody) where we are root,
                        because Forgejo refuses root
    FORGEJO_IMAGE_15    name of a container image (default for 15 and 16: `IMAGES`, if it is there or can be pulled)
    FORGEJO_URL_15      address, with FORGEJO_ADMIN_USER and FORGEJO_ADMIN_PASSWORD
"""

from __future__ import annotations

import atexit
import contextlib
import grp
import os
import pwd
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
from hand import Hand, plain_session, wait

FACES = ("11", "12", "13.0.3", "13", "14", "15", "16")  # what the double can be
PATCHED = ("15-patched", "15.0.4-patched")  # 15.0.2 and the base of 15.0.4, each with its series
VERSIONS = (*FACES, *PATCHED)
IMAGES = {
    "15": "codeberg.org/forgejo/forgejo:15.0.2-rootless",
    "16": "codeberg.org/forgejo/forgejo:16-rootless",
}
ADMIN = "root1"

Settings = Mapping[str, str]
Factory = Callable[..., "Server"]

QUICK: Settings = {
    "database.DB_TYPE": "sqlite3",
    "database.SQLITE_JOURNAL_MODE": "WAL",
    "security.INSTALL_LOCK": "true",
    "security.PASSWORD_HASH_ALGO": "pbkdf2$10$50",
    "server.DISABLE_SSH": "true",
    "server.OFFLINE_MODE": "true",
    "server.LFS_START_SERVER": "false",
    "repository.DISABLE_HTTP_GIT": "true",
    "service.DISABLE_REGISTRATION": "true",
    "indexer.REPO_INDEXER_ENABLED": "false",
    "queue.TYPE": "channel",
    "cron.ENABLED": "true",
    "cron.RUN_AT_START": "false",
    "cron.update_checker.ENABLED": "false",
    "actions.ENABLED": "true",
    "log.LEVEL": "error",
    "log.MODE": "console",
}
GIT: Settings = {"repository.DISABLE_HTTP_GIT": "false", "server.LFS_START_SERVER": "true"}
"""What `QUICK` switches off and a proxy has to carry."""


class NotOurs(Exception):
    """What was asked of a server is not possible the way it is run: somebody else runs it, or it keeps its settings."""


class Server:
    """A running Forgejo with an admin's name and password; leaving the `with` block stops it."""

    how: str
    base_url: str
    admin: str = ADMIN
    password: str
    pid: int | None = None

    def hand(self) -> Hand:
        return Hand(self.base_url, self.admin, self.password)

    def stop(self) -> None:
        """Stop the server and remove what it kept."""

    def restart(self, **settings: str) -> None:
        """Stop and start it with the same data; sessions kept in memory are lost. Raises NotOurs."""
        raise NotOurs(f"{self.how} can't be restarted")

    def kill(self) -> None:
        """End it without a warning. Raises NotOurs."""
        raise NotOurs(f"{self.how} can't be killed")

    def revive(self) -> None:
        """Start it again after it was killed, with what it had stored. Raises NotOurs."""
        raise NotOurs(f"{self.how} can't be started")

    def log_tail(self, lines: int = 40) -> str:
        """The end of what the server wrote, for a failure's report."""
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _await(self, seconds: float = 60) -> None:
        """Wait until it answers a request, with whatever status."""
        wait(lambda: _answers(self.base_url), f"{self.how} to answer at {self.base_url}\n{self.log_tail()}", seconds)


def _answers(base_url: str) -> bool:
    try:
        return plain_session().get(f"{base_url}/api/v1/version", timeout=5).status_code < 500
    except requests.ConnectionError:
        return False


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ini(settings: Settings) -> str:
    """The text of an app.ini."""
    sections: dict[str, list[str]] = {}
    for name, value in settings.items():
        section, _, key = name.rpartition(".")
        sections.setdefault(section, []).append(f"{key} = {value}")
    return "\n".join(f"[{section}]\n" + "\n".join(lines) for section, lines in sections.items()) + "\n"


def _made_admin(output: str) -> str:
    """The password in the output of `forgejo admin user create --random-password`."""
    found = re.search(r"random password is '([^']+)'", output)
    if not found:
        raise RuntimeError(f"no admin was made: {output}")
    return found[1]


CREATE = ["admin", "user", "create", "--admin", "--random-password", "--must-change-password=false"]
CREATE += ["--username", ADMIN, "--email", f"{ADMIN}@example.invalid"]


class Executable(Server):
    """A forgejo executable as a process with a work path of its own."""

    def __init__(self, path: str, settings: Settings | None = None) -> None:
        self.how = f"executable {Path(path).name}"
        self._path = path
        self._work = Path(tempfile.mkdtemp(prefix="forgejo-test-"))
        self._user = os.environ.get("FORGEJO_RUN_AS", "nobody") if os.geteuid() == 0 else None
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self._settings = {
            "server.HTTP_ADDR": "127.0.0.1",
            "server.HTTP_PORT": str(port),
            "server.ROOT_URL": f"{self.base_url}/",
            "database.PATH": str(self._work / "forgejo.db"),
            **QUICK,
            **(settings or {}),
        }
        atexit.register(self.stop)
        self._configure()
        self._run("migrate")
        self.password = _made_admin(self._run(*CREATE))
        self._start()

    def _configure(self) -> None:
        head = f"APP_NAME = test\nRUN_MODE = prod\nWORK_PATH = {self._work}\nRUN_USER = {self._user or _me()}\n"
        (self._work / "app.ini").write_text(head + ini(self._settings))
        if self._user:
            who = pwd.getpwnam(self._user)
            os.chown(self._work, who.pw_uid, who.pw_gid)
            os.chown(self._work / "app.ini", who.pw_uid, who.pw_gid)

    def _how_to_run(self) -> dict[str, Any]:
        told: dict[str, Any] = {
            "cwd": self._work,
            "env": {"HOME": str(self._work), "PATH": os.environ["PATH"], "USER": self._user or _me()},
            "stderr": subprocess.STDOUT,
        }
        if self._user:
            group = grp.getgrgid(pwd.getpwnam(self._user).pw_gid).gr_name
            told |= {"user": self._user, "group": group, "extra_groups": []}
        return told

    def _run(self, *words: str) -> str:
        command = [self._path, "--config", str(self._work / "app.ini"), *words]
        done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, **self._how_to_run())
        if done.returncode:
            raise RuntimeError(f"forgejo {words[0]} failed: {done.stdout[-2000:]}")
        return str(done.stdout)

    def _start(self) -> None:
        command = [self._path, "--config", str(self._work / "app.ini"), "web"]
        with open(self._work / "output", "ab") as output:
            self._process = subprocess.Popen(command, stdout=output, **self._how_to_run())
        self.pid = self._process.pid
        self._await()

    def _end(self) -> None:
        if self.pid is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self.pid = None

    def restart(self, **settings: str) -> None:
        self._end()
        self._settings |= settings
        self._configure()
        self._start()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self.pid = None

    def revive(self) -> None:
        self._start()

    def become(self, path: str) -> None:
        """Go on as another executable on the same data."""
        self._end()
        self._path = path
        self.how = f"executable {Path(path).name}"
        self._start()

    def schema(self) -> list[tuple[str, ...]]:
        """The tables and indexes of the database, as SQLite tells them."""
        with contextlib.closing(sqlite3.connect(f"file:{self._settings['database.PATH']}?mode=ro", uri=True)) as base:
            return sorted(base.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"))

    def stop(self) -> None:
        self._end()
        shutil.rmtree(self._work, ignore_errors=True)
        atexit.unregister(self.stop)

    def log_tail(self, lines: int = 40) -> str:
        output = self._work / "output"
        return "\n".join(output.read_text(errors="replace").splitlines()[-lines:]) if output.exists() else ""


def _me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


class Image(Server):
    """A container of a rootless image, through testcontainers."""

    def __init__(self, image: str, settings: Settings | None = None) -> None:
        from testcontainers.core.container import DockerContainer

        self.how = f"image {image}"
        _leave_out_ryuk()
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self._container = DockerContainer(image)
        self._container.ports["3000"] = ("127.0.0.1", port)  # type: ignore[assignment]  # the engine takes an address
        for name, value in {"server.ROOT_URL": f"{self.base_url}/", **QUICK, **(settings or {})}.items():
            self._container.with_env(_variable(name), value)
        self._container.start()
        atexit.register(self.stop)
        self._await(120)
        self.password = _made_admin(self._exec("forgejo", *CREATE))

    def _exec(self, *words: str) -> str:
        code, output = self._container.exec(list(words))
        told: str = output.decode(errors="replace")
        if code:
            raise RuntimeError(f"{words[0]} failed in the container: {told[-2000:]}")
        return told

    def restart(self, **settings: str) -> None:
        if settings:
            raise NotOurs("a container keeps its settings")
        self._container.get_wrapped_container().restart()
        self._await(120)

    def kill(self) -> None:
        self._container.get_wrapped_container().kill()

    def revive(self) -> None:
        self._container.get_wrapped_container().start()
        self._await(120)

    def stop(self) -> None:
        self._container.stop()
        atexit.unregister(self.stop)

    def log_tail(self, lines: int = 40) -> str:
        return str(self._container.get_wrapped_container().logs(tail=lines).decode(errors="replace"))


def _variable(name: str) -> str:
    """`cron.update_checker.ENABLED` → `FORGEJO__cron_0X2E_update_checker__ENABLED`, for the image's start script."""
    section, _, key = name.rpartition(".")
    return f"FORGEJO__{section.replace('.', '_0X2E_')}__{key}"


def _leave_out_ryuk() -> None:
    """Do without testcontainers' reaper where its image isn't there: tests pull nothing that they weren't told to."""
    import docker
    from docker.errors import ImageNotFound
    from testcontainers.core.config import testcontainers_config as config

    try:
        docker.from_env().images.get(config.ryuk_image)
    except ImageNotFound:
        config.ryuk_disabled = True


class Url(Server):
    """A server that somebody else runs."""

    def __init__(self, base_url: str, settings: Settings | None = None) -> None:
        if settings:
            raise NotOurs(f"the settings of {base_url} are not ours to choose")
        self.how = f"URL {base_url}"
        self.base_url = base_url.rstrip("/")
        self.admin = os.environ["FORGEJO_ADMIN_USER"]
        self.password = os.environ["FORGEJO_ADMIN_PASSWORD"]


class Pretended(Server):
    """The double in this process; a restart makes it forget its sessions, as a server does that kept them in memory."""

    CHOICES: Mapping[str, str] = {
        "service.REQUIRE_SIGNIN_VIEW": "require_signin_view",
        "service.ENABLE_INTERNAL_SIGNIN": "internal_signin",
        "api.ENABLE_SWAGGER": "swagger",
        "server.ROOT_URL": "root_url",
        "session.COOKIE_NAME": "session_cookie",
    }

    def __init__(self, version: str, settings: Settings | None = None) -> None:
        from double import Double

        chosen = {
            self.CHOICES[name]: {"true": True, "false": False}.get(value, value)
            for name, value in (settings or {}).items()
        }
        self.how = f"double {version}"
        self.double = Double(version, **chosen).start()  # type: ignore[arg-type]
        self.base_url, self.admin, self.password = self.double.url, self.double.admin.name, self.double.admin.password

    def restart(self, **settings: str) -> None:
        if settings:
            raise NotOurs("the double keeps its settings")
        self.double.drop_sessions()

    def stop(self) -> None:
        self.double.stop()


def docker_answers() -> bool:
    """Whether a Docker engine can be asked."""
    try:
        import docker

        docker.from_env(timeout=5).ping()
    except Exception:  # noqa: BLE001 - the library is missing, no engine, no permission: each a no
        return False
    return True


def pretended(version: str) -> Factory:
    """A function that starts the double of a version (argument: settings)."""
    return lambda settings=None: Pretended(version, settings)


def _missing(image: str) -> str | None:
    """Why an image cannot be had; None if it is there, or was pulled now."""
    import docker
    from docker.errors import DockerException, ImageNotFound

    engine = docker.from_env(timeout=60)
    try:
        engine.images.get(image)
    except ImageNotFound:
        try:
            engine.images.pull(image)
        except (DockerException, OSError) as error:
            return f"not run: the image {image} is not there and cannot be pulled ({type(error).__name__})"
    return None


def available(version: str) -> Factory | str:
    """A function that starts a real server of a version (argument: settings), or why there is none."""
    name = re.sub("[.-]", "_", version).upper()
    path, image, url = (os.environ.get(f"FORGEJO_{kind}_{name}") for kind in ("BIN", "IMAGE", "URL"))
    if path:
        return lambda settings=None: Executable(path, settings)
    if url:
        return lambda settings=None: Url(url, settings)
    usual = IMAGES.get(version)
    if not (image or usual):
        engine = ""
    elif not docker_answers():
        engine = ", and no Docker engine answers"
    elif reason := None if image else _missing(str(usual)):
        return reason
    else:
        return lambda settings=None: Image(str(image or usual), settings)
    return f"not run: no FORGEJO_BIN_{name}, FORGEJO_IMAGE_{name} or FORGEJO_URL_{name}{engine}"
