"""Which action units (AU) show which emotion, as alternatives with probabilities.

Combinations follow the prototypes of the FACS Investigator's Guide (Ekman, Friesen & Hager
2002) and EMFACS, with the partial and one-sided forms that micro-expression databases report
(Davison et al. 2018, SAMM; Yan et al. 2014, CASME II). ``repression`` and ``others`` have no
prototype; theirs are lip controls and chin or brow movements that are not used above.
"U" before a number: on one side only (unilateral), drawn at random.
"""

from __future__ import annotations

from collections.abc import Mapping

from merkit.labels import LabelMap

#: emotion -> ((probability, codes), ...); the first code of each carries the full amplitude
PROTOTYPES: Mapping[str, tuple[tuple[float, tuple[str, ...]], ...]] = {
    "happiness": ((0.5, ("12", "6")), (0.3, ("12",)), (0.2, ("U12",))),
    "surprise": ((0.5, ("1", "2", "5")), (0.35, ("1", "2")), (0.15, ("2", "5"))),
    "disgust": ((0.35, ("9",)), (0.25, ("10",)), (0.25, ("9", "4")), (0.15, ("10", "17"))),
    "anger": ((0.4, ("4", "7")), (0.3, ("4", "5", "7", "23")), (0.3, ("4", "24"))),
    "fear": ((0.4, ("20", "1", "2", "4", "5")), (0.3, ("20",)), (0.3, ("20", "1", "4"))),
    "sadness": ((0.4, ("15", "1", "4")), (0.35, ("15", "17")), (0.25, ("15",))),
    "contempt": ((0.7, ("U14",)), (0.3, ("14",))),
    "repression": ((0.5, ("24", "17")), (0.5, ("17", "15"))),
    "others": ((0.4, ("18",)), (0.3, ("17",)), (0.3, ("18", "17"))),
}


def emotions_of_class(label_map: LabelMap, name: str) -> tuple[str, ...]:
    """The emotions with a prototype that a label map counts to one class, in our order."""
    return tuple(e for e in PROTOTYPES if label_map.mapping.get(e) == name)
