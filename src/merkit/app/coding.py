"""What coders do: reviews as the page shows them, and each edit, kept before it is answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from merkit.app import shown
from merkit.errors import ConfigError
from merkit.review.coders import coder_name
from merkit.review.edits import Edit, EditConflict
from merkit.review.project import Project
from merkit.review.review import Review
from merkit.review.things import Thing


class ConflictError(ConfigError):
    """Another page changed the same meanwhile. ``now``: what the page is to show, as ``edit``
    gives it."""

    def __init__(self, found: str, now: dict[str, Any]) -> None:
        super().__init__(found)
        self.now = now


def review_of(
    project: Project, video_id: str, coder: str, known: int | None = None
) -> dict[str, Any] | None:
    """What a coder made of a video; None where it has as many edits as the page ``known``.

    Raises:
        ConfigError: no such video, not analysed yet, or no name of a coder.
    """
    review = project.review(video_id, coder_name(coder))
    if len(review.history) == known:
        return None
    return shown.shown_review(review, project.config.blinded)


def apply_edit(
    project: Project, video_id: str, coder: str, values: Mapping[str, Any]
) -> dict[str, Any]:
    """Apply and keep an edit; gives what it made of its event, exclusion or remark.

    Raises:
        ConflictError: the same was changed meanwhile.
        ConfigError: it is none, or nothing that can be done.
    """
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    edit, coder = Edit.of({**values, "time": now}), coder_name(coder)
    try:
        review = project.append(video_id, coder, edit)
    except EditConflict as error:
        review = project.review(video_id, coder)
        raise ConflictError(error.found, _told(project, review, error.current)) from None
    change = review.history[edit.id]
    told = _told(project, review, review.things[change.after.id])
    if edit.kind == "undo":
        told["undone"] = _in_words(review, change.edit.target)
    return told


def _told(project: Project, review: Review, thing: Thing) -> dict[str, Any]:
    shown_thing = shown.shown(thing, project.config.blinded)
    return {"thing": shown_thing, **shown.shown_state(review)}


def _in_words(review: Review, edit_id: str) -> str:
    edit = review.history[edit_id].edit
    if edit.kind == "undo":
        return f"the undo of {_in_words(review, edit.target)}"
    return f"{edit.kind} of {review.history[edit_id].after.id}"
