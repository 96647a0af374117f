"""Audit of one clip: its order of frames, the frames there are, and their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from merkit.datasets.corrections import corrections_made
from merkit.datasets.findings import Finding
from merkit.errors import MerkitError, VideoError
from merkit.media import is_image
from merkit.types import Clip
from merkit.video import frame_numbers as media_frame_numbers
from merkit.video import iter_frames
from merkit.video.fingerprint import content_key
from merkit.video.images import NumberedImage, list_images, read_image

Missing = Literal["anywhere", "end"]
_COPY_AGAIN = "copy the clip again from the distribution"


@dataclass(frozen=True, slots=True)
class ClipAudit:
    """``frames``: how many of the clip's frames exist; ``key``: equal for equal frames, "" where
    pixels were not read."""

    clip_id: str
    subject_key: str
    frames: int
    key: str
    findings: tuple[Finding, ...]


def audit_clip(clip: Clip, pixels: bool, known_missing: Mapping[str, Missing]) -> ClipAudit:
    """Audit one clip.

    Args:
        pixels: also decode its frames.
        known_missing: as :class:`merkit.datasets.base.Database`.
    """
    findings = [*_remarks(clip), *_order(clip)]
    found, key = 0, ""
    if not clip.media.exists():
        detail = f"there is nothing at {clip.media}"
        fix = "copy it from the distribution, or leave the clip out and say so"
        findings.append(Finding("broken", "missing media", clip.clip_id, detail, fix))
    else:
        try:
            numbers = _numbers(clip.media)
            low = numbers[0] if clip.first_frame is None else clip.first_frame
            high = numbers[-1] if clip.last_frame is None else clip.last_frame
            there = [number for number in numbers if low <= number <= high]
            found = len(there)
            findings += _missing(clip, there, low, high, known_missing)
            if pixels and there:
                findings += _unreadable(clip, there[0], there[-1])
                key = content_key(clip)
        except MerkitError as error:
            findings.append(_broken(clip, error))
    return ClipAudit(clip.clip_id, clip.subject_key, found, key, tuple(findings))


def duplicates(audits: Sequence[ClipAudit]) -> Iterator[Finding]:
    """Clips with the same frames under two names."""
    first: dict[str, ClipAudit] = {}
    for audit in audits:
        twin = first.setdefault(audit.key, audit) if audit.key else audit
        if twin is not audit:
            where = "another subject, so a fold can train on what it tests"
            if twin.subject_key == audit.subject_key:
                where = "the same subject, so it counts twice"
            detail = f"has the same frames as {twin.clip_id} ({where})"
            yield Finding(
                "broken", "duplicate clip", audit.clip_id, detail, "keep one of the two clips"
            )


def pixel_key(path: Path) -> str:
    """Hash of an image's pixels: equal for one picture in two files, whatever their bytes. An
    image that cannot be read is like no other."""
    return _pixel_key(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=100_000)
def _pixel_key(path: Path, modified_ns: int) -> str:
    """``modified_ns`` only makes the cache notice a change."""
    try:
        pixels = read_image(path)
    except VideoError:
        return f"unreadable {path}"
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()[:24]


def _remarks(clip: Clip) -> Iterator[Finding]:
    """What the adapter corrected or doubts."""
    for column, told in corrections_made(clip).items():
        yield Finding("note", "corrected", clip.clip_id, f"{column} {told}")
    for field, told in clip.raw.items():
        if field.startswith("doubtful:"):
            yield Finding("note", f"doubtful {field[9:]}", clip.clip_id, told)
        if field.startswith("differs:"):
            fix = "compare it with the distribution, and name the copy in every result"
            yield Finding("differs", f"disagreeing {field[8:]}", clip.clip_id, told, fix)


def _order(clip: Clip) -> Iterator[Finding]:
    """Onset <= apex <= offset, as far as they are given."""
    marks = {
        "onset": clip.onset_frame,
        "apex": clip.apex_frame,
        "offset": clip.offset_frame,
    }
    given = [(name, frame) for name, frame in marks.items() if frame is not None]
    if any(before[1] > after[1] for before, after in pairwise(given)):
        told = ", ".join(f"{name} {frame}" for name, frame in given)
        fix = "compare the row with the sheet as the owner distributes it"
        yield Finding("broken", "order", clip.clip_id, f"{told}: not in order", fix)
    elif clip.onset_frame is not None and clip.onset_frame == clip.offset_frame:
        detail = f"onset and offset are both {clip.onset_frame}: no motion to see"
        yield Finding("note", "zero length", clip.clip_id, detail)


def _is_image(path: Path) -> bool:
    return path.is_file() and is_image(path)


def _numbers(media: Path) -> tuple[int, ...]:
    """Numbers of the frames that exist; one image is frame 0."""
    return _numbers_now(media, media.stat().st_mtime_ns)


@lru_cache(maxsize=1024)
def _numbers_now(media: Path, modified_ns: int) -> tuple[int, ...]:
    """A long recording is listed once, not once an event."""
    if _is_image(media):
        return (0,)
    return tuple(int(number) for number in media_frame_numbers(media))


def _missing(
    clip: Clip, there: Sequence[int], low: int, high: int, known: Mapping[str, Missing]
) -> Iterator[Finding]:
    """Frames of the annotated part that do not exist."""
    if high < low:
        return  # told by the order
    if not there:
        numbers = _numbers(clip.media)
        detail = f"none of the frames {low} to {high}: there are {numbers[0]} to {numbers[-1]}"
        yield Finding("broken", "missing frames", clip.clip_id, detail, _COPY_AGAIN)
        return
    gaps = list(_gaps([low - 1, *there, high + 1]))
    if not gaps:
        return
    allowed = next((how for p, how in known.items() if fnmatchcase(clip.clip_id, p)), None)
    excused = allowed == "anywhere" or (allowed == "end" and gaps[0][0] > there[-1])
    total = sum(last - first + 1 for first, last in gaps)
    told = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in gaps[:6])
    more = f" and {len(gaps) - 6} more gaps" if len(gaps) > 6 else ""
    detail = f"{total} of {high - low + 1} frames ({told}{more})"
    if clip.apex_frame is not None and any(a <= clip.apex_frame <= b for a, b in gaps):
        detail += f"; the apex, {clip.apex_frame}, is among them"
    if excused:
        detail += "; known of the distribution, what exists is read"
    level: Literal["broken", "differs"] = "differs" if excused else "broken"
    yield Finding(level, "missing frames", clip.clip_id, detail, "" if excused else _COPY_AGAIN)


def _gaps(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """(first, last) missing between increasing numbers."""
    for before, after in pairwise(numbers):
        if after - before > 1:
            yield before + 1, after - 1


def _unreadable(clip: Clip, first: int, last: int) -> Iterator[Finding]:
    """Decode the frames ``first`` to ``last``."""
    if clip.media.is_dir():
        images = [i for i in list_images(clip.media) if first <= i.number <= last]
        yield from _unreadable_images(clip, images)
    elif _is_image(clip.media):
        read_image(clip.media)
    else:
        for _ in iter_frames(clip.media, first, last):
            pass


def _unreadable_images(clip: Clip, images: Sequence[NumberedImage]) -> Iterator[Finding]:
    """Every image that cannot be decoded, and those of another size than the first."""
    size: tuple[int, ...] | None = None
    for image in images:
        try:
            shape = read_image(image.path).shape
        except VideoError as error:
            yield _broken(clip, error)
            continue
        size = size or shape
        if shape != size:
            detail = f"{image.path.name} is {shape[1]}x{shape[0]}, others {size[1]}x{size[0]}"
            yield Finding("broken", "size of images", clip.clip_id, detail, _COPY_AGAIN)


def _broken(clip: Clip, error: MerkitError) -> Finding:
    return Finding("broken", "unreadable", clip.clip_id, error.found, error.fix or _COPY_AGAIN)
