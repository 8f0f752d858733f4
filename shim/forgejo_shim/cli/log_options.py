"""The options of `logs` that say what of a log is shown and how, and which of them go together.

Rules: what cannot be together is an error before anything is asked. Without any of them a pipe gets the log's bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

import click

from ..expressions import search_of
from ..flows.log_parts import MAX_TAIL
from ..log_lines import Times, Wanted
from .help import option_of

F = TypeVar("F", bound=Callable[..., Any])
Format = Literal["plain", "prefixed", "ndjson"]

what_option, how_option = map(option_of, ("What of it", "How it looks"))


@dataclass(frozen=True)
class LogOptions:
    """What of a log is shown, and how. `times` None: as it is best where they are shown."""

    failed: bool = False
    follow: bool = False
    step: str | None = None
    wanted: Wanted = Wanted()
    times: Times | None = None
    strip: bool = False
    format: Format = "plain"

    @property
    def is_as_it_is(self) -> bool:
        """Whether a pipe gets the lines as they are in the log."""
        return self.times in (None, "full") and not self.strip and self.format == "plain"

    @property
    def is_counted(self) -> bool:
        """Whether the first line that is read is the log's first, so that each line's number is known."""
        return not (self.follow and self.wanted.tail)

    def tail_of_server(self, of_step: bool) -> tuple[int | None, Wanted]:
        """How many last lines the server is asked for, and what is then still wanted of what it gives.

        It is asked where no line before them counts. A log that is followed begins with them.
        """
        wanted = self.wanted
        counts = of_step or self.format != "plain" or wanted.since or wanted.grep
        return (None, wanted) if counts and not self.follow else (wanted.tail, replace(wanted, tail=None))


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> bytes:
    """A time, or how long ago, as rows have it: `YYYY-MM-DDTHH:MM:SS.fffffffZ`; b"" for none."""
    if value is None:
        return b""
    ago = re.fullmatch("(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s)?", value)
    try:
        if ago and value:
            days, hours, minutes, seconds = (int(text or 0) for text in ago.groups())
            back = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            at = datetime.now(UTC) - back
        else:
            at = datetime.fromisoformat(value)
            at = (at.replace(tzinfo=UTC) if at.tzinfo is None else at).astimezone(UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond:06}0Z".rjust(28, "0").encode()
    except (ValueError, OverflowError):
        shown = f"{value!a} is" if len(value) < 100 else "that is"
        raise click.BadParameter(f"{shown} no time; give it as 10m, 2h or 2026-01-02T03:04:05Z", ctx, param) from None


def _pattern(ctx: click.Context, param: click.Parameter, value: str | None) -> Callable[[str], bool] | None:
    return None if value is None else search_of(value, "--grep")


LINES = click.IntRange(1, MAX_TAIL)
_OPTIONS = (
    what_option("--failed", is_flag=True, help="The steps that failed, of all jobs of the run that did not succeed."),
    what_option("--step", metavar="N|NAME", help="One step: its number (from 0), its name, or what fits that."),
    what_option("--tail", metavar="N", type=LINES, help="The last N lines; with --failed of each step."),
    what_option("--head", metavar="N", type=LINES, help="The first N lines; with --failed of each step."),
    what_option("--grep", metavar="REGEX", callback=_pattern, help="Lines that fit; (?i) at its start ignores case."),
    what_option("-C", "--context", metavar="N", type=click.IntRange(0, 10_000), help="N lines around each that fits."),
    what_option("--since", metavar="TIME", callback=_moment, help="Lines from then on: 10m or 2h ago, or a time."),
    what_option("-f", "--follow", is_flag=True, help="Stay to the end of the job, or of all jobs of the run."),
    how_option("--timestamps/--no-timestamps", "times", default=None, help="Each line's time in full, or none."),
    how_option("--strip-ansi", "strip", is_flag=True, help="Leave colours and other escape sequences out."),
    how_option(
        "--format",
        type=click.Choice(["plain", "prefixed", "ndjson"]),
        default="plain",
        help="Lines; lines behind their job and step, with tabs; or a JSON object a line.",
    ),
)


def log_options(command: F) -> F:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def chosen_options(given: Mapping[str, Any]) -> LogOptions:
    """The options as given. Raises UsageError for those that do not go together."""
    follow, failed, step, head, tail = (given[name] for name in ("follow", "failed", "step", "head", "tail"))
    for both, reason in (
        (head and tail, "--head and --tail exclude each other"),
        (follow and failed, "--follow shows all of a log that grows; leave out --failed"),
        (follow and step is not None, "--follow shows all of a log that grows; leave out --step"),
        (follow and head, "--follow goes on to the end; leave out --head"),
        (failed and step is not None, "--failed chooses the steps itself; leave out --step"),
        (given["context"] is not None and not given["grep"], "--context is for --grep; give both"),
        (given["format"] == "ndjson" and given["times"] is not None, "ndjson always has the times in full"),
    ):
        if both:
            raise click.UsageError(reason)
    wanted = Wanted(given["since"], given["grep"], given["context"] or 0, head, tail)
    times: Times | None = None if given["times"] is None else "full" if given["times"] else "none"
    return LogOptions(failed, follow, step, wanted, times, given["strip"], given["format"])
