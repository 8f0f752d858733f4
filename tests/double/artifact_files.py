"""A download of an artifact, which web and API give alike (routers/web/repo/actions/view.go)."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from . import ranges
from .artifacts import archived
from .entities import Artifact
from .messages import PLAIN, Request, Response, Source

UNESCAPED = "$&+:=@"
"""What net/url leaves as it is in a segment of a path."""


SANDBOX = "default-src 'none'; style-src 'unsafe-inline'; sandbox"


def file(request: Request, rows: Sequence[Artifact], *, ending: str) -> Response:
    """The stored file of an artifact of v4, else a zip made of the files; each row has to be complete."""
    if len(rows) == 1 and rows[0].is_zip and rows[0].content:
        return _stored(request, rows[0], rows[0].content, ending)
    name = rows[0].name
    disposition = f"attachment; filename={quote(name, safe=UNESCAPED)}.zip; filename*=UTF-8''{name}.zip"
    return Response(200, [("Content-Type", "application/zip"), ("Content-Disposition", disposition)], archived(rows))


def _stored(request: Request, row: Artifact, content: Source, ending: str) -> Response:
    name = f"{row.name}{ending}".rpartition("/")[2]
    shown = name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    headers = [
        *_kind(content),
        ("X-Content-Type-Options", "nosniff"),
        ("Content-Disposition", f"inline; filename=\"{shown}\"; filename*=UTF-8''{quote(name, safe=UNESCAPED)}"),
        ("Access-Control-Expose-Headers", "Content-Disposition"),
        ("Cache-Control", "private, max-age=300"),
    ]
    return ranges.serve(request, content, headers, modified=row.updated)


def _kind(content: Source) -> list[tuple[str, str]]:
    """An image in SVG, else text or not, from the first bytes (modules/typesniffer, modules/httplib/serve.go)."""
    head = b"".join(bytes(piece) for piece in content.read(0, min(content.size, 1024)))
    if head.startswith(b"<svg "):
        return [("Content-Type", "image/svg+xml"), ("Content-Security-Policy", SANDBOX)]
    is_text = not any(byte < 9 or 13 < byte < 27 or 27 < byte < 32 for byte in head[:512])
    return [("Content-Type", PLAIN if is_text else "application/octet-stream")]
