"""BORIS: a ``.boris`` project with one observation a video (Friard & Gamba 2016, Methods in Ecology
and Evolution 7(11)).

The form is that of ``project_format_version`` 7.0 (BORIS 9.12 to 10.0, its ``config.py``), and was
held against BORIS's own code, which merkit neither has nor needs: see ``tests/export``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

from merkit.export.boris_marks import (
    APEX,
    EXCLUDED,
    KEYS,
    ModifierSet,
    Observation,
    modifier_sets,
    observations_of,
    one_line,
)
from merkit.export.exporter import Exporter
from merkit.files import relative_path, write_json
from merkit.inference.analysis import Analysis
from merkit.types import EventKind


def project_of(
    observations: Sequence[Observation], sets: Mapping[str, Sequence[ModifierSet]], folder: Path
) -> dict[str, Any]:
    """The project, for a file in ``folder``, to which the paths of videos are relative."""
    now = datetime.now().isoformat(timespec="seconds")
    subjects = dict.fromkeys(m.subject for o in observations for m in o.marks)
    return {
        "time_format": "s",
        "project_date": now,
        "project_name": "merkit",
        "project_description": "movements that merkit found",
        "project_format_version": "7.0",
        "subjects_conf": {
            str(place): {"key": "", "name": name, "description": ""}
            for place, name in enumerate(subjects)
        },
        "behaviors_conf": {
            str(place): _behaviour(code, key, sets[code])
            for place, (code, key) in enumerate(KEYS.items())
        },
        "observations": {one.name: _observation(one, now, folder) for one in observations},
        "behavioral_categories": [],
        "behavioral_categories_config": {},
        "independent_variables": {},
        "coding_map": {},
        "behaviors_coding_map": [],
        "converters": {},
    }


def _behaviour(code: str, key: str, sets: Sequence[ModifierSet]) -> dict[str, Any]:
    described = {kind: f"movement: {kind}" for kind in get_args(EventKind)} | {
        APEX: "height of a movement",
        EXCLUDED: "time of which nothing can be told: calm or not is not known",
    }
    return {
        "type": "Point event" if code == APEX else "State event",
        "key": key,
        "code": code,
        "description": described[code],
        "color": "",
        "category": "",
        "modifiers": {
            str(place): {"name": one.name, "type": int(one.several), "values": list(one.values)}
            for place, one in enumerate(sets)
        },
        "excluded": "",
        "coding map": "",
    }


def _observation(one: Observation, now: str, folder: Path) -> dict[str, Any]:
    rows: list[list[Any]] = [
        [mark.time_s, mark.subject, mark.code, "|".join(mark.modifiers), mark.comment]
        for mark in one.marks
    ]
    shared: dict[str, Any] = {
        "date": now,
        "description": one_line(one.analysis.problem),
        "time offset": 0.0,
        "observation time interval": [0, 0],
        "independent_variables": {},
        "close_behaviors_between_videos": False,
    }
    if one.info is None:
        return {**shared, "type": "LIVE", "file": {}, "media_info": {}, "events": rows}
    media = media_path(one.analysis.video, folder)
    return {
        **shared,
        "type": "MEDIA",
        "file": {"1": [media]},
        "media_info": {
            "length": {media: round(one.length_s, 3)},
            "fps": {media: one.info.fps_hz},
            "hasVideo": {media: True},
            "hasAudio": {media: one.info.has_audio},
            "offset": {"1": 0.0},
            "display": {media: "Nothing"},  # no spectrogram or waveform beside the pictures
        },
        "events": [[*row, mark.frame] for row, mark in zip(rows, one.marks, strict=True)],
    }


def media_path(video: Path, folder: Path) -> str:
    """The video's path from the project's folder; the whole path on another drive."""
    return relative_path(video, folder) or os.path.abspath(video)


def _write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    sets = modifier_sets(analyses, classes)
    write_json(path, project_of(observations_of(analyses, classes), sets, path.parent))


BORIS = Exporter("boris", "a BORIS project, one observation a video", (".boris",), _write)
