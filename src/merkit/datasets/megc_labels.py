"""The label files of MEGC2019 and of the flow images made for it, in one reading.

All of them begin with database, subject, clip and label (0 negative, 1 positive, 2 surprise);
``combined_3class_gt.csv`` has no header, its copies have one. They write the same clip in
different forms (``smic,s03,s03_ne_06``, on disk ``s3_ne_06``; ``samm,6,006_1_2``, on disk
``006``), so everything is compared by the clip ids of the three databases.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from merkit.datasets import casme2, samm, smic
from merkit.datasets.sheets import Row, read_table
from merkit.errors import DatasetError

CLASSES = ("negative", "positive", "surprise")
_SUBJECTS = {"casme2": casme2.SUBJECTS, "samm": samm.SUBJECTS, "smic": smic.SUBJECTS}
_SMIC_CLIP = re.compile(r"s0*(\d+)_(.+)", re.IGNORECASE)
#: The organisers' second file lacks this clip and has empty rows between the others.
_LACKING = "samm/032/032_3_1"
_LACKING_ROWS = 441


@dataclass(frozen=True, slots=True)
class Label:
    """One row: the clip's canonical key and its class. ``where``: file and row."""

    dataset: str
    subject: str
    name: str
    label: int
    where: str

    @property
    def clip_id(self) -> str:
        """As the databases' own adapters write it."""
        return f"{self.dataset}/{self.subject}/{self.name}"

    @property
    def emotion(self) -> str:
        """Name of the class."""
        return CLASSES[self.label]


def canonical_key(dataset: str, subject: str, clip: str) -> tuple[str, str, str]:
    """Database, subject and clip in the forms of the databases' own adapters.

    Raises:
        DatasetError: a database that is none of the three, or a subject without a number.
    """
    dataset, clip = dataset.strip().lower(), clip.strip()
    if dataset not in _SUBJECTS:
        raise DatasetError(f"database '{dataset}'", f"one of {sorted(_SUBJECTS)}")
    if dataset == "smic":
        match = _SMIC_CLIP.fullmatch(clip)
        clip = f"s{int(match[1])}_{match[2]}" if match else clip
    return dataset, _SUBJECTS[dataset](subject), clip


def read_labels(path: Path) -> tuple[Label, ...]:
    """Every row of a label file.

    Raises:
        DatasetError: a row of another form, a clip that comes twice, or the organisers' second
            file of 441 rows.
    """
    labels: list[Label] = []
    seen: set[str] = set()
    for row in read_table(path, columns=("dataset", "subject", "clip", "label")):
        if not labels and row["subject"].lower() in {"subject", "sub"}:
            continue  # a header
        label = _label(row)
        if label.clip_id in seen:
            raise row.error(f"'{label.clip_id}' comes twice", "one row a clip", "delete the copy")
        seen.add(label.clip_id)
        labels.append(label)
    _refuse_second_file(path, seen)
    return tuple(labels)


def _label(row: Row) -> Label:
    clip, label = row["clip"], row["label"]
    with row.located():
        key = canonical_key(row["dataset"], row["subject"], clip)
    if not clip or label not in {"0", "1", "2"}:
        found = f"clip '{clip}' with label '{label}'"
        raise row.error(found, "a clip, and 0, 1 or 2 as its label")
    return Label(*key, int(label), row.where)


def _refuse_second_file(path: Path, clip_ids: set[str]) -> None:
    if len(clip_ids) == _LACKING_ROWS and _LACKING not in clip_ids:
        raise DatasetError(
            f"{path.name} has 441 clips and lacks {_LACKING}: it is the organisers' second file",
            "the 442 clips that published scores are on",
            "use combined_3class_gt.csv",
        )
