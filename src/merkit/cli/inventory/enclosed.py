"""What lies inside merkit and the packages that it needs, and models and data from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

from merkit.cli.inventory.part import Part

ROOT = Path(__file__).parents[2]
_DLIB_MODEL = "non-commercial: trained on iBUG 300-W"


@dataclass(frozen=True, slots=True)
class Enclosed:
    """A part of others, or of ours with a story of its own, in merkit's own files.

    ``place``: file or folder, under the package. ``licence_file``: the text that came with it.
    """

    name: str
    version: str
    licence: str
    note: str
    place: str
    licence_file: str = ""


ENCLOSED = (
    Enclosed(
        "face-landmarker",
        "2",
        "Apache-2.0",
        "Google's face mesh, as MediaPipe distributes it; finds the points of a face",
        "weights/face_landmarker",
        "weights/face_landmarker/LICENSE",
    ),
    Enclosed(
        "face-landmarker-head",
        "2",
        "Apache-2.0",
        "the generic head of that file, rounded",
        "face/data/generic_head.csv",
        "weights/face_landmarker/LICENSE",
    ),
    Enclosed(
        "sim-flow",
        "1",
        "Apache-2.0",
        "recogniser of merkit, trained on faces simulated with ICT FaceKit (MIT)",
        "weights/sim_flow",
    ),
    Enclosed(
        "sim-seq",
        "1",
        "Apache-2.0",
        "recogniser of merkit, trained on faces simulated with ICT FaceKit (MIT)",
        "weights/sim_seq",
    ),
    Enclosed(
        "uPlot",
        "1.6.32",
        "MIT",
        "draws the curves of the local page",
        "app/static/vendor",
        "app/static/vendor/uPlot.LICENSE.txt",
    ),
)

#: Libraries within packages whose licence asks for more than a notice, by how their files begin.
_LIBRARIES = {
    "x264": ("GPL-2.0-or-later", "encodes H.264"),
    "x265": ("GPL-2.0-or-later", "encodes H.265"),
    "avcodec": ("LGPL-2.1-or-later", "FFmpeg, reads and writes videos"),
    "gnutls": ("LGPL-2.1-or-later", "encrypts"),
    "mp3lame": ("LGPL-2.0-or-later", "encodes MP3"),
    "gfortran": ("GPL-3.0-or-later WITH GCC-exception-3.1", "runs compiled Fortran"),
}
_LIBRARY = re.compile(rf"(?:lib)?({'|'.join(_LIBRARIES)})[-.\d].*\.(?:so|dylib|dll)")


def inside_merkit() -> list[Part]:
    return [Part(e.name, e.version, "inside", e.licence, "merkit", e.note) for e in ENCLOSED]


def inside_packages(packages: Iterable[Part]) -> list[Part]:
    """Libraries and models that came within installed packages, where their terms differ."""
    found = []
    for package in packages:
        files = [path.name for path in distribution(package.name).files or ()]
        names = {match[1] for match in map(_LIBRARY.match, files) if match}
        found += [
            Part(name, "", "inside", licence, package.title, note)
            for name, (licence, note) in _LIBRARIES.items()
            if name in names
        ]
        if package.name == "face-recognition-models":
            note = "dlib's 68 points of a face, tracker dlib68"
            found.append(
                Part("dlib 68-point model", "", "inside", _DLIB_MODEL, package.title, note)
            )
    return found


def from_elsewhere() -> list[Part]:
    """Models and databases that merkit can use and does not come with."""
    from merkit.datasets import DATASETS

    models = [
        Part(
            "DINOv2", "", "model", "Apache-2.0", "encoders dinov2-*", "from the Hub, when asked for"
        ),
        Part("ICT FaceKit", "", "model", "MIT", "merkit simulate, teach", "you bring it"),
    ]
    databases, _ = DATASETS.load_all()
    return models + [
        Part(name, "", "data", database.licence, f"--data {name}", database.title)
        for name, database in databases.items()
    ]
