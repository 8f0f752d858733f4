"""Files that are not files: what is written straight, what whole or not at all, and what is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command import Place
from forgejo_shim import SessionFile, SQLiteStore, files
from forgejo_shim.errors import ShimError
from small import LOG, Small, row
from test_cli_terminals import EVIL, SHOWN, STAMP, on_terminal

LINE = row("x")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A server with native logs: job 1 has `LOG`, job 2 one line, job 3 what acts on a terminal."""
    with Small("16") as small:
        small.add({"build": LOG, "line": LINE, "evil": EVIL})
        yield Place(small, tmp_path_factory.mktemp("home"))


@pytest.mark.clause("C15")
@pytest.mark.parametrize(
    ("line", "out", "err"),
    [
        ('"$@" -o /dev/stdout', LOG, b""),
        ('"$@" -o -', LOG, b""),
        ('"$@" -o /dev/stdout | cat', LOG, b""),
        ('"$@" -o /dev/stderr', b"", LOG),
        ('"$@" -o /dev/fd/3 3>&1', LOG, b""),
        ('"$@" -o /proc/self/fd/1', LOG, b""),
        ('"$@" -o /dev/null', b"", b""),
        ('{ echo before; "$@" -o /dev/stdout; } > f; cat f', b"before\n" + LOG, b""),
        ('echo before > f; "$@" -o /dev/stdout >> f; cat f', b"before\n" + LOG, b""),
        ('mkfifo p; cat p & "$@" -o p; wait', LOG, b""),
        ('ln -s /dev/stdout l; "$@" -o l; test -L l', LOG, b""),
        ('ln -s /dev/null l; "$@" -o l; test -L l', b"", b""),
        ('echo old > f; ln -s f l; "$@" -o l; test -L l && cat f', LOG, b""),
        ('"$@" -o /dev/stdout | head -c 5', LOG[:5], b""),
        ('mkfifo p; head -c 5 p & "$@" -o p; wait', LOG[:5], b""),
    ],
)
def test_what_is_no_regular_file_is_written_straight(
    kept: Place, line: str, out: bytes, err: bytes, tmp_path: Path
) -> None:
    ended = kept.shell(f"cd {tmp_path}; {line}", "logs", "o/r", "1")
    assert (ended.stdout, ended.stderr, ended.returncode) == (out, err, 0)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith((".part", ".lock"))]


@pytest.mark.clause("C15")
@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("/dev/full", "/dev/full cannot be written (No space left on device); free some space"),
        ("/dev/stdin", "/dev/stdin cannot be written (Bad file descriptor)"),
        ("/dev/fd/77", "/dev/fd/77 cannot be written (Bad file descriptor)"),
        (".", "is a folder; choose a file in it"),
        ("circle", "circular link"),
        ("no/x.log", "the folder"),
        ("file/x.log", "does not exist"),
        ("x" * 256, "cannot be written (File name too long)"),
        ("/proc/x.log", "/proc/x.log cannot be written"),
        ("socket", "cannot be written (No such device or address)"),
    ],
)
def test_what_cannot_be_written_is_said_of_the_name_that_was_given(
    kept: Place, output: str, says: str, tmp_path: Path
) -> None:
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "file").touch()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.relpath(tmp_path / "socket"))
    ended = kept.shell(f'cd {tmp_path}; "$@" < /dev/null', "logs", "o/r", "2", "-o", output)
    assert ended.returncode == 1 and ended.stdout == b""
    assert says in ended.stderr.decode() and b".part" not in ended.stderr and ended.stderr.count(b"\n") == 1
    assert {path.name for path in tmp_path.iterdir()} == {"circle", "file", "socket"}


@pytest.mark.clause("C15")
@pytest.mark.parametrize("name", ["x" * 255, "a\nb", "é 漢", "-", "a b", "x" * 99 + "é", os.fsdecode(b"\xff")])
def test_any_name_that_a_file_can_have_is_taken(kept: Place, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    for _ in range(2):
        assert kept.run("logs", "o/r", 2, "-o", path).exit_code == 0
        assert path.read_bytes() == LINE and list(tmp_path.iterdir()) == [path]


@pytest.mark.clause("C10", "C15")
@pytest.mark.parametrize("output", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "-"])
def test_what_acts_on_a_terminal_is_shown_there_too(kept: Place, output: str) -> None:
    place = Place(kept.small, kept.home)
    _, shown = on_terminal(place, ["logs", "o/r", 3, "-o", output], "stdout")
    assert shown.decode().replace("\r\n", "\n") == SHOWN.replace(STAMP, STAMP[11:19]) + "\x1b[0m"


@pytest.mark.clause("C9")
def test_a_name_that_ends_in_a_slash_is_that_of_a_folder(kept: Place, tmp_path: Path) -> None:
    for words in (["-o", "x/"], ["-o", f"{tmp_path}/x/"], ["--state", f"{tmp_path}/x/"]):
        code, sentence = kept.failure("logs", "o/r", 2, *words)
        assert code == 2 and f"{words[1]} is a folder; name a file in it" in sentence
    with kept.small.client() as client, pytest.raises(ShimError, match="is a folder; name a file in it"):
        client.save_log("o/r", 2, f"{tmp_path}/x/")
    assert not list(tmp_path.glob("x*"))


@pytest.mark.clause("C15")
def test_a_pipes_reader_learns_that_there_is_no_log(kept: Place, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    ended = kept.shell(f'cat {tmp_path}/p & "$@"; code=$?; wait; exit $code', "logs", "o/r", 99, "-o", tmp_path / "p")
    assert ended.returncode == 5 and ended.stdout == b""


@pytest.mark.clause("C15")
def test_the_library_writes_straight_too(kept: Place, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "p")
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "p").read_bytes()))
    reader.start()
    with kept.small.client() as client:
        saved = client.save_log("o/r", 1, tmp_path / "p")
        reader.join()
        assert read == [LOG] and (saved.size, saved.path) == (len(LOG), tmp_path / "p")
        with pytest.raises(ShimError, match="free some space"):
            client.save_log("o/r", 1, "/dev/full")
        with pytest.raises(ShimError, match="null"):
            client.save_log("o/r", 1, "a\0b")
        hasty = threading.Thread(target=lambda: os.close(os.open(tmp_path / "p", os.O_RDONLY)))
        hasty.start()
        with pytest.raises(ShimError, match="its reader has closed it"):
            client.save_log("o/r", 1, tmp_path / "p")
        hasty.join()


@pytest.mark.clause("C15")
def test_a_disk_is_never_written_to(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr("forgejo_shim.files.stat.S_ISREG", lambda mode: False)
    monkeypatch.setattr("forgejo_shim.files.stat.S_ISBLK", lambda mode: True)
    (tmp_path / "sda").write_text("what is on it")
    with pytest.raises(ShimError, match="is a disk"):
        files.open_special(tmp_path / "sda")
    assert (tmp_path / "sda").read_text() == "what is on it"


@pytest.mark.clause("C19")
def test_a_file_that_is_replaced_keeps_its_owner(kept: Place, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "x.log"
    path.touch(0o640)
    asked: list[tuple[int, int]] = []

    def fchown(descriptor: int, owner: int, group: int) -> None:
        asked.append((owner, group))
        raise PermissionError

    monkeypatch.setattr(os, "fchown", fchown)
    with kept.small.client() as client:
        client.save_log("o/r", 2, path)
    found = path.stat()
    assert asked == [(-1, found.st_gid), (found.st_uid, -1)] and found.st_mode & 0o777 == 0o640


@pytest.mark.clause("C15")
def test_a_report_is_written_as_a_log_is(kept: Place, tmp_path: Path) -> None:
    command = ["spec", "extract", "contract", "--output"]
    whole = kept.run("spec", "extract", "contract").stdout
    ended = kept.shell('"$@" /dev/stdout', *command)
    assert (ended.stdout.decode(), ended.returncode) == (whole, 0)
    assert kept.run(*command, "-").stdout == whole
    assert kept.run(*command, tmp_path / "f").output == "" and (tmp_path / "f").read_text() == whole
    assert [path.name for path in tmp_path.iterdir()] == ["f"]
    code, sentence = kept.failure(*command, "/dev/full")
    assert code == 1 and "free some space" in sentence


@pytest.mark.clause("C15", "S34", "C12")
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "link"])
def test_what_is_no_regular_file_keeps_nothing(kept: Place, kind: str, tmp_path: Path) -> None:
    path = tmp_path / kind
    {
        "pipe": lambda: os.mkfifo(path, 0o600),
        "device": lambda: path.symlink_to("/dev/null"),
        "folder": path.mkdir,
        "link": lambda: path.symlink_to(path),
    }[kind]()
    for option in ("--state", "--config"):
        code, sentence = kept.failure(option, path, "runs", "o/r")
        assert code in (1, 2) and "chmod" not in sentence
    code, sentence = (
        kept.failure("logs", "o/r", "--run", 1, "--dir", path) if kind != "folder" else (1, "cannot be created")
    )
    assert code == 1 and "cannot be created" in sentence
    with pytest.raises(ShimError, match="not a regular file|cannot be written"):
        SQLiteStore(path)
    if kind != "link":  # which is not followed, but replaced
        with pytest.raises(ShimError, match="not a regular file"):
            SessionFile(path).save("b", "a", {"c": "v"})
    if kind in ("pipe", "folder"):
        with pytest.raises(ShimError, match="not a regular file"):
            SessionFile(path).load("b", "a")
    with pytest.raises(ShimError, match="not a regular file"):
        files.private_file(Path("/dev/null"))


@pytest.mark.clause("C9", "C15")
def test_a_pipe_in_the_folder_is_not_waited_for(kept: Place, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "build-1.log")
    code, sentence = kept.failure("logs", "o/r", "--run", 1, "--dir", tmp_path, "--force")
    assert code == 1 and "not a regular file" in sentence


HIDDEN = """
import importlib.abc, os, sys, types
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "pwd", "grp", "termios", "tty", "pty", "resource", "syslog"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
for name in ("fcntl", "pwd", "grp", "termios"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Hidden())
import filelock  # which has its own way of asking, by sys.platform
had = vars(os).copy()
gone = ("geteuid", "getuid", "getgid", "fchmod", "fchown", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY")
for name in gone:
    delattr(os, name)
import forgejo_shim
from forgejo_shim import files
files.os = types.SimpleNamespace(**vars(os))
vars(os).update(had)
assert "fcntl" not in sys.modules and not hasattr(files.os, "fchmod")
url, token, folder = sys.argv[1:]
state = forgejo_shim.SQLiteStore(folder + "/state/s.db")
session = forgejo_shim.SessionFile(folder + "/state/session.json")
session.save("b", "a", {"c": "v"})
assert session.load("b", "a") == {"c": "v"}
with forgejo_shim.Client(url, token, store=state, session_file=session) as client:
    for _ in range(2):
        client.save_log("o/r", 1, folder + "/x.log")
import forgejo_shim.cli
"""


def test_the_library_needs_no_module_that_only_posix_has(kept: Place, tmp_path: Path) -> None:
    """So it can be imported and used on Windows; the modules are hidden, and what `os` has there only is taken away."""
    small = kept.small
    words = [sys.executable, "-W", "ignore:only soft file lock", "-c", HIDDEN, small.url, small.token, str(tmp_path)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "x.log").read_bytes() == LOG
    assert {path.name for path in tmp_path.iterdir()} == {"state", "x.log"}
    assert json.loads((tmp_path / "state/session.json").read_text()) == {"a b": {"c": "v"}}


def test_what_only_some_systems_have_is_asked_for_in_one_place() -> None:
    words = ("fcntl", "getuid", "geteuid", "fchmod", "fchown", "O_NOFOLLOW", "O_NONBLOCK", "import pwd", "import grp")
    package = Path(files.__file__).parent
    found = {path.name for path in package.rglob("*.py") if any(word in path.read_text() for word in words)}
    assert found == {"files.py", "worker.py"}, "and --workers is for Linux alone"
