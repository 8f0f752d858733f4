"""The page of a report (reported.py): what failed and what did not run, then clauses × targets, then the cases.

Rules
-----
* One file of plain HTML: no script, nothing from elsewhere, `report_page.css` inside. Every text is escaped.
* A cell shows the worst outcome of its cases by a sign and a number; colour only repeats it. A clause's number leads to
  its cases, and so does each cell that is not plainly passed.
* Clauses whose cases need no server are listed, not drawn: an empty row would look like one that was not run.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from html import escape
from pathlib import Path
from typing import Any

from clauses import TITLES
from reported import LETTERS, OUTCOMES, WORST, order

CSS = Path(__file__).with_suffix(".css")
SIGNS = {"passed": "✓", "failed": "✗", "failed as it must": "⊘", "not supported": "–", "error": "!", "not run": "○"}
MEANINGS = {
    "passed": "each case did what the clause says",
    "failed": "a case saw something else",
    "error": "the target could not be started or filled",
    "not run": "there was nothing to run it with; why is said above",
    "failed as it must": "the control, a server without the operations, was seen to lack one",
    "not supported": "the target does not claim what the case needs",
}
MANY = 4  # targets that are still named one by one
REGION = "<div class=wide role=region tabindex=0 aria-label="
Report = dict[str, Any]


def page(report: Report) -> str:
    """The whole page."""
    return "".join(
        [
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>Conformance</title>',
            '<meta name="viewport" content="width=device-width,initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<style>{CSS.read_text()}</style>",
            '<a class="skip" href="#matrix">To clauses and targets</a><header>',
            *_head(report),
            "</header><main>",
            *_targets(report),
            *_reasons(report, "What failed", ("failed", "error")),
            *_reasons(report, "What did not run", ("not run",)),
            *_matrix(report),
            *_elsewhere(report),
            *_cases(report),
            "</main></html>\n",
        ]
    )


def _head(report: Report) -> Iterator[str]:
    totals = report["totals"]
    bad = totals["failed"] + totals["error"]
    changed = ", with changes that are not committed" if report["changed"] else ""
    commit = f"commit <code>{escape(report['commit'][:12])}</code>{changed}" if report["commit"] else "no commit known"
    yield f"<h1>Conformance</h1><p>forgejo-shim {escape(report['version'])}, {commit}. "
    date = report["date"].replace("T", " ")[:16] + " UTC"
    yield f"<time>{escape(date)}</time>, in {_time(report['seconds'])} min.</p>"
    yield "<p class=verdict>" + (_badge("failed", f"{bad:,} failed") if bad else _badge("passed", "Nothing failed"))
    yield (_badge("not run", f"{totals['not run']:,} did not run") if totals["not run"] else "") + "</p>"


def _badge(outcome: str, text: str) -> str:
    return f"<b class={LETTERS[outcome]}>{_sign(outcome)} {text}</b> "


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


def _sign(outcome: str) -> str:
    return f'<span aria-hidden="true">{SIGNS[outcome]}</span>'


def _targets(report: Report) -> Iterator[str]:
    """The table of totals."""
    yield f"<section><h2>Targets</h2>{REGION}Targets><table class=totals>"
    yield "<caption>Cases by target and outcome</caption><thead><tr>"
    yield "<th scope=col>Target<th scope=col>Server<th scope=col>Version"
    yield "".join(f"<th scope=col class=number>{_sign(outcome)} {outcome}" for outcome in OUTCOMES)
    yield "<th scope=col class=number>min:s</thead><tbody>"
    for target in report["targets"]:
        server = target["server"] or {"kind": "none", "version": ""}
        yield f"<tr><th scope=row>{escape(target['name'])}<td>{escape(server['kind'])}<td>{escape(server['version'])}"
        yield _counts(target["totals"]) + f"<td class=number>{_time(target['seconds'])}"
    yield "</tbody><tfoot><tr><th scope=row>all<td><td>" + _counts(report["totals"])
    yield f"<td class=number>{_time(sum(target['seconds'] for target in report['targets']))}"
    yield "</tfoot></table></div></section>"


def _counts(totals: dict[str, int]) -> str:
    return "".join(
        f'<td class="number {LETTERS[outcome]}">{totals[outcome]:,}' if totals[outcome] else "<td class=number>0"
        for outcome in OUTCOMES
    )


def _reasons(report: Report, title: str, outcomes: tuple[str, ...]) -> Iterator[str]:
    """Why cases ended so, the same reason once; nothing if there is none."""
    found: dict[str, list[tuple[Report, list[int]]]] = defaultdict(list)
    for case in report["cases"]:
        for (outcome, why), places in _grouped(report, case).items():
            if outcome in outcomes:
                found[why].append((case, places))
    if not found:
        return
    yield f"<section><h2>{title}</h2>{REGION}'{title}'><table class=reasons><caption>By reason</caption><thead><tr>"
    yield "<th scope=col>Why<th scope=col>Targets<th scope=col>Cases<th scope=col>Clauses</thead><tbody>"
    for why, cases in sorted(found.items(), key=lambda item: -len(item[1])):
        names = [case["name"] for case, _ in cases]
        if len(names) > 3:  # then without their parameters
            names = list(dict.fromkeys(name.partition("[")[0] for name in names))
        shown = ", ".join(f"<code>{escape(name)}</code>" for name in names[:3])
        shown += f" and {len(names) - 3} more" if len(names) > 3 else ""
        clauses = sorted({clause for case, _ in cases for clause in case["clauses"]}, key=order)
        links = " ".join(f"<a href=#{clause}>{clause}</a>" for clause in clauses)
        where = _names(report, {place for _, places in cases for place in places})
        count = sum(len(places) for _, places in cases)
        yield f"<tr><th scope=row>{escape(why)}<td>{where}<td>{count:,}: {shown}<td>{links}"
    yield "</tbody></table></div></section>"


def _grouped(report: Report, case: Report) -> dict[tuple[str, str], list[int]]:
    """The places of the targets by outcome and reason."""
    whys = {place: why for why, places in case.get("why", {}).items() for place in places}
    found: dict[tuple[str, str], list[int]] = {}
    for place, letter in enumerate(case["outcomes"]):
        if outcome := report["outcomes"].get(letter):
            found.setdefault((outcome, whys.get(place, "")), []).append(place)
    return found


def _names(report: Report, places: Collection[int]) -> str:
    """The targets, or how many, where these are many."""
    if len(places) > MANY:
        return "all targets" if len(places) == len(report["targets"]) else f"{len(places)} targets"
    return escape(", ".join(report["targets"][place]["name"] for place in sorted(places)))


def _asked(report: Report) -> dict[str, list[Report]]:
    """The cases of each clause, in the order of the contract."""
    found: dict[str, list[Report]] = {clause["number"]: [] for clause in report["clauses"]}
    for case in report["cases"]:
        for clause in case["clauses"]:
            found[clause].append(case)
    return found


def _matrix(report: Report) -> Iterator[str]:
    yield "<section id=matrix><h2 id=m>Clauses and targets</h2><dl class=legend>"
    yield "".join(f"<div><dt class={LETTERS[o]}>{SIGNS[o]} {o}<dd>{MEANINGS[o]}</div>" for o in WORST)
    yield "</dl><p>A cell has the worst outcome of its cases and their number; “1/4” is one of four. A clause’s number "
    yield "leads to its cases. Its whole text is in <code>spec/README.md</code>.</p>"
    yield "<div class=scroll role=region aria-labelledby=m tabindex=0><table class=matrix>"
    yield "<caption>Worst outcome of each clause on each target</caption><thead><tr><th scope=col>Clause"
    yield "".join(f"<th scope=col><span>{escape(target['name'])}</span>" for target in report["targets"]) + "</thead>"
    asked, letter = _asked(report), ""
    for clause in report["clauses"]:
        number = clause["number"]
        if not asked[number]:
            continue
        if number[0] != letter:
            letter = number[0]
            yield f"<tbody><tr><th scope=rowgroup class=group colspan={len(report['targets']) + 1}>"
            yield f"<span>{letter}: {_code(TITLES.get(letter, ''))}</span>\n"
        yield f"<tr><th scope=row id=r{number}><a href=#{number}>{number}</a>{_code(clause['sentence'])}"
        yield "".join(_cells(report, number, asked[number])) + "\n"
    yield "</table></div></section>"


def _cells(report: Report, number: str, cases: list[Report]) -> Iterator[str]:
    """A clause's cells: the worst outcome on each target."""
    for letters in zip(*(case["outcomes"] for case in cases), strict=True):
        count = Counter(report["outcomes"][letter] for letter in letters if letter != " ")
        worst = next((outcome for outcome in WORST if count[outcome]), "")
        if not worst:
            yield "<td>"
            continue
        of = "" if count[worst] == count.total() else f"/{count.total()}"
        text = "–" if worst == "not supported" else f"{SIGNS[worst]} {count[worst]}{of}"
        linked = text if worst in ("passed", "not supported") else f"<a href=#{number}>{text}</a>"
        yield f"<td class={LETTERS[worst]}>{linked}"


def _code(text: str) -> str:
    """Escaped, with what stands between backticks as code."""
    parts = escape(text).split("`")
    return "".join(
        f"<code>{part}</code>" if place % 2 and place < len(parts) - 1 else part for place, part in enumerate(parts)
    )


def _elsewhere(report: Report) -> Iterator[str]:
    asked = _asked(report)
    rest = [clause for clause in report["clauses"] if not asked[clause["number"]]]
    if rest:
        yield f"<section><h2>Without a server</h2><details><summary>{len(rest)} clauses are not asked of a target: "
        yield "<code>make test</code> has their cases</summary><ul class=plain>"
        yield "".join(f"<li><b>{clause['number']}</b> {_code(clause['sentence'])}" for clause in rest)
        yield "</ul></details></section>"


def _cases(report: Report) -> Iterator[str]:
    """The cases of each clause, shown when a link leads to it."""
    sentences = {clause["number"]: clause["sentence"] for clause in report["clauses"]}
    yield "<section class=cases><h2>Cases by clause</h2><p class=hint>Choose a clause above to see its cases here.</p>"
    for number, cases in _asked(report).items():
        if cases:
            yield f"<section class=clause id={number}><a class=close href=#r{number}>close</a>"
            yield f"<h3>{number} {_code(sentences[number])}</h3><ul>{''.join(_tests(report, cases))}</ul></section>\n"
    yield "</section>"


def _tests(report: Report, cases: list[Report]) -> Iterator[str]:
    """Each test with its parameters together: how many passed, and where and why others did not."""
    tests: dict[str, dict[tuple[str, str], Counter[int]]] = {}
    counts: Counter[str] = Counter()
    for case in cases:
        name = case["name"].partition("[")[0]
        counts[name] += 1
        for key, places in _grouped(report, case).items():
            tests.setdefault(name, {}).setdefault(key, Counter()).update(places)
    for name, told in tests.items():
        times = f" ×{counts[name]}" if counts[name] > 1 else ""
        worst_first = sorted(told.items(), key=lambda row: WORST.index(row[0][0]))
        lines = (f"<li>{_told(report, outcome, why, places)}" for (outcome, why), places in worst_first)
        yield f"<li><code>{escape(name)}</code>{times}<ul>{''.join(lines)}</ul>"


def _told(report: Report, outcome: str, why: str, places: Counter[int]) -> str:
    count = f"{places.total()} on " if places.total() > len(places) else ""
    reason = f": {escape(why)}" if why else ""
    return f"<b class={LETTERS[outcome]}>{SIGNS[outcome]} {outcome}</b> {count}{_names(report, places)}{reason}"
