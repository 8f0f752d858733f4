"""Saving logs: whole or not at all, gone on with only where the same log was left, under safe names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from double.messages import html
from forgejo_shim.download import PartFile, Place
from forgejo_shim.errors import NotExecuted, NotForgejo, NotThere, PageChanged, ShimError, Unreachable
from forgejo_shim.files import try_lock
from small import LOG, Small, row


@pytest.mark.clause("C3")
def test_a_saved_log_is_whole(small: Small, tmp_path: Path) -> None:
    job = small.add().jobs[0]
    path = tmp_path / "build.log"
    path.write_text("what was there before")
    seen: list[tuple[int, int | None]] = []
    with small.client() as client:
        saved = client.save_log("o/r", job.id, path, progress=lambda *now: seen.append(now))
    assert path.read_bytes() == LOG and saved.size == len(LOG) and saved.path == path
    assert seen[-1] == (len(LOG), len(LOG)) and seen == sorted(seen)
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.clause("C3")
def test_nothing_new_stands_where_a_log_could_not_be_saved(either: Small, tmp_path: Path) -> None:
    job = either.add().jobs[0]
    path = tmp_path / "build.log"
    path.write_text("before")
    with either.client() as client:
        with pytest.raises(NotThere):
            client.save_log("o/r", 999, path)
        either.break_off(200_000)
        with pytest.raises(Unreachable, match="run it again to continue"):
            client.save_log("o/r", job.id, path)
        assert path.read_text() == "before"
        either.double.faults.clear()
        either.double.faults.html("/logs", 200)
        with pytest.raises((NotForgejo, PageChanged)):
            client.save_log("o/r", job.id, tmp_path / "other.log")
        assert not (tmp_path / "other.log").exists()


@pytest.mark.clause("C3")
def test_what_a_rename_would_destroy_is_refused(either: Small, tmp_path: Path) -> None:
    job = either.add().jobs[0]
    link = tmp_path / "link"
    (tmp_path / "real").write_text("before")
    link.symlink_to(tmp_path / "real")
    with either.client() as client:
        for path in (tmp_path, tmp_path / "no such folder" / "x.log"):
            with pytest.raises(ShimError) as caught:
                client.save_log("o/r", job.id, path)
            assert caught.value.exit_code == 1
        client.save_log("o/r", job.id, link)
    assert link.is_symlink() and (tmp_path / "real").read_bytes() == LOG


@pytest.mark.clause("C3")
def test_what_is_in_the_way_is_said(tmp_path: Path) -> None:
    with Small("16") as small, small.client() as client:
        job = small.add().jobs[0]
        (tmp_path / "file").write_text("")
        for path, says in (
            (tmp_path / "no" / "x.log", f"the folder {tmp_path / 'no'} does not exist"),
            (tmp_path / "file" / "x.log", "does not exist"),
            (tmp_path / ("x" * 300), "too long"),
        ):
            with pytest.raises(ShimError, match=says) as caught:
                client.save_log("o/r", job.id, path)
            assert "free the space" not in str(caught.value)
        assert not small.double.requests


@pytest.mark.clause("C3")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_file_that_is_replaced_passes_its_mode_on(mode: int, tmp_path: Path) -> None:
    path = tmp_path / "build.log"
    path.write_text("before")
    path.chmod(mode)
    with Small("16") as small, small.client() as client:
        parts: list[int] = []
        client.save_log(
            "o/r",
            small.add().jobs[0].id,
            path,
            progress=lambda *_: parts.extend(part.stat().st_mode & 0o777 for part in tmp_path.glob(".*.part")),
        )
    assert path.read_bytes() == LOG and path.stat().st_mode & 0o777 == mode
    assert set(parts) == {0o600}


@pytest.mark.clause("C4")
def test_what_earlier_downloads_left_is_removed_with_a_saved_log(tmp_path: Path) -> None:
    names = [f".build.log.{'0' * 16}.part", f".build.log.{'1' * 16}.part", f".other.log.{'0' * 16}.part"]
    foreign = [".build.log.x.part", f".build.log.more.{'0' * 16}.part"]
    for name in names + foreign:
        (tmp_path / name).write_text("left")
    with Small("16") as small, small.client() as client, try_lock(tmp_path / names[1]):
        client.save_log("o/r", small.add().jobs[0].id, tmp_path / "build.log")
        assert {path.name for path in tmp_path.iterdir()} == {
            "build.log", f"{names[1]}.lock", *names[1:], *foreign
        }  # fmt: skip


@pytest.mark.clause("C4")
def test_a_download_that_breaks_is_gone_on_with(small: Small, tmp_path: Path) -> None:
    job = small.add().jobs[0]
    with small.client() as client:
        client.log("o/r", job.id).close()  # so that the routes of this dialect are known
        small.cut(300_000, nth=1)
        client.save_log("o/r", job.id, tmp_path / "build.log")
    assert (tmp_path / "build.log").read_bytes() == LOG
    assert [path.name for path in tmp_path.iterdir()] == ["build.log"]
    asked = [seen.headers.get("range", "") for seen in small.downloads() if seen.headers.get("range") != "bytes=0-0"]
    starts = [int(text.removeprefix("bytes=").removesuffix("-")) for text in asked if text]
    assert len(starts) == 1 and 100_000 < starts[0] <= 300_000


@pytest.mark.clause("C4")
def test_the_next_call_goes_on_where_the_last_one_gave_up(either: Small, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.01)
    job = either.add().jobs[0]
    fault = either.break_off(300_000)
    with either.client() as client, pytest.raises(Unreachable):
        client.save_log("o/r", job.id, tmp_path / "build.log")
    (part,) = tmp_path.iterdir()
    assert part.name.startswith(".build.log.") and part.read_bytes() == LOG[: part.stat().st_size]
    assert fault.fired >= 3  # tries that brought nothing
    either.double.faults.clear()
    with either.client() as client:
        client.save_log("o/r", job.id, tmp_path / "build.log")
    assert (tmp_path / "build.log").read_bytes() == LOG
    last = either.downloads()[-1]
    assert last.status == 206 and last.headers["range"].startswith("bytes=")
    assert ("if-range" in last.headers) == (either.double.face.major == 16)


@pytest.mark.clause("C4")
def test_the_end_of_a_broken_download_is_not_believed(either: Small, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.01)
    job = either.add().jobs[0]
    either.break_off(300_000)
    with either.client() as client:
        with pytest.raises(Unreachable):
            client.save_log("o/r", job.id, tmp_path / "build.log")
        (part,) = tmp_path.iterdir()
        size = part.stat().st_size
        assert size > 2**17  # what later tries brought to no end took nothing away
        part.write_bytes(part.read_bytes()[:-10_000] + b"<html>" + b"x" * 9_994)
        either.double.faults.clear()
        client.save_log("o/r", job.id, tmp_path / "build.log")
    assert (tmp_path / "build.log").read_bytes() == LOG
    assert either.downloads()[-1].headers["range"] == f"bytes={size - 2**17}-"


@pytest.mark.clause("C4")
def test_a_file_of_an_older_attempt_is_not_gone_on_with(either: Small, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.01)
    job = either.add().jobs[0]
    either.break_off(300_000)
    with either.client() as client:
        with pytest.raises(Unreachable):
            client.save_log("o/r", job.id, tmp_path / "build.log")
        either.double.faults.clear()
        other = LOG.replace(b"row", b"ROW") + row("one more")
        either.again(job, other)
        client.save_log("o/r", job.id, tmp_path / "build.log")
    assert (tmp_path / "build.log").read_bytes() == other


@pytest.mark.clause("C4")
def test_a_rerun_between_the_two_questions_starts_anew(either: Small, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr("forgejo_shim.download.PAUSE", 0.01)
    job = either.add().jobs[0]
    other = LOG.replace(b"row", b"ROW") + row("one more")
    either.cut(300_000, nth=1)
    reran: list[None] = []

    def rerun(request: Any) -> None:
        if request.headers["Range"] and not reran:
            reran.append(None)
            with either.model.lock:
                either.again(job, other)

    either.double.faults.hook("/logs", rerun)
    with either.client() as client:
        client.save_log("o/r", job.id, tmp_path / "build.log")
    assert reran and (tmp_path / "build.log").read_bytes() in (LOG, other)


@pytest.mark.clause("C4")
@pytest.mark.parametrize("lie", ["bytes 0-9/%d", "bytes 299999-300008/%d", "bytes 5-14/77", "no range"])
def test_a_206_that_does_not_start_where_the_file_ends_is_not_believed(lie: str, tmp_path: Path) -> None:
    with Small("16") as small, small.client() as client:
        job = small.add().jobs[0]
        with client.log("o/r", job.id) as log:
            modified = log.last_modified or ""
        small.cut(300_000, nth=1)

        def answer(request: Any) -> Any:
            if not request.headers["Range"]:
                return None
            made = html(206, "0123456789")
            made.headers = [
                ("Content-Type", "text/plain"),
                ("Content-Range", lie % len(LOG) if "%" in lie else lie),
                ("Last-Modified", modified),
            ]
            return made

        small.double.faults.hook("/logs", answer)
        client.save_log("o/r", job.id, tmp_path / "build.log")
        assert (tmp_path / "build.log").read_bytes() == LOG


@pytest.mark.clause("C4")
def test_what_nothing_tells_apart_is_never_gone_on_with(tmp_path: Path) -> None:
    with Small("16") as small, small.client() as client:
        job = small.add().jobs[0]
        path = tmp_path / "build.log"
        subject = f"{small.url} o/r job {job.id} attempt None"
        with PartFile(Place(path, path), subject, None) as part:
            leftover = part.path

        def answer(_: Any) -> Any:
            leftover.write_bytes(b"what a killed process left")
            made = html(200, LOG.decode())
            made.headers = [("Content-Type", "text/plain")]  # no Last-Modified, no size
            return made

        small.double.faults.hook("/logs", answer, nth=1)
        client.save_log("o/r", job.id, path)
        assert path.read_bytes() == LOG and list(tmp_path.iterdir()) == [path]


@pytest.mark.clause("C4")
def test_one_process_at_a_time(either: Small, tmp_path: Path) -> None:
    job = either.add().jobs[0]
    caught: list[ShimError] = []

    def second(_: int, __: int | None) -> None:
        if not caught:
            with either.client() as other, pytest.raises(ShimError, match="another process") as error:
                other.save_log("o/r", job.id, tmp_path / "build.log")
            caught.append(error.value)

    with either.client() as client:
        client.save_log("o/r", job.id, tmp_path / "build.log", progress=second)
    assert caught and (tmp_path / "build.log").read_bytes() == LOG


@pytest.mark.clause("C3")
def test_the_logs_of_a_run_have_safe_names(small: Small, tmp_path: Path) -> None:
    names = ("../../etc/passwd", ".hidden", "a\x1b[2Jb", "..", "same", "same", "é 漢", "x" * 300, "a\u202eb", " / ")
    run = small.model.add_run(small.repo, names)
    for job in run.jobs:
        small.model.play(job, row(f"log of {job.id}"))
    small.model._add_rows(run, ["waits"])
    with small.client() as client:
        found = client.save_run_logs("o/r", 1, tmp_path / "logs")
    files = list((tmp_path / "logs").iterdir())
    assert len(files) == len(names) and list(tmp_path.iterdir()) == [tmp_path / "logs"]
    for asked, saved in found[:-1]:
        assert not isinstance(saved, ShimError)
        assert saved.path.read_bytes() == row(f"log of {asked.id}")
        name = saved.path.name
        assert name.endswith(f"-{asked.id}.log") and name.isprintable() and len(name.encode()) < 200
        assert not name.startswith(".") and ".." not in name and "/" not in name
    assert isinstance(found[-1][1], NotExecuted)
