"""One page a video, in one file that holds everything: what was found, when, why, and how."""

from __future__ import annotations

import platform
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, Template

from merkit.config import flat
from merkit.files import write_text
from merkit.inference.analysis import Analysis
from merkit.inference.words import region_words
from merkit.labels import ACTION_UNITS
from merkit.progress import Progress, silent
from merkit.runs.provenance import versions
from merkit.spotting import SpottedVideo
from merkit.types import Event, EventKind
from merkit.viewing import words
from merkit.viewing.cards import blocks
from merkit.viewing.curves import Curve, region_curves, unit_curves
from merkit.viewing.drawing import (
    AXIS,
    CURVE_LANE,
    LANE,
    LEFT,
    RIGHT,
    WIDTH,
    Band,
    CurveLane,
    curve_lane,
    nice_top,
)
from merkit.viewing.face import Arrow, arrows, drawn_centres, drawn_face
from merkit.viewing.pictures import EventPictures, PictureConfig, event_pictures
from merkit.viewing.timeline import judged, numbers_of, timeline, untold_title

#: Events of a page that have pictures: expressions first, then the others in order of time.
MOST_PICTURED = 300
#: An arrow is so many times as long as the motion.
ARROW_TIMES = 10.0
#: Curves of a video of up to so many rows are shown unfolded.
_OPEN_ROWS = 2
#: The least that the height of a lane of curves stands for.
_LEAST_TOP_PX, _LEAST_STRENGTHS = 2.0, 0.2
_SHAPES = "Blendshapes that stand for action units"
_SHAPES_ABOUT = (
    "Strength of the blendshapes of the face mesh, mean of left and right, each between the two "
    "numbers at its right, the lowest and the highest of the video. They stand for action units "
    "(AU) and are no FACS intensities: nobody coded them, and their zero is not this person's face "
    "at rest. Look at changes."
)
#: Rows of the table of everything that are shown unfolded.
_OPEN_TABLE = 60


@dataclass(frozen=True, eq=False)
class Card:
    """An event on the page; ``number`` counts the events of its kind. ``pictures``: None where it
    has none."""

    number: int
    event: Event
    config: PictureConfig
    pictures: EventPictures | None

    @property
    def title(self) -> str:
        return words.title_of(self.event, self.number)

    @property
    def anchor(self) -> str:
        return words.anchor_of(self.event.kind, self.number)

    @property
    def shots(self) -> list[tuple[str, float, str, bool]]:
        """Name, time, address and whether the face was found, of each picture."""
        if self.pictures is None:
            return []
        event, made = self.event, self.pictures
        names = ("onset", "apex", "offset")
        times = (event.onset_s, event.apex_s, event.offset_s)
        files = (made.onset, made.apex, made.offset)
        parts = zip(names, times, files, made.found, strict=True)
        return [(name, time_s, data_uri(jpeg), found) for name, time_s, jpeg, found in parts]

    @property
    def magnified(self) -> str:
        return data_uri(self.pictures.magnified) if self.pictures else ""

    @property
    def ground(self) -> str:
        """What arrows are drawn on; "" is the drawn face."""
        return data_uri(self.pictures.ground) if self.pictures else ""

    @property
    def arrows(self) -> tuple[Arrow, ...]:
        size = self.config.size_px
        centres = self.pictures.centres if self.pictures else None
        at = drawn_centres(size) if centres is None else centres
        return arrows(self.event.regions, at, size, ARROW_TIMES)

    @property
    def regions(self) -> list[str]:
        return [region_words(region) for region in self.event.regions]

    @property
    def answer(self) -> str:
        return words.answer(self.event)


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
        cards: name -> text of the cards of the models that were asked (``cards.model_cards``).
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


def pictured(events: Sequence[Event], most: int = MOST_PICTURED) -> list[int]:
    """Places of the events that have pictures: all, or where these are too many for a page the
    expressions first."""
    first = sorted(
        range(len(events)), key=lambda i: (list(words.KINDS).index(events[i].kind) > 1, i)
    )
    return sorted(first[:most])


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
    bands = [Band(row) for row in timeline(analysis)] if analysis.readable else []
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
        curves=_curves(bands, analysis, spotted),
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


@dataclass(frozen=True)
class CurveBand:
    """The curves of one kind in one row of time."""

    title: str
    about: str
    lanes: list[CurveLane]

    @property
    def in_words(self) -> str:
        """For who cannot see it: what was highest, and when."""
        peaks = [(*lane.curve.peak[::-1], lane.curve.title) for lane in self.lanes]
        known = sorted((p for p in peaks if np.isfinite(p[0])), reverse=True)[:3]
        if not known:
            return "nothing is known here"
        told = (f"{title} {value:.2f} at {time_s:.2f} s" for value, time_s, title in known)
        return f"highest: {'; '.join(told)}"


def _curves(
    bands: Sequence[Band], analysis: Analysis, spotted: SpottedVideo | None
) -> list[list[CurveBand]]:
    """The curves of every band: regions, then action units."""
    if spotted is None or spotted.problem:
        return [[] for _ in bands]
    moved = [e.motion_px for e in analysis.events if e.kind in ("micro", "macro")]
    top = nice_top(float(np.nanmax([0.0, *moved])), _LEAST_TOP_PX)
    regions = [(curve, 0.0, top) for curve in region_curves(spotted.seen)]
    units = [(curve, *_range(curve)) for curve in unit_curves(spotted.seen)]
    about = (
        f"How far each region moved within the last quarter of a second, 0 to {top:g} px of a face "
        "scaled to 256 px; what goes further is cut off at the top. The motion of the head is "
        "taken out. A movement shows twice: on its way there, and on its way back."
    )
    return [
        [
            CurveBand("Motion of regions", about, [curve_lane(c, band, *r) for c, *r in regions]),
            CurveBand(_SHAPES, _SHAPES_ABOUT, [curve_lane(c, band, *r) for c, *r in units]),
        ]
        for band in bands
    ]


def _range(curve: Curve) -> tuple[float, float]:
    """From the lowest to the highest value of a strength, and at least so much, in twentieths."""
    known = curve.value[np.isfinite(curve.value)]
    if not len(known):
        return 0.0, 1.0
    low = np.floor(20 * known.min()) / 20
    return float(low), float(max(np.ceil(20 * known.max()) / 20, low + _LEAST_STRENGTHS))


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
        (s.start_s, s.end_s, "", f"Nothing can be told: {untold_title(s)}", s.reason)
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


def data_uri(jpeg: bytes) -> str:
    """A picture as an address that holds it; "" of none."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode('ascii')}" if jpeg else ""


def _template() -> Template:
    loaders = [PackageLoader("merkit.viewing", ""), PackageLoader("merkit.report", "")]
    return Environment(
        loader=ChoiceLoader(loaders),
        undefined=StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("video.html.j2")
