"""MEGC2019: SMIC-HS, CASME II and SAMM as one database of 442 clips, 68 subjects, 3 classes.

Source: See et al. 2019, "MEGC 2019: The second facial micro-expressions grand challenge", FG.
Licence: those of the three databases, asked for one by one; the organisers' label file is
``combined_3class_gt.csv``.

The root holds the label file and the three databases, each as its own adapter reads it, in
folders named ``casme2``, ``smic`` and ``samm``; or a ``roots.csv`` (columns database, root and,
if wanted, variant) that says where they are. It is the one file that may, by design, name folders
outside the root: each of them is then a root of its own, and nothing outside it is read. Links
that lead out are not followed as elsewhere. A clip keeps the id, database and subject of its
own adapter, so that scores per database can be told; its emotion is the official class, and
``Clip.raw["own_emotion"]`` that of its own sheet. A clip of the label file that its database
does not have is given with the media where it would be, for a check to report.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from merkit.datasets import casme2, samm, smic
from merkit.datasets.base import ContentKey, Database, noted, sort_clips
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import find_sheet, inside, refuse_links_out, scan
from merkit.datasets.sheets import Row, read_table, sheet_version
from merkit.errors import DatasetError, MissingDataError
from merkit.types import Clip, Finding

#: In this order, with or without a header.
LABEL_COLUMNS = ("dataset", "subject", "clip", "label")
_LABEL_FILES = (
    "combined_3class_gt.csv",
    "combined_3_class_gt.csv",
    "combined*3*class*gt*.csv",
    "*megc2019*.csv",
)
_DATABASES = {"smic": smic.DATABASE, "casme2": casme2.DATABASE, "samm": samm.DATABASE}
_SUBJECTS = {"smic": smic.SUBJECTS, "casme2": casme2.SUBJECTS, "samm": samm.SUBJECTS}
#: Folder names, without anything but letters and digits.
_NAMES = {
    "smic": ("smic", "smichs", "smicallraw", "smicallcropped"),
    "casme2": ("casme2", "casmeii"),
    "samm": ("samm",),
}
_VARIANTS = {
    "raw": {"smic": "HS", "casme2": "raw", "samm": "raw"},
    "cropped": {"smic": "HS-cropped", "casme2": "cropped", "samm": "cropped"},
}
CLASSES = ("negative", "positive", "surprise")
#: Published counts of each part, in the order of the classes.
PARTS = {"smic": (70, 51, 43), "casme2": (88, 32, 25), "samm": (92, 26, 15)}
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


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every clip of the official label file.

    Raises:
        MissingDataError: no label file, or a database whose folder is not found.
        DatasetError: a label file or sheet of another form, or a link that leads out of a root.
    """
    path = find_sheet(root, _LABEL_FILES, LABEL_COLUMNS, depth=2)
    labels, version = read_labels(path).values(), sheet_version(path)
    places = _places(root, variant)
    clips = {name: _own_clips(name, *places[name]) for name in {x.dataset for x in labels}}
    for name, found in clips.items():
        own_root, _ = places[name]
        if not Path(os.path.realpath(own_root)).is_relative_to(os.path.realpath(root)):
            refuse_links_out((clip.media for clip in found.values()), own_root)
    return sort_clips(
        _clip(label, clips[label.dataset], places[label.dataset][0], version) for label in labels
    )


def _places(root: Path, variant: str) -> dict[str, tuple[Path, str]]:
    """Database -> its root and variant."""
    here = scan(root, root)
    found: dict[str, tuple[Path, str]] = {}
    if "roots.csv" in here.files:
        found = _listed_places(root, variant)
    else:
        for folder in here.folders:
            plain = re.sub(r"[^a-z0-9]", "", folder.lower())
            for name, names in _NAMES.items():
                if plain in names:
                    found.setdefault(name, (root / folder, _VARIANTS[variant][name]))
    missing = [n for n in _DATABASES if n not in found or not found[n][0].is_dir()]
    if missing:
        raise MissingDataError(
            f"no folder of {', '.join(missing)} for MEGC2019 at {root}",
            "folders named casme2, smic and samm beside the label file",
            "name them so, or write roots.csv with the columns database, root",
        )
    return found


def _listed_places(root: Path, variant: str) -> dict[str, tuple[Path, str]]:
    found: dict[str, tuple[Path, str]] = {}
    for row in read_table(root / "roots.csv", ("database", "root")):
        name = row["database"].lower()
        if name not in _DATABASES:
            raise row.error(f"database '{name}'", f"one of {list(_DATABASES)}")
        chosen, known = row.get("variant") or _VARIANTS[variant][name], _DATABASES[name].variants
        if chosen not in known:
            raise row.error(f"variant '{chosen}'", f"one of {list(known)}")
        found[name] = root / row["root"], chosen
    return found


def _own_clips(name: str, root: Path, variant: str) -> dict[str, Clip]:
    """The clips of one database by canonical id."""
    clips: dict[str, Clip] = {}
    for clip in _DATABASES[name].load(root, variant):
        key = canonical_key(name, clip.subject, clip.clip_id.rpartition("/")[2])
        clips["/".join(key)] = clip
    return clips


def _clip(label: Label, clips: Mapping[str, Clip], root: Path, version: str) -> Clip:
    """One row of the label file, out of the clips of its database and the root of that."""
    own = clips.get(label.clip_id)
    official = {"megc2019_sheet": version, "megc2019_label": str(label.label)}
    if own is None:
        database = _DATABASES[label.dataset]
        return Clip(
            clip_id=label.clip_id,
            dataset=label.dataset,
            subject=label.subject,
            media=inside(root, label.subject, label.name),
            fps_hz=next((clip.fps_hz for clip in clips.values()), 100.0),
            emotion=label.emotion,
            raw=official | {"differs:clip": f"{database.title} has no such clip ({label.where})"},
        )
    if label_maps("megc2019")[0].mapping.get(own.emotion) != label.emotion:
        official["differs:emotion"] = (
            f"the official label is {label.emotion}, its own sheet says '{own.emotion}'"
        )
    clip = replace(own, clip_id=label.clip_id, emotion=label.emotion)
    return noted(clip, official | {"own_emotion": own.emotion})


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


def read_labels(path: Path) -> dict[str, Label]:
    """Clip id -> its row, for every row of a label file in order.

    All label files of MEGC2019, and those of the flow images made for it, begin with database,
    subject, clip and label (0 negative, 1 positive, 2 surprise); ``combined_3class_gt.csv`` has
    no header, its copies have one. They write the same clip in different forms
    (``smic,s03,s03_ne_06``, on disk ``s3_ne_06``; ``samm,6,006_1_2``, on disk ``006``), so
    everything is compared by the clip ids of the three databases.

    Raises:
        DatasetError: a row of another form, a clip that comes twice, or the organisers' second
            file of 441 rows.
    """
    labels: dict[str, Label] = {}
    for row in read_table(path, columns=LABEL_COLUMNS):
        if not labels and row["subject"].lower() in {"subject", "sub"}:
            continue  # a header
        label = _label(row)
        if label.clip_id in labels:
            raise row.error(f"'{label.clip_id}' comes twice", "one row a clip", "delete the copy")
        labels[label.clip_id] = label
    if len(labels) == _LACKING_ROWS and _LACKING not in labels:
        raise DatasetError(
            f"{path.name} has 441 clips and lacks {_LACKING}: it is the organisers' second file",
            "the 442 clips that published scores are on",
            "use combined_3class_gt.csv",
        )
    return labels


def _label(row: Row) -> Label:
    clip, label = row["clip"], row["label"]
    with row.located():
        key = canonical_key(row["dataset"], row["subject"], clip)
    if not clip or label not in {"0", "1", "2"}:
        found = f"clip '{clip}' with label '{label}'"
        raise row.error(found, "a clip, and 0, 1 or 2 as its label")
    return Label(*key, int(label), row.where)


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """Parts whose counts are not the published ones."""
    labels = read_labels(find_sheet(root, _LABEL_FILES, LABEL_COLUMNS, depth=2))
    found = Counter((label.dataset, label.label) for label in labels.values())
    return tuple(
        Finding(
            "differs",
            "count of a part",
            f"{name}: {counts} {dict(zip(CLASSES, counts, strict=True))}, published {published}",
            fix="use the organisers' combined_3class_gt.csv",
        )
        for name, published in PARTS.items()
        if (counts := tuple(found[name, i] for i in range(len(CLASSES)))) != published
    )


DATABASE = Database(
    name="megc2019",
    title="MEGC2019 composite (SMIC-HS, CASME II, SAMM)",
    citation="See et al. 2019, FG",
    licence="those of SMIC, CASME II and SAMM",
    request="the owners of SMIC, CASME II and SAMM; the label file from the challenge's page",
    load=load,
    variants=tuple(_VARIANTS),
    findings=findings,
)
