"""What is measured; torch-free, so help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from merkit.config import check_settings
from merkit.runs.config import MethodConfig


@dataclass(frozen=True, kw_only=True)
class BenchLosoConfig(MethodConfig):
    """Measure a leave-one-subject-out run on random clips.

    Every training by itself, and many at once as ``evaluate`` would, for a stated number of steps
    each; then what a whole run takes at that rate, on the cores of this machine.

    Args:
        out: file of the result, JSON; nothing is written without one.
        subjects: people, each a fold.
        clips: of all people together.
        seeds: trainings of each fold.
        steps: of each training that is measured.
        sample: trainings measured by themselves.
        classes: C.
        memory_gb: what trainings at once may take.
    """

    out: Path | None = None
    method: str = "ststnet"
    device: str = "cpu"
    subjects: int = 68
    clips: int = 442
    seeds: int = 1
    steps: int = 10
    sample: int = 2
    classes: int = 3
    memory_gb: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = {
            "subjects": (self.subjects >= 2, "2 or more"),
            "clips": (self.clips >= 2 * self.subjects, "two a subject or more"),
            "seeds": (self.seeds >= 1, "1 or more"),
            "steps": (self.steps >= 2, "2 or more: the first is not counted"),
            "sample": (1 <= self.sample <= self.subjects, "1 to the number of subjects"),
            "classes": (self.classes >= 2, "2 or more"),
        }
        check_settings(self, "", wanted)
