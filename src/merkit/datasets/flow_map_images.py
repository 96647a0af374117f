"""The files of the flow-map folders, by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from merkit.datasets.layout import Folder, scan, walk
from merkit.datasets.megc_labels import canonical_key
from merkit.errors import DatasetError, MissingDataError

_PARTS: tuple[Literal["train", "test"], ...] = ("train", "test")
_LABELS = ("0", "1", "2")
#: Form of the subject in a file's name -> database.
_SUBJECT_FORMS = (
    (re.compile(r"sub\d+", re.IGNORECASE), "casme2"),
    (re.compile(r"s\d+", re.IGNORECASE), "smic"),
    (re.compile(r"\d+"), "samm"),
)


@dataclass(frozen=True, slots=True)
class FlowImage:
    """One image file. ``fold``: folder of the held-out subject ("" in the flat layout);
    ``label``: that of its folder, -1 in the flat layout."""

    fold: str
    part: Literal["train", "test"]
    label: int
    clip_id: str
    path: Path

    @property
    def subject_key(self) -> str:
        """Database and subject."""
        return self.clip_id.rpartition("/")[0]


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


def subject_of(fold: str) -> str | None:
    """Database and subject of a fold's folder, None where it is named otherwise."""
    key = image_key(f"{fold}_x.png")
    return key.rpartition("/")[0] if key else None


def list_loso(root: Path) -> list[FlowImage]:
    """Every image of the layout with one folder a held-out subject.

    Raises:
        MissingDataError: no such layout below the root.
        DatasetError: several copies of it below the root, or a file of another form.
    """
    trees = [folder for folder in walk(root, 3) if _is_loso(folder)]
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
    return list(_images(trees[0], root))


def _is_loso(folder: Folder) -> bool:
    return any((folder.path / name / "u_test").is_dir() for name in folder.folders)


def _images(tree: Folder, root: Path) -> Iterator[FlowImage]:
    for fold in tree.folders:
        for part in _PARTS:
            for label in _LABELS:
                folder = tree.path / fold / f"u_{part}" / label
                # a class that a subject does not show may lack its folder
                names = scan(folder, root).files if folder.is_dir() else ()
                for name in names:
                    yield FlowImage(fold, part, int(label), _key(folder / name), folder / name)


def _key(path: Path) -> str:
    key = image_key(path.name)
    if key is None:
        raise DatasetError(
            f"{path} is no flow image by its name",
            "a name such as 006_006_1_2 .png",
            "move it out of the folder",
        )
    return key


def list_flat(root: Path) -> list[FlowImage]:
    """The images of the one folder below the root that has most of them; copies made for
    augmentation come along, since only an index tells them apart.

    Raises:
        MissingDataError: no folder with flow images.
    """
    places = {root} | {f.path / name for f in walk(root, 3) for name in f.folders}
    found = max((_flat_images(place, root) for place in sorted(places)), key=len)
    if not found:
        raise MissingDataError(
            f"no folder with flow images below {root}", "files such as 006_006_1_2 .png"
        )
    return found


def _flat_images(folder: Path, root: Path) -> list[FlowImage]:
    keyed = [(image_key(name), folder / name) for name in scan(folder, root).files]
    return [FlowImage("", "test", -1, key, path) for key, path in keyed if key]
