#!/usr/bin/env python3
"""Run a model that merkit exported as ONNX. This file works by itself: numpy and onnxruntime.

    python run_onnx.py model.onnx clip.npz ...

Or from Python, with this file beside yours:

    from run_onnx import Model, read_clip
    model = Model("model.onnx")
    answers = model([read_clip("clip.npz"), ...])   # name -> array with a row a clip
    model.classes                                   # names of the columns of "probabilities"

A clip is an .npz file with the arrays that ``model.inputs`` names, without an axis of clips, as
``merkit export --samples`` writes them; or a folder of .npy files, as ``merkit prepare`` does.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

#: key of the file's metadata under which merkit tells what it is
ABOUT = "merkit"


class Model:
    """An exported model. ``about``: what the file says of itself: ``classes``, action ``units``,
    ``inputs``, ``outputs``, ``recipe`` (how merkit makes the inputs of a video), ``licence``.

    Args:
        threads: of one run; 0: all.
    """

    def __init__(self, path: str | Path, threads: int = 0) -> None:
        self.session = session_of(path, threads)
        told = self.session.get_modelmeta().custom_metadata_map
        if ABOUT not in told:
            raise ValueError(f"{path} was not exported by merkit: it does not name its classes")
        self.about: dict[str, Any] = json.loads(told[ABOUT])
        self.classes: list[str] = self.about["classes"]
        self.inputs: list[dict[str, Any]] = self.about["inputs"]

    def __call__(self, clips: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        """Clips -> each output by its name, with a row a clip."""
        fitted = [self._fitted(clip) for clip in clips]
        batch = {one["name"]: np.stack([c[one["name"]] for c in fitted]) for one in self.inputs}
        names = [one.name for one in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, batch), strict=True))

    def _fitted(self, clip: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The arrays of a clip as they are read; of other length only where there is a mask."""
        masked = any(one["name"] == "mask" for one in self.inputs)
        fitted: dict[str, np.ndarray] = {}
        for one in self.inputs:
            name, shape = one["name"], tuple(one["shape"][1:])
            if name == "mask":
                continue  # made of the array that it belongs to
            if 0 in shape:  # a model that reads nothing
                fitted[name] = np.zeros(shape, one["dtype"])
                continue
            if name not in clip:
                raise ValueError(f"the clip has no array '{name}' {shape}, but {sorted(clip)}")
            array = np.asarray(clip[name], one["dtype"])
            if masked:
                fitted["mask"] = np.arange(shape[0]) < len(array)
                missing = [(0, max(0, shape[0] - len(array)))] + [(0, 0)] * (array.ndim - 1)
                array = np.pad(array, missing)[: shape[0]]
            if array.shape != shape:
                raise ValueError(f"array '{name}' is {array.shape}, and the model reads {shape}")
            fitted[name] = array
        return fitted


def session_of(path: str | Path, threads: int = 0) -> Any:
    """The file, opened on the processor; nothing is reported to anybody."""
    try:
        import onnxruntime
    except ImportError:
        raise OSError("onnxruntime is not installed: pip install onnxruntime") from None
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no file {path}")
    onnxruntime.disable_telemetry_events()  # which its builds for Windows send otherwise
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has classes of its own for what it cannot read
        raise ValueError(f"{path} cannot be read as ONNX: {error}") from None


def read_clip(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of an .npz file, or of a folder of .npy files."""
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no clip {path}")
    if path.is_dir():
        return {file.stem: np.load(file) for file in sorted(path.glob("*.npy"))}
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def main(words: Sequence[str]) -> int:
    """Print a line a clip: its best class, and the probability of each."""
    if len(words) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        model = Model(words[0])
        answers = model([read_clip(path) for path in words[1:]])
    except (ValueError, OSError) as error:
        print(f"run_onnx: {error}", file=sys.stderr)
        return 2
    for path, row in zip(words[1:], answers["probabilities"], strict=True):
        shares = "  ".join(f"{n} {p:.3f}" for n, p in zip(model.classes, row, strict=True))
        print(f"{path}: {model.classes[int(row.argmax())]}  ({shares})")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
