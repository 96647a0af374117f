"""Training-free spotting: where in a long video a brief facial movement comes and goes.

Motion is read against the frame k before (k about half a micro-expression). At an apex the
motion that led there and the motion that leads away point in opposite directions, while a
turning head keeps its direction and drops out: the idea of the main directional maximal
difference (Wang et al. 2017, MDMD) and of the long-video spotting of He 2022, which reads 14 of
these regions. Thresholds follow the video's own noise, with a floor in pixels.
"""

from __future__ import annotations

from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from merkit.config import check_settings
from merkit.errors import ConfigError, FaceError
from merkit.face import FaceFollower, TrackConfig
from merkit.face.regions import region_indices
from merkit.face.upright import quarter_turns, turned_frames
from merkit.flow import FlowConfig, RoiFlowStream
from merkit.progress import Progress, silent
from merkit.types import F32, F64, I64, FaceTrack, VideoInfo

#: Frames a second that spotting looks at; faster video is thinned to about this.
TRACK_HZ = 50.0
#: Whole brows, whose boxes end at the upper lid, and lower eyelids (of the eighteen regions).
_REACHED_BY_LIDS = (0, 4, 16, 17)


@dataclass(frozen=True)
class SpotConfig:
    """Settings of spotting; none is fitted to data.

    ``duration_s``: expected length of a micro-expression; k is half of it. ``smooth_s``: sigma
    of the Gaussian over time. ``top_regions``: the signal is the mean over this many regions
    that differ most. ``ignore_blinks`` leaves out the regions that closing lids reach (whole
    brows and lower eyelids), and with them AU 6 and 7 where they come alone. ``floor_px``: least
    height of a peak in pixels of the normalised face. ``noise_factor``: a peak is also to exceed
    median + this many robust standard deviations (1.4826 median absolute deviations) of the
    video's signal. ``edge_share``: onset and offset are where the signal has fallen to this
    share of the peak. ``min_duration_s`` and ``max_duration_s`` bound what is reported; a longer
    movement is a macro-expression.
    """

    duration_s: float = 0.5
    smooth_s: float = 0.03
    top_regions: int = 3
    ignore_blinks: bool = True
    floor_px: float = 0.35
    noise_factor: float = 4.0
    edge_share: float = 0.3
    min_duration_s: float = 0.06
    max_duration_s: float = 0.8

    def __post_init__(self) -> None:
        positive = ("duration_s", "top_regions", "floor_px", "max_duration_s")
        wanted = {name: (getattr(self, name) > 0, "above 0") for name in positive}
        for name in ("smooth_s", "noise_factor", "min_duration_s"):
            wanted[name] = (getattr(self, name) >= 0, "0 or more")
        wanted["edge_share"] = (0 < self.edge_share < 1, "between 0 and 1")
        check_settings(self, "spot", wanted)

    def lag_frames(self, fps_hz: float) -> int:
        """k: how far back the reference frame lies, for ``RoiFlowStream``, at least 1.

        Raises:
            ConfigError: a frame rate that is not above 0.
        """
        if not fps_hz > 0:
            raise ConfigError(f"frame rate {fps_hz} Hz", "above 0")
        return max(1, round(self.duration_s / 2 * fps_hz))


@dataclass(frozen=True, slots=True)
class Window:
    """A candidate: positions in the signal (0-based, inclusive) and height of the peak."""

    onset: int
    apex: int
    offset: int
    peak_px: float


def motion_signal(motion: F32, fps_hz: float, config: SpotConfig) -> F64:
    """How strongly the face moves towards frame i and back again, for every frame.

    s_i = mean over the top regions of |m_i - m_(i+k)| / 2, where m_i is the motion from frame
    i-k to frame i; the mean is smoothed over time. A movement shorter than k on each side
    gives its own displacement in pixels; steady drift gives zero.

    Args:
        motion: (N,R,2) of ``RoiFlowStream`` with ``lag_frames = config.lag_frames(fps_hz)``;
            NaN where it is not known; R 18 or 14.
        fps_hz: frames a second.

    Returns:
        F64 (N,), pixels. Zero where m_i or m_(i+k) is not known: in the first and last k
        frames, and around frames without a face.

    Raises:
        ConfigError: motion of another shape, or a bad frame rate.
    """
    if motion.ndim != 3 or motion.shape[2] != 2:
        raise ConfigError(f"region motion of shape {motion.shape}", "(N, R, 2)")
    indices = region_indices(motion.shape[1])
    if config.ignore_blinks:
        motion = motion[:, [i not in _REACHED_BY_LIDS for i in indices]]
    k = config.lag_frames(fps_hz)
    signal = np.zeros(len(motion))
    if len(motion) <= k:
        return signal
    turn = np.linalg.norm(motion[:-k] - motion[k:], axis=2) / 2
    top = min(config.top_regions, turn.shape[1])
    signal[:-k] = np.partition(turn, -top, axis=1)[:, -top:].mean(axis=1)
    signal = np.nan_to_num(signal, nan=0.0)
    if config.smooth_s * fps_hz > 0:
        signal = gaussian_filter1d(signal, config.smooth_s * fps_hz, mode="nearest")
    return signal


def spot(signal: F64, fps_hz: float, config: SpotConfig) -> list[Window]:
    """Candidate windows of a signal from :func:`motion_signal`, in order of time.

    A movement leaves echoes of half its height k frames before and after (m_i and m_(i+k) each
    see it once more). So peaks are taken from the highest down, and those less than 1.5 k from
    one that is taken are left out.

    Raises:
        ConfigError: a signal that is not one-dimensional and finite, or a bad frame rate.
    """
    if signal.ndim != 1 or not np.isfinite(signal).all():
        raise ConfigError(f"spotting signal of shape {signal.shape}", "(N,), all finite")
    k = config.lag_frames(fps_hz)
    if len(signal) < 3:
        return []
    # A peak needs lower neighbours: the ends of the recording count as rest.
    padded = np.concatenate([[0.0], signal, [0.0]])
    peaks: I64 = find_peaks(padded, height=threshold_px(signal, config))[0] - 1
    apexes = _without_echoes(peaks, signal, round(1.5 * k))
    windows = [_window(signal, apex, 2 * k, config) for apex in apexes]
    return [
        w
        for w in windows
        if config.min_duration_s <= (w.offset - w.onset) / fps_hz <= config.max_duration_s
    ]


def threshold_px(signal: F64, config: SpotConfig) -> float:
    """Least height of a peak: the floor, or what stands out of the video's own noise."""
    median = float(np.median(signal))
    spread = 1.4826 * float(np.median(np.abs(signal - median)))
    return max(config.floor_px, median + config.noise_factor * spread)


def _without_echoes(peaks: I64, signal: F64, distance: int) -> list[int]:
    taken: list[int] = []
    for peak in sorted(peaks.tolist(), key=lambda i: (-signal[i], i)):
        if all(abs(peak - other) > distance for other in taken):
            taken.append(peak)
    return sorted(taken)


def _window(signal: F64, apex: int, reach: int, config: SpotConfig) -> Window:
    """From the apex outwards on both sides."""
    back = signal[max(0, apex - reach) : apex + 1][::-1]
    ahead = signal[apex : apex + reach + 1]
    onset, offset = apex - _edge(back, config), apex + _edge(ahead, config)
    return Window(onset, apex, offset, float(signal[apex]))


def _edge(falling: F64, config: SpotConfig) -> int:
    """Steps from the peak (the first value) to where it has fallen to the edge share, or to the
    valley before it rises again by a tenth of the peak, as it does where an echo begins."""
    peak, lowest = falling[0], 0
    for step, value in enumerate(falling):
        if value < falling[lowest]:
            lowest = step
        if value <= config.edge_share * peak or value > falling[lowest] + 0.1 * peak:
            break
    return lowest


@dataclass(frozen=True)
class TrackedVideo:
    """What one pass saw in N frames, at about ``rate_hz``.

    ``motion`` is NaN where nothing is known: no face, none before it, or one that the border
    cuts off. ``turns``: the pictures were turned left by so many quarters. ``place``: of the face
    that was followed, from the left, among ``n_faces``, the most seen at once.
    """

    info: VideoInfo
    rate_hz: float
    numbers: I64  # (N,)
    time_s: F64  # (N,)
    face: FaceTrack
    motion: F32  # (N,R,2)
    turns: int = 0
    place: int = 0
    n_faces: int = 0

    def face_at(self, numbers: I64) -> FaceTrack:
        """The face in these frames of the source, as it was in the nearest one seen."""
        nearest = np.abs(self.numbers[None, :] - numbers[:, None]).argmin(axis=1)
        face = self.face
        return FaceTrack(face.landmarks_px[nearest], face.box_px[nearest], face.found[nearest])


def track_video(
    video: Path,
    track: TrackConfig,
    config: SpotConfig,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> TrackedVideo:
    """Track the face and measure region motion through a whole video, in one streaming pass.

    Only landmarks and region motion are kept, a few kilobytes a frame, so a video of any length
    and size fits in memory. Motion is measured in the background while the next frame is tracked.

    Raises:
        VideoError, MissingDataError: the video cannot be read.
    """
    from merkit.video import iter_frames, probe

    turns = quarter_turns(iter_frames(video, fps_hz=fps_hz))
    info = probe(video, fps_hz)
    step = max(1, round(info.fps_hz / TRACK_HZ))
    rate_hz = info.fps_hz / step
    follower = FaceFollower(track)
    stream = RoiFlowStream(FlowConfig(), config.lag_frames(rate_hz))
    expected = -(-(info.n_frames or 0) // step)
    numbers: list[int] = []
    times: list[float] = []
    moving: list[Future[F32]] = []
    frames = turned_frames(iter_frames(video, step=step, fps_hz=fps_hz), turns)
    for frame, face in follower.follow(frames):
        moving.append(stream.submit(frame.rgb, None if face is None else face.landmarks_px))
        numbers.append(frame.number)
        times.append(frame.time_s)
        progress(f"tracking {video.name}", len(numbers), max(expected, len(numbers)))
    followed = follower.track()
    motion = np.full((len(moving), stream.config.regions, 2), np.nan, np.float32)
    for i in np.flatnonzero(followed.found):
        with suppress(FaceError):  # its motion stays unknown
            motion[i] = moving[i].result()
    return TrackedVideo(
        info,
        rate_hz,
        np.array(numbers),
        np.array(times),
        followed,
        motion,
        turns,
        follower.place,
        follower.n_faces,
    )
