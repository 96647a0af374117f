"""The final model: every subject trains, but for the few that choose the epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from merkit.methods.base import MerModel
from merkit.progress import Progress, silent
from merkit.protocols import ClipRow, ProtocolConfig
from merkit.protocols.validation import validation_subjects
from merkit.samples.prepare import Prepared
from merkit.training.data import open_fold
from merkit.training.history import FitSummary
from merkit.training.job import FoldJob, fit_job
from merkit.training.setup import Setup
from merkit.training.tokens import frozen_tokens
from merkit.types import Clip, Fold


def train_final(
    setup: Setup,
    clips: Sequence[Clip],
    rows: Sequence[ClipRow],
    classes: tuple[str, ...],
    prepared: Prepared,
    *,
    seed: int,
    val_share: float,
    device: str,
    threads: int,
    bf16: bool = False,
    progress: Progress = silent,
) -> tuple[MerModel, FitSummary]:
    """Train on all subjects of ``rows`` except a share held out to choose the epoch.

    Returns:
        the model and how it was trained; there is no test set, so there is no score.
    """
    labels: Mapping[str, int] = {row.clip_id: row.label for row in rows}
    config = ProtocolConfig(val_share=val_share, seed=seed)
    held_out = validation_subjects(tuple(rows), config, "final")
    train = tuple(row.clip_id for row in rows if row.subject_key not in held_out)
    val = tuple(row.clip_id for row in rows if row.subject_key in held_out)
    fold = Fold("final", train, val, ())
    job = FoldJob(
        method=setup.method.name,
        model_config=setup.model_config,
        settings=setup.settings,
        fold=open_fold(fold, labels),
        test=(),
        class_names=classes,
        store=prepared.store,
        keys=prepared.keys,
        tokens=frozen_tokens(setup, len(classes), prepared, device, progress),
        seed=seed,
        device=device,
        threads=threads,
        bf16=bf16,
        annotations=setup.annotations(clips),
    )
    epochs = setup.settings.epochs
    return fit_job(job, lambda epoch, _: progress("training", epoch, epochs))
