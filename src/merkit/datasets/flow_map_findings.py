"""What the flow-map folders can have wrong: images missing, in train and test, or mislabelled."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from merkit.datasets.base import ContentKey
from merkit.datasets.flow_map_images import FlowImage, subject_of
from merkit.datasets.megc_labels import Label
from merkit.findings import Finding

_COPY_AGAIN = "copy the folder again from its source"


def loso_findings(
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
    yield from _labels_against(images, labels)
    yield from _index_against(known, labels)
    if key is not None:
        yield from _versions(images, key)


def flat_findings(images: Sequence[FlowImage], labels: Mapping[str, Label]) -> Iterator[Finding]:
    """Of the flat layout: images that the index does not name."""
    more = sorted({image.clip_id for image in images} - set(labels))
    if more:
        detail = f"{len(more)} images that the index does not name are passed over: {more[0]} ..."
        yield Finding("note", "more images", detail)


def _fold_findings(fold: str, images: Sequence[FlowImage], known: set[str]) -> Iterator[Finding]:
    """Every known image is in train or test once, the fold's subject only in test."""
    sides = {
        part: [image.clip_id for image in images if image.part == part]
        for part in ("train", "test")
    }
    for name in sorted(set(sides["train"]) & set(sides["test"])):
        detail = f"fold {fold} has it in u_train and in u_test"
        yield Finding("broken", "in train and test", detail, name, "delete it from u_train")
    for part, names in sides.items():
        for name in sorted(n for n, count in Counter(names).items() if count > 1):
            detail = f"fold {fold} has it twice in u_{part}, under two labels"
            yield Finding("broken", "label mismatch", detail, name, _COPY_AGAIN)
    for name in sorted(known - set(sides["train"]) - set(sides["test"])):
        detail = f"fold {fold} has it neither in u_train nor in u_test"
        yield Finding("broken", "missing file", detail, name, _COPY_AGAIN)
    yield from _wrong_side(fold, images)


def _wrong_side(fold: str, images: Sequence[FlowImage]) -> Iterator[Finding]:
    held_out = subject_of(fold)
    for image in images:
        if held_out and (image.subject_key == held_out) != (image.part == "test"):
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


def _labels_against(images: Sequence[FlowImage], labels: Mapping[str, Label]) -> Iterator[Finding]:
    """An image whose test folder is not the label of the index."""
    for image in images:
        label = labels.get(image.clip_id)
        if image.part == "test" and label is not None and label.label != image.label:
            detail = f"the folder says {image.label}, {label.where} says {label.label}"
            fix = "move the image, or correct the index, whichever is not as published"
            yield Finding("broken", "label mismatch", detail, image.clip_id, fix)


def _index_against(known: set[str], labels: Mapping[str, Label]) -> Iterator[Finding]:
    if not labels:
        return
    for name in sorted(set(labels) - known):
        detail = f"{labels[name].where} names it, and no folder has it"
        yield Finding("broken", "missing file", detail, name, _COPY_AGAIN)
    for name in sorted(known - set(labels)):
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
