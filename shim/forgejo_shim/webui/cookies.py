"""Cookies as they come and go: those that an answer sets, those of a header, and what can be sent as one."""

from __future__ import annotations

import re
from contextlib import suppress
from http.cookies import CookieError, SimpleCookie

from ..models import Headers

CSRF_COOKIE = "_csrf"  # modules/setting/security.go, 11.0.15 and 13.0.5; not configurable there


def set_cookies(headers: Headers) -> dict[str, str]:
    """The cookies that an answer sets; "" for one that it removes."""
    found: dict[str, str] = {}
    for _, line in headers.only("Set-Cookie"):
        jar: SimpleCookie = SimpleCookie()
        with suppress(CookieError):
            jar.load(line)
        for name, morsel in jar.items():
            age = morsel["max-age"].strip()
            found[name] = "" if age.startswith("-") or age == "0" else morsel.coded_value
    return found


def cookies_in(header: str) -> dict[str, str]:
    """The cookies of a Cookie header."""
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return {name: value for name, equals, value in pairs if name and equals}


def is_cookie(name: str, value: object) -> bool:
    """Whether a name and a value that were kept somewhere can be sent as a cookie."""
    return isinstance(value, str) and bool(re.fullmatch(r"[\x20-\x7e]+", f"{name}{value}"))
