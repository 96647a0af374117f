"""Dials are checked, and can be switched off by name."""

from __future__ import annotations

from dataclasses import fields

import pytest

from merkit.config import from_mapping
from merkit.errors import ConfigError
from merkit.simulate.dials import OFF, Dials


def test_every_group_that_adds_something_can_be_off() -> None:
    names = {f.name for f in fields(Dials)}
    assert names - set(OFF) == {"picture", "estimators", "aside"}
    for name in OFF:
        off = Dials().without(name)
        changed = [f for f in names if getattr(off, f) != getattr(Dials(), f)]
        assert changed == [name]


def test_unknown_groups_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"dials \['blinks'\]"):
        Dials().without("blinks")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"pose": {"yaw_sd_rad": -1}}, "yaw_sd_rad"),
        ({"blink": {"chance": 1.5}}, "blink.chance is 1.5"),
        ({"nothing": {"share": -0.1}}, "nothing.share"),
        ({"blink": {"height": [1, 0]}}, "low, then high"),
        ({"amplitude": {"range_eyes": [0, 0.1]}}, "range_eyes"),
        ({"illumination": {"gain_sd": -0.1}}, "gain_sd"),
        ({"estimators": {"tvl1_sides_px": [28]}}, "42 to 1024"),
        ({"estimators": {"dis_sides_px": []}}, "one or more"),
        ({"estimators": {"dis_share": 0, "tvl1_share": 0, "farneback_share": 0}}, "not all 0"),
        ({"picture": {"side_px": 8}}, "28 to 1024"),
        ({"noise": {"exposures": []}}, "exposures"),
        ({"pose": {"yaw_rad": 0}}, "unknown setting 'dials.pose.yaw_rad'"),
        ({"pose": {"yaw_sd_rad": "x"}}, "yaw_sd_rad"),
        ({"pose": {"yaw_sd_rad": float("inf")}}, "finite"),
    ],
)
def test_a_dial_out_of_range_is_named(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        from_mapping(Dials, values, "dials")
