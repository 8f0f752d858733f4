"""What Forgejo's own requests pay behind the nginx configuration that is shipped: small calls per second beside a bare
nginx that hands everything on to the same server, with the headers that Forgejo needs, kept connections and a log.

Rules: both take turns, and both answers are compared. Where there is no nginx, it is said and not measured.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from calls import CALL, CONNECTIONS, PAIRS, taken, turn
from doors import MAIN, NGINX, nginx_door, running
from hand import plain_session
from measuring import Figure, get, in_turns, say
from servers import free_port

BARE = """upstream forgejo {{ server {behind}; keepalive 32; }}
server {{
  listen 127.0.0.1:{port};
  access_log {folder}/access.log combined;
  location / {{
    proxy_pass http://forgejo; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
  }}
}}
"""


def figures(server: str, upstream: str) -> Iterator[Figure]:
    """The figure in front of a server, which is named so in the table."""
    if not NGINX:
        say("")
        print("behind nginx: not measured, there is no nginx here (nginx-light)", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        with bare(Path(one), upstream) as plain, nginx_door(Path(other), upstream, [upstream]) as door:
            say(f"{server}: small calls behind nginx")
            body = get(plain_session(), upstream + CALL).content
            direct, through = (partial(turn, url, body) for url in (plain, door))
            ratio = in_turns(partial(taken, direct), partial(taken, through), PAIRS)
    what = f"small calls per second, {CONNECTIONS} connections: behind the shipped nginx.conf ÷ bare nginx"
    yield Figure(what, server, round(ratio, 2), at_least=0.98)


@contextmanager
def bare(folder: Path, upstream: str) -> Iterator[str]:
    """The address of an nginx that hands everything on."""
    port, included, config = free_port(), folder / "bare.conf", folder / "nginx.conf"
    included.write_text(BARE.format(folder=folder, behind=urlsplit(upstream).netloc, port=port))
    config.write_text(MAIN.format(folder=folder, included=included))
    command = [str(NGINX), "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")]
    with running(command, port, folder / "error.log"):
        yield f"http://127.0.0.1:{port}"
