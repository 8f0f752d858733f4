"""Reports of a spec check, a format a file: text for people, data (JSON) and SARIF for programs, Markdown for a pull
request, commands for the runner of a workflow."""

from .commands import commands
from .data import data
from .markdown import markdown
from .sarif import sarif
from .text import text

__all__ = ["commands", "data", "markdown", "sarif", "text"]
