"""What must be said of a model whoever gets it: the terms of its data, and what it is not for."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.datasets import DATASETS
from merkit.references import NOT_ABOUT_A_PERSON

NOT_FOR = (
    f"{NOT_ABOUT_A_PERSON} It is no lie detector, and not for hiring, policing, border control, "
    "insurance or grading. It knows only the movements and the classes that it was trained on, and "
    "names one of them whatever it is shown; people, cameras and frame rates unlike those of its "
    "training were not tried."
)
_SIMULATION = "free: no picture of a person had a part in it"


def terms_of(data: Sequence[str]) -> dict[str, str]:
    """Database -> its terms in words."""
    return {name: _terms(name) for name in data}


def are_free(data: Sequence[str]) -> bool:
    """Whether all of them are generated, so that no agreement binds a model."""
    return bool(data) and all(terms.startswith("free") for terms in terms_of(data).values())


def _terms(name: str) -> str:
    if name == "simulation":
        return _SIMULATION
    return DATASETS[name].licence if name in DATASETS else "by its owners"
