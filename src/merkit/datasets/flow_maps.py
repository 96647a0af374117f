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
"""

from __future__ import annotations

from pathlib import Path

from merkit.datasets.base import ContentKey, Database, Expected, sort_clips
from merkit.datasets.flow_map_findings import flat_findings, loso_findings
from merkit.datasets.flow_map_images import FlowImage, list_flat, list_loso
from merkit.datasets.label_maps import label_maps
from merkit.datasets.layout import find_sheet, inside, optional_sheet
from merkit.datasets.megc_labels import CLASSES, Label, read_labels
from merkit.datasets.sheets import sheet_version
from merkit.findings import Finding
from merkit.types import Clip

#: Of the recordings behind the images; a flow image itself has no time.
FPS_HZ = {"smic": 100.0, "casme2": 200.0, "samm": 200.0}
_INDEX = ("combined_3*class*optical_flow*.csv", "combined*3*class*.csv")


def load(root: Path, variant: str) -> tuple[Clip, ...]:
    """One clip an image.

    Raises:
        MissingDataError: no images in the layout, or for ``flat`` no index.
        DatasetError: an image under two labels or in two test folders.
    """
    if variant == "loso":
        tests = [image for image in list_loso(root) if image.part == "test"]
        return sort_clips(_clip(image, CLASSES[image.label], {}) for image in tests)
    index = find_sheet(root, _INDEX)
    raw = {"sheet": sheet_version(index)}
    images = {image.clip_id: image for image in list_flat(root)}
    return sort_clips(_indexed(label, images, root, raw) for label in read_labels(index))


def _indexed(label: Label, images: dict[str, FlowImage], root: Path, raw: dict[str, str]) -> Clip:
    expected = inside(root, f"{label.subject}_{label.name} .png")
    missing = FlowImage("", "test", label.label, label.clip_id, expected)
    return _clip(images.get(label.clip_id, missing), label.emotion, raw)


def _clip(image: FlowImage, emotion: str, raw: dict[str, str]) -> Clip:
    dataset, subject, _ = image.clip_id.split("/")
    return Clip(
        clip_id=image.clip_id,
        dataset=dataset,
        subject=subject,
        media=image.path,
        fps_hz=FPS_HZ[dataset],
        emotion=emotion,
        raw=raw | {"file": image.path.name},
    )


def findings(root: Path, variant: str, key: ContentKey | None) -> tuple[Finding, ...]:
    """Missing images, images in train and test, labels that disagree, strangers."""
    index = optional_sheet(root, _INDEX)
    labels = {label.clip_id: label for label in read_labels(index)} if index else {}
    if variant == "loso":
        return tuple(loso_findings(list_loso(root), labels, key))
    return tuple(flat_findings(list_flat(root), labels))


_EXPECTED = Expected(
    clips=442,
    subjects=68,
    emotions=dict(negative=250, positive=109, surprise=83),
    source="the published folders, MEGC2019 labels",
)

DATABASE = Database(
    name="flow-maps",
    title="28x28 flow images of MEGC2019",
    citation="Liong et al. 2019, FG (STSTNet)",
    licence="derived from SMIC, CASME II and SAMM: their agreements hold, never pass it on",
    request="the owners of SMIC, CASME II and SAMM; the images lie with the code of STSTNet",
    load=load,
    label_maps=label_maps("flow-maps"),
    variants=("loso", "flat"),
    expected={"loso": _EXPECTED, "flat": _EXPECTED},
    findings=findings,
)
