"""The errors of the checker. Each `message` is one sentence: what is wrong with which document or file, and what to do.

CheckerError
├── Unreadable    a document could not be loaded whole, or is no Swagger 2.0
└── Unwritable    a report could not be written
"""

from __future__ import annotations


class CheckerError(Exception):
    """There is no verdict; `message` says why and holds no credential."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Unreadable(CheckerError):
    """A document could not be loaded whole, or is no Swagger 2.0."""


class Unwritable(CheckerError):
    """A report could not be written."""
