"""Requests of random bytes in path, query and headers: each is answered in form, and nothing is left of it.

Rules: as in test_proxy.py; the dice are the same each time. `FORGEJO_SHIM_REQUESTS=10000` for more of them.
"""

from __future__ import annotations

import json
import os
import random
import re
import socket
from contextlib import suppress

import pytest
from hand import wait
from proxied import END, Behind, Proxied, Wire, fixed, header, request
from small import LOG, Small

clause = pytest.mark.clause

SOME = LOG[: LOG.index(b"row 300")] + b"row 300\n"
COUNT = int(os.environ.get("FORGEJO_SHIM_REQUESTS", "1000"))
SECRET = b"S3cret-0123456789abcdef"
METHODS = (b"GET", b"GET", b"GET", b"HEAD", b"DELETE", b"PUT")
NAMES = (b"Authorization", b"Range", b"Connection", b"Cookie", b"Sudo", b"X-Forwarded-For", b"Upgrade", b"Expect")
OPERATIONS = (
    *(b"jobs/%b", b"jobs/%b/logs", b"jobs/%b/logs", b"jobs/%b/rerun", b"runs/%b/jobs", b"runs/latest/%b"),
    *(b"runs/%b/artifacts", b"runs/%b/cancel", b"artifacts/%b", b"artifacts/%b/zip"),
)
HEAD = re.compile(rb"HTTP/1\.[01] [2-5][0-9][0-9] [ -~]*\r\n([!-9;-~]+: ?[^\r\n]*\r\n)*\r\n\Z")


def some(dice: random.Random, most: int) -> bytes:
    """Random bytes: any, printable, or percent-encoded."""
    count = dice.randint(0, most)
    kind = dice.random()
    if kind < 0.05:
        return dice.randbytes(count)
    if kind < 0.5:
        return bytes(dice.choice(b"!\"#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~") for _ in range(count))
    return b"".join(b"%%%02X" % byte for byte in dice.randbytes(count // 3))


def random_request(dice: random.Random) -> bytes:
    path = b"/" + some(dice, 40)
    if dice.random() < 0.3:
        path = b"/api/v1/repos/%b/%b/actions/jobs/%b/logs" % (some(dice, 8), some(dice, 8), some(dice, 8))
    if dice.random() < 0.5:
        path += b"?" + some(dice, 40) + dice.choice((b"", b"&token=" + SECRET, b"&access_token=" + SECRET))
    lines = [b"X-%d: %b" % (number, some(dice, 30)) for number in range(dice.randint(0, 3))]
    lines += [name + b": " + some(dice, 20) for name in NAMES if dice.random() < 0.08]
    if dice.random() < 0.1:
        lines.append(some(dice, 10) + b": x")
    if dice.random() < 0.2:
        lines.append(dice.choice((b"Authorization: token ", b"Cookie: session=", b"X-Forgejo-OTP: ", b"X-")) + SECRET)
    return request(path, *lines, method=some(dice, 5) if dice.random() < 0.03 else dice.choice(METHODS))


def random_operation(dice: random.Random, good: bytes, token: bytes) -> bytes:
    """A request for an operation of the shim's: the right repository or not, `good` or another id, a part or not."""
    name = dice.choice((b"o/r", b"o/r", b"o/r", b"o/r", b"O/%72", b"o/r.git", some(dice, 6) + b"/" + some(dice, 6)))
    of = dice.choice((good, good, good, good, b"0", b"-1", b"99999", some(dice, 8)))
    path = b"/api/v1/repos/%b/actions/%b" % (name, dice.choice(OPERATIONS) % of)
    word = dice.choice((b"1", b"0", b"3", some(dice, 12)))
    path += dice.choice((b"", b"", b"?attempt=%b", b"?tail=%b", b"?step=%b", b"?%b")).replace(b"%b", word)
    lines = [b"Authorization: token " + dice.choice((token, token, SECRET))]
    if dice.random() < 0.3:
        lines.append(b"Range: " + dice.choice((b"bytes=0-9", b"bytes=-9", some(dice, 12))))
    lines += [name + b": " + some(dice, 12) for name in (b"If-Range", b"Cookie", b"X-Any") if dice.random() < 0.1]
    return request(path, *lines, method=dice.choice((b"GET",) * 8 + (b"POST", b"HEAD", b"DELETE")))


@clause("X11", "X16")
def test_requests_of_random_bytes(behind: Behind) -> None:
    dice = random.Random(5)
    counts: dict[bytes, int] = {}
    behind.answer = fixed(b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
    with Proxied(behind.url) as proxied:
        before = proxied.descriptors()
        connection = proxied.dialled()
        for _ in range(COUNT):
            behind.heads.clear()
            sent = random_request(dice)
            status, _, goes_on = exchange(connection, sent)
            counts[status] = counts.get(status, 0) + 1
            if status == b"404" and b"/actions/jobs/" not in sent.partition(b" HTTP/")[0]:
                assert behind.lines[0] == sent.partition(b"\r\n")[0], "not as it came"
            if not goes_on:
                connection.close()
                connection = proxied.dialled()
        connection.close()
        assert counts.keys() <= {b"404", b"405", b"400", b"501", b"502"}, counts
        assert counts[b"404"] > 0.4 * COUNT and counts[b"400"] > 0.1 * COUNT, counts
        nothing_left(proxied, before)


@clause("X11", "X16", "S12")
def test_random_requests_for_the_operations() -> None:
    dice = random.Random(7)
    counts: dict[bytes, int] = {}
    with Small("15") as small, Proxied(small.url, small.web) as proxied:
        job = small.add({"build": SOME}).jobs[0]
        before = proxied.descriptors()
        connection = proxied.dialled()
        for _ in range(COUNT // 5):
            sent = random_operation(dice, b"%d" % job.id, small.token.encode())
            status, body, goes_on = exchange(connection, sent)
            counts[status] = counts.get(status, 0) + 1
            told = sent.partition(b"\r\n")[0]
            if status in (b"200", b"206") and b"/jobs/" in told and b"/logs" in told:
                assert body in SOME, told
            elif status >= b"400" and status != b"405" and not body.startswith(b"invalid range"):
                of_the_server = body.strip() in (b"404 page not found", b"400 Bad Request")
                assert told.startswith(b"HEAD") or of_the_server or json.loads(body)["message"], told
            if not goes_on:
                connection.close()
                connection = proxied.dialled()
        connection.close()
        assert min(counts[b"200"], counts[b"404"], counts[b"401"]) > 0.05 * COUNT // 5, counts
        assert b"500" not in counts and b"broken" not in counts, counts
        nothing_left(proxied, before)
        assert small.token not in proxied.log() and small.web.password not in proxied.log()


def dechunked(body: bytes) -> bytes:
    """The content of chunks, which have to be whole."""
    content = b""
    while body != b"0\r\n\r\n":
        size, _, body = body.partition(b"\r\n")
        count = int(size, 16)
        content += body[:count]
        assert body[count : count + 2] == b"\r\n"
        body = body[count + 2 :]
    return content


def nothing_left(proxied: Proxied, before: int) -> None:
    wait(lambda: proxied.descriptors() <= before + 6, "the descriptors to be closed again")
    assert "Traceback" not in proxied.log(), proxied.log()[-3000:]
    assert SECRET.decode() not in proxied.log()


def exchange(connection: socket.socket, sent: bytes) -> tuple[bytes, bytes, bool]:
    """Status and body of the last answer, and whether the connection goes on. TimeoutError if none comes."""
    wire = Wire(connection)
    body = b""
    with suppress(BrokenPipeError, ConnectionResetError):
        wire.send(sent)
    try:
        head = wire.until(END)
        while head.startswith(b"HTTP/1.1 100"):
            head = wire.until(END)
        if not sent.startswith(b"HEAD"):
            body = wire.body(head)
            body = dechunked(body) if header(head, b"Transfer-Encoding") else body
    except EOFError:
        return b"broken", b"", False
    assert HEAD.match(head), head
    status = head.split(b" ")[1]
    closes = (
        status == b"400" or head.startswith(b"HTTP/1.0") or b"close" in b"".join(header(head, b"Connection")).lower()
    )
    return status, body, not (closes or wire.rest)
