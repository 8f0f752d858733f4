"""Why a server was not reached, in words of our own: what libraries say can hold addresses with credentials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import BadStatusLine, LineTooLong

import requests
import urllib3

from .errors import Unreadable

_OF_NETWORK = (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, ConnectionError, TimeoutError)
# The first that fits any link of the chain of causes is the reason.
_REASONS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((requests.exceptions.ProxyError, requests.exceptions.InvalidProxyURL), "the proxy cannot be used"),
    ((urllib3.exceptions.NameResolutionError,), "its name cannot be resolved"),
    ((ConnectionRefusedError,), "the connection is refused"),
    ((requests.exceptions.InvalidURL, UnicodeError), "the address is not valid"),
    ((requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError), "it does not answer in time"),
    ((requests.exceptions.SSLError, urllib3.exceptions.SSLError), "it does not speak TLS as it should"),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError), "it closes the connection"),
    ((BadStatusLine, LineTooLong), "its answer is not HTTP"),
    ((urllib3.exceptions.ProtocolError, requests.exceptions.ChunkedEncodingError), "the answer breaks off"),
)


@contextmanager
def network_errors(name: str) -> Iterator[None]:
    """Turns what the network raises while `name` is asked into Unreadable."""
    try:
        yield
    except _OF_NETWORK as error:
        why = _reason(error)
    except OSError as error:  # requests.adapters.cert_verify
        if "TLS CA certificate bundle" not in str(error):
            raise
        why = "the file of trusted certificates (REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE) cannot be used"
    else:
        return
    raise Unreadable(f"{name} cannot be reached: {why}; check the address and the network")


def _reason(error: BaseException) -> str:
    chain = list(_causes(error))
    if any("CERTIFICATE_VERIFY_FAILED" in str(link) for link in chain):
        return "its certificate is not trusted"
    for kinds, why in _REASONS:
        if any(isinstance(link, kinds) for link in chain):
            return why
    return "the connection fails"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from and what it carries."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__, getattr(link, "reason", None), *link.args]
