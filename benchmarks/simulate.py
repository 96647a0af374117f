"""Speed of simulated maps against the conventional way, in one run.

    export OPENBLAS_NUM_THREADS=1
    python benchmarks/simulate.py --face-model FILE [--maps 480] [--conventional 20]

merkit: ``make_flow_maps`` in one process. Conventional: for every map the mesh is displaced by the
same weights, projected, and drawn quad by quad from back to front (OpenCV), both frames by
themselves; then the same map is made of the displacement that each pixel shows, or the same
estimator is given both pictures. CPU time, since it does not depend on what else the machine does.
The agreement of both flows is printed as well.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from merkit.flow.config import FlowConfig
from merkit.flow.estimate import flow_map, map_of_flow
from merkit.simulate import Dials, Source, make_flow_maps, make_sequences
from merkit.simulate.dials import OFF
from merkit.simulate.flow_maps import Kind
from merkit.simulate.make import actions_of
from merkit.simulate.picture import marks_of
from merkit.simulate.picture_dials import Estimators
from merkit.simulate.view import View, draw_view
from merkit.types import F32, I64

SIDE = 112
#: agreement is that of so many pixels; at outlines both ways choose another skin
AGREED = 0.9


def draw_quads(view: View, vertices: F32) -> I64:
    """(SIDE, SIDE) number of the quad that each pixel shows, -1 for none: painter's algorithm."""
    quads = view.face.model.quads
    corners = view.crop.shares(vertices)[quads] * SIDE
    across, down = corners[:, 2] - corners[:, 0], corners[:, 3] - corners[:, 1]
    front = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0] < 0
    near = ((corners > -2) & (corners < SIDE + 2)).all((1, 2))
    chosen = np.flatnonzero(front & near)
    chosen = chosen[np.argsort(vertices[quads[chosen], 2].mean(1))]
    canvas = np.full((SIDE, SIDE), -1, np.int32)
    fixed = np.round((corners - 0.5) * 16).astype(np.int32)
    for quad in chosen:
        cv2.fillConvexPoly(canvas, fixed[quad], int(quad), shift=4)
    return canvas


def displaced(view: View, weights: F32) -> F32:
    moved = np.tensordot(weights, view.face.model.shapes, 1)
    return view.face.vertices + moved @ view.face.rotation.T


def drawn_flow(view: View, weights: F32) -> F32:
    """Flow (SIDE,SIDE,2) in pixels, of a mesh that is displaced and drawn for this map alone."""
    after = displaced(view, weights)
    shown = draw_quads(view, view.face.vertices)
    moved = (view.crop.shares(after) - view.crop.shares(view.face.vertices)) * SIDE
    per_quad = moved[view.face.model.quads].mean(1)
    return np.where(shown[..., None] < 0, 0, per_quad[shown]).astype(np.float32)


def drawn_pictures(view: View, weights: F32) -> list[np.ndarray]:
    """Both frames, each drawn by itself, with a texture on the quads."""
    albedo = 200 * (1 - 0.6 * (marks_of(view.face.model).distance["brows"] < 0.06))
    light = albedo[: len(view.face.vertices)][view.face.model.quads].mean(1)
    frames = []
    for vertices in (view.face.vertices, displaced(view, weights)):
        shown = draw_quads(view, vertices)
        frames.append(np.where(shown < 0, 0, light[shown]).astype(np.uint8))
    return frames


def cpu_ms(work: Callable[[], object], times: int) -> float:
    before = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - before) / times * 1000


def agreement(view: View, weights: F32) -> float:
    """Correlation of the two flows but for outlines."""
    ours = cv2.resize(view.flow(weights[None])[0] * SIDE, (SIDE, SIDE))
    theirs = drawn_flow(view, weights)
    difference = np.abs(ours - theirs).max(-1)
    smooth = difference <= np.quantile(difference, AGREED)
    return float(np.corrcoef(ours[smooth].ravel(), theirs[smooth].ravel())[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--face-model", type=Path, required=True)
    parser.add_argument("--maps", type=int, default=480)
    parser.add_argument("--conventional", type=int, default=20)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    actions, dials = actions_of(Source(given.face_model)), Dials().without(*OFF)
    rng = np.random.default_rng(0)
    view = draw_view(actions.model, dials, rng)
    weights = actions.draw(given.conventional, dials, rng).weights[0]
    make_flow_maps(given.face_model, 1, "geometric", workers=1)  # what is computed once
    one = Estimators(tvl1_share=0, dis_share=0, farneback_sides_px=(SIDE,))
    config = FlowConfig(estimator="farneback")
    few = max(48, given.maps // 10)
    ways: list[tuple[str, int, Kind, Dials, Callable[[], object] | None]] = [
        ("geometric", given.maps, "geometric", Dials(),
         lambda: map_of_flow(drawn_flow(view, weights), 28)),
        ("estimated by Farneback", few, "estimated", replace(Dials(), estimators=one),
         lambda: flow_map(*drawn_pictures(view, weights), config)),
        ("estimated by the default mix", few, "estimated", Dials(), None),
    ]  # fmt: skip
    for name, n, kind, chosen, conventional in ways:
        call = partial(make_flow_maps, given.face_model, n, kind, dials=chosen, workers=1)
        ms = cpu_ms(call, 1) / n
        line = f"{name}: {1000 / ms:.0f} maps a second and core ({ms:.2f} ms)"
        if conventional:
            other = cpu_ms(conventional, given.conventional)
            line += f"; conventional {1000 / other:.0f} ({other:.1f} ms), ratio {other / ms:.1f}"
        print(line)
    n = 10 * given.maps
    ms = cpu_ms(lambda: make_sequences(given.face_model, n, workers=1), 1) / n
    print(f"sequences of 16 frames: {1000 / ms:.0f} a second and core ({ms:.2f} ms)")
    print(f"correlation of the two flows: {agreement(view, weights):.4f}")


if __name__ == "__main__":
    main()
