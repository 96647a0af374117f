"""What is found in a video after a coder looked at it, for whoever writes or counts it."""

from __future__ import annotations

from dataclasses import replace

from merkit.inference.analysis import Analysis
from merkit.review.review import Review
from merkit.review.things import Exclusion, ReviewedEvent
from merkit.types import Event, Stretch

_WORDS = {"units": "action units"}
#: reasons of a recogniser for giving no label, which hold no more where a coder gave one
_UNNAMED = ("not named:", "not classified:")


def reviewed_analysis(analysis: Analysis, review: Review, coder: str) -> Analysis:
    """The analysis with the coder's corrections.

    Rejected events are left out. Others have the coder's times and names; what the coder did is the
    last but one of their ``reasons``, such as ``accepted, label, onset by coder anna`` or ``not
    judged by coder anna``, a note the last. A label of a coder has the score NaN. What was measured
    (motion, quality), and the probabilities of a model, are those of the event as it was found.
    Exclusions become stretches of kind ``excluded``.
    """
    kept = [event for event in review.events if event.verdict != "rejected"]
    stretches = [*analysis.stretches, *map(_stretch, review.exclusions)]
    return replace(
        analysis,
        events=tuple(_event(event, coder) for event in kept),
        stretches=tuple(sorted(stretches, key=lambda s: (s.start_s, s.end_s))),
    )


def _event(reviewed: ReviewedEvent, coder: str) -> Event:
    reasons = list(reviewed.event.reasons)
    if "label" in reviewed.by_coder:
        reasons = [reason for reason in reasons if not reason.startswith(_UNNAMED)]
    reasons.append(f"{_done(reviewed)} by coder {coder}")
    if reviewed.note:
        reasons.append(f"note: {reviewed.note}")
    return replace(reviewed.event, reasons=tuple(reasons))


def _done(reviewed: ReviewedEvent) -> str:
    """What the coder did, in words."""
    if reviewed.origin == "added":
        return "added"
    fields = [name for name in reviewed.IN_EVENT if name in reviewed.by_coder]
    verdict = reviewed.verdict or ("" if fields else "not judged")
    return ", ".join(filter(None, [verdict, *(_WORDS.get(name, name) for name in fields)]))


def _stretch(exclusion: Exclusion) -> Stretch:
    return Stretch(
        "excluded",
        exclusion.start_s,
        exclusion.end_s,
        exclusion.first_frame,
        exclusion.last_frame,
        reason=exclusion.note,
    )
