"""What two documents say of the way to a server: basePath, host, schemes, and the credentials that let in.

Rules: no opinion. What a document does not say is not compared: without `host` and `schemes` it is the server that it
came from. A security scheme is known by what is sent, so another name for the same one is no other way in. Where two
base paths end in the same two segments, such as `/api/v1`, the server has moved and its API has not changed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from . import spelling
from .change import Change
from .document import NO_CREDENTIALS, Document, Operation
from .scope import plain
from .shape import child

Both = tuple[Operation, Operation]
SECURITY = "securityDefinitions"


class Moved(NamedTuple):
    """What came or went, and whether it is BASE's."""

    kind: str
    word: str
    is_old: bool


def server_changes(base: Document, head: Document, both: list[Both], unused: bool) -> Iterator[Change]:
    """The changes for these operations; `unused`: of security schemes that none of them uses, too."""
    yield from _base_path(base, head, both)
    yield from _host(base, head, both)
    renamed = _renamed(base, head)
    yield from _security_schemes(base, head, renamed, both, unused)
    for section in ("schemes", "security"):
        shared: dict[Moved, list[str]] = defaultdict(list)
        for old, new in both:
            moved = _transports(old, new) if section == "schemes" else _ways(old, new, renamed)
            for one in moved:
                if section in old.content or section in new.content:
                    yield _moved(section, one, base, head, (old, new), (old.key,))
                else:
                    shared[one].append(old.key)
        for one, keys in shared.items():  # once for all operations that have it from the document
            yield _moved(section, one, base, head, None, tuple(sorted(keys)))


def _moved(
    section: str, moved: Moved, base: Document, head: Document, both: Both | None, keys: tuple[str, ...]
) -> Change:
    at = [
        f"{operation.at}/{section}" if operation and section in operation.content
        else f"/{section}" if section in document.content else ""
        for operation, document in zip(both or (None, None), (base, head), strict=True)
    ]  # fmt: skip
    kind, word, is_old = moved
    was, now = (word, None) if is_old else (None, word)
    return Change(kind, both[0].key if both else "", section, "", was, now, at[0], at[1], keys)


def _base_path(base: Document, head: Document, both: list[Both]) -> Iterator[Change]:
    """Where every path begins; if the URLs are the same in the end, it is only spelled otherwise."""
    old, new = base.base_path, head.base_path
    if old == new:
        return
    same = tuple(was.key for was, now in both if plain(was.url) == plain(now.url))
    other = tuple(was.key for was, now in both if plain(was.url) != plain(now.url))
    at = ["/basePath" if "basePath" in one.content else "" for one in (base, head)]
    if same:
        yield Change("base-path-respelled", "", "basePath", "", old, new, at[0], at[1], same)
    if other or not same:
        kind = f"base-path-{'moved' if old.split('/')[-2:] == new.split('/')[-2:] else 'changed'}"
        yield Change(kind, "", "basePath", "", old, new, at[0], at[1], other)


def _host(base: Document, head: Document, both: list[Both]) -> Iterator[Change]:
    hosts = [document.content.get("host", "") for document in (base, head)]
    old, new = (
        spelling.host(host, tuple(document.content.get("schemes", ())))
        for host, document in zip(hosts, (base, head), strict=True)
    )
    if all(hosts) and old != new:
        yield Change(
            "host-changed", "", "host", "", hosts[0], hosts[1], "/host", "/host", tuple(was.key for was, _ in both)
        )


def _transports(old: Operation, new: Operation) -> Iterator[Moved]:
    """Schemes of a URL that came or went, where both sides name some."""
    if old.schemes and new.schemes:
        yield from (Moved("scheme-removed", one, True) for one in old.schemes if one not in new.schemes)
        yield from (Moved("scheme-added", one, False) for one in new.schemes if one not in old.schemes)


# --- credentials


def _renamed(base: Document, head: Document) -> dict[str, str]:
    """Security schemes of HEAD that BASE has under another name, by that of HEAD."""
    old, new = (document.content.get(SECURITY, {}) for document in (base, head))
    gone = {name: spelling.scheme(old[name]) for name in sorted(old.keys() - new.keys())}
    found = {}
    for name in sorted(new.keys() - old.keys()):
        was = next((one for one, said in gone.items() if said == spelling.scheme(new[name])), None)
        if was is not None:
            found[name] = was
            del gone[was]
    return found


def _security_schemes(
    base: Document, head: Document, renamed: dict[str, str], both: list[Both], unused: bool
) -> Iterator[Change]:
    schemes = [document.content.get(SECURITY, {}) for document in (base, head)]
    names = {name: name for name in schemes[0].keys() & schemes[1].keys()} | {old: new for new, old in renamed.items()}
    for old, new in sorted(names.items()):
        users = tuple(was.key for was, _ in both if any(old in _names(way) for way in was.security))
        if not users and not unused:
            continue
        at = child(f"/{SECURITY}", old), child(f"/{SECURITY}", new)
        what = f"security scheme {old}"
        if old != new:
            yield Change("security-scheme-renamed", "", what, "", old, new, at[0], at[1], users)
        elif (was := spelling.scheme(schemes[0][old])) != (now := spelling.scheme(schemes[1][new])):
            yield Change("security-scheme-changed", "", what, "", was, now, at[0], at[1], users)


def _names(way: str) -> list[str]:
    return [part.partition("(")[0] for part in way.split(" + ")]


def _ways(old: Operation, new: Operation, renamed: dict[str, str]) -> Iterator[Moved]:
    """Ways in that came or went. One is kept if it still does, or if less of it does."""
    was = {way: frozenset(way.split(" + ")) - {NO_CREDENTIALS} for way in old.security}
    now = {}
    for way in new.security:
        parts = [part.partition("(") for part in way.split(" + ")]
        known = sorted("".join([renamed.get(name, name), *rest]) for name, *rest in parts)
        now[" + ".join(known)] = frozenset(known) - {NO_CREDENTIALS}
    for way in sorted(was.keys() - now.keys()):
        eased = any(less <= was[way] for less in now.values())
        yield Moved("security-eased" if eased else "security-removed", way, True)
    for way in sorted(now.keys() - was.keys()):
        tightened = any(less <= now[way] for less in was.values())
        yield Moved("security-tightened" if tightened else "security-added", way, False)
