"""What the conformance tests need to know besides the registries.

A method needs no entry: without one it is tried with its defaults. A database needs the name of its
annotation.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

#: A transformers folder with random weights, and folders of recognisers with such, all filled in by
#: the test.
FOLDER, RECOGNISER, SEQUENCES = "<random DINOv2>", "<random sim-flow>", "<random sim-seq>"

_TINY = {
    "name": "tiny",
    "image_size_px": 28,
    "input": "difference",
    "tiny": {"width": 16, "blocks": 1, "heads": 2, "patches": 2},
}

#: method, or method:variant, to settings that make it small or change its form
SMALL: dict[str, dict[str, Any]] = {
    "sfa-dgat": {
        "encoder": _TINY,
        "frames": 4,
        "sfa": {"width": 8, "channels": 2},
        "dgat": {"width": 8, "lstm_hidden": 4},
        "fusion": {"width": 8},
    },
    "sfa-dgat:lora": {
        "encoder": {"path": FOLDER, "image_size_px": 28, "lora_rank": 2},
        "frames": 4,
        "sfa": {"width": 8, "channels": 2},
        "dgat": {"width": 8, "lstm_hidden": 4},
        "fusion": {"width": 8},
    },
    "hlora-mer": {"encoder": _TINY, "frames": 4},
    "hlora-mer:code": {
        "variant": "code",
        "encoder": _TINY | {"tiny": {"width": 32, "blocks": 1, "heads": 2, "patches": 2}},
        "frames": 8,
        "gat": {"heads": 2, "width": 6},
    },
    "stag": {
        "frames": 6,
        "graph": {"layers": 1},
        "temporal": {"layers": 1, "width": 16, "heads": 2, "feed_forward": 16},
        "fusion": {"width": 16, "heads": 2},
    },
    "stag:predicted": {
        "frames": 6,
        "au": {"source": "predicted"},
        "temporal": {"layers": 1, "width": 16, "heads": 2, "feed_forward": 16},
    },
    "stag:oracle": {"frames": 6, "au": {"source": "oracle"}, "use_transformer": False},
    "evodyn": {"sequence_length": 6, "width": 16, "depth": 1, "heads": 2, "head_width": 8},
    "sim-flow": {"weights": RECOGNISER},
    "sim-flow:tuned": {"weights": RECOGNISER, "start": "tuned"},
    "sim-seq": {"weights": SEQUENCES},
    "sim-seq:tuned": {"weights": SEQUENCES, "start": "tuned"},
    "ststnet": {},
    "lbp-top": {"frames": 4, "size_px": 24, "blocks": [2, 2, 1]},
    "hoof": {"frames": 4},
    "linear-probe": {"encoder": {"path": FOLDER, "image_size_px": 28}, "frames": 4},
}

#: Methods whose clips all have the same number of frames, and that refuse another or count padding
#: as frames: why.
FIXED_LENGTH = {"lbp-top": "the histograms are over all T frames that the recipe reads"}

#: database -> a file name that its adapter takes for its annotation (SMIC: for its folder)
ANNOTATIONS: dict[str, str] = {
    "synthetic": "database.json",
    "casme2": "CASME2-coding-20190701.xlsx",
    "samm": "SAMM_Micro_FACS_Codes_v2.xlsx",
    "smic": "SMIC_all_raw",
    "smic-e": "SMIC-HS-E_annotation.xlsx",
    "casme3": "cas(me)3_part_A_ME_label_JpgIndex_v2.xlsx",
    "meview": "MEVIEW.xlsx",
    "4dme": "4DME_Labelling_Micro.xlsx",
    "dfme": "training_full_with_AU.xlsx",
    "mmew": "MMEW_Micro_Exp.xlsx",
    "name": "manifest.csv",
    "casme-squared": "CAS(ME)^2code_final.xlsx",
    "samm-long": "SAMM_LongVideos_V2_Release.xlsx",
    "megc2019": "combined_3class_gt.csv",
    "flow-maps": "combined_3_class2_for_optical_flow.csv",
    "manifest": "manifest.csv",
}


def with_folders(settings: Any, folders: Mapping[str, Path]) -> Any:
    """The settings with names in angle brackets replaced by folders."""
    if isinstance(settings, dict):
        return {name: with_folders(value, folders) for name, value in settings.items()}
    return str(folders.get(settings, settings)) if isinstance(settings, str) else settings


def entries(methods: Iterable[str]) -> list[str]:
    """Every method once, by itself or in each variant that stands in ``SMALL``."""
    tried = {name.partition(":")[0] for name in SMALL}
    return [*SMALL, *(name for name in methods if name not in tried)]
