"""A real nginx in front of something, as people have it: buffering as it comes, gzip on for text."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hand import wait
from servers import free_port

CONFIG = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off; gzip on; gzip_proxied any; gzip_types text/plain application/json; gzip_min_length 1;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass {behind}; {more}
  }} }}
}}
"""
PROGRAM = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")


@contextmanager
def nginx(folder: Path, behind: str, more: str = "") -> Iterator[str]:
    """Its address."""
    assert PROGRAM
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, port=port, behind=behind, more=more))
    process = subprocess.Popen(
        [PROGRAM, "-c", str(config), "-p", str(folder), "-e", str(folder / "error.log")], stderr=subprocess.DEVNULL
    )
    try:
        wait(lambda: (folder / "pid").exists() or process.poll() is not None, "nginx to start", 10)
        assert process.poll() is None, (folder / "error.log").read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
