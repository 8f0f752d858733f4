"""Extracting zips that nobody vouches for: sound ones are extracted to the byte, all others leave nothing behind."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import stat
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from forgejo_shim.errors import BadArchive, ShimError
from forgejo_shim.unzip import unzip
from forgejo_shim.zip_entries import Limits, check_entries
from hypothesis import given, settings
from hypothesis import strategies as st

clause = pytest.mark.clause
FILES = {
    "a.txt": b"alpha\n",
    "d/b.bin": bytes(range(256)) * 40,
    "d/e/empty": b"",
    "漢 字 é": b"x",
    "-rf": b"",
    ".hidden": b"h",
}


def zipped(files: Mapping[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    return made(*((zipfile.ZipInfo(name), data) for name, data in files.items()), how=how)


def made(*entries: tuple[zipfile.ZipInfo, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", how) as archive:
        for info, content in entries:
            archive.writestr(info, content, how)
    return data.getvalue()


def entry(name: str, mode: int = 0, **fields: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("placeholder")
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    for field, value in fields.items():
        setattr(info, field, value)
    return info


def extracted(tmp_path: Path, data: bytes, limits: Limits | None = None) -> dict[str, bytes]:
    (tmp_path / "x.zip").write_bytes(data)
    unzip(tmp_path / "x.zip", tmp_path / "out", limits)
    return files_in(tmp_path / "out")


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refusal(tmp_path: Path, data: bytes, limits: Limits | None = None) -> BadArchive:
    with pytest.raises(BadArchive) as caught:
        extracted(tmp_path, data, limits)
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"], "something is left"
    assert caught.value.exit_code == 1 and str(caught.value).isprintable()
    return caught.value


@clause("C23")
@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_sound_zip_is_extracted_to_the_byte(how: int, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zipped(FILES, how))
    found = unzip(tmp_path / "x.zip", tmp_path / "out")
    assert files_in(tmp_path / "out") == FILES
    assert [(file.path, file.size, file.sha256) for file in found] == [
        (name, len(data), hashlib.sha256(data).hexdigest()) for name, data in FILES.items()
    ]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.zip"]


@clause("C23")
def test_folders_stay_and_modes_do_not(tmp_path: Path) -> None:
    rooted = entry("run", stat.S_IFREG | stat.S_ISUID | 0o777)
    data = made((entry("empty/", stat.S_IFDIR | 0o700), b""), (rooted, b"x"))
    assert extracted(tmp_path, data) == {"run": b"x"} and (tmp_path / "out" / "empty").is_dir()
    assert stat.S_IMODE((tmp_path / "out" / "run").stat().st_mode) & ~0o666 == 0


@clause("C23")
def test_an_empty_zip_is_an_empty_folder(tmp_path: Path) -> None:
    assert extracted(tmp_path, zipped({})) == {} and (tmp_path / "out").is_dir()


@clause("C24")
@pytest.mark.parametrize(
    "name, says",
    [
        ("../x", "leads out"), ("a/../../x", "leads out"), ("..", "leads out"), ("a/..", "leads out"),
        ("./x", "leads out"), ("a//x", "leads out"), ("", "leads out"), ("/", "absolute"),
        ("/etc/passwd", "absolute"), ("//host/share/x", "absolute"), ("C:x", "absolute"), ("c:/x", "absolute"),
        ("..\\x", "absolute"), ("a\\b", "absolute"), ("\\\\host\\share", "absolute"),
        ("a\nb", "control"), ("a\x1b[2Jb", "control"), ("a\x00.txt", "control"), ("a\x7f", "control"),
        ("a\u202egnp.exe", "control"), ("a\u2066/b", "control"), ("\u200fb", "control"), ("a\u061cb", "control"),
        ("a/" * 50 + "x", "50 folders deep"), ("../" * 50, "leads out"),
        ("x" * 256, "255 bytes"), ("a/" + "é" * 128 + "/b", "255 bytes"),
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(name: str, says: str, tmp_path: Path) -> None:
    for first in ((), (("good", b"good"),)):
        error = refusal(tmp_path, made(*((entry(name), data) for name, data in first), (entry(name), b"evil")))
        assert error.cause == "zip-unsafe" and says in str(error)


@clause("C24")
@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
def test_only_regular_files_are_extracted(kind: int, tmp_path: Path) -> None:
    error = refusal(tmp_path, made((entry("x", kind | 0o777), b"/etc/passwd")))
    assert error.cause == "zip-unsafe" and "a link or a device" in str(error)


@clause("C24")
def test_what_cannot_be_read_here_is_refused(tmp_path: Path) -> None:
    for how in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert "is not read here" in str(refusal(tmp_path, zipped({"x": b"x" * 999}, how)))
    locked = bytearray(zipped({"x": b"x"}))
    at = locked.index(b"PK\x01\x02")
    locked[6], locked[at + 8] = 1, 1
    assert "encrypted" in str(refusal(tmp_path, bytes(locked)))


@clause("C24")
@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("x", "x"), ("x", "x/"), ("x", "x/y"), ("x/y", "x"), ("a/b", "a/b/c/d")])
def test_a_path_is_there_once(names: tuple[str, ...], tmp_path: Path) -> None:
    refusal(tmp_path, made(*((entry(name), b"" if name.endswith("/") else b"1") for name in names)))


@clause("C24")
def test_names_that_are_one_on_this_system_do_not_overwrite_each_other(tmp_path: Path, monkeypatch: Any) -> None:
    opened = os.open
    data = zipped({"Makefile": b"first", "makefile": b"second"})
    if not (tmp_path / "x").with_name("X").exists():
        assert extracted(tmp_path, data) == {"Makefile": b"first", "makefile": b"second"}
    other = tmp_path / "other"
    other.mkdir()

    def on_one_case(path: Any, *more: Any, **named: Any) -> int:
        return opened(str(path).lower() if isinstance(path, Path) else path, *more, **named)

    monkeypatch.setattr(os, "open", on_one_case)
    error = refusal(other, data)
    assert "'makefile' is the same file" in str(error)


@clause("C24")
@pytest.mark.parametrize(
    "name", ["NUL", "con.txt", "a/AUX", "lpt1.log", "xy:z", "a/stream:x", "dot.", "space ", "a?", "a*", "<", "com¹"]
)
def test_what_windows_reads_otherwise_is_refused_there(name: str) -> None:
    infos = [entry(name)]
    assert [parts for _, parts in check_entries(infos, 10, Limits(), False)] == [tuple(name.split("/"))]
    with pytest.raises(BadArchive, match="Windows"):
        check_entries(infos, 10, Limits(), True)
    assert len(list(check_entries([entry("null"), entry("console.log"), entry(".nul")], 10, Limits(), True))) == 3


# Limits


@clause("C24")
def test_limits(tmp_path: Path) -> None:
    data = zipped({"a": b"0" * 5000, "b": b"0" * 5000})
    for limits, says in (
        (Limits(entries=1), "2 entries"),
        (Limits(size=9_999), "more than 9999 bytes"),
        (Limits(small=9_999, ratio=20), "20 times"),
        (Limits(depth=0), "folders deep"),
    ):
        error = refusal(tmp_path, data, limits)
        assert says in str(error) and error.cause == ("zip-unsafe" if "deep" in says else "zip-too-large")
    assert extracted(tmp_path, data, Limits(entries=2, size=10_000, small=10_000, ratio=1, depth=1))


@clause("C24")
def test_a_bomb_that_hides_its_size_is_stopped_by_counting(tmp_path: Path) -> None:
    """Entries that share bytes: each says little of itself, and all of them together are too much."""
    data = lying(zipped({"a": b"0" * 100_000}), size=10)
    assert refusal(tmp_path, data, Limits(size=50_000)).cause == "zip-damaged"
    honest = zipped({str(n): b"0" * 100_000 for n in range(9)})
    assert refusal(tmp_path, honest, Limits(small=1000, ratio=100)).cause == "zip-too-large"


@clause("C24")
def test_a_table_of_contents_that_fills_the_memory_is_not_read(tmp_path: Path) -> None:
    table = b"\0" * (17 << 20)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(table), 0, 0)
    assert refusal(tmp_path, table + end).cause == "zip-too-large"


# Lies and damage


def lying(data: bytes, *, size: int | None = None, crc: int | None = None, at: int = 0) -> bytes:
    """The zip with another size or CRC of its first entry in the table of contents and in front of its bytes."""
    changed = bytearray(data)
    table = changed.index(b"PK\x01\x02")
    for value, near, far in ((size, 22, 24), (crc, 14, 16)):
        if value is not None:
            struct.pack_into("<L", changed, near, value)
            struct.pack_into("<L", changed, table + far, value)
    return bytes(changed)


@clause("C24")
@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("size", [0, 1, 4999, 5001, 10_000])
def test_a_file_that_is_not_of_its_size_refuses_the_archive(how: int, size: int, tmp_path: Path) -> None:
    data = b"0123456789" * 500
    crc = zipfile.crc32(data[:size])  # type: ignore[attr-defined]
    for lie in (lying(zipped({"x": data}, how), size=size), lying(zipped({"x": data}, how), size=size, crc=crc)):
        assert refusal(tmp_path, lie).cause == "zip-damaged"


@clause("C24")
def test_a_wrong_crc_refuses_the_archive(tmp_path: Path) -> None:
    assert refusal(tmp_path, lying(zipped({"x": b"x" * 99, "y": b"y"}), crc=1)).cause == "zip-damaged"


@clause("C24")
@pytest.mark.parametrize("data", [b"", b"no zip", b"PK", b"PK\x05\x06", b"<html>" * 99, b"\0" * 70_000])
def test_what_is_no_zip_is_said_to_be_none(data: bytes, tmp_path: Path) -> None:
    error = refusal(tmp_path, data)
    assert error.cause == "zip-damaged" and "no zip" in str(error)


@clause("C24")
def test_a_cut_zip_is_damaged(tmp_path: Path) -> None:
    data = zipped(FILES)
    for size in range(0, len(data), 7):
        refusal(tmp_path, data[:size])


@clause("C24")
def test_changed_bytes_never_do_harm(tmp_path: Path) -> None:
    """Whatever is changed: it is extracted as its CRCs say, or refused, and nothing stands beside or outside."""
    chance = random.Random(1)
    for turn in range(int(os.environ.get("FORGEJO_SHIM_WORLDS", 5)) * 100):
        changed = bytearray(zipped(FILES, chance.choice([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])))
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(changed))] = chance.choice([0, 1, 255, chance.randrange(256)])
        place = tmp_path / str(turn)
        place.mkdir()
        try:
            assert set(extracted(place, bytes(changed)).values()) <= set(FILES.values())
        except BadArchive:
            assert [path.name for path in place.iterdir()] == ["x.zip"]
        except ShimError as error:
            assert "cannot be written" in str(error)


NAMES = st.lists(
    st.sampled_from(["a", "A", "b.txt", "..", ".", "", "/", "\\", "C:", "NUL", "é", "\u202e", "\x00", "x" * 300, "~"]),
    min_size=1,
    max_size=5,
).map("/".join)


@clause("C24")
@settings(max_examples=300, deadline=None)
@given(st.lists(NAMES, max_size=6), st.booleans())
def test_every_path_that_passes_stays_below_the_folder(names: list[str], for_windows: bool) -> None:
    infos = [entry(name) for name in names]
    try:
        found = [parts for _, parts in check_entries(infos, 10**6, Limits(), for_windows)]
    except BadArchive:
        return
    assert len(found) == len(names)
    for parts in found:
        path = os.path.normpath(os.path.join("/top/folder", *parts))
        assert path.startswith("/top/folder/") and path == "/top/folder/" + "/".join(parts)
        assert not any(character in "".join(parts) for character in "\\\x00\n")


# What is there, and what the disk says


@clause("C24")
def test_what_is_there_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(zipped(FILES))
    for make in (lambda path: path.mkdir(), lambda path: path.write_text(""), lambda path: path.symlink_to("nowhere")):
        make(tmp_path / "out")
        with pytest.raises(ShimError, match="exists; remove it"):
            unzip(tmp_path / "x.zip", tmp_path / "out")
        (tmp_path / "out").rmdir() if (tmp_path / "out").is_dir() else (tmp_path / "out").unlink()


@clause("C24")
def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: Any) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("forgejo_shim.unzip.write_all", full)
    (tmp_path / "x.zip").write_bytes(zipped(FILES))
    with pytest.raises(ShimError, match="No space left on device.*free some space"):
        unzip(tmp_path / "x.zip", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


@clause("C24")
def test_an_interruption_leaves_nothing_and_a_killed_process_no_trouble(tmp_path: Path, monkeypatch: Any) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "x.zip").write_bytes(zipped(FILES))
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("forgejo_shim.unzip.write_all", interrupted)
        unzip(tmp_path / "x.zip", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr("forgejo_shim.unzip.write_all", interrupted)
        patched.setattr("shutil.rmtree", lambda *_, **__: None)
        unzip(tmp_path / "x.zip", tmp_path / "out")
    assert len(list(tmp_path.iterdir())) == 2
    assert extracted(tmp_path, zipped(FILES)) == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "x.zip"]
