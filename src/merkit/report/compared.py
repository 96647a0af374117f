"""What a comparison of runs holds, for its text and its page."""

from __future__ import annotations

from dataclasses import dataclass

from merkit.report.finished import FinishedRun
from merkit.report.sweep import Sweep
from merkit.scoring.ranking import Comparison, RankingRefusal


@dataclass(frozen=True)
class GroupComparison:
    """Runs on the same clips. ``uf1`` and ``uar``: each run against the first. ``refusal``: why
    they are not ranked; None where ``apart`` names pairs that are told apart, better first."""

    data: str
    runs: tuple[FinishedRun, ...]
    uf1: tuple[Comparison, ...]
    uar: tuple[Comparison, ...]
    refusal: RankingRefusal | None
    apart: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    sweep: Sweep | None
