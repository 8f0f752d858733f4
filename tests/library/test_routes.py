"""Paths that are spelled otherwise: the shim, its double and a model of the router, held against what servers did.

Rules
-----
* The recorded table (tests/routes.py) is the judge. `model` says the same in few words, for paths that nobody recorded;
  it shares nothing with the product.
* A random path is judged for each operation of the contract, the additions and both places of the face, as the adapter
  and the proxy read it; nothing goes over a network.
"""

from __future__ import annotations

import contextlib
import re
import socketserver
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import unquote, unquote_plus, unquote_to_bytes

import pytest
import requests
import routes
from double import Double
from forgejo_shim import WebLogin, mount
from forgejo_shim.errors import ServerRefusal
from forgejo_shim.faces import forgejo_proxy
from forgejo_shim.faces.all import all_faces
from forgejo_shim.faces.face import Face, recognise
from forgejo_shim.operations import API, OPERATIONS, Call
from forgejo_shim.router import routed
from hand import Hand
from hypothesis import example, given, settings
from hypothesis import strategies as some
from running import Running

clause = pytest.mark.clause
RECORDED = sorted({version for row in routes.table().values() for version in row})
DOUBLES = ("11", "15", "16")
VALUES = {"owner": "o", "repo": "r", "job": "41", "run": "42"}

# --- the model: what a router that compares segments makes of a path

ALWAYS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~"
IN_A_PATH = ALWAYS + "!$&'()*+,;=:@[]/%"
LEFT = ALWAYS + "$&+,/:;=@"
Route = tuple[str, dict[str, str]]
Taken = tuple[str, str, str, int, int | None]  # template, owner, repository, id or run number, attempt


def segments(path: str) -> list[str] | None:
    """A path's segments as they are compared; None if the server refuses the request."""
    if re.search("%(?![0-9a-fA-F][0-9a-fA-F])", path):
        return None
    if set(path) - set(IN_A_PATH):
        path = "".join(
            chr(byte) if chr(byte) in LEFT else f"%{byte:02X}"
            for byte in unquote_to_bytes(path.encode("utf-8", "surrogateescape"))
        )
    return [segment for segment in path.split("/") if segment]


def model(path: str, templates: Sequence[str]) -> Route | None:
    """The first template that a path fits, and what it puts in its braces, decoded once."""
    given = segments(path)
    for template in templates if given else ():
        parts = template.strip("/").split("/")
        if given and len(given) == len(parts) and all(p[0] == "{" or p == g for p, g in zip(parts, given, strict=True)):
            return template, {p[1:-1]: unquote(g) for p, g in zip(parts, given, strict=True) if p[0] == "{"}
    return None


def whole(text: str) -> int:
    """A number as Go reads it, its error dropped."""
    return max(-(2**63), min(2**63 - 1, int(text))) if re.fullmatch("[+-]?[0-9]+", text) else 0


def attempt_of(query: str) -> int | None:
    """The attempt that a query names, as Go reads it."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if ";" not in pair and not re.search("%(?![0-9a-fA-F][0-9a-fA-F])", pair) and unquote_plus(name) == "attempt":
            return whole(unquote_plus(value)) if value else None
    return None


def foretold(spelled: str, present: dict[str, str]) -> re.Pattern[str]:
    """What a server with these operations (name: template) takes a spelling for."""
    method, _, target = routes.filled(spelled, VALUES).partition(" ")
    path = target.partition("?")[0].encode("latin-1").decode("utf-8", "surrogateescape")
    if segments(path) is None:
        return re.compile("400 refused")
    found = model(path, list(present.values()))
    name = next((name for name, template in present.items() if found and template == found[0]), None)
    if name is None or found is None or routes.PLAIN[name].split()[0] != method:
        return re.compile("404 (absent|text)|405")
    values = found[1]
    if (values.get("owner", "o").lower(), values.get("repo", "r").lower()) != ("o", "r"):
        return re.compile("404 says .*|403 says token .*")
    if method == "POST":
        return re.compile("403 says token .*")
    if name in ("swagger", "version"):
        return re.compile(f"200 {name}")
    if name in ("runs", "tasks"):
        return re.compile("200 runs or tasks")
    id_ = whole(values.get("job", values.get("run", "")))
    of = "job" if "job" in values else "run"
    attempt = attempt_of(target.partition("?")[2]) if name == "log" else None
    if str(id_) == VALUES[of] and attempt not in (None, 1):
        return re.compile(f"404 no attempt {attempt}")
    if str(id_) == VALUES[of]:
        return re.compile(f"200 {name} {{{'run' if name == 'run' else 'job'}}}")
    shown = str(id_).replace(VALUES[of], f"{{{of}}}") if abs(id_) == int(VALUES[of]) else str(id_)
    return re.compile(re.escape(f"404 no {of} {shown}"))


def present(rows: dict[str, str]) -> dict[str, str]:
    """The operations that a server was seen to have, with their templates."""
    has = [name for name, plain in routes.PLAIN.items() if rows[plain].startswith(("200", "403"))]
    return {name: routes.PLAIN[name].partition(" ")[2] for name in has}


@clause("S42")
@pytest.mark.parametrize("version", RECORDED)
def test_the_model_says_what_servers_did(version: str) -> None:
    rows = routes.recorded(version)
    has = present(rows)
    wrong = {
        spelled: (told, want) for spelled, told in rows.items() if not (want := foretold(spelled, has)).fullmatch(told)
    }
    assert not wrong, f"{len(wrong)} of {len(rows)}: {list(wrong.items())[:5]}"


@clause("S42")
@pytest.mark.parametrize("version", DOUBLES)
def test_the_double_takes_them_as_the_server_did(version: str) -> None:
    """As recorded, or as the model says where nobody recorded that version."""
    with Double(version) as double:
        place = routes.place(Hand(double.url, double.admin.name, double.admin.password))
        told = {spelled: place.took(spelled) for spelled in routes.spellings()}
    rows, has = routes.recorded(version), present(told)
    wrong = {
        spelled: now
        for spelled, now in told.items()
        if (rows[spelled] != now if rows else not foretold(spelled, has).fullmatch(now))
    }
    assert not wrong, f"{len(wrong)} of {len(told)}: {list(wrong.items())[:5]}"


# --- the product

FACE = forgejo_proxy.ROOT
ALL = [API + row.path for row in OPERATIONS]
NATIVE_ONLY = {API + row.path: row.method for row in OPERATIONS if row.native_only}
OF_FACE = [FACE + API + path for path in forgejo_proxy.ROUTES]
# As the router has it: a fixed part before a placeholder.
OURS = sorted(ALL, key=lambda template: template.count("{"))
FACES = sorted(OF_FACE, key=lambda template: template.count("{"))
AT_THE_ROOT = [template.removeprefix(FACE) for template in FACES]


HIDDEN = ("hidden", "", "", 0, None)  # refused, since a server in between could make a run number of what is none


def read(found: tuple[Face, Call] | None) -> Taken | None:
    """What a request was taken for, in the model's words."""
    if found is None:
        return None
    call = found[1]
    route = call.route if call.route.startswith(FACE) else API + call.route
    number = call.id if call.run is None else call.run if isinstance(call.run, int) else 0
    return route, unquote(call.owner_segment), unquote(call.repo_segment), number, call.attempt


def known(method: str, path: str, query: str, *, face: bool) -> Taken | None:
    """What the faces of a driver take a request for."""
    try:
        return read(recognise(all_faces(("forgejo-proxy",) if face else ()), method, path, query))
    except ServerRefusal:
        return HIDDEN


def expected(method: str, target: str, *, face: bool) -> Taken | None:
    path, _, query = target.partition("?")
    found = model(path, [*FACES, *(AT_THE_ROOT if face else []), *OURS])
    if found is None or NATIVE_ONLY.get(found[0], method) != method:
        return None
    template, values = found
    text = next((values[name] for name in ("job_id", "run_id", "run_number", "artifact_id") if name in values), "")
    named = FACE + template if template in AT_THE_ROOT and face else template
    return named, values.get("owner", ""), values.get("repo", ""), whole(text), attempt_of(query)


@clause("S42")
def test_the_proxy_and_the_adapter_know_what_was_recorded() -> None:
    for spelled in routes.table():
        method, _, target = routes.filled(spelled, VALUES).partition(" ")
        agree(method, target.encode("latin-1").decode("utf-8", "surrogateescape"))


ADAPTERS = [
    mount(requests.Session(), base, writes=True) for base in ("https://h.example", "http://h.example:3000/for%20ge")
]


def agree(method: str, target: str) -> None:
    """Proxy, face and adapter take a target for what the model does."""
    path, _, query = target.partition("?")
    for face in (False, True):
        taken = known(method, path, query, face=face)
        assert taken == expected(method, target, face=face) or (taken == HIDDEN and face), (target, face)
    if (
        set(path) <= set(IN_A_PATH) and segments(path) is not None and "#" not in query
    ):  # else requests encodes it before it is sent
        for adapter in ADAPTERS:
            request = requests.Request(method, adapter.base_url).prepare()
            request.url = adapter.base_url + target
            assert read(adapter._recognised(request, {})) == expected(method, target, face=False), request.url


# --- what requests, urllib3 and aiohttp really send


class Listening(socketserver.ThreadingTCPServer):
    """Answers everything with 204 and keeps the targets that it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.targets: list[bytes] = []
        super().__init__(("127.0.0.1", 0), _Line)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class _Line(socketserver.StreamRequestHandler):
    server: Listening

    def handle(self) -> None:
        while line := self.rfile.readline():
            self.server.targets.append(line.split(b" ")[1])
            while self.rfile.readline() not in (b"\r\n", b""):
                pass
            self.wfile.write(b"HTTP/1.1 204 No Content\r\n\r\n")


@pytest.fixture(scope="module")
def listening() -> Iterator[Listening]:
    with Listening() as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


@clause("S44")
@pytest.mark.parametrize(
    "base, same, other",
    [
        (
            "https://h.example",
            ("https://H.example:443", "https://h.example"),
            ("https://h.example:80", "http://h.example"),
        ),
        ("http://h.example:80/x", ("http://h.example/x", "http://h.example:80/x"), ("http://h.example:443/x",)),
        ("http://[::1]:3000", ("http://[::1]:3000",), ("http://[::1]", "http://[::1]:80")),
    ],
)
def test_a_base_url_with_and_without_its_port(base: str, same: tuple[str, ...], other: tuple[str, ...]) -> None:
    session = requests.Session()
    adapter = mount(session, base)
    for url in same:
        assert session.get_adapter(requests.Request("GET", url + "/api").prepare().url or "") is adapter, url
    for url in other:
        assert session.get_adapter(url + "/api") is not adapter, url


@clause("S44")
@pytest.mark.parametrize("through", ["", "a proxy"])
def test_the_adapter_knows_what_is_sent(listening: Listening, through: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A URL is read as it goes over the wire, whatever was made of it until then."""
    base = "http://h.example/for%20ge" if through else f"{listening.url}/forge"
    session = requests.Session()
    session.trust_env = False
    session.proxies = {"http": listening.url} if through else {}
    adapter = mount(session, base, writes=True)
    seen: list[tuple[Face, Call] | None] = []
    knows = adapter._recognised
    monkeypatch.setattr(adapter, "_recognised", lambda *asked: seen.append(knows(*asked)))  # and passes everything on
    taken = 0
    for spelled in SENT:
        asked = routes.filled(spelled, VALUES).partition(" ")[2]
        listening.targets.clear()
        seen.clear()
        with contextlib.suppress(requests.exceptions.InvalidURL, requests.exceptions.ConnectionError):
            session.get(base + asked.encode("latin-1").decode("utf-8", "replace"))
        if seen and listening.targets:  # else it was none of the adapter's, or no URL
            target = listening.targets[0].decode().removeprefix("http://h.example")
            prefix = base.removeprefix("http://h.example").removeprefix(listening.url)
            want = expected("GET", target.removeprefix(prefix), face=False) if target.startswith(prefix + "/") else None
            assert read(seen[0]) == want, (asked, target)
            taken += seen[0] is not None
    assert taken > 50


SENT = [spelled for spelled in routes.spellings() if spelled.startswith("GET ") and "jobs/" in spelled]
SENT += [f"GET {extra}{routes.LOG}" for extra in ("/x/..", "/./", "/x/%2e%2e", "/%2E", "/..//")]
SENT += [
    routes.PLAIN["log"].replace("actions", f"{text}") for text in ("act\tions", "act\nions", "%7Eactions", "~actions")
]

MUTATIONS = (
    "/",
    "//",
    "/./",
    "/../",
    "/x/../",
    "%2F",
    "%2f",
    ";x=1",
    ";",
    "%20",
    "%2e",
    "..",
    "é",
    '"',
    "%",
    "\\",
    "+",
    "#",
)


@some.composite
def respelled(draw: some.DrawFn) -> tuple[str, str]:
    """Method and target of an operation, spelled otherwise in up to four places."""
    template = draw(some.sampled_from([*OURS, *FACES, *AT_THE_ROOT, "/swagger.v1.json", "/-/shim/metrics"]))
    number_ = draw(some.sampled_from(["7", "07", "+7", "%37", "%2B7", "%2537", "-7", "x", "latest", "%6Catest", "7 "]))
    path = re.sub(r"\{\w+\}", lambda found: {"{owner}": "o", "{repo}": "r.x"}.get(found[0], number_), template)
    for _ in range(draw(some.integers(0, 4))):
        at = draw(some.integers(0, len(path) - 1))
        kind = draw(some.sampled_from(["insert", "encode", "encode", "capital", "double", "double", "end"]))
        if kind == "insert":
            path = path[:at] + draw(some.sampled_from(MUTATIONS)) + path[at:]
        elif kind == "encode" and ord(path[at]) < 128:
            path = (
                path[:at] + draw(some.sampled_from([f"%{ord(path[at]):02X}", f"%{ord(path[at]):02x}"])) + path[at + 1 :]
            )
        elif kind == "capital":
            path = path[:at] + path[at].upper() + path[at + 1 :]
        elif kind == "double":
            slashes = [index for index, char in enumerate(path) if char == "/"]
            path = path[: (cut := draw(some.sampled_from(slashes)))] + "/" + path[cut:] if slashes else path
        else:
            path += draw(some.sampled_from(["/", "//", "?", "/?x=1", "%20", ";", "/.", "#"]))
    method = draw(some.sampled_from(["GET", "POST", "HEAD"]))
    query = draw(some.sampled_from(["", "", *(f"?{query}" for query in routes.QUERIES)]))
    return method, (path if path.startswith("/") else f"/{path}") + query


@clause("S42", "X28")
@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(respelled())
@example(("GET", "//api/v1/repos/o/r/actions/runs/7/logs"))
@example(("GET", f'{API}/repos/o/r/%61ctions/runs/7"/logs'))
@example(("GET", f"{API}/repos/o/r/actions/jobs/..%2Fruns%2F7/logs"))
@example(("GET", f"{API}/repos/o/r/actions/runs/7/logs#"))
def test_whatever_is_spelled_all_agree(asked: tuple[str, str]) -> None:
    method, target = asked
    agree(method, target)
    path = target.partition("?")[0]
    assert routed(routed(path)) == routed(path)
    never_by_id(path)


def never_by_id(path: str) -> None:
    """With the face, no path gets to the operations by id that it hides, even tidied on its way to the server."""
    hidden = [API + path for path in forgejo_proxy.HIDDEN]
    for seen in (path, *tidy(path)):
        if model(seen, hidden):
            taken = known("GET", path, "", face=True)
            assert taken and (taken == HIDDEN or taken[0].startswith(FACE)), (path, seen)


def tidy(path: str) -> Iterator[str]:
    """What a server in between may make of a path: decoded, cut at a `#`, and dot segments resolved."""
    if segments(path) is None:
        return
    kept: list[str] = []
    for segment in unquote(path).partition("#")[0].split("/"):
        if segment == ".." and kept:
            kept.pop()
        elif segment not in ("", ".", ".."):
            kept.append(segment)
    yield "/" + "/".join(kept)


# --- from end to end


@clause("S42")
@pytest.mark.parametrize("version", DOUBLES)
def test_the_proxy_takes_them_as_if_the_server_had_the_operations(version: str) -> None:
    added = {name: routes.PLAIN[name].partition(" ")[2] for name in ("log", "job", "jobs", "zip")}
    with Double(version) as double:
        there = routes.place(Hand(double.url, double.admin.name, double.admin.password))
        offers = present({plain: there.took(plain) for plain in routes.PLAIN.values()}) | added
        with Running(double.url, WebLogin(double.admin.name, double.admin.password)) as proxy:
            through = replace(there, base_url=proxy.base_url)
            asked = [one for one in routes.table() if ("/jobs" in one or "/logs" in one) and one.isascii()]
            told = {spelled: through.took(spelled) for spelled in asked if not spelled.startswith("POST")}
    wrong: dict[str, tuple[str, str]] = {}
    for spelled, now in told.items():
        want = foretold(spelled, offers)
        if version == "11" and re.search(r"200 (jobs|zip)|no\\ run", want.pattern):
            want = re.compile("501 says .* knows no run ids .*")
        if version == "11" and (attempt_of(spelled.partition("?")[2]) or 0) > 0:
            want = re.compile("501 says attempt .* cannot be had .*")
        if not want.fullmatch(now):
            wrong[spelled] = now, want.pattern
    assert not wrong, f"{len(wrong)} of {len(told)}: {list(wrong.items())[:5]}"


@clause("S43")
@pytest.mark.parametrize("version", ["11", "16"])
def test_what_passes_goes_on_as_it_came(version: str) -> None:
    spelled = routes.LOG.replace("{owner}", "{%owner}").replace("/actions", "//actions") + "/"
    with Double(version) as double:
        there = routes.place(Hand(double.url, double.admin.name, double.admin.password))
        with Running(double.url, WebLogin(double.admin.name, double.admin.password)) as proxy:
            through = replace(there, base_url=proxy.base_url)
            for path in (spelled, "/no//such//", "/%2e/x", "/swagger.v1.json//x", "/api/v1/;/"):
                before = len(double.requests)
                told = through.took(f"GET {path}")
                sent = [seen.path for seen in double.requests[before:]]
                if path == spelled and version == "11":
                    assert told == "200 log {job}"
                    assert f"/api/v1/repos/{there.values['owner']}/routes/actions/tasks" in sent
                    assert not [one for one in sent if "//" in one or "%" in one], "asked for by plain paths"
                else:
                    assert sent[-1] == routes.filled(path, there.values)


@clause("X28")
def test_what_could_become_a_route_of_the_face_is_not_passed_on() -> None:
    with Double("16") as double:
        there = routes.place(Hand(double.url, double.admin.name, double.admin.password))
        with Running(double.url, faces=frozenset({"forgejo-proxy"})) as proxy:
            through = replace(there, base_url=proxy.base_url)
            for path in (
                "/actions/%72uns/1/logs",
                "/./actions/runs/1/jobs",
                "/actions/jobs/..%2Fruns%2F1/logs",
                "/actions/runs/1/logs#",
            ):
                before = len(double.requests)
                assert through.took(f"GET {routes.ACTIONS.removesuffix('/actions')}{path}") == "404 absent", path
                assert len(double.requests) == before, path
            assert through.took(f"GET {routes.ACTIONS}/%74asks") == "404 absent"
            assert len(double.requests) > before, "what nobody can take for one passes"


@clause("X29")
def test_what_is_the_proxys_own_however_it_is_spelled() -> None:
    with Double("15") as double:
        with Running(double.url) as proxy, Running(double.url, own_is_apart=True) as apart:
            for path in ("/-/shim/healthz", "//-/shim/healthz", "/-//shim///healthz/"):
                assert routes.ask(proxy.base_url, f"GET {path}", "")[::2] == (200, b"alive\n"), path
                assert routes.ask(apart.base_url, f"GET {path}", "")[0] == 404, path
            for path in ("/-/shim", "/-/shim/", "//-/shim"):
                told = routes.ask(proxy.base_url, f"GET {path}", "")
                assert told[0] == 200 and b"/-/shim/readyz" in told[2], path
                assert routes.ask(apart.base_url, f"GET {path}", "")[0] == 404, path
            assert not [seen for seen in double.requests if "shim" in seen.path]
            for path in ("//swagger.v1.json", "/swagger.v1.json/", f"/{FACE}//swagger.v1.json"):
                assert b"x-forgejo-shim" in routes.ask(proxy.base_url, f"GET {path}", "")[2] or FACE in path, path
            assert b"run_number" in routes.ask(proxy.base_url, f"GET /{FACE}//swagger.v1.json", "")[2]
