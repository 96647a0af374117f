"""The page of a video: its structure, what is on it, and what is not."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from merkit.inference.analysis import Analysis
from merkit.spotting import SpottedVideo
from merkit.types import Event, RegionMotion, Stretch, UnitScore
from merkit.viewing import PictureConfig, render_video_page, write_video_page
from merkit.viewing.card import pictured
from merkit.viewing.model_cards import blocks, model_cards
from merkit.viewing.words import DOES_NOT_MEAN, ORIGINS

#: elements that have no end
VOID = {"meta", "img", "br", "hr", "input", "link"}


class Page(HTMLParser):
    """Elements of a page in order, its text, and the text inside those that have an id."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.elements.append((tag, found))
        if tag not in VOID:
            self._open.append((tag, found.get("id", "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1][0] == tag, f"</{tag}> closes {self._open[-1]}"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        self.text += data
        for _, name in self._open:
            if name:
                self.texts[name] = self.texts.get(name, "") + data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [found for name, found in self.elements if name == tag]


NAMED = Event(
    "micro", 1.2, 1.3, 1.5, 36, 39, 45, 2.5, 0.027, 0.4,
    regions=(RegionMotion("mouth corner", "left", 1.0, -2.0),), quality=0.75,
    reasons=("with a blink", 'doubt "><img src=x> & more'), label="<b>positive</b>", score=0.8,
    probabilities={"negative": 0.2, "<b>positive</b>": 0.8},
    units=(UnitScore(12, 0.9, 0.8, True, True), UnitScore(1, 0.1, 0.2)),
)  # fmt: skip
MADE = Analysis(
    Path("/home/somebody/<script>alert(1)<!--.mp4"),
    (NAMED, replace(NAMED, kind="macro", onset_s=3.0, apex_s=3.5, offset_s=4.5, motion_px=np.nan)),
    (Stretch("speech", 2.0, 2.5, 60, 75, "lower face", "the lips <move>"),),
    6.0,
    0.9,
    trained_on=("synthetic",),
)


@pytest.fixture(scope="module")
def shown(
    analysis: Analysis, spotted: SpottedVideo, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The page of the recording with everything on it."""
    path = tmp_path_factory.mktemp("page") / "page.html"
    cards = {"a model": "# a model\n\nWhat it is.\n\n## Measured\n\n    code < 1\n"}
    config = PictureConfig(magnify=5.0, size_px=96)
    write_video_page(path, analysis, spotted, config, {"spot": {"lag_s": 0.25}}, cards)
    return path.read_text(encoding="utf-8")


def page_of(made: Analysis, config: PictureConfig | None = None) -> Page:
    return Page(render_video_page(made, None, {}, config))


def check(page: Page) -> None:
    """What holds for every page."""
    assert page.all("html") == [{"lang": "en"}]
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for landmark in ("header", "main", "footer", "nav"):
        assert len(page.all(landmark)) == 1
    assert all(th.get("scope") in ("col", "row") for th in page.all("th"))
    assert all(img["alt"] for img in page.all("img"))
    for svg in page.all("svg"):
        assert svg.get("aria-hidden") or (svg.get("role") and svg.get("aria-label"))
    ids = [found["id"] for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    named = [found["aria-labelledby"] for _, found in page.elements if "aria-labelledby" in found]
    links = [found["href"].removeprefix("#") for found in page.all("a")]
    assert set(named) | set(links) <= set(ids)


def check_nothing_is_fetched(page: Page, html: str) -> None:
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "base"}
    places = [
        value
        for _, found in page.elements
        for name, value in found.items()
        if name in ("src", "href", "srcset", "action", "data", "poster", "xlink:href")
    ]
    assert all(place.startswith(("#", "data:image/jpeg;base64,")) for place in places)
    assert not [name for _, found in page.elements for name in found if name.startswith("on")]
    assert set(re.findall(r"url\(([^)]*)\)", html)) <= {"#hatch", "#dots", "#tip"}
    assert "@import" not in html
    policies = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_a_page_is_whole_in_order_and_fetches_nothing(shown: str) -> None:
    page = Page(shown)
    check(page)
    check_nothing_is_fetched(page, shown)
    assert "code < 1" in page.text  # of the card
    assert re.search(r"spot\.lag_s\s*0\.25", page.text)


def test_every_event_has_a_card_with_its_times(shown: str, analysis: Analysis) -> None:
    page, numbers = Page(shown), dict.fromkeys((e.kind for e in analysis.events), 0)
    assert len(page.all("article")) == len(analysis.events) >= 2
    for event in analysis.events:
        numbers[event.kind] += 1
        text = page.texts[f"{event.kind.replace(' ', '-')}-{numbers[event.kind]}"]
        for name in ("onset", "apex", "offset"):
            time_s, frame = getattr(event, f"{name}_s"), getattr(event, f"{name}_frame")
            assert f"{time_s:.3f}\xa0s, frame {frame}" in text
        assert f"{event.duration_s:.3f}\xa0s" in text
        for reason in event.reasons:
            assert reason in text
        if np.isfinite(event.motion_px):
            assert f"{event.motion_px:.2f} px" in text
            assert f"{event.threshold_px:.2f} px" in text
    assert len(page.all("img")) == 4 * len(analysis.events)  # with the magnified apex


def test_what_comes_from_outside_is_text_and_paths_are_names() -> None:
    html = render_video_page(MADE, None, {}, None, {"face": "/home/somebody/face.task"})
    page = Page(html)
    check(page)
    check_nothing_is_fetched(page, html)
    assert MADE.video.name in page.text
    assert "<b>positive</b>" in page.text
    assert "the lips <move>" in page.text
    assert "somebody" not in html
    assert "face.task" in html
    assert page.texts["micro-1"].count('doubt "><img src=x> & more') == 1
    assert not page.all("img")


def test_classes_and_units_stand_in_tables_with_their_probabilities() -> None:
    text = page_of(MADE).texts["micro-1"]
    assert "<b>positive</b> (0.80)" in text
    assert re.search(r"negative\s*0\.20", text)
    assert "Action units: 12" in text
    assert re.search(r"12 lip corner puller\s*0\.90\s*✓\s*0\.80\s*✓", text)
    assert re.search(r"1 inner brow raiser\s*0\.10\s*0\.20", text)


def test_a_page_says_what_its_model_knows_and_what_it_does_not_mean() -> None:
    text = page_of(MADE).text
    assert ORIGINS["synthetic"] in text
    assert ORIGINS["simulation"] not in text
    for sentence in DOES_NOT_MEAN:
        assert sentence in text
    assert "speech (lower face)" in text
    unnamed = replace(MADE, events=())
    assert ORIGINS["synthetic"] not in render_video_page(unnamed, None, {})


def test_without_faces_there_is_no_picture_at_all(
    analysis: Analysis, spotted: SpottedVideo, tmp_path: Path
) -> None:
    gone = replace(spotted.seen, info=replace(spotted.seen.info, path=Path("gone.mp4")))
    unread = replace(spotted, seen=gone)
    path = write_video_page(tmp_path / "p.html", analysis, unread, PictureConfig("none"))
    html = path.read_text(encoding="utf-8")
    page = Page(html)
    check(page)
    assert "data:" not in html.replace("img-src data:", "")
    assert not page.all("img")
    assert not page.all("image")
    moved = [event for event in analysis.events if event.regions]
    assert page.all("use") == [{"href": "#drawn"}] * len(moved)  # the drawn face, with the arrows
    assert "were left out" in page.text


def test_blurred_pictures_say_so(analysis: Analysis, spotted: SpottedVideo, tmp_path: Path) -> None:
    config = PictureConfig("blurred", size_px=64)
    html = write_video_page(tmp_path / "p.html", analysis, spotted, config).read_text("utf-8")
    page = Page(html)
    check(page)
    assert {img["alt"].partition(" at the ")[0] for img in page.all("img")} == {
        "Grey blocks in place of the face"
    }
    assert not page.all("image")
    assert "8 by 8 grey blocks" in html


def test_a_long_video_has_rows_and_folded_curves(analysis: Analysis, spotted: SpottedVideo) -> None:
    long = replace(analysis, duration_s=200.0)
    page = Page(render_video_page(long, spotted, {}))
    check(page)
    bands = [found for found in page.all("div") if found.get("class") == "band"]
    assert len(bands) == 4 * 3  # rows, each with a timeline and two groups of curves
    curves = page.all("details")[:-1]
    assert len(curves) == 8
    assert all("open" not in found for found in curves)


def test_a_video_that_gave_nothing_still_has_a_page(spotted: SpottedVideo) -> None:
    page = page_of(Analysis.unreadable(Path("/a/b.mp4"), "/a/b.mp4: cut off at frame 3"))
    check(page)
    assert "b.mp4: cut off at frame 3" in page.text
    assert "/a/" not in page.text
    assert not page.all("article")
    faceless = Analysis(Path("c.mp4"), problem="c.mp4: no face found", duration_s=2.0)
    empty = replace(spotted, events=(), problem="c.mp4: no face found")
    page = Page(render_video_page(faceless, empty, {}))
    check(page)
    assert "no face found" in page.text
    assert "Nothing was found" not in page.text
    assert not [found for found in page.all("div") if found.get("class") == "band"]


def test_where_there_are_too_many_events_expressions_have_pictures_first() -> None:
    blink = replace(NAMED, kind="blink")
    assert pictured([blink, blink, NAMED, blink, NAMED], most=3) == [0, 2, 4]
    assert pictured([blink, NAMED]) == [0, 1]


def test_cards_of_the_models_are_read_as_blocks() -> None:
    cards = model_cards()
    assert set(cards) == {"sim-flow", "sim-seq"}
    for card in cards.values():
        found = blocks(card)
        assert {block.kind for block in found} == {"heading", "text", "code"}
        assert any(block.text == "What it is not for" for block in found)
    assert model_cards("no/such/model") == {}
    assert list(model_cards("sim-flow")) == ["sim-flow"]
