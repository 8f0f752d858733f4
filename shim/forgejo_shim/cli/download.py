"""`forgejo-shim download`: artifacts of a run, extracted or as they are.

Rules: each artifact becomes a folder of its name, or with --zip a file, in the folder of --dir. Nothing that is there
is written to, so that is looked at before anything is downloaded. One that cannot be saved does not keep the others
from it, unless they would meet the same: the disk is full, the server does not answer. What was saved is said all the
same.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from ..client import Client
from ..client_artifacts import SavedArtifact, folder_names
from ..errors import DiskFull, Expired, NothingMatched, NotNow, NotThere, Refused, ShimError, Unreachable, WebAccount
from ..files import make_folder
from ..models import Artifact
from .filters import chosen_run
from .help import option_of
from .output import note, progress, show_json, show_table
from .settings import CommonOptions, common
from .target import Target, TargetVerb, takes_target, with_run

OF_ALL = (DiskFull, NotNow, Refused, Unreachable, WebAccount)  # errors that the next artifact would meet, too
SHOWN = 10  # names in a message

where_option = option_of("Where it goes")


@click.command(
    cls=TargetVerb,
    examples=[
        "forgejo-shim download OWNER/REPO",
        "forgejo-shim download OWNER/REPO 42 report --dir out",
        "forgejo-shim download OWNER/REPO latest --zip --dir zips",
    ],
)
@takes_target()
@click.argument("words", metavar="[RUN] [NAME]...", nargs=-1)
@where_option("-d", "--dir", "folder", metavar="PATH", default=".", help="Folder to save in; it is made if needed.")
@where_option("--zip", "as_zip", is_flag=True, help="Keep each artifact as NAME.zip; extract nothing.")
@common
@click.pass_obj
def download(settings: CommonOptions, target: Target, words: tuple[str, ...], folder: str, as_zip: bool) -> int:
    """Save the artifacts of a run, all or those named.

    RUN is a run number, "latest" (the default) or a run's URL, after which no RUN is given. Each artifact is extracted
    into a folder of its name: whole or not at all, and never over anything that is there. Columns: what was saved,
    files, bytes of the download.
    """
    names = words
    if target.run is None and words:
        try:
            target, names = with_run(target, words[0], "RUN"), words[1:]
        except click.BadParameter as error:
            raise click.UsageError(f"{error.message}; names of artifacts come after it") from None
    if not folder or "" in names:
        raise click.UsageError("a name or --dir is empty")
    with settings.client(target.server) as client:
        run = chosen_run(client, target, {})
        found = client.artifacts(target.repo, run)
        chosen = _chosen(found, names, f"run {run.number} of {target.repo}")
        places = _places(found, chosen, Path(folder), as_zip)
        saved: list[tuple[Artifact, SavedArtifact | ShimError]] = []
        code = 0
        try:
            for artifact, path in places:
                saved.append((artifact, _save(client, target, artifact, path, as_zip)))
        finally:
            if saved:
                code = _report(saved, settings.json, named=bool(names))
                if rest := [ascii(artifact.name) for artifact, _ in places[len(saved) :]]:
                    note(f"not saved: {', '.join(rest)}")
    return code


def _chosen(found: Sequence[Artifact], names: Sequence[str], what: str) -> list[Artifact]:
    """The artifacts of these names, in their order; all if none is given. Raises NotThere, NothingMatched if
    there are none to choose from."""
    by_name = {artifact.name: artifact for artifact in found}
    missing = [name for name in names if name not in by_name]
    if missing:
        shown = [*list(by_name)[:SHOWN], *["…"] * (len(by_name) > SHOWN)] or ["none"]
        raise NotThere(f"{what} has no artifact {missing[0]}; it has {', '.join(shown)}", cause="artifact-not-found")
    if not found:
        raise NothingMatched(f"{what} has no artifacts; choose another run")
    return [by_name[name] for name in dict.fromkeys(names)] or list(found)


def _places(
    found: Sequence[Artifact], chosen: Sequence[Artifact], folder: Path, as_zip: bool
) -> list[tuple[Artifact, Path]]:
    """Where each artifact goes. Raises ShimError if anything is there, or the folder cannot be made."""
    names = folder_names(found)
    places = [(artifact, folder / (names[artifact] + ".zip" * as_zip)) for artifact in chosen]
    for artifact, path in places:
        if not artifact.is_expired and os.path.lexists(path):
            raise ShimError(f"{path} exists; remove it, or choose another folder with --dir")
    make_folder(folder)
    return places


def _save(client: Client, target: Target, artifact: Artifact, path: Path, as_zip: bool) -> SavedArtifact | ShimError:
    """What was saved, or the error that does not concern the other artifacts. Raises those `OF_ALL`."""
    try:
        with progress(artifact.name) as report:
            return client.save_artifact(target.repo, artifact, path, extract=not as_zip, progress=report)
    except OF_ALL:
        raise
    except ShimError as error:
        return error


def _report(saved: Sequence[tuple[Artifact, SavedArtifact | ShimError]], as_json: bool, named: bool) -> int:
    """Show what was saved. The exit code is that of the first failure; an expired artifact is one if it was named, or
    if nothing was saved."""
    failures = [result for _, result in saved if isinstance(result, ShimError)]
    if as_json:
        show_json([_summary(artifact, result) for artifact, result in saved])
    else:
        done = [result for _, result in saved if isinstance(result, SavedArtifact)]
        rows = [(result.path, len(result.files) or None, result.size) for result in done]
        if rows:
            show_table(("saved", "files", "size"), rows)
        for error in failures:
            note(f"not saved: {error.message}")
    counted = [error for error in failures if named or len(failures) == len(saved) or not isinstance(error, Expired)]
    return counted[0].exit_code if counted else 0


def _summary(artifact: Artifact, result: SavedArtifact | ShimError) -> dict[str, object]:
    told: dict[str, object] = {"artifact_id": artifact.id, "name": artifact.name}
    if isinstance(result, ShimError):
        return told | {"path": None, "cause": result.cause, "message": result.message, "exit_code": result.exit_code}
    return told | asdict(result) | {"path": str(result.path)}
