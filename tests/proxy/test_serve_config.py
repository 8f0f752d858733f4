"""How `serve` is configured: flags, variables, the table `[serve]`, and what it says of them before it serves."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest
from certificates import certificate
from command import Place
from forgejo_shim.cli import main
from forgejo_shim.cli.help import groups_of
from forgejo_shim.cli.serve_table import has_key, has_variable, variable_of
from forgejo_shim.proxy.certificate import Certificate
from servers import free_port

SERVE = main.commands["serve"]
SECRET = "FORGEJO_SHIM_WEB_PASSWORD"
# A value of each option that is not its default, as it is written in TOML.
TABLE = """
[serve]
upstream = "http://127.0.0.1:9"
listen = "[::1]:81"
admin_listen = "127.0.0.1:82"
tls_cert = "cert.pem"
tls_key = "/etc/key.pem"
face = ["github", "gitea"]
gitea_host = "gitea.example"
keep = 1.5
trust = ["10.0.0.0/8"]
identity_header = ["x-remote-user"]
allow_writes = true
limit = 7
streams_per_caller = 8
idle_timeout = 9.0
drain = 10.0
workers = 2
state_key_file = "state.key"
no_access_log = true
state = "facts.sqlite3"
"""
VALUES = tomllib.loads(TABLE)["serve"]


@pytest.fixture
def file(web: Place) -> Path:
    """The config file with the table."""
    return write(web, TABLE)


def write(place: Place, text: str) -> Path:
    path = place.home / ".config/forgejo-shim/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def shown(place: Place, *words: object, **environment: str | None) -> dict[str, dict[str, object]]:
    result = place.run("serve", "--print-config", "--json", *words, **environment)
    assert result.exit_code == 0, result.stderr
    found: dict[str, dict[str, object]] = json.loads(result.stdout)
    return found


def spelled(value: object) -> str:
    """A value as a variable has it."""
    return " ".join(map(str, value)) if isinstance(value, list) else str(value).lower() if value is True else str(value)


# --- flag, variable, file


@pytest.mark.clause("O1")
def test_the_table_has_a_key_for_each_option(web: Place, file: Path) -> None:
    assert list(VALUES) == [option.name for option in SERVE.params if has_key(option)]
    found = shown(web)
    for key, value in VALUES.items():
        beside = str(file.parent / value) if key in ("tls_cert", "tls_key", "state", "state_key_file") else value
        assert found[key] == {"value": beside, "from": "file"}, key


@pytest.mark.clause("O1")
@pytest.mark.parametrize("option", [*filter(has_variable, SERVE.params)], ids=lambda option: option.name)
def test_a_variable_before_the_file_and_a_flag_before_both(web: Place, option: click.Option) -> None:
    file = write(web, TABLE)
    value = VALUES.get(option.name, str(file))
    if option.name != "config":
        write(web, TABLE.replace("127.0.0.1", "127.0.0.2").replace("= true", "= false"))
    told = {variable_of(option): spelled(value)}
    assert shown(web, **told)[option.name] == {"value": value, "from": "variable"}
    words = [option.opts[0]] if option.is_flag else sum(([option.opts[0], one] for one in spelled(value).split()), [])
    told = {variable_of(option): "0" if option.is_flag else "/none/such"}
    assert shown(web, *words, **told)[option.name] == {"value": value, "from": "flag"}


@pytest.mark.clause("O1")
def test_an_options_name_gives_the_other_two() -> None:
    for option in filter(has_variable, SERVE.params):
        (flag,) = option.opts
        assert flag == f"--{option.name.replace('_', '-')}"
        assert variable_of(option) == f"FORGEJO_SHIM{flag.replace('-', '_')[1:].upper()}"
    of_kubernetes = {"FORGEJO_SHIM_PORT", "FORGEJO_SHIM_SERVICE_HOST", "FORGEJO_SHIM_SERVICE_PORT"}
    assert of_kubernetes.isdisjoint(map(variable_of, SERVE.params)), "set in every pod beside a service of our name"


@pytest.mark.clause("O1")
def test_the_defaults_and_the_servers_other_names(web: Place) -> None:
    found = shown(web)
    assert found["upstream"] == {"value": web.small.url, "from": "variable"}
    assert {one["from"] for name, one in found.items() if not re.match("upstream|web_", name)} == {"default"}
    assert shown(web, FORGEJO_SHIM_KEEP="")["keep"] == {"value": 30.0, "from": "default"}
    before = web.run("--server", "http://h", "--state", "/s", "serve", "--print-config", "--json")
    of_flags = json.loads(before.stdout)
    assert of_flags["upstream"] == {"value": "http://h", "from": "flag"}
    assert of_flags["state"] == {"value": "/s", "from": "flag"}
    write(web, 'server = "http://f"')
    assert shown(web, FORGEJO_URL=None)["upstream"] == {"value": "http://f", "from": "file"}


@pytest.mark.clause("O1")
def test_what_is_for_one_start_has_no_variable(web: Place) -> None:
    told = {"FORGEJO_SHIM_CHECK": "1", "FORGEJO_SHIM_PRINT_CONFIG": "1", "FORGEJO_SHIM_JSON": "1"}
    code, said = web.failure("serve", "--listen", "127.0.0.1:0", **told)
    assert code == 2 and said.startswith("forgejo-shim: name the port"), "it is neither a check nor JSON"


@pytest.mark.clause("O2")
@pytest.mark.parametrize(
    "line, says",
    [
        ("limt = 3", "'limt' in [serve] is an unknown key; did you mean limit?"),
        ("tls-cert = 'x'", "'tls-cert' in [serve] is an unknown key; did you mean tls_cert?"),
        ("zzzzzz = 1", "'zzzzzz' in [serve] is an unknown key; forgejo-shim serve --help lists the options"),
        ("check = true", "'check' in [serve] is an unknown key"),
        ("config = 'x'", "'config' in [serve] is an unknown key"),
        ("web_password = 'S3cret'", "'web_password' in [serve] is an unknown key"),
        ("limit = '3'", "limit in [serve] is a whole number, without quotes"),
        ("limit = true", "limit in [serve] is a whole number, without quotes"),
        ("keep = '3'", "keep in [serve] is a number, without quotes"),
        ("trust = '10.0.0.0/8'", 'trust in [serve] is a list of texts, such as ["a", "b"]'),
        ("trust = [1]", 'trust in [serve] is a list of texts, such as ["a", "b"]'),
        ("allow_writes = 'yes'", "allow_writes in [serve] is true or false, without quotes"),
        ("listen = 8080", "listen in [serve] is text, in quotes"),
    ],
)
def test_a_table_that_cannot_be_meant(web: Place, line: str, says: str) -> None:
    path = write(web, f"[serve]\n{line}\n")
    code, said = web.failure("serve")
    assert code == 1 and f"{path}: {says}" in said
    assert "S3cret" not in said
    write(web, "serve = 3")
    assert web.failure("serve")[1].endswith("serve must be a table; write [serve]\n")


@pytest.mark.clause("O2")
def test_an_error_names_what_gave_the_value(web: Place) -> None:
    write(web, "[serve]\nlimit = 0\n")
    assert "Invalid value for limit in [serve] of the config file: 0 is not" in web.failure("serve")[1]
    code, said = web.failure("serve", FORGEJO_SHIM_LIMIT="-1")
    assert code == 2 and "Invalid value for FORGEJO_SHIM_LIMIT: -1 is not in the range" in said
    assert "Invalid value for '--limit': -2 is not" in web.failure("serve", "--limit", "-2")[1]
    assert "S3cret" not in web.failure("serve", FORGEJO_SHIM_UPSTREAM="http://u:S3cret@h")[1]


@pytest.mark.clause("O2")
def test_the_table_is_for_serve_alone(web: Place) -> None:
    write(web, "[serve]\nlimit = 0\n")
    assert web.run("detect").exit_code == 0
    assert web.run("serve", "--help").exit_code == 0


# --- what is printed


@pytest.mark.clause("O4")
def test_what_is_printed_configures_the_same(web: Place, file: Path) -> None:
    first = web.run("serve", "--print-config", "--drain", "11", FORGEJO_SHIM_LIMIT="12")
    assert "drain = 11.0  # flag\n" in first.stdout and "limit = 12  # variable\n" in first.stdout
    write(web, first.stdout)
    again = web.run("serve", "--print-config")
    assert re.sub("  # .*", "", first.stdout) == re.sub("  # .*", "", again.stdout)
    assert '# web_user = "o"  # variable\n# web_password is set  # variable\n' in again.stdout


@pytest.mark.clause("O4", "B1")
def test_the_address_of_a_state_is_printed_whole(web: Place) -> None:
    for address in ("redis://me@h:1/2", "unix:///run/redis.sock?db=1"):
        assert shown(web, "--state", address)["state"] == {"value": address, "from": "flag"}


@pytest.mark.clause("O1")
def test_what_is_for_one_start_is_no_variable(web: Place) -> None:
    flags = [option.name for option in SERVE.params if not has_variable(option)]
    assert flags == ["check", "print_config", "json"]
    for name in flags:
        code, said = web.failure("serve", "--admin-listen", "300.0.0.1:1", **{f"FORGEJO_SHIM_{name.upper()}": "1"})
        assert code == 1 and said.startswith("forgejo-shim: cannot listen on"), name


@pytest.mark.clause("O4")
def test_no_secret_is_printed(web: Place, tmp_path: Path) -> None:
    secret = "the-S3cret"
    path = tmp_path / "password"
    path.write_text(secret)
    told = {SECRET: None, f"{SECRET}_FILE": str(path), "FORGEJO_SHIM_WEB_TOTP_SECRET": "JBSWY3DPEHPK3PXP"}
    for words in ((), ("--json",)):
        printed = web.run("serve", "--print-config", *words, **told).output
        assert secret not in printed and "JBSWY3DP" not in printed and web.small.token not in printed
    told = {SECRET: None, "FORGEJO_SHIM_WEB_USER": None, "FORGEJO_SHIM_WEB_COOKIE": "a=S3cret"}
    assert shown(web, **told)["web_cookie"] == {"value": "set", "from": "variable"}
    told = {"FORGEJO_SHIM_STATE_KEY": "the-S3cret", "FORGEJO_SHIM_STATE_PASSWORD_FILE": str(path)}
    found = shown(web, **told)
    assert found["state_key"] == found["state_password"] == {"value": "set", "from": "variable"}
    assert secret not in web.run("serve", "--print-config", **told).output
    write(web, f'[servers."{web.small.url}"]\nweb_user = "f"\nweb_password = "S3cret"\n')
    found = shown(web, **{SECRET: None, "FORGEJO_SHIM_WEB_USER": None})
    assert found["web_password"] == {"value": "set", "from": "file"}


# --- what is tried


def tried(place: Place, *words: object, code: int = 0, **environment: str | None) -> dict[str, str]:
    """What is said of each thing, and at the end in a sentence."""
    result = place.run("serve", "--check", *words, **environment)
    assert result.exit_code == code, result.output
    *lines, last = result.stdout.splitlines() if code == 0 else [*result.stdout.splitlines(), result.stderr.strip()]
    return dict(line.split("\t") for line in lines) | {"": last}


@pytest.mark.clause("O3")
def test_what_works(web: Place, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "mine", good_for=timedelta(hours=1))
    port = free_port()
    said = tried(web, "--tls-cert", cert, "--tls-key", key, "--state", tmp_path / "kept", "--listen", f"h:{port}")
    ends = Certificate(cert, key).ends()
    assert timedelta(minutes=50) < ends - datetime.now(UTC) < timedelta(minutes=61)
    assert said == {
        "upstream": f"{web.small.url} is a Forgejo {web.small.double.face.version}",
        "operations": "0 of the 11 are the server's own",
        "account": "the web account o is signed in",
        "certificate": f"{cert} fits its key, and ends on {ends:%Y-%m-%d %H:%M} UTC",
        "state": "can be written and read",
        "": "Ready: forgejo-shim serve can serve as it is configured.",
    }
    assert [seen.path for seen in web.small.double.requests].count("/user/login") <= 2, "one sign-in: its page and form"


@pytest.mark.clause("O3")
def test_what_was_not_given(web: Place) -> None:
    said = tried(web, **{SECRET: None, "FORGEJO_SHIM_WEB_USER": None})
    assert said["account"].startswith("none is given") and said["certificate"].startswith("none is given")
    assert said["state"] == "kept in memory, until it ends"


@pytest.mark.clause("O1", "O3")
@pytest.mark.parametrize("state", ["facts.sqlite3", "redis://127.0.0.1:1"])
def test_a_flag_that_keeps_nothing_counts_before_the_file(web: Place, state: str) -> None:
    write(web, f'[serve]\nstate = "{state}"\nstate_key_file = "none"\n')
    result = web.run("--no-state", "serve", "--check")
    assert result.exit_code == 0 and "kept in memory" in result.stdout
    assert not (web.home / ".config/forgejo-shim" / state).exists()


@pytest.mark.clause("O3")
def test_what_does_not_work_is_the_exit_code(web: Place, tmp_path: Path) -> None:
    gone = f"http://127.0.0.1:{free_port()}"
    said = tried(web, "--upstream", gone, code=8)
    assert said["upstream"].startswith(f"{gone} cannot be reached: the connection is refused")
    assert said["operations"] == said["account"] == "not tried"
    assert said[""] == f"forgejo-shim: {said['upstream']}"
    said = tried(web, code=4, **{SECRET: "wrong"})
    assert "refused" in said["account"] and said[""].startswith(f"forgejo-shim: {said['account']}")
    (first, _), (_, second) = certificate(tmp_path, "a"), certificate(tmp_path, "b")
    said = tried(web, "--tls-cert", first, "--tls-key", second, code=1)
    assert (
        said["certificate"] == f"{second} is not the key of the certificate {first}; give the two that belong together"
    )
    (tmp_path / "state").write_bytes(b"no database" * 100)
    (tmp_path / "state").chmod(0o600)
    assert "cannot be used" in tried(web, "--state", tmp_path / "state", code=1)["state"]


@pytest.mark.clause("O3")
def test_a_certificate_that_has_ended(web: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cert, key = certificate(tmp_path, "old", good_for=timedelta(minutes=-1))
    said = tried(web, "--tls-cert", cert, "--tls-key", key, code=1)
    assert re.match(rf"the certificate {cert} ended on [0-9: -]+ UTC; renew it", said["certificate"])


@pytest.mark.clause("O3")
def test_what_is_tried_as_json(web: Place) -> None:
    result = web.run("serve", "--check", "--json", **{SECRET: "wrong"})
    said = json.loads(result.stdout)
    assert said["ready"] is False and said["upstream"]["ok"] is True and said["account"]["ok"] is False
    assert json.loads(result.stderr)["error"]["exit_code"] == result.exit_code == 4
    assert "wrong" not in result.output.replace("wrong password", "")


def test_every_option_of_the_help_is_in_the_table() -> None:
    listed = [name for group in groups_of(SERVE, click.Context(SERVE)).values() for name, _ in group]
    for option in SERVE.params:
        assert any(name.startswith(option.opts[0]) for name in listed), option.name
