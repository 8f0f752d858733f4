"""Files: private files, locks between processes, and what kind of file an output path is.

Rules: only this module uses what not every system has (owners, modes, O_NOFOLLOW …), so that the rest runs everywhere.
A special file (a device, a pipe, a descriptor of this process such as /dev/stdout) is written to directly, since no
file can be renamed into its place. A disk is never written to. Opening a path never waits for a pipe's other end,
unless the pipe is what is written to.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import select
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from .errors import DiskFull, ShimError

KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a disk",
}
NAME_LIMIT = 100  # bytes of a target's name in the name of a hidden file beside it
MAX_LINKS = 40  # links in a row that are followed, as in Linux


def _flags(*names: str) -> int:
    """The sum of those flags of `os.open` that this system has."""
    return sum(getattr(os, name, 0) for name in names)


SAFE_FLAGS = _flags("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # follows no link, waits for no pipe
SPECIAL_FLAGS = os.O_WRONLY | _flags("O_NOCTTY", "O_CLOEXEC", "O_BINARY")


@contextmanager
def writing(path: Path, where: str = "") -> Iterator[None]:
    """Turn errors of writing `path` into ShimError, or DiskFull, except BrokenPipeError: the reader has gone.

    `where` adds to the message what could not be done.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        failed = f"{path} cannot be written ({getattr(error, 'strerror', None) or error}{where})"
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"{failed}; free some space or choose another place") from None
        raise ShimError(f"{failed}; choose another place") from None


def private_file(path: Path) -> Path:
    """Create `path` with mode 0600 in a folder of mode 0700, or check that nobody but its owner may use it."""
    with writing(path):
        _make_folder(path)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | SAFE_FLAGS, 0o600))
    check_private(path)
    return path


def replace_private(path: Path, text: str) -> None:
    """Give a private file new contents, whole or not at all: mode 0600, or the narrower one that it has.

    Call it with the file `locked`. Raises ShimError, also for a link, and for a file that is not this user's alone.
    """
    _refuse_irregular(path, follow=False)
    mode = 0o600
    if path.exists():
        check_private(path)
        mode &= path.stat().st_mode
    unfinished = private_file(path.with_name(f"{path.name}.{os.getpid()}"))
    try:
        with writing(path):
            with unfinished.open("wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            os.chmod(unfinished, mode)
            unfinished.replace(path)
    finally:
        with suppress(FileNotFoundError):
            unfinished.unlink()


def _make_folder(path: Path) -> None:
    """Make the folder of `path`, with mode 0700. Raises ShimError if `path` is there and is no regular file."""
    _refuse_irregular(path, follow=False)
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)


def check_private(path: Path) -> None:
    """Raise ShimError if `path` is no regular file, or if others than its owner may read or write it.

    On systems without POSIX owners and modes, only the kind of file is checked.
    """
    _refuse_irregular(path)
    found = path.stat()
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077):
        raise ShimError(f"other users may read {path}; run: chmod 600 {path}")


def _refuse_irregular(path: Path, *, follow: bool = True) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = os.stat(path, follow_symlinks=follow).st_mode
        if not stat.S_ISREG(mode):
            kind = KINDS.get(stat.S_IFMT(mode), "a device")
            raise ShimError(f"{path} is {kind}, not a regular file; choose another place")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock `path` against other processes, with a lock file beside it."""
    beside = path.with_name(path.name + ".lock")
    lock = FileLock(beside, mode=0o600)
    with writing(beside):
        _make_folder(beside)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Try to lock `path` against other processes; gives whether it was free. The lock file is removed at the end."""
    lock = FileLock(f"{path}.lock", blocking=False, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        if not os.path.lexists(lock.lock_file):  # filelock says Timeout too where no file can be made, as in /proc
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), lock.lock_file) from None
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):  # some systems do not remove open files; there `release` does
            os.unlink(lock.lock_file)
        lock.release()


def copy_owner_and_mode(path: Path, descriptor: int, found: os.stat_result) -> None:
    """Give the open file at `path` the mode of the file it replaces, and its owner and group if that is allowed."""
    if hasattr(os, "fchown"):
        for owner, group in ((-1, found.st_gid), (found.st_uid, -1)):
            with suppress(PermissionError):
                os.fchown(descriptor, owner, group)
    mode = stat.S_IMODE(found.st_mode) & 0o777
    os.chmod(descriptor if os.chmod in os.supports_fd else path, mode)


def check_folder(path: Path) -> None:
    """Raise ShimError if the folder of `path` does not exist."""
    with writing(path):
        has_folder = path.parent.is_dir()
    if not has_folder:
        raise ShimError(f"the folder {path.parent} does not exist; create it, or choose another")


def make_folder(path: Path) -> None:
    """Make the folder `path`, if it is not there. Raises ShimError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        is_file = isinstance(error, FileExistsError | NotADirectoryError)
        said = "a file is in the way" if is_file else getattr(error, "strerror", None) or error
        raise ShimError(f"the folder {path} cannot be created ({said}); choose another") from None


def hidden_beside(target: Path, kind: str) -> Path:
    """The path of a hidden file or folder in the folder of `target`, the same each time, and no other target's."""
    name = os.fsencode(target.name)
    key = hashlib.blake2b(name, digest_size=8).hexdigest()
    return target.with_name(f".{os.fsdecode(name[:NAME_LIMIT])}.{key}.{kind}")


def open_own(path: Path, mode: int) -> FileIO:
    """Open the hidden file `path` to read and write, and make it with that mode if it is not there.

    Raises ShimError for what another could have put there to be written to: anything but a regular file of this user's
    own that has no other name.
    """
    with suppress(FileExistsError):
        return FileIO(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | SAFE_FLAGS, mode), "r+b")
    found = os.lstat(path)
    is_own = not hasattr(os, "getuid") or found.st_uid == os.getuid()
    if not (stat.S_ISREG(found.st_mode) and is_own and found.st_nlink == 1):
        raise ShimError(f"{path} is in the way; remove it")
    file = FileIO(os.open(path, os.O_RDWR | SAFE_FLAGS), "r+b")
    if not os.path.samestat(found, os.fstat(file.fileno())):
        file.close()
        raise ShimError(f"{path} is being changed; ask again")
    return file


def read_plain(path: Path) -> FileIO:
    """Open a regular file to read, if no link is there instead; a pipe is not waited for. Raises OSError."""
    return FileIO(os.open(path, os.O_RDONLY | SAFE_FLAGS), "rb")


def write_all(file: FileIO | BinaryIO, data: bytes) -> None:
    """Write all of `data`, and wait if the file is non-blocking and full."""
    view = memoryview(data)
    while view:
        written = file.write(view)
        if written is None:
            select.select([], [file], [])
        view = view[written or 0 :]


def open_special(path: Path) -> FileIO | None:
    """Open a special file for writing; None if `path` is, or can become, a regular file. Raises ShimError.

    Opening a pipe waits for its reader, as in every program.
    """
    with writing(path):
        own = _descriptor_behind(path)
        if own is not None:
            return FileIO(os.dup(own), "wb")
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(mode):
            return None
        if stat.S_ISDIR(mode):
            raise ShimError(f"{path} is a folder; choose a file in it")
        if stat.S_ISBLK(mode):
            raise ShimError(f"{path} is a disk, and writing to it would destroy its contents; choose a file")
        return FileIO(os.open(path, SPECIAL_FLAGS), "wb")


def _descriptor_behind(path: Path) -> int | None:
    """The descriptor of this process that `path` leads to (as /dev/stdout does); None if it leads to none.

    A descriptor of a regular file, opened by its path, would be written from its start, over what is there.
    """
    for _ in range(MAX_LINKS):
        here = Path(os.path.realpath(path.parent), path.name)
        if found := re.fullmatch(rf"(?:/dev|/proc/{os.getpid()}(?:/task/\d+)?)/fd/(\d{{1,9}})", str(here)):
            return int(found[1])
        if not here.is_symlink():
            return None
        path = here.parent / os.readlink(here)
    raise ShimError(f"{path} is a circular link; choose another place")


def resolve_target(path: Path) -> Path:
    """The path that a link leads to, so that the link stays. Raises ShimError if no regular file can be there."""
    with writing(path):
        path = Path(os.path.realpath(path))
    check_folder(path)
    with writing(path):
        _refuse_irregular(path)
    return path
