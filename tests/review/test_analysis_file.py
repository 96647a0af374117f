"""An analysis that was saved is the same when it is read."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_reviews import ANALYSIS

from merkit.errors import StoreError
from merkit.inference.analysis import Analysis
from merkit.review.analysis_file import load_analysis, save_analysis
from merkit.types import Event, EventKind, RegionMotion, Stretch, StretchKind, UnitScore

NUMBER = st.floats(allow_infinity=False, width=64)
FRAME = st.integers(0, 10**7)
EVENT = st.builds(
    Event,
    st.sampled_from(get_args(EventKind)),
    *[NUMBER.filter(np.isfinite)] * 3,
    *[FRAME] * 3,
    *[NUMBER] * 3,
    regions=st.lists(
        st.builds(RegionMotion, st.text(), st.sampled_from(["left", "right", ""]), NUMBER, NUMBER),
        max_size=2,
    ).map(tuple),
    quality=NUMBER,
    reasons=st.lists(st.text(), max_size=2).map(tuple),
    found_share=NUMBER,
    label=st.text(),
    score=NUMBER,
    probabilities=st.dictionaries(st.text(), NUMBER, max_size=2),
    units=st.lists(
        st.builds(UnitScore, st.integers(1, 99), NUMBER, NUMBER, st.booleans(), st.booleans()),
        max_size=2,
    ).map(tuple),
)
STRETCH = st.builds(
    Stretch,
    st.sampled_from(get_args(StretchKind)),
    *[NUMBER.filter(np.isfinite)] * 2,
    *[FRAME] * 2,
    st.sampled_from(["face", "lower face"]),
    st.text(),
)


@given(st.lists(EVENT, max_size=3), st.lists(STRETCH, max_size=2), NUMBER, st.text())
def test_nothing_is_lost(
    tmp_path_factory: pytest.TempPathFactory,
    events: list[Event],
    stretches: list[Stretch],
    number: float,
    text: str,
) -> None:
    analysis = replace(
        ANALYSIS,
        events=tuple(events),
        stretches=tuple(stretches),
        duration_s=number,
        problem=text,
        readable=False,
    )
    path = tmp_path_factory.getbasetemp() / "analysis.json"
    save_analysis(path, analysis)
    assert repr(load_analysis(path)) == repr(analysis)  # NaN is not equal to itself


def test_what_is_not_known_is_null(tmp_path: Path) -> None:
    save_analysis(tmp_path / "a.json", Analysis.unreadable(Path("x.mp4"), "no video"))
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["version"] == 1
    assert content["analysis"]["duration_s"] is None
    assert np.isnan(load_analysis(tmp_path / "a.json").duration_s)


def damaged(content: dict[str, object], **changes: object) -> str:
    return json.dumps(content | changes)


def test_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    save_analysis(path, ANALYSIS)
    text = path.read_text()
    content = json.loads(text)
    event = content["analysis"]["events"][0]
    wrong = {
        text[:-100]: "cannot be read",
        "[]": "lacks",
        damaged(content, version=2): "version 2",
        damaged(content, format="something"): "holds a 'something'",
        damaged(content, analysis={}): "video: field required",
        text.replace('"micro"', '"tiny"', 1): r"events\.0\.kind: input should be 'micro'",
        text.replace(str(event["onset_frame"]), '"ten"', 1): "valid integer",
    }
    for broken, message in wrong.items():
        path.write_text(broken)
        with pytest.raises(StoreError, match=message) as caught:
            load_analysis(path)
        assert str(path) in str(caught.value)
    with pytest.raises(StoreError, match="cannot be read"):
        load_analysis(tmp_path / "none.json")
