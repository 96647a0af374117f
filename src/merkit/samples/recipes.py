"""Recipes: which frames of a clip are read, and what arrays are made of them.

A recipe holds its own settings only, so its key changes with what it reads and nothing else.
Training, prediction and figures make samples by the same calls: ``choose``, ``follow``, ``make``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from merkit.config import check_settings, flat, hash_of, to_mapping
from merkit.errors import ConfigError, FaceError, LeftOutError, VideoError
from merkit.face import align_clip, require_found, track
from merkit.face.align import AlignConfig
from merkit.face.precomputed import PrecomputedTracker, clip_landmarks, landmark_file
from merkit.face.tracker import FaceTracker, TrackConfig
from merkit.flow import clip_flow, mean_flow_map
from merkit.flow.config import FlowConfig
from merkit.media import is_image
from merkit.samples.given_clip import given_clip
from merkit.samples.inputs import Input, mask_over
from merkit.types import F32, I64, U8, Clip, FaceTrack, Frame, Frames, Sample
from merkit.video import frame_numbers, read_frames
from merkit.video.container import existing
from merkit.video.fingerprint import clip_key, file_digest
from merkit.video.given import Given
from merkit.video.images import read_image
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


@dataclass(frozen=True, kw_only=True)
class SequenceRecipe(Recipe):
    """T frames spread over the clip, or all of them.

    ``frames``: T, or 0 for every frame. ``sampling``: ``linspace`` reaches the last frame,
    ``floor`` is the printed i_k = floor(k N/T) (docs/methods/sfa-dgat.md), ``step`` the
    i_k = k floor(N/T) of docs/methods/hlora-mer.md. With ``frames=0``: ``stride_hz`` keeps about
    this many frames a second (0: all), ``max_frames`` cuts a longer run there (0: never).
    ``min_frames``: clips of a database that have fewer are left out (0: none is).
    ``lead_frames``: so many frames of the recording before the clip are read as well, as far as
    there are.
    """

    frames: int = 8
    sampling: Literal["linspace", "floor", "step"] = "linspace"
    stride_hz: float = 0.0
    max_frames: int = 0
    min_frames: int = 0
    lead_frames: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        names = ("frames", "stride_hz", "max_frames", "min_frames", "lead_frames")
        wanted = {name: (getattr(self, name) >= 0, "0 or more") for name in names}
        check_settings(self, "recipe", wanted)

    def choose(self, clip: Clip, there: I64 | None = None) -> I64:
        return super().choose(_with_lead(clip, self.lead_frames), there)

    def lead(self, fps_hz: float) -> int:
        """See ``Recipe.lead``."""
        del fps_hz
        return self.lead_frames

    def sample_key(self, clip: Clip) -> str:
        return super().sample_key(_with_lead(clip, self.lead_frames))

    def pick(self, clip: Clip, available: I64) -> I64:
        n = len(available)
        if self.frames == 0:
            step = max(1, round(clip.fps_hz / self.stride_hz)) if self.stride_hz else 1
            return available[::step][: self.max_frames or None]
        if self.sampling == "linspace":
            positions = np.round(np.linspace(0, n - 1, self.frames)).astype(np.int64)
        elif self.sampling == "step":
            positions = (np.arange(self.frames) * max(1, n // self.frames)).clip(max=n - 1)
        else:
            positions = np.floor(np.arange(self.frames) * n / self.frames).astype(np.int64)
        return np.asarray(available[positions])

    def sample(self, clip: Clip, tracker: FaceTracker | None = None) -> Sample:
        """See ``Recipe.sample``.

        Raises:
            LeftOutError: the clip has fewer than ``min_frames``.
        """
        if self.min_frames and not is_image(clip.media):
            n = len(clip_frame_numbers(clip))
            if n < self.min_frames:
                raise LeftOutError(
                    f"clip '{clip.clip_id}' has {n} frames and is left out",
                    f"{self.min_frames} or more (recipe.min_frames)",
                )
        return super().sample(clip, tracker)


@dataclass(frozen=True, kw_only=True)
class RgbRecipe(SequenceRecipe):
    """``rgb`` u8 (T,3,S,S): aligned face pictures."""

    makes: ClassVar[str] = "rgb"
    no_flow_image: ClassVar[str] = (
        "this method compares aligned pictures of a face over time, and there is no face in it and "
        "no second picture"
    )
    followed_frames: ClassVar[int | None] = None

    align: AlignConfig = field(default_factory=AlignConfig)

    def inputs(self) -> tuple[Input, ...]:
        frames, side = self.frames or "T", self.align.size_px
        meaning = "aligned face frames, R,G,B from 0 to 255"
        return Input("rgb", "uint8", ("B", frames, 3, side, side), meaning), mask_over(frames)

    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        aligned = align_clip(frames.rgb, face, self.align)
        return {"rgb": np.ascontiguousarray(aligned.transpose(0, 3, 1, 2))}


@dataclass(frozen=True, kw_only=True)
class RegionFlowRecipe(SequenceRecipe):
    """``flow`` f32 (T,R,2): motion of facial regions, in pixels of the normalised face."""

    makes: ClassVar[str] = "flow"
    no_flow_image: ClassVar[str] = (
        "this method reads how far facial regions move and which way, and it has neither landmarks "
        "nor the zero and the size of its motion: u and v are each scaled to 0..255 by themselves"
    )

    flow: FlowConfig = field(default_factory=FlowConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        holds = self.flow.crop == "square"
        wanted = "square: sizes of regions are in its pixels"
        check_settings(self.flow, "recipe.flow", {"crop": (holds, wanted)})

    def inputs(self) -> tuple[Input, ...]:
        since = "the frame before" if self.flow.reference == "previous" else "the first frame"
        meaning = (
            f"motion of each region since {since}: right, down, "
            f"in pixels of a face in {self.flow.crop_size_px} px"
        )
        frames = self.frames or "T"
        shape = ("B", frames, self.flow.regions, 2)
        return Input("flow", "float32", shape, meaning), mask_over(frames)

    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        return {"flow": clip_flow(frames.rgb, first_landmarks(face), self.flow)}


@dataclass(frozen=True, kw_only=True)
class FlowMapRecipe(Recipe):
    """``flow_map`` u8 (3,M,M): the onset-apex flow image, measured or as it was published.

    ``pairs``: flow is the mean of so many pairs of frames, those up to the onset with those around
    the apex. They reach ``spread_s`` to both sides of the apex (at low frame rates, as far as that
    many frames do), but no further than half the way to the onset; and twice as far before the
    onset, which may lie before the clip.
    """

    makes: ClassVar[str] = "flow_map"
    no_flow_image: ClassVar[str] = ""

    flow: FlowConfig = field(default_factory=FlowConfig)
    pairs: int = 1
    spread_s: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        wanted = {
            "pairs": (1 <= self.pairs <= 15, "1 to 15"),
            "spread_s": (0 <= self.spread_s <= 0.5, "0 to 0.5 seconds"),
        }
        check_settings(self, "recipe", wanted)

    def steady(self) -> FlowMapRecipe:
        """See ``Recipe.steady``. Five: on generated recordings a shift of onset or apex by a frame
        then changes the map by half of what it does with one pair, and seven gain nothing [D]."""
        return replace(self, pairs=max(self.pairs, 5))

    def choose(self, clip: Clip, there: I64 | None = None) -> I64:
        """Onset and apex, or all frames around the one and then all around the other."""
        chosen = super().choose(clip, there)
        if self.pairs == 1:
            return chosen
        reach = self._reach(clip.fps_hz)
        available = clip_frame_numbers(_with_lead(clip, 2 * reach), there)
        onset, apex = np.searchsorted(available, chosen)
        before = onset - reach + self._steps(reach)
        around = apex + self._steps(min(reach, max(1, (apex - onset) // 2)))
        before, around = before.clip(0), around.clip(onset + 1, len(available) - 1)
        return np.asarray(available[np.concatenate([before, around])])

    def sample_key(self, clip: Clip) -> str:
        return super().sample_key(_with_lead(clip, self.lead(clip.fps_hz)))

    def lead(self, fps_hz: float) -> int:
        """See ``Recipe.lead``."""
        return 0 if self.pairs == 1 else 2 * self._reach(fps_hz)

    def _steps(self, reach: int) -> I64:
        """So many places as there are pairs, from ``-reach`` to ``reach``."""
        return np.rint(np.linspace(-reach, reach, self.pairs)).astype(np.int64)

    def _reach(self, fps_hz: float) -> int:
        """Frames to each side of the apex."""
        return max(self.pairs // 2, round(self.spread_s * fps_hz))

    def pick(self, clip: Clip, available: I64) -> I64:
        """Onset and apex; the middle frame stands for an apex that nobody coded (SMIC)."""
        onset = available[0] if clip.onset_frame is None else clip.onset_frame
        usable = clip.apex_frame is not None and clip.apex_frame > onset
        apex = clip.apex_frame if usable else available[len(available) // 2]
        wanted = np.array([onset, apex])
        nearest = np.abs(available[None, :] - wanted[:, None]).argmin(axis=1)
        return np.asarray(available[nearest])

    def inputs(self) -> tuple[Input, ...]:
        meaning = (
            "optical flow from onset to apex: strain, motion down, motion right, each scaled to 0 "
            "to 255 by itself"
        )
        side = self.flow.map_size_px
        return (Input("flow_map", "uint8", ("B", 3, side, side), meaning),)

    def make(self, frames: Frames, face: FaceTrack) -> Arrays:
        part = slice(self.pairs)  # landmarks jitter, and the crop with them
        seen = face.landmarks_px[part][face.found[part]]
        landmarks = seen.mean(axis=0) if len(seen) else first_landmarks(face)
        return {"flow_map": mean_flow_map(frames.rgb, landmarks, self.flow)}

    def sample(self, clip: Clip, tracker: FaceTracker | None = None) -> Sample:
        """See ``Recipe.sample``; a published image has no frames to follow or measure."""
        if not (clip.media.is_file() and is_image(clip.media)):
            return super().sample(clip, tracker)
        return Sample(clip.clip_id, {"flow_map": load_flow_map(clip.media, self.flow.map_size_px)})


def load_flow_map(path: Path, size_px: int = 28) -> U8:
    """One published flow image (STSTNet, HTNet, CausalNet) as (3,M,M) in the order blue, green,
    red: optical strain, vertical v, horizontal u, each scaled to 0..255 by itself.

    This is the order in which OpenCV loads the files, and so in which STSTNet was trained.

    Raises:
        VideoError: not a readable image, or not of M x M pixels.
    """
    rgb = read_image(path)
    if rgb.shape != (size_px, size_px, 3):
        raise VideoError(
            f"'{path}' is {rgb.shape[1]}x{rgb.shape[0]}",
            f"a flow image of {size_px}x{size_px} pixels (recipe.flow.map_size_px)",
            "a recipe that reads videos cannot be used on flow maps, nor the other way round",
        )
    return np.ascontiguousarray(rgb[:, :, ::-1].transpose(2, 0, 1))


def _with_lead(clip: Clip, frames: int) -> Clip:
    """The clip with so many frames of its recording before it."""
    if not frames or clip.first_frame is None:
        return clip
    return replace(clip, first_frame=clip.first_frame - frames)


def clip_frame_numbers(clip: Clip, there: I64 | None = None) -> I64:
    """Frames of the clip that exist. Fewer than annotated is for ``merkit data check`` to tell.

    Args:
        there: the frames of its media, increasing; by default they are counted.

    Raises:
        MissingDataError, VideoError: the media cannot be read, or none of them exists.
    """
    numbers = _numbers_of(clip.media) if there is None else there
    low = numbers[0] if clip.first_frame is None else clip.first_frame
    high = numbers[-1] if clip.last_frame is None else clip.last_frame
    kept = numbers[(numbers >= low) & (numbers <= high)]
    if not len(kept):
        raise VideoError(
            f"clip '{clip.clip_id}': no frame between {low} and {high} in '{clip.media}'",
            f"frames within {numbers[0]} to {numbers[-1]}, which are there",
            "merkit data check shows what else is missing",
        )
    return kept


def _numbers_of(media: Path) -> I64:
    return _numbers_there(media, media.stat().st_mtime_ns if media.exists() else 0)


@lru_cache(maxsize=256)
def _numbers_there(media: Path, modified_ns: int) -> I64:
    """A long video is counted once, not once an event; the time makes the cache notice changes."""
    return frame_numbers(media)


def first_landmarks(face: FaceTrack) -> F32:
    """Landmarks (68,2) of the first frame in which the face was found.

    Raises:
        FaceError: in none.
    """
    if not face.found.any():
        raise FaceError("no face in the first frames", "a face where the motion begins")
    return np.asarray(face.landmarks_px[int(np.argmax(face.found))])
