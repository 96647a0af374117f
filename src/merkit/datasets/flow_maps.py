"""flow-maps: the 442 flow images, 28x28, that STSTNet, HTNet and CausalNet share; 68 subjects.

Source: Liong et al. 2019, "Shallow triple stream three-dimensional CNN (STSTNet) for
micro-expression recognition", FG; public with the code of STSTNet, HTNet and CausalNet. Licence:
they derive from SMIC, CASME II and SAMM, whose agreements hold: for local checks, never to be
passed on. An image shows u, v (red, green) and optical strain (blue), each scaled by itself.

``loso``: ``<subject>/u_train|u_test/<0|1|2>/<subject>_<clip> .png``, one folder a held-out
subject; the clips are the images of all ``u_test``. ``flat``: one folder of images with the
index ``combined_3_class2_for_optical_flow.csv``; augmented copies (``_1``, ``_2``, ``_3``) are
passed over. A clip's ``media`` is its image; its id, database and subject are those of the
adapter of its database, so that runs on both can be compared.

The images come without action units. A sheet ``action_units.csv`` beside them, made from the coding
sheets of CASME II and SAMM, gives them: column ``stem``, the file's name as far as ``.png``, and
``aus``, its units divided by spaces. A clip with an empty cell there (SMIC is not coded), or
without a row, has no codes.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import groupby, product
from pathlib import Path
from typing import Literal

from merkit.datasets.action_units import parse_action_units
from merkit.datasets.base import ContentKey, Database, sort_clips
from merkit.datasets.layout import Folder, find_sheet, inside, optional_sheet, scan, walk
from merkit.datasets.megc2019 import CLASSES, LABEL_COLUMNS, Label, canonical_key, read_labels
from merkit.datasets.sheets import read_table, sheet_version
from merkit.errors import DatasetError, MissingDataError
from merkit.types import ActionUnit, Clip, Finding

#: Of the recordings behind the images; a flow image itself has no time.
FPS_HZ = {"smic": 100.0, "casme2": 200.0, "samm": 200.0}
_INDEX = ("combined_3*class*optical_flow*.csv", "combined*3*class*.csv")
_UNITS, _UNIT_COLUMNS = ("action_units.csv",), ("stem", "aus")
_PARTS: tuple[Literal["train", "test"], ...] = ("train", "test")
#: Form of the subject in a file's name -> database.
_SUBJECT_FORMS = (
    (re.compile(r"sub\d+", re.IGNORECASE), "casme2"),
    (re.compile(r"s\d+", re.IGNORECASE), "smic"),
    (re.compile(r"\d+"), "samm"),
)
_COPY_AGAIN = "copy the folder again from its source"


@dataclass(frozen=True, slots=True)
class FlowImage:
    """One image file. ``fold``: folder of the held-out subject; ``label``: that of its folder."""

    fold: str
    part: Literal["train", "test"]
    label: int
    clip_id: str
    path: Path


@lru_cache(maxsize=4096)  # every image stands in every fold
def image_key(name: str) -> str | None:
    """Clip id out of a file name such as ``s03_s03_ne_06 .png``; None for another form.

    The space before ``.png`` is in the published names.
    """
    if not name.lower().endswith(".png"):
        return None
    subject, _, clip = name[:-4].strip().partition("_")
    for form, dataset in _SUBJECT_FORMS:
        if clip and form.fullmatch(subject):
            return "/".join(canonical_key(dataset, subject, clip))
    return None


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """One clip an image.

    Raises:
        MissingDataError: no images in the layout, or for ``flat`` no index.
        DatasetError: an image under two labels or in two test folders, several copies of the
            layout, or a file of another form; a sheet of action units that names a clip twice, or
            no clip.
    """
    units = _action_units(root)
    return tuple(
        replace(clip, action_units=units.get(clip.clip_id)) for clip in _images(root, variant)
    )


def _images(root: Path, variant: str) -> tuple[Clip, ...]:
    """One clip an image, without action units."""
    if variant == "loso":
        tests = [image for image in _loso_images(root) if image.part == "test"]
        return sort_clips(_clip(i.clip_id, i.path, CLASSES[i.label], {}) for i in tests)
    index = find_sheet(root, _INDEX, LABEL_COLUMNS)
    raw = {"sheet": sheet_version(index)}
    images = dict(_flat_images(root))
    clips = []
    for clip_id, label in read_labels(index).items():
        missing = inside(root, f"{label.subject}_{label.name} .png")
        clips.append(_clip(clip_id, images.get(clip_id, missing), label.emotion, raw))
    return sort_clips(clips)


def _action_units(root: Path) -> dict[str, tuple[ActionUnit, ...] | None]:
    """Clip id -> its units, of the sheet where there is one."""
    sheet = optional_sheet(root, _UNITS)
    found: dict[str, tuple[ActionUnit, ...] | None] = {}
    for row in read_table(sheet, _UNIT_COLUMNS) if sheet else ():
        key = image_key(f"{row['stem']}.png")
        if key is None:
            raise row.error(f"'{row['stem']}' is no flow image", "a stem such as 006_006_1_2")
        if key in found:
            raise row.error(f"'{key}' comes twice", "one row a clip", "delete the copy")
        with row.located():
            found[key] = parse_action_units("+".join(row["aus"].split())) if row["aus"] else None
    return found


def variant_at(root: Path) -> str:
    """``flat`` where an index but no folder a held-out subject lies below the root."""
    return "flat" if not _loso_trees(root) and optional_sheet(root, _INDEX) else "loso"


def _clip(clip_id: str, path: Path, emotion: str, raw: dict[str, str]) -> Clip:
    dataset, subject, _ = clip_id.split("/")
    return Clip(
        clip_id=clip_id,
        dataset=dataset,
        subject=subject,
        media=path,
        fps_hz=FPS_HZ[dataset],
        emotion=emotion,
        raw=raw | {"file": path.name},
    )


def _loso_trees(root: Path) -> list[Folder]:
    """The folders that hold one folder a held-out subject."""
    return [
        folder
        for folder in walk(root, 3)
        if any((folder.path / name / "u_test").is_dir() for name in folder.folders)
    ]


def _loso_images(root: Path) -> list[FlowImage]:
    """Every image of the layout with one folder a held-out subject."""
    trees = _loso_trees(root)
    if not trees:
        raise MissingDataError(
            f"no folders <subject>/u_train and u_test below {root}",
            "the layout that STSTNet, HTNet and CausalNet share",
            "for one folder of images with an index give the variant flat",
        )
    if len(trees) > 1:
        names = [str(tree.path.relative_to(root)) for tree in trees]
        raise DatasetError(
            f"{len(trees)} copies of the flow images below {root}: {names}",
            "one copy, so that the score names it",
            f"give one of them as root, such as {trees[0].path}",
        )
    tree = trees[0]
    return [image for fold in tree.folders for image in _fold_images(tree.path / fold, root)]


def _fold_images(fold: Path, root: Path) -> Iterator[FlowImage]:
    for part, label in product(_PARTS, range(len(CLASSES))):
        folder = fold / f"u_{part}" / str(label)
        # a class that a subject does not show may lack its folder
        for name in scan(folder, root).files if folder.is_dir() else ():
            key = image_key(name)
            if key is None:
                raise DatasetError(
                    f"{folder / name} is no flow image by its name",
                    "a name such as 006_006_1_2 .png",
                    "move it out of the folder",
                )
            yield FlowImage(fold.name, part, label, key, folder / name)


def _flat_images(root: Path) -> list[tuple[str, Path]]:
    """Clip id and file of the images of the one folder below the root that has most of them;
    copies made for augmentation come along, since only an index tells them apart."""
    found: list[tuple[str, Path]] = []
    for place in sorted({root} | {f.path / name for f in walk(root, 3) for name in f.folders}):
        keyed = [(image_key(name), place / name) for name in scan(place, root).files]
        images = [(key, path) for key, path in keyed if key]
        if len(images) > len(found):
            found = images
    if not found:
        raise MissingDataError(
            f"no folder with flow images below {root}", "files such as 006_006_1_2 .png"
        )
    return found


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """Missing images, images in train and test, labels that disagree, strangers."""
    index = optional_sheet(root, _INDEX)
    labels = read_labels(index) if index else {}
    if variant == "loso":
        return tuple(_loso_findings(_loso_images(root), labels, key))
    more = sorted({clip_id for clip_id, _ in _flat_images(root)} - set(labels))
    if not more:
        return ()
    detail = f"{len(more)} images that the index does not name are passed over: {more[0]} ..."
    return (Finding("note", "more images", detail),)


def _loso_findings(
    images: Sequence[FlowImage], labels: Mapping[str, Label], key: ContentKey | None
) -> Iterator[Finding]:
    """Of the layout with one folder a held-out subject.

    Args:
        labels: clip id -> label of the index; empty where there is none.
        key: tells equal pixels; None: only names are compared.
    """
    known = {image.clip_id for image in images}
    for fold, group in groupby(images, key=lambda image: image.fold):
        members = list(group)
        yield from _fold_findings(fold, members, known)
        if key is not None:
            yield from _equal_pixels(fold, members, key)
    yield from _labels_within(images)
    if labels:
        yield from _index_findings(images, labels)
    if key is not None:
        yield from _versions(images, key)


def _fold_findings(fold: str, images: Sequence[FlowImage], known: set[str]) -> Iterator[Finding]:
    """Every known image is in train or test once, the fold's subject only in test."""
    sides = {
        part: Counter(image.clip_id for image in images if image.part == part) for part in _PARTS
    }
    for name in sorted(sides["train"] & sides["test"]):
        detail = f"fold {fold} has it in u_train and in u_test"
        yield Finding("broken", "in train and test", detail, name, "delete it from u_train")
    for part, counts in sides.items():
        for name in sorted(n for n, count in counts.items() if count > 1):
            detail = f"fold {fold} has it twice in u_{part}, under two labels"
            yield Finding("broken", "label mismatch", detail, name, _COPY_AGAIN)
    for name in sorted(known - sides["train"].keys() - sides["test"].keys()):
        detail = f"fold {fold} has it neither in u_train nor in u_test"
        yield Finding("broken", "missing file", detail, name, _COPY_AGAIN)
    held_out = (image_key(f"{fold}_x.png") or "").rpartition("/")[0]
    for image in images:
        own = image.clip_id.rpartition("/")[0] == held_out
        if held_out and own != (image.part == "test"):
            detail = f"fold {fold} holds out {held_out}, and has it in u_{image.part}"
            fix = f"move it to where its subject belongs, or {_COPY_AGAIN}"
            yield Finding("broken", "wrong side", detail, image.clip_id, fix)


def _equal_pixels(fold: str, images: Sequence[FlowImage], key: ContentKey) -> Iterator[Finding]:
    tests = {key(image.path): image for image in images if image.part == "test"}
    for image in images:
        twin = tests.get(key(image.path)) if image.part == "train" else None
        if twin is not None and twin.clip_id != image.clip_id:
            detail = f"fold {fold} trains on the pixels of {twin.clip_id}, which it tests"
            yield Finding("broken", "in train and test", detail, image.clip_id, _COPY_AGAIN)


def _labels_within(images: Sequence[FlowImage]) -> Iterator[Finding]:
    """An image that lies under different labels in different folds."""
    folds: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for image in images:
        folds[image.clip_id][image.label].append(f"{image.fold}/u_{image.part}")
    for name, by_label in sorted(folds.items()):
        if len(by_label) > 1:
            told = "; ".join(_under(label, where) for label, where in sorted(by_label.items()))
            yield Finding("broken", "label mismatch", told, name, _COPY_AGAIN)


def _under(label: int, where: Sequence[str]) -> str:
    return f"under {label} in {where[0]}" + (f" and {len(where) - 1} more" if where[1:] else "")


def _index_findings(images: Sequence[FlowImage], labels: Mapping[str, Label]) -> Iterator[Finding]:
    """An image whose test folder is not the label of the index, or that only one of them has."""
    for image in images:
        label = labels.get(image.clip_id)
        if image.part == "test" and label is not None and label.label != image.label:
            detail = f"the folder says {image.label}, {label.where} says {label.label}"
            fix = "move the image, or correct the index, whichever is not as published"
            yield Finding("broken", "label mismatch", detail, image.clip_id, fix)
    known = {image.clip_id for image in images}
    for name in sorted(labels.keys() - known):
        detail = f"{labels[name].where} names it, and no folder has it"
        yield Finding("broken", "missing file", detail, name, _COPY_AGAIN)
    for name in sorted(known - labels.keys()):
        yield Finding("differs", "not in the index", "the index does not name it", name)


def _versions(images: Sequence[FlowImage], key: ContentKey) -> Iterator[Finding]:
    """An image whose pixels are not the same in every fold."""
    pixels: dict[str, set[str]] = defaultdict(set)
    for image in images:
        pixels[image.clip_id].add(key(image.path))
    for name, keys in sorted(pixels.items()):
        if len(keys) > 1:
            detail = f"{len(keys)} pictures of this name, which should be equal in every fold"
            yield Finding("differs", "different pixels", detail, name, _COPY_AGAIN)


DATABASE = Database(
    name="flow-maps",
    title="28x28 flow images of MEGC2019",
    citation="Liong et al. 2019, FG (STSTNet)",
    licence="derived from SMIC, CASME II and SAMM: their agreements hold, never pass it on",
    request="the owners of SMIC, CASME II and SAMM; the images lie with the code of STSTNet",
    load=load,
    variants=("loso", "flat"),
    findings=findings,
    variant_at=variant_at,
)
