"""The methods paragraph of a table that ``merkit predict`` wrote: what was done, with what, to how
much, so that a reader can judge it and do it again."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from merkit.config import to_mapping
from merkit.face import TrackConfig
from merkit.inference.made import Judgement, Made, ReadVideo, UsedModel
from merkit.references import in_words, listed, merkit_itself
from merkit.spotting import SpotConfig

_MESH = (
    "Google: MediaPipe Face Landmarker, model file face_landmarker_v2_with_blendshapes "
    "(Apache-2.0); Kartynnik et al. 2019, arXiv:1907.06724; Grishchenko et al. 2020, "
    "arXiv:2006.10962."
)
_DLIB = "Kazemi and Sullivan 2014, CVPR (dlib's face landmarks)."
_YAN = "Yan et al. 2013, Journal of Nonverbal Behavior 37, 217-230 (how long they last)."


def table_paragraph(made: Made) -> str:
    """Plain text: the paragraph, what to keep in mind, software, references."""
    spot, model = made.spot, made.model
    parts = [
        _material(made.videos),
        f"Faces were followed {_tracker(made.track)}.",
        "Head motion was taken out by a rigid fit of the face's bone points, and what was left was "
        f"measured by region over {spot.lag_s:g} s. A movement had to come and go: to take back "
        f"at least {spot.return_share:.0%} of its way, and to exceed {spot.floor_share:.2%} of the "
        f"distance between the eye centres and {spot.noise_factor:g} robust standard deviations of "
        f"its region within {spot.noise_window_s:g} s. Movements of {spot.micro_min_s:g} to "
        f"{spot.micro_max_s:g} s from onset to offset were taken for micro-expressions, longer "
        f"ones up to {spot.macro_max_s:g} s for macro-expressions; blinks, gaze shifts, speech and "
        "head movements were set apart by name.",
        _naming(model),
        _judged(made.judgement),
        _found(made.videos),
    ]
    usual = to_mapping(SpotConfig())
    other = {name: value for name, value in to_mapping(spot).items() if value != usual[name]}
    if other:
        told = "; ".join(f"{name} {value} (default {usual[name]})" for name, value in other.items())
        parts.append(f"Settings of spotting other than the defaults: {told}.")
    return "\n\n".join(
        [
            " ".join(filter(None, parts)),
            _caution(model, made.judgement),
            f"Software: {in_words(made.versions)}. Table made {made.made}.",
            listed(_sources(made)),
        ]
    )


def _material(videos: Sequence[ReadVideo]) -> str:
    read = [video for video in videos if video.readable]
    minutes = sum(video.duration_s or 0 for video in read) / 60
    count = "One video" if len(read) == 1 else f"{len(read)} videos"
    told = f"{count} ({_span([v.fps_hz for v in read], 'frames/s')}{_sizes(read)}"
    told += f"{minutes:.1f} min in all) {'was' if len(read) == 1 else 'were'} read by merkit."
    unreadable = len(videos) - len(read)
    return told + (f" {unreadable} could not be read." if unreadable else "")


def _sizes(videos: Sequence[ReadVideo]) -> str:
    sizes = sorted({(v.width_px, v.height_px) for v in videos if v.width_px})
    if not sizes:
        return ""
    first, last = (f"{width} x {height}" for width, height in (sizes[0], sizes[-1]))
    return f"{first} pixels, " if len(sizes) == 1 else f"{first} to {last} pixels, "


def _span(values: Sequence[float | None], unit: str) -> str:
    known = sorted({round(value, 2) for value in values if value is not None})
    if not known:
        return ""
    if len(known) == 1:
        return f"{known[0]:g} {unit}, "
    return f"{known[0]:g} to {known[-1]:g} {unit}, "


def _tracker(track: TrackConfig) -> str:
    if track.tracker == "mesh478":
        return "by a face mesh of 478 points (MediaPipe Face Landmarker, run in LiteRT)"
    if track.tracker == "dlib68":
        return "by dlib's 68 face landmarks"
    if track.landmarks_path:
        return f"by landmarks of another program ({track.landmarks_path})"
    return f"by the tracker '{track.tracker}'"


def _sources(made: Made) -> list[str]:
    return [
        merkit_itself(made.versions),
        *_tracker_source(made.track),
        _YAN,
        *_model_source(made.model),
    ]


def _tracker_source(track: TrackConfig) -> list[str]:
    return {"mesh478": [_MESH], "dlib68": [_DLIB, _MESH]}.get(track.tracker, [_MESH])


def _naming(model: UsedModel | None) -> str:
    if model is None:
        return "Movements were measured and not named."
    units = f" and {len(model.units)} action units" if model.units else ""
    versions = ", ".join(
        f"{name} (weights {digest[:12]})"
        for name, digest in zip(model.names, model.sha256, strict=False)
    )
    trained = (
        "simulated faces alone" if "simulation" in model.trained_on else _all(model.trained_on)
    )
    told = (
        f"Micro-expressions were given one of {len(model.classes)} classes "
        f"({_all(model.classes)}){units} by {versions or _all(model.names)}, trained on {trained}"
    )
    if model.class_min > 0:
        told += f"; where the best class had less than {model.class_min:.2f}, none was given"
    return told + "."


def _judged(judgement: Judgement | None) -> str:
    if judgement is None:
        return ""
    one = judgement
    counts = {
        "accepted as they are": one.accepted,
        "corrected in times or names": one.corrected,
        "rejected and left out": one.rejected,
        "added": one.added,
        "not judged": one.open,
    }
    told = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    told = f"What was found was then judged by a coder ({one.coder}): {told or 'no events'}"
    return f"{told}. Stretches excluded: {one.excluded}." if one.excluded else f"{told}."


def _found(videos: Sequence[ReadVideo]) -> str:
    read = [video for video in videos if video.readable]
    micro, macro, named = (sum(getattr(v, k) for v in read) for k in ("micro", "macro", "named"))
    told = f"{micro} micro-expressions ({named} named) and {macro} macro-expressions were found."
    found = [v.face_found_share for v in read if v.face_found_share is not None]
    judged = [(v.judged_share, v.duration_s) for v in read if v.judged_share is not None]
    if found:
        told += f" The face was found in {fmean(found):.0%} of the frames"
        told += " on average over videos." if len(found) > 1 else "."
    if judged:
        seconds = sum(length or 0 for _, length in judged)
        share = sum((share or 0) * (length or 0) for share, length in judged) / seconds
        told += f" {share:.0%} of the time could be judged; the table names the rest and why."
    return told


def _caution(model: UsedModel | None, judgement: Judgement | None) -> str:
    told = (
        "To be said with it: a movement of the face is not an emotion, and that none was found is "
        "no proof that there was none."
    )
    if model is None:
        return told
    if "simulation" in model.trained_on:
        told += (
            " The recognisers never saw a person; on real clips they err more often than on "
            "simulated ones (docs/methods/sim-flow.md has the figures)."
        )
        if judgement is None:
            told += " Classes should be checked by a coder who does not know the hypothesis."
    if "synthetic" in model.trained_on:
        told += " The model was trained on generated faces: its labels of people mean nothing."
    return told


def _model_source(model: UsedModel | None) -> list[str]:
    from merkit.methods import METHODS

    names = () if model is None else model.names
    return [METHODS[name].citation + "." for name in names if name in METHODS]


def _all(words: Sequence[str]) -> str:
    return ", ".join(words)
