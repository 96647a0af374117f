"""What the tests of explanations share: settings of small models, and types of fixtures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from merkit.explain.case import Case

CLASSES = ("negative", "positive", "surprise")
FRAMES = 4
TINY = {
    "name": "tiny",
    "input": "difference",
    "image_size_px": 64,
    "tiny": {"width": 16, "blocks": 2, "heads": 2, "patches": 4},
}
BRANCHES = {"sfa": {"width": 16}, "dgat": {"width": 16, "lstm_hidden": 16}, "fusion": {"width": 16}}
MODELS: dict[str, dict[str, Any]] = {
    "sfa-dgat": {"encoder": TINY, "frames": FRAMES, **BRANCHES},
    "stag": {"frames": 6, "graph": {"layers": 2}},
    "evodyn": {"depth": 2},
    "ststnet": {},
    "hoof": {"frames": 6},
    "majority": {},
}

ModelFolder = Callable[[str], Path]
OpenCase = Callable[[str], Case]
