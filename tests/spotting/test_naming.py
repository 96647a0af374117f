"""What movements are called, and which of those that overlap stand, on movements made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merkit.spotting import SpotConfig
from merkit.spotting.course import Movement
from merkit.spotting.naming import Behaviour, is_hidden, kind_of, moved
from merkit.spotting.quality import quality_of
from merkit.spotting.regions import REGIONS
from merkit.spotting.resolve import resolve
from merkit.spotting.video import whole_faces
from merkit.types import Event, EventKind, RegionMotion

HZ, N = 30.0, 300
CONFIG = SpotConfig()
NOTHING = Behaviour(*(np.zeros(N, bool) for _ in range(6)))


def movement(
    onset: float = 100, apex: int = 105, offset: float = 112, long: bool = False, **down: float
) -> Movement:
    """``down``: pixels that every region moves whose name has these words."""
    regions = np.zeros((len(REGIONS), 2))
    for words, px in down.items():
        for r, region in enumerate(REGIONS):
            if words.replace("_", " ") in region.title:
                regions[r, 1] = px
    height = float(np.hypot(*regions.T).max())
    part = "upper" if all("brow" in words for words in down) and down else "lower"
    return Movement(onset, apex, offset, regions, height, 0.3, 0.9, long, part)


def during(first: int, last: int, **what: bool) -> Behaviour:
    mask = np.zeros(N, bool)
    mask[first : last + 1] = True
    return replace(NOTHING, **{name: mask for name in what})


def kind(m: Movement, did: Behaviour = NOTHING, config: SpotConfig = CONFIG) -> str:
    return kind_of(m, (m.offset - m.onset) / HZ, HZ, did, config)


SMILE = movement(mouth_corner=-2.0)
FROWN = movement(inner_brow=2.0)
FLASH = movement(inner_brow=-2.0, outer_brow=-2.0)
LONG_SMILE = movement(100, 130, 160, True, mouth_corner=-8.0)


@pytest.mark.parametrize(
    ("m", "did", "wanted"),
    [
        (SMILE, NOTHING, "micro"),
        (LONG_SMILE, NOTHING, "macro"),
        (movement(100, 105, 115, mouth_corner=-2.0), NOTHING, "micro"),  # half a second
        (movement(100, 105, 115.1, mouth_corner=-2.0), NOTHING, "macro"),
        # lids draw brows down and never up, and reach no mouth
        (FROWN, during(103, 108, blink=True), "blink"),
        (FLASH, during(103, 108, blink=True), "micro"),
        (SMILE, during(103, 108, blink=True), "micro"),
        (FROWN, during(200, 206, blink=True), "micro"),
        # the motion of the lids is enough
        (movement(upper_lid=3.0, inner_brow=1.0), NOTHING, "blink"),
        # speech explains the mouth and nothing above it
        (SMILE, during(90, 140, talk=True), "speech"),
        (LONG_SMILE, during(90, 140, talk=True), "speech"),
        (FLASH, during(90, 140, talk=True), "micro"),
        (
            replace(FLASH, regions=FLASH.regions + SMILE.regions),
            during(90, 140, talk=True),
            "micro",
        ),
        # so does a mouth that stays open, and not one that opens
        (SMILE, during(90, 140, apart=True), "speech"),
        (SMILE, during(103, 140, apart=True), "micro"),
        (LONG_SMILE, during(90, 170, apart=True), "macro"),  # a laugh is an expression
        (movement(100, 130, 160, True, chin=8.0), during(90, 170, apart=True), "speech"),
        (FLASH, during(90, 140, apart=True), "micro"),
        # a blink in speech: each explains its own
        (
            replace(FROWN, regions=FROWN.regions + 1.5 * SMILE.regions),
            during(95, 120, talk=True, blink=True),
            "speech",
        ),
        (movement(lower_lid=0.6, inner_brow=0.4), during(104, 106, gaze=True), "gaze shift"),
        (FLASH, during(104, 106, gaze=True), "micro"),
        (SMILE, during(100, 112, head=True), "head movement"),
    ],
)
def test_the_kind_is_what_explains_all_that_moved(m: Movement, did: Behaviour, wanted: str) -> None:
    assert kind(m, did) == wanted


def test_kinds_can_be_switched_off() -> None:
    off = SpotConfig(name_blinks=False, name_speech=False, name_gaze=False)
    assert kind(FROWN, during(103, 108, blink=True), off) == "micro"
    assert kind(SMILE, during(90, 140, talk=True), off) == "micro"


def test_what_is_covered_is_not_told() -> None:
    assert is_hidden(SMILE, during(104, 140, occluded=True))
    assert not is_hidden(SMILE, during(111, 140, occluded=True))


def test_regions_are_named_from_the_strongest_down() -> None:
    m = movement(left_mouth_corner=-2.0, right_mouth_corner=-3.0, chin=1.3, inner_brow=0.2)
    assert [REGIONS[r].title for r in moved(m)] == [
        "right mouth corner",
        "left mouth corner",
        "chin",
    ]
    assert moved(movement(chin=0.2)) == []


def test_quality_says_what_speaks_against_it() -> None:
    strong = movement(98, 105, 112, mouth_corner=-2.0)
    assert quality_of(strong, 90.0, 1.0, NOTHING) == (1.0, ())
    weak = replace(strong, height_px=0.45)
    assert quality_of(weak, 90.0, 1.0, NOTHING) == (
        pytest.approx(0.6),
        ("1.5 times the threshold",),
    )
    for doubtful, words in (
        (quality_of(strong, 30.0, 1.0, NOTHING), "small face: 30 px"),
        (quality_of(strong, 90.0, 0.6, NOTHING), "found in 60%"),
        (quality_of(replace(strong, returned=0.4), 90.0, 1.0, NOTHING), "40% of the way"),
        (quality_of(movement(103, 105, 106), 90.0, 1.0, NOTHING), "seen in 4 frames"),
        (quality_of(strong, 90.0, 1.0, during(90, 140, talk=True)), "during speech"),
        (quality_of(strong, 90.0, 1.0, during(100, 103, blink=True)), "with a blink"),
        (
            quality_of(strong, 90.0, 1.0, during(100, 104, head=True)),
            "the head moves fast for a part of it",
        ),
    ):
        quality, reasons = doubtful
        assert 0 <= quality < 0.8
        assert any(words in reason for reason in reasons)


def kept(*found: Movement) -> list[Movement]:
    return resolve(list(found), HZ, CONFIG)


def test_movements_apart_all_stand_in_order() -> None:
    late = movement(200, 205, 212, chin=1.0)
    assert kept(late, SMILE) == [SMILE, late]


def test_a_brief_one_seen_from_afar_is_said_once() -> None:
    afar = movement(95, 106, 118, True, mouth_corner=-2.2)
    assert kept(SMILE, afar) == [SMILE]
    other = movement(95, 106, 130, True, chin=3.0)
    assert kept(SMILE, other) == [other, SMILE] or kept(SMILE, other) == [SMILE, other]


def test_a_ripple_of_a_longer_movement_is_none_of_its_own() -> None:
    ripple = movement(125, 130, 137, mouth_corner=-2.0)
    assert kept(ripple, LONG_SMILE) == [LONG_SMILE]
    brow = movement(125, 130, 137, inner_brow=-2.0)
    assert set(map(id, kept(brow, LONG_SMILE))) == {id(brow), id(LONG_SMILE)}
    strong = movement(125, 130, 137, mouth_corner=-5.0)
    assert set(map(id, kept(strong, LONG_SMILE))) == {id(strong), id(LONG_SMILE)}


def test_of_long_ones_that_overlap_the_highest_stands() -> None:
    lower = movement(140, 160, 190, True, chin=4.0)
    assert kept(lower, LONG_SMILE) == [LONG_SMILE]


def test_what_lasts_too_long_or_too_short_is_no_expression() -> None:
    assert kept(movement(10, 100, 140, True, chin=4.0)) == []
    assert kept(movement(100, 100, 100.9, mouth_corner=-2.0)) == []


def test_the_order_they_are_found_in_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    found = [
        movement(a, int(a + d / 2), a + d, bool(d > 15), **{name: float(rng.uniform(0.5, 6))})
        for a, d, name in zip(
            rng.uniform(0, 200, 30),
            rng.uniform(3, 60, 30),
            ["chin", "mouth_corner", "cheek"] * 10,
            strict=True,
        )
    ]
    wanted = list(map(id, kept(*found)))
    for _ in range(5):
        rng.shuffle(found)  # type: ignore[arg-type]
        assert list(map(id, kept(*found))) == wanted


def event(kind: EventKind, onset_s: float, apex_s: float, motion_px: float, region: str) -> Event:
    """One that lasts 0.4 s, of a region that goes up."""
    return Event(
        kind,
        onset_s,
        apex_s,
        onset_s + 0.4,
        *(round(30 * s) for s in (onset_s, apex_s, onset_s + 0.4)),
        motion_px,
        motion_px / 92,
        0.3,
        (RegionMotion(region, "left", 0.0, -motion_px),),
    )


def test_brows_and_mouth_that_share_an_apex_are_one_expression() -> None:
    brow, mouth = event("micro", 1.0, 1.2, 1.5, "brow"), event("micro", 1.05, 1.25, 2.0, "mouth")
    (one,) = whole_faces([brow, mouth])
    assert (one.onset_s, one.apex_s, one.motion_px) == (1.05, 1.25, 2.0)
    assert [r.region for r in one.regions] == ["mouth", "brow"]
    assert whole_faces([mouth, brow]) == [one]


@pytest.mark.parametrize(
    "other",
    [
        event("micro", 1.5, 1.7, 1.5, "brow"),  # later
        event("macro", 1.0, 1.2, 1.5, "brow"),
        event("speech", 1.0, 1.2, 1.5, "mouth"),
    ],
)
def test_other_events_stay_apart(other: Event) -> None:
    mouth = event("micro", 1.0, 1.2, 2.0, "mouth")
    assert sorted(map(repr, whole_faces([mouth, other]))) == sorted(map(repr, [mouth, other]))
