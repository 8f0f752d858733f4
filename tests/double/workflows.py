"""Workflow files: from JSON text (which is YAML) to the rows that a run gets.

Rules
-----
* Understood: `name`, `on`, and of a job `name`, `runs-on`, `needs`, `if`, `steps`, `strategy.matrix` with lists, a
  matrix from `${{ fromJSON(needs.X.outputs.Y) }}`, `uses` of a local file. Anything else in a file is left alone.
* Rows come in the order of the file, a matrix's in the order of their names, then the inner rows of reusable workflows
  (Forgejo's runner, act/jobparser; the same order is in the recordings).
* A job's name is its own, else its key with the matrix's values; an own name is the same for all rows of a matrix.
"""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .faces import Face

PLACEHOLDER = " (incomplete matrix)"
_FROM_OUTPUT = re.compile(
    r"^\s*\$\{\{\s*fromJSON\(\s*needs\.([\w-]+)\.outputs\.([\w-]+)\s*\)\s*\}\}\s*$", re.IGNORECASE
)
_MATRIX = re.compile(r"\$\{\{\s*matrix\.([\w-]+)\s*\}\}")
Outputs = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class JobSpec:
    """What a row is made from; `definition` is the job as written, for rows that are made again later."""

    name: str
    key: str = ""
    needs: tuple[str, ...] = ()
    runs_on: tuple[str, ...] = ("box",)
    steps: tuple[str, ...] = ("echo one",)
    has_if: bool = False
    incomplete: bool = False
    outer: bool = False
    definition: Mapping[str, Any] | None = None

    @property
    def id(self) -> str:
        return self.key or self.name


def parse(text: bytes) -> dict[str, Any] | None:
    """A workflow file's content, or None if it isn't JSON or has no jobs."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) and isinstance(found.get("jobs"), dict) else None


def files_of(files: Mapping[str, bytes]) -> list[str]:
    """The names of the workflow files: those in the first folder that there is (modules/actions/workflows.go)."""
    for folder in (".forgejo/workflows/", ".gitea/workflows/", ".github/workflows/"):
        if names := sorted(path.removeprefix(folder) for path in files if path.startswith(folder)):
            return [name for name in names if name.endswith((".yml", ".yaml"))]
    return []


def triggers(workflow: Mapping[str, Any]) -> set[str]:
    on = workflow.get("on", [])
    return {on} if isinstance(on, str) else set(on)


def rows(workflow: Mapping[str, Any], face: Face, files: Mapping[str, bytes]) -> list[JobSpec]:
    """The rows that a run of this workflow starts with.

    A name that was there before gets `-1`, `-2`; nobody looks whether that is taken (modules/actions/job_parser.go).
    """
    seen: Counter[str] = Counter()
    unequal = []
    for spec in _rows(workflow, face, files):
        unequal.append(replace(spec, name=f"{spec.name}-{seen[spec.name]}") if seen[spec.name] else spec)
        seen[spec.name] += 1
    return unequal


def _rows(workflow: Mapping[str, Any], face: Face, files: Mapping[str, bytes]) -> list[JobSpec]:
    specs = [spec for key, job in workflow["jobs"].items() for spec in expand(key, job, face, {})]
    return specs if not face.expands_reusable else _with_inner(specs, face, files)


def expand(key: str, job: Mapping[str, Any], face: Face, outputs: Outputs) -> list[JobSpec]:
    """The rows of one job; a single placeholder while its matrix needs an output that isn't there."""
    own = job.get("name", "")
    steps = tuple(step.get("name") or step.get("uses") or step.get("run") or "" for step in job.get("steps", []))
    base = JobSpec(
        name=own or key,
        key=key,
        needs=_strings(job.get("needs")),
        runs_on=_strings(job.get("runs-on")),
        steps=steps,
        has_if="if" in job,
        definition=job,
    )
    matrix = (job.get("strategy") or {}).get("matrix")
    if matrix is None:
        return [base]
    dimensions = _dimensions(matrix, outputs)
    if dimensions is None:
        if not face.replaces_rows:
            return [base]  # up to 13 an expression is no list, so it counts as no matrix at all (act/model)
        return [replace(base, name=base.name + PLACEHOLDER, incomplete=True)]
    combinations = [dict(zip(dimensions, values, strict=True)) for values in itertools.product(*dimensions.values())]
    return [_with_matrix(base, own, values) for values in sorted(combinations, key=_suffix)]


def expand_again(spec: JobSpec, face: Face, outputs: Outputs) -> list[JobSpec]:
    """The rows that replace a placeholder; empty if an output is still missing."""
    definition = dict(spec.definition or {})
    own = definition.pop("name", "")
    specs = [replace(new, needs=spec.needs) for new in expand(own or spec.id, definition, face, outputs)]
    return [replace(new, key=spec.id) for new in specs if not new.incomplete]


def _strings(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value or ())


def _dimensions(matrix: Any, outputs: Outputs) -> dict[str, list[Any]] | None:
    """The matrix's lists, with outputs put in; None if one is missing."""
    matrix = _resolved(matrix, outputs)
    if not isinstance(matrix, dict):
        return None
    found = {name: _resolved(values, outputs) for name, values in matrix.items()}
    return found if all(isinstance(values, list) for values in found.values()) else None


def _resolved(value: Any, outputs: Outputs) -> Any:
    found = _FROM_OUTPUT.match(value) if isinstance(value, str) else None
    if not found:
        return value
    text = outputs.get(found[1], {}).get(found[2])
    return None if text is None else json.loads(text)


def _suffix(values: Mapping[str, Any]) -> str:
    return "(" + ", ".join(_go(values[name]) for name in sorted(values)) + ")"


def _go(value: Any) -> str:
    """A value as Go prints it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _with_matrix(base: JobSpec, own: str, values: Mapping[str, Any]) -> JobSpec:
    def put_in(text: str) -> str:
        return _MATRIX.sub(lambda found: _go(values.get(found[1], "")), text)

    name = put_in(own) if own else f"{put_in(base.key)} {_suffix(values)}" if values else base.key
    return replace(base, name=name, runs_on=tuple(map(put_in, base.runs_on)))


def _with_inner(specs: list[JobSpec], face: Face, files: Mapping[str, bytes]) -> list[JobSpec]:
    outer_rows, inner_rows = [], []
    for spec in specs:
        uses = str((spec.definition or {}).get("uses", ""))
        called = parse(files.get(uses.removeprefix("./"), b"")) if uses.startswith("./") else None
        if called is None or spec.incomplete:
            outer_rows.append(spec)
            continue
        inner = [
            replace(row, key=f"{spec.id}.{row.id}", needs=(*(f"{spec.id}.{need}" for need in row.needs), *spec.needs))
            for row in _rows(called, face, files)
        ]
        inner_rows += inner
        outer_rows.append(replace(spec, outer=True, needs=(*spec.needs, *(row.id for row in inner))))
    return outer_rows + inner_rows


def cut_name(name: str, limit: int = 255) -> str:
    """A job's name in at most `limit` bytes, with an ellipsis where it was cut (modules/util/truncate.go)."""
    data = name.encode()
    return name if len(data) <= limit else data[: limit - 3].decode(errors="ignore") + "…"
