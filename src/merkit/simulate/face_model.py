"""A parametric face: a neutral mesh, shapes of identity, and shapes of expression.

The face model is no part of merkit; ``docs/simulate.md`` says how its file is made of ICT FaceKit
(Li et al. 2020, MIT licence, https://github.com/ICT-VGL/ICT-FaceKit).
Axes of the model: x to the person's left, y up, z forward.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from merkit.errors import ConfigError
from merkit.simulate.face_file import read_face_file
from merkit.types import F32, I64

#: Skin of ICT FaceKit: vertices 0-9408 face, 9409-11247 head and neck; from 11248 the inside of the
#: mouth, then eyes, teeth and lashes, which no flow of the skin shows.
SKIN_VERTICES = 11248
#: landmark groups of the 68-point scheme; "right" and "left" are the person's
RIGHT_EYE, LEFT_EYE, MOUTH = slice(36, 42), slice(42, 48), slice(48, 68)
_NOSE_TIP, _JAW_ENDS = 30, [0, 16]


@dataclass(frozen=True, eq=False)
class FaceModel:
    """The skin of a face model.

    ``neutral``: (V,3); ``quads``: (Q,4) vertices of each face of the mesh, counter-clockwise from
    outside; ``identity``: (I,V,3) displacements, one standard deviation each; ``shapes``: (E,V,3)
    displacements of each expression shape at full height; ``names``: of those, sides as ``_L`` and
    ``_R`` of the person; ``landmarks``: (68,) vertices. Lengths are in the model's own unit
    (centimetres in ICT FaceKit); everything after this module is in eye distances or crop shares.
    """

    neutral: F32
    quads: I64
    identity: F32
    shapes: F32
    names: tuple[str, ...]
    landmarks: I64

    @classmethod
    def load(cls, path: Path) -> FaceModel:
        """Read a file of the format in ``docs/simulate.md``.

        Raises:
            MissingDataError, ConfigError: see :func:`read_face_file`; or landmarks that are not on
                the skin, or axes of another orientation.
        """
        arrays = read_face_file(Path(path))
        skin = int(arrays.get("skin_vertices", min(SKIN_VERTICES, len(arrays["neutral"]))))
        quads = arrays["quads"].astype(np.int64)
        model = cls(
            neutral=arrays["neutral"][:skin].astype(np.float32),
            quads=quads[(quads < skin).all(axis=1)],
            identity=arrays["identity"][:, :skin].astype(np.float32),
            shapes=arrays["expression"][:, :skin].astype(np.float32),
            names=tuple(map(str, arrays["expression_names"])),
            landmarks=arrays["landmarks"].astype(np.int64),
        )
        model._check(Path(path))
        return model

    def _check(self, path: Path) -> None:
        if self.landmarks.max() >= len(self.neutral) or not len(self.quads):
            found = f"{path}: of the {len(self.neutral)} skin vertices"
            raise ConfigError(found, "a mesh that bears all landmarks")
        if len(set(self.names)) < len(self.names):
            raise ConfigError(f"{path}: an expression name stands twice", "a name for each shape")
        points = self.neutral[self.landmarks]
        right, left, mouth = (points[s].mean(0) for s in (RIGHT_EYE, LEFT_EYE, MOUTH))
        forward = points[_NOSE_TIP, 2] > points[_JAW_ENDS, 2].mean()
        if not (left[0] > right[0] and min(left[1], right[1]) > mouth[1] and forward):
            wanted = "x to the person's left, y up, z forward, 68 landmarks in the usual order"
            raise ConfigError(f"{path}: the landmarks stand otherwise", wanted)

    @cached_property
    def index(self) -> dict[str, int]:
        """Number of each expression shape."""
        return {name: number for number, name in enumerate(self.names)}

    @cached_property
    def _point_groups(self) -> tuple[tuple[I64, float], ...]:
        """Vertices of each dense point, by kind, with the share of a quad's area that it stands
        for: a quad has one vertex, two edges and one centre of its own."""
        sides = np.vstack([self.quads[:, [i, (i + 1) % 4]] for i in range(4)])
        edges = np.unique(np.sort(sides, axis=1), axis=0)
        return (np.arange(len(self.neutral))[:, None], 1.0), (edges, 2.0), (self.quads, 4.0)

    @cached_property
    def densify(self) -> sparse.csr_matrix:
        """(P,V) matrix from vertices to dense points: vertices, edge midpoints, quad centres."""
        groups = [vertices for vertices, _ in self._point_groups]
        columns = np.concatenate([g.ravel() for g in groups])
        shares = np.concatenate([np.full(g.size, 1 / g.shape[1], np.float32) for g in groups])
        per_point = np.concatenate([np.full(len(g), g.shape[1]) for g in groups])
        starts = np.concatenate([[0], np.cumsum(per_point)])
        shape = (len(per_point), len(self.neutral))
        return sparse.csr_matrix((shares, columns, starts), shape=shape)

    @cached_property
    def point_weights(self) -> F32:
        """(P,) how much each dense point counts in a mean over a patch of skin."""
        return np.concatenate([np.full(len(g), w, np.float32) for g, w in self._point_groups])

    @cached_property
    def point_shapes(self) -> F32:
        """(P, E*3) displacement of each dense point in each expression shape."""
        moved = np.stack([self.densify @ shape for shape in self.shapes], axis=1)
        return np.ascontiguousarray(moved.reshape(len(moved), -1))

    def person(self, coefficients: F32) -> F32:
        """(V,3) neutral face of one person; coefficients (I,) are in standard deviations."""
        return self.neutral + np.tensordot(coefficients.astype(np.float32), self.identity, 1)

    def normals(self, vertices: F32) -> F32:
        """(V,3) outward unit normals of the mesh at its vertices."""
        corners = vertices[self.quads]
        across = np.cross(corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1])
        spread = sparse.csr_matrix(
            (
                np.ones(self.quads.size, np.float32),
                (self.quads.ravel(), np.repeat(np.arange(len(self.quads)), 4)),
            ),
            shape=(len(vertices), len(self.quads)),
        )
        summed = spread @ across
        length = np.linalg.norm(summed, axis=1, keepdims=True)
        unit: F32 = (summed / np.maximum(length, 1e-9)).astype(np.float32)
        return unit
