"""Praat: a TextGrid a video, in its long form, written by praatio (Mahrt, MIT)."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from math import isfinite
from pathlib import Path
from types import ModuleType

from merkit.errors import MissingPackageError
from merkit.export.exporter import Exporter
from merkit.export.tiers import APEX, Tier, milliseconds, tiers_of
from merkit.inference.analysis import Analysis


def _write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    """The tiers of :mod:`merkit.export.tiers`, with apexes as points."""
    textgrid = _praatio()
    (analysis,) = analyses
    tiers = tiers_of(analysis)
    end_s = _end_ms(analysis, tiers) / 1000
    grid = textgrid.Textgrid(0, end_s)
    for tier in tiers:
        spans = [(one.start_ms / 1000, one.end_ms / 1000, one.text) for one in tier.spans]
        if tier.kind == APEX:
            points = [(start_s, text) for start_s, _, text in spans]
            grid.addTier(textgrid.PointTier(tier.name, points, 0, end_s))
        else:
            grid.addTier(textgrid.IntervalTier(tier.name, spans, 0, end_s))
    grid.save(str(path), format="long_textgrid", includeBlankSpaces=True)


def _end_ms(analysis: Analysis, tiers: Sequence[Tier]) -> int:
    """The length of the video, or as far as something was found; Praat refuses a length of 0."""
    length_ms = milliseconds(analysis.duration_s) if isfinite(analysis.duration_s) else 0
    return max([1, length_ms, *(one.end_ms for tier in tiers for one in tier.spans)])


def _praatio() -> ModuleType:
    try:
        return import_module("praatio.textgrid")
    except ImportError:
        raise MissingPackageError(
            "praatio is not installed",
            "praatio, for a Praat TextGrid",
            "pip install 'merkit[export]', or write another kind of file",
        ) from None


def _check() -> None:
    _praatio()


TEXTGRID = Exporter(
    "textgrid",
    "tiers for Praat, one video a file",
    (".textgrid",),
    _write,
    one_video=True,
    spelled=".TextGrid",
    check=_check,
)
