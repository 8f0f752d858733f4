"""Files: private ones, locks between processes, and what a path that is to be written really is.

Rules: what only some systems have (owners, modes, O_NOFOLLOW …) is asked for here and nowhere else, so that the rest
runs on all of them. A path that is no regular file is written to straight, since nothing can be renamed into its place:
a device, a pipe, and a descriptor of this process such as /dev/stdout, wherever that leads. A disk is never written to.
Whatever a path turns out to be, nothing waits for somebody to open its other end unless it is to be written straight.
"""

from __future__ import annotations

import errno
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

from .errors import ShimError

LINKS = 40  # links in a row that are followed, as by Linux


def _flags(*names: str) -> int:
    """Those flags of `os.open` together that this system has."""
    return sum(getattr(os, name, 0) for name in names)


SAFELY = _flags("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY")  # no link is followed, no pipe waited for
STRAIGHT = os.O_WRONLY | _flags("O_NOCTTY", "O_CLOEXEC", "O_BINARY")


@contextmanager
def disk(path: Path, where: str = "") -> Iterator[None]:
    """Turns what the system says of writing `path` into a ShimError, but for a reader that has gone (BrokenPipeError).

    `where` says more closely what could not be done.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "free the space or name another place" if full else "name another place"
        said = getattr(error, "strerror", None) or error
        raise ShimError(f"{path} cannot be written ({said}{where}); {what}") from None


def private_file(path: Path) -> Path:
    """`path`, created if need be with mode 0600 in a folder of mode 0700; an existing one must be the owner's alone."""
    with disk(path):
        _make_place(path)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | SAFELY, 0o600))
    refuse_shared(path)
    return path


def _make_place(path: Path) -> None:
    """Refuse what is there and no regular file, and make the folder with mode 0700 if there is none."""
    _refuse_irregular(path, follow=False)
    if not path.parent.exists():
        path.parent.mkdir(parents=True, mode=0o700)


def refuse_shared(path: Path) -> None:
    """Raise ShimError if `path` is no regular file, or anybody but its owner may read or write it.

    Where files have no owners and modes in the sense of POSIX, only the former.
    """
    _refuse_irregular(path)
    found = path.stat()
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) & 0o077):
        raise ShimError(f"{path} may be read by others; make it yours alone: chmod 600 {path}")


def _refuse_irregular(path: Path, *, follow: bool = True) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        mode = os.stat(path, follow_symlinks=follow).st_mode
        if not stat.S_ISREG(mode):
            raise ShimError(f"{path} is {_kind(mode)}, no regular file; name another place")


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFLNK: "a link",
        stat.S_IFIFO: "a pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFBLK: "a disk",
    }
    return kinds.get(stat.S_IFMT(mode), "a device")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold `path` against other processes, by a lock on a file beside it."""
    beside = path.with_name(path.name + ".lock")
    lock = FileLock(beside, mode=0o600)
    with disk(beside):
        _make_place(beside)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Whether `path` was free to be taken hold of, as one process at a time can. The lock's file goes with it."""
    lock = FileLock(f"{path}.lock", blocking=False, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        if not os.path.lexists(lock.lock_file):  # where a file cannot be made at all, as in /proc, filelock says so too
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), lock.lock_file) from None
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):  # some systems remove nothing that is open; there `release` does
            os.unlink(lock.lock_file)
        lock.release()


def pass_on(path: Path, descriptor: int, found: os.stat_result) -> None:
    """Give the open file at `path` the mode of the one that it replaces, and its owner and group as far as one may."""
    if hasattr(os, "fchown"):
        for owner, group in ((-1, found.st_gid), (found.st_uid, -1)):
            with suppress(PermissionError):
                os.fchown(descriptor, owner, group)
    mode = stat.S_IMODE(found.st_mode) & 0o777
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, mode)
    else:
        os.chmod(path, mode)


def write_all(file: FileIO | BinaryIO, data: bytes) -> None:
    """Write all of `data`; waits where the file's other end has set it not to."""
    view = memoryview(data)
    while view:
        written = file.write(view)
        if written is None:
            select.select([], [file], [])
        view = view[written or 0 :]


def opened_straight(path: Path) -> FileIO | None:
    """`path`, open to be written straight; None if it is a regular file, or can be one. Raises ShimError.

    Opening a pipe waits for its reader, as it does for every program.
    """
    with disk(path):
        own = _own_descriptor(path)
        if own is not None:
            return FileIO(os.dup(own), "wb")
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            return None
        if stat.S_ISREG(mode):
            return None
        if stat.S_ISDIR(mode):
            raise ShimError(f"{path} is a folder; name a file in it")
        if stat.S_ISBLK(mode):
            raise ShimError(f"{path} is a disk, and writing to it would destroy what is on it; name a file")
        return FileIO(os.open(path, STRAIGHT), "wb")


def _own_descriptor(path: Path) -> int | None:
    """The number of the descriptor of this process that `path` stands for; None if it stands for none.

    Opened by its path, a descriptor that is a regular file would be written from its beginning, over what is there.
    """
    for _ in range(LINKS):
        here = Path(os.path.realpath(path.parent), path.name)
        if found := re.fullmatch(rf"(?:/dev|/proc/{os.getpid()}(?:/task/\d+)?)/fd/(\d{{1,9}})", str(here)):
            return int(found[1])
        if not here.is_symlink():
            return None
        path = here.parent / os.readlink(here)
    raise ShimError(f"{path} is a link that leads in a circle; name another place")


def target_of(path: Path) -> Path:
    """Where a link leads, so that the link stays; refuses what no regular file can take the place of."""
    with disk(path):
        path = Path(os.path.realpath(path))
        has_place = path.parent.is_dir()
    if not has_place:
        raise ShimError(f"the folder {path.parent} does not exist; make it, or name another")
    with disk(path):
        _refuse_irregular(path)
    return path
