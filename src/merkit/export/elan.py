"""ELAN: an ``.eaf`` file a video, with tiers, vocabularies and the video linked.

EAF 3.0 (``EAFv3.0.xsd``, Max Planck Institute for Psycholinguistics). Written with the standard
library: pympi-ling, the maintained package, writes 2.8 and no reference from an annotation to its
entry of a vocabulary (``CVE_REF``). The tests read every file with it, and hold it against the
schema.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from urllib.parse import quote
from xml.etree import ElementTree as ET

from merkit import __version__
from merkit.export.exporter import Exporter
from merkit.export.tiers import APEX, CLASS, EVENTS, EXCLUDED, UNITS, Tier, plain, tiers_of
from merkit.files import relative_path
from merkit.inference.analysis import Analysis
from merkit.types import EventKind, StretchKind

_XSI = "http://www.w3.org/2001/XMLSchema-instance"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
#: suffix -> MIME type; a table of our own, since that of the system differs between systems
MIME_TYPES = {
    ".mp4": "video/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".avi": "video/x-msvideo",
    ".mpg": "video/mpeg",
    ".mpeg": "video/mpeg",
    ".mkv": "video/x-matroska",
    ".webm": "video/webm",
    ".wmv": "video/x-ms-wmv",
    ".mts": "video/mp2t",
    ".flv": "video/x-flv",
}
#: kind of tier -> its vocabulary; action units are free text
_VOCABULARIES = {EVENTS: "movements", APEX: "movements", CLASS: "classes", EXCLUDED: "stretches"}

#: vocabulary -> its words, each with the id by which annotations refer to it
Vocabularies = dict[str, dict[str, str]]


def _write(analyses: Sequence[Analysis], classes: Sequence[str], path: Path) -> None:
    (analysis,) = analyses
    tiers = tiers_of(analysis)
    vocabularies = _vocabularies(tiers, classes)
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "merkit",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": _XSI,
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    _add_header(root, analysis, sum(len(tier.spans) for tier in tiers), path.parent)
    slots = _add_times(root, tiers)
    _add_tiers(root, tiers, slots, vocabularies, f"face {analysis.face}")
    for kind in (EVENTS, CLASS, UNITS, APEX, EXCLUDED):
        vocabulary = _VOCABULARIES.get(kind, "")
        named = {"CONTROLLED_VOCABULARY_REF": vocabulary} if vocabularies.get(vocabulary) else {}
        attributes = {"LINGUISTIC_TYPE_ID": kind, "TIME_ALIGNABLE": "true", **named}
        ET.SubElement(root, "LINGUISTIC_TYPE", attributes)
    ET.SubElement(root, "LANGUAGE", {"LANG_ID": "eng", "LANG_LABEL": "English (eng)"})
    _add_vocabularies(root, vocabularies)
    ET.indent(root, "  ")
    ET.ElementTree(root).write(path, encoding="UTF-8", xml_declaration=True)


def _vocabularies(tiers: Sequence[Tier], classes: Sequence[str]) -> Vocabularies:
    """The words that may stand on tiers, those that do stand there among them. Without a model
    there may be no class at all; its tier is then free text."""
    words = {
        "movements": list(get_args(EventKind)),
        "classes": [plain(name) for name in classes],
        "stretches": list(get_args(StretchKind)),
    }
    for tier in tiers:
        if tier.kind in _VOCABULARIES:
            words[_VOCABULARIES[tier.kind]] += [one.text for one in tier.spans]
    return {
        name: {word: f"{name}{place}" for place, word in enumerate(dict.fromkeys(those), 1)}
        for name, those in words.items()
    }


def _add_header(root: ET.Element, analysis: Analysis, annotations: int, folder: Path) -> None:
    """The link to the video, which a folder of images has not, and what was noted of it. ELAN
    counts on from the last annotation's number."""
    header = ET.SubElement(root, "HEADER", {"MEDIA_FILE": "", "TIME_UNITS": "milliseconds"})
    if not analysis.video.is_dir():
        attributes = {
            "MEDIA_URL": Path(os.path.abspath(analysis.video)).as_uri(),
            "MIME_TYPE": MIME_TYPES.get(analysis.video.suffix.lower(), "video/*"),
        }
        relative = _relative(analysis.video, folder)
        if relative:
            attributes["RELATIVE_MEDIA_URL"] = relative
        ET.SubElement(header, "MEDIA_DESCRIPTOR", attributes)
    notes = {
        "merkit version": __version__,
        "merkit video": str(analysis.video),
        "merkit model trained on": " ".join(analysis.trained_on),
        "merkit problem": analysis.problem,
        "lastUsedAnnotationId": str(annotations),
    }
    for name, value in notes.items():
        if value:
            ET.SubElement(header, "PROPERTY", {"NAME": name}).text = plain(value)


def _relative(video: Path, folder: Path) -> str:
    """The video's address as seen from the file's folder; "" on another drive."""
    relative = relative_path(video, folder)
    inside = relative and not relative.startswith("..")
    return quote(os.fsencode(f"./{relative}" if inside else relative))


def _add_times(root: ET.Element, tiers: Sequence[Tier]) -> dict[tuple[str, int], tuple[str, str]]:
    """Two slots for each span, in order of time; from the name of a tier and the place of a span to
    their ids. No two spans share one: who moves an end in ELAN would move the other's."""
    ends = [
        (ms, tier.name, place, end)
        for tier in tiers
        for place, one in enumerate(tier.spans)
        for end, ms in enumerate((one.start_ms, one.end_ms))
    ]
    order = ET.SubElement(root, "TIME_ORDER")
    slots: dict[tuple[str, int, int], str] = {}
    for number, (ms, name, place, end) in enumerate(sorted(ends, key=lambda e: e[0]), 1):
        slots[name, place, end] = f"ts{number}"
        ET.SubElement(order, "TIME_SLOT", {"TIME_SLOT_ID": f"ts{number}", "TIME_VALUE": str(ms)})
    return {key[:2]: (slots[*key[:2], 0], slots[*key[:2], 1]) for key in slots}


def _add_tiers(
    root: ET.Element,
    tiers: Sequence[Tier],
    slots: dict[tuple[str, int], tuple[str, str]],
    vocabularies: Vocabularies,
    participant: str,
) -> None:
    written = 0
    for tier in tiers:
        element = ET.SubElement(
            root,
            "TIER",
            {
                "LINGUISTIC_TYPE_REF": tier.kind,
                "TIER_ID": tier.name,
                "ANNOTATOR": "merkit",
                "PARTICIPANT": participant,
            },
        )
        entries = vocabularies.get(_VOCABULARIES.get(tier.kind, ""), {})
        for place, one in enumerate(tier.spans):
            written += 1
            begin, end = slots[tier.name, place]
            attributes = {
                "ANNOTATION_ID": f"a{written}",
                "TIME_SLOT_REF1": begin,
                "TIME_SLOT_REF2": end,
            }
            if one.text in entries:
                attributes["CVE_REF"] = entries[one.text]
            holder = ET.SubElement(element, "ANNOTATION")
            annotation = ET.SubElement(holder, "ALIGNABLE_ANNOTATION", attributes)
            ET.SubElement(annotation, "ANNOTATION_VALUE").text = one.text


def _add_vocabularies(root: ET.Element, vocabularies: Vocabularies) -> None:
    for name, entries in vocabularies.items():
        if entries:
            vocabulary = ET.SubElement(root, "CONTROLLED_VOCABULARY", {"CV_ID": name})
            ET.SubElement(vocabulary, "DESCRIPTION", {"LANG_REF": "eng"})
            for word, entry_id in entries.items():
                entry = ET.SubElement(vocabulary, "CV_ENTRY_ML", {"CVE_ID": entry_id})
                ET.SubElement(entry, "CVE_VALUE", {"LANG_REF": "eng"}).text = word


ELAN = Exporter("elan", "tiers for ELAN, one video a file", (".eaf",), _write, one_video=True)
