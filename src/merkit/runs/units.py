"""An evaluation on action units: what differs from one on classes, top to bottom."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from merkit.errors import ConfigError
from merkit.files import sole_writer
from merkit.progress import Progress, silent
from merkit.protocols import FoldSet
from merkit.report.result import read_document
from merkit.report.unit_page import write_unit_report
from merkit.report.unit_result import UnitResult
from merkit.runs.config import EvaluateConfig
from merkit.runs.evaluate import trained
from merkit.runs.folder import RunFolder
from merkit.runs.summary import gathered, how_to_score, joined, write_log
from merkit.runs.unit_clips import UnitClips, unit_method
from merkit.scoring.unit_scores import score_units


def evaluate_units(config: EvaluateConfig, progress: Progress = silent) -> UnitResult:
    """Score how well a method names the action units of annotated clips; resumes a run folder by
    fold.

    Raises:
        ConfigError: also a method that names no units, or is told those of test clips.
        MerkitError: as ``runs.evaluate.evaluate``.
    """
    if config.task != "au":
        raise ConfigError(f"task '{config.task}'", "au")
    with sole_writer(config.out):
        run, folds, data = trained(config, *unit_method(config), progress)
        return summarise_units(run, folds, data, config)


def summarise_units(
    run: RunFolder, folds: FoldSet, data: UnitClips, config: EvaluateConfig
) -> UnitResult:
    """Pool the folds, score them, and write every file of the finished run."""
    document = read_document(run.path, config.task)
    trainings, predictions, epochs = gathered(
        run, folds, config, lambda parts: join_units(parts, data)
    )
    how = how_to_score(folds, config, document)
    scores = score_units(predictions, data.classes, trainings, epochs=epochs, **how)
    result = UnitResult(run.path, document, scores, predictions)
    result.write()
    write_log(run, trainings)
    write_unit_report(result)
    return result


def join_units(parts: Sequence[pd.DataFrame], data: UnitClips) -> pd.DataFrame:
    """One row a test prediction: clip_id, subject, dataset, fold, seed, then y_true_<unit>,
    y_pred_<unit> and p_<unit>, one column a unit each."""
    labels, names = data.labels, data.classes
    known = pd.DataFrame(
        [(r.clip_id, r.subject_key, r.dataset, *labels[r.clip_id]) for r in data.rows],
        columns=["clip_id", "subject", "dataset", *(f"y_true_{name}" for name in names)],
    )
    return joined(parts, known, list(known.columns[3:]))
