"""The files of shim/deploy/ as they are shipped: taken by the programs and schemas that they are for, and at one with
each other. How nginx and Caddy do with them show proxy/test_doors.py and proxy/test_doors_streams.py.

Rules: a program or a schema that is not there is 'not run', with what to install. `check-jsonschema` has the schema of
compose files, `kubernetes-validate` those of Kubernetes; neither is among the tests' own packages, being large.
"""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from certificates import certificate
from command import Place
from doors import CADDY, DEPLOY, MAIN, NGINX, caddy
from forgejo_shim.cli.serve import serve
from hand import wait
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from proxied import Proxied
from redis import AuthenticationError, Redis
from redis_server import EXECUTABLES
from servers import free_port
from small import Small
from test_doors import TO_A_SHIM, TO_FORGEJO

UNIT = DEPLOY / "forgejo-shim@.service"
COMPOSE = ("compose.yml", "compose.small.yml", "compose.traefik.yml")
ANALYZE = shutil.which("systemd-analyze")
needs_systemd = pytest.mark.skipif(not ANALYZE, reason="not run: no systemd-analyze on the PATH (systemd)")
EXPOSURE = 2.0


def read(name: str) -> str:
    return (DEPLOY / name).read_text()


# --- nginx, Caddy, Traefik


@pytest.mark.clause("X51")
@pytest.mark.skipif(not NGINX, reason="not run: there is no nginx here (nginx-light)")
@pytest.mark.skipif(
    os.geteuid() != 0, reason="not run: nginx -t opens port 443 and /var/log/nginx, for which it is root"
)
def test_nginx_takes_its_file_as_it_is(tmp_path: Path) -> None:
    certificate(tmp_path, "forge.example")
    config = tmp_path / "nginx.conf"
    config.write_text(MAIN.format(folder=tmp_path, included=DEPLOY / "nginx.conf"))
    words = [str(NGINX), "-t", "-c", str(config), "-p", str(tmp_path), "-e", str(tmp_path / "error.log")]
    said = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (said.returncode, "warn" in said.stderr) == (0, False), said.stderr


@pytest.mark.clause("X51")
@pytest.mark.skipif(not CADDY, reason="not run: there is no caddy here (caddy)")
def test_caddy_takes_its_file_as_it_is(tmp_path: Path) -> None:
    assert "Valid configuration" in caddy(tmp_path, "validate").stdout
    adapted = json.loads(caddy(tmp_path, "adapt").stdout)
    assert "forge.example" in json.dumps(adapted)
    words = [str(CADDY), "fmt", str(DEPLOY / "Caddyfile")]
    assert subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout == read("Caddyfile")


def ours() -> dict[str, str]:
    """What each door sends to a shim, as one pattern."""
    first, second = re.findall(r"location ~ (\^/\S+) \{\s+proxy_pass http://forgejo_shim;", read("nginx.conf"))
    (of_caddy,) = re.findall(r"@shim path_regexp (\S+)", read("Caddyfile"))
    (of_traefik,) = re.findall(r"PathRegexp\(`(\S+)`\)", read("compose.traefik.yml"))
    of_nginx = f"^/({first.removeprefix('^/')}|{second.removeprefix('^/(')}"
    return {"nginx": of_nginx, "caddy": of_caddy, "traefik": of_traefik.replace("$$", "$")}


def parts(pattern: str) -> set[str]:
    """The alternatives of a pattern `^/(…|…)`, outside of its inner groups."""
    found, depth = [""], 0
    for char in pattern.removeprefix("^/(").removesuffix(")"):
        depth += {"(": 1, ")": -1}.get(char, 0)
        if char == "|" and depth == 0:
            found.append("")
        else:
            found[-1] += char
    return set(found)


@pytest.mark.clause("X51")
def test_all_doors_send_the_same_to_a_shim() -> None:
    of_nginx, of_caddy, of_traefik = map(parts, ours().values())
    assert len(of_nginx) == 5 and of_nginx == of_caddy == of_traefik


@pytest.mark.clause("X51")
def test_traefiks_rule_takes_what_is_a_shims() -> None:
    """Traefik tidies a path before it looks; its patterns are Go's, which know no lookaround and no references."""
    pattern = ours()["traefik"]
    assert not re.search(r"\(\?|\\[0-9]", pattern)
    tidied = [re.sub("/{2,}", "/", target.partition("?")[0]) for target in TO_A_SHIM]
    assert [path for path in tidied if not re.search(pattern, path)] == []
    assert [target for target in TO_FORGEJO if re.search(pattern, target.partition("?")[0])] == []


# --- systemd


@needs_systemd
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    said = analyzed(tmp_path, "verify")
    assert "forgejo-shim@" not in said.stderr, said.stderr


@pytest.mark.clause("X56")
@needs_systemd
def test_the_unit_is_exposed_no_more_than_it_must_be(tmp_path: Path) -> None:
    said = analyzed(tmp_path, "security", "--offline=true", "--no-pager")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+) ", said.stdout)
    assert found, said.stderr
    assert float(found[1]) <= EXPOSURE, said.stdout


def analyzed(folder: Path, verb: str, *words: str) -> subprocess.CompletedProcess[str]:
    """What systemd says of the unit for port 8080; the program that it starts stands in for ours."""
    path = folder / "forgejo-shim@8080.service"
    path.write_text(re.sub("ExecStart=[^ ]+", "ExecStart=/bin/sh", read(UNIT.name)).replace("man:forgejo-shim(1)", ""))
    return subprocess.run([str(ANALYZE), verb, *words, str(path)], capture_output=True, text=True, check=False)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with Small("15") as small:
        small.add()
        yield Place(small, tmp_path / "home")


@pytest.mark.clause("S34", "X31")
def test_the_service_starts(place: Place, tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(read(UNIT.name))
    (tmp_path / "web_password").write_text(place.small.web.password)
    (tmp_path / "state").mkdir(mode=0o700)
    port = free_port()
    program, *words = shlex.split(unit["Service"]["ExecStart"].replace("%i", str(port)))
    settings = {
        "FORGEJO_SHIM_UPSTREAM": place.small.url,
        "FORGEJO_SHIM_WEB_USER": "o",
        "FORGEJO_SHIM_WEB_PASSWORD_FILE": str(tmp_path / "web_password"),
        "FORGEJO_SHIM_STATE": str(tmp_path / "state/facts.sqlite3"),
    }
    settings = of_unit() | settings
    (job_id,) = place.small.model.jobs
    url = f"http://127.0.0.1:{port}/api/v1/repos/o/r/actions/jobs/{job_id}/logs"
    assert (program, words[0]) == ("/opt/forgejo-shim/bin/forgejo-shim", "serve")
    with Proxied(None, None, *words[1:], port=port, environment=settings):
        log = requests.get(url, headers={"Authorization": f"token {place.small.token}"}, timeout=20)
    assert (log.status_code, log.headers["X-Forgejo-Shim"]) == (200, "web")
    assert (tmp_path / "state/facts.sqlite3").exists()


def of_unit() -> dict[str, str]:
    """The variables that the unit sets."""
    return dict(re.findall(r"^Environment=(\w+)=(.*)$", read(UNIT.name), re.MULTILINE))


# --- compose and Kubernetes


def wrong(document: Any, schema: Mapping[str, Any]) -> list[str]:
    """What a document has that its schema does not allow."""
    kind = validator_for(schema, Draft202012Validator)
    return [f"{error.json_path}: {error.message}" for error in kind(schema).iter_errors(document)]


@pytest.mark.parametrize("name", COMPOSE)
def test_compose_files_fit_their_schema(name: str) -> None:
    package = importlib.util.find_spec("check_jsonschema")
    if not package or not package.origin:
        pytest.skip("not run: the schema is in check-jsonschema, which is not here (pip install check-jsonschema)")
    schema = json.loads((Path(package.origin).parent / "builtin_schemas/vendor/compose-spec.json").read_text())
    document = yaml.safe_load(read(name))
    assert wrong(document, schema) == []
    assert wrong(document | {"services": {"x": {"imag": "y"}}}, schema), "a word that is wrong is found"


def test_the_shared_state_of_compose_is_bounded_and_has_its_password(tmp_path: Path) -> None:
    program = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if not program:
        pytest.skip("not run: neither redis-server nor valkey-server is installed")
    service = yaml.safe_load(read("compose.yml"))["services"]["valkey"]
    (script,) = service["command"]
    (tmp_path / "password").write_text("s3cret\n")
    script = script.replace("$$", "$").replace("/run/secrets/state_password", str(tmp_path / "password"))
    script = script.replace("valkey-server", f"{program} --port 0 --unixsocket {tmp_path}/socket")
    process = subprocess.Popen([*service["entrypoint"], script], stdout=subprocess.DEVNULL)
    try:
        wait(lambda: (tmp_path / "socket").exists(), "its socket", 20)
        with Redis(unix_socket_path=str(tmp_path / "socket"), password="s3cret", decode_responses=True) as redis:
            assert redis.config_get("maxmemory*")["maxmemory"] == str(100 * 1024 * 1024)
            assert redis.config_get("maxmemory*")["maxmemory-policy"] == "allkeys-lru"
            assert redis.config_get("save") == {"save": ""}
        with Redis(unix_socket_path=str(tmp_path / "socket")) as nobody, pytest.raises(AuthenticationError):
            nobody.ping()
    finally:
        process.kill()
        process.wait()


def test_the_manifest_fits_kubernetes_schemas() -> None:
    if not importlib.util.find_spec("kubernetes_validate"):
        pytest.skip("not run: there is no kubernetes-validate here (pip install kubernetes-validate)")
    tool = importlib.import_module("kubernetes_validate")
    for document in yaml.safe_load_all(read("kubernetes.yml")):
        tool.validate(document, tool.latest_version(), strict=True)
        with pytest.raises(tool.ValidationError):
            tool.validate(document | {"spek": {}}, tool.latest_version(), strict=True)


@pytest.mark.clause("X56")
def test_a_pod_may_do_nothing_that_it_need_not() -> None:
    deployment, service, budget = yaml.safe_load_all(read("kubernetes.yml"))
    pod = deployment["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    may = container["securityContext"]
    assert may["readOnlyRootFilesystem"] and may["capabilities"] == {"drop": ["ALL"]}
    assert pod["securityContext"]["runAsNonRoot"] and not may["allowPrivilegeEscalation"]
    assert deployment["spec"]["replicas"] == 2 and budget["spec"]["minAvailable"] == 1
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert labels == service["spec"]["selector"] == budget["spec"]["selector"]["matchLabels"]
    assert [port["targetPort"] for port in service["spec"]["ports"]] == ["http"], "the shim's own pages are not served"
    secrets = [one["value"] for one in container["env"] if one["name"].endswith("_FILE")]
    assert len(secrets) == 3 and all(path.startswith(container["volumeMounts"][0]["mountPath"]) for path in secrets)


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command line of `serve` in the files."""
    yield UNIT.name, shlex.split(re.findall(r"^ExecStart=\S+ (.*)", read(UNIT.name), re.MULTILINE)[0])
    for name in COMPOSE:
        for service in yaml.safe_load(read(name))["services"].values():
            if "serve" in service.get("command", ()):
                yield name, service["command"]
    deployment = next(yaml.safe_load_all(read("kubernetes.yml")))
    yield "kubernetes.yml", deployment["spec"]["template"]["spec"]["containers"][0]["args"]


@pytest.mark.parametrize(("name", "words"), list(commands()), ids=[name for name, _ in commands()])
def test_serve_takes_what_a_file_gives_it(monkeypatch: pytest.MonkeyPatch, name: str, words: list[str]) -> None:
    for variable, value in of_unit().items() if name == UNIT.name else ():
        monkeypatch.setenv(variable, value)
    assert words[0] == "serve"
    given = serve.make_context("serve", [word.replace("%i", "8080") for word in words[1:]]).params
    assert name == "compose.small.yml" or (given["upstream"] and given["trust"])
