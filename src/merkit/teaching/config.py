"""The settings of ``merkit teach``; nothing heavy is imported, so help is fast."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.simulate.config import SourceConfig


@dataclass(frozen=True)
class FitConfig:
    """How a network learns from simulated clips.

    Few steps for the classes, on purpose: real faces are recognised worse the longer a network
    learns them from a simulator, while held-out simulation still gains. Action units, of which most
    clips have none, take longer (docs/teaching.md has the figures).

    Args:
        steps: of the optimiser, AdamW with a one-cycle learning rate.
        class_steps: of the networks that teach the classes; 0: as many as ``steps``.
        pupil_steps: of the network that learns from others.
        batch_size: clips a step.
        learning_rate: the highest.
        label_smoothing: of the classes, so that no map is told for certain.
        unit_weight, nothing_weight: of the losses of action units and of nothing moving; that of
            the classes has 1.
        average: decay of the exponential moving average of the weights, which is what is kept.
        jitter: change each clip by what must not matter (crop, gain, offset, noise) and mirror half
            of them.
    """

    steps: int = 600
    class_steps: int = 150
    pupil_steps: int = 300
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-3
    label_smoothing: float = 0.1
    unit_weight: float = 0.5
    nothing_weight: float = 0.1
    average: float = 0.995
    jitter: bool = True

    def __post_init__(self) -> None:
        wanted = {
            "steps": (self.steps >= 1, "1 or more"),
            "class_steps": (self.class_steps >= 0, "0 (as many as steps) or more"),
            "pupil_steps": (self.pupil_steps >= 1, "1 or more"),
            "batch_size": (self.batch_size >= 2, "2 or more"),
            "learning_rate": (self.learning_rate > 0, "above 0"),
            "label_smoothing": (0 <= self.label_smoothing < 1, "0 to below 1"),
            "average": (0 <= self.average < 1, "0 (off) to below 1"),
        }
        check_settings(self, "fit", wanted)


@dataclass(frozen=True, kw_only=True)
class TeachConfig(SourceConfig):
    """Make a recogniser from simulated faces alone: simulate, train, calibrate, write its folder.

    Same settings and seed: the same recogniser, up to the machine's arithmetic. Interrupted, the
    same command goes on with what it had simulated.

    Args:
        recogniser: sim-flow or sim-seq.
        out: the folder to write.
        count: clips to learn from, of which flow is estimated between textured pictures.
        geometric: clips to learn from beside them, of exact flow with imitated noise.
        held_out: clips of other people, that calibrate it and are scored for its card.
        teachers: networks that are trained apart for the classes; with more than one network in
            all, one more learns to answer as they do in the mean, and that is what is kept.
        unit_teachers: networks that are trained for the action units; 0: the same.
        seed: of the simulation and of the training.
        fit: how the networks learn.
    """

    recogniser: str = "sim-flow"
    out: Path = Path("recogniser")
    count: int = 36_000
    geometric: int = 0
    held_out: int = 3_000
    teachers: int = 6
    unit_teachers: int = 3
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = {
            "count": (self.count >= 0, "0 or more"),
            "geometric": (self.geometric >= 0, "0 or more"),
            "held_out": (self.held_out >= 1, "1 or more"),
            "teachers": (self.teachers >= 1, "1 or more"),
            "unit_teachers": (self.unit_teachers >= 0, "0 (the same) or more"),
        }
        check_settings(self, "", wanted)
        if self.count + self.geometric < self.fit.batch_size:
            raise ConfigError(
                f"{self.count + self.geometric} clips to learn from",
                f"a batch or more (fit.batch_size={self.fit.batch_size})",
            )
