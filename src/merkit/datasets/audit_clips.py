"""Audit of one clip: its order of frames, the frames there are, and their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from merkit.datasets.base import Missing
from merkit.datasets.corrections import corrections_made
from merkit.errors import MerkitError, VideoError
from merkit.media import is_image
from merkit.types import Clip, Finding
from merkit.video import frame_numbers, iter_frames
from merkit.video.fingerprint import content_key
from merkit.video.images import images_within, read_image
from merkit.video.look import Look, LookMaker, near_copies

_COPY_AGAIN = "copy the clip again from the distribution"


@dataclass(frozen=True, slots=True)
class ClipAudit:
    """``frames``: how many of the clip's frames exist; ``key``: equal for equal frames, "" where
    pixels were not read, and ``look`` None there."""

    clip_id: str
    subject_key: str
    frames: int
    key: str
    look: Look | None
    findings: tuple[Finding, ...]


def audit_clip(clip: Clip, pixels: bool, known_missing: Mapping[str, Missing]) -> ClipAudit:
    """Audit one clip.

    Args:
        pixels: also decode its frames.
        known_missing: as :class:`merkit.datasets.base.Database`.
    """
    findings = [*_remarks(clip), *_order(clip)]
    there: list[int] = []
    key, look = "", LookMaker()
    try:
        if clip.media.exists():
            numbers = _numbers(clip.media, clip.media.stat().st_mtime_ns)
            low = numbers[0] if clip.first_frame is None else clip.first_frame
            high = numbers[-1] if clip.last_frame is None else clip.last_frame
            there = [number for number in numbers if low <= number <= high]
            findings += _missing(clip, numbers, low, high, known_missing)
            if pixels and there:
                findings += _unreadable(clip, there[0], there[-1], look)
                key = content_key(clip)
        else:
            detail = f"there is nothing at {clip.media}"
            fix = "copy it from the distribution, or leave the clip out and say so"
            findings.append(Finding("broken", "missing media", detail, clip.clip_id, fix))
    except MerkitError as error:
        findings.append(_broken(clip, error))
    return ClipAudit(clip.clip_id, clip.subject_key, len(there), key, look.made(), tuple(findings))


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
            fix = "keep one of the two clips"
            yield Finding("broken", "duplicate clip", detail, audit.clip_id, fix)


def near_duplicates(audits: Sequence[ClipAudit]) -> Iterator[Finding]:
    """Clips that show one take though their files differ: encoded or saved again, mirrored, or
    without some frames."""
    seen = [(audit, audit.look) for audit in audits if audit.look is not None]
    for i, j, mirrored in near_copies([look for _, look in seen]):
        one, other = seen[i][0], seen[j][0]
        if one.key != other.key:
            people = "the same subject" if one.subject_key == other.subject_key else "two subjects"
            how = ", mirrored" if mirrored else ""
            detail = f"shows the same take as {one.clip_id}{how} ({people})"
            fix = "look at both, and keep one"
            yield Finding("differs", "near duplicate", detail, other.clip_id, fix)


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
        yield Finding("note", "corrected", f"{column} {told}", clip.clip_id)
    for field, told in clip.raw.items():
        if field.startswith("doubtful:"):
            yield Finding("note", f"doubtful {field[9:]}", told, clip.clip_id)
        if field.startswith("differs:"):
            fix = "compare it with the distribution, and name the copy in every result"
            yield Finding("differs", f"disagreeing {field[8:]}", told, clip.clip_id, fix)


def _order(clip: Clip) -> Iterator[Finding]:
    """Onset <= apex <= offset, as far as they are given."""
    marks = {"onset": clip.onset_frame, "apex": clip.apex_frame, "offset": clip.offset_frame}
    given = [(name, frame) for name, frame in marks.items() if frame is not None]
    if any(before[1] > after[1] for before, after in pairwise(given)):
        told = ", ".join(f"{name} {frame}" for name, frame in given)
        fix = "compare the row with the sheet as the owner distributes it"
        yield Finding("broken", "order", f"{told}: not in order", clip.clip_id, fix)
    elif clip.onset_frame is not None and clip.onset_frame == clip.offset_frame:
        detail = f"onset and offset are both {clip.onset_frame}: no motion to see"
        yield Finding("note", "zero length", detail, clip.clip_id)


@lru_cache(maxsize=1024)
def _numbers(media: Path, modified_ns: int) -> tuple[int, ...]:
    """Numbers of the frames that exist; one image is frame 0. Kept, so that a long recording is
    listed once, not once an event; ``modified_ns`` only makes the cache notice a change."""
    if media.is_file() and is_image(media):
        return (0,)
    return tuple(int(number) for number in frame_numbers(media))


def _missing(
    clip: Clip, numbers: Sequence[int], low: int, high: int, known: Mapping[str, Missing]
) -> Iterator[Finding]:
    """Frames ``low`` to ``high`` that are not among the numbers."""
    if high < low:
        return  # told by the order
    there = [number for number in numbers if low <= number <= high]
    if not there:
        detail = f"none of the frames {low} to {high}: there are {numbers[0]} to {numbers[-1]}"
        yield Finding("broken", "missing frames", detail, clip.clip_id, _COPY_AGAIN)
        return
    gaps = [(a + 1, b - 1) for a, b in pairwise([low - 1, *there, high + 1]) if b - a > 1]
    if not gaps:
        return
    total = sum(last - first + 1 for first, last in gaps)
    told = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in gaps[:6])
    more = f" and {len(gaps) - 6} more gaps" if len(gaps) > 6 else ""
    detail = f"{total} of {high - low + 1} frames ({told}{more})"
    if clip.apex_frame is not None and any(a <= clip.apex_frame <= b for a, b in gaps):
        detail += f"; the apex, {clip.apex_frame}, is among them"
    allowed = next((how for p, how in known.items() if fnmatchcase(clip.clip_id, p)), None)
    if allowed == "anywhere" or (allowed == "end" and gaps[0][0] > there[-1]):
        detail += "; known of the distribution, what exists is read"
        yield Finding("differs", "missing frames", detail, clip.clip_id)
    else:
        yield Finding("broken", "missing frames", detail, clip.clip_id, _COPY_AGAIN)


def _unreadable(clip: Clip, first: int, last: int, look: LookMaker) -> Iterator[Finding]:
    """Decode the frames ``first`` to ``last``: every image that cannot be, and those of another
    size than the first. ``look`` is given each frame."""
    if clip.media.is_file():
        if is_image(clip.media):
            look.add(read_image(clip.media))
        else:
            for frame in iter_frames(clip.media, first, last):
                look.add(frame.rgb)
        return
    size: tuple[int, ...] | None = None
    for path in images_within(clip.media, first, last).values():
        try:
            image = read_image(path)
        except VideoError as error:
            yield _broken(clip, error)
            continue
        look.add(image)
        shape = image.shape
        size = size or shape
        if shape != size:
            detail = f"{path.name} is {shape[1]}x{shape[0]}, others {size[1]}x{size[0]}"
            yield Finding("broken", "size of images", detail, clip.clip_id, _COPY_AGAIN)


def _broken(clip: Clip, error: MerkitError) -> Finding:
    return Finding("broken", "unreadable", error.found, clip.clip_id, error.fix or _COPY_AGAIN)
