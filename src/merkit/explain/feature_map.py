"""t-SNE of the features of many clips (van der Maaten & Hinton 2008), by class and subject."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.axes import Axes

from merkit.errors import ConfigError
from merkit.explain.case import Drawn
from merkit.explain.config import ExplainConfig
from merkit.explain.style import CLASS_COLOURS, MARKERS, bare, heading, new_figure
from merkit.inference.modelfolder import LoadedModel
from merkit.methods.base import Annotation
from merkit.progress import Progress, silent
from merkit.runs.config import DataConfig
from merkit.runs.data import Task, open_task
from merkit.training.data import collate
from merkit.types import F32

#: Fewer clips than this have no neighbourhoods to show.
MIN_CLIPS = 6


@dataclass(frozen=True, eq=False)
class Features:
    """``vectors`` (N,d) before the classifier, with the class name and subject of each clip."""

    vectors: F32
    classes: tuple[str, ...]
    subjects: tuple[str, ...]


def figure(features: Features, class_names: Sequence[str], config: ExplainConfig) -> Drawn:
    """The same map twice: coloured by class, and by subject.

    Where the second shows clusters and the first none, the model has learnt who people are.
    """
    places = embed(features.vectors, config)
    drawn = new_figure(9.2, 4.4)
    note = (
        f"{len(places)} clips; clips that the model was trained on show what it has learnt, "
        "not how well it does on new people"
    )
    heading(drawn, "t-SNE of the features before the classifier", note)
    left, right = drawn.subplots(1, 2)
    _scatter(left, places, features.classes, [c for c in class_names], "by class")
    _scatter(right, places, features.subjects, sorted(set(features.subjects)), "by subject")
    return Drawn(drawn, {"clips": len(places)})


def embed(vectors: F32, config: ExplainConfig) -> F32:
    """Places (N,2) of feature vectors (N,d); the same seed gives the same places.

    Raises:
        ConfigError: too few clips.
    """
    from sklearn.manifold import TSNE

    if len(vectors) < MIN_CLIPS:
        raise ConfigError(f"{len(vectors)} clips", f"at least {MIN_CLIPS} for a t-SNE")
    perplexity = min(config.perplexity, (len(vectors) - 1) / 3)
    method = TSNE(2, perplexity=perplexity, init="pca", random_state=config.seed)
    return np.asarray(method.fit_transform(vectors), np.float32)


def database_features(
    loaded: LoadedModel, data: DataConfig, device: str, chunk: int, progress: Progress = silent
) -> Features:
    """Features of every labelled clip of a database.

    Raises:
        ConfigError: the database's classes are not the model's.
        DatasetError, FaceError: as in an evaluation.
    """
    task = open_task(data, loaded.setup.recipe, progress)
    if task.classes != loaded.classes:
        raise ConfigError(
            f"--classes {data.classes} gives {list(task.classes)}",
            f"the classes of the model, {list(loaded.classes)}",
        )
    vectors = _vectors(loaded, task, device, chunk, progress)
    classes = tuple(task.classes[row.label] for row in task.rows)
    return Features(vectors, classes, tuple(row.subject_key for row in task.rows))


@torch.no_grad()
def _vectors(loaded: LoadedModel, task: Task, device: str, chunk: int, progress: Progress) -> F32:
    model, setup = loaded.model.to(device).eval(), loaded.setup
    clips = {clip.clip_id: clip for clip in task.clips}
    rows = []
    for start in range(0, len(task.rows), chunk):
        ids = [row.clip_id for row in task.rows[start : start + chunk]]
        samples: list[Annotation] = [task.prepared.read(i).arrays for i in ids]
        reads = list(model.reads)
        if setup.method.annotate is not None:
            notes = [setup.method.annotate(setup.model_config, clips[i]) for i in ids]
            samples = [{**sample, **note} for sample, note in zip(samples, notes, strict=True)]
            reads += list(notes[0])
        inputs = {name: t.to(device) for name, t in collate(samples, reads).items()}
        rows.append(model(inputs).features.float().cpu().numpy())
        progress("reading clips", start + len(ids), len(task.rows))
    return np.concatenate(rows)


def _scatter(
    axes: Axes, places: F32, names: Sequence[str], order: Sequence[str], title: str
) -> None:
    bare(axes, title)
    axes.title.set_fontsize(9)
    for index, name in enumerate(order):
        chosen = np.array([n == name for n in names])
        if not chosen.any():
            continue
        colours = len(CLASS_COLOURS)
        colour = CLASS_COLOURS[index % colours]
        marker = MARKERS[(index + index // colours) % len(MARKERS)]
        label = f"{name} ({chosen.sum()})"
        axes.scatter(
            places[chosen, 0],
            places[chosen, 1],
            s=26,
            color=colour,
            marker=marker,
            alpha=0.85,
            label=label,
            edgecolors="white",
            linewidths=0.4,
        )
    if len(order) <= 3 * len(CLASS_COLOURS):
        columns = 1 + (len(order) - 1) // 4
        axes.legend(
            fontsize=7,
            frameon=False,
            loc="upper left",
            bbox_to_anchor=(0, 0),
            ncols=min(columns, 4),
            columnspacing=0.8,
            handletextpad=0.2,
        )
