"""An artifact, as the API tells it, or a shim in front of it. Rules: pure; what is none is PageChanged."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import PageChanged
from .models import Artifact


def parse_artifact(told: object, what: str) -> Artifact:
    """An artifact; `what` names the answer that it is in. Raises PageChanged."""
    match told:
        case {"id": int(key), "name": str(name), "size_in_bytes": int(size), "expired": bool(expired), **more}:
            run_id = more.get("run_id")
            return Artifact(
                id=key,
                name=name,
                size=size,
                is_expired=expired,
                run_id=run_id if isinstance(run_id, int) and run_id else None,
                created=_time(more, "created_at"),
                expires=_time(more, "expires_at"),
            )
    raise PageChanged(f"{what} were not understood: one without id, name or size; report this server's version")


def parse_artifacts(told: object, what: str) -> list[Artifact]:
    """A list of artifacts. Raises PageChanged."""
    return [parse_artifact(artifact, what) for artifact in (told if isinstance(told, list) else [None])]


def _time(told: Mapping[object, object], name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) else ""
