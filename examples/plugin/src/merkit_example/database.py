"""``lab-folder``: clips that a lab cut itself, a folder of numbered images each.

::

    ROOT/clips.csv                  one row a clip
    ROOT/frames/<subject>/<clip>/   img1.jpg, img2.jpg, ...

A sheet with one row a clip is declared, not programmed; ``load`` reads it and refuses what cannot
be, with its row.
"""

from __future__ import annotations

from merkit.datasets.base import Database
from merkit.datasets.layout import Tree
from merkit.datasets.sheet_layout import SheetLayout
from merkit.labels import GENERIC_MAPS

LAYOUT = SheetLayout(
    database="lab-folder",
    files=("clips.csv",),
    columns={
        "subject": "subject",
        "clip": "clip",
        "onset": "onset",
        "apex": "apex",
        "offset": "offset",
        "fps": "fps_hz",
        "action_units": "action_units",
        "emotion": "emotion",
    },
    fps_hz=None,  # a column gives it
    trees={"default": Tree("frames", "frames")},
)

DATABASE = Database(
    name="lab-folder",
    title="Clips of a lab, a folder of images each",
    citation="an example; cite the source of your data",
    licence="that of your data",
    request="write clips.csv, and put the images into frames/<subject>/<clip>/",
    load=LAYOUT.load,
    label_maps=tuple(GENERIC_MAPS.values()),
)
