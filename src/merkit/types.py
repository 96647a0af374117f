"""The nouns of merkit: frozen dataclasses, with units in the field names.

Array shapes: T frames, H height, W width, R facial regions, S side of an aligned face.
Frame numbers are those of the source: the digits in an image's file name, or the 0-based
decoding position in a video file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BeforeValidator

U8: TypeAlias = npt.NDArray[np.uint8]
F32: TypeAlias = npt.NDArray[np.float32]
F64: TypeAlias = npt.NDArray[np.float64]
I64: TypeAlias = npt.NDArray[np.int64]
Bool: TypeAlias = npt.NDArray[np.bool_]
#: a number that may be NaN, which a JSON file of merkit holds as null
Number: TypeAlias = Annotated[
    float, BeforeValidator(lambda value: np.nan if value is None else value)
]
T = TypeVar("T")


def nan_equal(cls: type[T]) -> type[T]:
    """Two of a dataclass are equal where their fields are, and NaN is equal to NaN. By itself that
    depends on the Python: up to 3.12 one NaN object is equal to itself, from 3.13 on none is."""
    names = [f.name for f in fields(cls) if f.compare]  # type: ignore[arg-type]

    def equal(self: object, other: object) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        return all(_alike(getattr(self, name), getattr(other, name)) for name in names)

    cls.__eq__ = equal  # type: ignore[method-assign]
    return cls


def _alike(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return bool(one == other or (np.isnan(one) and np.isnan(other)))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_alike(one[k], other[k]) for k in one)
    return bool(one == other)


@dataclass(frozen=True, slots=True)
class ActionUnit:
    """One coded FACS action unit (AU).

    ``side``: L or R unilateral, T top, B bottom, A asymmetric, "" bilateral or not coded.
    ``intensity``: A (trace) to E (maximum), "" when not coded.
    ``uncertain``: the coder wrote "?" or named alternatives ("12 or 14").
    """

    number: int
    side: Literal["", "L", "R", "T", "B", "A"] = ""
    intensity: Literal["", "A", "B", "C", "D", "E"] = ""
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Clip:
    """What is known of one expression before any pixel is read.

    ``media`` is a video file or a folder of images; ``first_frame`` to ``last_frame``
    (inclusive; None: to the end) is the part to read, which is onset to offset for a
    pre-cut database. ``action_units`` is None where the database has no AU codes, which is
    not the same as an empty tuple. ``raw`` holds the annotation row as distributed.
    """

    clip_id: str
    dataset: str
    subject: str
    media: Path
    fps_hz: float
    emotion: str
    first_frame: int | None = None
    last_frame: int | None = None
    onset_frame: int | None = None
    apex_frame: int | None = None
    offset_frame: int | None = None
    action_units: tuple[ActionUnit, ...] | None = None
    raw: Mapping[str, str] = field(default_factory=dict)

    @property
    def subject_key(self) -> str:
        """Subject id that is unique across databases (numbers repeat between them)."""
        return f"{self.dataset}/{self.subject}"


@dataclass(frozen=True, slots=True)
class Recording:
    """A long recording with its annotated expressions in order of time. The ``media`` of each
    event is the recording itself."""

    recording_id: str
    dataset: str
    subject: str
    media: Path
    fps_hz: float
    events: tuple[Clip, ...]


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What the container says; ``n_frames`` and ``duration_s`` may be estimates (or None)."""

    path: Path
    width_px: int
    height_px: int
    fps_hz: float
    n_frames: int | None
    duration_s: float | None
    rotation_deg: int = 0
    has_audio: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame: ``number`` as in the source, ``time_s`` from its own timestamp."""

    number: int
    time_s: float
    rgb: U8  # (H, W, 3)


@dataclass(frozen=True, slots=True)
class Frames:
    """A short run of frames in memory."""

    rgb: U8  # (T, H, W, 3)
    numbers: I64  # (T,)
    time_s: F64  # (T,)


@dataclass(frozen=True, slots=True)
class FaceTrack:
    """One face through T frames. Where ``found`` is False the values are the last known ones
    carried forward (or, before the first find, the first known ones), never guessed anew."""

    landmarks_px: F32  # (T, 68, 2) x, y in source pixels, iBUG 68-point order
    box_px: F32  # (T, 4) left, top, right, bottom
    found: Bool  # (T,)

    @property
    def found_share(self) -> float:
        """Share of frames in which the face was found, 0 to 1."""
        return float(self.found.mean()) if len(self.found) else 0.0


@dataclass(frozen=True, slots=True)
class Sample:
    """What a recipe makes of a clip: named arrays, no label.

    Names: ``rgb`` u8 (T,3,S,S); ``flow`` f32 (T,R,2) in pixels of the normalised face;
    ``flow_map`` u8 (3,M,M); ``time_s`` f64 (T,), absent where a flow map came as it is.
    """

    clip_id: str
    arrays: Mapping[str, np.ndarray]
    found_share: float = 1.0


@dataclass(frozen=True, slots=True)
class Fold:
    """Clip ids of one train/validation/test division. The only way to data."""

    name: str
    train: tuple[str, ...]
    val: tuple[str, ...]
    test: tuple[str, ...]
    unlabelled: tuple[str, ...] = ()  # target clips used without labels (transductive)


#: What a movement is: the two kinds of expression, and what is brief without being one.
EventKind = Literal["micro", "macro", "blink", "gaze shift", "speech", "head movement"]
#: The kinds that are expressions.
EXPRESSIONS: tuple[EventKind, ...] = ("micro", "macro")
#: Why nothing can be told for a while; ``excluded``: a coder left it out of a review.
StretchKind = Literal[
    "no face",
    "occluded",
    "at the border",
    "speech",
    "head movement",
    "too few pixels",
    "too low a frame rate",
    "excluded",
]
#: What a stretch is about: nothing can be told of the whole face, or of its lower half only.
FacePart = Literal["face", "lower face"]


@nan_equal
@dataclass(frozen=True, slots=True)
class RegionMotion:
    """How far one region of the face moved from the onset to the apex.

    ``region``: such as ``mouth corner``; ``side``: ``left`` or ``right`` of the person, "" for a
    region in the middle. ``right_px`` and ``down_px``: in the
    picture, in pixels of the normalised face (256 px).
    """

    region: str
    side: Literal["left", "right", ""]
    right_px: Number
    down_px: Number

    @property
    def motion_px(self) -> float:
        return float(np.hypot(self.right_px, self.down_px))


@nan_equal
@dataclass(frozen=True, slots=True)
class UnitScore:
    """How probable an action unit is on the person's left and right, 0 to 1, and on which sides a
    recogniser calls it present."""

    number: int
    left: Number
    right: Number
    on_left: bool = False
    on_right: bool = False

    @property
    def facs(self) -> str:
        """As FACS writes it: 4 on both sides, L12 on the left alone; "" where it is not called."""
        if not (self.on_left or self.on_right):
            return ""
        side = "" if self.on_left and self.on_right else "L" if self.on_left else "R"
        return f"{side}{self.number}"


@nan_equal
@dataclass(frozen=True, slots=True)
class Event:
    """A facial movement found in a longer recording.

    Frames are those of the source, times those of its own clock. ``motion_px``: how far the
    strongest region moved, in pixels of the face normalised to about 256 px; ``motion_share``: the
    same in shares of the distance between the eye centres; ``threshold_px``: what the movement had
    to exceed at this time. ``regions``: what moved, the strongest first. ``quality``: 0 to 1, with
    ``reasons`` for what lowers it, or for why it is no micro-expression. ``found_share``: share of
    its frames that show the face. ``label``, ``score`` (the probability of that label),
    ``probabilities`` of the classes and ``units`` come from a model; without one they are empty and
    NaN. Where it abstains it leaves ``label`` empty, and the last of ``reasons`` says why.
    """

    kind: EventKind
    onset_s: float
    apex_s: float
    offset_s: float
    onset_frame: int
    apex_frame: int
    offset_frame: int
    motion_px: Number
    motion_share: Number
    threshold_px: Number
    regions: tuple[RegionMotion, ...] = ()
    quality: Number = 1.0
    reasons: tuple[str, ...] = ()
    found_share: Number = 1.0
    label: str = ""
    score: Number = np.nan
    probabilities: Mapping[str, Number] = field(default_factory=dict)
    units: tuple[UnitScore, ...] = ()

    @property
    def duration_s(self) -> float:
        return self.offset_s - self.onset_s

    @property
    def action_units(self) -> str:
        """The action units that are called present, such as ``1+2+L12``; "" for none."""
        return "+".join(filter(None, (unit.facs for unit in self.units)))


@dataclass(frozen=True, slots=True)
class Stretch:
    """From when to when, both inclusive, nothing can be told of a part of the face, and why."""

    kind: StretchKind
    start_s: float
    end_s: float
    first_frame: int
    last_frame: int
    part: FacePart = "face"
    reason: str = ""

    @property
    def title(self) -> str:
        """Why nothing can be told, and of what where it is not the whole face: such as
        ``speech (lower face)``."""
        return self.kind if self.part == "face" else f"{self.kind} ({self.part})"


@dataclass(frozen=True)
class EpochRecord:
    """One epoch: mean training loss, and the validation scores (None without validation).
    ``val_uf1``: of action units, mean F1."""

    epoch: int
    train_loss: float
    val_loss: float | None = None
    val_uf1: float | None = None
    seconds: float = 0.0


#: What became of averaging weights over late epochs (``training.swa_start``): none was wanted; the
#: model holds the average; patience ended the training before; the epoch chosen lies before.
Averaging = Literal["", "averaged", "never reached", "after the best epoch"]

Level = Literal["broken", "differs", "note", "ok"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of a check: of a database's audit, or of a diagnosis of the machine.

    ``level``: ``broken``, must be mended before anything else means something; ``differs``, not
    as published, and it is for the user to judge; ``note``, worth knowing; ``ok``, as it should
    be. ``what``: the kind, in few words. ``clip``: clip id, fold or file; "" for the whole.
    ``fix``: what to do.
    """

    level: Level
    what: str
    detail: str
    clip: str = ""
    fix: str = ""
