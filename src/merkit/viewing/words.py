"""What a page says of an analysis: counts, meanings, warnings, pictures."""

from __future__ import annotations

from collections import Counter
from math import isfinite

from merkit.inference.analysis import Analysis
from merkit.types import EXPRESSIONS, Event, EventKind
from merkit.viewing.pictures import BLOCKS, PictureConfig

#: kind -> what it is called, one and several
KINDS: dict[EventKind, tuple[str, str]] = {
    "micro": ("Micro-expression", "Micro-expressions"),
    "macro": ("Macro-expression", "Macro-expressions"),
    "blink": ("Blink", "Blinks"),
    "gaze shift": ("Gaze shift", "Gaze shifts"),
    "speech": ("Speech movement", "Speech movements"),
    "head movement": ("Head movement", "Head movements"),
}
#: kind -> what it is
MEANINGS: dict[EventKind, str] = {
    "micro": "a movement of the face that comes and goes within half a second",
    "macro": "the same, longer: an ordinary expression",
    "blink": "the lids close and open",
    "gaze shift": "the eyes turn",
    "speech": "the mouth moves in talk, or in chewing",
    "head movement": "the head moves, and the face with it",
}
#: databases of a model -> what must be known of its names
ORIGINS = {
    "synthetic": "The model that named classes was trained on generated faces. Its labels do not "
    "hold for real people: do not rely on them.",
    "simulation": "Classes and action units were named by recognisers that were trained on "
    "simulated faces alone and never saw a person. Check what they say; their cards stand at the "
    "end of this page.",
}
DOES_MEAN = (
    "A movement is a place and a time at which part of this face moved further than its threshold "
    "and came back, the motion of the head taken out.",
    "A time in no lane of the timeline was watched, and nothing there exceeded the threshold.",
    "A time in a stretch of which nothing can be told was not judged. It does not count as calm.",
)
DOES_NOT_MEAN = (
    "It does not say what a person feels, thinks, hides or intends, and it is no test of honesty, "
    "health or character. Do not decide anything about a person by it.",
    "A class says which movements of the training data a movement resembles. Its probability is "
    "what the model gives, not the chance that it is right.",
    "It misses movements, and takes some for micro-expressions that are none: single words, "
    "swallowing, a small thing before the face. Look at each event, its quality and its reasons.",
    "It gives no error rate for this video. To know one, code part of it by hand and compare.",
)


def warnings_of(analysis: Analysis) -> tuple[str, ...]:
    """What must be known before anything on the page is believed."""
    named = any(event.probabilities for event in analysis.events)
    found = [text for origin, text in ORIGINS.items() if named and origin in analysis.trained_on]
    if analysis.n_faces > 1:
        found.append(
            f"Up to {analysis.n_faces} faces were seen at once. Followed is number "
            f"{analysis.face}, counted from the left and from 0."
        )
    if analysis.turned_deg:
        found.append(
            f"The pictures were turned left by {analysis.turned_deg} degrees to be upright."
        )
    if analysis.too_short:
        found.append(
            "The video is too short to spot a movement in: that needs rest before and after."
        )
    return tuple(found)


def counts(analysis: Analysis) -> dict[EventKind, int]:
    """How many events of each kind, those that are none only where they are expressions."""
    found = Counter(event.kind for event in analysis.events)
    return {kind: found[kind] for kind in KINDS if found[kind] or kind in EXPRESSIONS}


def untold(analysis: Analysis) -> dict[str, tuple[int, float]]:
    """What cannot be told: how often, and for how many seconds in all."""
    found: dict[str, tuple[int, float]] = {}
    for stretch in analysis.stretches:
        times, seconds = found.get(stretch.title, (0, 0.0))
        found[stretch.title] = times + 1, seconds + stretch.end_s - stretch.start_s
    return found


def title_of(event: Event, number: int) -> str:
    """Such as ``Micro-expression 3``; numbers count the events of a kind."""
    return f"{KINDS[event.kind][0]} {number}"


def anchor_of(kind: str, number: int) -> str:
    """Where the card of an event stands on its page, such as ``gaze-shift-3``."""
    return f"{kind.replace(' ', '-')}-{number}"


def clock(seconds: float) -> str:
    """Minutes and seconds, such as ``1:05``; with hours from one on."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{left:02}" if hours else f"{minutes}:{left:02}"


def answer(event: Event) -> str:
    """The class, or why there is none; "" where no model was asked."""
    if event.label:
        return f"{event.label} ({event.score:.2f})" if isfinite(event.score) else event.label
    return event.reasons[-1] if event.probabilities and event.reasons else ""


def of_pictures(config: PictureConfig) -> str:
    """What was done to the pictures of faces."""
    if config.faces == "none":
        return (
            "Pictures of the face were left out. The drawn face is nobody's. Times, motion and "
            "the name of the file still belong to a person."
        )
    if config.faces == "blurred":
        return (
            f"Pictures of the face were blurred: each is {BLOCKS} by {BLOCKS} grey blocks, and the "
            "file holds nothing finer. The drawn face is nobody's. Blocks are no proof that "
            "nobody can be recognised, and times and the name of the file still belong to a "
            "person."
        )
    return "This page shows a person's face. Share it as you would share the video."
