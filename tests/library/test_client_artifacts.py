"""`Client.artifacts()` and `save_artifact()`: whole lists, whole files, and nothing where that cannot be."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import shutil
import threading
import time
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from double.messages import Response
from forgejo_shim import (
    Artifact,
    BadArchive,
    Expired,
    NotThere,
    PageChanged,
    ShimError,
    Unreachable,
    download,
)
from forgejo_shim.client_artifacts import folder_names
from forgejo_shim.errors import DiskFull
from forgejo_shim.files import hidden_beside, write_all
from small import Small

clause = pytest.mark.clause
FILES = {"a.txt": b"alpha\n", "d/b.bin": bytes(range(256)) * 40}
BIG = {"big": random.Random(7).randbytes(900_000)}
ONE_ID = (("shard-1032", "shard-1874"), ("s1211", "s37514"))
"""Two names that make one id: by a run's id, and on 11 by the number of a run of `o/r`."""
JSON = [("Content-Type", "application/json;charset=utf-8")]
ZIP = r"/artifacts/[^/]+(/zip)?$"
"""A download by the web or by the API."""


def zipped(files: Mapping[str, bytes]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return data.getvalue()


@pytest.fixture(params=("11", "12", "13.0.3", "13", "14", "15", "16"))
def having(request: pytest.FixtureRequest) -> Any:
    """A place with a run of two artifacts: `four` of the protocol v4, `three` of v3."""
    with Small(request.param) as small:
        run = small.add()
        small.model.artifacts.add(run, "four", zipped(FILES))
        small.model.artifacts.add(run, "three", FILES)
        yield small


def named(small: Small, name: str) -> Artifact:
    with small.client() as client:
        return next(artifact for artifact in client.artifacts("o/r", "latest") if artifact.name == name)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Lists


@clause("C21")
def test_the_artifacts_of_a_run_and_of_all_runs(having: Small) -> None:
    other = having.add()
    having.model.artifacts.add(other, "four", zipped({}), status="expired")
    having.add()
    with having.client() as client:
        assert client.artifacts("o/r", "latest") == []
        found = client.artifacts("o/r", 1)
        assert {(artifact.name, artifact.size, artifact.is_expired) for artifact in found} == {
            ("four", len(zipped(FILES)), False),
            ("three", sum(map(len, FILES.values())), False),
        }
        (expired,) = client.artifacts("o/r", client.run("o/r", 2))
        assert expired.is_expired and expired.name == "four"
        assert client.artifacts("o/r") == [expired, *found]
        assert client.artifacts("o/r", limit=2) == [expired, found[0]] and client.artifacts("o/r", limit=0) == []
        with pytest.raises(NotThere):
            client.artifacts("o/r", 9)
        with pytest.raises(NotThere):
            client.artifacts("o/none")


@clause("C21")
def test_every_page_is_read(having: Small) -> None:
    run = having.add()
    names = [f"a{number:03}" for number in range(120)]
    for name in names:
        having.model.artifacts.add(run, name, b"")
    with having.client() as client:
        assert sorted(artifact.name for artifact in client.artifacts("o/r", "latest")) == names
        assert len(client.artifacts("o/r")) == 122 and len(client.artifacts("o/r", limit=60)) == 60


@clause("C21")
def test_a_list_that_changes_or_is_none_is_an_error() -> None:
    with Small("16") as having, having.client() as client:
        run = having.add()
        for number in range(60):
            having.model.artifacts.add(run, str(number), b"")
        gone = threading.Event()

        def delete_one() -> None:
            if not gone.is_set():
                gone.set()
                having.model.artifacts.delete(run, "59")

        having.double.faults.add(r"/artifacts\?page=2", before=delete_one)
        with pytest.raises(PageChanged, match="ask again"):
            client.artifacts("o/r", "latest")
        having.double.faults.clear()
        assert len(client.artifacts("o/r", "latest")) == 59
        for body in (
            "{}",
            '[{"id": 1}]',
            '[{"id": "1", "name": "x", "size_in_bytes": 1, "expired": false}]',
            "nonsense",
        ):
            having.double.faults.add("/artifacts", instead=lambda _, body=body: Response(200, JSON, body.encode()))
            with pytest.raises(PageChanged):
                client.artifacts("o/r", "latest")
            having.double.faults.clear()


# Saving


@clause("C22")
@pytest.mark.parametrize("name", ["four", "three"])
def test_an_artifact_is_extracted(having: Small, name: str, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with having.client() as client:
        artifact = named(having, name)
        saved = client.save_artifact("o/r", artifact, tmp_path / "out", progress=lambda *now: seen.append(now))
    assert files_in(tmp_path / "out") == FILES and saved.path == tmp_path / "out"
    assert {file.path: (file.size, file.sha256) for file in saved.files} == {
        path: (len(data), hashlib.sha256(data).hexdigest()) for path, data in FILES.items()
    }
    assert seen and seen[-1][0] == saved.size
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@clause("C22")
def test_the_zip_is_kept_as_it_came(having: Small, tmp_path: Path) -> None:
    with having.client() as client:
        saved = client.save_artifact("o/r", named(having, "four"), tmp_path / "x.zip", extract=False)
        client.save_artifact("o/r", named(having, "three"), tmp_path / "y.zip", extract=False)
    data = zipped(FILES)
    assert (tmp_path / "x.zip").read_bytes() == data and saved.files == ()
    assert (saved.size, saved.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    with zipfile.ZipFile(tmp_path / "y.zip") as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.zip", "y.zip"]


@clause("C22")
@pytest.mark.parametrize("extract", [True, False])
def test_what_is_there_is_never_written_to(having: Small, extract: bool, tmp_path: Path) -> None:
    artifact = named(having, "four")
    (tmp_path / "file").write_text("before")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    with having.client() as client:
        before = len(having.double.requests)
        for name in ("file", "folder", "link"):
            with pytest.raises(ShimError, match="exists; remove it"):
                client.save_artifact("o/r", artifact, tmp_path / name, extract=extract)
        with pytest.raises(ShimError, match="cannot be written|does not exist"):
            client.save_artifact("o/r", artifact, tmp_path / "none" / "x", extract=extract)
        assert len(having.double.requests) == before
    assert (tmp_path / "file").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]


@clause("C22")
def test_an_expired_or_deleted_artifact_leaves_nothing(having: Small, tmp_path: Path) -> None:
    artifact = named(having, "four")
    having.model.artifacts.delete(having.repo.runs[1], "four")
    with having.client() as client:
        with pytest.raises(NotThere):
            client.save_artifact("o/r", artifact, tmp_path / "x")
        row = next(row for row in having.repo.runs[1].artifacts if row.name == "three")
        row.status = "expired"
        artifact = named(having, "three")
        before = len(having.double.requests)
        with pytest.raises(Expired, match="'three' of o/r has expired") as caught:
            client.save_artifact("o/r", artifact, tmp_path / "x")
        assert caught.value.exit_code == 7 and len(having.double.requests) == before
    assert list(tmp_path.iterdir()) == []


@clause("C22")
def test_a_bad_zip_leaves_nothing_and_can_be_kept(having: Small, tmp_path: Path) -> None:
    for number, (data, cause) in enumerate(
        [(b"no zip", "zip-damaged"), (zipped({"../x": b"x"}), "zip-unsafe"), (zipped(FILES)[:-30], "zip-damaged")]
    ):
        having.model.artifacts.add(having.repo.runs[1], f"bad{number}", data)
        with having.client() as client:
            with pytest.raises(BadArchive, match=f"artifact 'bad{number}' of o/r: .* --zip") as caught:
                client.save_artifact("o/r", named(having, f"bad{number}"), tmp_path / "x")
            assert caught.value.cause == cause and list(tmp_path.iterdir()) == []
            client.save_artifact("o/r", named(having, f"bad{number}"), tmp_path / "x.zip", extract=False)
        assert (tmp_path / "x.zip").read_bytes() == data
        (tmp_path / "x.zip").unlink()


@clause("C22")
def test_a_broken_download_is_gone_on_with(having: Small, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.01)
    having.model.artifacts.add(having.repo.runs[1], "big", zipped(BIG))
    artifact = named(having, "big")
    with having.client() as client:
        client.save_artifact("o/r", artifact, tmp_path / "first")  # so that the routes of this dialect are known
        shutil.rmtree(tmp_path / "first")
        having.double.faults.cut(ZIP, 400_000, nth=1)
        having.double.faults.cut(ZIP, 0)
        with pytest.raises(Unreachable, match="run it again to continue"):
            client.save_artifact("o/r", artifact, tmp_path / "big")
        assert not (tmp_path / "big").exists() and sum(path.stat().st_size for path in tmp_path.iterdir()) >= 300_000
        having.double.faults.clear()
        client.save_artifact("o/r", artifact, tmp_path / "big")
    assert files_in(tmp_path) == {"big/big": BIG["big"]}
    ranges = [seen.headers.get("range", "") for seen in having.double.requests]
    assert any(text.startswith("bytes=2") or text.startswith("bytes=3") for text in ranges)


@clause("C22")
def test_a_zip_that_is_made_on_the_fly_starts_again(having: Small, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.01)
    having.model.artifacts.add(having.repo.runs[1], "big", BIG)
    with having.client() as client:
        having.double.faults.cut(ZIP, 400_000, nth=1)
        client.save_artifact("o/r", named(having, "big"), tmp_path / "big")
    assert files_in(tmp_path) == {"big/big": BIG["big"]}


@clause("C22")
def test_a_full_disk_and_an_interruption_leave_nothing(having: Small, tmp_path: Path, monkeypatch: Any) -> None:
    artifact = named(having, "four")
    for where in ("download", "unzip"):
        for error in (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), KeyboardInterrupt()):
            with monkeypatch.context() as patched, having.client() as client:

                def fail(*_: Any, error: BaseException = error) -> None:
                    raise error

                patched.setattr(f"forgejo_shim.{where}.write_all", fail)
                with pytest.raises((ShimError, KeyboardInterrupt)) as caught:
                    client.save_artifact("o/r", artifact, tmp_path / "x")
                assert isinstance(caught.value, KeyboardInterrupt) or "free some space" in str(caught.value)
            assert list(tmp_path.iterdir()) == []


@clause("C22")
def test_a_full_disk_is_said_of_the_target_and_gone_on_with(tmp_path: Path, monkeypatch: Any) -> None:
    with Small("16") as having, having.client() as client:
        having.model.artifacts.add(having.add(), "big", zipped(BIG))
        artifact, target = named(having, "big"), tmp_path / "big"
        for room in (400_000, 100_000):
            left = [room]

            def write(file: Any, data: bytes, left: list[int] = left) -> None:
                left[0] -= len(data)
                if left[0] < 0:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                write_all(file, data)

            with monkeypatch.context() as patched, pytest.raises(DiskFull) as caught:
                patched.setattr("forgejo_shim.download.write_all", write)
                client.save_artifact("o/r", artifact, target)
            message = f"{target} cannot be written (No space left on device); free some space or choose another place"
            parts = list(tmp_path.iterdir())
            if room < download.REREAD:
                assert str(caught.value) == message and not parts
                break
            assert str(caught.value) == f"{message}; ask for it again to go on with {parts[0]}, or remove that"
            client.save_artifact("o/r", artifact, target)
            assert "bytes=" in having.double.requests[-1].headers.get("range", "") and files_in(target) == BIG
            shutil.rmtree(target)


@clause("C22")
def test_a_page_is_no_zip(having: Small, tmp_path: Path) -> None:
    artifact = named(having, "four")
    having.double.faults.html(ZIP, 200)
    with having.client() as client, pytest.raises(ShimError) as caught:
        client.save_artifact("o/r", artifact, tmp_path / "x", extract=False)
    assert caught.value.exit_code == 8 and list(tmp_path.iterdir()) == []


@clause("C22", "C23")
@pytest.mark.parametrize("name", ["a\nb", "a\r\nb: c"])
def test_a_name_of_two_lines_is_no_broken_header(having: Small, name: str, tmp_path: Path) -> None:
    having.model.artifacts.add(having.repo.runs[1], name, FILES)
    with having.client() as client:
        saved = client.save_artifact("o/r", named(having, name), tmp_path / "out")
    assert saved.size and files_in(tmp_path) == {f"out/{path}": data for path, data in FILES.items()}


@clause("C22", "S26")
def test_a_broken_header_is_an_error_at_once(having: Small, tmp_path: Path) -> None:
    artifact = named(having, "three")
    broken = having.double.faults.add(
        ZIP, method="GET", swap=lambda said: replace(said, headers=[("X Broken", "x"), *said.headers])
    )
    began = time.monotonic()
    with having.client() as client, pytest.raises(PageChanged, match="headers of an answer are broken off"):
        client.save_artifact("o/r", artifact, tmp_path / "out")
    assert broken.fired == 1 and time.monotonic() - began < 3 and list(tmp_path.iterdir()) == []


@clause("C22")
def test_two_at_once(having: Small, tmp_path: Path) -> None:
    having.model.artifacts.add(having.repo.runs[1], "big", zipped(BIG))
    artifact = named(having, "big")
    problems: list[str] = []

    def other(*_: Any) -> None:
        if not problems:
            with having.client() as second, pytest.raises(ShimError) as caught:
                second.save_artifact("o/r", artifact, tmp_path / "big")
            problems.append(str(caught.value))

    with having.client() as client:
        client.save_artifact("o/r", artifact, tmp_path / "big", progress=other)
    assert "another process is saving the same" in problems[0]
    assert files_in(tmp_path) == {"big/big": BIG["big"]}


@clause("C22")
def test_names_for_folders_are_safe_and_different() -> None:
    evil = [
        "..",
        "../x",
        "/etc",
        "C:\\x",
        "a\x1b[2Jb",
        "a/b",
        "a_b",
        "A_B",
        " spaces ",
        "",
        "x" * 999,
        "\u202ex",
        "dot.",
        "é",
    ]
    made = list(folder_names([Artifact(number, name, 1, False, 1) for number, name in enumerate(evil)]).values())
    assert len({name.casefold() for name in made}) == len(evil)
    for name in made:
        assert name not in ("", ".", "..") and not set(name) & set('/\\:*?"<>|\x1b\u202e') and len(name.encode()) <= 255
        assert name[0] != "." and name[-1] not in ". "
    assert made[13] == "é" and made[5] == "a_b-5" and made[8] == "spaces"


@clause("C22")
@pytest.mark.parametrize("kind", ["zip", "part"])
@pytest.mark.parametrize("planted", ["link", "hard link", "pipe", "folder"])
def test_what_is_planted_at_a_hidden_path_is_never_written_to(planted: str, kind: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("before")
    (tmp_path / "in").mkdir()

    def plant(path: Path) -> None:
        {"link": lambda: path.symlink_to(other), "hard link": lambda: path.hardlink_to(other),
         "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[planted]()  # fmt: skip

    with Small("16") as having, having.client() as client:
        having.model.artifacts.add(having.add(), "big", zipped(BIG))
        artifact, target = named(having, "big"), tmp_path / "in" / "big"
        hidden = hidden_beside(target, "zip")
        if kind == "part":
            seen: set[Path] = set()
            client.save_artifact("o/r", artifact, target, progress=lambda *_: seen.update(hidden.parent.glob("*.part")))
            shutil.rmtree(target)
            (hidden,) = seen
        plant(hidden)
        if kind == "part" or planted == "folder":
            with pytest.raises(ShimError, match=f"{hidden} is in the way; remove it"):
                client.save_artifact("o/r", artifact, target)
            assert list(target.parent.iterdir()) == [hidden]
        else:
            client.save_artifact("o/r", artifact, target)
            assert files_in(target) == BIG and list(target.parent.iterdir()) == [target]
            shutil.rmtree(target)
            client.save_artifact("o/r", artifact, target, progress=lambda *_: hidden.exists() or plant(hidden))
            assert files_in(target) == BIG and list(target.parent.iterdir()) == [target]
    assert other.read_text() == "before"


@clause("C21", "S58")
@pytest.mark.parametrize("face", ["11", "12", "15"])
def test_two_names_with_one_id_are_both_listed(face: str) -> None:
    with Small(face) as small, small.client() as client:
        run, names = small.add(), ONE_ID[face == "11"]
        for name in (*names, "third"):
            small.model.artifacts.add(run, name, zipped(FILES))
        found = client.artifacts("o/r", 1)
        assert {artifact.name for artifact in found} == {*names, "third"} and len({a.id for a in found}) == 2
        assert client.artifacts("o/r") == found and client.artifacts("o/r", limit=3) == found
        made = folder_names(found)
        assert [made[artifact] for artifact in found] == [artifact.name for artifact in found]
