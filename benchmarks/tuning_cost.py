"""What full tuning of an encoder costs against low-rank adapters, in one run.

    python benchmarks/tuning_cost.py [--encoder dinov2-small] [--weights FOLDER]
        [--clips 2] [--frames 8] [--steps 3] [--device cpu]

For each way of tuning ``sfa-dgat``: parameters in all and trained; floating-point operations of
one training step by torch's own counter; time of a step (CPU time where there is no GPU, since it
does not depend on what else the machine does); peak memory. Without ``--weights`` the encoder has
the published geometry and random weights, which cost the same, so nothing is fetched.
``adapters, cached`` reads tokens of the frozen blocks that were computed once before, as training
does from its second epoch on. Each way is measured in a process of its own, since memory never
shrinks within one. Ratios are against full tuning.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import Any

#: Published sizes (Oquab et al. 2024, table 17): width, blocks, heads, SwiGLU feed-forward.
SIZES = {
    "small": (384, 12, 6, False),
    "base": (768, 12, 12, False),
    "large": (1024, 24, 16, False),
    "giant": (1536, 40, 24, True),
}
WAYS = {
    "full tuning": "full",
    "adapters": "lora",
    "adapters, cached": "lora",
    "frozen, cached": "frozen",
}


def main() -> None:
    options = _options()
    if options.way:
        print(json.dumps(measure(options)))
        return
    print(_table(options, {way: _in_a_process(way) for way in WAYS}))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", default="dinov2-small", help="any but tiny")
    parser.add_argument("--weights", default="", help="folder in transformers format")
    parser.add_argument("--clips", type=int, default=2, help="clips a step")
    parser.add_argument("--frames", type=int, default=8, help="frames a clip")
    parser.add_argument("--steps", type=int, default=3, help="steps timed, after one of warm-up")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--way", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_a_process(way: str) -> dict[str, float]:
    words = [sys.executable, *sys.argv, "--way", way]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Costs of one way, in a fresh process."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    step, model = _training_step(options)
    step()
    with FlopCounterMode(display=False) as counter:
        step()
    clock = time.perf_counter if options.device == "cuda" else time.process_time
    started = clock()
    for _ in range(options.steps):
        step()
    if options.device == "cuda":
        torch.cuda.synchronize()
    parameters = list(model.parameters())
    return {
        "total": sum(p.numel() for p in parameters),
        "trained": sum(p.numel() for p in parameters if p.requires_grad),
        "flops": float(counter.get_total_flops()),
        "seconds": (clock() - started) / options.steps,
        "memory": _peak_bytes(options.device),
    }


def _training_step(options: argparse.Namespace) -> tuple[Callable[[], None], Any]:
    """Forward, backward and update of one batch of random frames."""
    import torch
    from torch.nn.functional import one_hot

    from merkit.methods.encoder.config import EncoderConfig
    from merkit.methods.sfa_dgat import SfaDgat, SfaDgatNetwork

    torch.manual_seed(0)
    with TemporaryDirectory() as temporary:
        path = options.weights or random_encoder(options.encoder, temporary)
        encoder = EncoderConfig(name=options.encoder, path=path, tune=WAYS[options.way])
        model = SfaDgatNetwork(SfaDgat(encoder=encoder, frames=options.frames), 3)
    model.to(options.device)
    side = model.encoder.config.image_size_px
    shape = (options.clips, options.frames, 3, side, side)
    inputs: Any = {"rgb": torch.randint(0, 256, shape, dtype=torch.uint8).to(options.device)}
    if options.way.endswith("cached"):
        inputs = model.frozen(inputs)
    targets = one_hot(torch.arange(options.clips) % 3, 3).float().to(options.device)
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad])

    def step() -> None:
        optimiser.zero_grad(set_to_none=True)
        model.loss(model(inputs), targets, None).backward()
        optimiser.step()

    model.train()
    return step, model


def random_encoder(name: str, folder: str) -> str:
    """A DINOv2 of the published size with random weights, as transformers saves it."""
    from transformers import (
        Dinov2Config,
        Dinov2Model,
        Dinov2WithRegistersConfig,
        Dinov2WithRegistersModel,
    )

    width, blocks, heads, swiglu = SIZES[name.split("-")[1]]
    registers = name.endswith("-registers")
    config = (Dinov2WithRegistersConfig if registers else Dinov2Config)(
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=heads,
        use_swiglu_ffn=swiglu,
        patch_size=14,
        image_size=518,
    )
    (Dinov2WithRegistersModel if registers else Dinov2Model)(config).save_pretrained(folder)
    return folder


def _peak_bytes(device: str) -> float:
    """Most memory so far: of the GPU's tensors, or of the whole process on a CPU."""
    if device == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated())
    from merkit.bench.machine import peak_bytes

    return float(peak_bytes() or 0)


def _table(options: argparse.Namespace, found: dict[str, dict[str, float]]) -> str:
    full = found["full tuning"]
    lines = [
        f"sfa-dgat with {options.encoder}, one step of {options.clips} clips of "
        f"{options.frames} frames on {options.device}; in brackets: share of full tuning",
        f"{'':<18}{'parameters':>14}{'trained':>22}{'GFLOP a step':>18}{'s a step':>16}"
        f"{'peak MiB':>16}",
    ]
    for way, cost in found.items():
        share = {key: f"({value / full[key]:.2f})" for key, value in cost.items()}
        lines.append(
            f"{way:<18}{cost['total']:>14,.0f}"
            f"{cost['trained']:>14,.0f} {share['trained']:>7}"
            f"{cost['flops'] / 1e9:>10.1f} {share['flops']:>7}"
            f"{cost['seconds']:>8.2f} {share['seconds']:>7}"
            f"{cost['memory'] / 2**20:>8,.0f} {share['memory']:>7}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
