"""Two coders side by side: how far they agree in numbers, and each place where they do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from merkit.app.shown import number_or_none
from merkit.review.agreement import Agreement, Kappa, project_agreement
from merkit.review.project import Project
from merkit.review.review import Review
from merkit.review.things import ReviewedEvent
from merkit.scoring.spotting import MIN_IOU, Span
from merkit.types import EXPRESSIONS

#: what the first and the second coder have of one movement
Pair: TypeAlias = tuple[ReviewedEvent | None, ReviewedEvent | None]


def shown_agreement(project: Project, first: str, second: str) -> dict[str, Any]:
    """``numbers`` with their names and what they mean, and ``differences`` with their places.

    Raises:
        ConfigError: as ``project_agreement``.
    """
    found = project_agreement(project, first, second)
    both = [e for e in project.videos() if e.analysed and e.id not in found.left_out]
    blinded = project.config.blinded
    differences = [
        {"video": entry.id, "name": entry.id if blinded else entry.name, **difference}
        for entry in both
        for difference in differences_of(
            project.review(entry.id, found.coders[0]), project.review(entry.id, found.coders[1])
        )
    ]
    return {
        "first": found.coders[0],
        "second": found.coders[1],
        "numbers": list(_numbers(found)),
        "differences": differences,
    }


def _numbers(found: Agreement) -> Iterator[dict[str, Any]]:
    first, second = found.coders

    def number(name: str, value: object, about: str) -> dict[str, Any]:
        return {"name": name, "value": value, "about": about}

    yield number("videos", str(found.n_videos), "both have reviewed them")
    yield number("events of both", str(found.matched), "matched as in the MEGC challenges")
    yield number(f"of {first} alone", str(found.only[0]), "")
    yield number(f"of {second} alone", str(found.only[1]), "")
    yield number(
        "IoU of times", number_or_none(found.mean_iou), "mean of the matched events; 1: the same"
    )
    for edge in found.edges:
        about = f"mean distance in frames, {edge.n} {'event' if edge.n == 1 else 'events'}"
        yield number(edge.edge, number_or_none(edge.mean_frames), about)
    yield number("kappa of verdicts", *_kappa(found.verdicts))
    yield number("kappa of labels", *_kappa(found.classes))


def _kappa(kappa: Kappa) -> tuple[float | None, str]:
    alike = f"Cohen; {kappa.alike} of {kappa.n} alike"
    return number_or_none(kappa.value), f"{alike}; {kappa.why}" if kappa.why else alike


def differences_of(one: Review, other: Review) -> list[dict[str, Any]]:
    """Where two reviews of one video say different things of an expression, in order of time."""
    told = []
    for first, second in (*_found(one, other), *_added(one, other)):
        words = _said(first, second), _said(second, first)
        here = first or second
        if here is not None and words[0] != words[1]:
            place = {"frame": here.event.onset_frame, "onset_s": here.event.onset_s}
            event = here.id if here.origin == "found" else ""
            told.append({"event": event, **place, "first": words[0], "second": words[1]})
    return sorted(told, key=lambda difference: int(difference["frame"]))


def _found(one: Review, other: Review) -> Iterator[Pair]:
    """Expressions that were found, of which either coder said something."""
    others = {event.id: event for event in other.events if event.origin == "found"}
    for event in one.events:
        twin = others.get(event.id)
        if twin is None or not (event.revision or twin.revision):
            continue
        if {event.event.kind, twin.event.kind} & set(EXPRESSIONS):
            yield event, twin


def _added(one: Review, other: Review) -> Iterator[Pair]:
    """What either added, beside the like of it that the other has, where there is one."""
    for event in one.events:
        if event.origin == "added":
            yield event, _like(event, other)
    for event in other.events:
        if event.origin == "added":
            twin = _like(event, one)
            if twin is None or twin.origin == "found":  # two that were added are told above
                yield twin, event


def _like(event: ReviewedEvent, other: Review) -> ReviewedEvent | None:
    return next((twin for twin in other.events if twin.endorsed and _same(event, twin)), None)


def _same(event: ReviewedEvent, twin: ReviewedEvent) -> bool:
    a, b = event.event, twin.event
    first, second = (Span(one.onset_frame, one.offset_frame) for one in (a, b))
    return a.kind == b.kind and first.iou(second) >= MIN_IOU


def _said(event: ReviewedEvent | None, other: ReviewedEvent | None) -> str:
    """What a coder said, as far as the other said otherwise or the verdict needs it."""
    if event is None:
        return "nothing"
    if event.verdict == "rejected":
        return "rejected"
    said: list[str] = [event.verdict or "not judged" if event.origin == "found" else "added"]
    now = event.event
    if other is None or (now.onset_frame, now.apex_frame, now.offset_frame) != (
        other.event.onset_frame,
        other.event.apex_frame,
        other.event.offset_frame,
    ):
        said.append(f"{now.onset_frame}, {now.apex_frame}, {now.offset_frame}")
    if other is not None and now.kind != other.event.kind:
        said.append(now.kind)
    if other is not None and now.label != other.event.label:
        said.append(now.label or "no label")
    if other is not None and event.action_units != other.action_units:
        said.append(event.action_units or "no action units")
    return ", ".join(said)
