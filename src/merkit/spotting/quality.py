"""How far a movement that was found can be trusted, and what speaks against it."""

from __future__ import annotations

from collections.abc import Iterator

from merkit.spotting.course import Movement
from merkit.spotting.naming import Behaviour, share

#: Full trust from here on: height in thresholds, pixels between the eye centres, looks from onset
#: to offset, and the way back in shares of the way there.
_HEIGHT, _EYE_PX, _LOOKS, _RETURNED = 2.5, 60.0, 7.0, 0.6
#: What is said lowers trust to below this.
_SAID_BELOW = 0.8


def quality_of(
    m: Movement, eye_px: float, found_share: float, did: Behaviour
) -> tuple[float, tuple[str, ...]]:
    """Quality 0 to 1, the product of what speaks against a movement, and that in words."""
    quality, reasons = 1.0, []
    for doubt, reason in _doubts(m, eye_px, found_share, did):
        factor = min(max(doubt, 0.0), 1.0)
        quality *= factor
        if factor < _SAID_BELOW:
            reasons.append(reason)
    return quality, tuple(reasons)


def _doubts(
    m: Movement, eye_px: float, found_share: float, did: Behaviour
) -> Iterator[tuple[float, str]]:
    strength = m.height_px / m.threshold_px
    yield strength / _HEIGHT, f"{strength:.1f} times the threshold"
    yield eye_px / _EYE_PX, f"small face: {eye_px:.0f} px between the eyes"
    looks = m.offset - m.onset + 1
    yield looks / _LOOKS, f"seen in {looks:.0f} frames"
    yield m.returned / _RETURNED, f"{m.returned:.0%} of the way was taken back"
    yield found_share, f"the face was found in {found_share:.0%} of its frames"
    yield 1 - share(did.head, m), "the head moves fast for a part of it"
    yield 1 - share(did.occluded, m), "partly covered"
    yield 1 - 0.5 * share(did.talk, m), "during speech"
    yield 1 - 0.3 * bool(share(did.blink, m)), "with a blink"
