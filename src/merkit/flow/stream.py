"""Region motion of a long video, frame by frame."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, wait

import numpy as np
import numpy.typing as npt

from merkit.errors import ConfigError, FaceError
from merkit.face.regions import RegionLayout, check_landmarks, region_layout
from merkit.flow.config import FlowConfig
from merkit.flow.crop import FaceCrop, cut, face_crop, to_gray
from merkit.flow.roi import flow_threads, follow, region_motion
from merkit.types import F32, F64, U8


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
        self._kept: deque[tuple[U8, F64]] = deque(maxlen=lag_frames + 1)
        self._pending: deque[Future[F32]] = deque()

    def update(self, rgb: U8, landmarks_px: npt.NDArray[np.floating] | None) -> F32:
        """Take the next frame and give its motion.

        Args:
            rgb: u8 (H,W,3), or grey (H,W).
            landmarks_px: (68,2) in source pixels; None where no face was found, which forgets
                the frames before it.

        Returns:
            F32 (R,2), x then y, in pixels of the normalised face; NaN while there is no
            reference frame with a face, which is not the same as no motion.

        Raises:
            FaceError: landmarks of the wrong form, or far outside the image.
        """
        pair = self._take(rgb, landmarks_px)
        return self._unknown() if pair is None else self._pair(*pair)

    def submit(self, rgb: U8, landmarks_px: npt.NDArray[np.floating] | None) -> Future[F32]:
        """:meth:`update` in the background, while the caller tracks the next frame.

        Pairs of frames are measured side by side. Waits while four are under way, so that a
        fast reader fills no memory. An error of ``update`` is raised by the future's
        ``result()``; later frames go on.
        """
        while len(self._pending) >= 4:
            wait([self._pending.popleft()])
        try:
            pair = self._take(rgb, landmarks_px)
        except FaceError as error:
            return _done(error=error)
        if pair is None:
            return _done(self._unknown())
        future = flow_threads().submit(self._pair, *pair)
        self._pending.append(future)
        return future

    def _take(
        self, rgb: U8, landmarks_px: npt.NDArray[np.floating] | None
    ) -> tuple[U8, F64, U8, F64] | None:
        """Keep a frame; the pair that it completes, older first, or None."""
        if landmarks_px is None:
            self._kept.clear()
            return None
        self._kept.append((to_gray(rgb), check_landmarks(landmarks_px)))
        if len(self._kept) < (self._kept.maxlen or 0):
            return None
        return (*self._kept[0], *self._kept[-1])

    def _unknown(self) -> F32:
        return np.full((self.config.regions, 2), np.nan, np.float32)

    def _pair(self, old: U8, old_points: F64, new: U8, new_points: F64) -> F32:
        crop = face_crop(old_points, self.config)
        layout = region_layout(
            crop.points(old_points), self.config.windows, self.config.crop_size_px
        )
        before = cut(old, crop)
        place, after = self._follow(new, crop, new_points - old_points, before, layout)
        moved = np.array([place.left - crop.left, place.top - crop.top], np.float64)
        return region_motion(before, after, layout, self.config, moved * crop.scale)

    def _follow(
        self, image: U8, crop: FaceCrop, moved: F64, before: U8, layout: RegionLayout
    ) -> tuple[FaceCrop, U8]:
        """Follow the nose from where the landmarks (68,2) moved to, if they moved enough at all:
        their mean jitters far less than the pixel that following is about."""
        right, down = moved.mean(axis=0).tolist()
        motion_px2 = (right**2 + down**2) * crop.scale**2
        if not self.config.follow_nose or motion_px2 <= self.config.follow_above_px2:
            return crop, cut(image, crop)
        start = crop.moved(round(right), round(down))
        return follow(image, start, before, layout, self.config)


def _done(motion: F32 | None = None, error: FaceError | None = None) -> Future[F32]:
    """A future that is settled already."""
    future: Future[F32] = Future()
    if motion is None:
        future.set_exception(error)
    else:
        future.set_result(motion)
    return future
