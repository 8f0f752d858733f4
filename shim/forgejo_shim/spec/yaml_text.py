"""YAML as JSON would have it: the words of JSON alone are no texts, every key is a text, nothing is said twice."""

from __future__ import annotations

import re
from typing import Any

from yaml import MappingNode, Node, ScalarNode, YAMLError

from .shape import NotSwagger

try:
    from yaml import CSafeLoader as SafeLoader
except ImportError:  # PyYAML without libyaml: the same, slower
    from yaml import SafeLoader  # type: ignore[assignment]


DEPTH = 200  # nodes within nodes; libyaml's own composer has no bound but the stack, whose end ends the process


class _Loader(SafeLoader):
    yaml_implicit_resolvers: dict[str, Any] = {}
    depth = 0

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
        assert isinstance(node, MappingNode)
        self.flatten_mapping(node)
        found: dict[Any, Any] = {}
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise NotSwagger(f"has a key that is no text in line {key.start_mark.line + 1}")
            if key.value in found:
                raise NotSwagger(f"says {key.value!r} twice in one mapping, in line {key.start_mark.line + 1}")
            found[key.value] = self.construct_object(value, deep=deep)
        return found


for tag, pattern, first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"-?(?:0|[1-9][0-9]*)", list("-0123456789")),
    ("float", r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", list("-0123456789")),
    ("merge", r"<<", ["<"]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$"), first)


def read(data: bytes) -> Any:
    """The value; NotSwagger if it is no YAML."""
    loader = None
    try:
        loader = _Loader(data)
        return loader.get_single_data()
    except NotSwagger:
        raise
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise NotSwagger(f"is neither JSON nor YAML: {getattr(error, 'problem', None) or 'broken'}{line}") from None
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ):  # PyYAML's constructors on values that their tags do not fit
        raise NotSwagger("is neither JSON nor YAML") from None
    finally:
        if loader is not None:
            loader.dispose()
