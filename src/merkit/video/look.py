"""What a clip looks like, coarsely: enough to know a copy of it again.

Two takes of one person differ in where the head is, by more grey levels than a codec adds, and in
how the picture changes; copies agree in both. Measured on real and generated faces: re-encoded
(H.264 crf 18 to 28, JPEG quality 50 to 90), halved, mirrored or shortened copies stay below 0.9
grey levels and above a correlation of 0.4; other takes of the same person reach one of the two,
not both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import cv2
import imagehash
import numpy as np
from PIL import Image

from merkit.types import F32, U8, Clip
from merkit.video.images import images_within, read_image
from merkit.video.read import iter_frames

#: cells of the coarse picture, frames that are kept, and by how many frames copies may be shifted
_GRID, _MAX_FRAMES, _MAX_SHIFT = 16, 256, 3
#: bits of 64 in which the perceptual hashes of two copies may differ
_HASH_BITS = 10
#: a copy: so many grey levels apart at most, with at least this correlation of the changes; where
#: much changes, the changes alone tell
_GREY, _CORRELATION = 1.0, 0.4
_MOVING_GREY, _MOVING_CORRELATION = 4.0, 0.95


@dataclass(frozen=True, eq=False)
class Look:
    """``mean`` (G, G): the mean picture, coarse and grey; ``changes`` f16 (T, G, G): of each frame
    from it; ``hashes`` bool (2, 64): perceptual hashes of the mean picture and of its mirror image.
    """

    mean: F32
    changes: np.ndarray
    hashes: np.ndarray

    @property
    def frames(self) -> F32:
        """The coarse frames (T, G, G), each without its own mean, which flicker changes."""
        frames = self.mean + self.changes.astype(np.float32)
        return np.asarray(frames - frames.mean(axis=(1, 2), keepdims=True), np.float32)


@dataclass
class LookMaker:
    """Makes the look of a clip from its frames, given one by one."""

    _frames: list[F32] = field(default_factory=list)

    def add(self, rgb: U8) -> None:
        """One more frame (H, W, 3) or (H, W)."""
        if len(self._frames) < _MAX_FRAMES:
            grey = rgb if rgb.ndim == 2 else cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
            size = (2 * _GRID, 2 * _GRID)
            small = cv2.resize(grey.astype(np.float32), size, interpolation=cv2.INTER_AREA)
            self._frames.append(np.asarray(small, np.float32))

    def made(self) -> Look | None:
        """The look, None of no frame."""
        if not self._frames:
            return None
        fine = np.stack(self._frames)
        coarse = fine.reshape(len(fine), _GRID, 2, _GRID, 2).mean(axis=(2, 4))
        mean = coarse.mean(axis=0)
        picture = fine.mean(axis=0).round().astype(np.uint8)
        hashes = [imagehash.phash(Image.fromarray(p)).hash for p in (picture, picture[:, ::-1])]
        changes = (coarse - mean).astype(np.float16)
        return Look(mean, changes, np.stack([h.ravel() for h in hashes]))


def look_of(clip: Clip) -> Look | None:
    """The look of a clip's frames, None where it has none.

    Raises:
        VideoError: a frame that cannot be read.
    """
    maker = LookMaker()
    if clip.media.is_file():
        for frame in iter_frames(clip.media, clip.first_frame, clip.last_frame):
            maker.add(frame.rgb)
        return maker.made()
    for path in images_within(clip.media, clip.first_frame, clip.last_frame).values():
        maker.add(read_image(path))
    return maker.made()


def near_copies(looks: Sequence[Look]) -> Iterator[tuple[int, int, bool]]:
    """Pairs of places in ``looks`` that show one take, and whether one is mirrored.

    Time grows with the number of pairs only through a product of hashes; few pairs are looked at
    frame by frame.
    """
    if not looks:
        return
    hashes = np.stack([look.hashes for look in looks]).astype(np.float32) * 2 - 1  # (N, 2, 64)
    means = np.stack([_centred(look.mean).ravel() for look in looks])
    flipped = np.stack([_centred(look.mean[:, ::-1]).ravel() for look in looks])
    for i, look in enumerate(looks):
        seen: set[int] = set()
        for mirrored, others in ((False, means), (True, flipped)):
            bits = (64 - hashes[i + 1 :, int(mirrored)] @ hashes[i, 0]) / 2
            close = _residual(means[i], others[i + 1 :]) <= 2 * _MOVING_GREY
            for j in (np.flatnonzero((bits <= _HASH_BITS) & close) + i + 1).tolist():
                if j not in seen and _one_take(look.frames, looks[j].frames, mirrored):
                    seen.add(j)
                    yield i, j, mirrored


def _centred(picture: F32) -> F32:
    return np.asarray(picture - picture.mean(), np.float32)


def _residual(one: F32, others: F32) -> F32:
    """Grey levels (N,) by which the pictures (N, G²) differ from one (G²,), whatever their
    contrast."""
    gain = others @ one / np.maximum((others**2).sum(axis=1), 1e-6)
    return np.asarray(np.sqrt(((gain[:, None] * others - one) ** 2).mean(axis=1)))


def _one_take(one: F32, other: F32, mirrored: bool) -> bool:
    """Whether the frames of two clips are of one take, at the best of the shifts in time."""
    other = other[:, :, ::-1] if mirrored else other
    shifts = range(-_MAX_SHIFT, _MAX_SHIFT + 1)
    pairs = [_likeness(one[max(0, s) :], other[max(0, -s) :]) for s in shifts]
    grey, correlation = max(pairs, key=lambda pair: pair[1])
    return (grey <= _GREY and correlation >= _CORRELATION) or (
        grey <= _MOVING_GREY and correlation >= _MOVING_CORRELATION
    )


def _likeness(one: F32, other: F32) -> tuple[float, float]:
    """Grey levels between the common frames, and the correlation of their changes. Of one to three
    frames no change can be told, and equal pictures are one take."""
    n = min(len(one), len(other))
    a, b = one[:n], other[:n]
    if n < max(1, min(4, len(one), len(other))):
        return np.inf, -1.0
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    gain = float((mean_a * mean_b).sum() / max(float((mean_b**2).sum()), 1e-6))
    grey = float(np.sqrt(((a - gain * b) ** 2).mean()))
    if n < 4:
        return grey, 1.0 if grey <= _GREY else -1.0
    da, db = a - mean_a, b - mean_b
    norm = float(np.sqrt((da**2).sum() * (db**2).sum()))
    return grey, float((da * db).sum()) / norm if norm > 0 else float(norm == 0 and grey == 0)
