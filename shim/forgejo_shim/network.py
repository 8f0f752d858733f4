"""Why a server was not reached: the one place that puts a failure of the network into words.

Rules: the reason is looked for in all that an error came from and carries, so an error that is raised anew must keep
its causes. The words are our own: what libraries say can hold addresses with credentials. `from_flow` is for a request
that the shim sends of itself: its error is raised as the caller's own, without the frames that hold that request.
"""

from __future__ import annotations

import http.client
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import urllib3

from .errors import ShimError, Unreachable

NOT_TRUSTED = "its certificate is not trusted"
NO_TLS = "it does not speak TLS there; an address with http:// may be meant"
NO_HTTP = "its answer is no HTTP; an address with https:// may be meant"
CA_FILE = "the file of trusted certificates (REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE) cannot be used"
# What OpenSSL calls an answer that is no TLS (ssl.SSLError.reason), and a file without certificates.
_PLAIN = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG"}
_NO_CERTIFICATES = {"NO_CERTIFICATE_OR_CRL_FOUND", "NO_START_LINE", "PEM_LIB"}

# The first that fits any link of the chain is the reason.
_REASONS: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str], ...] = (
    (requests.exceptions.InvalidProxyURL, "the proxy's address is not valid"),
    (urllib3.exceptions.ProxySchemeUnknown, "the proxy's address is not valid"),
    (requests.exceptions.InvalidSchema, "the proxy is of a kind that needs a further package: pip install PySocks"),
    (requests.exceptions.ProxyError, "the proxy does not answer"),
    (socket.gaierror, "its name is not known"),
    (ConnectionRefusedError, "the connection is refused"),
    (requests.exceptions.InvalidURL, "the address is not valid"),
    (UnicodeError, "the address is not valid"),
    (requests.exceptions.Timeout, "it does not answer in time"),
    (urllib3.exceptions.TimeoutError, "it does not answer in time"),
    (TimeoutError, "it does not answer in time"),
    (requests.exceptions.ChunkedEncodingError, "the answer breaks off"),
    (urllib3.exceptions.IncompleteRead, "the answer breaks off"),
    (http.client.RemoteDisconnected, "it closes the connection without an answer"),
    ((http.client.BadStatusLine, http.client.LineTooLong), NO_HTTP),
    ((ConnectionResetError, ConnectionAbortedError, BrokenPipeError), "it resets the connection"),
    ((requests.exceptions.SSLError, ssl.SSLError), "it does not speak TLS as it should"),
    (urllib3.exceptions.ProtocolError, "the answer breaks off"),
)


@contextmanager
def reaching(base_url: str, what: str = "cannot be reached") -> Iterator[None]:
    """Turns what the network raises into Unreachable, and lets nothing through that libraries say of it.

    An error of the shim's own that was raised while an answer was made is raised as it is.
    """
    try:
        yield
    except ShimError:
        raise
    except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, OSError) as error:
        known = next((link for link in causes(error) if isinstance(link, ShimError)), None)
        if known is None and not _is_of_network(error):
            raise
        found = known or Unreachable(f"{base_url} {what}: {reason(error)}; check the address and the network")
    else:
        return
    raise found from None


def reason(error: BaseException) -> str:
    """Why there is no answer, in a few words without anything that a library says."""
    chain = list(causes(error))
    if any(_is_ca_file(link) for link in chain):
        return CA_FILE
    if any(isinstance(link, ssl.SSLCertVerificationError) for link in chain):
        return NOT_TRUSTED
    if any(isinstance(link, ssl.SSLError) and getattr(link, "reason", None) in _PLAIN for link in chain):
        return NO_TLS
    if any(isinstance(link, OSError) and str(link).startswith("Tunnel connection failed") for link in chain):
        return "the proxy refuses to connect to it"  # http.client, of an answer to CONNECT that is not 200
    for kind, words in _REASONS:
        if any(isinstance(link, kind) for link in chain):
            return words
    return "the connection fails"


def causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it came from and what it carries, in the forms of requests, urllib3 and aiohttp."""
    seen: set[int] = set()
    waiting: list[object] = [error]
    while waiting:
        link = waiting.pop()
        if isinstance(link, BaseException) and id(link) not in seen:
            seen.add(id(link))
            yield link
            carried = (getattr(link, name, None) for name in ("reason", "os_error", "certificate_error"))
            waiting += [link.__cause__, link.__context__, *carried, *link.args]


def from_flow(error: requests.RequestException, request: requests.PreparedRequest) -> requests.RequestException:
    """The error as that of the caller's own `request`: its type and causes stay, the frames and the request that it
    came from go, since these hold the web session's password or cookie."""
    for link in causes(error):
        link.__traceback__ = None
        if isinstance(link, requests.RequestException):
            link.request, link.response = request, None
    return error


def broken_body(broken: Exception, request: requests.PreparedRequest | None) -> requests.RequestException:
    """The error that `requests` has for a body that broke off as `broken` says (as `Response.iter_content` raises)."""
    kind: type[requests.RequestException] = requests.exceptions.ConnectionError
    if isinstance(broken.__cause__, urllib3.exceptions.SSLError):
        kind = requests.exceptions.SSLError
    elif isinstance(broken.__cause__, urllib3.exceptions.ProtocolError):
        kind = requests.exceptions.ChunkedEncodingError
    error = kind(broken, request=request)
    error.__cause__ = broken
    return error


def _is_of_network(error: BaseException) -> bool:
    """Whether it is about the network, and no OSError of a file's."""
    libraries = (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, ConnectionError, TimeoutError)
    return isinstance(error, (*libraries, ssl.SSLError, socket.gaierror)) or _is_ca_file(error)


def _is_ca_file(error: BaseException) -> bool:
    """Whether there is no file, or no certificate in it, where trusted certificates were said to be."""
    if isinstance(error, ssl.SSLError):
        return getattr(error, "reason", None) in _NO_CERTIFICATES
    return isinstance(error, OSError) and "TLS CA certificate bundle" in str(error)  # requests.adapters.cert_verify
