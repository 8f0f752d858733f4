"""What is said of JSON that does not fit its schema: the field, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from forgejo_shim.errors import PageChanged
from forgejo_shim.schema import parse_valid


@pytest.mark.clause("S26")
@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"total_count": 1}, "workflow_runs is missing"),
        ({"workflow_runs": [{}], "total_count": 1}, "workflow_runs.0.id is missing"),
        ({"workflow_runs": {}, "total_count": 1}, "workflow_runs does not fit (type)"),
        ([], "the whole answer does not fit (type)"),
    ],
)
def test_the_field_that_does_not_fit_is_named(answer: Any, said: str) -> None:
    with pytest.raises(PageChanged) as caught:
        parse_valid("runs", json.dumps(answer).encode(), "the API's list of runs")
    wanted = f"the API's list of runs was not understood: {said}; report this server's version"
    assert caught.value.message == wanted
