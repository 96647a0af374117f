"""The clips of a run with the action units that each shows, whatever their emotion."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from merkit.datasets import load_dataset
from merkit.errors import ConfigError, DatasetError
from merkit.methods.base import ORACLE_AU, Method
from merkit.protocols import ClipRow
from merkit.protocols.table import SPLIT_FIELD, checked
from merkit.runs.config import EvaluateConfig
from merkit.runs.data import LabelledClips
from merkit.training.targets import Units
from merkit.types import Clip


@dataclass(frozen=True, kw_only=True)
class UnitClips(LabelledClips):
    """``clips`` that somebody coded, without label maps. ``left_out``: clips that nobody did, by
    database."""

    units: Units

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the units."""
        return self.units.names

    @property
    def labels(self) -> Mapping[str, tuple[int, ...]]:
        """0/1 for each unit, of each clip."""
        every = range(len(self.classes))
        return {row.clip_id: tuple(int(i in row.shown) for i in every) for row in self.rows}

    @property
    def targets(self) -> Units:
        return self.units

    def facts(self) -> dict[str, Any]:
        """What a reader of a run wants to know of its clips."""
        shown = Counter(place for row in self.rows for place in row.shown)
        return {
            "classes": list(self.classes),
            "clips": len(self.rows),
            "subjects": len({row.subject_key for row in self.rows}),
            "clips_per_class": {name: shown[i] for i, name in enumerate(self.classes)},
            "clips_without_any": sum(not row.shown for row in self.rows),
            "left_out": dict(self.left_out),
        }


def unit_method(
    config: EvaluateConfig,
) -> tuple[Method, Callable[[EvaluateConfig], UnitClips]]:
    """The method of a run on action units, and what opens its clips.

    Raises:
        ConfigError: a method that names no units, or is told those of test clips.
    """
    method = config.make()
    refuse_unfit(method, config.units)
    threshold = config.unit_threshold or method.unit_thresholds(config.units)
    return method, partial(load_unit_clips, threshold=threshold)


def refuse_unfit(method: Method, units: Sequence[int]) -> None:
    """Refuse a method that cannot name these action units, or is told those of test clips.

    Raises:
        ConfigError: names what is wrong.
    """
    if ORACLE_AU in method.marks():
        raise ConfigError(
            f"'{method.name}' reads action units that a human coded, of test clips too",
            "a method that is not told what it is to find",
            "see 'merkit models', or turn its action units off",
        )
    if not method.names_units(units):
        raise ConfigError(
            f"'{method.name}' does not name the action units {', '.join(map(str, units))}",
            "a method that is trained by gradient steps, or names action units by itself",
            "see 'merkit models'; 'majority' gives a floor",
        )


def load_unit_clips(
    config: EvaluateConfig, threshold: float | tuple[float, ...] = 0.5
) -> UnitClips:
    """The coded clips of every named database.

    Args:
        threshold: probability from which on a unit is called, one for all or one a unit.

    Raises:
        ConfigError: unknown names.
        DatasetError: a database of which no clip has action units.
    """
    units = Units(config.units, threshold)
    clips: list[Clip] = []
    left_out: Counter[str] = Counter()
    for name, root, variant in config.sources():
        loaded = load_dataset(name, root, variant, alias=config.alias(name, root))
        coded = [clip for clip in loaded if clip.action_units is not None]
        if not coded:
            raise DatasetError(
                f"none of the {len(loaded)} clips of '{name}' has action units",
                "a database that somebody coded",
                "leave it out, or choose a variant whose sheet has them",
            )
        left_out.update(clip.dataset for clip in loaded if clip.action_units is None)
        clips += coded
    table = checked(_row(clip, units.numbers, config.uncertain_units) for clip in clips)
    return UnitClips(tuple(clips), table, (), dict(sorted(left_out.items())), units=units)


def _row(clip: Clip, units: Sequence[int], uncertain: bool) -> ClipRow:
    """Its first unit stands for its class, and for none the number behind the last, where a
    protocol deals clips by class."""
    shown = {u.number for u in clip.action_units or () if uncertain or not u.uncertain}
    places = tuple(place for place, number in enumerate(units) if number in shown)
    return ClipRow(
        clip.clip_id,
        clip.dataset,
        clip.subject_key,
        places[0] if places else len(units),
        clip.raw.get(SPLIT_FIELD, ""),
        places,
    )
