"""Read Forgejo 16's job and log endpoints from any Forgejo. See `mount` and `Client`."""

from .models import WebCookie, WebLogin
from .requests_adapter import ShimAdapter, mount
from .state import MemoryState, SessionFile, SQLiteState

__version__ = "0.1.0"

__all__ = ["MemoryState", "SQLiteState", "SessionFile", "ShimAdapter", "WebCookie", "WebLogin", "mount"]
