"""``merkit doctor``: what is installed, what is missing, what each missing piece would give."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from merkit.cli.options import parse

#: optional package -> (what it gives, how to get it)
OPTIONAL = {
    "mediapipe": (
        "a face tracker free for any use",
        "pip install 'merkit[mediapipe]'",
    ),
    "captum": ("attribution figures of 'merkit explain'", "pip install 'merkit[explain]'"),
}
REQUIRED = (
    "torch",
    "transformers",
    "peft",
    "numpy",
    "av",
    "opencv-python-headless",
    "dlib-bin",
    "scikit-learn",
    "scikit-image",
    "pandas",
    "pyarrow",
)
ENCODERS = ("small", "base", "large", "giant")


@dataclass(frozen=True)
class Options:
    """Say what is installed, which weights are found, and what each missing piece gives."""


@dataclass(frozen=True)
class Finding:
    """One line of the diagnosis. ``needed``: merkit cannot do its main job without it."""

    ok: bool
    name: str
    detail: str
    needed: bool = False


def run(words: Sequence[str]) -> int:
    parse(Options, "doctor", words)
    findings = [*_machine(), *_packages(), *_weights()]
    for finding in findings:
        mark = "ok     " if finding.ok else "missing" if finding.needed else "-      "
        print(f"{mark}  {finding.name:<28} {finding.detail}")
    broken = [f.name for f in findings if f.needed and not f.ok]
    if broken:
        print(f"\nmerkit cannot do its main job without: {', '.join(broken)}")
        return 3
    print("\nmerkit is ready. Try: merkit demo")
    return 0


def _machine() -> list[Finding]:
    cache = Path.home() / ".cache" / "merkit"
    cache_parent = next(p for p in (cache, *cache.parents) if p.exists())
    free_gb = shutil.disk_usage(cache_parent).free / 1e9
    return [
        Finding(True, "python", f"{platform.python_version()} on {platform.system()}"),
        Finding(True, "cpu cores", str(os.cpu_count())),
        Finding(
            os.access(cache_parent, os.W_OK), "sample store", f"{cache}, {free_gb:.0f} GB free"
        ),
        _gpu(),
    ]


def _gpu() -> Finding:
    if find_spec("torch") is None:
        return Finding(False, "gpu", "torch is not installed")
    import torch

    if torch.cuda.is_available():
        return Finding(True, "gpu", torch.cuda.get_device_name(0))
    return Finding(False, "gpu", "none; large encoders train slowly on a CPU")


def _packages() -> list[Finding]:
    rows = []
    for name in REQUIRED:
        rows.append(Finding(*_installed(name, "pip install merkit"), needed=True))
    for name, (gives, how) in OPTIONAL.items():
        rows.append(Finding(*_installed(name, f"gives {gives}: {how}")))
    return rows


def _installed(name: str, otherwise: str) -> tuple[bool, str, str]:
    try:
        return True, name, version(name)
    except PackageNotFoundError:
        return False, name, otherwise


def _weights() -> list[Finding]:
    spec = find_spec("face_recognition_models")
    where = Path(spec.origin).parent / "models" if spec and spec.origin else None
    dlib_model = where / "shape_predictor_68_face_landmarks.dat" if where else None
    found = bool(dlib_model and dlib_model.is_file())
    note = "trained on data for non-commercial use; the free alternative is mediapipe"
    rows = [Finding(found, "dlib 68-point model", note, needed=True)]
    for size in ENCODERS:
        cached = _in_hub_cache(f"facebook/dinov2-{size}")
        how = "found" if cached else f"not downloaded: hf download facebook/dinov2-{size}"
        rows.append(Finding(cached, f"dinov2-{size}", how))
    rows.append(Finding(True, "tiny encoder", "built in, trained from scratch, needs no weights"))
    return rows


def _in_hub_cache(repository: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, "config.json"), str)
