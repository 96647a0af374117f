"""What is measured; torch-free, so help is fast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from merkit.config import check_settings
from merkit.flow.config import Estimator
from merkit.runs.config import MethodConfig
from merkit.synthetic.config import SynthConfig


@dataclass(frozen=True, kw_only=True)
class BenchLosoConfig(MethodConfig):
    """Measure a leave-one-subject-out run on random clips.

    Every training by itself, and many at once as ``evaluate`` would, for a stated number of steps
    each; then what a whole run takes at that rate, on the cores of this machine.

    Args:
        out: file of the result, JSON; nothing is written without one.
        subjects: people, each a fold.
        clips: of all people together.
        seeds: trainings of each fold.
        steps: of each training that is measured.
        sample: trainings measured by themselves.
        classes: C.
        memory_gb: what trainings at once may take.
    """

    out: Path | None = None
    method: str = "ststnet"
    device: str = "cpu"
    subjects: int = 68
    clips: int = 442
    seeds: int = 1
    steps: int = 10
    sample: int = 2
    classes: int = 3
    memory_gb: float = 4.0

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = {
            "subjects": (self.subjects >= 2, "2 or more"),
            "clips": (self.clips >= 2 * self.subjects, "two a subject or more"),
            "seeds": (self.seeds >= 1, "1 or more"),
            "steps": (self.steps >= 2, "2 or more: the first is not counted"),
            "sample": (1 <= self.sample <= self.subjects, "1 to the number of subjects"),
            "classes": (self.classes >= 2, "2 or more"),
        }
        check_settings(self, "", wanted)


@dataclass(frozen=True, kw_only=True)
class BenchFlowConfig:
    """Measure the flow estimators on pairs of generated faces, onset and apex.

    Each against the plain call of the library that has it: TV-L1 against scikit-image's, as the
    field uses it; Farneback and DIS against OpenCV's.

    Args:
        out: file of the result, JSON; nothing is written without one.
        estimators: which ones.
        pairs: of crops, each of another face.
        repeats: how often each pair is measured.
        crop_size_px: side of a crop; recipes have 256.
        seed: of the faces.
    """

    out: Path | None = None
    estimators: tuple[Estimator, ...] = get_args(Estimator)
    pairs: int = 6
    repeats: int = 5
    crop_size_px: int = 256
    seed: int = 0

    def __post_init__(self) -> None:
        known = get_args(Estimator)
        different = 0 < len(self.estimators) == len(set(self.estimators) & set(known))
        wanted = {
            "estimators": (different, f"one or more different ones of: {', '.join(known)}"),
            "pairs": (self.pairs >= 1, "1 or more"),
            "repeats": (self.repeats >= 1, "1 or more"),
            "crop_size_px": (64 <= self.crop_size_px <= 1024, "64 to 1024"),
            "seed": (self.seed >= 0, "0 or more"),
        }
        check_settings(self, "", wanted)

    def faces(self) -> SynthConfig:
        """The generated people, one a pair."""
        return SynthConfig(
            subjects=self.pairs,
            clips_per_class=1,
            seed=self.seed,
            size_px=(640, 480),
            face_width_px=300.0,
        )


@dataclass(frozen=True, kw_only=True)
class BenchPrepareConfig(MethodConfig):
    """Measure how fast the samples of a method are made, on a generated database.

    Conventional: clip by clip in one process, every frame of a clip decoded, the face searched anew
    in each frame that is looked at, scikit-image's TV-L1. Ours: what ``merkit prepare`` does, into
    an empty store, and then for a second recipe into the same one. The names of what is generated
    are those of ``merkit synth``.

    Args:
        out: file of the result, JSON; nothing is written without one.
        subjects: people in the database.
        clips_per_class: of each of them, in each of three classes.
        size_px: frame width and height.
        face_width_px: face width in the frame.
        media: clips as image folders or as mp4 files.
        seed: of the database.
        workers: processes of ours; 0: one a CPU core.
    """

    out: Path | None = None
    method: str = "ststnet"
    device: str = "cpu"
    subjects: int = 2
    clips_per_class: int = 4
    size_px: tuple[int, int] = (640, 480)
    face_width_px: float = 300.0
    media: Literal["frames", "mp4"] = "frames"
    seed: int = 0
    workers: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_settings(self, "", {"workers": (self.workers >= 0, "0 (one a core) or more")})
        self.database()  # what cannot be generated is told before anything is measured

    def database(self) -> SynthConfig:
        """What is generated.

        Raises:
            ConfigError: it cannot be.
        """
        return SynthConfig(
            subjects=self.subjects,
            clips_per_class=self.clips_per_class,
            seed=self.seed,
            size_px=self.size_px,
            face_width_px=self.face_width_px,
            media=self.media,
        )


@dataclass(frozen=True, kw_only=True)
class BenchPredictConfig:
    """Measure ``predict`` on a generated recording, stage by stage.

    Conventional: in every frame the face searched anew, by dlib where it is installed (else by the
    mesh), and Farneback's flow over the whole frame. What was found is compared with what the
    recording is known to show. The names of what is generated are those of ``merkit synth``.

    Args:
        out: file of the result, JSON; nothing is written without one.
        size_px: frame width and height.
        face_width_px: face width in the frame.
        fps_hz: frame rate.
        long_duration_s: length of the recording.
        events_per_video: micro-expressions in it.
        macro_events: macro-expressions in it.
        seed: of the recording.
        plain_frames: frames that the conventional way is measured on.
        device: ``auto`` takes a GPU where there is one, to name the micro-expressions.
    """

    out: Path | None = None
    size_px: tuple[int, int] = (640, 480)
    face_width_px: float = 300.0
    fps_hz: float = 30.0
    long_duration_s: float = 10.0
    events_per_video: int = 2
    macro_events: int = 1
    seed: int = 0
    plain_frames: int = 40
    device: str = "cpu"

    def __post_init__(self) -> None:
        frames = int(self.long_duration_s * self.fps_hz)
        wanted = {
            "plain_frames": (2 <= self.plain_frames <= frames, f"2 to the {frames} there are"),
        }
        self.database()  # what cannot be generated is told before anything is measured
        check_settings(self, "", wanted)

    def database(self) -> SynthConfig:
        """What is generated: one recording, and the fewest clips that a database has.

        Raises:
            ConfigError: it cannot be.
        """
        return SynthConfig(
            subjects=1,
            clips_per_class=1,
            seed=self.seed,
            size_px=self.size_px,
            face_width_px=self.face_width_px,
            fps_hz=self.fps_hz,
            media="mp4",
            long_videos=1,
            long_duration_s=self.long_duration_s,
            events_per_video=self.events_per_video,
            macro_events=self.macro_events,
            macro_duration_s=(0.6, 1.5),
        )
