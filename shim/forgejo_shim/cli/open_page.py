"""`forgejo-shim open`: the page of a run or of a job, in the browser.

Rules: the address is made here, of the server that was given and of numbers, never taken from an answer: so nothing but
a page of that server is ever handed to a browser.
"""

from __future__ import annotations

import webbrowser
from typing import Unpack

import click

from ..arguments import RunFilters
from ..webui.grammar import actions
from .filters import chosen_run, run_filters
from .help import option_of
from .output import is_for_people, show_json
from .settings import CommonOptions, common
from .target import Target, TargetVerb, takes_target, with_run


@click.command(
    "open",
    cls=TargetVerb,
    examples=["forgejo-shim open OWNER/REPO --print", "forgejo-shim open OWNER/REPO --workflow ci.yml --print"],
)
@takes_target()
@click.argument("run", metavar="[RUN]", required=False)
@option_of("Options")("--print", "only_print", is_flag=True, help="Print the address, and open nothing.")
@run_filters("Which run, if not RUN")
@common
@click.pass_obj
def open_page(
    settings: CommonOptions, /, target: Target, run: str | None, only_print: bool, **filters: Unpack[RunFilters]
) -> None:
    """Open the page of a run in the browser.

    RUN is a run number, "latest" (the default) or a run's URL, which can stand alone too; that of a job opens the job.
    Where there is no browser, and in a pipe, the address is printed.
    """
    target = with_run(target, run, "RUN")
    with settings.client(target.server) as client:
        found = chosen_run(client, target, filters)
        job = "" if target.job_index is None else f"/jobs/{target.job_index}"
        url = f"{client.base_url}{actions(target.repo)}/runs/{found.number}{job}"
    if settings.json:
        show_json({"url": url})
    elif only_print or not is_for_people() or not webbrowser.open(url):
        click.echo(url)
