"""What a comparison of runs holds, for its text and its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from merkit.report.result import Result
from merkit.report.sweep import Sweep
from merkit.scoring.metrics import MAIN_METRIC
from merkit.scoring.ranking import Comparison, RankingRefusal


@dataclass(frozen=True)
class GroupComparison:
    """Runs on the same clips. ``differences``: each run against the first, for
    every metric. ``refusal``: why
    they are not ranked; None where ``apart`` names pairs that are told apart, better first."""

    data: str
    runs: tuple[Result, ...]
    differences: Mapping[str, tuple[Comparison, ...]]
    refusal: RankingRefusal | None
    apart: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    sweep: Sweep | None

    @property
    def main(self) -> tuple[Comparison, ...]:
        """Each run against the first in the main metric."""
        return self.differences[MAIN_METRIC]

    @property
    def by_run(self) -> list[dict[str, Comparison]]:
        """Each run's comparison with the first, by metric."""
        rows = zip(*self.differences.values(), strict=True)
        return [dict(zip(self.differences, row, strict=True)) for row in rows]
