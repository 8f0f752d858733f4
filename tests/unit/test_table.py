"""Tables on a terminal: no line is ever too long, no frame too high, and what is cut is seen to be cut."""

from __future__ import annotations

import itertools

import pytest
from forgejo_shim.cli.runs import OF_TABLE
from forgejo_shim.cli.status import LOOKS, URGENCY, ago, lasted
from forgejo_shim.cli.table import Column, Row, cut, row_of, status_cell, table_lines
from forgejo_shim.cli.watch_table import Seen, frame
from forgejo_shim.models import STATUSES, Attempt, Job, JobDetails, Run, RunFacts, Step, Times
from rich.cells import cell_len

clause = pytest.mark.clause
LONG = "Fix the login form for accounts with two-factor sign-in, and then some more of it"


def lines(columns: tuple[Column, ...], rows: list[Row], width: int, encoding: str = "utf-8") -> list[str]:
    found = [line.plain for line in table_lines(columns, rows, width, encoding)]
    assert len(found) == len(rows) + 1
    assert [line for line in found if cell_len(line) > width] == []
    return found


def run_row(title: str, status: str = "failure", encoding: str = "utf-8") -> Row:
    cells = ("1234", title, "a-long-workflow-name.yml", "feature/a-long-branch", "workflow_dispatch", "3h", "3m05s")
    return row_of(status, (status_cell(status, encoding), *cells, "somebody"))


@clause("C37")
@pytest.mark.parametrize("title", [LONG, "漢字" * 40, "x", ""])
def test_a_table_fits_every_width(title: str) -> None:
    for width in range(1, 220):
        lines(OF_TABLE, [run_row(title), run_row("short")], width)


@clause("C37")
def test_what_is_shown_at_some_widths() -> None:
    headings, row = lines(OF_TABLE, [run_row(LONG)], 200)
    assert headings.split() == [column.heading for column in OF_TABLE]
    assert row.startswith("✗ failure  1234  Fix the login form") and row.endswith("somebody")
    headings, row = lines(OF_TABLE, [run_row(LONG)], 80)
    assert headings.split() == ["status", "run", "title", "workflow", "branch", "event", "age", "took"]
    assert row.startswith("✗ failure  1234  Fix the login form") and row.count("…") == 4
    headings, row = lines(OF_TABLE, [run_row(LONG)], 40)
    assert headings.split() == ["status", "run", "title"] and row == "✗ failure  1234  Fix the login form for…"


@clause("C37")
def test_a_column_without_a_value_is_left_out() -> None:
    columns = (Column("a"), Column("b", spare=1), Column("c"))
    assert lines(columns, [Row(("1", "", ""))], 80) == ["a  c", "1"]
    assert lines(columns, [Row(("1", "", "")), Row(("1", "2", ""))], 80)[0] == "a  b  c"


@clause("C37")
def test_the_signs_of_an_encoding() -> None:
    assert (
        lines(OF_TABLE, [run_row(LONG, encoding="ascii")], 40, "ascii")[1] == "x failure  1234  Fix the login form f..."
    )
    assert lines((Column("n", least=5),), [Row(("漢字",))], 80, "latin-1")[1] == "\\u6f22\\u5b57"
    for width in range(1, 60):
        lines(OF_TABLE, [run_row("漢字", encoding="ascii")], width, "ascii")
    assert set(LOOKS) == set(URGENCY) - {"unknown"} == set(STATUSES) - {"unknown"}
    assert "".join(look.plain for look in LOOKS.values()).isascii()
    assert status_cell("new", "utf-8").plain == "? new"


@clause("C10", "C37")
def test_a_name_is_made_safe() -> None:
    (_, row) = lines((Column("n"),), [Row(("a\x1b[31m\nb\t\u202ec",))], 80)
    assert row == "a␛[31m b <U+202E>c"


@clause("C37")
def test_what_is_cut_is_seen_to_be_cut() -> None:
    for width in range(9):
        text = cut("漢字abc", width)
        assert cell_len(text) <= width and (text == "漢字abc" or text.endswith("…"[:width]))
    assert cut("abcdef", 5, "ascii") == "abcd." and cut("abcdefg", 6, "ascii") == "abc..."


def test_times_in_few_letters() -> None:
    assert [lasted(n) for n in (None, 0, 59.9, 60, 185, 3720, 97_200, -1)] == [
        "", "0s", "59s", "1m00s", "3m05s", "1h02m", "1d03h", "0s",
    ]  # fmt: skip
    assert [ago(n) for n in (-1, 5, 60, 7300, 86_400, 10**9)] == ["0s", "5s", "1m", "2h", "1d", "31y"]


# A run that is watched

RUN = Run(12, 5, LONG, "running", "push", "ci.yml", "", branch="main", started="2026-01-02T03:04:05Z")
NOW = 1_767_323_045 + 65.5


def job(index: int, status: str, name: str = "") -> Job:
    return Job(index + 1, index, name or f"job {index}", status, 1, 0, 5, 12)


def details(of: Job, *statuses: str) -> JobDetails:
    times = Times(int(NOW) - 30, 0)
    steps = tuple(
        Step(n, f"step {n}", status, times if status == "running" else Times()) for n, status in enumerate(statuses)
    )
    attempt = Attempt(1, of.status, times, 1, False, None, steps)
    return JobDetails(RunFacts(12), of, times, (attempt,))


def shown(seen: Seen, height: int = 24, width: int = 80, *, steps: bool = False) -> list[str]:
    found = [line.plain for line in frame(seen, width, height, NOW, steps=steps)]
    assert len(found) <= max(3, height) and all(cell_len(line) <= width for line in found)
    return found


@clause("C39")
def test_a_frame_never_overflows() -> None:
    statuses = itertools.cycle(("success", "running", "failure", "waiting", "skipped", "cancelled", "blocked"))
    for count in (0, 1, 5, 21, 22, 23, 40):
        jobs = tuple(job(index, next(statuses), LONG) for index in range(count))
        full = {one.id: details(one, "success", "running", "waiting") for one in jobs}
        for height, width, steps in itertools.product(range(1, 30), (10, 40, 80, 200), (False, True)):
            shown(Seen(RUN, jobs, full), height, width, steps=steps)


@clause("C39")
def test_the_jobs_that_matter_come_first_where_not_all_fit() -> None:
    statuses = ["success"] * 20 + ["failure", "running", "waiting", "cancelled"] + ["waiting"] * 3
    found = shown(Seen(RUN, tuple(job(n, status) for n, status in enumerate(statuses))), height=10)
    assert len(found) == 10
    assert [line.split()[1] for line in found[2:6]] == ["failure", "cancelled", "running", "waiting"]
    assert found[-1] == "and 20 more: 20 success"


@clause("C39")
def test_steps_of_running_jobs_as_far_as_there_is_room() -> None:
    jobs = (job(0, "success"), job(1, "running"), job(2, "waiting"))
    full = {1: details(jobs[0], "success"), 2: details(jobs[1], "success", "running", "waiting")}
    seen = Seen(RUN, jobs, full)
    assert shown(seen)[2:] == [
        "✓ success        job 0",
        "● running   30s  job 1",
        "✓ success          0  step 0",
        "● running   30s    1  step 1",
        "… waiting          2  step 2",
        "… waiting        job 2",
    ]
    assert [line.split()[-1] for line in shown(seen, height=6)[2:]] == ["0", "1", "1", "2"]
    assert [line.split()[-1] for line in shown(seen, height=5)[2:]] == ["0", "1", "2"]
    assert len(shown(seen, steps=True)) == 2 + 3 + 4


@clause("C39")
def test_the_line_of_the_run() -> None:
    assert shown(Seen(RUN, (job(0, "running"),)), width=130)[0].endswith("more of it  ci.yml main push  1m05s")
    assert shown(Seen(RUN, (job(0, "running"),)))[0].startswith("● running  run 12  Fix the login form")


@clause("C39")
def test_what_a_run_is_that_is_watched() -> None:
    def status(run: str, *jobs: str) -> tuple[str, bool]:
        seen = Seen(Run(1, 1, "", run, "", "", ""), tuple(job(n, one) for n, one in enumerate(jobs)))
        return seen.status, seen.is_over

    assert status("failure", "failure", "running") == ("running", False)
    assert status("running", "failure", "success") == ("failure", True)
    assert status("success", "success", "skipped") == ("success", True)
    assert status("success", "skipped") == ("skipped", True)
    assert status("running", "cancelled", "failure") == ("cancelled", True)
    assert status("waiting", "waiting") == ("waiting", False)
    assert status("failure") == ("failure", True) and status("waiting") == ("waiting", False)
