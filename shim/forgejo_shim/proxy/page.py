"""The operator's page at `/-/shim/`: values in, HTML out.

Rules: pure. The tree is built of elements and written by the standard library, so every text is escaped; style and
script are our own, inline, and named by their hashes in the policy, which allows nothing else. Nothing is said by
colour alone, and all of it can be read without the script.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from math import inf, isnan
from xml.etree.ElementTree import Element, tostring

from ..inert import name_text
from ..operations import REPO
from .answered import Answered
from .conditions import Condition
from .elements import Row, make, section, table
from .figures import Figures

STYLE, SCRIPT = (files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", "page.js"))
LONGEST = 80  # characters of a text that is the server's
LAST_BOUND = 300  # seconds: the highest bound of a bucket
BACKENDS = {"native": "native", "web": "web", "pass": "passed", "own": "own"}
KINDS = {"log": "logs", "follow": "followed"}
NAMES = {"upstream": "Server behind", "web_session": "Web session"}
FAILS = {
    "upstream": "The server behind cannot be used",
    "web_session": "The web session cannot be used, so nothing can be read from the web UI",
}
NOT_CHECKED = "not checked"
ESTIMATED = "Times are estimated from the buckets of a histogram."
SHORTENED = f"… is {REPO}."
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True)
class View:
    """What is shown. `upstream` is the address of the server behind, "" where it is not the reader's to know; `now` is
    in seconds since the epoch; `below` leads from the page to those below it: "" if its address ends with a slash."""

    version: str
    upstream: str
    upstream_version: str
    conditions: Sequence[Condition]
    figures: Figures
    operations: Sequence[Answered]
    now: float
    below: str = ""


def policy() -> str:
    """The Content-Security-Policy: nothing but this style, this script, and the page itself."""
    style, script = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (STYLE, SCRIPT))
    return (
        f"default-src 'none'; style-src 'sha256-{style}'; script-src 'sha256-{script}'; connect-src 'self';"
        " img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def render(view: View) -> bytes:
    """The page."""
    good, summary = _summary(view.conditions)
    head = make(
        "head",
        make("meta", charset="utf-8"),
        make("meta", name="viewport", content="width=device-width, initial-scale=1"),
        make("title", f"forgejo-shim: {'works' if good else 'fails'}"),
        make("link", rel="icon", href="data:,"),
        make("style", STYLE),
    )
    header = make(
        "header",
        make("h1", "forgejo-shim ", make("small", view.version)),
        make("p", "Reload the page for new figures.", id="refreshing", kind="soft"),
        make("button", "Pause", id="pause", type="button", hidden="hidden"),
    )
    main = make(
        "main",
        make("p", summary, role="status", kind=f"sum {'good' if good else 'bad'}"),
        _glance(view),
        make("div", *_cards(view), kind="cards"),
    )
    page = make("html", head, make("body", header, main, _footer(view.below), make("script", SCRIPT)), lang="en")
    return b"<!doctype html>\n" + tostring(page, "unicode", method="html").encode(errors="replace")


# --- the parts of the page


def _summary(conditions: Iterable[Condition]) -> tuple[bool, str]:
    """Whether all works, and a sentence that says so, or what does not."""
    wrong = [one for one in conditions if not one.part.ok]
    told = [one for one in wrong if one.part.says != NOT_CHECKED] or wrong
    if not told:
        return True, "Everything works."
    return False, " ".join(f"{FAILS.get(one.name, f'{_title(one)} cannot be used')}: {one.part.says}." for one in told)


def _cards(view: View) -> tuple[Element, ...]:
    ours, contracts = ([one for one in view.operations if one.operation.is_added is added] for added in (True, False))
    return (
        _states(view),
        _requests(view.figures),
        _troubles(view),
        _latencies(view.figures),
        _operations("contract", "Operations of Forgejo 16", contracts),
        _operations("additions", "Operations that the shim adds", ours),
    )


def _title(one: Condition) -> str:
    return NAMES.get(one.name, one.name.replace("_", " ").capitalize())


def _states(view: View) -> Element:
    rows: list[Row] = []
    for state in view.conditions:
        part = state.part
        says = part.says + (f", tried again in {part.retry_in}\u00a0s" if part.retry_in is not None else "")
        unknown = not part.ok and part.says == NOT_CHECKED
        tag = _tag("good", "✓ works") if part.ok else _tag("", "? unknown") if unknown else _tag("bad", "✕ fails")
        rows.append([_title(state), make("span", tag, " ", says), _time(state.since, view.now)])
    about = [f"Server behind: Forgejo {_short(view.upstream_version) or 'of a version that it does not tell'}"]
    about += [f"at {view.upstream}"] if view.upstream else []
    note = make("p", " ".join(about) + ".", kind="soft")
    return section("state", "State", table("state", ("Part", "State", "Since"), rows), note)


def _glance(view: View) -> Element:
    figures = view.figures
    plain, requests = figures.plain, figures.requests
    total = sum(requests.values())
    failed = sum(count for (status, _), count in requests.items() if status.startswith("5"))
    under_way = ", ".join(f"{_number(n)} {KINDS.get(kind, kind)}" for kind, n in sorted(figures.streams.items())[::-1])
    most, limit = (plain.get(f"streams_{name}", 0) for name in ("of_busiest_caller", "per_caller"))
    tiles = (
        ("Requests", _number(total), ""),
        (
            "Server errors",
            f"{100 * failed / total:.2g} %" if total else "–",
            f"{_number(failed)} of {_number(total)}",
        ),
        ("Median time", _seconds(figures.all.median), ""),
        ("95 % within", _seconds(figures.all.most), ""),
        ("Streams open", _number(sum(figures.streams.values())), under_way),
        ("Busiest caller", _number(most), f"of {_number(limit)} streams"),
        (
            "Sign-ins",
            _number(plain.get("sign_ins_total", 0)),
            f"{_number(plain.get('sign_in_refusals', 0))} failed in a row",
        ),
        ("Log lines lost", _number(plain.get("log_lines_lost_total", 0)), ""),
    )
    cells = (
        make("div", make("dt", title), make("dd", value, *([make("small", more)] if more else [])))
        for title, value, more in tiles
    )
    counted = "Counted since ", _time(plain.get("start_time_seconds", view.now), view.now), f". {ESTIMATED}"
    return section("glance", "At a glance", make("dl", *cells), make("p", *counted, kind="soft"))


def _requests(figures: Figures) -> Element:
    found = figures.requests
    backends = [*BACKENDS, *sorted({backend for _, backend in found} - set(BACKENDS))]
    statuses = sorted({status for status, _ in found})
    lines = [(status, [found.get((status, backend), 0) for backend in backends]) for status in statuses]
    rows = [[status, *map(_number, counts), _number(sum(counts))] for status, counts in lines]
    sums = [sum(counts[at] for _, counts in lines) for at in range(len(backends))]
    heads = ["Status", *(f"#{BACKENDS.get(backend, backend)}" for backend in backends), "#all"]
    last = ["All", *map(_number, sums), _number(sum(sums))]
    note = (
        "native: the server's own answer to an operation. web: made from the web UI. passed: all else. own: pages below"
        " /-/shim/. Status 499: the caller had gone."
    )
    return section("requests", "Requests", table("requests", heads, rows, last), make("p", note, kind="soft"))


def _troubles(view: View) -> Element:
    title = "Errors of the shim's own"
    if not view.figures.troubles:
        return section("errors", title, make("p", "None since the start."))
    rows: list[Row] = [
        [make("code", one.cause), _time(one.last, view.now), _number(one.count)] for one in view.figures.troubles
    ]
    return section("errors", title, table("errors", ("Cause", "Last", "#Count"), rows))


def _latencies(figures: Figures) -> Element:
    rows: list[Row] = [
        [_path(one.operation) if one.operation else "all else", _number(one.count), _seconds(one.median),
         _seconds(one.most)]
        for one in figures.latencies
    ]  # fmt: skip
    heads = ("Operation", "#Answers", "#Median", "#95 % within")
    times = table("times", heads, rows) if rows else make("p", "No answer since the start.")
    return section("times", "Time to the end of an answer", times, make("p", ESTIMATED, kind="soft"))


def _operations(name: str, title: str, operations: Iterable[Answered]) -> Element:
    rows: list[Row] = []
    for one in operations:
        tag = _tag("good" if one.how in ("native", "web") else "", one.how)
        how = make("span", tag, f" {one.why}" if one.why else "")
        rows.append([_path(one.operation.path, one.operation.method), how])
    return section(name, title, table(name, ("Operation", "Answered"), rows), make("p", SHORTENED, kind="soft"))


def _footer(below: str) -> Element:
    links = [make("a", name, href=below + name) for name in ("healthz", "readyz", "metrics")]
    between = [piece for link in links for piece in (" ", link)]
    return make("footer", make("p", "Times are UTC. For programs:", *between, kind="soft"))


# --- values in words


def _tag(kind: str, text: str) -> Element:
    return make("span", text, kind=f"tag {kind}".strip())


def _path(path: str, method: str = "") -> Element:
    """A path, which may break before each slash."""
    first, *rest = path.replace(REPO, "…").split("/")
    start = f"{method} {first}" if method else first
    return make("code", start, *(piece for one in rest for piece in (make("wbr"), f"/{one}")))


def _number(value: float) -> str:
    return f"{int(value):,}".replace(",", "\u202f")


def _seconds(value: float) -> str:
    if isnan(value):
        return "–"
    if value == inf:
        return f"> {LAST_BOUND} s"
    return f"{value * 1000:.2g} ms" if value < 0.0995 else f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _time(at: float, now: float) -> Element:
    """A point in time, and how long ago it was."""
    moment = datetime.fromtimestamp(at, UTC)
    ago = max(0, int(now - at))
    size, unit = next(((size, unit) for size, unit in UNITS if ago >= size), UNITS[-1])
    shown = moment.strftime("%Y-%m-%d %H:%M:%S")
    return make(
        "time", shown, " ", make("small", f"({ago // size} {unit} ago)"), datetime=moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    )


def _short(text: str) -> str:
    """A text of the server's, inert and not too long."""
    return name_text(text if len(text) <= LONGEST else text[:LONGEST] + "…")
