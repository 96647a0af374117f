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

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from merkit.datasets.base import ContentKey, Database, Expected, noted, sort_clips
from merkit.datasets.casme2 import DATABASE as CASME2
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import find_sheet, inside, refuse_links_out, scan
from merkit.datasets.megc_labels import CLASSES, Label, canonical_key, read_labels
from merkit.datasets.samm import DATABASE as SAMM
from merkit.datasets.sheets import read_table, sheet_version
from merkit.datasets.smic import DATABASE as SMIC
from merkit.errors import MissingDataError
from merkit.findings import Finding
from merkit.types import Clip

_LABEL_FILES = (
    "combined_3class_gt.csv",
    "combined_3_class_gt.csv",
    "combined*3*class*gt*.csv",
    "*megc2019*.csv",
)
_DATABASES = {"smic": SMIC, "casme2": CASME2, "samm": SAMM}
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
#: Published counts of each part, in the order of the classes.
PARTS = {"smic": (70, 51, 43), "casme2": (88, 32, 25), "samm": (92, 26, 15)}


@dataclass(frozen=True, slots=True)
class _Part:
    """Where one database lies, and its clips by canonical id."""

    root: Path
    clips: Mapping[str, Clip]


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """Every clip of the official label file.

    Raises:
        MissingDataError: no label file, or a database whose folder is not found.
        DatasetError: a label file or sheet of another form, or a link that leads out of a root.
    """
    path = find_sheet(root, _LABEL_FILES, depth=2)
    labels, version = read_labels(path), sheet_version(path)
    places = _places(root, variant)
    parts = {name: _part(name, *places[name]) for name in {label.dataset for label in labels}}
    for part in parts.values():
        if not part.root.resolve().is_relative_to(root.resolve()):
            refuse_links_out((clip.media for clip in part.clips.values()), part.root)
    return sort_clips(_clip(label, parts[label.dataset], version) for label in labels)


def _places(root: Path, variant: str) -> dict[str, tuple[Path, str]]:
    """Database -> its root and variant."""
    here = scan(root, root)
    if "roots.csv" in here.files:
        return _listed_places(root, variant)
    found: dict[str, tuple[Path, str]] = {}
    for folder in here.folders:
        plain = re.sub(r"[^a-z0-9]", "", folder.lower())
        for name, names in _NAMES.items():
            if plain in names:
                found.setdefault(name, (root / folder, _VARIANTS[variant][name]))
    return _all_there(found, root)


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
    return _all_there(found, root)


def _all_there(found: dict[str, tuple[Path, str]], root: Path) -> dict[str, tuple[Path, str]]:
    missing = [n for n in _DATABASES if n not in found or not found[n][0].is_dir()]
    if missing:
        raise MissingDataError(
            f"no folder of {', '.join(missing)} for MEGC2019 at {root}",
            "folders named casme2, smic and samm beside the label file",
            "name them so, or write roots.csv with the columns database, root",
        )
    return found


def _part(name: str, root: Path, variant: str) -> _Part:
    clips: dict[str, Clip] = {}
    for clip in _DATABASES[name].load(root, variant):
        key = canonical_key(name, clip.subject, clip.clip_id.rpartition("/")[2])
        clips["/".join(key)] = clip
    return _Part(root, clips)


def _clip(label: Label, part: _Part, version: str) -> Clip:
    own = part.clips.get(label.clip_id)
    official = {"megc2019_sheet": version, "megc2019_label": str(label.label)}
    if own is None:
        database = _DATABASES[label.dataset]
        rate = next((clip.fps_hz for clip in part.clips.values()), 100.0)
        return Clip(
            clip_id=label.clip_id,
            dataset=label.dataset,
            subject=label.subject,
            media=inside(part.root, label.subject, label.name),
            fps_hz=rate,
            emotion=label.emotion,
            raw=official | {"differs:clip": f"{database.title} has no such clip ({label.where})"},
        )
    if label_maps("megc2019")[0].mapping.get(own.emotion) != label.emotion:
        official["differs:emotion"] = (
            f"the official label is {label.emotion}, its own sheet says '{own.emotion}'"
        )
    clip = replace(own, clip_id=label.clip_id, emotion=label.emotion)
    return noted(clip, official | {"own_emotion": own.emotion})


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """Parts whose counts are not the published ones."""
    labels = read_labels(find_sheet(root, _LABEL_FILES, depth=2))
    found = Counter((label.dataset, label.label) for label in labels)
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


_EXPECTED = Expected(
    clips=442,
    subjects=68,
    emotions=dict(negative=250, positive=109, surprise=83),
    source="combined_3class_gt.csv",
)

DATABASE = Database(
    name="megc2019",
    title="MEGC2019 composite (SMIC-HS, CASME II, SAMM)",
    citation="See et al. 2019, FG",
    licence="those of SMIC, CASME II and SAMM",
    request="the owners of SMIC, CASME II and SAMM; the label file from the challenge's page",
    load=load,
    label_maps=label_maps("megc2019"),
    variants=tuple(_VARIANTS),
    expected=dict.fromkeys(_VARIANTS, _EXPECTED),
    findings=findings,
)
