"""The analysis of one video as a file that loses nothing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from merkit.config import validated
from merkit.errors import StoreError
from merkit.files import read_json, write_json
from merkit.inference.analysis import Analysis

#: rises when a file of the form before could not be read
VERSION = 1
_FORMAT = "merkit analysis"
_WANTED, _FIX = f"an analysis of version {VERSION}", "analyse the video again"


def save_analysis(path: Path, analysis: Analysis) -> None:
    """Write an analysis as JSON, whole or not at all. A number that is not known is null.

    Raises:
        ConfigError: nothing can be written there.
    """
    write_json(path, {"format": _FORMAT, "version": VERSION, "analysis": asdict(analysis)})


def load_analysis(path: Path) -> Analysis:
    """The analysis of a file, equal to the one that was saved.

    Raises:
        StoreError: it cannot be read, is damaged, is something else, or of a newer merkit.
    """
    content = read_json(path, ("format", "version", "analysis"), _WANTED, _FIX)
    if content["format"] != _FORMAT:
        raise StoreError(f"{path} holds a '{content['format']}'", _WANTED, _FIX)
    if content["version"] != VERSION:
        fix = "update merkit, or analyse the video again"
        raise StoreError(f"{path} has version {content['version']!r}", _WANTED, fix)
    return validated(Analysis, content["analysis"], path, _WANTED, _FIX)
