"""A face model small enough for any machine: a bump of a few hundred vertices, with a head behind.

Shapes are Gaussian windows around landmarks, so that each moves where its name says and nowhere
else; the real model is used where it is at hand.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from merkit.simulate.tables import Tables, sides
from merkit.types import F32, F64

COLUMNS, ROWS = 25, 29
_REAL = Path(__file__).resolve().parents[1] / "shared/assets/ict_facekit/ict_face_light.npz"
REAL_MODELS = (_REAL, _REAL.parents[4] / "shared/assets/ict_facekit/ict_face_light.npz")

#: landmark groups at places on the face: x to the person's left, y up, in centimetres
_EYE = [(-1.2, 0), (-0.4, 0.5), (0.4, 0.5), (1.2, 0), (0.4, -0.4), (-0.4, -0.4)]
#: where a pair of shapes is (left side), and where it moves the skin: left, up, forward
_SIDED = {
    "browInnerUp": ((1.2, 4.6), (0, 1, 0)),
    "browOuterUp": ((4.2, 4.8), (0, 1, 0)),
    "browDown": ((2.5, 4.6), (-0.3, -1, 0)),
    "eyeWide": ((3.2, 3.4), (0, 0.6, 0)),
    "eyeBlink": ((3.2, 3.2), (0, -0.9, 0)),
    "eyeSquint": ((3.2, 2.2), (0, 0.6, 0)),
    "cheekRaiser": ((4.0, 0.5), (0, 0.8, 0)),
    "cheekSquint": ((3.8, 0.8), (0, 0.8, 0)),
    "noseSneer": ((0.8, 1.5), (0, 0.8, 0)),
    "mouthUpperUp": ((1.0, -2.5), (0, 0.8, 0)),
    "mouthSmile": ((2.4, -3.6), (0.8, 0.8, -0.3)),
    "mouthDimple": ((2.6, -3.6), (0.9, 0, -0.4)),
    "mouthPress": ((1.2, -3.5), (0, 0.4, 0)),
    "mouthStretch": ((2.6, -4.0), (0.9, -0.3, 0)),
    "mouthFrown": ((2.2, -4.2), (0.2, -0.9, 0)),
    "mouthLowerDown": ((1.0, -4.6), (0, -0.8, 0)),
    **{f"eyeLook{way}": ((3.2, 3.0), (0, -0.3, 0)) for way in ("Down", "Up", "In", "Out")},
}
_MIDDLE = {
    "mouthShrugLower": ((0, -5.0), (0, 0.9, 0)),
    "mouthShrugUpper": ((0, -3.0), (0, 0.4, 0)),
    "mouthRollLower": ((0, -4.2), (0, 0.3, 0)),
    "mouthRollUpper": ((0, -3.0), (0, -0.3, 0)),
    "mouthPucker": ((0, -3.6), (0, 0, 0.8)),
    "jawOpen": ((0, -6.0), (0, -2, 0)),
}


def face_arrays() -> dict[str, Any]:
    """The arrays of the tiny model's file."""
    x, y = np.meshgrid(np.linspace(-9, 9, COLUMNS), np.linspace(-11, 10, ROWS))
    neutral = np.stack([x, y, 6 - 0.05 * x**2 - 0.02 * y**2 + 2 * _bump(x, y, (0, 0))], -1)
    corner = (np.arange(ROWS - 1)[:, None] * COLUMNS + np.arange(COLUMNS - 1)).ravel()
    quads = corner[:, None] + np.array([0, 1, COLUMNS + 1, COLUMNS])
    shapes = {}
    for name, (place, way) in _SIDED.items():
        for side, sign in (("L", 1), ("R", -1)):
            mirrored = np.array([sign, 1, 1])
            window = _bump(x, y, (sign * place[0], place[1]))
            shapes[f"{name}_{side}"] = window[..., None] * mirrored * np.array(way)
    for name, (place, way) in _MIDDLE.items():
        shapes[name] = _bump(x, y, place)[..., None] * np.array(way)
    flat = neutral.reshape(-1, 3)
    wide, long = flat * [0.03, 0, 0], flat * [0, 0.03, 0]
    return {
        "neutral": flat.astype(np.float32),
        "quads": quads.astype(np.int32),
        "identity": np.stack([wide, long]).astype(np.float16),
        "expression": np.stack([s.reshape(-1, 3) for s in shapes.values()]).astype(np.float16),
        "expression_names": np.array(list(shapes)),
        "landmarks": _nearest(flat, _landmarks()),
    }


def write_face(path: Path, **changes: Any) -> Path:
    """The tiny model as a file; a change of None leaves an array out."""
    arrays = {k: v for k, v in (face_arrays() | changes).items() if v is not None}
    np.savez(path, allow_pickle=False, **arrays)
    return path


def _bump(x: F64, y: F64, place: tuple[float, float]) -> F64:
    bump: F64 = np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 1.3**2))
    return bump


def _landmarks() -> F64:
    across = np.linspace(-1, 1, 17)
    jaw = [(8 * a, -9 + 10 * a**2) for a in across]
    brows = [(x, 4.6) for x in (*np.linspace(-5, -1, 5), *np.linspace(1, 5, 5))]
    nose = [*[(0, y) for y in (3, 2, 1, 0)], *[(x, -1) for x in (-1, -0.5, 0, 0.5, 1)]]
    eyes = [(side * 3.2 + dx, 3 + dy) for side in (-1, 1) for dx, dy in _EYE]
    round_ = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    outer = [(2.5 * np.cos(a), -3.6 + 1.2 * np.sin(a)) for a in round_]
    inner = [(1.8 * np.cos(a), -3.6 + 0.3 * np.sin(a)) for a in round_[:8] * 1.5 - np.pi / 2]
    return np.array([*jaw, *brows, *nose, *eyes, *outer, *inner])


def _nearest(flat: F64, places: F64) -> F32:
    return ((flat[None, :, :2] - places[:, None]) ** 2).sum(-1).argmin(1).astype(np.int64)


def covers_tables() -> bool:
    """Whether the tiny model has every shape of the shipped tables."""
    names = [str(n) for n in face_arrays()["expression_names"]]
    return all(sides(row.shape, names) for row in Tables.load().shapes)
