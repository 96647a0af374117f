"""From a plan to frames, and to the truth about each frame.

Skin at rest point q moves to q + u(q), then the head moves as a whole. A frame looks up, for
each of its pixels, the rest point that came there: the head motion is undone exactly, the
skin motion by one fixed-point step, u(q - u(q)), and by several where motion is large.

In a blink the upper lid comes down over the eye. The photograph shows next to no lid skin, so the
lid is painted: skin mirrored from just below the eye, shaded as a rounded surface, with a soft
crease above and lashes at its edge.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from merkit.synthetic.action_units import displacement_field, shading_field
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.identity import MARGIN_PX, SUPERSAMPLE, Identity, sample
from merkit.synthetic.motion import draw_courses
from merkit.synthetic.plan import PlannedEvent, PlannedVideo, video_rng
from merkit.types import F32, F64, U8

#: relative darkening of a fold of depth 1 for each pixel of motion at 256 px face width
FOLD_DEPTH_PER_PX = 0.035
#: fixed-point steps that undo the skin motion of a macro-expression
_MACRO_STEPS = 12
#: lengths in eye widths
_ABOVE, _BELOW, _SOFT, _LASHES = 0.08, 0.05, 0.14, 0.03


@dataclass(frozen=True, eq=False)
class EventFields:
    """Fields of one event at intensity 1. K action units."""

    motion: F32  # (K, H, W, 2) displacement in frame pixels
    shade: F32  # (K, H, W) relative change of brightness


def event_fields(config: SynthConfig, identity: Identity, event: PlannedEvent) -> EventFields:
    """Scaled so that the largest displacement at the apex is the planned amplitude."""
    points, size = identity.landmarks_px, config.size_px
    motion = np.stack(
        [u.weight * displacement_field(u.number, u.side, points, size) for u in event.units]
    )
    largest = np.linalg.norm(motion.sum(axis=0), axis=-1).max()
    motion *= np.float32(event.amplitude_px * identity.scale / largest)
    depth = FOLD_DEPTH_PER_PX * config.fold_strength * event.amplitude_px
    shade = np.stack(
        [u.weight * shading_field(u.number, u.side, points, size) for u in event.units]
    )
    return EventFields(motion, np.float32(depth) * shade)


class Renderer:
    """Makes the frames of one video, in order."""

    def __init__(self, config: SynthConfig, identity: Identity, video: PlannedVideo) -> None:
        self.config, self.identity, self.video = config, identity, video
        self.rng = video_rng(config, video)
        self.courses = draw_courses(config, video, self.rng)
        width, height = config.size_px
        grid = np.meshgrid(np.arange(width), np.arange(height))
        self.grid = np.stack(grid, axis=-1).astype(np.float32)
        self._fields: tuple[int, EventFields] | None = None
        self.unit_peak_px = [np.zeros(len(event.units)) for event in video.events]
        self.peak_px = np.zeros(video.n_frames)
        self.mean_px = np.zeros(video.n_frames)
        self.landmarks_px = np.zeros((video.n_frames, 68, 2), np.float32)

    def __iter__(self) -> Iterator[U8]:
        """(H, W, 3) RGB frames. Truth arrays are complete once all frames were taken."""
        for t in range(self.video.n_frames):
            yield self._frame(t)

    def truth(self) -> dict[str, np.ndarray]:
        """Arrays of the truth file; see docs/synthetic.md."""
        codes = [u.code(e.amplitude_px) for e in self.video.events for u in e.units]
        curves = np.concatenate([*self.courses.intensity, np.zeros((0, self.video.n_frames))])
        return {
            "action_units": np.array(codes, dtype="U8"),
            "intensity": curves.astype(np.float32).T,
            "unit_peak_px": np.concatenate([*self.unit_peak_px, []]).astype(np.float32),
            "peak_px": self.peak_px.astype(np.float32),
            "mean_px": self.mean_px.astype(np.float32),
            "landmarks_px": self.landmarks_px,
            "head": self.courses.head.astype(np.float32),
            "blink": self.courses.blink.astype(np.float32),
            "gain": self.courses.gain.astype(np.float32),
            "time_s": self.courses.time_s,
        }

    def _frame(self, t: int) -> U8:
        head, skin = self._head_matrix(t), self._skin(t)
        self._note_truth(t, None if skin is None else skin[0], head)
        undo = cv2.invertAffineTransform(head)
        source = self.grid @ undo[:, :2].T.astype(np.float32) + undo[:, 2].astype(np.float32)
        bright: F32 | float = 1.0
        if skin is not None:
            motion, shade = skin
            layers = np.dstack([-self._undone(t, motion), shade])
            moved = np.asarray(cv2.warpAffine(layers, head, self.config.size_px), np.float32)
            source += moved[..., :2]
            bright = 1.0 + moved[..., 2:]
        places = (source + MARGIN_PX) * SUPERSAMPLE
        picture = sample(self._canvas(t), places, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101)
        return self._sensor(t, picture, bright)

    def _undone(self, t: int, motion: F32) -> F32:
        """(H, W, 2) displacement of the skin that came to each place."""
        undone, large = motion, any(e.kind == "macro" for e in self._acting(t))
        for _ in range(_MACRO_STEPS if large else 1):
            undone = sample(motion, self.grid - undone)
        return undone

    def _acting(self, t: int) -> list[PlannedEvent]:
        return [e for e in self.video.events if e.onset <= t <= e.offset]

    def _canvas(self, t: int) -> U8:
        closure = float(self.courses.blink[t])
        if closure == 0.0:
            return self.identity.canvas
        canvas = self.identity.canvas.copy()
        points = (self.identity.landmarks_px + MARGIN_PX) * SUPERSAMPLE
        for first in (36, 42):
            lower = [first, first + 5, first + 4, first + 3]
            _close_eye(canvas, points[first : first + 4], points[lower], closure)
        return canvas

    def _head_matrix(self, t: int) -> F64:
        """(2, 3) head motion about the centre of the face."""
        x, y, angle, log_scale = self.courses.head[t]
        centre = self.identity.landmarks_px.mean(axis=0)
        matrix = cv2.getRotationMatrix2D(tuple(centre), angle, float(np.exp(log_scale)))
        matrix[:, 2] += (x, y)
        return np.asarray(matrix)

    def _skin(self, t: int) -> tuple[F32, F32] | None:
        """Displacement (H, W, 2) and shading (H, W) of frame t, None where all is at rest."""
        for i, event in enumerate(self.video.events):
            intensity = self.courses.intensity[i][:, t].astype(np.float32)
            if event.onset <= t <= event.offset and intensity.any():
                fields = self._event_fields(i)
                motion = np.tensordot(intensity, fields.motion, 1)
                return motion, np.tensordot(intensity, fields.shade, 1)
        return None

    def _event_fields(self, i: int) -> EventFields:
        """Events come one after another, so only the last one's fields are kept."""
        if self._fields is None or self._fields[0] != i:
            fields = event_fields(self.config, self.identity, self.video.events[i])
            self._fields = (i, fields)
            self.unit_peak_px[i] = np.linalg.norm(fields.motion, axis=-1).max(axis=(1, 2))
        return self._fields[1]

    def _sensor(self, t: int, picture: U8, bright: F32 | float) -> U8:
        config, gain = self.config, np.float32(self.courses.gain[t])
        if config.noise_std == 0.0 and config.flicker == 0.0 and isinstance(bright, float):
            return picture
        value = picture * (bright * gain)
        if config.noise_std > 0.0:
            noise = self.rng.standard_normal(value.shape, np.float32)
            value += np.float32(config.noise_std) * noise
        value += 0.5
        return np.clip(value, 0.0, 255.0).astype(np.uint8)

    def _note_truth(self, t: int, motion: F32 | None, head: F64) -> None:
        points = self.identity.landmarks_px.astype(np.float32)
        if motion is not None:
            length = np.sqrt(motion[..., 0] ** 2 + motion[..., 1] ** 2)
            self.peak_px[t] = length.max()
            self.mean_px[t] = length[self.identity.face].mean()
            points = points + sample(motion, points[:, None])[:, 0]
        self.landmarks_px[t] = points @ head[:, :2].T + head[:, 2]


def _close_eye(canvas: U8, top: F64, bottom: F64, closure: float) -> None:
    """Paint over one eye: its lids (4, 2), corner to corner; closure 0 open to 1 closed."""
    eye = float(top[-1, 0] - top[0, 0])
    first = np.maximum(np.array([top[0, 0] - 0.15 * eye, top[:, 1].min() - 0.4 * eye]), 0)
    last = np.array([top[-1, 0] + 0.15 * eye, bottom[:, 1].max() + 0.3 * eye])
    (left, above), (right, below) = first.astype(int), last.astype(int)
    x = np.arange(left, right, dtype=float)[None, :]
    y = np.arange(above, below, dtype=float)[:, None]
    taper = _arc(x, top)
    lid = np.interp(x, top[:, 0], top[:, 1]) - _ABOVE * eye * taper
    low = np.interp(x, bottom[:, 0], bottom[:, 1]) + _BELOW * eye * taper
    edge = lid + closure * (low - lid)
    cover = _rise((y - lid) / (_SOFT * eye)) * _rise((edge - y) / (0.15 * _SOFT * eye))
    cover *= np.sqrt(taper) * min(1.0, 4.0 * closure)
    places = np.stack(np.broadcast_arrays(x, low + 0.14 * eye + 0.5 * (edge - y)), axis=-1)
    skin = sample(canvas, places).astype(float) * _roundness(y, lid, edge)[..., None]
    skin *= _shadow(canvas, top, bottom, eye)
    lashes = np.exp(-0.5 * ((y - edge) / (_LASHES * eye)) ** 2) * taper * min(1.0, 3.0 * closure)
    region = canvas[above:below, left:right]
    mixed = region + cover[..., None] * (skin - region)
    mixed *= 1.0 - 0.6 * lashes[..., None]
    region[:] = np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _shadow(canvas: U8, top: F64, bottom: F64, eye: float) -> float:
    """How much darker the skin over the eye is than the cheek, softened: the socket's shadow."""
    over = sample(canvas, (top[None, 1:3] - np.array([0.0, 0.2 * eye]))).mean()
    under = sample(canvas, (bottom[None, 1:3] + np.array([0.0, 0.2 * eye]))).mean()
    return float(np.clip((over + 1.0) / (under + 1.0), 0.5, 1.0) ** 0.7)


def _roundness(y: F64, lid: F64, edge: F64) -> F64:
    """Darker under the brow and towards the lashes, as on a ball lit from the front."""
    across = np.clip((y - lid) / np.maximum(edge - lid, 1.0), 0.0, 1.0)
    return np.asarray(0.8 + 0.2 * np.sin(np.pi * (0.15 + 0.7 * across)))


def _rise(x: F64) -> F64:
    return np.asarray(np.clip(x + 0.5, 0.0, 1.0))


def _arc(columns: F64, lid: F64) -> F64:
    """0 at the corners of an eye and beyond, 1 in the middle."""
    across = np.clip((columns - lid[0, 0]) / (lid[-1, 0] - lid[0, 0]), 0.0, 1.0)
    return np.asarray(4.0 * across * (1.0 - across))
