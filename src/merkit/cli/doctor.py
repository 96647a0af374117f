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

from merkit.cli.licences import installed_licences
from merkit.cli.options import parse
from merkit.errors import MerkitError, MissingWeightsError
from merkit.face.landmarker import MODEL, MODEL_SHA256
from merkit.files import file_hash
from merkit.methods.bundled import BUNDLED, read_recogniser
from merkit.types import Finding, Level

#: optional package -> (what it gives, how to get it)
OPTIONAL = {
    "dlib-bin": ("the face tracker of many papers, tracker dlib68", "pip install 'merkit[dlib]'"),
    "starlette": ("the local page of 'merkit app'", "pip install 'merkit[app]'"),
    "captum": ("attribution figures of 'merkit explain'", "pip install 'merkit[explain]'"),
    "praatio": ("TextGrids for Praat, --out FILE.TextGrid", "pip install 'merkit[export]'"),
}
REQUIRED = (
    "torch",
    "transformers",
    "peft",
    "numpy",
    "av",
    "opencv-python-headless",
    "ai-edge-litert",
    "scikit-learn",
    "scikit-image",
    "pandas",
    "pyarrow",
)


@dataclass(frozen=True)
class Options:
    """Say what is installed, which weights are found, and what each missing piece gives."""

    licences: bool = False
    """list the licence of everything that the base install brings along"""


#: How a line begins. What is ``broken`` is needed for merkit's main job.
_MARKS: dict[Level, str] = {"ok": "ok", "broken": "missing", "note": "-"}


def run(words: Sequence[str]) -> int:
    if parse(Options, "doctor", words).licences:
        for name, licence in installed_licences().items():
            print(f"{name:<36} {licence}")
        return 0
    findings = [*_machine(), *_packages(), *_weights()]
    for finding in findings:
        print(f"{_MARKS[finding.level]:<7}  {finding.what:<28} {finding.detail}")
    broken = [finding.what for finding in findings if finding.level == "broken"]
    if broken:
        print(f"\nmerkit cannot do its main job without: {', '.join(broken)}")
        return 3
    print("\nmerkit is ready. Try: merkit demo")
    return 0


def _machine() -> list[Finding]:
    cache = Path.home() / ".cache" / "merkit"
    cache_parent = next(p for p in (cache, *cache.parents) if p.exists())
    free_gb = shutil.disk_usage(cache_parent).free / 1e9
    writable: Level = "ok" if os.access(cache_parent, os.W_OK) else "note"
    return [
        Finding("ok", "python", f"{platform.python_version()} on {platform.system()}"),
        Finding("ok", "cpu cores", str(os.cpu_count())),
        Finding(writable, "sample store", f"{cache}, {free_gb:.0f} GB free"),
        _gpu(),
    ]


def _gpu() -> Finding:
    if find_spec("torch") is None:
        return Finding("note", "gpu", "torch is not installed")
    import torch

    if torch.cuda.is_available():
        return Finding("ok", "gpu", torch.cuda.get_device_name(0))
    return Finding("note", "gpu", "none; large encoders train slowly on a CPU")


def _packages() -> list[Finding]:
    needed = [_package(name, "pip install merkit", "broken") for name in REQUIRED]
    optional = [
        _package(n, f"gives {gives}: {how}", "note") for n, (gives, how) in OPTIONAL.items()
    ]
    return needed + optional


def _package(name: str, otherwise: str, lacking: Level) -> Finding:
    try:
        return Finding("ok", name, version(name))
    except PackageNotFoundError:
        return Finding(lacking, name, otherwise)


def _weights() -> list[Finding]:
    from huggingface_hub import try_to_load_from_cache

    whole = MODEL.is_file() and file_hash(MODEL) == MODEL_SHA256
    note = "comes with merkit, free for any use" if whole else f"not as it came: {MODEL}"
    rows = [Finding("ok" if whole else "broken", "face landmarker", note)]
    if find_spec("face_recognition_models"):
        note = "trained on data for non-commercial use"
        rows.append(Finding("note", "dlib 68-point model", note))
    for name in (f"dinov2-{size}" for size in ("small", "base", "large", "giant")):
        if isinstance(try_to_load_from_cache(f"facebook/{name}", "config.json"), str):
            rows.append(Finding("ok", name, "found"))
        else:
            how = f"not downloaded: hf download facebook/{name}"
            rows.append(Finding("note", name, how))
    return [
        *rows,
        *map(_recogniser, BUNDLED),
        Finding("ok", "tiny encoder", "built in, trained from scratch, needs no weights"),
    ]


def _recogniser(name: str) -> Finding:
    """One that comes trained: a checkout may lack it, a damaged one must be mended."""
    try:
        read_recogniser(name).check()
    except MissingWeightsError as error:
        return Finding("note", f"recogniser {name}", error.found)
    except MerkitError as error:
        return Finding("broken", f"recogniser {name}", error.found)
    return Finding("ok", f"recogniser {name}", "whole; trained on simulated faces alone")
