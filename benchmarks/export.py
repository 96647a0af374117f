"""Every method as an exported ONNX file against the method itself: same answers, time, size.

    python benchmarks/export.py [--methods ststnet,hoof,...] [--clips 12] [--encoders ViT-S]

Default settings, with random weights where a method has none of its own; methods on an encoder with
the geometry of DINOv2 ViT-S (random weights, nothing is fetched) and with the tiny encoder. One
thread each, clips one at a time, processor time of the middle clip, after one that is not counted.
The table is Markdown.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tuning_cost import random_encoder

from merkit.inference.modelfolder import LoadedModel
from merkit.inference.programs import export_model
from merkit.inference.programs.program import Program
from merkit.inference.programs.run_onnx import Model
from merkit.methods import METHODS, make_method
from merkit.methods.base import Method

ENCODERS = ("sfa-dgat", "hlora-mer", "linear-probe")
CLASSES = ("negative", "positive", "surprise")


def variants(name: str, vit_s: str) -> dict[str, dict[str, Any]]:
    """Settings that are measured, by what they are called."""
    if name not in ENCODERS:
        return {"": {}}
    small = {"encoder": {"name": "dinov2-small", "path": vit_s}}
    tiny = {} if name == "linear-probe" else {"tiny encoder": {"encoder": {"name": "tiny"}}}
    return {**tiny, "ViT-S": small}


def loaded(method: Method) -> LoadedModel:
    torch.manual_seed(0)
    model = method.build(len(CLASSES)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                nn.init.normal_(parameter, std=0.02)
        for module in model.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.momentum = None
                model.train()
        made = LoadedModel(method, model, CLASSES, ("synthetic",))
        if model.training:  # batch norms that have seen some clips, so that no answer is sure
            program = Program(made)
            program.model.train()(dict(zip(program.names, program.example(4), strict=True)))
    model.eval()
    return made


def sample_of(program: Program, example: tuple[Tensor, ...]) -> dict[str, np.ndarray]:
    """The one clip of a batch, as long as its mask says."""
    arrays = {one.name: a[0].numpy() for one, a in zip(program.inputs, example, strict=True)}
    length = int(arrays.pop("mask").sum()) if "mask" in arrays else None
    return {name: array[:length] for name, array in arrays.items()}


def cpu_ms(answer: Callable[[int], object], clips: int) -> float:
    times = []
    for i in range(clips + 1):
        begun = time.process_time()
        answer(i)
        times.append(1e3 * (time.process_time() - begun))
    return statistics.median(times[1:])


def row(title: str, method: Method, clips: int, place: Path) -> str:
    model = loaded(method)
    written = export_model(model, place / "model.onnx", overwrite=True)
    program, runner = Program(model).eval(), Model(written.files[0], threads=1)
    arrays = [program.example(1, seed) for seed in range(clips + 1)]
    samples = [sample_of(program, example) for example in arrays]
    got = [runner([sample]) for sample in samples]
    said = [program.answers(example) for example in arrays]
    difference = max(
        float(np.abs(g["probabilities"] - s[0]).max()) for g, s in zip(got, said, strict=True)
    )
    torch_ms = cpu_ms(lambda i: program.answers(arrays[i]), clips)
    onnx_ms = cpu_ms(lambda i: runner([samples[i]]), clips)
    size = sum(file.stat().st_size for file in written.files if file.suffix != ".py") / 1e6
    return f"| {title} | {difference:.0e} | {torch_ms:.1f} | {onnx_ms:.1f} | {size:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--encoders", default="tiny encoder,ViT-S")
    parser.add_argument("--clips", type=int, default=12)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| method | largest difference | PyTorch, ms a clip | ONNX, ms a clip | file, MB |")
    print("|---|---|---|---|---|", flush=True)
    with TemporaryDirectory() as place:
        vit_s = random_encoder("dinov2-small", f"{place}/vit-s")
        for name in options.methods.split(","):
            for variant, settings in variants(name, vit_s).items():
                if name in ENCODERS and variant not in options.encoders.split(","):
                    continue
                title = f"`{name}`" + (f", {variant}" if variant else "")
                print(
                    row(title, make_method(name, settings), options.clips, Path(place)), flush=True
                )


if __name__ == "__main__":
    main()
