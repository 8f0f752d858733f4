"""A document in several files made one: what a `$ref` names in a file beside it is taken in.

    $ref: common.yaml#/definitions/Error   →   $ref: '#/x-files/common.yaml/definitions/Error'

Rules: only relative references are followed, each from the file that it stands in. Files are named as from the folder
of the document, so their names are the same wherever that is; whoever reads them says which may be read. Each is read
once. Another server's documents are never fetched because a document says so.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from .shape import REFERRED, Json, NotSwagger, child, found_at, keys, parts

FILES = "x-files"
MOST = 1000
_ELSEWHERE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")

Read = Callable[[str], Any]  # the content of a file by its name, as from the folder of the document


def bundle(content: Json, name: str, read: Read) -> None:
    """Take in all that is referred to; `name` is this document's own file, in any folder."""
    name = posixpath.basename(name)
    todo, done = [(content, "document", "")], set()
    while todo:
        node, kind, at = todo.pop()
        if (kind, at) in done:
            continue
        done.add((kind, at))
        if kind in REFERRED and isinstance(node, dict) and isinstance(node.get("$ref"), str):
            node["$ref"] = _taken_in(content, name, read, node["$ref"], at)
            there = unquote(node["$ref"][1:])
            todo.append((found_at(content, there), kind, there))
            continue
        try:
            todo.extend(parts(content, node, kind, at))
        except NotSwagger:
            pass  # whoever checks the whole says so


def _taken_in(content: Json, name: str, read: Read, reference: str, at: str) -> str:
    """The reference as one into this document; its file is in it then."""
    file, _, pointer = reference.partition("#")
    section, *rest = [*keys(at), ""]
    here = rest[0] if section == FILES else name
    if _ELSEWHERE.match(file) or reference.startswith(f"#/{FILES}/"):
        return reference
    there = posixpath.normpath(posixpath.join(posixpath.dirname(here), unquote(file))) if file else here
    if there == name:
        return f"#{pointer}"
    files = content.setdefault(FILES, {})
    if there not in files:
        if len(files) >= MOST:
            raise NotSwagger(f"refers to more than {MOST} files")
        try:
            files[there] = read(there)
        except NotSwagger as error:
            raise NotSwagger(f"refers to {reference!r}, at {at}, and {there!a} {error}") from None
    return f"#{quote(child(f'/{FILES}', there))}{pointer}"
