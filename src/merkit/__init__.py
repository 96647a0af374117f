"""merkit: facial micro-expression recognition.

Importing this package loads nothing heavy; names below are imported on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_LAZY = {
    "ClipDataset": "merkit.runs.clip_dataset",
    "analyse": "merkit.inference.analysis",
    "analyse_many": "merkit.inference.many",
    "evaluate": "merkit.runs.evaluate",
    "EvaluateConfig": "merkit.runs.config",
    "Recognizer": "merkit.inference.recognizer",
    "Stream": "merkit.inference.stream",
    "stream": "merkit.inference.stream",
    "load_dataset": "merkit.datasets",
    "spot_video": "merkit.spotting",
    "Clip": "merkit.types",
    "Frame": "merkit.types",
    "Event": "merkit.types",
}

if TYPE_CHECKING:
    from merkit.datasets import load_dataset as load_dataset
    from merkit.inference.analysis import analyse as analyse
    from merkit.inference.many import analyse_many as analyse_many
    from merkit.inference.recognizer import Recognizer as Recognizer
    from merkit.inference.stream import Stream as Stream
    from merkit.inference.stream import stream as stream
    from merkit.runs.clip_dataset import ClipDataset as ClipDataset
    from merkit.runs.config import EvaluateConfig as EvaluateConfig
    from merkit.runs.evaluate import evaluate as evaluate
    from merkit.spotting import spot_video as spot_video
    from merkit.types import Clip as Clip
    from merkit.types import Event as Event
    from merkit.types import Frame as Frame

__all__ = [
    "Clip",
    "ClipDataset",
    "EvaluateConfig",
    "Event",
    "Frame",
    "Recognizer",
    "Stream",
    "analyse",
    "analyse_many",
    "evaluate",
    "load_dataset",
    "spot_video",
    "stream",
]


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'merkit' has no attribute '{name}'")
