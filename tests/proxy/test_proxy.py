"""What passes through the proxy, looked at on both wires: raw sockets before it and behind it.

Rules: the proxy is a process of its own; the server behind is a socket that says what a case wants; bytes are compared,
never what a library made of them. Whatever was sent, nothing of the proxy's own breaks: its log has no traceback.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import threading

import pytest
from forgejo_shim.proxy.headers import Peer, end_to_end, to_upstream
from proxied import END, OK, UPGRADE, Behind, Proxied, Wire, fixed, header, request

clause = pytest.mark.clause


# --- the request


@clause("X1")
@pytest.mark.parametrize(
    "target",
    [
        b"/a%2Fb%2fc//d/./e/../f?",
        b"/?x=%20+y&&;=#z",
        b"//double//",
        b"/%zz%",
        b"/\"<>\\^`{|}'()*,;:@!$&=+~",
        b"/a?b?c=http://x/y",
        b"/%00%0d%0a%ff",
        b"/" + b"long/" * 1500,
    ],
    ids=lambda target: target[:20].decode(),
)
def test_the_target_stays_as_it_came(behind: Behind, front: Wire, target: bytes) -> None:
    front.send(request(target))
    assert front.until(END).startswith(b"HTTP/1.1 200 OK")
    assert behind.lines[0] == b"GET %b HTTP/1.1" % target


@clause("X1")
@pytest.mark.parametrize("method", [b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"PROPFIND", b"HEAD"])
def test_the_method_stays_as_it_came(behind: Behind, front: Wire, method: bytes) -> None:
    front.send(request(b"/x", method=method))
    front.until(END)
    assert behind.lines[0] == b"%b /x HTTP/1.1" % method


@clause("X36")
@pytest.mark.parametrize("line", [b"CONNECT h:1", b"GET http://h.example/x", b"OPTIONS *"])
def test_it_is_no_forward_proxy(behind: Behind, front: Wire, line: bytes) -> None:
    front.send(line + b" HTTP/1.1\r\nHost: h\r\n\r\n")
    assert front.until(END).startswith(b"HTTP/1.1 400 ")
    assert behind.heads == []


@clause("X2")
def test_headers_in_order_and_doubled(behind: Behind, front: Wire) -> None:
    sent = [
        b"hOsT: h.example",
        b"X-One: 1",
        b"Cookie: a=b",
        b"x-one: 2",
        b"Empty:",
        b"Cookie: c=d",
        b"X-Text: caf\xc3\xa9",
    ]
    front.send(b"\r\n".join([b"GET / HTTP/1.1", *sent]) + END)
    front.until(END)
    got = [line.lower().replace(b": ", b":") for line in behind.lines[1:]]
    assert got[: len(sent)] == [line.lower().replace(b": ", b":") for line in sent]


@clause("X37")
def test_a_header_that_cannot_be_handed_on_is_refused(behind: Behind, front: Wire) -> None:
    front.send(request(b"/", b"X-Odd: \xe9"))
    assert front.until(END).startswith(b"HTTP/1.1 400 ")
    assert behind.heads == []


@clause("X3")
def test_hop_by_hop_headers_end_here(behind: Behind, front: Wire) -> None:
    behind.answer = fixed(
        b"HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
        b"Proxy-Authenticate: Basic\r\nTrailer: X-T\r\nUpgrade: h3\r\nX-Kept: 1\r\nContent-Length: 0\r\n\r\n"
    )
    hop = (b"Keep-Alive: 3", b"TE: trailers", b"Proxy-Authorization: Basic eA==", b"Proxy-Connection: x", b"Trailer: T")
    front.send(
        request(b"/", b"Connection: keep-alive, X-Named , x-other", b"X-Named: 1", b"X-OTHER: 1", b"X-Kept: 1", *hop)
    )
    head = front.until(END)
    names = {line.partition(b":")[0].lower() for line in behind.lines[1:]}
    assert names == {
        b"host",
        b"x-kept",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-real-ip",
        b"x-forgejo-shim-name",
    }
    names = {line.partition(b":")[0].lower() for line in head.strip().split(b"\r\n")[1:]}
    assert names == {b"x-kept", b"content-length", b"date"}


@clause("X2")
@pytest.mark.parametrize(
    "method, body", [(b"GET", b""), (b"GET", b"x"), (b"POST", b""), (b"POST", b"x"), (b"PUT", b"x")]
)
def test_no_header_is_added_but_whence_it_came(behind: Behind, front: Wire, method: bytes, body: bytes) -> None:
    length = b"Content-Length: %d" % len(body)
    front.send(request(b"/", length, method=method, body=body))
    front.until(END)
    added = {line.partition(b":")[0].lower() for line in behind.lines[1:]}
    assert added - {b"content-length"} == {
        b"host", b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-real-ip",
        b"x-forgejo-shim-name",
    }  # fmt: skip
    assert header(behind.head, b"Content-Length") == [b"%d" % len(body)]


@clause("X4")
def test_a_stranger_is_not_believed(behind: Behind, front: Wire) -> None:
    lies = (
        b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Host: evil.example", b"X-Forwarded-Proto: https", b"X-Real-IP: 6",
        b"Forwarded: for=6.6.6.6", b"X-WebAuth-User: root", b"X_WEBAUTH_USER: root", b"X-WEBAUTH-EMAIL: r@x",
        b"X-Forwarded-Port: 1", b"X_Forwarded_Host: evil.example", b"Connection: host",
    )  # fmt: skip
    front.send(request(b"/", *lies))
    front.until(END)
    for name, values in (
        (b"X-Forwarded-For", [b"127.0.0.1"]),
        (b"X-Forwarded-Host", [b"h.example:8"]),
        (b"X-Forwarded-Proto", [b"http"]),
        (b"X-Real-IP", [b"127.0.0.1"]),
        (b"Host", [b"h.example:8"]),
    ):
        assert header(behind.head, name) == values
    assert not re.search(rb"(?i)webauth|6\.6\.6\.6|evil|forwarded.port|\r\nforwarded:", behind.head)


@clause("X4")
def test_a_listed_peer_is_believed() -> None:
    told = [("X-Forwarded-For", "1.1.1.1"), ("X-Forwarded-Proto", "https"), ("X-WEBAUTH-USER", "u"), ("X-User", "v")]
    peer = Peer("10.0.0.1", True, "http", "h")
    kept = dict(to_upstream(told, peer))
    assert kept["X-Forwarded-For"] == "1.1.1.1, 10.0.0.1" and kept["X-Forwarded-Proto"] == "https"
    assert kept["X-WEBAUTH-USER"] == "u" and kept["X-Forwarded-Host"] == "h"
    stranger = dict(to_upstream(told, Peer("10.0.0.1", False, "http", ""), frozenset({"x-user"})))
    assert stranger == {"X-Forwarded-For": "10.0.0.1", "X-Forwarded-Proto": "http", "X-Real-IP": "10.0.0.1"}
    assert end_to_end([("Connection", "close,a"), ("connection", "B"), ("A", "1"), ("b", "2"), ("c", "3")]) == [
        ("c", "3")
    ]


@clause("X5")
@pytest.mark.parametrize(
    ("lines", "body"),
    [
        ((b"Content-Length: 5",), b"12345"),
        ((b"Content-Length: 0",), b""),
        ((b"Transfer-Encoding: chunked",), b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
        ((b"Content-Encoding: gzip", b"Content-Length: 4"), b"\x1f\x8bno"),
        ((b"Expect: 100-continue", b"Content-Length: 3"), b"abc"),
    ],
    ids=["length", "empty", "chunked", "gzip", "expect"],
)
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"GET", b"DELETE"])
def test_a_body_stays_as_it_came(
    behind: Behind, front: Wire, method: bytes, lines: tuple[bytes, ...], body: bytes
) -> None:
    got: list[bytes] = []

    def say(wire: Wire, head: bytes) -> None:
        got.append(wire.body(head))
        wire.send(OK)

    behind.answer = say
    front.send(request(b"/x", *lines, method=method))
    if b"Expect" in lines[0]:
        assert front.until(END) == b"HTTP/1.1 100 Continue\r\n\r\n"
    front.send(body)
    assert front.until(END).startswith(b"HTTP/1.1 200 ")
    assert dechunked(got[0]) == dechunked(body)
    for name in (b"Content-Length", b"Transfer-Encoding", b"Content-Encoding"):
        assert header(behind.head, name) == header(b"\r\n" + b"\r\n".join(lines), name)


def dechunked(body: bytes) -> bytes:
    """The content of chunks, or the body itself if it has none."""
    if not body.endswith(b"0\r\n\r\n"):
        return body
    content = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        content, body = content + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return content


@clause("X5")
def test_a_body_goes_on_piece_by_piece(behind: Behind, front: Wire) -> None:
    pieces: list[bytes] = []
    seen = threading.Event()

    def say(wire: Wire, head: bytes) -> None:
        pieces.append(wire.take(8))
        seen.set()
        pieces.append(wire.until(b"0\r\n\r\n"))
        wire.send(OK)

    behind.answer = say
    front.send(request(b"/x", b"Transfer-Encoding: chunked", method=b"PUT", body=b"3\r\nabc\r\n"))
    assert seen.wait(5), "the first piece was held back"
    front.send(b"1\r\nd\r\n0\r\n\r\n")
    assert front.until(END).startswith(b"HTTP/1.1 200 ")
    assert b"".join(pieces) == b"3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"


@clause("X8")
@pytest.mark.parametrize("lines", [b"Content-Length: 10", b"Transfer-Encoding: chunked"])
def test_an_upload_that_breaks_off_never_looks_whole(behind: Behind, proxied: Proxied, lines: bytes) -> None:
    rest: list[bytes] = []
    came = threading.Event()

    def say(wire: Wire, head: bytes) -> None:
        rest.append(wire.take(8))
        came.set()
        rest.append(wire.all())
        behind.ended.set()

    behind.answer = say
    with proxied.dialled() as connection:
        connection.sendall(request(b"/x", lines, method=b"PUT", body=b"3\r\nabc\r\n"))
        assert came.wait(5)
    assert behind.ended.wait(5)
    assert rest == [b"3\r\nabc\r\n", b""]


@clause("X8")
def test_a_body_in_an_encoding_that_ends_here_is_refused(behind: Behind, front: Wire) -> None:
    front.send(request(b"/x", b"Transfer-Encoding: gzip, chunked", method=b"PUT", body=b"3\r\nabc\r\n0\r\n\r\n"))
    assert front.until(END).startswith(b"HTTP/1.1 501 ") and not behind.heads


@clause("X8")
@pytest.mark.parametrize("lines", [b"Content-Length: 3", b"Transfer-Encoding: chunked"])
def test_an_upload_is_never_sent_again_by_halves(behind: Behind, front: Wire, lines: bytes) -> None:
    front.send(request())
    front.until(END), front.take(2)  # the proxy has a kept connection now
    behind.heads.clear()

    def end(wire: Wire, head: bytes) -> None:
        wire.body(head)
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = end
    front.send(request(b"/x", lines, method=b"PUT", body=b"abc" if b"Length" in lines else b"3\r\nabc\r\n0\r\n\r\n"))
    assert front.until(END).startswith(b"HTTP/1.1 502 ")
    assert len(behind.heads) == 1


# --- the answer


@clause("X2")
def test_an_answers_head_stays_as_it_came(behind: Behind, front: Wire) -> None:
    lines = [b"Set-Cookie: a=1; Path=/", b"X-A: caf\xc3\xa9", b"set-cookie: b=2", b"Set-Cookie: c=3", b"Date: then"]
    behind.answer = fixed(b"\r\n".join([b"HTTP/1.1 299 Odd enough", *lines, b"Content-Length: 0"]) + END)
    front.send(request())
    told = front.until(END).strip().split(b"\r\n")
    assert told[0] == b"HTTP/1.1 299 Odd enough"
    assert [line.lower() for line in told[1:]] == [line.lower() for line in [*lines, b"Content-Length: 0"]]


@clause("X6")
@pytest.mark.parametrize(
    ("method", "answer", "told"),
    [
        (b"HEAD", b"200 OK\r\nContent-Length: 55", [b"55"]),
        (b"HEAD", b"200 OK\r\nTransfer-Encoding: chunked", []),
        (b"GET", b"204 No Content", []),
        (b"GET", b'304 Not Modified\r\nETag: "x"', []),
    ],
)
def test_answers_without_a_body(behind: Behind, front: Wire, method: bytes, answer: bytes, told: list[bytes]) -> None:
    behind.answer = fixed(b"HTTP/1.1 " + answer + END)
    front.send(request(method=method))
    head = front.until(END)
    assert header(head, b"Content-Length") == told and not header(head, b"Transfer-Encoding")
    behind.answer = fixed(OK)
    front.send(request())
    assert front.until(END).startswith(b"HTTP/1.1 200 OK"), "the connection goes on"


@clause("X6")
def test_part_of_a_file(behind: Behind, front: Wire) -> None:
    behind.answer = fixed(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 1-2/9\r\nContent-Length: 2\r\n\r\nbc")
    front.send(request(b"/f", b"Range: bytes=1-2", b'If-Range: "x"'))
    head = front.until(END)
    assert head.startswith(b"HTTP/1.1 206 ") and header(head, b"Content-Range") == [b"bytes 1-2/9"]
    assert front.take(2) == b"bc"
    assert header(behind.head, b"Range") == [b"bytes=1-2"] and header(behind.head, b"If-Range") == [b'"x"']


@clause("X6")
@pytest.mark.parametrize("coding", [b"gzip", b"deflate", b"br", b"zstd"])
def test_a_coded_body_is_not_touched(behind: Behind, front: Wire, coding: bytes) -> None:
    behind.answer = fixed(
        b"HTTP/1.1 200 OK\r\nContent-Encoding: %b\r\nContent-Length: 4\r\n\r\n\x1f\x8b\xff\x00" % coding
    )
    front.send(request(b"/", b"Accept-Encoding: " + coding))
    assert header(front.until(END), b"Content-Encoding") == [coding]
    assert front.take(4) == b"\x1f\x8b\xff\x00"
    assert header(behind.head, b"Accept-Encoding") == [coding]


@clause("X7")
def test_an_event_stream_comes_piece_by_piece(behind: Behind, front: Wire) -> None:
    go = threading.Semaphore(0)

    def say(wire: Wire, head: bytes) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for number in range(3):
            go.acquire()
            wire.send(b"9\r\ndata: %d\n\n\r\n" % number)
        go.acquire()
        wire.send(b"0\r\n\r\n")

    behind.answer = say
    front.send(request(b"/user/events"))
    assert header(front.until(END), b"Content-Type") == [b"text/event-stream"], "the head comes before any event"
    for number in range(3):
        go.release()
        assert front.take(14) == b"9\r\ndata: %d\n\n\r\n" % number
    go.release()
    assert front.take(5) == b"0\r\n\r\n"


@clause("X6")
@pytest.mark.parametrize("coded", [True, False])
def test_clients_of_http_1_0(behind: Behind, proxied: Proxied, coded: bool) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    behind.answer = fixed(chunked if coded else b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    with proxied.dialled() as connection:
        connection.sendall(b"GET /x HTTP/1.0\r\n\r\n")
        head, _, body = Wire(connection).all().partition(END)
    assert head.startswith(b"HTTP/1.0 200 OK") and not header(head, b"Transfer-Encoding") and body == b"abc"
    assert not header(behind.head, b"X-Forwarded-Host")


@clause("X6")
def test_requests_in_a_row_on_one_connection(behind: Behind, front: Wire) -> None:
    behind.answer = lambda wire, head: wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + head[5:7])
    front.send(b"".join(request(b"/%02d" % number) for number in range(20)))
    assert [front.until(END) and front.take(2) for _ in range(20)] == [b"%02d" % number for number in range(20)]


@clause("X6")
def test_an_offer_of_http_2_is_left_out(behind: Behind, front: Wire) -> None:
    for _ in range(2):
        front.send(request(b"/x", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABk"))
        assert front.until(END).startswith(b"HTTP/1.1 200 ") and front.take(2) == b"hi"
    assert not any(b"h2c" in head or b"HTTP2-Settings" in head for head in behind.heads)


# --- WebSocket


def frame(kind: int, data: bytes, mask: bytes = b"") -> bytes:
    """A frame of RFC 6455: 1 text, 2 binary, 8 close, 9 ping, 10 pong; masked as clients must."""
    size = len(data)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2) if size < 65536 else b"\x7f" + size.to_bytes(8)
    if mask:
        length = bytes([length[0] | 128]) + length[1:] + mask
        data = bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))
    return bytes([128 | kind]) + length + data


def read_frame(wire: Wire) -> tuple[int, bytes]:
    kind, size = wire.take(2)
    masked, size = size >> 7, size & 127
    size = int.from_bytes(wire.take(2 if size == 126 else 8)) if size > 125 else size
    mask = wire.take(4) if masked else bytes(4)
    return kind & 15, bytes(byte ^ mask[at % 4] for at, byte in enumerate(wire.take(size)))


def accepted(head: bytes, *lines: bytes) -> bytes:
    (key,) = header(head, b"Sec-WebSocket-Key")
    digest = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    start = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
    return b"\r\n".join([start, b"Sec-WebSocket-Accept: " + digest, *lines]) + END


@clause("X12")
def test_a_websocket_both_ways(behind: Behind, front: Wire) -> None:
    messages = [(1, "é 漢字".encode()), (2, bytes(range(256)) * 300), (9, b"ping"), (10, b"pong"), (1, b"")]

    def say(wire: Wire, head: bytes) -> None:
        wire.send(accepted(head, b"Sec-WebSocket-Protocol: second"))
        for kind, data in messages:
            assert read_frame(wire) == (kind, data)
            wire.send(frame(kind, data))
        assert read_frame(wire) == (8, b"\x0f\xa1done")
        wire.send(frame(8, b"\x0f\xa1done"))
        behind.ended.set()

    behind.answer = say
    front.send(request(b"/ws?x=%2F", *UPGRADE))
    head = front.until(END)
    assert head.startswith(b"HTTP/1.1 101 ") and header(head, b"Sec-WebSocket-Protocol") == [b"second"]
    assert behind.lines[0] == b"GET /ws?x=%2F HTTP/1.1"
    for name, value in ((b"Origin", b"http://h.example:8"), (b"Cookie", b"a=b"), (b"X-Forwarded-For", b"127.0.0.1")):
        assert header(behind.head, name) == [value]
    assert b"".join(header(behind.head, b"Sec-WebSocket-Protocol")).replace(b" ", b"") == b"first,second"
    for kind, data in messages:
        front.send(frame(kind, data, b"mask"))
        assert read_frame(front) == (kind, data)
    front.send(frame(8, b"\x0f\xa1done", b"mask"))
    assert behind.ended.wait(5)
    assert read_frame(front)[0] == 8 and front.all() == b""


@clause("X12")
@pytest.mark.parametrize("last", [frame(8, b"\x0f\xa0bye"), b""], ids=["closed", "broken"])
def test_the_server_behind_ends_a_websocket(behind: Behind, front: Wire, last: bytes) -> None:
    def say(wire: Wire, head: bytes) -> None:
        wire.send(accepted(head) + frame(1, b"hello") + last)
        if last:
            assert read_frame(wire)[0] == 8
        wire.connection.shutdown(socket.SHUT_RDWR)

    behind.answer = say
    front.send(request(b"/ws", *UPGRADE))
    front.until(END)
    assert read_frame(front) == (1, b"hello")
    if last:
        assert read_frame(front) == (8, b"\x0f\xa0bye")
        front.send(frame(8, b"\x0f\xa0", b"mask"))
    assert front.all() == b""


@clause("X12")
def test_the_client_breaks_off_a_websocket(behind: Behind, proxied: Proxied) -> None:
    def say(wire: Wire, head: bytes) -> None:
        wire.send(accepted(head))
        wire.all()
        behind.ended.set()

    behind.answer = say
    with proxied.dialled() as connection:
        connection.sendall(request(b"/ws", *UPGRADE))
        Wire(connection).until(END)
    assert behind.ended.wait(5)


@clause("X12")
def test_a_server_that_wants_no_websocket(behind: Behind, front: Wire) -> None:
    behind.answer = fixed(b"HTTP/1.1 403 Forbidden\r\nX-Why: no\r\nContent-Length: 4\r\n\r\nnope")
    front.send(request(b"/ws", *UPGRADE))
    head = front.until(END)
    assert head.startswith(b"HTTP/1.1 403 Forbidden\r\n") and header(head, b"X-Why") == [b"no"]
    assert front.take(4) == b"nope"
