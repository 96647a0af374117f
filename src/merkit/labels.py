"""Emotion and action-unit vocabularies, and named label maps.

A label map turns a database's own emotions into the classes of one published task; an
emotion it does not name is left out of the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from merkit.errors import ConfigError

#: The seven emotions of the literature, in alphabetical order, then what databases add.
BASIC_EMOTIONS = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
EMOTIONS = (*BASIC_EMOTIONS, "repression", "others", "positive", "negative")

#: Spellings seen in annotation sheets, folded to one.
EMOTION_SPELLINGS: Mapping[str, str] = {
    "happy": "happiness",
    "sad": "sadness",
    "other": "others",
    "comtempt": "contempt",
    "happyiness": "happiness",
    "angry": "anger",
}

#: FACS action units and action descriptors by number (Ekman, Friesen & Hager 2002).
ACTION_UNITS: Mapping[int, str] = {
    1: "inner brow raiser",
    2: "outer brow raiser",
    4: "brow lowerer",
    5: "upper lid raiser",
    6: "cheek raiser",
    7: "lid tightener",
    9: "nose wrinkler",
    10: "upper lip raiser",
    11: "nasolabial deepener",
    12: "lip corner puller",
    13: "sharp lip puller",
    14: "dimpler",
    15: "lip corner depressor",
    16: "lower lip depressor",
    17: "chin raiser",
    18: "lip pucker",
    20: "lip stretcher",
    22: "lip funneler",
    23: "lip tightener",
    24: "lip pressor",
    25: "lips part",
    26: "jaw drop",
    27: "mouth stretch",
    28: "lip suck",
    31: "jaw clencher",
    38: "nostril dilator",
    39: "nostril compressor",
    43: "eyes closed",
    45: "blink",
}


def canonical_emotion(text: str) -> str:
    """Strip, lower-case and fold known spellings; unknown words come back as they are."""
    word = text.strip().lower()
    return EMOTION_SPELLINGS.get(word, word)


@dataclass(frozen=True, slots=True)
class LabelMap:
    """A named task: which emotions make which class.

    Args:
        name: as used in configurations, such as ``"samm-3"`` or ``"3"``.
        classes: class names in the order of their indices.
        mapping: canonical emotion -> class name; emotions left out are dropped.
        citation: where this map is printed.
        counts: published number of clips per class, in the order of ``classes``;
            empty where nothing was published.
    """

    name: str
    classes: tuple[str, ...]
    mapping: Mapping[str, str]
    citation: str = ""
    counts: tuple[int, ...] = field(default=())

    def __post_init__(self) -> None:
        unknown = set(self.mapping.values()) - set(self.classes)
        if unknown:
            raise ConfigError(
                f"label map '{self.name}' maps to {sorted(unknown)}",
                f"one of its classes {list(self.classes)}",
            )

    def index(self, emotion: str) -> int | None:
        """Class index of a canonical emotion, or None when the task leaves it out."""
        name = self.mapping.get(emotion)
        return None if name is None else self.classes.index(name)


_NEGATIVE = ("anger", "contempt", "disgust", "fear", "sadness", "repression", "negative")
_THREE = {e: "negative" for e in _NEGATIVE} | {
    "happiness": "positive",
    "positive": "positive",
    "surprise": "surprise",
}


def _identity(name: str, classes: tuple[str, ...], citation: str) -> LabelMap:
    return LabelMap(name, classes, {c: c for c in classes}, citation)


#: Database-independent maps, chosen by number of classes.
GENERIC_MAPS: Mapping[str, LabelMap] = {
    "3": LabelMap("3", ("negative", "positive", "surprise"), _THREE, "MEGC2019 guideline"),
    "4": LabelMap(
        "4",
        ("negative", "positive", "surprise", "others"),
        _THREE | {"others": "others"},
        "Li et al. 2023, CAS(ME)^3 four-class task",
    ),
    "7": _identity("7", BASIC_EMOTIONS, "Zhao et al. 2023, DFME seven-class task"),
    "8": _identity("8", (*BASIC_EMOTIONS, "others"), "the seven basic emotions and others"),
}
