"""One environment for all: certificates and proxies as the command, the client and the proxy take them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests
from documents import SELF_SIGNED, Page, Site
from forgejo_shim.environment import CA_FILE, CA_VARIABLES, NetworkSettings, Session, network_settings
from forgejo_shim.errors import ShimError
from proxied import UPGRADE, Behind, Wire
from running import Running

clause = pytest.mark.clause
HTTPS = "https://forge.example"
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CA_FILE, *CA_VARIABLES, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


# --- certificates


@clause("X31")
def test_the_first_that_is_given_is_trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert network_settings(HTTPS).ca is None
    kept = tmp_path / "config.pem"
    kept.write_bytes(SELF_SIGNED.read_bytes())
    for name in reversed(CA_VARIABLES):
        path = tmp_path / name
        path.mkdir() if name == "SSL_CERT_DIR" else path.write_bytes(SELF_SIGNED.read_bytes())
        monkeypatch.setenv(name, str(path))
        assert network_settings(HTTPS).ca == Session(HTTPS)._ca == str(path), name
    assert network_settings(HTTPS, str(kept)).ca == str(kept)
    monkeypatch.setenv(CA_FILE, str(SELF_SIGNED))
    assert network_settings(HTTPS, str(kept)).ca == str(SELF_SIGNED)
    assert Session(HTTPS, str(kept))._ca == str(kept), "an argument before all"


@clause("X31")
@pytest.mark.parametrize("name", [CA_FILE, *CA_VARIABLES])
@pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_a_file_that_cannot_be_used_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv(name, str(path))
    for asks in (network_settings, Session):
        with pytest.raises(ShimError, match=f"{name} names"):
            asks(HTTPS)
    assert network_settings("http://forge.example").ca is None, "no certificate is looked at there"


@clause("X31")
def test_what_the_config_file_names_is_said_to_be_there(tmp_path: Path) -> None:
    for path in (str(tmp_path / "none"), "a\0b"):
        with pytest.raises(ShimError, match="ca_file of the config file"):
            network_settings(HTTPS, path)


@clause("X31")
def test_several_folders_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", "/etc/a:/etc/b")
    with pytest.raises(ShimError, match="several folders"):
        network_settings(HTTPS)


@clause("X31")
def test_the_sessions_trust_that_file_and_a_call_may_say_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(SELF_SIGNED))
    with Session(HTTPS) as session:
        for given, used in ((None, str(SELF_SIGNED)), (True, str(SELF_SIGNED)), (False, False), ("/x", "/x")):
            assert session.merge_environment_settings(HTTPS, {}, None, given, None)["verify"] == used
    assert len(network_settings(HTTPS).tls().get_ca_certs()) <= 1 < len(NetworkSettings().tls().get_ca_certs()), (
        "in the place of certifi's"
    )


@clause("X31")
@pytest.mark.parametrize("name", ["", CA_FILE, "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_proxy_and_session_trust_the_same(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    if name:
        monkeypatch.setenv(name, str(SELF_SIGNED))
    told: list[str] = []
    with Site(tls=True) as site, Running(site.url, network=network_settings(site.url), say=told.append) as proxy:
        site.pages["/x"] = Page(b"hi")
        with Session(site.url) as session:
            if name:
                assert session.get(f"{site.url}/x").content == proxy.get("/x").content == b"hi"
            else:
                with pytest.raises(requests.exceptions.SSLError):
                    session.get(f"{site.url}/x")
                assert "its certificate is not trusted" in proxy.get("/x").json()["message"]
    assert told == ([] if name else [f"{site.url} cannot be reached: its certificate is not trusted"])


# --- proxies


@clause("X31")
@pytest.mark.parametrize(
    "environment, address, through",
    [
        ({"HTTP_PROXY": "http://p:1"}, "http://h.example", "http://p:1"),
        ({"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:1"}, "http://h.example", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1"}, "http://h.example", None),
        ({"HTTPS_PROXY": "http://p:1"}, "https://h.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1"}, "https://h.example", "http://p:1"),
        ({"all_proxy": "http://p:1", "NO_PROXY": "example"}, "https://h.example", None),
        ({"ALL_PROXY": "http://p:1", "no_proxy": "h.example:8443"}, "https://h.example:8443", None),
        ({"ALL_PROXY": "http://p:1", "no_proxy": "h.example:8443"}, "https://h.example", "http://p:1"),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}, "http://10.1.2.3:3000", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "*"}, "http://h.example", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": ".example"}, "http://h.example/forge", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "localhost"}, "http://localhost:3000", None),
        ({"ALL_PROXY": "http://p:1", "NO_PROXY": "localhost"}, "http://127.0.0.1:3000", "http://p:1"),
        ({"HTTP_PROXY": ""}, "http://h.example", None),
    ],
)
def test_the_proxy_is_that_of_requests(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], address: str, through: str | None
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert network_settings(address).proxy == through
    with Session(address) as session:
        settings = session.merge_environment_settings(address, {}, None, None, None)
        assert requests.utils.select_proxy(address, settings["proxies"]) == through


@clause("X31", "X16")
@pytest.mark.parametrize(
    "value", ["proxy:3128", "http://", "http://u:S3cret@h:port", "http://u:S3cret@:1", "http://[::1"]
)
def test_what_is_no_address_of_a_proxy(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("ALL_PROXY", value)
    with pytest.raises(ShimError, match="^ALL_PROXY is not a proxy address") as error:
        network_settings(HTTPS)
    assert "S3cret" not in str(error.value) and "S3cret" not in repr(NetworkSettings(proxy=value))


class Forward:
    """A proxy for clients that hands all to one server; `asked` has each connection's first head."""

    def __init__(self, to: str, refuses: bytes = b"") -> None:
        self.asked: list[bytes] = []
        self._to = ("127.0.0.1", int(to.rpartition(":")[2]))
        self._refuses = refuses
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://name:S3cret@127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=(self._listening.accept()[0],), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        front = Wire(connection)
        with connection, suppress(EOFError, OSError):
            head = front.until(b"\r\n\r\n")
            self.asked.append(head)
            if self._refuses:
                return front.send(self._refuses)
            with socket.create_connection(self._to, 10) as behind:
                behind.sendall(head)
                threading.Thread(target=_pour, args=(connection, behind), daemon=True).start()
                _pour(behind, connection)

    def close(self) -> None:
        self._listening.close()


def _pour(one: socket.socket, other: socket.socket) -> None:
    with suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)


@contextmanager
def between(refuses: bytes = b"") -> Iterator[tuple[Behind, Forward]]:
    behind = Behind()
    forward = Forward(behind.url, refuses)
    yield behind, forward
    forward.close()
    behind.listening.close()


@clause("X31")
def test_serve_goes_through_the_proxy() -> None:
    with between() as (behind, forward), Running(behind.url, network=NetworkSettings(proxy=forward.url)) as proxy:
        assert proxy.get("/a%2Fb?c").content == b"hi"
        (head,) = forward.asked
        assert head.startswith(b"GET %b/a%%2Fb?c HTTP/1.1\r\n" % behind.url.encode())
        assert b"\r\nProxy-Authorization: Basic bmFtZTpTM2NyZXQ=\r\n" in head
        with proxy.dialled() as connection:  # a WebSocket too; that it is refused is the server's word
            connection.sendall(b"GET /ws HTTP/1.1\r\nHost: h\r\n" + b"\r\n".join(UPGRADE) + b"\r\n\r\n")
            assert Wire(connection).until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert any(b"/ws HTTP/1.1\r\n" in head for head in behind.heads)


@clause("X31", "X16")
@pytest.mark.parametrize(
    "scheme, answer, says",
    [
        ("http", b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n", "other credentials"),
        ("https", b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n", "refuses to connect"),
        ("https", b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "refuses to connect"),
    ],
)
def test_a_proxy_on_the_way_that_refuses(scheme: str, answer: bytes, says: str) -> None:
    told: list[str] = []
    with between(answer) as (behind, forward):
        address = behind.url.replace("http", scheme, 1)
        with Running(address, network=NetworkSettings(proxy=forward.url), say=told.append) as proxy:
            got = proxy.get("/")
            assert got.status_code == 502 and says in got.json()["message"]
            assert len(told) == 1 and says in told[0] and "S3cret" not in told[0]


@clause("X31")
def test_a_proxy_on_the_way_that_is_not_there() -> None:
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nowhere = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with Running("http://forge.example", network=NetworkSettings(proxy=nowhere), say=told.append) as proxy:
        assert "proxy does not answer" in proxy.get("/").json()["message"]
    assert told == ["http://forge.example cannot be reached: the proxy does not answer"]
