"""A verb's first argument: a repository, or one of its run pages, as a URL or a path (pages.py).

Rules: the first argument is the target if it has a slash in it, else the repository is that of the git clone here
(remote.py). What is wrong with a target is an error of usage.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar

import click

from ..errors import ShimError
from ..pages import RunRef, Target, run_of, target_of
from .help import Verb
from .remote import remote_here
from .settings import CommonOptions

__all__ = ["RunRef", "Target", "TargetVerb", "named_run", "run_ref", "takes_target", "target_here", "with_run"]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


class TargetVerb(Verb):
    """A verb whose first argument is a target, which may be left out: a word without a slash is another argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with an empty word in the place of a target that was left out. Raises UsageError for a first
        word that is neither a target nor what may stand in its place: the number of a run or a job, or `latest`."""
        first = self.make_parser(ctx).parse_args(list(args))[0].get("target")
        if not isinstance(first, str) or ctx.resilient_parsing:
            return super().parse_args(ctx, ["", *args])
        if "/" in first:
            return super().parse_args(ctx, args)
        others = [param for param in self.params if isinstance(param, click.Argument) and param.name != "target"]
        if others and re.fullmatch(" ?[+-]?[0-9]+|latest", first):
            return super().parse_args(ctx, ["", *args])
        shown = ascii(first) if len(first) < 100 else "the first word"
        raise click.UsageError(
            f"{shown} is no repository; give OWNER/REPO or a URL, or nothing in a git clone of it", ctx
        )


def takes_target(metavar: str = "[OWNER/REPO|URL]", *, is_needed: bool = True, instead: str = "") -> Callable[[F], F]:
    """Give a `TargetVerb` its argument `target`: a Target, or None if none `is_needed` and none is found here.

    With the parameter `instead` it is None if none is given.
    """

    def give(command: F) -> F:
        @wraps(command)
        def call(*others: Any, target: Target | None, **more: Any) -> Any:
            if target is None and more.get(instead) is None:
                target = target_here(click.get_current_context().ensure_object(CommonOptions), is_needed)
            return command(*others, target=target, **more)

        return click.argument("target", metavar=metavar, type=_target, required=False)(call)  # type: ignore[return-value]

    return give


def _target(value: str) -> Target | None:
    return parse_target(value) if value else None


def target_here(settings: CommonOptions, is_needed: bool) -> Target | None:
    """The repository of the clone here. Raises UsageError if there is none, and one `is_needed`."""
    try:
        found = remote_here(settings.configured_servers())
    except click.UsageError:
        if is_needed:
            raise
        return None
    return Target(found.repo, found.server, is_here=True)


def parse_target(value: str) -> Target:
    """OWNER/REPO, or the URL of a run or a job, as a Target. Raises BadParameter."""
    return _parameter(target_of, value)


def with_run(target: Target, run: str | None, name: str) -> Target:
    """`target` with the run, or a page of it, that the argument `name` names. Raises UsageError."""
    if run is None:
        return target
    if target.run is not None:
        raise click.UsageError(f"the URL already names a run; leave out {name}")
    if "/" not in run:
        return replace(target, run=run_ref(run))
    page = parse_target(run)
    if page.repo.key != target.repo.key or page.run is None:
        raise click.UsageError(f"the URL given as {name} is not a run of {target.repo}")
    return page


def named_run(target: Target, run: str | None) -> Target:
    """`target` with its run, for a verb that has no default. Raises UsageError."""
    target = with_run(target, run, "RUN")
    if target.run is None:
        raise click.UsageError("no run given; give its number, latest, or the URL of its page")
    return target


def run_ref(text: str) -> RunRef:
    """A run's number or `latest`. Raises BadParameter."""
    return _parameter(run_of, text)


def _parameter(parse: Callable[[str], T], value: str) -> T:
    try:
        return parse(value)
    except ShimError as error:
        raise click.BadParameter(error.message) from None
