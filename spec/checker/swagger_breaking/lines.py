"""On which line of its text a part of a document stands, found by its JSON pointer; JSON or YAML.

Rules: a property stands where its name does. What is not there stands where the nearest thing around it does. Only
positions are read here, not values: aliases are not followed further than the pointer goes.
"""

from __future__ import annotations

import re
from functools import cached_property

import yaml

from .shape import NotSwagger, keys
from .yaml_text import compose

# What JSON has and YAML has not, or counts as an end of line: tabs, half characters, some of Unicode's own controls.
_NOT_YAML = re.compile(
    rb"[\t\x7f]|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]|\xef\xbf[\xbe\xbf]"
)


class Lines:
    """The lines of one text."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    def of(self, pointer: str, *, of_other: bool = False) -> int:
        """The line, counted from 1, of the part that `pointer` names, or of the nearest one around it.

        `of_other`: the pointer is one into another document, whose lists may be in another order.
        """
        node, line = self._root, 1
        for key in keys(pointer):
            found = None if of_other and isinstance(node, yaml.SequenceNode) else _child(node, key)
            if found is None:
                break
            node, mark = found
            line = mark.line + 1
        return line

    @cached_property
    def _root(self) -> yaml.Node | None:
        try:
            return compose(_NOT_YAML.sub(b" ", self._text).decode())
        except (yaml.YAMLError, NotSwagger, RecursionError, UnicodeError):
            return None


def _child(node: yaml.Node | None, token: str) -> tuple[yaml.Node, yaml.Mark] | None:
    """A part of a node, and where it begins."""
    if isinstance(node, yaml.MappingNode):
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value == token:
                return value, key.start_mark
            if key.tag == "tag:yaml.org,2002:merge":
                merged = value.value if isinstance(value, yaml.SequenceNode) else [value]
        return next(filter(None, (_child(one, token) for one in merged)), None)
    if isinstance(node, yaml.SequenceNode) and token.isdecimal() and int(token) < len(node.value):
        value = node.value[int(token)]
        return value, value.start_mark
    return None
