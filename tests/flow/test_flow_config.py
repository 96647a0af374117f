from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict

import pytest

from merkit.errors import ConfigError
from merkit.face.regions import RegionWindows
from merkit.flow.config import PUBLISHED_FLOW, FlowConfig


def test_defaults_are_those_of_the_specification() -> None:
    config = FlowConfig()
    assert (config.estimator, config.reference, config.regions) == ("dis", "previous", 18)
    assert config.shares() == (0.2,) * 18
    assert (config.crop_size_px, config.map_size_px, config.q_nose_tip) == (256, 28, 0.7)


def test_published_extractor_has_the_shares_of_the_code() -> None:
    shares = PUBLISHED_FLOW.shares()
    assert shares == (0.2,) * 4 + (0.3,) * 5 + (0.2,) * 7 + (0.3,) * 2
    assert (PUBLISHED_FLOW.estimator, PUBLISHED_FLOW.reference) == ("farneback", "first")


def test_config_is_plain_values() -> None:
    assert json.loads(json.dumps(asdict(PUBLISHED_FLOW)))["windows"]["layout"] == "code"


@pytest.mark.parametrize(
    "bad",
    [
        {"estimator": "lucas"},
        {"reference": "last"},
        {"nose_correction": True},
        {"regions": 12},
        {"dis_stride_px": 0},
        {"q_mouth": 0.0},
        {"q_nose_tip": 1.5},
        {"follow_iterations": -1},
        {"follow_above_px2": 0.0},
        {"crop_above_g": 4.0},
        {"crop_size_px": 10},
        {"map_size_px": 1},
    ],
)
def test_bad_settings_are_named(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        FlowConfig(**bad)  # type: ignore[arg-type]
    assert next(iter(bad)).split("_")[0] in str(caught.value)


@pytest.mark.parametrize("bad", [{"layout": "round"}, {"margin_px": 0.0}, {"nose_tip_px": 999.0}])
def test_bad_windows_are_named(bad: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=str(next(iter(bad)))):
        RegionWindows(**bad)  # type: ignore[arg-type]


def test_config_imports_without_opencv() -> None:
    code = "import sys, merkit.flow.config; print('cv2' in sys.modules, 'skimage' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
