"""What every figure of a clip starts from: a model, a clip, and a score to explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from merkit.config import to_mapping
from merkit.errors import ConfigError
from merkit.explain import Baseline, ExplainConfig
from merkit.explain.view import ClipView, Reading, open_view, reading_of
from merkit.inference.modelfolder import LoadedModel
from merkit.methods.encoder.network import Encoder
from merkit.samples.batch import Inputs, collate
from merkit.training.network import Model, Output
from merkit.types import F32, Clip


@dataclass(frozen=True)
class Drawn:
    """A finished figure, or an ``<svg>``, and the numbers in it, for ``explain.json``."""

    figure: Figure | str
    values: Mapping[str, Any]


class Scorer:
    """The score of one class as a function of the model's input: its log-odds
    ln p/(1-p), which unlike a logit does not change when all logits move together, and unlike
    a probability does not saturate.

    Args:
        model: on its device, in evaluation mode.
        reading: of the model's input.
        inputs: a batch of the one clip.
        label: class index; may be set once the model has spoken.
    """

    def __init__(self, model: Model, reading: Reading, inputs: Inputs, label: int = 0) -> None:
        self.model, self.reading, self.label = model, reading, label
        device = next(model.parameters()).device
        self._others = {name: t.to(device) for name, t in inputs.items()}
        read = self._others.pop(reading.recipe.makes)
        self._dtype = read.dtype
        #: the input, f32 (1, ...), and the frame of each of its numbers, of which there are T
        self.values = read.float()
        self.frames = reading.frames(self.values)
        self.length = int(self.frames.max()) + 1

    def nothing(self, kind: Baseline) -> tuple[str, Tensor]:
        """What stands for it in words, and as an input (1, ...); see ``ExplainConfig.baseline``."""
        words, values = self.reading.nothing(self.values)[kind]
        return words, values.expand_as(self.values).clone()

    def output(self, values: Tensor) -> Output:
        """The model's output for inputs (B, ...) in place of this one."""
        count = len(values)
        others = {k: v.expand(count, *v.shape[1:]) for k, v in self._others.items()}
        if not self.model.differentiable:
            values = values if self._dtype.is_floating_point else values.round().clamp(0, 255)
            values = values.to(self._dtype)
        return self.model({self.reading.recipe.makes: values, **others})  # type: ignore[no-any-return]

    def __call__(self, values: Tensor) -> Tensor:
        """Log-odds (B,) of the class."""
        logits = self.output(values).logits.float()
        rest = [i for i in range(logits.shape[1]) if i != self.label]
        return logits[:, self.label] - logits[:, rest].logsumexp(dim=1)


@dataclass(frozen=True, eq=False)
class Case:
    """One model and one clip.

    ``output``: of the forward pass, with its aux. ``nothing``, ``baseline``: what stands for
    "nothing" in words, and as an input (1, ...).
    """

    loaded: LoadedModel
    view: ClipView
    config: ExplainConfig
    scorer: Scorer
    output: Output
    nothing: str
    baseline: Tensor

    @property
    def name(self) -> str:
        """Of the method."""
        return self.loaded.method.name

    @property
    def probabilities(self) -> F32:
        """Of the classes (C,) for this clip, without test-time mirroring."""
        return numpy_of(self.output.logits[0].float().softmax(0))

    @property
    def says(self) -> str:
        """Which clip and which class, for a figure's second line."""
        label = self.scorer.label
        share = f"{self.loaded.classes[label]} {self.probabilities[label]:.0%}"
        return f"{self.name} on {self.view.clip.clip_id}: {share}"

    @property
    def n_frames(self) -> int:
        """Frames that the model really looks at; it may cut a longer run."""
        longest = getattr(self.loaded.method, "sequence_length", len(self.view.time_ms))
        return int(min(len(self.view.time_ms), longest))

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the regions, and of the rest of the input."""
        return (*self.view.regions, *self.scorer.reading.rest)

    @property
    def encoder(self) -> Encoder | None:
        """The part of the model that has patch tokens of frames, where there is one."""
        encoder = getattr(self.loaded.model, "encoder", None)
        reads = isinstance(encoder, Encoder) and "rgb" in self.view.sample.arrays
        return encoder if reads else None

    def facts(self) -> dict[str, Any]:
        """What was explained, for ``explain.json``."""
        clip = self.view.clip
        classes = self.loaded.classes
        return {
            "clip": clip.clip_id,
            "media": str(clip.media),
            "frames": [clip.first_frame, clip.last_frame],
            "method": self.name,
            "label": classes[self.scorer.label],
            "probabilities": dict(zip(classes, self.probabilities.tolist(), strict=True)),
            "score": "log-odds of the label, ln p/(1-p)",
            "settings": to_mapping(self.config),
        }


def open_case(loaded: LoadedModel, clip: Clip, config: ExplainConfig, device: str) -> Case:
    """Read the clip as the model reads it, and run the model on it.

    Raises:
        VideoError, MissingDataError, FaceError: the clip cannot be read or shows no face.
        ConfigError: ``config.label`` is no class of the model, or it reads nothing of a clip.
    """
    classes = loaded.classes
    if config.label and config.label not in classes:
        raise ConfigError(f"--effect.label {config.label}", f"one of: {', '.join(classes)}")
    reading = reading_of(loaded.method)
    if config.face:
        track = replace(reading.recipe.track, face=config.face)
        reading = replace(reading, recipe=replace(reading.recipe, track=track))
    view = open_view(clip, reading)
    inputs = collate([view.sample.arrays], [reading.recipe.makes])
    annotation = loaded.method.annotation(clip)
    if annotation:
        inputs |= collate([annotation], list(annotation))
    scorer = Scorer(loaded.model.to(device).eval(), reading, inputs)
    with torch.no_grad():
        output = scorer.output(scorer.values)
    predicted = int(output.logits[0].argmax())
    scorer.label = classes.index(config.label) if config.label else predicted
    return Case(loaded, view, config, scorer, output, *scorer.nothing(config.baseline))


def numpy_of(values: Tensor) -> F32:
    """On the CPU, without gradients."""
    return values.detach().float().cpu().numpy()
