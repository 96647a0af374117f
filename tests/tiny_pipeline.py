"""Small settings shared by the tests that run the real pipeline."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from merkit.runs.config import EvaluateConfig, FinalConfig
from merkit.synthetic.config import SynthConfig

#: Four people, three classes, one clip each; one recording of six seconds with two events.
SYNTH = SynthConfig(
    subjects=4,
    clips_per_class=1,
    size_px=(160, 160),
    face_width_px=120.0,
    duration_s=(0.2, 0.3),
    amplitude_px=(4.0, 4.0),
    long_videos=1,
    long_duration_s=6.0,
    events_per_video=2,
)
#: Four people again, three of them in a recording of three seconds with one event.
LONG_SYNTH = replace(
    SYNTH, long_videos=3, long_subjects="same", long_duration_s=3.0, events_per_video=1
)
ENCODER = {"name": "tiny", "image_size_px": 56, "tiny": {"width": 16, "blocks": 1, "heads": 2}}
MODEL: dict[str, Any] = {
    "encoder": ENCODER,
    "frames": 4,
    "sfa": {"width": 8, "channels": 2},
    "dgat": {"width": 8, "lstm_hidden": 4},
    "fusion": {"width": 8},
}
TRAINING = {"epochs": 2, "warmup_epochs": 0, "batch_size": 4}


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Only one process of the machine in here at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def made_once(folder: Path, make: Callable[[Path], object]) -> Path:
    """``folder``, made by the first process that needs it."""
    with locked(folder.with_name(folder.name + ".lock")):
        if not (folder.with_name(folder.name + ".done")).exists():
            make(folder)
            folder.with_name(folder.name + ".done").touch()
    return folder


def data_settings(root: Path, store: Path) -> dict[str, Any]:
    return {"data": ("synthetic",), "root": (root,), "store": store, "workers": 1, "device": "cpu"}


def evaluation(root: Path, store: Path, out: Path, **changes: Any) -> EvaluateConfig:
    """A LOSO run of seconds; ``changes`` replace whole settings."""
    settings: dict[str, Any] = {"model": MODEL, "training": TRAINING, "resamples": 100}
    return EvaluateConfig(**data_settings(root, store) | settings | {"out": out} | changes)


def final(root: Path, store: Path, out: Path, **changes: Any) -> FinalConfig:
    settings: dict[str, Any] = {"model": MODEL, "training": TRAINING, "val_share": 0.25}
    return FinalConfig(**data_settings(root, store) | settings | {"out": out} | changes)


def command_words(root: Path, store: Path) -> list[str]:
    """The same settings as words of the command line, to stand after its options."""
    data = ["--data", "synthetic", "--root", str(root), "--store", str(store)]
    machine = ["--workers", "1", "--device", "cpu"]
    settings = [f"model.{name}={value}" for name, value in MODEL.items()]
    settings += [f"training.{name}={value}" for name, value in TRAINING.items()]
    return [*data, *machine, "--set", *settings]
