"""Make every figure of docs/figures.md again: ``python docs/make_figures.py [WORK]``.

Writes a synthetic database, trains four small models on it, explains one clip of a person whom
none of them has seen, and copies the pictures to docs/img. About ten minutes on two cores; a
second run with the same WORK folder uses what is there.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from merkit.datasets import load_dataset
from merkit.explain import ExplainConfig
from merkit.explain.make import explain_clip, explain_database, explain_run
from merkit.inference.final import train_model
from merkit.inference.modelfolder import load_model
from merkit.runs.config import DataConfig, EvaluateConfig, FinalConfig
from merkit.runs.evaluate import evaluate
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.write import write_database

#: bytes of a picture in the documentation
LARGE = 145_000
IMAGES = Path(__file__).parent / "img"
FACES: dict[str, Any] = {"amplitude_px": (2.0, 4.0), "duration_s": (0.3, 0.5), "fps_hz": 50.0}
#: patches of 14 px, as published DINOv2 models have them
PATCHES = {"name": "tiny", "input": "difference", "tiny": {"width": 96, "blocks": 3, "patches": 8}}
#: method -> figures shown of it in docs/figures.md
SHOWN = {
    "sfa-dgat": ("attention", "gradcam", "integrated-gradients", "frames"),
    "hlora-mer": ("patch-pca", "attention", "occlusion"),
    "stag": ("graph", "attention", "occlusion", "flow"),
    "evodyn": ("attention", "integrated-gradients"),
}


def main(work: Path) -> None:
    data, new = work / "data", work / "new"
    write_database(data, SynthConfig(subjects=6, clips_per_class=4, seed=3, **FACES))
    write_database(new, SynthConfig(subjects=1, clips_per_class=1, seed=4, **FACES))
    train(work, "sfa-dgat", {"encoder": {"name": "tiny"}}, epochs=40)
    train(work, "hlora-mer", {"encoder": lora_encoder(work), "iffa": {"width": 64}}, epochs=60)
    train(work, "stag", {}, epochs=60)
    train(work, "evodyn", {}, epochs=9)
    clip = next(c for c in load_dataset("synthetic", new, "") if c.emotion == "happiness")
    for method, names in SHOWN.items():
        explain_clip(
            work / method, clip, work / "out" / method, config=ExplainConfig(), overwrite=True
        )
        for name in names:
            show(work / "out" / method / f"{name}.png", f"fig_{method}_{name}.png")
    tsne(work, data)
    confusion(work, data)


def train(work: Path, method: str, model: dict[str, Any], epochs: int, name: str = "") -> None:
    """A final model of a fixed number of epochs, unless it is there."""
    out = work / (name or method)
    if out.exists():
        return
    config = FinalConfig(
        data=("synthetic",),
        root=(work / "data",),
        method=method,
        model=model,
        training={"epochs": epochs, "patience": 0, "selection": "last"},
        store=work / "store",
        out=out,
        workers=1,
    )
    summary = train_model(config)
    print(
        f"{out.name}: {summary.seconds:.0f} s, training loss {summary.history[-1].train_loss:.2f}"
    )


def lora_encoder(work: Path) -> dict[str, Any]:
    """A small DINOv2 for LoRA to adapt, since published weights are not at hand everywhere: one
    is trained in full for a while first, and its backbone saved as a folder of transformers."""
    train(work, "hlora-mer", {"encoder": PATCHES, "iffa": {"width": 64}}, 10, "pretrained")
    folder = work / "backbone"
    if not folder.exists():
        load_model(work / "pretrained").model.encoder.backbone.save_pretrained(folder)  # type: ignore[operator,union-attr]
    return {
        "name": "dinov2-small",
        "path": str(folder),
        "image_size_px": 112,
        "input": "difference",
        "lora_blocks": 3,
    }


def tsne(work: Path, data: Path) -> None:
    config = DataConfig(data=("synthetic",), root=(data,), store=work / "store", workers=1)
    explain_database(work / "stag", config, work / "out" / "tsne", overwrite=True)
    show(work / "out" / "tsne" / "tsne.png", "fig_tsne.png")


def confusion(work: Path, data: Path) -> None:
    config = EvaluateConfig(
        data=("synthetic",),
        root=(data,),
        method="hoof",
        store=work / "store",
        out=work / "run",
        workers=1,
    )
    evaluate(config)
    explain_run(work / "run", work / "out" / "run", overwrite=True)
    show(work / "out" / "run" / "confusion.svg", "fig_confusion.svg")


def show(source: Path, name: str) -> None:
    """Copy a picture; a large one is reduced to 256 colours, which makes it a third as large."""
    IMAGES.mkdir(exist_ok=True)
    if source.stat().st_size > LARGE:
        reduced = Image.open(source).convert("RGB").quantize(256, kmeans=2)
        reduced.save(IMAGES / name, optimize=True)
    else:
        shutil.copyfile(source, IMAGES / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("figures-work"))
