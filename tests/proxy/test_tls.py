"""`serve --tls-cert --tls-key`: https without a server in front, and a certificate that changes while it serves."""

from __future__ import annotations

import shutil
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from certificates import certificate
from command import Place
from cryptography import x509
from forgejo_shim.errors import ShimError
from forgejo_shim.proxy.certificate import Certificate
from hand import wait
from proxied import Proxied
from running import log_path
from small import LOG


class WithTls(Proxied):
    """The command with the certificate `first`, which is trusted."""

    def __init__(self, place: Place, folder: Path, *words: object) -> None:
        self.files = certificate(folder, "first")
        super().__init__(None, None, *words, tls=self.files, environment=place.environment)

    def shown(self) -> str:
        """The name in the certificate that a new connection is shown."""
        held = ssl.get_server_certificate(("127.0.0.1", self.port))
        (name,) = x509.load_pem_x509_certificate(held.encode()).subject
        return str(name.value)

    def hang_up(self, says: str) -> None:
        """Send SIGHUP and wait for what is said of it."""
        before = self.said.stat().st_size
        self.process.send_signal(signal.SIGHUP)
        wait(lambda: says in self.said.read_bytes()[before:].decode(), f"it to say {says!r}", 10)


@pytest.fixture
def tls(web: Place, tmp_path: Path) -> Iterator[WithTls]:
    with WithTls(web, tmp_path) as proxy:
        yield proxy
        assert "Traceback" not in proxy.log()


@pytest.mark.clause("X42")
def test_it_serves_and_says_so(tls: WithTls, web: Place) -> None:
    path = log_path(web.small)
    assert tls.said.read_text().startswith(f"forgejo-shim: https://127.0.0.1:{tls.port} in front of ")
    assert tls.get(path, web.small.token).content == LOG
    refused = tls.get("/api/v1/repos/o/r/actions/jobs/999999/logs", web.small.token).json()
    assert refused["url"] == f"{tls.base_url}/api/swagger", "the address that the client asks is https"
    with pytest.raises(requests.exceptions.ConnectionError):
        requests.get(f"http://127.0.0.1:{tls.port}{path}", timeout=5)
    assert tls.get("/-/shim/healthz").status_code == 200, "what speaks no TLS harms nobody else"
    assert tls.end() == 0


@pytest.mark.clause("X42")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
def test_old_versions_of_tls_are_refused(tls: WithTls) -> None:
    for version, works in (
        (ssl.TLSVersion.TLSv1_1, False),
        (ssl.TLSVersion.TLSv1_2, True),
        (ssl.TLSVersion.TLSv1_3, True),
    ):
        context = ssl.create_default_context(cafile=tls.files[0])
        context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else this side refuses 1.1 by itself
        context.minimum_version = context.maximum_version = version
        with socket.create_connection(("127.0.0.1", tls.port), 5) as wire:
            if not works:
                with pytest.raises(ssl.SSLError):
                    context.wrap_socket(wire, server_hostname="127.0.0.1")
                continue
            with context.wrap_socket(wire, server_hostname="127.0.0.1") as spoken:
                assert spoken.version() == version.name.replace("_", ".")


@pytest.mark.clause("X43")
def test_a_new_certificate_is_for_new_connections(tls: WithTls, tmp_path: Path) -> None:
    assert tls.get("/-/shim/healthz").status_code == 200  # this connection stays
    for mine, new in zip(tls.files, certificate(tmp_path, "second"), strict=True):
        shutil.copyfile(new, mine)
    assert tls.shown() == "first", "not before it is asked for"
    tls.hang_up("the certificate was read again")
    assert tls.shown() == "second"
    assert tls.get("/-/shim/healthz").status_code == 200, "by the connection that was there"
    tls.session.close()
    assert tls.get("/-/shim/healthz").status_code == 200, "the file that the session trusts is the new one by now"


@pytest.mark.clause("X43")
def test_a_bad_certificate_changes_nothing(tls: WithTls, tmp_path: Path) -> None:
    cert, key = tls.files
    kept = key.read_bytes()
    for spoil, says in (
        (lambda: cert.unlink(), "cannot be read (No such file or directory)"),
        (lambda: cert.write_text("-"), "are no certificate and key in PEM"),
        (lambda: shutil.copyfile(certificate(tmp_path, "second")[0], cert), "is not the key of the certificate"),
    ):
        spoil()
        tls.hang_up(says)
        assert "the certificate is still the one from before" in tls.said.read_text()
        assert tls.shown() == "first"
    assert kept.decode().splitlines()[1] not in tls.log()


@pytest.mark.clause("X42")
def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "first")
    _, closed = certificate(tmp_path, "closed", b"secret")
    (tmp_path / "empty").touch()
    for files, reason in (
        ((cert, tmp_path / "none"), "none cannot be read"),
        ((tmp_path, key), "Is a directory"),
        ((cert, certificate(tmp_path, "other")[1]), "is not the key of the certificate"),
        ((cert, closed), "has a passphrase"),
        ((key, cert), "no certificate and key in PEM"),
        ((cert, tmp_path / "empty"), "no certificate and key in PEM"),
    ):
        with pytest.raises(ShimError, match=reason):
            Certificate(*files)


@pytest.mark.clause("X42")
def test_the_command_says_what_is_wrong(web: Place, tmp_path: Path) -> None:
    cert, key = certificate(tmp_path, "first")
    for words in (("--tls-cert", cert), ("--tls-key", key)):
        code, said = web.failure("serve", *map(str, words))
        assert code == 2 and "give --tls-cert and --tls-key, or neither" in said
    code, said = web.failure("serve", "--tls-cert", str(cert), "--tls-key", str(tmp_path / "none"))
    assert code == 1 and f"{tmp_path / 'none'} cannot be read" in said


@pytest.mark.clause("X43")
def test_without_tls_the_signal_stops_it(web: Place) -> None:
    with Proxied(None, None, environment=web.environment) as proxy:
        assert proxy.end(signal.SIGHUP) == 0
