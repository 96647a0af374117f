"""Protocols: how clips are divided into training, validation and test, and the leak audit."""

from __future__ import annotations

from merkit.protocols.audit import audit_folds, audit_reads, audit_windows
from merkit.protocols.config import PROTOCOLS, ProtocolConfig
from merkit.protocols.folds import FoldSet, fold_set, load_folds, save_folds
from merkit.protocols.for_arrays import splitter
from merkit.protocols.make import make_folds
from merkit.protocols.table import ClipRow, rows
from merkit.protocols.windows import window_folds

__all__ = [
    "PROTOCOLS",
    "ClipRow",
    "FoldSet",
    "ProtocolConfig",
    "audit_folds",
    "audit_reads",
    "audit_windows",
    "fold_set",
    "load_folds",
    "make_folds",
    "rows",
    "save_folds",
    "splitter",
    "window_folds",
]
