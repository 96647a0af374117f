"""From a plan to frames, and to the truth about each frame.

Skin at rest point q moves to q + u(q), then the head moves as a whole. A frame looks up, for
each of its pixels, the rest point that came there: the head motion is undone exactly, the
skin motion by one fixed-point step, u(q - u(q)), and by several where motion is large. The jaw's
share in u, which parts at the lips, is undone exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np

from merkit.synthetic.action_units import displacement_field, shading_field
from merkit.synthetic.config import SynthConfig
from merkit.synthetic.eyes import with_gaze
from merkit.synthetic.gaze import draw_gaze
from merkit.synthetic.identity import MARGIN_PX, SUPERSAMPLE, Identity, sample
from merkit.synthetic.lids import with_lids_closed
from merkit.synthetic.motion import draw_courses
from merkit.synthetic.mouth import Mouth
from merkit.synthetic.plan import PlannedEvent, PlannedVideo, video_rng
from merkit.synthetic.talk import draw_talk
from merkit.synthetic.turns import head_turns
from merkit.types import F32, F64, U8

#: relative darkening of a fold of depth 1 for each pixel of motion at 256 px face width
FOLD_DEPTH_PER_PX = 0.035
#: fixed-point steps that undo large skin motion
_MANY_STEPS = 12
#: largest motion of lips drawn together or apart in talk, in pixels at 256 px face width
_LIPS_PX = 4.0


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


@dataclass(frozen=True, eq=False)
class _Look:
    """One frame of the face before the head moves."""

    back: F32  # (H, W, 2) from a place to where its skin came from
    shade: F32  # (H, W) relative change of brightness
    inside: F32 | None = None  # (H, W, 4) colour between the lips, and how much of it is seen


class Renderer:
    """Makes the frames of one video, in order."""

    def __init__(self, config: SynthConfig, identity: Identity, video: PlannedVideo) -> None:
        self.config, self.identity, self.video = config, identity, video
        self.rng = video_rng(config, video)
        courses = draw_courses(config, video, self.rng)
        self.courses = replace(courses, head=courses.head + head_turns(config, video))
        width, height = config.size_px
        grid = np.meshgrid(np.arange(width), np.arange(height))
        self.grid = np.stack(grid, axis=-1).astype(np.float32)
        self.talk = draw_talk(config, video)
        self.gaze = draw_gaze(config, video)
        self._mouth = Mouth(identity, config.size_px)
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
            **self._talk_truth(),
            **self._gaze_truth(),
        }

    def _talk_truth(self) -> dict[str, np.ndarray]:
        if not any(stretch.kind == "talk" for stretch in self.video.stretches):
            return {}
        lips_px = self.talk.lips * _LIPS_PX * self.identity.scale
        found = {"talk_px": self.talk.opening_px, "talk_lips_px": lips_px}
        return {name: course.astype(np.float32) for name, course in found.items()}

    def _gaze_truth(self) -> dict[str, np.ndarray]:
        if not any(stretch.kind == "gaze" for stretch in self.video.stretches):
            return {}
        points = self.identity.landmarks_px
        eyes_px = points[[39, 45], 0] - points[[36, 42], 0]
        return {"gaze_px": (self.gaze * eyes_px.mean()).astype(np.float32)}

    def _frame(self, t: int) -> U8:
        head, look = self._head_matrix(t), self._look(t)
        undo = cv2.invertAffineTransform(head)
        source = self.grid @ undo[:, :2].T.astype(np.float32) + undo[:, 2].astype(np.float32)
        bright: F32 | float = 1.0
        if look is not None:
            moved = self._with_head(np.dstack([look.back, look.shade]), head)
            source += moved[..., :2]
            bright = 1.0 + moved[..., 2:]
        places = (source + MARGIN_PX) * SUPERSAMPLE
        picture = sample(self._canvas(t), places, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101)
        if look is not None and look.inside is not None:
            inside = self._with_head(look.inside, head)
            mixed = picture + inside[..., 3:] * (inside[..., :3] - picture)
            picture = np.clip(np.round(mixed), 0, 255).astype(np.uint8)
        return self._sensor(t, picture, bright)

    def _canvas(self, t: int) -> U8:
        """The person at rest, as the eyes are in frame t."""
        identity, closure = self.identity, float(self.courses.blink[t])
        if self.gaze[t].any():
            identity = replace(identity, canvas=with_gaze(identity, self.gaze[t]))
        return with_lids_closed(identity, closure) if closure else identity.canvas

    def _with_head(self, layers: F32, head: F64) -> F32:
        return np.asarray(cv2.warpAffine(layers, head, self.config.size_px), np.float32)

    def _look(self, t: int) -> _Look | None:
        """Where the skin of frame t came from; None where all is at rest. Notes the truth."""
        skin, opening = self._skin(t), float(self.talk.opening_px[t])
        self._note_truth(t, None if skin is None else skin[0], opening)
        opened = self._mouth.opened(opening) if opening > 0.0 else None
        if opened is None:
            return None if skin is None else _Look(-self._undone(t, skin[0]), skin[1])
        jaw = np.dstack([np.zeros_like(opened.back_px), opened.back_px])
        inside = np.dstack([opened.colour, opened.cover])
        if skin is None:
            return _Look(jaw, np.zeros_like(opened.cover), inside)
        back, place = jaw, self.grid
        for _ in range(_MANY_STEPS):
            place = self.grid - sample(skin[0], self.grid + back)
            back = place - self.grid + sample(jaw, place)
        return _Look(back, sample(skin[1], self.grid + back), sample(inside, place))

    def _undone(self, t: int, motion: F32) -> F32:
        """(H, W, 2) displacement of the skin that came to each place."""
        undone, large = motion, self.talk.lips[t] != 0.0
        large |= any(e.kind == "macro" and e.onset <= t <= e.offset for e in self.video.events)
        for _ in range(_MANY_STEPS if large else 1):
            undone = sample(motion, self.grid - undone)
        return undone

    def _head_matrix(self, t: int) -> F64:
        """(2, 3) head motion about the centre of the face."""
        x, y, angle, log_scale = self.courses.head[t]
        centre = self.identity.landmarks_px.mean(axis=0)
        matrix = cv2.getRotationMatrix2D(tuple(centre), angle, float(np.exp(log_scale)))
        matrix[:, 2] += (x, y)
        return np.asarray(matrix)

    def _skin(self, t: int) -> tuple[F32, F32] | None:
        """Displacement (H, W, 2) and shading (H, W) of frame t without the jaw's; None where all
        is at rest."""
        expression, lips = self._expression(t), float(self.talk.lips[t])
        if lips == 0.0:
            return expression
        motion = np.float32(abs(lips)) * self._lip_fields[0 if lips < 0.0 else 1]
        if expression is None:
            return motion, np.zeros_like(motion[..., 0])
        return expression[0] + motion, expression[1]

    def _expression(self, t: int) -> tuple[F32, F32] | None:
        for i, event in enumerate(self.video.events):
            intensity = self.courses.intensity[i][:, t].astype(np.float32)
            if event.onset <= t <= event.offset and intensity.any():
                fields = self._event_fields(i)
                motion = np.tensordot(intensity, fields.motion, 1)
                return motion, np.tensordot(intensity, fields.shade, 1)
        return None

    @cached_property
    def _lip_fields(self) -> tuple[F32, F32]:
        """Lips drawn together and apart, as in action units 18 and 20."""
        together, apart = (
            displacement_field(au, "", self.identity.landmarks_px, self.config.size_px)
            * np.float32(_LIPS_PX * self.identity.scale)
            for au in (18, 20)
        )
        return together, apart

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

    def _note_truth(self, t: int, motion: F32 | None, opening: float) -> None:
        """``motion``: of the skin without the jaw's."""
        points = rest = self.identity.landmarks_px.astype(np.float32)
        if motion is not None:
            points = points + sample(motion, rest[:, None])[:, 0]
        if opening > 0.0:
            jaw = self._mouth.field(opening).astype(np.float32)
            motion = jaw if motion is None else motion + jaw
            # the truth's own landmarks: rounded ones may lie on the other lip
            at_landmarks = self._mouth.displacement(self.identity.landmarks_px, opening)
            points = points + at_landmarks.astype(np.float32)
        if motion is not None:
            length = np.sqrt(motion[..., 0] ** 2 + motion[..., 1] ** 2)
            self.peak_px[t] = length.max()
            self.mean_px[t] = length[self.identity.face].mean()
        head = self._head_matrix(t)
        self.landmarks_px[t] = points @ head[:, :2].T + head[:, 2]
