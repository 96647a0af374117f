"""From source frames to motion: of facial regions over a clip or a long video, and as a flow
image from onset to apex."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError, FaceError
from merkit.face.regions import RegionLayout, check_landmarks, region_indices
from merkit.flow.config import FlowConfig
from merkit.flow.crop import crop_layout, cut, follow, to_gray, weighed
from merkit.flow.estimate import dominant_motion, estimate_flow, flow_map
from merkit.types import F32, F64, I64, U8

#: Pairs of frames that a stream measures at a time, so that a fast reader fills no memory.
_MOST_PENDING = 4


def clip_flow(rgb: U8, landmarks_px: npt.NDArray[np.floating], config: FlowConfig) -> F32:
    """Region motion of a clip straight from its source frames, two frames side by side.

    The crop is set by the first frame's landmarks and kept, so that landmark jitter adds no
    motion (docs/architecture.md); it may follow the nose (``config.follow_nose``).

    Args:
        rgb: u8 (T,H,W,3).
        landmarks_px: (68,2) of the first frame, in source pixels.

    Returns:
        F32 (T,R,2), x then y, in pixels of the normalised face; the first row is zero.

    Raises:
        FaceError: no frames, landmarks of the wrong form, or a crop outside the image.
    """
    if rgb.ndim != 4 or rgb.shape[3] != 3 or rgb.dtype != np.uint8 or len(rgb) == 0:
        raise FaceError(
            f"frames of shape {rgb.shape}, {rgb.dtype}", "u8 (T, H, W, 3), T at least 1"
        )
    rgb = weighed(rgb, config)
    first, layout = crop_layout(landmarks_px, config)
    crops, grays = [first], [cut(rgb[0], first)]
    for image in rgb[1:]:
        crop, gray = follow(image, crops[-1], grays[0], layout, config)
        crops.append(crop)
        grays.append(gray)
    places = np.array([[crop.left * crop.scale, crop.top * crop.scale] for crop in crops])

    def motion(t: int) -> F32:
        r = 0 if config.reference == "first" else t - 1
        return region_motion(grays[r], grays[t], layout, config, places[t] - places[r])

    still = np.zeros((config.regions, 2), np.float32)
    return np.stack([still, *_threads().map(motion, range(1, len(grays)))])


def clip_flow_map(
    onset_rgb: U8, apex_rgb: U8, landmarks_px: npt.NDArray[np.floating], config: FlowConfig
) -> U8:
    """Flow image straight from two source frames.

    Args:
        onset_rgb, apex_rgb: u8 (H,W,3).
        landmarks_px: (68,2) of the onset frame, in source pixels.

    Returns:
        U8 (3,M,M) as :func:`flow_map`.

    Raises:
        FaceError: landmarks of the wrong form, a crop outside the image, unequal frames.
    """
    if onset_rgb.shape != apex_rgb.shape:
        raise FaceError(
            f"onset frame of shape {onset_rgb.shape}, apex frame {apex_rgb.shape}", "equal shapes"
        )
    crop, layout = crop_layout(landmarks_px, config)
    onset = cut(weighed(onset_rgb, config), crop)
    _, apex = follow(weighed(apex_rgb, config), crop, onset, layout, config)
    return flow_map(onset, apex, config)


def region_motion(
    before: U8, after: U8, layout: RegionLayout, config: FlowConfig, shift: F64
) -> F32:
    """Motion of the chosen regions between two grey crops, F32 (R,2), in crop pixels.

    Flow is estimated in each patch by itself. ``shift`` (2,): how far the crop itself moved
    between the two, in crop pixels. It is head motion, so it only shows where head motion is
    not subtracted.
    """
    parts = [np.s_[top:bottom, left:right] for left, top, right, bottom in layout.patches_px]
    fields = [
        estimate_flow(before[part], after[part], config.estimator, config.dis_stride_px)
        for part in parts
    ]

    def pooled(box: I64, patch: int, q: float, minus: F32 | None = None) -> F32:
        corner = np.tile(layout.patches_px[patch, :2], 2)
        return dominant_motion(fields[patch], box - corner, q, minus)

    nose = pooled(layout.nose_tip_px, layout.patch_of[18], config.q_nose_tip)
    early = nose if config.nose_correction == "field" else None
    regions, shares = region_indices(config.regions), config.shares()
    motion = np.stack(
        [pooled(layout.boxes_px[i], layout.patch_of[i], shares[i], early) for i in regions]
    )
    if config.nose_correction == "pooled":
        motion -= nose
    elif config.nose_correction == "none":
        motion += shift.astype(np.float32)
    return motion


class RoiFlowStream:
    """Motion of every frame against the frame ``lag_frames`` before it.

    Both frames of a pair are cut by the crop of the older one, so that landmark jitter between
    them adds no motion, while the crop keeps up with a head that moves through a long video.
    Keeps ``lag_frames`` + 1 grey frames in memory; ``config.reference`` is not read.

    Args:
        config: estimator, regions and crop.
        lag_frames: distance to the reference frame, at least 1.

    Raises:
        ConfigError: a lag below 1.
    """

    def __init__(self, config: FlowConfig, lag_frames: int = 1) -> None:
        if lag_frames < 1:
            raise ConfigError(f"lag_frames={lag_frames}", "1 or more")
        self.config = config
        self._lag = lag_frames
        self._kept: deque[tuple[U8, F64]] = deque(maxlen=lag_frames + 1)
        self._pending: deque[Future[F32]] = deque()

    def submit(self, rgb: U8, landmarks_px: npt.NDArray[np.floating] | None) -> Future[F32]:
        """Take the next frame; its motion is measured while the caller tracks the one after.

        Pairs of frames are measured side by side; waits while four are under way.

        Args:
            rgb: u8 (H,W,3), or grey (H,W).
            landmarks_px: (68,2) in source pixels; None where no face was found, which forgets
                the frames before it.

        Returns:
            Of F32 (R,2), x then y, in pixels of the normalised face; NaN while there is no
            reference frame with a face, which is not the same as no motion. Its ``result()``
            raises FaceError for landmarks of the wrong form or far outside the image; such a
            frame is left out and later ones go on.
        """
        while len(self._pending) >= _MOST_PENDING:
            wait([self._pending.popleft()])
        done: Future[F32] = Future()
        if landmarks_px is None:
            self._kept.clear()
        else:
            try:
                gray = to_gray(weighed(rgb, self.config))
                self._kept.append((gray, check_landmarks(landmarks_px)))
            except FaceError as error:
                done.set_exception(error)
                return done
        if len(self._kept) <= self._lag:
            done.set_result(np.full((self.config.regions, 2), np.nan, np.float32))
            return done
        self._pending.append(_threads().submit(self._motion, *self._kept[0], *self._kept[-1]))
        return self._pending[-1]

    def _motion(self, old: U8, old_points: F64, new: U8, new_points: F64) -> F32:
        crop, layout = crop_layout(old_points, self.config)
        before = cut(old, crop)
        # The nose is followed from where the landmarks moved to, if they moved enough at all:
        # their mean jitters far less than the pixel that following is about.
        right, down = (new_points - old_points).mean(axis=0).tolist()
        motion_px2 = (right**2 + down**2) * crop.scale**2
        if self.config.follow_nose and motion_px2 > self.config.follow_above_px2:
            start = crop.moved(round(right), round(down))
            place, after = follow(new, start, before, layout, self.config)
        else:
            place, after = crop, cut(new, crop)
        moved = np.array([place.left - crop.left, place.top - crop.top], np.float64)
        return region_motion(before, after, layout, self.config, moved * crop.scale)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    """Two threads for the process; OpenCV sets Python free while it works."""
    return ThreadPoolExecutor(2, thread_name_prefix="merkit-flow")
