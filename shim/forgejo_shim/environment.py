"""How to connect to a server: which certificates to trust, and which proxy to use, as the environment says.

`Client`, the command (both on `requests`) and the proxy (aiohttp) follow the same rules:

- Certificates: the first that is given of `ca_file` (an argument), FORGEJO_SHIM_CA_FILE, `ca_file` of the config file,
  REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE and SSL_CERT_DIR; if none is given, those of `requests` (certifi).
  Only that one is used; they are not combined.
- Proxies: HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY in both spellings, as `requests` reads them.

Rules: a .netrc file is never read. Messages name a proxy's variable, never its value, which may contain a password.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, prepend_scheme_if_needed, select_proxy
from urllib3.util.ssl_ import create_urllib3_context

from .errors import Unreachable

CA_FILE = "FORGEJO_SHIM_CA_FILE"
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR")


@dataclass(frozen=True)
class NetworkSettings:
    """How to connect to a server: a file or folder of trusted certificates (None: certifi's), a proxy's address."""

    ca: str | None = None
    proxy: str | None = field(default=None, repr=False)

    def tls(self) -> ssl.SSLContext:
        """A TLS context with the settings of `requests`, for other libraries."""
        context = create_urllib3_context()
        context.set_alpn_protocols(["http/1.1"])
        _load(context, self.ca or DEFAULT_CA_BUNDLE_PATH)
        return context


def network_settings(base_url: str, ca_file: str | None = None) -> NetworkSettings:
    """How to connect to `base_url`; `ca_file` is the config file's. Raises Unreachable if that cannot be used."""
    proxy = _proxy_to(base_url)
    is_needed = any(address.lower().startswith("https:") for address in (base_url, proxy or ""))
    return NetworkSettings(_trusted(ca_file) if is_needed else None, proxy)


class Session(requests.Session):
    """A session that trusts the certificates of `network_settings`, or only those of `ca_file` if it is given."""

    __attrs__ = [*requests.Session.__attrs__, "_ca"]  # what copies and pickles keep

    def __init__(self, base_url: str, ca_file: str | None = None) -> None:
        super().__init__()
        self._ca = _check_ca("ca_file", ca_file) if ca_file else network_settings(base_url).ca

    def merge_environment_settings(self, url: Any, proxies: Any, stream: Any, verify: Any, cert: Any) -> Any:
        """As requests has it, with our certificates where the caller names none."""
        ca = self._ca if verify in (None, True) else None
        return super().merge_environment_settings(url, proxies, stream, ca or verify, cert)


def _trusted(ca_file: str | None) -> str | None:
    variables = [(name, os.environ.get(name)) for name in (CA_FILE, *CA_VARIABLES)]
    for name, path in (variables[0], ("ca_file of the config file", ca_file), *variables[1:]):
        if path:
            return _check_ca(name, path)
    return None


def _check_ca(name: str, path: str) -> str:
    """`path`, if certificates can be read from it. Raises Unreachable."""
    if name == "SSL_CERT_DIR" and os.pathsep in path and not os.path.exists(path):
        raise Unreachable(f"{name} lists several folders; give one, or a file with {CA_FILE}")
    try:
        _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), path)
    except ssl.SSLError:
        why = "contains no PEM certificate"
    except (OSError, ValueError) as error:
        why = f"cannot be read ({getattr(error, 'strerror', None) or 'no such path'})"
    else:
        return path
    raise Unreachable(f"the CA file that {name} names {why}; choose another: {path!a}")


def _load(context: ssl.SSLContext, path: str) -> None:
    if os.path.isdir(path):
        context.load_verify_locations(capath=path)
    else:
        context.load_verify_locations(cafile=path)


def _proxy_to(base_url: str) -> str | None:
    """The proxy that `requests` would use; None for none. Raises Unreachable."""
    found = select_proxy(base_url, get_environ_proxies(base_url))
    if not found:
        return None
    try:
        parts = urlsplit(str(prepend_scheme_if_needed(found, "http")))  # type: ignore[no-untyped-call]
        if parts.scheme and parts.hostname and parts.port != 0:
            return parts.geturl()
    except ValueError:  # the port, or a bracket
        pass
    raise Unreachable(f"{proxy_variable(base_url)} is not a proxy address; use http://HOST:PORT")


def proxy_variable(base_url: str) -> str:
    """The variable that names the proxy for a server."""
    scheme = urlsplit(base_url).scheme.lower()
    names = [spelled for name in (f"{scheme}_proxy", "all_proxy") for spelled in (name, name.upper())]
    return next((name for name in names if os.environ.get(name)), f"{scheme.upper()}_PROXY")
