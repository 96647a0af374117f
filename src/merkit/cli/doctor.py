"""``merkit doctor``: what is installed, what is missing, what each missing piece would give."""

from __future__ import annotations

import json
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from merkit.cli.inventory.sbom import bill_of_materials
from merkit.cli.inventory.show import all_parts, as_text, as_values
from merkit.cli.options import parse
from merkit.errors import MerkitError, MissingWeightsError
from merkit.face.landmarker import MODEL, MODEL_SHA256
from merkit.files import check_new_file, file_hash, write_json
from merkit.methods.bundled import BUNDLED, read_recogniser
from merkit.types import Finding, Level

#: optional package -> (what it gives, how to get it)
OPTIONAL = {
    "dlib-bin": ("the face tracker of many papers, tracker dlib68", "pip install 'merkit[dlib]'"),
    "starlette": ("the local page of 'merkit app'", "pip install 'merkit[app]'"),
    "captum": ("attribution figures of 'merkit explain'", "pip install 'merkit[explain]'"),
    "submitit": ("jobs of 'merkit evaluate --cluster'", "pip install 'merkit[cluster]'"),
    "onnxruntime": ("ONNX files, 'merkit export'", "pip install 'merkit[onnx]'"),
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
    """list the licence of everything that is installed for merkit, of what lies inside, and the
    terms of models and databases"""
    json: bool = False
    """print for programs: JSON"""
    sbom: Path | None = None
    """write a software bill of materials (CycloneDX, JSON) of this installation to this file"""
    overwrite: bool = False
    """replace that file"""


#: How a line begins. What is ``broken`` is needed for merkit's main job.
_MARKS: dict[Level, str] = {"ok": "ok", "broken": "missing", "note": "-"}


def run(words: Sequence[str]) -> int:
    options = parse(Options, "doctor", words)
    if options.sbom:
        return _write_bill(options.sbom, options.overwrite)
    if options.licences:
        parts = all_parts()
        print(json.dumps(as_values(parts), indent=2) if options.json else as_text(parts))
        return 0
    findings = [*_machine(), *_packages(), *_weights()]
    broken = [finding.what for finding in findings if finding.level == "broken"]
    print(
        json.dumps([_value(f) for f in findings], indent=2)
        if options.json
        else _lines(findings, broken)
    )
    return 3 if broken else 0


def _write_bill(path: Path, overwrite: bool) -> int:
    check_new_file(path, overwrite, "--sbom")
    bill = bill_of_materials()
    write_json(path, bill)
    print(f"{path}: {len(bill['components'])} parts")
    return 0


def _lines(findings: Sequence[Finding], broken: Sequence[str]) -> str:
    rows = [f"{_MARKS[f.level]:<7}  {f.what:<28} {f.detail}" for f in findings]
    end = "merkit is ready. Try: merkit demo"
    if broken:
        end = f"merkit cannot do its main job without: {', '.join(broken)}"
    return "\n".join([*rows, "", end])


def _value(finding: Finding) -> dict[str, str]:
    return {"level": finding.level, "what": finding.what, "detail": finding.detail}


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
