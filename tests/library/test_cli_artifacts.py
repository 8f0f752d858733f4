"""The verbs `artifacts` and `download`: what they print, what they save, how they end."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import struct
import subprocess
import termios
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from command import Place
from forgejo_shim.client_artifacts import ClientArtifacts
from forgejo_shim.errors import DiskFull, ShimError, Unreachable
from forgejo_shim.files import hidden_beside
from test_client_artifacts import BIG, FILES, ONE_ID, ZIP, files_in, zipped

clause = pytest.mark.clause


def filled(place: Place, **contents: Any) -> Any:
    run = place.small.add()
    for name, content in (contents or {"four": zipped(FILES), "three": FILES}).items():
        place.small.model.artifacts.add(run, name, content)
    return run


def expire(run: Any, name: str) -> None:
    for artifact in run.artifacts:
        if artifact.name == name:
            artifact.status, artifact.content = "expired", None


@clause("C27")
def test_artifacts(place: Place) -> None:
    run, url = filled(place), f"{place.small.url}/o/r/actions/runs/1"
    expire(run, "three")
    for words in (["o/r"], ["o/r", 1], ["o/r", "latest"], [url], [f"{url}/jobs/0"], ["o/r", url]):
        rows = [line.split("\t") for line in place.run("artifacts", *words).stdout.splitlines()]
        assert sorted((row[2], row[3], row[5]) for row in rows) == [
            (str(sum(map(len, FILES.values()))), "expired", "three"),
            (str(len(zipped(FILES))), "there", "four"),
        ]
    other = filled(place, evil=b"")
    other.artifacts[0].name = "a\tb\x1b[2J\u202e"
    found = place.run("artifacts", "o/r", "--newest", 2).stdout.splitlines()
    assert len(found) == 2 and found[0].endswith("\ta b␛[2J<U+202E>") and found[1].split("\t")[5] in ("four", "three")
    told = json.loads(place.run("artifacts", "o/r", 1, "--json").stdout)
    assert {artifact["name"]: artifact["is_expired"] for artifact in told} == {"four": False, "three": True}
    assert {artifact["run_id"] for artifact in told} == {run.id if place.small.double.face.api_runs else None}
    assert place.failure("artifacts", "o/r", 9)[0] == 5
    for words in (["o/r", "x"], [url, 1], ["o/r", 1, "--newest", 1], ["o/r", "--newest", 0], []):
        assert place.failure("artifacts", *words)[0] == 2, words


@clause("C27")
def test_artifacts_of_a_run_without_any(place: Place) -> None:
    place.small.add()
    assert place.run("artifacts", "o/r").output == ""
    assert place.run("artifacts", "o/r", "--json").stdout == "[]\n"
    code, sentence = place.failure("download", "o/r")
    assert code == 3 and "run 1 of o/r has no artifacts; choose another run" in sentence


@clause("C27")
def test_download(place: Place, tmp_path: Path) -> None:
    filled(place)
    url = f"{place.small.url}/o/r/actions/runs/1"
    for number, words in enumerate((["o/r"], ["o/r", 1], [url], ["o/r", "latest", "three", "four", "four"])):
        result = place.run("download", *words, "--dir", tmp_path / "new" / str(number))
        assert result.exit_code == 0 and result.stderr == ""
        assert files_in(tmp_path / "new" / str(number)) == {
            f"{name}/{path}": data for name in ("four", "three") for path, data in FILES.items()
        }
        assert {line.split("\t")[0] for line in result.stdout.splitlines()} == {
            str(tmp_path / "new" / str(number) / name) for name in ("four", "three")
        }
    for number, words in enumerate((["o/r", "1", "four"], [url, "four"])):
        assert place.run("download", *words, "-d", tmp_path / str(number)).exit_code == 0
        assert [path.name for path in (tmp_path / str(number)).iterdir()] == ["four"]


@clause("C27")
def test_download_says_what_it_saved_as_json(place: Place, tmp_path: Path) -> None:
    filled(place, four=zipped(FILES))
    data, path = zipped(FILES), tmp_path / "four"
    (told,) = json.loads(place.run("download", "o/r", "--dir", tmp_path, "--json").stdout)
    assert told.pop("artifact_id") > 0 and told.pop("backend") in ("native", "web")
    assert told == {
        "name": "four", "path": str(path), "size": len(data), "sha256": hashlib.sha256(data).hexdigest(),
        "files": [{"path": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
                  for name, content in FILES.items()],
    }  # fmt: skip
    (told,) = json.loads(place.run("download", "o/r", "1", "four", "--dir", tmp_path, "--zip", "--json").stdout)
    assert told["path"] == str(tmp_path / "four.zip") and told["files"] == []
    assert hashlib.sha256((tmp_path / "four.zip").read_bytes()).hexdigest() == told["sha256"]


@clause("C27")
def test_download_here(place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    filled(place, four=zipped(FILES))
    assert place.run("download", "o/r").stdout.startswith("four\t2\t")
    assert files_in(tmp_path / "four") == FILES


@clause("C27")
def test_what_is_there_stays(place: Place, tmp_path: Path) -> None:
    filled(place)
    out = tmp_path / "out"
    (out / "four").mkdir(parents=True)
    (out / "three.zip").write_text("before")
    for words in (["o/r"], ["o/r", 1, "three", "--zip"]):
        code, sentence = place.failure("download", *words, "--dir", out)
        assert code == 1 and "exists; remove it, or choose another folder with --dir" in sentence
    assert files_in(out) == {"three.zip": b"before"} and not (out / "three").exists()


@clause("C27")
def test_one_that_cannot_be_saved_does_not_keep_the_others(place: Place, tmp_path: Path) -> None:
    run = filled(place, good=zipped(FILES), old=b"", evil=zipped({"../x": b"x"}))
    expire(run, "old")
    result = place.run("download", "o/r", "--dir", tmp_path / "a")
    assert result.exit_code == 1
    assert files_in(tmp_path / "a") == {f"good/{path}": data for path, data in FILES.items()}
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["good"]
    notes = sorted(result.stderr.splitlines())
    assert len(notes) == 2 and notes[0].startswith("not saved: artifact 'evil' of o/r: its entry '../x' leads out")
    assert notes[1] == "not saved: artifact 'old' of o/r has expired: its files have been removed"
    assert place.run("download", "o/r", 1, "good", "old", "--dir", tmp_path / "b").exit_code == 7
    told = json.loads(place.run("download", "o/r", 1, "evil", "--dir", tmp_path / "c", "--json").stdout)
    assert told[0]["path"] is None and told[0]["cause"] == "zip-unsafe" and told[0]["exit_code"] == 1
    expire(run, "evil")
    assert place.run("download", "o/r", "--dir", tmp_path / "d").exit_code == 0
    expire(run, "good")
    assert place.run("download", "o/r", "--dir", tmp_path / "e").exit_code == 7


@clause("C24", "C27")
def test_names_that_no_disk_has_and_names_that_are_one(place: Place, tmp_path: Path) -> None:
    filled(place, good=zipped(FILES), long=zipped({"x" * 300: b"x"}), fold=zipped(FILES), FOLD=zipped(FILES))
    (fold,) = (a["id"] for a in json.loads(place.run("artifacts", "o/r", "--json").stdout) if a["name"] == "fold")
    place.small.model.artifacts.add(place.small.repo.runs[1], f"fold-{fold}", zipped(FILES))
    result = place.run("download", "o/r", "--dir", tmp_path / "in")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert "artifact 'long' of o/r" in result.stderr and "--zip" in result.stderr
    assert len({path.name.casefold() for path in (tmp_path / "in").iterdir()}) == 4


@clause("C27")
@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_saved_is_said_though_the_disk_or_the_server_fails(
    place: Place, as_json: bool, tmp_path: Path, monkeypatch: Any
) -> None:
    filled(place, a=zipped(FILES), b=zipped(FILES), c=zipped(FILES))
    names = [artifact["name"] for artifact in json.loads(place.run("artifacts", "o/r", "--json").stdout)]
    made, saved = ClientArtifacts.save, []
    for number, (error, code) in enumerate([(DiskFull("full"), 1), (Unreachable("gone"), 8)]):
        saved.clear()

        def fail_at_the_second(*given: Any, error: ShimError = error, **more: Any) -> Any:
            if saved:
                raise error
            saved.append(given)
            return made(*given, **more)

        monkeypatch.setattr(ClientArtifacts, "save", fail_at_the_second)
        result = place.run("download", "o/r", "--dir", tmp_path / str(number), *["--json"] * as_json)
        assert result.exit_code == code and [path.name for path in (tmp_path / str(number)).iterdir()] == names[:1]
        if as_json:
            assert [row["name"] for row in json.loads(result.stdout)] == names[:1]
        else:
            assert result.stdout.startswith(f"{tmp_path / str(number) / names[0]}\t")
        noted, said = result.stderr.splitlines()
        assert noted == f"not saved: '{names[1]}', '{names[2]}'" and error.message in said


@clause("C27")
def test_one_that_cannot_be_written_does_not_keep_the_others(place: Place, tmp_path: Path, monkeypatch: Any) -> None:
    filled(place, a=zipped(FILES), b=zipped(FILES))
    hidden = hidden_beside(tmp_path / "in" / "a", "zip")
    hidden.mkdir(parents=True)
    result = place.run("download", "o/r", "--dir", tmp_path / "in")
    assert result.exit_code == 1 and files_in(tmp_path / "in" / "b") == FILES
    assert result.stderr == f"not saved: {hidden} is in the way; remove it\n"


@clause("C27", "S58")
def test_two_names_with_one_id_do_not_keep_the_others(place: Place, tmp_path: Path) -> None:
    one, two = ONE_ID[place.small.double.face.major == 11]
    filled(place, **{one: zipped(FILES), two: zipped(FILES), "third": zipped(FILES)})
    for words in (["o/r", 1], ["o/r", "--newest", 3]):
        assert len(place.run("artifacts", *words).stdout.splitlines()) == 3
    if place.small.double.face.major == 16:
        return
    told = json.loads(place.run("download", "o/r", 1, one, "third", "--dir", tmp_path / "a", "--json").stdout)
    assert [row.get("cause") for row in told] == ["artifact-ambiguous", None]
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["third"]


@clause("C27")
def test_what_is_no_artifact(place: Place, tmp_path: Path) -> None:
    filled(place)
    file = tmp_path / "file"
    file.touch()
    for words, code, says in (
        (["o/r", 1, "five"], 5, "run 1 of o/r has no artifact five; it has"),
        (["o/r", 1, "Four"], 5, "has no artifact Four"),
        (["o/r", 9], 5, "has no run 9"),
        (
            ["o/r", "four"],
            2,
            "'four' is not a run; give its number, latest, or the URL of its page; names of artifacts",
        ),
        (["o/r", 1, "--dir", file], 1, f"the folder {file} cannot be created (a file is in the way)"),
        (["o/r", 1, "--dir", file / "in"], 1, "(a file is in the way)"),
        (["o/r", 1, ""], 2, "is empty"),
        (["o/r", 1, "--dir", ""], 2, "is empty"),
        ([], 2, "OWNER/REPO"),
    ):
        words = words if "--dir" in words else [*words, "--dir", tmp_path / "new"]
        found, sentence = place.failure("download", *words)
        assert found == code and says in sentence, sentence
    assert not (tmp_path / "new").exists()


@clause("C27")
def test_names_become_safe_names(place: Place, tmp_path: Path) -> None:
    run = filled(place, a=zipped({"x": b"1"}), b=zipped({"x": b"2"}), c=zipped({"x": b"3"}))
    for artifact, name in zip(run.artifacts, ["../up", "/etc", "\x1b]0;t\x07"], strict=True):
        artifact.name = name
    result = place.run("download", "o/r", "--dir", tmp_path / "in")
    assert result.exit_code == 0 and "\x1b" not in result.output
    assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["_]0;t_", "__up", "_etc"]


@clause("C27")
def test_a_name_that_no_address_ends_with(place: Place, tmp_path: Path) -> None:
    run = filled(place, good=zipped(FILES), other=zipped(FILES))
    run.artifacts[1].name = ".."
    result = place.run("download", "o/r", "--dir", tmp_path / "out")
    native = place.small.double.face.major == 16
    assert result.exit_code == (0 if native else 1) and files_in(tmp_path / "out" / "good") == FILES
    assert native or "is called '..', which no address of the web UI can end with" in result.stderr


# A terminal, a pipe, a signal


@clause("C27")
def test_a_message_names_ten_artifacts_at_most(web: Place) -> None:
    filled(web, **{f"part-{number:02}": zipped(BIG) for number in range(12)})
    done = web.process("download", "o/r", "1", "five", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    _, said = done.communicate(timeout=60)
    assert done.returncode == 5 and b"part-09, \xe2\x80\xa6" in said and b"part-10" not in said


def all_of(terminal: int) -> bytes:
    """What is written to a terminal until its other end is closed."""
    seen = b""
    with suppress(OSError):
        while True:
            seen += os.read(terminal, 65536)
    return seen


@clause("C27")
def test_on_a_terminal(web: Place, tmp_path: Path) -> None:
    filled(web, big=zipped(BIG))
    inside, outside = pty.openpty()
    process = web.process("download", "o/r", "--dir", tmp_path / "out", stdout=outside, stderr=outside)
    os.close(outside)
    seen = all_of(inside)
    assert process.wait() == 0 and b"big" in seen and b"saved" in seen and b"kB" in seen
    os.close(inside)


@clause("C27")
@pytest.mark.parametrize("name", ["n" * 200, "漢" * 60], ids=("long", "wide"))
def test_a_long_name_leaves_room_for_the_bar(name: str, web: Place, tmp_path: Path) -> None:
    filled(web, **{name: zipped(BIG)})
    inside, outside = pty.openpty()
    fcntl.ioctl(outside, termios.TIOCSWINSZ, struct.pack("4H", 24, 80, 0, 0))
    process = web.process("download", "o/r", "--dir", tmp_path / "out", stdout=subprocess.DEVNULL, stderr=outside)
    os.close(outside)
    seen = all_of(inside)
    os.close(inside)
    assert process.wait() == 0 and "…".encode() in seen and b"kB" in seen and b"/s" in seen
    assert seen.decode().count(name[0] * 5) and name[0] * 40 not in seen.decode()


@clause("C27")
def test_an_interrupted_download_leaves_nothing_half_written(web: Place, tmp_path: Path) -> None:
    filled(web, big=zipped(BIG))
    web.small.double.faults.slow(ZIP, piece=1000, delay=0.02)
    process = web.process("download", "o/r", "--dir", tmp_path / "out", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    folder = tmp_path / "out"
    while not (folder.exists() and any(path.stat().st_size for path in folder.iterdir() if path.suffix == ".part")):
        assert process.poll() is None
    process.send_signal(2)
    assert process.wait() == 130
    assert not (folder / "big").exists() and all(path.name.startswith(".") for path in folder.iterdir())
    process.stdout.close(), process.stderr.close()  # type: ignore[union-attr]
    web.small.double.faults.clear()
    assert web.run("download", "o/r", "--dir", folder).exit_code == 0
    assert files_in(folder) == {"big/big": BIG["big"]}


@clause("C27")
def test_a_wrong_password_and_a_dead_server(web: Place, tmp_path: Path) -> None:
    filled(web)
    for words in (["artifacts", "o/r"], ["download", "o/r", "--dir", tmp_path / "out"]):
        code, sentence = web.failure(*words, "--no-state", FORGEJO_SHIM_WEB_PASSWORD="wrong")
        assert code == 4 and "check its name and password" in sentence
        assert web.failure(*words, FORGEJO_URL="http://127.0.0.1:1")[0] == 8
    assert not (tmp_path / "out").exists()
