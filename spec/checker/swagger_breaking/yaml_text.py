"""YAML as JSON would have it: scalars by the core schema of YAML 1.2, every key a text, no key twice.

Rules: a merge key (`<<`) gives what the mapping does not say itself; of several sources the first one wins
(yaml.org/type/merge.html). Dates, binary data and values with a tag of an application's own are read as they are
written. Empty documents beside the one that counts do not count.
"""

from __future__ import annotations

import re
from typing import Any

from yaml import AliasEvent, MappingNode, Node, NodeEvent, ScalarNode, SequenceNode, YAMLError
from yaml.composer import Composer
from yaml.constructor import ConstructorError

from .numbers import number
from .shape import NotSwagger

try:
    from yaml import CSafeLoader

    class _Parser(Composer, CSafeLoader):
        """libyaml's parser with PyYAML's composer, which asks this class about each node."""

        def __init__(self, text: str) -> None:
            CSafeLoader.__init__(self, text)
            Composer.__init__(self)

except ImportError:  # PyYAML without libyaml: the same, slower
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]


DEPTH = 200  # nodes within nodes
YAML = "tag:yaml.org,2002:"
Pairs = dict[str, Node]

# What YAML 1.2 allows and PyYAML, made for 1.1, does not: tabs in lines without content, and four characters in texts.
_BLANK = re.compile(r"^[ \t]*\t[ \t]*(?=#|\r?$)", re.MULTILINE)
_ODD = re.compile("[\x7f\x85\u2028\u2029]")


class _Loader(_Parser):
    yaml_implicit_resolvers: dict[str, Any] = {}
    depth = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._merged: dict[int, Pairs] = {}  # by mapping node

    def compose_node(self, parent: Node | None, index: Any) -> Node | None:
        """A node; its anchor may have been another one's before (YAML 1.2, section 3.2.2.2)."""
        event = self.peek_event()
        if isinstance(event, NodeEvent) and not isinstance(event, AliasEvent):
            self.anchors.pop(event.anchor, None)
        return super().compose_node(parent, index)

    def descend_resolver(self, node: Node | None, index: Any) -> None:
        """Called for each node before what is in it."""
        self.depth += 1
        if self.depth > DEPTH:
            raise NotSwagger("is nested too deeply")
        super().descend_resolver(node, index)

    def ascend_resolver(self) -> None:
        self.depth -= 1
        super().ascend_resolver()

    def construct_mapping(self, node: Node, deep: bool = False) -> dict[Any, Any]:
        return {key: self.construct_object(value, deep=deep) for key, value in self._pairs(node).items()}

    def _pairs(self, node: Node) -> Pairs:
        """Keys and values of a mapping, those that are merged into it too."""
        if not isinstance(node, MappingNode):
            raise NotSwagger(f"merges what is no mapping in line {node.start_mark.line + 1}")
        if id(node) not in self._merged:
            own: Pairs = {}
            sources: list[Node] = []
            for key, value in node.value:
                if not isinstance(key, ScalarNode):
                    raise NotSwagger(f"has a key that is no text in line {key.start_mark.line + 1}")
                is_merge = key.tag == f"{YAML}merge"
                if key.value in own or (is_merge and sources):
                    raise NotSwagger(f"says {key.value!r} twice in one mapping, in line {key.start_mark.line + 1}")
                if is_merge:
                    sources = value.value if isinstance(value, SequenceNode) else [value]
                else:
                    own[key.value] = value
            merged: Pairs = {}
            for source in reversed(sources):
                merged |= self._pairs(source)
            self._merged[id(node)] = merged | own
        return self._merged[id(node)]

    def as_written(self, node: Node) -> Any:
        """A value of a tag that is not YAML's own."""
        if node.tag.startswith(YAML):
            raise ConstructorError(None, None, f"could not determine a constructor for {node.tag!r}", node.start_mark)
        if isinstance(node, MappingNode):
            return self.construct_mapping(node, deep=True)
        return self.construct_sequence(node, deep=True) if isinstance(node, SequenceNode) else node.value


for tag, pattern, first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]+|0x[0-9a-fA-F]+|0o[0-7]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"{YAML}{tag}", re.compile(f"^(?:{pattern})$"), first)
for tag in ("int", "float"):
    _Loader.add_constructor(f"{YAML}{tag}", lambda _, node: number(node.value))
for tag in ("timestamp", "binary"):
    _Loader.add_constructor(f"{YAML}{tag}", lambda _, node: node.value)
_Loader.add_constructor(None, _Loader.as_written)


def read(text: str) -> Any:
    """The value; NotSwagger if it is no YAML."""
    try:
        return _read(text)
    except YAMLError as error:
        plainer = _ODD.sub(" ", _BLANK.sub("", text))
        if plainer != text:
            return read(plainer)
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise NotSwagger(f"is neither JSON nor YAML: {getattr(error, 'problem', None) or 'broken'}{line}") from None
    except NotSwagger:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ):  # PyYAML's constructors on values that their tags do not fit
        raise NotSwagger("is neither JSON nor YAML") from None


def _read(text: str) -> Any:
    loader = _Loader(text)
    try:
        node = _document(loader)
        return None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def compose(text: str) -> Node | None:
    """The nodes of a text, which know their lines; YAMLError or NotSwagger if it is no YAML."""
    loader = _Loader(text)
    try:
        return _document(loader)
    finally:
        loader.dispose()


def _document(loader: _Loader) -> Node | None:
    found: list[Node] = []
    while loader.check_node():
        node = loader.get_node()
        if node and not (isinstance(node, ScalarNode) and not node.value and not node.style):
            found.append(node)
    if len(found) > 1:
        raise NotSwagger(f"holds a second YAML document, from line {found[1].start_mark.line + 1}; give one")
    return found[0] if found else None
