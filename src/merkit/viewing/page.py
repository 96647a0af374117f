"""One page a video, in one file that holds everything: what was found, when, why, and how."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from merkit.config import flat
from merkit.files import write_text
from merkit.inference.analysis import Analysis
from merkit.labels import ACTION_UNITS
from merkit.progress import Progress, silent
from merkit.runs.provenance import versions
from merkit.spotting import SpottedVideo
from merkit.types import EventKind
from merkit.viewing import words
from merkit.viewing.bands import curve_bands
from merkit.viewing.card import ARROW_TIMES, Card, pictured
from merkit.viewing.drawing import AXIS, CURVE_LANE, LANE, LEFT, RIGHT, WIDTH, Band
from merkit.viewing.face import drawn_face
from merkit.viewing.model_cards import blocks
from merkit.viewing.pictures import EventPictures, PictureConfig, event_pictures
from merkit.viewing.timeline import judged, numbers_of, timeline

#: Curves of a video of up to so many rows are shown unfolded.
_OPEN_ROWS = 2
#: Rows of the table of everything that are shown unfolded.
_OPEN_TABLE = 60


def write_video_page(
    path: Path | str,
    analysis: Analysis,
    spotted: SpottedVideo | None,
    config: PictureConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    cards: Mapping[str, str] | None = None,
    fps_hz: float | None = None,
    progress: Progress = silent,
) -> Path:
    """Write the page of a video, whole or not at all, and return its path. The video is read once
    more where pictures are wanted.

    Args:
        analysis: what was found (``merkit.analyse``).
        spotted: what it was found in (``merkit.spot_video``); None of a video that cannot be read.
        config: pictures.
        settings: what to show as settings, nested plain values.
        cards: name -> text of the cards of the models that were asked
            (``merkit.viewing.model_cards.model_cards``).
        fps_hz: frame rate of an image folder.

    Raises:
        ConfigError: nothing can be written there.
        VideoError, MissingDataError: the video cannot be read again.

    Example:
        >>> spotted = merkit.spot_video("interview.mp4")  # doctest: +SKIP
        >>> found = analysis_of(Path("interview.mp4"), spotted)  # doctest: +SKIP
        >>> write_video_page("interview.html", found, spotted)  # doctest: +SKIP
    """
    config = config or PictureConfig()
    chosen = pictured(analysis.events)
    made: tuple[EventPictures, ...] = ()
    if spotted is not None:
        events = [analysis.events[i] for i in chosen]
        made = event_pictures(spotted.seen, events, config, fps_hz, progress)
    pictures = dict(zip(chosen, made, strict=True)) if made else {}
    write_text(Path(path), render_video_page(analysis, spotted, pictures, config, settings, cards))
    return Path(path)


def render_video_page(
    analysis: Analysis,
    spotted: SpottedVideo | None,
    pictures: Mapping[int, EventPictures],
    config: PictureConfig | None = None,
    settings: Mapping[str, Any] | None = None,
    cards: Mapping[str, str] | None = None,
) -> str:
    """The page as HTML text; see :func:`write_video_page`.

    Args:
        pictures: place of an event in ``analysis.events`` -> its pictures.
    """
    config = config or PictureConfig()
    numbers = numbers_of(analysis.events)
    made = [
        Card(number, event, config, pictures.get(i))
        for i, (number, event) in enumerate(zip(numbers, analysis.events, strict=True))
    ]
    bands = [] if analysis.problem else [Band(row) for row in timeline(analysis)]
    judged_s, upper_s = judged(analysis)
    return _template().render(
        analysis=analysis,
        name=analysis.video.name,
        problem=analysis.problem.replace(str(analysis.video), analysis.video.name),
        info=None if spotted is None else spotted.seen.info,
        config=config,
        words=words,
        counts=words.counts(analysis),
        warnings=words.warnings_of(analysis),
        untold=words.untold(analysis),
        judged_s=judged_s,
        upper_s=upper_s,
        bands=bands,
        curves=curve_bands(bands, analysis, spotted),
        groups=_groups(made),
        rows=_rows(analysis, made),
        n_pictured=len(pictures),
        unit_names=ACTION_UNITS,
        drawn=drawn_face(config.size_px),
        arrow_times=ARROW_TIMES,
        open_rows=_OPEN_ROWS,
        open_table=_OPEN_TABLE,
        settings=_settings(settings or {}),
        versions={name: at for name, at in versions().items() if at != "absent"},
        python=f"Python {platform.python_version()} on {platform.system()}",
        cards={name: blocks(text) for name, text in (cards or {}).items()},
        svg={"W": WIDTH, "L": LEFT, "R": RIGHT, "lane": LANE, "curve": CURVE_LANE, "axis": AXIS},
    )


def _groups(cards: Sequence[Card]) -> list[tuple[str, str, list[Card]]]:
    """Id, heading and cards: of micro-expressions, macro-expressions, and everything else."""
    kinds: dict[str, tuple[str, tuple[EventKind, ...]]] = {
        "micro": ("Micro-expressions", ("micro",)),
        "macro": ("Macro-expressions", ("macro",)),
        "others": ("Other movements", ("blink", "gaze shift", "speech", "head movement")),
    }
    return [
        (name, title, [card for card in cards if card.event.kind in of])
        for name, (title, of) in kinds.items()
    ]


def _rows(analysis: Analysis, cards: Sequence[Card]) -> list[tuple[float, float, str, str, str]]:
    """Everything in order of time: from, to, where its card is or "", what, and more of it."""
    rows = [
        (card.event.onset_s, card.event.offset_s, card.anchor, card.title, card.answer)
        for card in cards
    ]
    rows += [
        (s.start_s, s.end_s, "", f"Nothing can be told: {s.title}", s.reason)
        for s in analysis.stretches
    ]
    return sorted(rows)


def _settings(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Settings by their whole names. Of a path its name alone: a page may be shared."""
    return [(name, _plain(value)) for name, value in flat(settings).items()]


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value)) or "none"
    text = str(value)
    return Path(text).name if isinstance(value, Path) or text.startswith(("/", "~")) else text


def _template() -> Template:
    loaders = [PackageLoader("merkit.viewing", ""), PackageLoader("merkit.report", "")]
    return Environment(
        loader=ChoiceLoader(loaders),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("video.html.j2")
