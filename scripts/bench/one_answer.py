"""A server that gives one answer to everything, at once: for measuring what stands in front of it (calls.py).

    scripts/bench/one_answer.py PORT

It is what a Forgejo says of its version. A request ends with its head.
"""

import asyncio
import sys

END = b"\r\n\r\n"
ANSWER = (
    b"HTTP/1.1 200 OK\r\nCache-Control: max-age=0, private, must-revalidate, no-transform\r\n"
    b"Content-Type: application/json;charset=utf-8\r\nX-Content-Type-Options: nosniff\r\n"
    b"X-Frame-Options: SAMEORIGIN\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Length: 34\r\n\r\n"
    b'{"version":"15.0.2+gitea-1.22.0"}\n'
)


class Answering(asyncio.Protocol):
    """A connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        self.rest = b""

    def data_received(self, data: bytes) -> None:
        """One answer for each request that has ended."""
        *requests, self.rest = (self.rest + data).split(END)
        self.transport.write(ANSWER * len(requests))


async def serve(port: int) -> None:
    """Answer at a port of this machine until the process ends."""
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", port)
    await server.serve_forever()


asyncio.run(serve(int(sys.argv[1])))
