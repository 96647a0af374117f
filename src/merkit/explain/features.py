"""What features tell apart: places on a face by their first principal component, and clips by
t-SNE (van der Maaten & Hinton 2008).

The first is the figure of HLoRA-MER and of the DINOv2 paper (Oquab et al. 2024, figure 1), with
and without LoRA. "Without" is the same model with its adapters switched off, so the difference is
theirs alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from matplotlib.axes import Axes
from torch import Tensor

from merkit.errors import ConfigError
from merkit.explain import ExplainConfig, style
from merkit.explain.case import Case, Drawn
from merkit.inference.modelfolder import LoadedModel
from merkit.methods.encoder.network import Encoder
from merkit.progress import Progress, silent
from merkit.runs.config import DataConfig
from merkit.runs.data import LabelledClips, load_clips, prepare_clips
from merkit.training.reader import ClipReader
from merkit.types import F32, F64, Fold

#: Fewer clips than this have no neighbourhoods to show.
_MIN_CLIPS = 6


@dataclass(frozen=True, eq=False)
class Component:
    """``scores`` (M,) of each token on the first component, and the ``share`` of variance."""

    scores: F64
    share: float


def patch_figure(case: Case) -> Drawn | str:
    """One row of faces with LoRA and one without; one row where there are no adapters."""
    encoder = case.encoder
    if encoder is None:
        return f"{case.name} has no encoder with patch tokens"
    rows = _rows(encoder, case.scorer.values)
    values: dict[str, object] = {name: {"variance_share": c.share} for name, c in rows.items()}
    note = f"{case.says}; this encoder has no LoRA to switch off"
    if len(rows) == 2:
        values["correlation"] = _correlation(*rows.values())
        note = f"{case.says}; correlation of the two rows {values['correlation']:.2f}"
    title = "First principal component of patch features"
    figure = style.new_figure(9.2, 0.6 + 1.55 * len(rows), title, note)
    parts = np.atleast_1d(figure.subfigures(len(rows), 1))  # type: ignore[arg-type]
    for part, (name, component) in zip(parts, rows.items(), strict=True):
        maps = component.scores.reshape(-1, *encoder.grid).astype(np.float32)
        low, high = np.percentile(maps, [1, 99])
        label = f"{name}\n({component.share:.0%} of variance)"
        style.faces_row(part, case.view, maps, style.COMPONENT, (low, high), label)
    return Drawn(figure, values)


def _rows(encoder: Encoder, frames: Tensor) -> dict[str, Component]:
    """The component of frames (1,T,3,S,S) under each condition, by its name."""
    found = first_component(flat(patch_tokens(encoder, frames)))
    if not adapters(encoder):
        frozen = encoder.config.tune == "frozen"
        return {"frozen encoder" if frozen else "all weights trained": found}
    with without_adapters(encoder):
        plain = first_component(flat(patch_tokens(encoder, frames)))
    if float(plain.scores @ found.scores) < 0:  # two rows that can be compared rise together
        plain = Component(-plain.scores, plain.share)
    return {"with LoRA": found, "without LoRA": plain}


def _correlation(a: Component, b: Component) -> float:
    """Of the scores, which have mean zero; 0 where one of them has no variance."""
    size = float(np.linalg.norm(a.scores) * np.linalg.norm(b.scores))
    return float(a.scores @ b.scores) / size if size > 0 else 0.0


@torch.no_grad()
def patch_tokens(encoder: Encoder, rgb: Tensor) -> F32:
    """Patch tokens after the last normalisation, (T,P,D), of frames (1,T,3,S,S)."""
    config = encoder.config
    encoder.config = replace(config, output="tokens")
    try:
        tokens: Tensor = encoder(rgb)
    finally:
        encoder.config = config
    return tokens[0, :, 1:].float().cpu().numpy()


def flat(tokens: F32) -> F64:
    """All patches of all frames as rows, (T P, D), without the mean of their frame: the figure
    is about places on the face, not about differences between frames."""
    centred = tokens.astype(np.float64) - tokens.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.asarray(centred.reshape(-1, tokens.shape[-1]))


def first_component(rows: F64) -> Component:
    """First principal component of rows (M,D), by singular values.

    The sign, which is free, is that of the largest entry of the direction, so that the same
    features give the same picture. Rows that are all equal give zeros.
    """
    centred = rows - rows.mean(axis=0)
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    total = float((spread**2).sum())
    direction = directions[0] * np.sign(directions[0][np.abs(directions[0]).argmax()])
    share = float(spread[0] ** 2 / total) if total > 0 else 0.0
    return Component(centred @ direction, share)


def adapters(encoder: Encoder) -> list[torch.nn.Module]:
    """The layers that carry LoRA adapters."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    return [m for m in encoder.modules() if isinstance(m, BaseTunerLayer)]


@contextmanager
def without_adapters(encoder: Encoder) -> Iterator[None]:
    """Inside, adapters add nothing; afterwards they and what is trainable are as before."""
    layers = adapters(encoder)
    trainable = {name: p.requires_grad for name, p in encoder.named_parameters()}
    try:
        for layer in layers:
            layer.enable_adapters(False)  # type: ignore[operator]
        yield
    finally:
        for layer in layers:
            layer.enable_adapters(True)  # type: ignore[operator]
        for name, parameter in encoder.named_parameters():
            parameter.requires_grad_(trainable[name])


def tsne_figure(vectors: F32, data: LabelledClips, config: ExplainConfig) -> Drawn:
    """The same map of features (N,d) twice: coloured by class, and by subject.

    Where the second shows clusters and the first none, the model has learnt who people are.
    """
    places = embed(vectors, config)
    note = (
        f"{len(places)} clips; clips that the model was trained on show what it has learnt, "
        "not how well it does on new people"
    )
    figure = style.new_figure(9.2, 4.4, "t-SNE of the features before the classifier", note)
    left, right = figure.subplots(1, 2)
    classes = [data.classes[row.label] for row in data.rows]
    subjects = [row.subject_key for row in data.rows]
    _scatter(left, places, classes, data.classes, "by class")
    _scatter(right, places, subjects, sorted(set(subjects)), "by subject")
    return Drawn(figure, {"clips": len(places)})


def embed(vectors: F32, config: ExplainConfig) -> F32:
    """Places (N,2) of feature vectors (N,d); the same seed gives the same places.

    Raises:
        ConfigError: too few clips, or a model that reads nothing of them.
    """
    from sklearn.manifold import TSNE

    count, width = vectors.shape
    if count < _MIN_CLIPS or not width:
        raise ConfigError(
            f"{count} clips of {width} features", f"at least {_MIN_CLIPS} clips, and a feature"
        )
    perplexity = min(config.perplexity, (count - 1) / 3)
    method = TSNE(2, perplexity=perplexity, init="pca", random_state=config.seed)
    return np.asarray(method.fit_transform(vectors), np.float32)


@torch.no_grad()
def database_features(
    loaded: LoadedModel, config: DataConfig, device: str, chunk: int, progress: Progress = silent
) -> tuple[F32, LabelledClips]:
    """Features (N,d) before the classifier of every labelled clip of a database, and the clips.

    Raises:
        ConfigError: the database's classes are not the model's.
        DatasetError, FaceError: as in an evaluation.
    """
    method, model = loaded.method, loaded.model.to(device).eval()
    data = load_clips(config)
    if data.classes != loaded.classes:
        raise ConfigError(
            f"--classes {config.classes} gives {list(data.classes)}",
            f"the classes of the model, {list(loaded.classes)}",
        )
    data, samples = prepare_clips(data, method.recipe, config, progress)
    ids = tuple(row.clip_id for row in data.rows)
    fold, notes = Fold("all", (), (), ids), method.annotations(data.clips)
    reader = ClipReader(fold, {}, samples, notes, len(data.classes), ("predict",))
    reader.device = torch.device(device)
    vectors: list[F32] = []
    for start in range(0, len(ids), chunk):
        output = model(reader.inputs(ids[start : start + chunk], "predict"))
        vectors.append(output.features.float().cpu().numpy())
        progress("reading clips", min(start + chunk, len(ids)), len(ids))
    return np.concatenate(vectors) if vectors else np.zeros((0, 0), np.float32), data


def _scatter(
    axes: Axes, places: F32, names: Sequence[str], order: Sequence[str], title: str
) -> None:
    style.bare(axes, title)
    colours = len(style.CLASS_COLOURS)
    for index, name in enumerate(order):
        chosen = np.array([n == name for n in names])
        if not chosen.any():
            continue
        colour = style.CLASS_COLOURS[index % colours]
        marker = style.MARKERS[(index + index // colours) % len(style.MARKERS)]
        axes.scatter(
            places[chosen, 0], places[chosen, 1], s=26, color=colour, marker=marker, alpha=0.85,
            label=f"{name} ({chosen.sum()})", edgecolors="white", linewidths=0.4,
        )  # fmt: skip
    if len(order) <= 3 * colours:
        columns = min(1 + (len(order) - 1) // 4, 4)
        axes.legend(
            fontsize=7, frameon=False, ncols=columns, columnspacing=0.8, handletextpad=0.2,
            loc="upper left", bbox_to_anchor=(0, 0),
        )  # fmt: skip
