"""Tiers and marks: what was found has its span, by the times of the table, and nothing overlaps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from merkit.export.boris_marks import observations_of
from merkit.export.tiers import tiers_of
from merkit.inference.analysis import Analysis
from merkit.inference.table import table_of
from merkit.types import Event, Stretch, UnitScore

TIMES = st.integers(-200, 4000).map(lambda n: n / 1999)


@st.composite
def events(draw: st.DrawFn) -> Event:
    onset = draw(TIMES)
    apex, offset = onset + draw(TIMES.map(abs)), onset + 2 * draw(TIMES.map(abs))
    units = draw(st.sampled_from([(), (UnitScore(4, 1, 1, True, True),)]))
    kind = draw(st.sampled_from(["micro", "macro", "blink"]))
    apex = draw(st.sampled_from([apex, np.nan]))
    label = draw(st.sampled_from(["", "x"]))
    named = {"label": label, "probabilities": {"x": 1.0}, "units": units}
    return Event(kind, onset, apex, offset, 0, 5, 9, 1.0, 1.0, 1.0, **named)


@st.composite
def stretches(draw: st.DrawFn) -> Stretch:
    start = draw(TIMES)
    part = draw(st.sampled_from(["face", "lower face"]))
    return Stretch("speech", start, start + draw(TIMES.map(abs)), 0, 9, part)


ANALYSES = st.builds(
    lambda e, s: Analysis(Path("v.mp4"), tuple(e), tuple(s), 9.0),
    st.lists(events(), max_size=6),
    st.lists(stretches(), max_size=4),
)


def ends_ms(onset_s: str, offset_s: str) -> tuple[int, int]:
    """The table's times in milliseconds, from zero on."""
    return max(0, round(float(onset_s) * 1000)), max(0, round(float(offset_s) * 1000))


def counted(found: Iterable[tuple[int, int, str]], instants: Container[int]) -> Counter[object]:
    """How often each is found; where some begin and end at once, their ends are not compared."""
    return Counter((begin, begin in instants or end, word) for begin, end, word in found)


@given(ANALYSES)
def test_spans_are_the_rows_of_the_table(analysis: Analysis) -> None:
    table = table_of([analysis], ("x",))
    found = table[table.onset_s != ""]
    rows = [
        (*ends_ms(row.onset_s, row.offset_s), row.kind, row.part, row.label)
        for row in found.itertuples()
    ]
    instants = {begin for begin, end, *_ in rows if begin == end}
    tiers = tiers_of(analysis)
    for kind, wanted in {
        "events": [(a, b, kind) for a, b, kind, part, _ in rows if not part],
        "class": [(a, b, label) for a, b, *_, label in rows if label],
        "excluded": [
            (a, b, kind if part == "face" else f"{kind} ({part})")
            for a, b, kind, part, _ in rows
            if part
        ],
    }.items():
        spans = [tuple(span) for tier in tiers if tier.kind == kind for span in tier.spans]
        assert counted(spans, instants) == counted(wanted, instants)
    assert len({tier.name for tier in tiers}) == len(tiers)
    for tier in tiers:
        assert all(span.start_ms < span.end_ms for span in tier.spans)
        assert all(one.end_ms <= after.start_ms for one, after in pairwise(tier.spans))
    (observation,) = observations_of([analysis], ("x",))
    open_since: dict[tuple[object, ...], float] = {}
    states = []
    for mark in observation.marks:
        what = (mark.subject, mark.code, mark.modifiers)
        if mark.status == "START":
            assert what not in open_since
            open_since[what] = mark.time_s
        elif mark.status == "STOP":
            code = "speech" if mark.code == "excluded" else mark.code
            states.append((round(1000 * open_since.pop(what)), round(1000 * mark.time_s), code))
    assert not open_since
    assert counted(states, instants) == counted([row[:3] for row in rows], instants)


def test_the_order_of_what_was_found_changes_nothing() -> None:
    one, other = (Event("micro", t, t, t + 1, 0, 0, 30, 1, 1, 1) for t in (0.2, 0.5))
    forth, back = (tiers_of(Analysis(Path("v"), pair)) for pair in ((one, other), (other, one)))
    assert forth == back
