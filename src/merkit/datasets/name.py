"""NaME: 506 micro-expressions, through a manifest.

Source: only the counts that one paper prints (STAG 2026) are known; no page, sheet or layout of
the database is public, so its licence and where to ask are its authors' to say. Write a
``manifest.csv`` (:mod:`merkit.datasets.manifest`) beside the data; emotions are happiness, anger,
disgust, sadness, surprise and others. The three-class map counts others as negative, as printed.
"""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.base import Database, Expected
from merkit.datasets.label_maps import label_maps
from merkit.datasets.manifest import load_as
from merkit.types import Clip


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the manifest, whatever its column ``dataset`` says."""
    return load_as(root, "name")


_EXPECTED = Expected(
    clips=506,
    emotions={
        "happiness": 15,
        "anger": 26,
        "disgust": 69,
        "sadness": 46,
        "surprise": 162,
        "others": 188,
    },
    source="counts as STAG 2026 prints them",
)

DATABASE = Database(
    name="name",
    title="NaME (through a manifest)",
    citation="counts as STAG 2026 prints them",
    licence="by its authors",
    request="its authors; then write manifest.csv with the columns clip, subject, media, emotion",
    load=load,
    label_maps=label_maps("name"),
    expected={"default": _EXPECTED},
)
