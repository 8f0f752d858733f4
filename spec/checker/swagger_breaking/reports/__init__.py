"""Reports of a comparison, a format a file: text for people, data (JSON) and SARIF for programs, Markdown for a pull
request, commands for the runner of a workflow; and the list of rules."""

from .commands import commands
from .data import data
from .markdown import markdown
from .rules import rules_data, rules_markdown, rules_text
from .sarif import Tool, sarif
from .text import text

__all__ = ["Tool", "commands", "data", "markdown", "rules_data", "rules_markdown", "rules_text", "sarif", "text"]
