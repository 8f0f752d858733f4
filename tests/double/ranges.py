"""Ranges of a download as Go's http.ServeContent gives them (net/http/fs.go): of logs and of stored artifacts."""

from __future__ import annotations

import secrets
from email.utils import formatdate, parsedate_to_datetime

from .messages import Request, Response, Source, plain

Spans = list[tuple[int, int]]


def serve(request: Request, source: Source, headers: list[tuple[str, str]], modified: int | None = None) -> Response:
    """Answer with the whole source, a part, several parts, or 304, 412, 416; `modified` is in Unix seconds."""
    answer = Response(200, list(headers), source=source)
    if modified is not None:
        answer.set("Last-Modified", formatdate(modified, usegmt=True))
    if precondition := _precondition(request, modified):
        return _failed(answer, precondition, source.size)
    asked = request.headers.get("Range", "") if request.method in ("GET", "HEAD") else ""
    if asked and not _if_range(request, modified):
        asked = ""
    try:
        spans = parse(asked, source.size)
    except ValueError as error:
        return _unsatisfiable(answer, str(error), source.size)
    if sum(stop - start for start, stop in spans) > source.size:
        spans = []
    answer.set("Accept-Ranges", "bytes")
    if len(spans) > 1:
        return _multipart(answer, spans, source)
    answer.span = spans[0] if spans else (0, source.size)
    if spans:
        answer.status = 206
        answer.set("Content-Range", f"bytes {answer.span[0]}-{answer.span[1] - 1}/{source.size}")
    answer.set("Content-Length", str(answer.span[1] - answer.span[0]))
    return answer


def parse(asked: str, size: int) -> Spans:
    """The spans (start, end after the last byte) of a Range header; ValueError says what Go says."""
    if not asked:
        return []
    if not asked.startswith("bytes="):
        raise ValueError("invalid range")
    spans: Spans = []
    none_overlaps = False
    for part in asked.removeprefix("bytes=").split(","):
        part = part.strip(" \t")
        if not part:
            continue
        first, dash, last = (piece.strip(" \t") for piece in part.partition("-"))
        if not dash or (first and not first.isdigit()) or (last and not last.isdigit()) or not (first or last):
            raise ValueError("invalid range")
        if not first:
            spans.append((max(0, size - int(last)), size))
        elif int(first) >= size:
            none_overlaps = True
        elif last and int(last) < int(first):
            raise ValueError("invalid range")
        else:
            spans.append((int(first), min(int(last) + 1, size) if last else size))
    if none_overlaps and not spans:
        raise ValueError("invalid range: failed to overlap")
    return spans


def _seconds(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except ValueError:
        return None


def _precondition(request: Request, modified: int | None) -> int:
    """412, 304 or 0; there is never an ETag."""
    headers = request.headers
    if headers.get("If-Match"):
        return 0 if headers["If-Match"].strip() == "*" else 412
    unmodified = _seconds(headers.get("If-Unmodified-Since", ""))
    if modified is not None and unmodified is not None and modified > unmodified:
        return 412
    if headers.get("If-None-Match"):
        return 304 if headers["If-None-Match"].strip() == "*" else 0
    since = _seconds(headers.get("If-Modified-Since", ""))
    return 304 if modified is not None and since is not None and modified <= since else 0


def _if_range(request: Request, modified: int | None) -> bool:
    asked = request.headers.get("If-Range")
    return not asked or (modified is not None and _seconds(asked) == modified)


def _failed(answer: Response, status: int, size: int) -> Response:
    """A 304 has no body; a 412 keeps the length that the download announced, and no byte follows (seen on all)."""
    answer.status, answer.source = status, None
    if status == 304:
        answer.headers = [
            (key, value) for key, value in answer.headers if key not in ("Content-Type", "Content-Length")
        ]
    elif answer.header("Content-Disposition"):
        answer.set("Content-Length", str(size))
        answer.without_body = True
    return answer


def _unsatisfiable(answer: Response, text: str, size: int) -> Response:
    gone = {"cache-control", "last-modified", "content-type", "content-length", "x-content-type-options"}
    kept = [(key, value) for key, value in answer.headers if key.lower() not in gone]
    refused = plain(416, text)
    refused.headers += kept
    if text.endswith("overlap"):
        refused.set("Content-Range", f"bytes */{size}")
    return refused


def _multipart(answer: Response, spans: Spans, source: Source) -> Response:
    boundary, kind = secrets.token_hex(30), answer.header("Content-Type")
    body = bytearray()
    for number, (start, stop) in enumerate(spans):
        body += f"{chr(13) + chr(10) if number else ''}--{boundary}\r\n".encode()
        body += f"Content-Range: bytes {start}-{stop - 1}/{source.size}\r\nContent-Type: {kind}\r\n\r\n".encode()
        for piece in source.read(start, stop):
            body += piece
    body += f"\r\n--{boundary}--\r\n".encode()
    answer.status, answer.source, answer.body = 206, None, bytes(body)
    answer.set("Content-Type", f"multipart/byteranges; boundary={boundary}")
    answer.set("Content-Length", str(len(body)))
    return answer
