"""JSON that is held against its schema before it is used, so that a changed server is noticed by its field.

Rules: the schemas are those of spec/web, shipped with the package; what does not fit is PageChanged.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import fastjsonschema

from .errors import PageChanged


@cache
def _schema(name: str) -> Any:
    text = files(__package__).joinpath("schemas", f"{name}.schema.json").read_text("utf-8")
    return fastjsonschema.compile(json.loads(text), use_default=False)


def _fault(error: fastjsonschema.JsonSchemaValueException) -> str:
    """What does not fit, and where."""
    path = ".".join(str(part) for part in error.path[1:])
    if error.rule == "required":
        missing = next(name for name in error.rule_definition if name not in error.value)
        return f"{path}.{missing} is missing" if path else f"{missing} is missing"
    return f"{path or 'the whole answer'} does not fit ({error.rule})"


def parse_valid(name: str, body: bytes, what: str) -> Any:
    """The JSON in `body` if it fits the schema `name`. Raises PageChanged, naming `what` and the field."""
    try:
        return _schema(name)(json.loads(body))
    except fastjsonschema.JsonSchemaValueException as error:
        raise PageChanged(f"{what} was not understood: {_fault(error)}; report this server's version") from None
    except (ValueError, RecursionError):
        raise PageChanged(f"{what} was not understood: it is no JSON") from None
