"""Train the final model of a configuration and write its folder: every subject trains, but for the
few that choose the epoch."""

from __future__ import annotations

from dataclasses import replace

from merkit.errors import ConfigError
from merkit.files import sole_writer
from merkit.inference.modelfolder import save_model
from merkit.progress import Progress, silent
from merkit.protocols import ProtocolConfig
from merkit.protocols.validation import validation_subjects
from merkit.runs.config import FinalConfig
from merkit.runs.data import LabelledClips, load_clips, prepare_clips
from merkit.runs.fold import Trainings
from merkit.runs.provenance import git_commit, versions
from merkit.training.loop import FitSummary
from merkit.types import Fold
from merkit.workers import worker_count


def train_model(config: FinalConfig, progress: Progress = silent) -> FitSummary:
    """Prepare the clips, train on all subjects but the validation share, write ``config.out``.

    There is no test set, so there is no score.

    Raises:
        ConfigError: the model folder exists already, or a setting is wrong.
        DatasetError, FaceError, MissingWeightsError: as in an evaluation.
    """
    with sole_writer(config.out):
        return _train(config, progress)


def _train(config: FinalConfig, progress: Progress) -> FitSummary:
    if config.out.exists():
        raise ConfigError(f"{config.out} exists", "a new model folder", "choose another --out")
    method, context = config.make(), config.context(config.seed)
    if not method.trains:
        raise ConfigError(
            f"'{method.name}' is used as it is, and nothing of it is trained",
            "a method that is trained",
            f"tune it with --init {method.name}; 'merkit evaluate' scores it as it is",
        )
    data = load_clips(config)
    method = method.for_classes(data.classes)
    method.build(len(data.classes))  # what is missing is told before the long work begins
    data, samples = prepare_clips(data, method.recipe, config, progress)
    context = replace(context, threads=worker_count(config.workers, 64))
    trainings = Trainings(method, data, samples, context).encoded([config.seed], progress)
    job = trainings.job(_fold(data, config), config.seed)
    epochs = method.training.epochs
    fitted = job.fit(lambda epoch, _: progress("training", epoch, epochs))
    facts = data.facts() | {
        "data": list(config.data),
        "chosen_epoch": fitted.summary.chosen_epoch,
        "averaging": fitted.summary.averaging,
        "seed": config.seed,
        "versions": versions(),
        "git_commit": git_commit(),
    }
    save_model(config.out, method, fitted.model, data.classes, facts)
    return fitted.summary


def _fold(data: LabelledClips, config: FinalConfig) -> Fold:
    """A fold without a test side."""
    protocol = ProtocolConfig(val_share=config.val_share, seed=config.seed)
    held_out = validation_subjects(data.rows, protocol, "final")
    train = tuple(row.clip_id for row in data.rows if row.subject_key not in held_out)
    val = tuple(row.clip_id for row in data.rows if row.subject_key in held_out)
    return Fold("final", train, val, ())
