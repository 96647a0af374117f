"""Tuning the last blocks of an encoder: the whole encoder at every step against cached tokens.

    python benchmarks/encoder.py                                            # sfa-dgat, ViT-S
    python benchmarks/encoder.py --method hlora-mer --encoder dinov2-giant --clips 2 --frames 4
    python benchmarks/encoder.py --device cuda --steps 20 --at-once 26 [--method hlora-mer ...]

Conventional: pixels are augmented and go through all of transformers' model with peft's adapters
at every step, and the last block computes every token. Ours: tokens of the frozen blocks, made
once (``with_tokens``) and served by the reader of a fold. Both take the same step otherwise, from
the same weights, with the published geometry and random weights: nothing is fetched. The
augmentation of the conventional side moves nothing, so that the two can be compared; it takes as
long as one that does. With ``--at-once`` so many folds also train from tokens as one stack; a step
is then that of one of them.

Each side and precision is a process of its own, with one thread; they take turns, and on a CPU
processor time counts, since it depends less on what else runs. FLOP are those of the
products, counted by torch. The bound is the ratio of counted FLOP; what a product of the shape of
the feed-forward reaches is measured beside each step.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count
from tuning_cost import random_encoder

from merkit.bench.machine import peak_bytes, processor
from merkit.methods import make_method
from merkit.methods.base import Method
from merkit.samples.augment import AugmentConfig, apply, draw
from merkit.samples.prepare import SampleSet
from merkit.samples.store import SampleStore
from merkit.training.config import make_optimiser
from merkit.training.device import keep_freed_memory
from merkit.training.loop import FitContext, begin
from merkit.training.reader import ClipReader
from merkit.training.tokens import with_tokens
from merkit.types import Fold, Sample

CLASSES = 3
#: the run that is wanted: folds, clips, views of a clip, and how often a fold is shown a clip:
#: in 50 epochs, or in 600 batches of 36
FOLDS, CLIPS, VIEWS = 26, 255, 4
SHOWN = {"sfa-dgat": 50 * CLIPS * (FOLDS - 1) / FOLDS, "hlora-mer": 600 * 36}
STILL = AugmentConfig(flip=0.0, rotation_deg=0.0, scale=0.0, shift=0.0)
#: torch's counter knows the attention of GPUs only
ATTENTION = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda q, k, v, *_, **__: (
        sdpa_flop_count(q, k, v)
    ),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: (
        lambda g, q, k, v, *_, **__: sdpa_backward_flop_count(g, q, k, v)
    ),
}


@dataclass(frozen=True)
class Side:
    """One way to train: ``cached`` tokens or not, in one precision, ``width`` folds at once."""

    cached: bool
    precision: str
    width: int = 1

    @property
    def name(self) -> str:
        at_once = f", {self.width} at once" if self.width > 1 else ""
        return f"{'cached tokens' if self.cached else 'conventional'}, {self.precision}{at_once}"


@dataclass(frozen=True)
class Outcome:
    """What a side tells in the end: the trained weights, the probabilities of its clips, the most
    memory that it held (on a CPU with the weights that it read from their file, which sides share),
    and the FLOP of its first step."""

    weights: dict[str, np.ndarray]
    probabilities: np.ndarray
    memory: float
    flop: float


def main() -> None:
    options = options_of()
    sides = [Side(False, p) for p in options.conventional] + [Side(True, p) for p in options.cached]
    if options.at_once > 1:
        sides += [Side(True, p, options.at_once) for p in options.cached]
    context = multiprocessing.get_context("spawn")
    with TemporaryDirectory() as folder:
        # weights in a file are mapped: all sides share them, and what no step reads takes no memory
        maker = context.Process(target=random_encoder, args=(options.encoder, folder))
        maker.start()
        maker.join()
        print(table(options, measure(options, sides, folder)))


def options_of(words: Sequence[str] | None = None) -> argparse.Namespace:
    """From words like those of the command line, by default those."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--method", default="sfa-dgat", choices=("sfa-dgat", "hlora-mer"))
    parser.add_argument("--encoder", default="dinov2-small", help="any published size")
    parser.add_argument("--clips", type=int, default=16, help="clips a step")
    parser.add_argument("--frames", type=int, default=8, help="frames a clip")
    parser.add_argument("--steps", type=int, default=5, help="steps timed, after one of warm-up")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    both = ["float32", "bfloat16"]
    parser.add_argument("--conventional", nargs="*", default=both, choices=both)
    parser.add_argument("--cached", nargs="*", default=both, choices=both)
    parser.add_argument("--at-once", type=int, default=1, help="folds that also train as a stack")
    return parser.parse_args(words)


# the parent: sides take turns


@dataclass
class Measured:
    """A side as seen from outside. ``build_s``: to make the tokens of one view of one clip;
    ``seconds`` of each step, FLOP/s of the ``product`` beside it, ``losses``."""

    build_s: float
    seconds: list[float]
    product: list[float]
    losses: list[float]
    outcome: Outcome


def measure(options: argparse.Namespace, sides: list[Side], encoder: str) -> dict[Side, Measured]:
    context = multiprocessing.get_context("spawn")
    lines: dict[Side, Connection] = {}
    found: dict[Side, Any] = {side: {"seconds": [], "product": [], "losses": []} for side in sides}
    for side in sides:
        lines[side], other = context.Pipe()
        context.Process(target=serve, args=(other, options, side, encoder), daemon=True).start()
        other.close()  # so that the end of a side is an error here
        found[side]["build_s"] = lines[side].recv()
        print(f"{side.name}: ready", flush=True)
    for step in range(options.steps + 1):
        for side in sides:
            seconds, loss = ask(lines[side], "step")
            found[side]["losses"].append(loss)
            if step:
                found[side]["seconds"].append(seconds)
            found[side]["product"].append(ask(lines[side], "product"))
        print(f"step {step} of {options.steps}", flush=True)
    return {side: Measured(**found[side], outcome=ask(lines[side], "end")) for side in sides}


def ask(line: Connection, word: str) -> Any:
    line.send(word)
    return line.recv()


def table(options: argparse.Namespace, found: dict[Side, Measured]) -> str:
    first = next(iter(found.values()))
    rows = [
        f"{options.method} with {options.encoder}, {options.clips} clips of {options.frames} "
        f"frames a step, {options.steps} steps a side, {_machine(options.device)}",
        "",
        "| | s a step | GFLOP a step | FLOP ratio | time ratio | share | whole run ratio "
        "| product, GFLOP/s | step, GFLOP/s | memory, GB | weights differ | probabilities differ |",
        "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for side, m in found.items():
        seconds = float(np.median(m.seconds))
        slow = float(np.median(first.seconds))
        flop = m.outcome.flop
        bound, ratio = first.outcome.flop / flop, slow / seconds
        gap = max(
            float(np.abs(w - first.outcome.weights[n]).max()) for n, w in m.outcome.weights.items()
        )
        away = float(np.abs(m.outcome.probabilities - first.outcome.probabilities).max())
        whole = _run_s(options, first) / _run_s(options, m)
        rows.append(
            f"| {side.name} | {seconds:.2f} | {flop / 1e9:,.0f} | {bound:.2f} "
            f"| {ratio:.2f} | {ratio / bound:.0%} | {whole:.2f} "
            f"| {np.median(m.product) / 1e9:,.0f} | {flop / seconds / 1e9:,.0f} "
            f"| {m.outcome.memory / 2**30:.2f} | {gap:.1e} | {away:.1e} |"
        )
    rows += ["", f"losses: {', '.join(f'{m.losses[-1]:.6f}' for m in found.values())}"]
    rows += [
        f"{side.name}: whole run {_run_s(options, m) / 60:,.0f} min, of it "
        f"{m.build_s * CLIPS * VIEWS / 60:.1f} min to make the tokens"
        for side, m in found.items()
    ]
    return "\n".join(rows)


def _run_s(options: argparse.Namespace, measured: Measured) -> float:
    """Seconds of the training steps of all folds, and of the tokens before."""
    steps = FOLDS * SHOWN[options.method] / options.clips
    return steps * float(np.median(measured.seconds)) + measured.build_s * CLIPS * VIEWS


def _machine(device: str) -> str:
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"{processor()}, one thread, processor time"


# a side, in a process of its own


def serve(line: Connection, options: argparse.Namespace, side: Side, encoder: str) -> None:
    """Answer ``step``, ``product`` and ``end``."""
    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        training = Training(options, side, encoder, Path(folder))
        line.send(training.build_s)
        while (word := line.recv()) != "end":
            line.send(training.timed_step() if word == "step" else training.product())
        line.send(training.outcome())


class Training:
    """One side: its model, its clips, its optimiser."""

    def __init__(self, options: argparse.Namespace, side: Side, encoder: str, folder: Path) -> None:
        self.options, self.side, self.device = options, side, torch.device(options.device)
        method = make_method(
            options.method,
            {"encoder": {"name": options.encoder, "path": encoder}, "frames": options.frames},
            {"augment": False, "batch_size": options.clips},
        )
        clips = [f"c{i}" for i in range(options.clips)]
        self.pixels = random_clips(method, options)
        self.ids, self.build_s, self.flop = clips, 0.0, 0.0
        self.model: Any
        if side.cached:
            samples = stored(method, folder, dict(zip(clips, self.pixels, strict=True)))
            times: list[float] = []
            samples = with_tokens(
                method, samples, CLASSES, options.device, lambda *_: times.append(self._now())
            )
            self.build_s = (times[-1] - times[0]) / len(clips)
            labels = {c: i % CLASSES for i, c in enumerate(clips)}
            fold = Fold("f", tuple(clips), (), ())
            self.reader = ClipReader(fold, labels, samples, {}, CLASSES)
            self.reader.device = self.device
        if side.width > 1:
            half = side.precision != "float32"
            context = FitContext(0, options.device, bf16=half)
            trainings = [begin(method, self.reader, context) for _ in range(side.width)]
            self.stack, self.model = method.stacked(trainings), trainings[0].model
            self.batches = [next(training.steps()) for training in trainings]
            return
        torch.manual_seed(0)
        self.model = method.build(CLASSES).to(self.device).train()
        if side.cached:
            keep_freed_memory()  # as every training of merkit does
        else:
            self.model.encoder.forward = self._whole_encoder
        self.optimiser = make_optimiser(self.model, method.training)
        self.targets = torch.nn.functional.one_hot(torch.arange(len(clips)) % CLASSES, CLASSES)
        self.targets = self.targets.float().to(self.device)

    def timed_step(self) -> tuple[float, float]:
        """Seconds and loss; the FLOP of the first, which warms up, are counted."""
        started = self._now()
        if self.flop:
            loss = self.step()
        else:
            with FlopCounterMode(display=False, custom_mapping=ATTENTION) as counter:
                loss = self.step()
            self.flop = float(counter.get_total_flops()) / self.side.width
        return (self._now() - started) / self.side.width, loss

    def step(self) -> float:
        """As ``merkit.training.loop`` takes it."""
        if self.side.width > 1:
            return self.stack.step(list(range(self.side.width)), self.batches)[0]
        with self._precision():
            output = self.model(self.inputs())
            loss = self.model.loss(output, self.targets, None)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())

    def inputs(self) -> Any:
        if self.side.cached:
            return self.reader.inputs(self.ids, "fit")
        drawn = draw(len(self.pixels), torch.Generator().manual_seed(0), STILL)
        rgb = apply(self.pixels.to(self.device), drawn)
        return {"rgb": rgb}

    def _whole_encoder(self, rgb: Tensor) -> Tensor:
        """Class tokens by transformers' own forward pass, with peft's adapters in it."""
        encoder = self.model.encoder
        pixels = (rgb.flatten(0, 1) / 255 - encoder.mean) / encoder.std
        tokens = encoder.backbone(pixel_values=pixels).last_hidden_state
        return tokens[:, 0].reshape(*rgb.shape[:2], -1)

    def product(self) -> float:
        """FLOP/s of a product of the tokens with a matrix of the feed-forward."""
        width = int(self.model.encoder.backbone.config.hidden_size)
        dtype = getattr(torch, self.side.precision)
        rows = self.options.clips * self.options.frames * 257
        x = torch.ones(rows, width, dtype=dtype, device=self.device)
        w = torch.ones(width, 4 * width, dtype=dtype, device=self.device)
        out = torch.empty(rows, 4 * width, dtype=dtype, device=self.device)
        torch.mm(x, w, out=out)
        started = self._now()
        torch.mm(x, w, out=out)
        return 8 * rows * width**2 / (self._now() - started)

    @torch.no_grad()
    def outcome(self) -> Outcome:
        self.model.eval()
        with self._precision():
            probabilities = self.model(self.inputs()).logits.float().softmax(-1).cpu().numpy()
        trained = {
            n: p.detach().cpu().numpy() for n, p in self.model.named_parameters() if p.requires_grad
        }
        return Outcome(trained, probabilities, self._memory(), self.flop)

    def _precision(self) -> Any:
        half = self.side.precision != "float32"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize()
            return time.perf_counter()
        return time.process_time()

    def _memory(self) -> float:
        if self.device.type == "cuda":
            return float(torch.cuda.max_memory_allocated())
        return float(peak_bytes() or 0)


def random_clips(method: Method, options: argparse.Namespace) -> Tensor:
    """u8 (clips, frames, 3, S, S)."""
    generator = torch.Generator().manual_seed(2)
    side = method.encoder.resolved_size_px  # type: ignore[attr-defined]
    shape = (options.clips, options.frames, 3, side, side)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def stored(method: Method, folder: Path, clips: dict[str, Tensor]) -> SampleSet:
    assert method.recipe is not None
    store = SampleStore(folder, method.recipe)
    for name, rgb in clips.items():
        store.write(name, Sample(name, {"rgb": rgb.numpy()}))
    return SampleSet(store, {c: c for c in clips}, {}, len(clips))


if __name__ == "__main__":
    main()
