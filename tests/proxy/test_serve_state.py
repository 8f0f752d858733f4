"""`forgejo-shim serve --state` at a Redis: what it takes, what it refuses, and that nothing secret is shown."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command import PROGRAM, Place
from forgejo_shim.store.shared import BEAT
from hand import wait
from proxied import Proxied
from redis_server import KEY, redis_server
from running import log_path
from servers import free_port
from small import LOG

SECRET = "S3cret-of-the-state"


def refused(place: Place, *words: object, **environment: str) -> tuple[int, str]:
    """The exit code and the stderr of a `serve` that does not begin."""
    command = [*PROGRAM, "serve", "--listen", f"127.0.0.1:{free_port()}", *map(str, words)]
    done = subprocess.run(
        command, env={**place.environment, **environment}, capture_output=True, text=True, timeout=30, check=False
    )
    assert SECRET not in done.stdout + done.stderr and "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.clause("B2")
@pytest.mark.parametrize(
    "words, environment, code, says",
    [
        (["--state", "redis://h"], {}, 2, "a shared state needs a key"),
        (["--state", "redis://h"], {"FORGEJO_SHIM_STATE_KEY": " "}, 2, "a shared state needs a key"),
        (["--state", "redis://h"], {"FORGEJO_SHIM_STATE_KEY": SECRET}, 1, "is not 32 bytes in base64"),
        (["--state", f"redis://:{SECRET}@h"], {"FORGEJO_SHIM_STATE_KEY": KEY}, 2, "FORGEJO_SHIM_STATE_PASSWORD"),
        (["--state", f"redis://h?password={SECRET}"], {"FORGEJO_SHIM_STATE_KEY": KEY}, 2, "redis://HOST:PORT/DB"),
        (["--state", "unix://x"], {"FORGEJO_SHIM_STATE_KEY": KEY}, 2, "unix:///PATH?db=DB"),
        (["--check", "--state", f"valkey://:{SECRET}@h"], {"FORGEJO_SHIM_STATE_KEY": KEY}, 2, "STATE_PASSWORD"),
        (["--check", "--state", "valkey://h:6379"], {"FORGEJO_SHIM_STATE_KEY": KEY}, 2, "use redis://HOST:PORT/DB"),
        (["--check"], {"FORGEJO_SHIM_STATE": "http://h"}, 2, "use redis://HOST:PORT/DB"),
        (["--state", "redis://h", "--state-key-file", "none"], {}, 1, "cannot be read (No such file or directory)"),
        (["--state", "redis://h", "--state-key-file", "x"], {"FORGEJO_SHIM_STATE_KEY": KEY}, 2, "not both"),
        (["--state", "facts", "--state-key-file", "x"], {}, 2, "--state-key-file is for a state that is shared"),
    ],
)
def test_what_is_refused(web: Place, words: list[str], environment: dict[str, str], code: int, says: str) -> None:
    found, said = refused(web, *words, **environment)
    assert found == code and says in said


@pytest.mark.clause("B2")
def test_only_serve_takes_an_address(web: Place) -> None:
    command = [*PROGRAM, "runs", "o/r", "--state", "redis://h"]
    done = subprocess.run(command, env=web.environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2 and "only serve can keep its state at an address" in done.stderr


def test_without_the_extra_redis(web: Place) -> None:
    program = "import sys; sys.modules['redis'] = None; from forgejo_shim.cli import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", program, "serve", "--state", "redis://h"]
    done = subprocess.run(command, env=web.environment, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (
        1,
        "forgejo-shim: a shared state needs a further package: pip install 'forgejo-shim[proxy,redis]'\n",
    )


@pytest.mark.clause("B2", "B9")
def test_a_redis_that_is_down_is_no_error(web: Place) -> None:
    path = log_path(web.small)
    words = ("--state", f"redis://127.0.0.1:{free_port()}")
    with Proxied(None, None, *words, environment={**web.environment, "FORGEJO_SHIM_STATE_KEY": KEY}) as proxy:
        assert proxy.get(path, web.small.token).content == LOG
        assert proxy.get("/-/shim/readyz").json()["shared_state"] == {"ok": False, "says": "unreachable"}
        assert b"forgejo_shim_redis_up 0.0" in proxy.get("/-/shim/metrics").content
        wait(lambda: "the shared state cannot be used: it cannot be reached" in proxy.said.read_text(), "a line", 10)
        assert KEY not in proxy.log() and proxy.end() == 0


@pytest.mark.clause("O3")
def test_a_check_does_all_that_serving_does(web: Place) -> None:
    """Also what only scripts do there, and says what to do about what fails."""
    with redis_server() as redis:
        told = {"FORGEJO_SHIM_STATE_KEY": KEY}
        state = ("serve", "--check", "--state", redis.address)
        assert "can be written and read" in web.run(*state, **told).stdout
        assert not [name for name in redis.names() if ":place:" in name], "it is left again"
        redis.cli.execute_command("ACL", "SETUSER", "default", "-eval")
        result = web.run(*state, **told)
        assert result.exit_code == 1 and "give it the rights that shim/OPERATING.md lists" in result.stderr
        redis.cli.config_set("requirepass", SECRET)
        assert "check FORGEJO_SHIM_STATE_PASSWORD" in web.run(*state, **told).stderr


@pytest.mark.clause("O3", "B1")
def test_the_rights_that_operators_are_told_of_are_enough(web: Place) -> None:
    page = (Path(__file__).resolve().parents[2] / "shim/OPERATING.md").read_text()
    (rules,) = re.findall(r"ACL SETUSER shim on (.*)`", page)
    with redis_server() as redis:
        redis.cli.execute_command("ACL", "SETUSER", "shim", "on", *rules.replace(">PASSWORD", f">{SECRET}").split())
        told = {"FORGEJO_SHIM_STATE_KEY": KEY, "FORGEJO_SHIM_STATE_PASSWORD": SECRET}
        address = redis.address.replace("//", "//shim@")
        assert web.run("serve", "--check", "--state", address, **told).exit_code == 0
        with Proxied(None, None, "--state", address, environment={**web.environment, **told}) as proxy:
            assert proxy.get(log_path(web.small), web.small.token).content == LOG
            time.sleep(2 * BEAT)
            assert proxy.get("/-/shim/readyz").json()["shared_state"] == {"ok": True, "says": "shared"}
            assert "cannot be used" not in proxy.log()


@pytest.mark.clause("B1", "B2", "B5")
def test_two_processes_with_a_password_and_a_key_in_files(web: Place, tmp_path: Path) -> None:
    path = log_path(web.small)
    (tmp_path / "key").write_text(f"{KEY}\n")
    (tmp_path / "password").write_text(f"{SECRET}\n")
    with redis_server(password=SECRET) as redis:
        environment = {**web.environment, "FORGEJO_SHIM_STATE_PASSWORD_FILE": str(tmp_path / "password")}
        words = ("--state", redis.address, "--state-key-file", tmp_path / "key")
        with (
            Proxied(None, None, *words, environment=environment) as one,
            Proxied(None, None, *words, environment=environment) as other,
        ):
            assert one.get(path, web.small.token).content == other.get(path, web.small.token).content == LOG
            sign_ins = [seen for seen in web.small.double.requests if seen.path == "/user/login"]
            lost = sum(proxy.log().count("the shared state cannot be used") for proxy in (one, other))
            assert 1 <= len(sign_ins) <= 1 + lost, "on a machine that is too busy, each may be by itself for a while"
            for proxy in (one, other):
                wait(lambda one=proxy: _shared(one) == {"ok": True, "says": "shared"}, "it to be shared", 30)
                assert proxy.end() == 0 and SECRET not in proxy.log() and KEY not in proxy.log()
            assert redis.names() and KEY.encode() not in redis.dump()


def _shared(proxy: Proxied) -> object:
    return proxy.get("/-/shim/readyz").json()["shared_state"]
