"""The proxy's certificate for TLS, and how it is changed while the proxy serves.

Rules: TLS 1.2 and later. A connection has the certificate that was read last before it began. What cannot be used
changes nothing: it is an error at the start, and later a line for the operator.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from cryptography import x509

from ..errors import ShimError


class Certificate:
    """The files of a certificate (with its chain) and of its key, in PEM; `context` is for what listens.

    Raises ShimError if they cannot be used.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        self._files = cert, key
        self._newest = self.context = self._read()
        self.context.sni_callback = self._choose  # asked for each connection, also for one that names no server

    @property
    def name(self) -> str:
        """The file of the certificate."""
        return str(self._files[0])

    def ends(self) -> datetime:
        """When the first of the certificates in the file ends, in UTC."""
        chain = x509.load_pem_x509_certificates(self._files[0].read_bytes())
        return min(one.not_valid_after_utc for one in chain)

    def reload(self, say: Callable[[str], None]) -> None:
        """Read the files again, and tell the operator what came of it."""
        try:
            self._newest = self._read()
        except ShimError as error:
            say(f"{error.message}; the certificate is still the one from before")
        else:
            say(f"the certificate was read again from {self._files[0]}")

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        connection.context = self._newest

    def _read(self) -> ssl.SSLContext:
        cert, key = self._files
        for path in self._files:
            try:
                path.open("rb").close()
            except OSError as error:
                raise ShimError(f"the file for TLS {path} cannot be read ({error.strerror})") from None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(cert, key, _no_passphrase)
        except ssl.SSLError as error:
            wrong = f"{cert} and {key} are no certificate and key in PEM"
            if error.reason == "KEY_VALUES_MISMATCH":
                wrong = f"{key} is not the key of the certificate {cert}; give the two that belong together"
            raise ShimError(wrong) from None
        except PermissionError:
            raise ShimError(
                f"the key {key} has a passphrase, and nobody can be asked for it; give one without"
            ) from None
        return context


def _no_passphrase() -> str:
    raise PermissionError("no passphrase is asked for")
