"""When HTTP takes two spellings for the same thing: header names, media types, hosts, paths (RFC 9110, RFC 3986).

Rules: each function gives one spelling for all that are equal. Case counts in paths, in names of query parameters and
in values of media type parameters, nowhere else here. `application/problem+json` is not `application/json`.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlsplit

# Parameters of a media type that say how one message is written, not what it holds; `q` is a weight of Accept.
_OF_A_MESSAGE = {"charset", "boundary", "q"}
_PARAMETER = re.compile(r';\s*([^=;\s]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)')
_PORTS = {"http": ":80", "https": ":443", "ws": ":80", "wss": ":443"}
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


def header_key(key: str) -> str:
    """The key of a parameter, `header X-Case` or `query limit`, in one spelling."""
    return key.lower() if key.startswith("header ") else key


def media_type(text: str) -> str:
    """`Text/Plain; Charset="UTF-8"; version=1` is `text/plain;version=1`."""
    kind = re.sub(r"\s", "", text.partition(";")[0]).lower()
    found = {name.lower(): _unquoted(value.strip()) for name, value in _PARAMETER.findall(text)}
    return "".join([kind, *(f";{key}={found[key]}" for key in sorted(found.keys() - _OF_A_MESSAGE))])


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def covers(wide: str, narrow: str) -> bool:
    """Whether one media type, or range such as `text/*`, holds another."""
    if wide == narrow or wide == "*/*":
        return True
    return wide.endswith("/*") and narrow.startswith(wide[:-1])


def path(*parts: str) -> str:
    """The path of an address from its parts: slashes merged, no letter encoded that need not be."""
    joined = re.sub("/+", "/", f"/{'/'.join(parts)}")
    return re.sub("%[0-9a-fA-F]{2}", _octet, quote(joined, safe="/%{}!$&'()*+,;=:@~"))


def _octet(found: re.Match[str]) -> str:
    letter = chr(int(found[0][1:], 16))
    return letter if _UNRESERVED.fullmatch(letter) else found[0].upper()


def host(text: str, schemes: tuple[str, ...] = ()) -> str:
    """A host and perhaps a port; the port that the schemes mean anyway is left out."""
    name = text.lower()
    for port in {_PORTS.get(scheme.lower(), "") for scheme in schemes or ("http", "https")} - {""}:
        name = name.removesuffix(port)
    return name.removesuffix(".")


def scheme(definition: dict[str, Any]) -> dict[str, Any]:
    """What a security scheme says on the wire; nothing else of it."""
    made: dict[str, Any] = {key: definition[key] for key in ("type", "in", "name", "flow") if key in definition}
    if made.get("in") == "header" and isinstance(made.get("name"), str):
        made["name"] = made["name"].lower()
    for key in ("authorizationUrl", "tokenUrl"):
        if key in definition:
            made[key] = _address(definition[key])
    return made


def _address(url: Any) -> Any:
    try:
        parts = urlsplit(url)
        shown = host(parts.netloc, (parts.scheme,))
    except (ValueError, AttributeError, TypeError):
        return url
    return parts._replace(netloc=shown, path=path(parts.path) if parts.path else "").geturl()
