"""What every figure of a clip starts from: a model, a clip, and a score to explain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from merkit.config import to_mapping
from merkit.errors import ConfigError
from merkit.explain.clipview import ClipView, open_view
from merkit.explain.config import Baseline, ExplainConfig
from merkit.inference.modelfolder import LoadedModel
from merkit.methods.base import Annotation, MerModel, Output
from merkit.methods.classical import ClassicalModel
from merkit.samples.recipe import Recipe
from merkit.training.data import collate
from merkit.types import Clip


@dataclass(frozen=True)
class Drawn:
    """A finished figure and the numbers in it, for ``explain.json``."""

    figure: Figure
    values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Skipped:
    """A figure that does not apply, and why, in one line."""

    reason: str


@dataclass(frozen=True, eq=False)
class Case:
    """One model and one clip.

    Attributes:
        model: on its device, in evaluation mode.
        recipe: what the model was trained with.
        classes: names of the C classes.
        probabilities: (C,) of this clip, without test-time mirroring.
        label: index of the class that is explained.
        scorer: its score as a function of the input.
        output: of the forward pass, with its aux.
    """

    method: str
    model: MerModel
    recipe: Recipe
    classes: tuple[str, ...]
    view: ClipView
    config: ExplainConfig
    scorer: Scorer
    output: Output
    probabilities: np.ndarray

    @property
    def label(self) -> int:
        return self.scorer.label

    @property
    def says(self) -> str:
        """Which clip and which class, for a figure's second line."""
        share = self.probabilities[self.label]
        return f"{self.method} on {self.view.clip.clip_id}: {self.classes[self.label]} {share:.0%}"

    @property
    def n_frames(self) -> int:
        """Frames that the model really looks at; it may cut a longer run."""
        longest = getattr(self.model.config, "sequence_length", len(self.view.time_ms))
        return int(min(len(self.view.time_ms), longest))


class Scorer:
    """The score of one class as a function of the model's input: its log-odds
    ln p/(1-p), which unlike a logit does not change when all logits move together, and unlike
    a probability does not saturate.

    Args:
        arrays: the sample, and what the model reads of a clip's annotation.
        label: class index.
    """

    def __init__(self, model: MerModel, arrays: Annotation, label: int) -> None:
        self.model, self.label = model, label
        device = next(model.parameters()).device
        batch = {k: v.to(device) for k, v in collate([arrays], model.reads).items()}
        extra = {k: torch.as_tensor(v)[None].to(device) for k, v in arrays.items() if k[:2] == "au"}
        self.name = model.reads[0]
        self._dtype = batch[self.name].dtype
        self._others = {k: v for k, v in (batch | extra).items() if k != self.name}
        #: the input, f32 (1, ...)
        self.values = batch[self.name].float()

    @property
    def differentiable(self) -> bool:
        """Whether the score has a gradient; a classical descriptor has none."""
        return not isinstance(self.model, ClassicalModel)

    def output(self, values: Tensor) -> Output:
        """The model's output for inputs (B, ...) in place of this one."""
        count = len(values)
        others = {k: v.expand(count, *v.shape[1:]) for k, v in self._others.items()}
        exact = values if self.differentiable else self._as_read(values)
        return self.model({self.name: exact, **others})  # type: ignore[no-any-return]

    def __call__(self, values: Tensor) -> Tensor:
        """Log-odds (B,) of the class."""
        logits = self.output(values).logits.float()
        rest = [i for i in range(logits.shape[1]) if i != self.label]
        return logits[:, self.label] - logits[:, rest].logsumexp(dim=1)

    def baseline(self, kind: Baseline) -> Tensor:
        """The input that stands for "nothing", (1, ...); see ``ExplainConfig.baseline``."""
        x = self.values
        if kind == "zero" or (kind == "still" and self.name == "flow"):
            return torch.zeros_like(x)
        if self.name == "flow_map":
            middle = x.flatten(2).median(dim=2).values if kind == "still" else x.mean(dim=(2, 3))
            return middle[:, :, None, None].expand_as(x).clone()
        if kind == "still":
            return x[:, :1].expand_as(x).clone()
        axes = (1, 3, 4) if self.name == "rgb" else (1,)
        return x.mean(dim=axes, keepdim=True).expand_as(x).clone()

    def _as_read(self, values: Tensor) -> Tensor:
        if self._dtype.is_floating_point:
            return values.to(self._dtype)
        return values.round().clamp(0, 255).to(self._dtype)


def open_case(loaded: LoadedModel, clip: Clip, config: ExplainConfig, device: str) -> Case:
    """Read the clip as the model reads it, and run the model on it.

    Raises:
        VideoError, MissingDataError, FaceError: the clip cannot be read or shows no face.
        ConfigError: ``config.label`` is no class of the model.
    """
    setup = loaded.setup
    model = loaded.model.to(device).eval()
    wanted = _label(config.label, loaded.classes)
    recipe = setup.recipe
    if config.face:
        recipe = replace(recipe, track=replace(recipe.track, face=config.face))
    view = open_view(clip, recipe)
    arrays: dict[str, np.ndarray | np.generic] = dict(view.sample.arrays)
    if setup.method.annotate is not None:
        arrays |= setup.method.annotate(setup.model_config, clip)
    scorer = Scorer(model, arrays, wanted or 0)
    with torch.no_grad():
        output = scorer.output(scorer.values)
    probabilities = output.logits[0].float().softmax(0).cpu().numpy()
    if wanted is None:
        scorer.label = int(probabilities.argmax())
    return Case(
        setup.method.name,
        model,
        recipe,
        loaded.classes,
        view,
        config,
        scorer,
        output,
        probabilities,
    )


def facts(case: Case) -> dict[str, Any]:
    """What was explained, for ``explain.json``."""
    clip = case.view.clip
    return {
        "clip": clip.clip_id,
        "media": str(clip.media),
        "frames": [clip.first_frame, clip.last_frame],
        "method": case.method,
        "label": case.classes[case.label],
        "probabilities": dict(zip(case.classes, map(float, case.probabilities), strict=True)),
        "score": "log-odds of the label, ln p/(1-p)",
        "settings": to_mapping(case.config),
    }


def _label(name: str, classes: tuple[str, ...]) -> int | None:
    if not name:
        return None
    if name not in classes:
        raise ConfigError(f"--label {name}", f"one of: {', '.join(classes)}")
    return classes.index(name)
