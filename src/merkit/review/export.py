"""A review written to a file, as ``merkit predict`` writes what it found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from merkit.errors import ConfigError
from merkit.export import held_by, write_events
from merkit.face import TrackConfig
from merkit.inference.analysis import Analysis
from merkit.inference.made import Judgement, UsedModel, write_made
from merkit.inference.namer import namer_of
from merkit.methods.limits import NEVER
from merkit.review.coders import coder_name
from merkit.review.project import Project
from merkit.review.review import Review
from merkit.review.reviewed import reviewed_analysis


def write_reviewed(
    project: Project,
    coder: str,
    path: Path,
    format_name: str = "",
    video_ids: Sequence[str] = (),
) -> tuple[list[Path], list[Analysis]]:
    """Write the analysed videos as a coder left them, and beside each file how it came about.

    Args:
        path, format_name: as of :func:`merkit.export.write_events`.
        video_ids: these videos alone.

    Returns:
        the files that were written, and what they hold.

    Raises:
        ConfigError: no analysed video, models of different classes, or as ``write_events``.
        StoreError: a file of the project is damaged.
    """
    chosen = [e.id for e in project.videos() if e.analysed and (not video_ids or e.id in video_ids)]
    if not chosen:
        raise ConfigError("no analysed video to export", "one that is ready")
    coder = coder_name(coder)
    reviews = [project.review(video_id, coder) for video_id in chosen]
    analyses = [
        reviewed_analysis(project.analysis(video_id), review, coder)
        for video_id, review in zip(chosen, reviews, strict=True)
    ]
    classes = classes_of(analyses)
    files = write_events(analyses, classes, path, format_name)
    model, track = _model(project, analyses, classes), TrackConfig(face=project.config.face)
    for file, places in held_by(files, path, analyses):
        write_made(
            file,
            [analyses[place] for place in places],
            model,
            project.config.spot,
            track,
            judgement=judgement(coder, [reviews[place] for place in places]),
        )
    return files, analyses


def judgement(coder: str, reviews: Sequence[Review]) -> Judgement:
    """What the coder made of the events of these videos, counted."""
    events = [event for review in reviews for event in review.events]
    found = [event for event in events if event.origin == "found"]
    kept = [event for event in found if event.verdict != "rejected"]
    corrected = [event for event in kept if event.by_coder]
    accepted = [event for event in kept if event.verdict == "accepted" and not event.by_coder]
    return Judgement(
        coder,
        accepted=len(accepted),
        corrected=len(corrected),
        rejected=len(found) - len(kept),
        added=len(events) - len(found),
        open=len(kept) - len(accepted) - len(corrected),
        excluded=sum(len(review.exclusions) for review in reviews),
    )


def classes_of(analyses: Sequence[Analysis]) -> tuple[str, ...]:
    """Classes that a model gave probabilities of, in its own order; () where nothing was named.

    Raises:
        ConfigError: several models of different classes.
    """
    events = [event for analysis in analyses for event in analysis.events]
    known = {tuple(event.probabilities): event for event in events if event.probabilities}
    if len({frozenset(classes) for classes in known}) > 1:
        told = "; ".join(", ".join(classes) for classes in known)
        raise ConfigError(f"videos were analysed by models of different classes: {told}", "one")
    return next(iter(known), ())


def _model(
    project: Project, analyses: Sequence[Analysis], classes: tuple[str, ...]
) -> UsedModel | None:
    """What named the events, as far as the project and the analyses tell: a model that was named
    need not be there any more."""
    trained_on = tuple(dict.fromkeys(name for a in analyses for name in a.trained_on))
    if not trained_on:
        return None
    config = project.config
    if not config.model:
        return UsedModel.of(namer_of(min_score=config.min_score))
    units = next((a.units for a in analyses if a.units), ())
    least = NEVER.class_min if config.min_score is None else config.min_score
    return UsedModel((Path(config.model).name,), (), trained_on, classes, units, least)
