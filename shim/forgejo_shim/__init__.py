"""Read Forgejo 16's job and log endpoints from any Forgejo. See `mount` and `Client`."""

from .client import Client, Log
from .errors import ShimError
from .models import Job, Repo, Run, WebCookie, WebLogin
from .requests_adapter import ShimAdapter, mount
from .state import MemoryState, SessionFile, SQLiteState

__version__ = "0.1.0"

__all__ = [
    "Client",
    "Job",
    "Log",
    "MemoryState",
    "Repo",
    "Run",
    "SQLiteState",
    "SessionFile",
    "ShimAdapter",
    "ShimError",
    "WebCookie",
    "WebLogin",
    "mount",
]
