"""A server's address, as `requests` writes it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import requests

from .errors import ShimError


def with_and_without_port(base_url: str) -> tuple[str, ...]:
    """The addresses that are this one: sessions compare texts, and a scheme's own port may be written or left out."""
    parts = urlsplit(base_url)
    own = 443 if parts.scheme == "https" else 80
    if parts.port not in (None, own):
        return (base_url,)
    host = parts.netloc.removesuffix(f":{own}")
    return tuple(parts._replace(netloc=netloc).geturl() for netloc in (host, f"{host}:{own}"))


def base_url_of(text: str) -> str:
    """`text` as a base URL, as `requests` will write it, without a slash at the end. Raises ShimError.

    Below it the shim writes `/api/v1` itself. A text with an `@` may hold a password, so it is never repeated.
    """
    if "@" in text:
        raise ShimError("the server's address holds an @; give credentials as a token or a web account instead")
    try:
        parts = urlsplit(text)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[?#\s\\]", text)
        fits = fits and not {".", ".."} & set(parts.path.split("/"))
        url = requests.Request("GET", text).prepare().url if fits else None
    except (ValueError, requests.RequestException):
        url = None
    if url is None:
        raise ShimError(f"{text!a} is no address of a server; give http(s)://host[:port][/path]")
    if re.search("/api/v1(/|$)", url):
        raise ShimError(f"{text!a} is an address of the API; give the address of the server, without /api/v1")
    return url.rstrip("/")
