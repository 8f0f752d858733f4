"""Certificates for servers of the tests on 127.0.0.1, each signed by itself: made where they are needed.

Rules: `certified` is the one of every proxy that conformance cases ask over https, so that it is trusted by one file.
"""

from __future__ import annotations

import atexit
import ipaddress
import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def certificate(
    folder: Path, name: str, passphrase: bytes = b"", good_for: timedelta = timedelta(days=1)
) -> tuple[Path, Path]:
    """The files of a certificate and of its key, both called by `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder(who, who, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + good_for)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    closed = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    cert_file, key_file = folder / f"{name}.pem", folder / f"{name}.key"
    cert_file.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, closed))
    return cert_file, key_file


@cache
def certified() -> tuple[Path, Path]:
    """The files of this process's certificate and of its key, made at the first call and gone with the process."""
    folder = Path(tempfile.mkdtemp(prefix="forgejo-shim-certificate-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return certificate(folder, "proxy")
