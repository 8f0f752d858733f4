"""What is kept between processes: modes, folders, refusals, two processes at once, and nothing secret."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from forgejo_shim import MemoryStore, SessionFile, SQLiteStore, WebLogin
from forgejo_shim.errors import ShimError
from forgejo_shim.models import Location
from forgejo_shim.server import Server
from forgejo_shim.store.facts import Facts
from forgejo_shim.store.protocol import Store
from forgejo_shim.transport import run
from forgejo_shim.webui.session import WebSession
from scripted import BASE, QUESTION, SIGNED_IN, YES, Scripted, answered, script


def put(store: Store, subject: str, key: str, value: object, ttl: float | None = None) -> None:
    run(store.put("b", subject, {key: value}, ttl))


def get(store: Store, subject: str, *keys: str) -> list[object]:
    return run(store.get("b", subject, keys))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.clause("S34")
def test_the_state_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "state.db"
    old = os.umask(0)
    try:
        state = SQLiteStore(path)
    finally:
        os.umask(old)
    put(state, "s", "k", [1, {"a": None}])
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert {mode(other) for other in path.parent.iterdir()} == {0o600}
    assert get(state, "s", "k") == [[1, {"a": None}]]
    state.close()


@pytest.mark.clause("S34")
@pytest.mark.parametrize("shared", [0o640, 0o604, 0o620, 0o666])
def test_a_file_that_others_may_read_is_refused(tmp_path: Path, shared: int) -> None:
    for make in (SQLiteStore, lambda path: SessionFile(path).save("b", "a", {"c": "v"})):
        path = tmp_path / f"shared-{shared:o}"
        path.touch()
        path.chmod(shared)
        with pytest.raises(ShimError, match="chmod 600"):
            make(path)
        assert path.read_bytes() == b""


@pytest.mark.clause("S34")
def test_a_link_and_a_folder_that_cannot_be_made_are_refused(tmp_path: Path) -> None:
    (tmp_path / "there").touch(0o600)
    (tmp_path / "link").symlink_to(tmp_path / "there")
    with pytest.raises(ShimError):
        SQLiteStore(tmp_path / "link")
    with pytest.raises(ShimError):
        SQLiteStore(tmp_path / "there" / "below" / "state.db")


@pytest.mark.clause("S34")
def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_text("no database at all, but long enough to be read as one" * 9)
    path.chmod(0o600)
    with pytest.raises(ShimError, match="remove it or choose another"):
        SQLiteStore(path)


@pytest.mark.clause("S34")
def test_what_is_kept_outlives_the_process_and_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    first, second = SQLiteStore(path), SQLiteStore(path)
    put(first, "s", "k", 1)
    assert get(second, "s", "k") == [1]
    code = (
        "import sys; from forgejo_shim import SQLiteStore; from forgejo_shim.transport import run\n"
        "s = SQLiteStore(sys.argv[1])\n"
        "for n in range(200): run(s.put('b', 'other', {str(n): n}))\n"
        "print(run(s.get('b', 's', ['k']))[0])"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True)
    for number in range(200):
        put(first, "mine", str(number), number)
    assert process.communicate(timeout=60)[0].strip() == "1"
    for subject in ("other", "mine"):
        assert get(second, subject, *map(str, range(200))) == list(range(200))
    put(second, "s", "k", None)
    assert get(first, "s", "k") == [None]


@pytest.mark.clause("S34")
def test_threads_share_a_state_file(tmp_path: Path) -> None:
    def fill(store: SQLiteStore, number: int) -> None:
        for at in range(50):
            put(store, str(number), str(at), at)

    store = SQLiteStore(tmp_path / "state.db")
    threads = [threading.Thread(target=fill, args=(store, n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [get(store, str(n), "49") for n in range(4)] == [[49]] * 4


@pytest.mark.clause("S34", "S35")
def test_neither_log_bytes_nor_credentials_are_kept(tmp_path: Path) -> None:
    store = SQLiteStore(tmp_path / "state.db")
    login = WebLogin("log-reader", "s3cret-word", "GEZDGNBVGY3TQOJQ")
    lines = script(login=SIGNED_IN)
    net, server = Scripted(lines), Server(BASE, WebSession(login), store)
    net.lines = {**lines, f"{QUESTION}&token=t0ken-of-the-caller": YES}
    headers = [("Authorization", "token t0ken-of-the-caller")]
    asked = "/repos/o/r/actions/jobs/7/logs?token=t0ken-of-the-caller"
    assert run(answered(net, server, asked, headers)).status == 200
    store.close()
    kept = (tmp_path / "state.db").read_bytes()
    assert b"ci.yml-build-70.log" in kept
    for secret in (b"a line", b"s3cret-word", b"GEZDGNBVGY3TQOJQ", b"t0ken-of-the-caller", b"of-the-web"):
        assert secret not in kept


def test_memory_forgets_the_oldest() -> None:
    store = MemoryStore(limit=2)
    for key in ("a", "b", "c"):
        put(store, "", key, key)
    assert get(store, "", "a", "b", "c") == [None, "b", "c"]


def test_what_has_ended_takes_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore(limit=2)
    put(store, "", "always", 1)
    put(store, "", "a minute", 2, 60.0)
    in_a_minute = time.time() + 61
    monkeypatch.setattr("time.time", lambda: in_a_minute)
    put(store, "", "new", 3)
    assert get(store, "", "always", "new") == [1, 3]


def test_a_fact_ends_with_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for store in (MemoryStore(), SQLiteStore(tmp_path / "state.db")):
        put(store, "s", "an hour", 1, 3600.0)
        put(store, "s", "always", 2)
        assert get(store, "s", "an hour", "always") == [1, 2]
        in_an_hour = time.time() + 3601
        with monkeypatch.context() as later:
            later.setattr("time.time", lambda: in_an_hour)  # noqa: B023
            assert get(store, "s", "an hour", "always") == [None, 2]


@pytest.mark.clause("X45")
def test_all_who_share_a_store_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.db"
    stores = [SQLiteStore(path) for _ in range(6)]
    said: list[int] = []
    threads = [
        threading.Thread(target=lambda n=n: said.append(run(stores[n].agree("b", "", "key", n, 60.0))))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(said) == 6 and len(set(said)) == 1
    for store in (SQLiteStore(path), MemoryStore()):
        kept = run(store.agree("b", "", "key", "mine", 60.0))
        assert run(store.agree("b", "", "key", "new", 60.0)) == kept
        assert run(store.agree("c", "", "key", "another server's", 60.0)) == "another server's"
        in_an_hour = time.time() + 3601
        with monkeypatch.context() as later:
            later.setattr("time.time", lambda: in_an_hour)  # noqa: B023
            assert run(store.agree("b", "", "key", "next", 60.0)) == "next", "what has ended is gone"
            assert run(store.agree("b", "", "key", "late", 60.0)) == "next"


def test_kept_places_are_a_repositorys_own() -> None:
    store = MemoryStore()
    one, other, elsewhere = Facts(store, "b", "o/r"), Facts(store, "b", "o/s"), Facts(store, "c", "o/r")
    run(one.put_jobs(1, [5, 6, 7]))
    assert [run(facts.location(7)) for facts in (one, other, elsewhere)] == [Location(1, 2), None, None]


@pytest.mark.clause("S34", "C13")
def test_the_session_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "session.json"
    one, other = SessionFile(path), SessionFile(path)
    assert one.load("b", "a") == {} and not path.exists()
    one.save("b", "a", {"session": "1"})
    other.save("b", "z", {"session": "2"})
    assert one.load("b", "a") == {"session": "1"} and one.load("b", "z") == {"session": "2"}
    assert one.load("c", "a") == {}
    assert {mode(other) for other in path.parent.iterdir()} == {0o600} and mode(path.parent) == 0o700
    path.write_text("{broken")
    assert one.load("b", "a") == {}
    path.chmod(0o644)
    with pytest.raises(ShimError, match="chmod 600"):
        one.load("b", "a")


@pytest.mark.clause("C13")
def test_the_session_file_is_locked(tmp_path: Path) -> None:
    def fill(file: SessionFile, number: int) -> None:
        for at in range(10):
            file.save("b", f"{number}-{at}", {"s": "x"})

    files = [SessionFile(tmp_path / "session.json") for _ in range(4)]
    threads = [threading.Thread(target=fill, args=(files[n], n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(json.loads(files[0].path.read_text())) == 40, "an entry was lost between two writers"
