"""Optical flow between two face crops: the plain call of the library that has it, and ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from merkit.bench.config import BenchFlowConfig
from merkit.bench.cost import Cost, measured
from merkit.flow import estimate_flow
from merkit.flow.config import Estimator, FlowConfig
from merkit.flow.crop import crop_layout, cut
from merkit.flow.estimate import FARNEBACK
from merkit.progress import Progress, silent
from merkit.synthetic.identity import make_identity
from merkit.synthetic.plan import PlannedVideo, identity_rng, plan_clips
from merkit.synthetic.render import Renderer
from merkit.types import F32, U8


@dataclass(frozen=True)
class EstimatorBench:
    """One estimator. ``plain`` and ``ours``: cost of all pairs, as often as they were measured.
    ``largest_px`` and ``mean_px``: how far the flow of a pixel is apart, in pixels of the crop."""

    estimator: Estimator
    plain: Cost
    ours: Cost
    largest_px: float
    mean_px: float


@dataclass(frozen=True)
class FlowBench:
    """All estimators on the same pairs (onset, apex) of crops."""

    pairs: int
    repeats: int
    crop_size_px: int
    estimators: tuple[EstimatorBench, ...]

    def lines(self) -> list[str]:
        """What the terminal tells."""
        told = [f"{self.pairs} pairs of {self.crop_size_px} x {self.crop_size_px} px"]
        calls = self.pairs * self.repeats
        for one in self.estimators:
            plain, ours = (cost.seconds / calls * 1e3 for cost in (one.plain, one.ours))
            told += [
                f"{one.estimator}: {plain:.1f} ms a pair by {PLAIN[one.estimator][0]}, "
                f"{ours:.1f} ms by merkit: {one.ours.against(one.plain)}",
                f"  flow differs by {one.largest_px:.2g} px at most, {one.mean_px:.2g} px in the "
                f"mean; {one.plain.memory}, {one.ours.memory}",
            ]
        return told


def bench_flow(config: BenchFlowConfig, progress: Progress = silent) -> FlowBench:
    """Measure; each way of each estimator in a process of its own."""
    pairs = face_pairs(config, progress)
    found = []
    for done, estimator in enumerate(config.estimators):
        progress("measuring", done, len(config.estimators))
        call = partial(estimate_flow, estimator=estimator)
        plain_flow, plain = measured(flows_of, PLAIN[estimator][1], pairs, config.repeats)
        our_flow, ours = measured(flows_of, call, pairs, config.repeats)
        found.append(EstimatorBench(estimator, plain, ours, *apart_px(plain_flow, our_flow)))
    progress("measuring", len(config.estimators), len(config.estimators))
    return FlowBench(config.pairs, config.repeats, config.crop_size_px, tuple(found))


def face_pairs(config: BenchFlowConfig, progress: Progress = silent) -> U8:
    """Grey crops (N,2,S,S) of N people at the onset and the apex of an expression."""
    videos = {video.subject: video for video in reversed(plan_clips(config.faces()))}
    made = []
    for subject in range(config.pairs):
        made.append(_pair(config, videos[subject]))
        progress("drawing faces", subject + 1, config.pairs)
    return np.stack(made)


def flows_of(call: Callable[[U8, U8], F32], pairs: U8, repeats: int = 1) -> Callable[[], F32]:
    """The work: flow F32 (N,H,W,2) of all pairs, so many times. The first is tried before, to
    import and warm up."""
    call(*pairs[0])

    def work() -> F32:
        for _ in range(repeats):
            flows = [call(onset, apex) for onset, apex in pairs]
        return np.stack(flows)

    return work


def apart_px(one: F32, other: F32) -> tuple[float, float]:
    """The largest and the mean length of the difference of two flow fields (...,2)."""
    lengths = np.linalg.norm(one - other, axis=-1)
    return float(lengths.max()), float(lengths.mean())


def plain_tvl1(first: U8, second: U8) -> F32:
    """scikit-image's TV-L1 with its defaults, as (H,W,2), u before v."""
    scale = np.float32(1 / 255)
    rows, columns = plain_tvl1_planes(first * scale, second * scale)
    return np.stack([columns, rows], axis=-1)


def plain_tvl1_planes(first: F32, second: F32) -> F32:
    """scikit-image's ``optical_flow_tvl1`` in place of :func:`merkit.flow.tvl1.tvl1`."""
    from skimage import registration

    made = registration.optical_flow_tvl1(first, second, dtype=np.float32)  # type: ignore[no-untyped-call]
    return np.asarray(made)


def plain_farneback(first: U8, second: U8) -> F32:
    """OpenCV's ``calcOpticalFlowFarneback`` with the published parameters."""
    import cv2

    start = np.zeros((*first.shape, 2), np.float32)
    return np.asarray(cv2.calcOpticalFlowFarneback(first, second, start, *FARNEBACK), np.float32)


def plain_dis(first: U8, second: U8) -> F32:
    """OpenCV's ``DISOpticalFlow``, preset medium."""
    import cv2

    dis: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow: F32 = dis.calc(first, second, None)
    return flow


#: whose call is the conventional one, and that call
PLAIN: dict[Estimator, tuple[str, Callable[[U8, U8], F32]]] = {
    "tvl1": ("scikit-image", plain_tvl1),
    "farneback": ("OpenCV", plain_farneback),
    "dis": ("OpenCV", plain_dis),
}


def _pair(config: BenchFlowConfig, video: PlannedVideo) -> U8:
    """The crop (2,S,S) of a recipe around one face, at onset and apex."""
    faces = config.faces()
    identity = make_identity(faces, identity_rng(faces, video.subject))
    renderer, event = Renderer(faces, identity, video), video.events[0]
    frames = list(islice(renderer, event.apex + 1))
    landmarks = renderer.landmarks_px[event.onset]
    crop, _ = crop_layout(landmarks, FlowConfig(crop_size_px=config.crop_size_px))
    return np.stack([cut(frames[t], crop) for t in (event.onset, event.apex)])
