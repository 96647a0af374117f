"""What training tells about itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from merkit.protocols.audit import FitRecord


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: mean training loss, and the validation scores (None without validation)."""

    epoch: int
    train_loss: float
    val_loss: float | None = None
    val_uf1: float | None = None
    seconds: float = 0.0


@dataclass(frozen=True)
class FitSummary:
    """The outcome of one training besides the model itself. ``record`` says which clips each
    fitted thing saw, and is audited before any test clip is predicted."""

    chosen_epoch: int
    history: tuple[EpochRecord, ...]
    record: FitRecord
    parameters_total: int = 0
    parameters_trainable: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = field(default=())
