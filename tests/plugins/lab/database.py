"""Recordings of the lab, kept in the layout of merkit's own synthetic database."""

from __future__ import annotations

from dataclasses import replace

from merkit.datasets.base import Database, Expected
from merkit.datasets.synthetic import load as load_synthetic
from merkit.labels import GENERIC_MAPS


def load(root, variant):
    clips = load_synthetic(root, "clips")
    return tuple(replace(c, dataset="lab", clip_id=f"lab/{c.clip_id}") for c in clips)


DATABASE = Database(
    name="lab",
    title="Recordings of the lab",
    citation="nobody 2026",
    licence="ours",
    request="ask us",
    load=load,
    label_maps=(GENERIC_MAPS["3"],),
    expected={"default": Expected(clips=12, subjects=4, source="our notebook")},
)
