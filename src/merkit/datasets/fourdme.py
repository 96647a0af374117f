"""4DME: 267 micro-expressions in 4D meshes, grey video and Kinect colour and depth.

Source: Li et al. 2022, "4DME: A spontaneous 4D micro-expression dataset with multimodalities",
IEEE Transactions on Affective Computing 14(4). Licence: research use by agreement with the
University of Oulu (CMVS); ask there.

Read are the grey videos, ``gray_micro/<sub_ID>/<fold_name>/`` with onset to offset, and their
crops in ``gray_micro_crop``. Emotion is a set of labels: ``Surprise+Positive`` becomes
``surprise+positive``, never cut; the label maps name the rule that makes one label of it. Units
marked ``(k)`` are static and left out. By public code (tvaranka/meb) the rows 144 and 145 below
the header (from 0) have their action units exchanged; they are marked, not changed.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

from merkit.datasets.base import Database, noted, sort_clips
from merkit.datasets.layout import Tree
from merkit.datasets.sheet_layout import SheetLayout
from merkit.labels import canonical_emotion
from merkit.types import Clip


def label_set(cell: str) -> tuple[str, ...]:
    """Canonical emotions of one cell, in the order written, each once."""
    words = (canonical_emotion(word) for word in re.split(r"[+,/;&]", cell) if word.strip())
    return tuple(dict.fromkeys(words))


_LAYOUT = SheetLayout(
    database="4dme",
    files=("4DME_Labelling_Micro*.xls*", "4DME_Labelling_Micro*.csv"),
    columns={
        "subject": "sub_ID",
        "clip": "fold_name",
        "onset": "Onset",
        "apex": "Apex",
        "offset": "Offset",
        "action_units": "AUs",
        "emotion": "Emotion",
    },
    emotion=lambda cell: "+".join(label_set(cell)),
    fps_hz=60.0,  # of the grey videos by the paper, unchecked on files
    trees={
        "gray": Tree("gray_micro", r"gr[ae]y[-_ ]?micro", r"crop"),
        "gray-cropped": Tree("gray_micro_crop", r"gr[ae]y[-_ ]?micro[-_ ]?crop", strict=True),
    },
)
_EXCHANGED_ROWS = (144, 145)
_EXCHANGED = "may be exchanged between rows 144 and 145 (tvaranka/meb)"


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every row of the micro-expression sheet; a sum below the table is left out."""
    clips = list(_LAYOUT.clips(root, variant))
    times = Counter(clip.clip_id for clip in clips)
    return sort_clips(_clip(c, i, times[c.clip_id] > 1) for i, c in enumerate(clips))


def _clip(clip: Clip, index: int, repeated: bool) -> Clip:
    if index in _EXCHANGED_ROWS:
        clip = noted(clip, {"doubtful:action_units": _EXCHANGED} | dict(clip.raw))
    if repeated:
        clip = replace(clip, clip_id=f"{clip.clip_id}_{clip.onset_frame}")
    return clip


DATABASE = Database(
    name="4dme",
    title="4DME",
    citation="Li et al. 2022, IEEE TAC 14(4): 3031-3047",
    licence="research only, agreement",
    request="University of Oulu, CMVS: agreement",
    load=load,
    findings=_LAYOUT.findings,
    variants=tuple(_LAYOUT.trees),
)
