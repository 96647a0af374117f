"""Protocols: how clips are divided into training, validation and test, and the leak audit."""

from __future__ import annotations

from merkit.protocols.audit import FitRecord, audit_fit, audit_folds
from merkit.protocols.config import ProtocolConfig
from merkit.protocols.folds import FoldSet, fold_set, load_folds, missing_classes, save_folds
from merkit.protocols.make import make_folds
from merkit.protocols.table import ClipRow, rows

__all__ = [
    "ClipRow",
    "FitRecord",
    "FoldSet",
    "ProtocolConfig",
    "audit_fit",
    "audit_folds",
    "fold_set",
    "load_folds",
    "make_folds",
    "missing_classes",
    "rows",
    "save_folds",
]
