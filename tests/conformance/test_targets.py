"""How targets are named on the command line."""

from __future__ import annotations

import pytest
from targets import ADAPTER, GROUPS, PROXY, TARGETS, chosen


def test_targets_are_chosen_by_name_group_and_version() -> None:
    assert chosen("double") == GROUPS["double"]
    assert chosen("15-plain,real")[0] == "15-plain" and set(chosen("real")) == set(GROUPS["real"])
    assert chosen("13") == ["13-adapter", "13-proxy"]
    assert sorted(GROUPS["double"] + GROUPS["real"] + GROUPS["balanced"]) == sorted(TARGETS)
    versions = {TARGETS[name].version for name in GROUPS["double"]}
    assert set(GROUPS["quick"]) < set(GROUPS["double"]) and {TARGETS[n].version for n in GROUPS["quick"]} == versions


def test_an_unknown_target_is_named() -> None:
    with pytest.raises(ValueError, match="no target or group 'nonsense'"):
        chosen("15,nonsense")


def test_each_version_has_its_control_and_its_features() -> None:
    assert [name for name, target in TARGETS.items() if target.control] == ["double-15-plain", "15-plain"]
    assert not TARGETS["11-adapter"].features & {"run-jobs", "run-zip", "attempts"}
    for name, target in TARGETS.items():
        assert [front for front in ("adapter", "proxy") if front in target.features] == [target.front] * bool(
            target.front
        )
        if target.balanced:
            assert target.features == TARGETS[name.replace("balanced", "proxy")].features - {"one-process"}
        elif target.front == "proxy":
            beside = next(other for other in TARGETS.values() if other.name in (name[:-6], f"{name[:-6]}-adapter"))
            assert target.features - PROXY == beside.features - ADAPTER
