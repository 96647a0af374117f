"""Labels as people have them, words or numbers, as the class indices that matrices count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError
from merkit.types import I64


def class_places(
    y_true: npt.ArrayLike, y_pred: npt.ArrayLike, labels: npt.ArrayLike | None = None
) -> tuple[I64, I64, int]:
    """Class index of each true and each predicted label (N,), and the number of classes.

    Args:
        labels: the classes in their order; None: those that occur, sorted.

    Raises:
        ConfigError: lists of different length or none at all, labels that cannot be told apart or
            sorted, a class named twice, or a label that is not among ``labels``.
    """
    true, predicted = _flat(y_true, "y_true"), _flat(y_pred, "y_pred")
    if len(true) != len(predicted):
        raise ConfigError(f"{len(true)} true labels and {len(predicted)} predictions", "one each")
    if not true:
        raise ConfigError("no predictions to score", "at least one")
    classes = _sorted({*true, *predicted}) if labels is None else _flat(labels, "labels")
    place = {label: index for index, label in enumerate(classes)}
    if len(place) < len(classes):
        raise ConfigError(f"labels {classes}", "every class once")
    other = [label for label in (*true, *predicted) if label not in place]
    if other:
        raise ConfigError(
            f"label {other[0]!r} is not among the classes {classes}",
            "the name of every class that is true or predicted anywhere",
            "leave labels out to take those that occur",
        )
    places = (np.array([place[label] for label in side], np.int64) for side in (true, predicted))
    return next(places), next(places), len(classes)


def _flat(values: npt.ArrayLike, name: str) -> list[Any]:
    array = np.asarray(values)
    if array.ndim != 1:
        raise ConfigError(
            f"{name} of shape {array.shape}", "one label a clip, (N,)", "argmax(1) of probabilities"
        )
    return list(array.tolist())


def _sorted(found: set[Any]) -> list[Any]:
    try:
        classes = sorted(found)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in found})
        raise ConfigError(
            f"labels of kinds {' and '.join(kinds)}", "words alone, or numbers alone"
        ) from None
    if any(isinstance(label, float) and math.isnan(label) for label in classes):
        raise ConfigError("a label that is NaN", "the class of every clip")
    return classes
