"""What every recipe does: choose frames, follow the face through them, make arrays."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np

from merkit.config import check_settings, flat, hash_of, to_mapping
from merkit.errors import ConfigError, FaceError
from merkit.face import require_found, track
from merkit.face.precomputed import PrecomputedTracker, clip_landmarks, landmark_file
from merkit.face.tracker import FaceTracker, TrackConfig
from merkit.media import is_image
from merkit.samples.given_clip import given_clip
from merkit.samples.inputs import Input
from merkit.samples.recipes.frames import clip_frame_numbers
from merkit.types import F32, I64, Clip, FaceTrack, Frame, Frames, Sample
from merkit.video import frame_numbers, read_frames
from merkit.video.container import existing
from merkit.video.fingerprint import clip_key, file_digest
from merkit.video.given import Given
from merkit.video.source import ArraySource

#: Raised when the code of a recipe or of a tracker, or a default, changes what it makes, so that
#: samples, and what was found of faces, that were stored before are not read.
RECIPE_VERSION = 3

#: settings that name files, whose content and not whose name decides what is made
FILE_SETTINGS = ("track.landmarks_path", "track.model_path")

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """Base of the recipes.

    ``track``: how the face is found and followed. ``min_found_share``: a clip with the face
    found in fewer of the frames that are looked at is refused.
    """

    #: name of the array that a model reads (``types.Sample``)
    makes: ClassVar[str]
    #: why a flow image, of which a database may have one a clip, does not serve; "" where it does
    no_flow_image: ClassVar[str] = "its samples are made of frames"
    #: the face is followed through the first of the frames, where motion begins: flow needs it in
    #: the very first, and where it is missed there, these many are tried. None: through all
    followed_frames: ClassVar[int | None] = 5

    track: TrackConfig = field(default_factory=TrackConfig)
    min_found_share: float = 0.5

    def __post_init__(self) -> None:
        holds = 0 <= self.min_found_share <= 1
        check_settings(self, "recipe", {"min_found_share": (holds, "a share from 0 to 1")})

    @abstractmethod
    def pick(self, clip: Clip, available: I64) -> I64:
        """Those that are read among the numbers of the frames there are, in order; repeats where
        the clip is shorter than what is wanted."""

    def choose(self, clip: Clip, there: I64 | None = None) -> I64:
        """Numbers of the frames that are read of a clip.

        Args:
            there: of the frames there are, increasing; by default those of the media.

        Raises:
            MissingDataError, VideoError: the media cannot be read, or none of the frames exists.
        """
        return self.pick(clip, clip_frame_numbers(clip, there))

    def lead(self, fps_hz: float) -> int:
        """So many frames before a clip may be read as well."""
        del fps_hz
        return 0

    def steady(self) -> Recipe:
        """The recipe for events whose times nobody coded: what it makes depends less on the frames
        that were taken for onset and apex, and on their noise. Itself where it has no such way."""
        return self

    def inputs(self) -> tuple[Input, ...]:
        """What a model reads of a batch of its samples; none where a recipe does not say."""
        return ()

    @abstractmethod
    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        """Arrays of frames in which the face is known (``types.Sample`` names them).

        Raises:
            FaceError: the face does not serve.
        """

    def follow(
        self,
        frames: Frames,
        clip: Clip | None = None,
        near: F32 | None = None,
        tracker: FaceTracker | None = None,
    ) -> FaceTrack:
        """The face in the frames, as far as ``make`` needs it (``followed_frames``).

        Args:
            clip: of a database, whose landmarks lie in a folder where another program found them.
            near: box of the face that is meant, in the first frame.
            tracker: stands for the one that the settings name.
        """
        if clip is not None and self.track.tracker == PrecomputedTracker.name:
            every = frame_numbers(clip.media)
            of_clip = clip_frame_numbers(clip)
            tracker = clip_landmarks(self.track, clip, of_clip.tolist(), every.tolist())
        part = slice(self.followed_frames)
        first = zip(frames.numbers[part], frames.time_s[part], frames.rgb[part], strict=True)
        return track(
            (Frame(int(n), float(t), rgb) for n, t, rgb in first), self.track, tracker, near
        )

    def sample(self, clip: Clip, tracker: FaceTracker | None = None) -> Sample:
        """The whole way from a clip to its sample; ``tracker`` as in ``follow``.

        Raises:
            VideoError, MissingDataError: the media cannot be read.
            FaceError: the face is found in too few frames.
            ConfigError: the clip is a published flow map and the recipe reads frames.
        """
        if clip.media.is_file() and is_image(clip.media):
            raise ConfigError(
                f"clip '{clip.clip_id}' is one flow image, which does not serve: "
                f"{self.no_flow_image}",
                "a method that reads flow maps: sim-flow, ststnet, or linear-probe with "
                "model.picture=flow-map",
                "choose another --method, or the database with its frames",
            )
        frames = read_frames(clip.media, numbers=self.choose(clip), fps_hz=clip.fps_hz)
        return self.sample_of(clip.clip_id, frames, self.follow(frames, clip, tracker=tracker))

    def of_frames(
        self,
        rgb: Sequence[Given] | np.ndarray,
        fps_hz: float,
        onset: int | None = None,
        apex: int | None = None,
        offset: int | None = None,
        tracker: FaceTracker | None = None,
    ) -> Arrays:
        """The arrays of frames in memory: those that ``merkit prepare`` stores of a clip of the
        same frames. ``min_frames`` leaves out clips of a database, and nothing here.

        Args:
            rgb: u8 (T,H,W,3), red first, or grey (T,H,W); also as a list of pictures.
            fps_hz: their rate.
            onset, apex, offset: positions of the event from 0; the frames from onset to offset are
                read, all of them where none is named. Without an apex a recipe that needs one takes
                the middle.
            tracker: as in ``follow``.

        Raises:
            VideoError: other than such pictures.
            ConfigError: no rate, an event that does not lie within them, or landmarks of another
                program, which belong to clips of a database.
            FaceError: the face is found in too few frames.
        """
        if tracker is None and self.track.tracker == PrecomputedTracker.name:
            raise ConfigError(
                f"frames without a clip for tracker '{self.track.tracker}'",
                "a tracker that looks at them, or the argument tracker",
            )
        pictures = [frame.rgb for frame in ArraySource(rgb, fps_hz).frames()]
        clip = given_clip(len(pictures), fps_hz, onset, apex, offset)
        numbers = self.choose(clip, np.arange(len(pictures)))
        frames = Frames(np.stack([pictures[n] for n in numbers]), numbers, numbers / fps_hz)
        return self.sample_of(clip.clip_id, frames, self.follow(frames, tracker=tracker)).arrays

    def sample_of(self, clip_id: str, frames: Frames, face: FaceTrack) -> Sample:
        """The sample of frames whose face was followed already.

        Raises:
            FaceError: the face is found in too few of them.
        """
        require_found(face, self.min_found_share, clip_id)
        arrays = {**self.make(frames, face), "time_s": frames.time_s}
        return Sample(clip_id, arrays, face.found_share)

    def key(self) -> str:
        """Identity of what the recipe makes: a hash of its kind, version and the settings that
        are not the default, equal across runs and machines. Files are in ``sample_key``, by their
        content. A setting that is added later with
        a default that changes nothing leaves it as it is."""
        default = flat(to_mapping(type(self)()))
        own = {k: v for k, v in flat(to_mapping(self)).items() if default.get(k) != v}
        own = {name: value for name, value in own.items() if name not in FILE_SETTINGS}
        return hash_of([type(self).__name__, RECIPE_VERSION, own])

    def sample_key(self, clip: Clip) -> str:
        """Identity of a clip's sample in this recipe's folder: the clip's content, and that of the
        files that the tracker reads.

        Raises:
            MissingDataError, ConfigError: the media, or such a file, is not there.
        """
        files = []
        if self.track.tracker == PrecomputedTracker.name:
            files.append(landmark_file(Path(self.track.landmarks_path), clip))
        if self.track.model_path:
            files.append(existing(self.track.model_path))
        key = clip_key(clip)
        if not files:
            return key
        return hash_of([key, *map(file_digest, files)])


def first_landmarks(face: FaceTrack) -> F32:
    """Landmarks (68,2) of the first frame in which the face was found.

    Raises:
        FaceError: in none.
    """
    if not face.found.any():
        raise FaceError("no face in the first frames", "a face where the motion begins")
    return np.asarray(face.landmarks_px[int(np.argmax(face.found))])
