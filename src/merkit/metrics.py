"""The metrics as functions of labels and predictions, as scikit-learn has them.

``uf1(y_true, y_pred, *, labels=None, absent="skip")``; ``make_scorer(uf1)`` is a scorer. They are
the registered metrics themselves (:mod:`merkit.scoring.metrics`), so one of another package, or of
a script, is here too under its name: ``merkit.metrics.kappa``.

A mean of scores over folds is not the score of all clips, which is what papers of this field
compare: predict every clip (``cross_val_predict``) and score once.
"""

from __future__ import annotations

from merkit.scoring.metrics import ACC, F1, METRICS, UAR, UF1, Metric

uf1, uar, f1 = UF1, UAR, F1
acc = accuracy = war = ACC

__all__ = ["acc", "accuracy", "f1", "uar", "uf1", "war"]


def __getattr__(name: str) -> Metric:
    if name in METRICS:
        return METRICS[name]
    raise AttributeError(f"module 'merkit.metrics' has no metric '{name}': {', '.join(METRICS)}")
