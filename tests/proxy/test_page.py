"""The operator's page: what it says in each state, to whom, and that nothing on it is anybody's but the operator's."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import math
import platform
import re
import threading
import time
from functools import partial
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin

import pytest
import requests
from aiohttp import web
from forgejo_shim import WebLogin
from forgejo_shim.operations import CONTRACT, OPERATIONS, REPO
from forgejo_shim.proxy import figures, health
from forgejo_shim.proxy.changes import Changes
from forgejo_shim.proxy.conditions import Condition, Part, Since
from forgejo_shim.proxy.metrics import CAUSE, Metrics
from forgejo_shim.proxy.own import wants_html
from forgejo_shim.proxy.page import View, render
from prometheus_client.core import Metric
from proxied import Proxied
from running import Answering, Running, log_path, slowly
from servers import free_port
from small import Small

ROOT = Path(__file__).parents[2]
WRONG = WebLogin("o", "not the password")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
FACES = ("11", "12", "15", "16")
VOID = {"meta", "link", "wbr"}


class Read(HTMLParser):
    """A page as a reader has it: the text of each section by its id, the rows of its tables, and what encloses what."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.rows: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self._table = ""
        self.feed(page)
        self.close()
        assert self.open == [], "what is opened is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self._table = given["aria-labelledby"] or ""
            self.rows[self._table] = []
        elif tag == "tr":
            self.rows[self._table].append([])
        elif tag in ("th", "td"):
            self.rows[self._table][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open or "script" in self.open:
            return
        self.text += data
        if {"th", "td"} & set(self.open):
            self.rows[self._table][-1][-1] += data

    def row(self, table: str, first: str) -> list[str]:
        """What stands in a table's row behind its head."""
        (found,) = [row[1:] for row in self.rows[table] if row[0] == first]
        return found


def page(proxy: Running, **headers: str) -> requests.Response:
    return proxy.get("/-/shim/", headers={"Accept": BROWSER, **headers})


def read(proxy: Running) -> Read:
    """The page once more, after a new check."""
    if found_before := proxy.proxy.health._found:
        proxy.proxy.health._found = -math.inf, found_before[1]
    found = page(proxy)
    assert found.status_code == 200
    return Read(found.text)


# --- to whom


@pytest.mark.clause("U1")
@pytest.mark.parametrize(
    "accept, html",
    [
        (BROWSER, True),
        ("text/html", True),
        ("TEXT/HTML;q=0.2", True),
        ("text/plain, text/html ; level=1", True),
        ("*/*", False),
        ("", False),
        ("application/json", False),
        ("text/html;q=0, */*", False),
        ("text/html; q=0.000", False),
        ("text/htmlx", False),
    ],
)
def test_who_accepts_html_gets_the_page(accept: str, html: bool) -> None:
    assert wants_html(accept) is html


@pytest.mark.clause("U1")
def test_others_get_what_they_got(greeting: Answering) -> None:
    with Running(greeting.base_url, version="9.9") as proxy:
        for path in ("/-/shim", "/-/shim/", "/-//shim/"):
            plain, html = proxy.get(path), proxy.get(path, headers={"Accept": BROWSER})
            assert plain.headers["Content-Type"] == "text/plain" and plain.text.startswith("forgejo-shim 9.9\n")
            assert html.headers["Content-Type"] == "text/html; charset=utf-8" and "<h1>" in html.text
            links = [urljoin(html.url, given["href"] or "") for tag, given in Read(html.text).tags if tag == "a"]
            assert links and all(proxy.get(link.removeprefix(proxy.base_url)).text != "hello" for link in links)
            assert html.headers["Vary"] == "Accept" and html.headers["Cache-Control"] == "no-store"
        head = proxy.session.head(proxy.base_url + "/-/shim/", headers={"Accept": BROWSER}, timeout=5)
        assert head.status_code == 200 and int(head.headers["Content-Length"]) > 1000
        refused = proxy.session.post(proxy.base_url + "/-/shim/", headers={"Accept": BROWSER}, timeout=5)
        assert refused.status_code == 405
        readyz = proxy.get("/-/shim/readyz", headers={"Accept": BROWSER})
        assert readyz.headers["Content-Type"].startswith("application/json"), "only the page itself is one"


@pytest.mark.clause("U1", "U4")
def test_at_an_address_of_its_own_it_is_there_only_and_names_the_server() -> None:
    own = free_port()
    with Small("15") as small, Proxied(small.url, small.web, "--admin-listen", f"127.0.0.1:{own}") as proxy:
        hidden = proxy.get("/-/shim/", headers={"Accept": BROWSER})
        assert (hidden.status_code, hidden.text) == (404, "404 page not found\n")
        shown = requests.get(f"http://127.0.0.1:{own}/-/shim/", headers={"Accept": BROWSER}, timeout=9)
        assert f"at {small.url}." in Read(shown.text).text


# --- what it says


@pytest.mark.clause("U2")
def test_it_says_how_all_is_and_counts() -> None:
    with Small("15") as small, Running(small.url, small.web, version="1.2.3", streams=7) as proxy:
        path = log_path(small)
        for _ in range(3):
            assert proxy.get(path, small.token).status_code == 200
        for other in ("/api/v1/version", "/nothing/here", "/api/v1/actions/run"):
            proxy.get(other, small.token)
        proxy.lines(6)
        found = read(proxy)
        assert "forgejo-shim 1.2.3" in found.text and "Everything works." in found.text
        assert f"Forgejo {small.double.face.version}." in found.text
        for part, says in (("Server behind", "✓ works reachable"), ("Web session", "✓ works signed in")):
            state, since = found.row("state", part)
            assert state == says
            assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d \(\d+ s ago\)", since)
        heads = found.rows["requests"][0]
        counts = dict(zip(heads[1:], found.row("requests", "200"), strict=True))
        assert counts == {"native": "0", "web": "3", "passed": "1", "own": "0", "all": "4"}
        assert found.row("requests", "All")[-1] == "6"
        answers, *times = found.row("times", "…/actions/jobs/{job_id}/logs")
        assert answers == "3" and all(re.fullmatch(r"[\d.]+ m?s", one) for one in times)
        assert found.row("errors", "native-only")[-1] == "1"
        assert "of 7 streams" in found.text and "0 logs, 0 followed" in found.text


@pytest.mark.clause("U2")
def test_it_counts_streams_while_they_are_open() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy, slowly(small):
        with proxy.get(log_path(small), small.token, stream=True) as answer:
            answer.raw.read(1)
            assert "1 logs, 0 followed" in (text := read(proxy).text) and "Busiest caller1of 100 streams" in text


@pytest.mark.clause("U2")
@pytest.mark.parametrize(
    "face, account, summary, state",
    [
        ("15", "none", "Everything works.", "✓ works anonymous"),
        ("16", "none", "Everything works.", "✓ works not needed"),
        ("16", "wrong", "Everything works.", "✓ works not needed"),
        (
            "15",
            "wrong",
            "The web session cannot be used, so nothing can be read from the web UI: web-sign-in-refused.",
            "✕ fails web-sign-in-refused, tried again in 300\u00a0s",
        ),
    ],
)
def test_it_says_how_the_web_session_is(face: str, account: str, summary: str, state: str) -> None:
    with Small(face) as small, Running(small.url, WRONG if account == "wrong" else None) as proxy:
        found = read(proxy)
        assert summary in found.text
        assert found.row("state", "Web session")[0] == state


@pytest.mark.clause("U2", "U10")
def test_it_says_that_the_server_is_lost_and_since_when_and_when_it_is_back() -> None:
    with Small("15") as small, Running(small.url, small.web) as proxy:
        assert read(proxy).row("state", "Server behind")[0] == "✓ works reachable"
        begun = time.time()
        fault = small.double.faults.add("/", unanswered=True)
        assert proxy.get("/").status_code == 502
        noticed = time.time()
        time.sleep(1.1)
        found = read(proxy)
        assert "The server behind cannot be used: unreachable." in found.text
        assert found.row("state", "Server behind")[0] == "✕ fails unreachable"
        assert found.row("state", "Web session")[0] == "? unknown not checked"
        assert f"Forgejo {small.double.face.version}." in found.text, "what it was when it was seen last"
        assert begun <= since(proxy, "upstream") <= noticed, "when the first request noticed, before the check"
        assert proxy.figures()["forgejo_shim_upstream_up"] == proxy.figures()["forgejo_shim_web_session_up"] == 0
        small.double.faults.rules.remove(fault)
        back = time.time()
        assert proxy.get("/").status_code != 502
        assert "Everything works." in read(proxy).text
        assert back <= since(proxy, "upstream") <= time.time()


def since(proxy: Running, name: str) -> float:
    (found,) = [one for part, _, one in proxy.proxy.health._parts if part == name]
    return found.at


@pytest.mark.clause("U10")
def test_since_when_is_when_it_was_noticed_first() -> None:
    clock = iter((10.0, 20.0, 30.0, 40.0, 50.0))
    kept = Since(1.0, lambda: next(clock))
    up, down, other = Part(True, "reachable"), Part(False, "unreachable"), Part(False, "not-a-forgejo")
    told = []
    for part, changed in ((up, 1.0), (up, 1.0), (down, 25.0), (other, 25.0), (up, 25.0)):
        kept.note(part, changed)
        told.append(kept.at)
    assert told == [1.0, 1.0, 25.0, 40.0, 50.0]


@pytest.mark.clause("U10")
def test_a_trouble_that_only_changes_its_name_began_when_it_began() -> None:
    async def noted() -> list[float]:
        changes, found = Changes("works", lambda line: None), []
        for note in (changes.works, *(partial(changes.fails, why, why) for why in "aab"), changes.works):
            time.sleep(0.002)
            note()
            found.append(changes.since)
        return found

    start, first, same, other, end = asyncio.run(noted())
    assert start < first == same == other < end


@pytest.mark.clause("U7")
def test_it_has_headings_and_tables_with_heads() -> None:
    with Small("15") as small, Running(small.url) as proxy:
        proxy.get("/api/v1/actions/run", small.token)
        proxy.lines(1)
        found = read(proxy)
    tags = [tag for tag, _ in found.tags]
    headings = [given["id"] for tag, given in found.tags if tag == "h2"]
    assert tags.count("h1") == tags.count("main") == 1 and len(headings) == tags.count("section") == 7
    assert [given["aria-labelledby"] for tag, given in found.tags if tag == "section"] == headings
    assert set(found.rows) <= set(headings) and len(found.rows) == 6
    scopes = [given.get("scope") for tag, given in found.tags if tag == "th"]
    assert scopes.count("row") == sum(len(rows) - 1 for rows in found.rows.values())
    assert scopes.count("col") == sum(len(rows[0]) for rows in found.rows.values())
    assert len(scopes) == scopes.count("row") + scopes.count("col")
    assert ("html", {"lang": "en"}) in found.tags and "status" in [given.get("role") for _, given in found.tags]


# --- each operation


@pytest.mark.clause("U3")
@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("account, writes", [("good", True), ("good", False), ("none", True)])
def test_of_each_operation_it_says_what_the_swagger_document_says(face: str, account: str, writes: bool) -> None:
    with Small(face) as small, Running(small.url, small.web if account == "good" else None, writes=writes) as proxy:
        paths = proxy.get("/swagger.v1.json").json()["paths"]
        found = read(proxy)
        told = {row[0]: row[1] for name in ("contract", "additions") for row in found.rows[name][1:]}
        assert len(told) == len(OPERATIONS) and len(found.rows["contract"]) == len(CONTRACT) + 1
        for row in OPERATIONS:
            document = paths.get(row.path, {}).get(row.method.lower())
            how = "absent" if document is None else "web" if document.get("x-forgejo-shim") else "native"
            said, _, why = told[f"{row.method} {row.path.replace(REPO, '…')}"].partition(" ")
            assert said == how and bool(why) == (how == "absent"), row


@pytest.mark.clause("U3")
def test_of_operations_of_a_server_without_a_document_it_says_so() -> None:
    with Running("http://127.0.0.1:9") as proxy:
        rows = read(proxy).rows["contract"][1:]
        assert {row[1] for row in rows} == {"unknown the server's document is not known"}


# --- what is not on it, and what stays text


@pytest.mark.clause("U4")
@pytest.mark.parametrize("face", ["15", "16"])
def test_it_names_nobody(face: str) -> None:
    account = WebLogin("secret-owner", "the secret password")
    with Small(face) as small, Running(small.url, account, faces=frozenset({"github"})) as proxy:
        owner = small.model.add_user(account.user, account.password)
        repo = small.model.add_repo(owner, "secret-repo")
        token = small.model.add_token(owner, ("read:repository", "read:user")).sha1
        (job,) = small.model.add_finished_run(repo, {"secret-job": b"2026-01-02T03:04:05.0000000Z secret line\n"}).jobs
        base = "repos/secret-owner/secret-repo/actions"
        proxy.session.headers["X-Forwarded-For"] = "203.0.113.77"
        moved = proxy.get(f"/api/v3/{base}/jobs/{job.id}/logs", token)
        assert moved.status_code == 302
        for path in (
            moved.headers["Location"].removeprefix(proxy.base_url),
            f"/api/v1/{base}/jobs/{job.id}/logs",
            f"/api/v1/{base}/secret/secret?token={token}",
            "/secret-owner/secret-repo",
            f"/api/v1/{base}/runs/secret/why?tail=secret",
            "/-/shim/secret",
        ):
            proxy.get(path, token)
        ticket = moved.headers["Location"].partition("ticket=")[2]
        for text in (page(proxy).text, proxy.get("/-/shim/metrics").text):
            for known in ("secret", token, ticket[:16], "203.0.113.77", "127.0.0.1", small.url):
                assert known not in text, known


HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(2)">&amp;'"\x1b[31m\u202e\ud800""" + "x" * 5000


@pytest.mark.clause("U5")
def test_a_servers_version_stays_text() -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.json_response({"version": HOSTILE})

    with Answering(answer) as behind, Running(behind.base_url) as proxy:
        found = page(proxy)
        seen = Read(found.text)
        assert "Forgejo <script>alert(1)</script><img src=x onerror=" in seen.text
        assert "\x1b" not in found.text and "\u202e" not in found.text and "x" * 20 not in found.text
        assert not {"img", "b"} & {tag for tag, _ in seen.tags}
        assert [tag for tag, _ in seen.tags].count("script") == 1
        assert all(not name.startswith("on") for _, given in seen.tags for name in given)


@pytest.mark.clause("U5")
def test_a_state_and_a_cause_stay_text() -> None:
    sample = Metric("forgejo_shim_errors", "", "counter")
    sample.add_sample("forgejo_shim_errors_total", {"cause": HOSTILE}, 1)
    states = [Condition(HOSTILE, Part(False, HOSTILE), 0.0)]
    seen = Read(render(View(HOSTILE, HOSTILE, HOSTILE, states, figures.read([sample]), [], 0.0)).decode())
    assert [tag for tag, _ in seen.tags].count("script") == 1 and "img" not in {tag for tag, _ in seen.tags}
    assert seen.text.count("<script>alert(1)</script>") == 8


@pytest.mark.clause("U9")
def test_what_is_no_cause_is_counted_as_other() -> None:
    counted = Metrics()
    for cause in ("server-failed", "server-failed", HOSTILE, "A", "a" * 41, "ü-x", ""):
        counted.note("", "pass", 502, 0.1, 1, cause)
    text = counted.text().decode()
    assert 'forgejo_shim_errors_total{cause="server-failed"} 2.0' in text
    assert 'forgejo_shim_errors_total{cause="other"} 4.0' in text
    assert 'forgejo_shim_errors_total{cause="too-many-streams"} 0.0' in text, "an alert looks for the first one"
    assert len(re.findall("^forgejo_shim_errors_total", text, re.MULTILINE)) == 3
    (at,) = re.findall(r'^forgejo_shim_last_error_timestamp_seconds\{cause="other"\} (.*)$', text, re.MULTILINE)
    assert abs(float(at) - time.time()) < 60


@pytest.mark.clause("U9")
def test_all_causes_there_are_have_the_form_of_one() -> None:
    causes = [row["cause"] for row in json.loads((ROOT / "spec/causes.json").read_text())]
    assert [cause for cause in causes if not CAUSE.fullmatch(cause)] == []


@pytest.mark.clause("U5")
def test_the_policy_allows_its_own_style_and_script_and_nothing_else(greeting: Answering) -> None:
    with Running(greeting.base_url) as proxy:
        found = page(proxy)
        policy = dict(one.strip().partition(" ")[::2] for one in found.headers["Content-Security-Policy"].split(";"))
        assert policy.pop("default-src") == policy.pop("base-uri") == policy.pop("form-action") == "'none'"
        assert (policy.pop("frame-ancestors"), policy.pop("connect-src")) == ("'none'", "'self'")
        assert policy.pop("img-src") == "data:", "an icon that is none"
        for tag in ("style", "script"):
            (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", found.text, re.DOTALL)
            digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
            assert policy.pop(f"{tag}-src") == f"'sha256-{digest}'"
        assert policy == {}
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\(|@import|style=""", found.text)
        assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert found.headers["Referrer-Policy"] == "no-referrer"


# --- figures


class Shared:
    """A state that replicas share, as the proxy watches it."""

    def __init__(self) -> None:
        self.part = Part(True, "reachable")

    def condition(self) -> Condition:
        return Condition("redis", self.part, 1_700_000_000.0)


@pytest.mark.clause("U2", "U8")
def test_a_state_that_is_shared_is_shown_too() -> None:
    shared = Shared()
    with Small("15") as small, Running(small.url, watched=(shared,)) as proxy:
        assert read(proxy).row("state", "Redis")[0] == "✓ works reachable"
        assert proxy.figures()["forgejo_shim_redis_up"] == 1
        shared.part = Part(False, "timed-out", 4)
        found = read(proxy)
        assert found.row("state", "Redis") == ["✕ fails timed-out, tried again in 4\u00a0s", found.rows["state"][3][2]]
        assert "2023-11-14 22:13:20" in found.rows["state"][3][2]
        assert "Redis cannot be used: timed-out." in found.text
        assert proxy.figures()["forgejo_shim_redis_up"] == 0


@pytest.mark.clause("U8")
def test_figures_say_what_runs_and_whether_all_is_up() -> None:
    with Small("15") as small, Running(small.url, WRONG, version="1.2.3") as proxy:
        found = proxy.figures()
        python = platform.python_version()
        assert found[f'forgejo_shim_build_info{{python="{python}",version="1.2.3"}}'] == 1
        assert (found["forgejo_shim_upstream_up"], found["forgejo_shim_web_session_up"]) == (1, 0)
        assert "forgejo_shim_redis_up" not in found, "where none is shared"


@pytest.mark.clause("U8")
def test_a_check_that_takes_long_delays_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "SOON", 0.3)
    go_on = threading.Event()
    with Small("15") as small, Running(small.url) as proxy:
        assert proxy.figures()["forgejo_shim_upstream_up"] == 1
        small.double.faults.add("/api/v1/version", before=lambda: go_on.wait(20) and None)
        started = time.monotonic()
        assert "Everything works." in read(proxy).text, "as found before"
        assert proxy.figures()["forgejo_shim_upstream_up"] == 1
        assert time.monotonic() - started < 5
        go_on.set()


@pytest.mark.parametrize(
    "share, counts, value",
    [
        (0.5, [(1.0, 10), (2.0, 10), (math.inf, 10)], 0.5),
        (0.95, [(1.0, 10), (2.0, 20), (math.inf, 20)], 1.9),
        (0.5, [(1.0, 0), (2.0, 4), (math.inf, 4)], 1.5),
        (0.5, [(1.0, 1), (2.0, 1), (math.inf, 3)], math.inf),
        (1.0, [(1.0, 5), (math.inf, 5)], 1.0),
    ],
)
def test_a_quantile_is_that_of_prometheus(share: float, counts: list[tuple[float, float]], value: float) -> None:
    assert figures.quantile(share, counts) == pytest.approx(value)


def test_of_nothing_there_is_no_quantile() -> None:
    assert math.isnan(figures.quantile(0.5, [])) and math.isnan(figures.quantile(0.5, [(1.0, 0), (math.inf, 0)]))
