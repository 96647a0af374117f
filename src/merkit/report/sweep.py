"""Finding out that several runs are a sweep: alike but for one or two numeric settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from merkit.config import flat

_GROUPS = ("model", "training", "recipe", "protocol")


@dataclass(frozen=True)
class Sweep:
    """``setting`` takes ``values``, one a run; with a second setting, ``series`` and
    ``series_values`` say which line each run belongs to."""

    setting: str
    values: tuple[float, ...]
    series: str = ""
    series_values: tuple[float, ...] = ()


def find_sweep(settings: Sequence[Mapping[str, Any]]) -> Sweep | None:
    """The sweep that runs with these settings make, or None.

    Args:
        settings: the ``settings`` of each run.json. A recipe setting that only follows a model
            setting, as ``recipe.frames`` follows ``model.frames``, is not counted.
    """
    if len(settings) < 3 or len({s["method"] for s in settings}) > 1:
        return None
    rows = [flat({group: s[group] for group in _GROUPS}) for s in settings]
    if len({frozenset(row) for row in rows}) > 1:
        return None
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    varying = {name: v for name, v in columns.items() if any(x != v[0] for x in v)}
    free = {
        name: values
        for name, values in varying.items()
        if not (name.startswith("recipe.") and _follows(values, varying))
    }
    if len(free) not in (1, 2) or not all(map(_numeric, free.values())):
        return None
    (x, xs), *second = sorted(free.items(), key=lambda item: -len(set(item[1])))
    if not second:
        return Sweep(x, tuple(map(float, xs)))
    ((series, lines),) = second
    return Sweep(x, tuple(map(float, xs)), series, tuple(map(float, lines)))


def _follows(values: Sequence[Any], varying: Mapping[str, Sequence[Any]]) -> bool:
    return any(n.startswith("model.") and list(v) == list(values) for n, v in varying.items())


def _numeric(values: Sequence[Any]) -> bool:
    return all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
