"""Why a server cannot be reached: the only module that puts network errors into words.

Rules: the reason is searched in the error, its causes and what it carries, so an error that is raised again must keep
its causes. The words are our own, since a library's message can contain an address with credentials. `for_caller` is
for requests that the shim sends itself: the error is raised as the caller's own, without the frames that hold that
request.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3
from urllib3.util.response import assert_header_parsing

from .errors import PageChanged, ShimError, Unreachable

NOT_TRUSTED = "its certificate is not trusted"
NO_TLS = "it does not speak TLS on this port; perhaps the address should begin with http://"
NO_HTTP = "its answer is not HTTP; perhaps the address should begin with https://"
LATE = "it does not answer in time"
CA_FILE = "the CA file (REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE) cannot be used"
# What OpenSSL calls an answer that is not TLS (ssl.SSLError.reason), and a file without certificates.
_PLAIN = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
_NO_CERTIFICATES = {"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB"}

# The first row that fits any error of the chain is the reason.
_REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (ssl.SSLCertVerificationError, NOT_TRUSTED),
    ((requests.exceptions.InvalidProxyURL, urllib3.exceptions.ProxySchemeUnknown), "the proxy's address is not valid"),
    (requests.exceptions.InvalidSchema, "this kind of proxy needs a further package: pip install PySocks"),
    (requests.exceptions.ProxyError, "the proxy does not answer"),
    (socket.gaierror, "its name cannot be resolved"),
    (ConnectionRefusedError, "the connection is refused"),
    ((requests.exceptions.InvalidURL, UnicodeError), "the address is not valid"),
    ((requests.exceptions.Timeout, urllib3.exceptions.TimeoutError, TimeoutError), LATE),
    ((requests.exceptions.ChunkedEncodingError, urllib3.exceptions.IncompleteRead), "the answer breaks off"),
    (http.client.RemoteDisconnected, "it closes the connection without an answer"),
    ((http.client.BadStatusLine, http.client.LineTooLong), NO_HTTP),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError), "it resets the connection"),
    ((requests.exceptions.SSLError, ssl.SSLError), "the TLS handshake failed"),
    (urllib3.exceptions.ProtocolError, "the answer breaks off"),
)

# What ends a request before any of it is sent.
_BEFORE = (socket.gaierror, ConnectionRefusedError, ssl.SSLCertVerificationError, requests.ConnectTimeout)


@contextmanager
def network_errors(base_url: str, what: str = "cannot be reached", asked: str = "") -> Iterator[None]:
    """Turn network errors into Unreachable, without any text of a library. `asked` says what was waited for in vain.

    A ShimError among their causes is raised itself.
    """
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, OSError) as error:
        known = next((link for link in causes(error) if isinstance(link, ShimError)), None)
        if known is None and not _is_of_network(error):
            raise
        why = reason(error)
        waited = f" ({asked})" if asked and why == LATE else ""
        lost = Unreachable(f"{base_url} {what}: {why}{waited}; check the address and the network")
        lost.was_sent = not any(isinstance(link, _BEFORE) for link in causes(error))
        found = known or lost
    else:
        return
    raise found from None


def reason(error: BaseException) -> str:
    """Why there is no answer, in a few words of our own."""
    chain = list(causes(error))
    if any(_is_ca_file(link) for link in chain):
        return CA_FILE
    if any(isinstance(link, ssl.SSLError) and getattr(link, "reason", None) in _PLAIN for link in chain):
        return NO_TLS
    if any(isinstance(link, OSError) and str(link).startswith("Tunnel connection failed") for link in chain):
        return "the proxy refuses to connect to it"  # http.client, when CONNECT is not answered with 200
    for kind, words in _REASONS:
        if any(isinstance(link, kind) for link in chain):
            return words
    return "the connection fails"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, its causes and the errors it carries, in the ways of requests, urllib3 and aiohttp."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            carried = (getattr(link, name, None) for name in ("reason", "os_error", "certificate_error"))
            waiting += [link.__cause__, link.__context__, *carried, *link.args]


def for_caller(error: requests.RequestException, request: requests.PreparedRequest) -> requests.RequestException:
    """The error as that of the caller's `request`: type and causes stay; frames and the request sent are dropped, since
    they hold the web session's password or cookie."""
    for link in causes(error):
        link.__traceback__ = None
        if isinstance(link, requests.RequestException):
            link.request, link.response = request, None
    return error


def check_head(response: requests.Response) -> None:
    """Raise PageChanged for an answer whose headers were read in part only, which urllib3 merely logs: where its body
    ends may be told in the rest, so that it would be waited for in vain, or taken for whole."""
    told = getattr(getattr(response.raw, "_original_response", None), "msg", None)
    if not isinstance(told, http.client.HTTPMessage):
        return  # a cache's or a recording's
    try:
        assert_header_parsing(told)
    except urllib3.exceptions.HeaderParsingError:
        response.close()
    else:
        return
    raise PageChanged("the headers of an answer are broken off by a line that is none; is something in front of it?")


def broken_body(broken: Exception, request: requests.PreparedRequest | None) -> requests.RequestException:
    """The error that `requests` raises for a body that broke off so (see `Response.iter_content`)."""
    kind: type[requests.RequestException] = requests.exceptions.ConnectionError
    if isinstance(broken.__cause__, urllib3.exceptions.SSLError):
        kind = requests.exceptions.SSLError
    elif isinstance(broken.__cause__, urllib3.exceptions.ProtocolError):
        kind = requests.exceptions.ChunkedEncodingError
    error = kind(broken, request=request)
    error.__cause__ = broken
    return error


def _is_of_network(error: BaseException) -> bool:
    """Whether it is a network error, and not an OSError about a file."""
    libraries = (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, ConnectionError, TimeoutError)
    return isinstance(error, (*libraries, ssl.SSLError, socket.gaierror)) or _is_ca_file(error)


def _is_ca_file(error: BaseException) -> bool:
    """Whether the CA file does not exist or contains no certificate."""
    if isinstance(error, ssl.SSLError):
        return getattr(error, "reason", None) in _NO_CERTIFICATES
    return isinstance(error, OSError) and "TLS CA certificate bundle" in str(error)  # requests.adapters.cert_verify
