"""The same movement has the same answer, in whatever form its video comes."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from same_material import HZ, LENGTH_S, OTHER_S, PART_S, Copy, Material, draw

import merkit
import tiny_pipeline as tiny
from merkit.inference.analysis import analysis_of
from merkit.inference.bundled import bundled
from merkit.spotting import SpottedVideo, spot_video
from merkit.types import Event, Stretch
from merkit.video import iter_frames, probe

#: seconds of video are spotted again and again
pytestmark = pytest.mark.thorough

#: s at the ends of a copy within which an event may not be seen whole
END_S = 1.0
JOINED_S = OTHER_S + 2 * LENGTH_S


@pytest.fixture(scope="session")
def drawn(shared_folder: Path) -> Path:
    return tiny.made_once(shared_folder / "same", draw)


@pytest.fixture(scope="session")
def material(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Material:
    return Material(drawn, tmp_path_factory.mktemp("same"))


def spotted_once(drawn: Path, name: str, video: Path) -> SpottedVideo:
    """What is spotted, by the first of the test processes that asks; a copy of a name is the same
    to the byte in each of them."""
    kept = tiny.made_once(
        drawn / f"{name}.spotted", lambda out: out.write_bytes(pickle.dumps(spot_video(video)))
    )
    found: SpottedVideo = pickle.loads(kept.read_bytes())
    return found


@pytest.fixture(scope="session")
def spotted(drawn: Path, material: Material) -> SpottedVideo:
    return spotted_once(drawn, "recording", material.recording.path)


def answers(found: SpottedVideo, shift_s: float = 0.0) -> list[tuple[str, tuple[float, ...]]]:
    """Kind and times (onset, apex, offset) on the clock of the recording."""
    return [(e.kind, tuple(t - shift_s for t in times(e))) for e in found.events]


def times(event: Event) -> tuple[float, float, float]:
    return event.onset_s, event.apex_s, event.offset_s


def assert_same(original: SpottedVideo, found: SpottedVideo, copy: Copy) -> None:
    """Whatever lies well inside the copy is in both, of the same kind, at the same time."""
    one, two = answers(original), answers(found, copy.shift_s)
    first_s, last_s = copy.first_s + END_S, copy.last_s - END_S
    compared = 0
    for here, there in ((one, two), (two, one)):
        for kind, when in here:
            if first_s <= when[0] and when[2] <= last_s:
                compared += 1
                assert any(same(kind, when, other, copy.fps_hz) for other in there), (kind, when)
    assert compared >= 4, "nothing to compare"


def same(
    kind: str, when: tuple[float, ...], other: tuple[str, tuple[float, ...]], fps_hz: float
) -> bool:
    """Within one frame of the slower of the two videos."""
    frame_s = 1 / min(fps_hz, HZ) + 1e-6
    near = all(abs(a - b) <= frame_s for a, b in zip(when, other[1], strict=True))
    return kind == other[0] and near


def test_the_recording_holds_what_can_be_compared(
    material: Material, spotted: SpottedVideo
) -> None:
    """Its micro-expressions are found where they are, so that no sameness is one of nothing."""
    true = [
        tuple(f / 60 for f in (e.onset, e.apex, e.offset))
        for e in material.plan.events
        if e.kind == "micro"
    ]
    found = [times(e) for e in spotted.events if e.kind == "micro"]
    hits = [t for t in true if any(abs(t[1] - f[1]) < 0.1 for f in found)]
    assert len(hits) == len(true) == 3


@pytest.fixture(scope="session")
def parts(drawn: Path, material: Material) -> list[tuple[Copy, SpottedVideo]]:
    """Two stream copies that overlap by six seconds."""
    copies = [material.part(0, PART_S), material.part(LENGTH_S - PART_S, LENGTH_S)]
    return [(copy, spotted_once(drawn, copy.path.stem, copy.path)) for copy in copies]


def test_parts_cut_by_stream_copy(
    spotted: SpottedVideo, parts: list[tuple[Copy, SpottedVideo]]
) -> None:
    for copy, found in parts:
        assert probe(copy.path).n_frames == PART_S * HZ
        assert_same(spotted, found, copy)


def test_overlapping_parts_agree(parts: list[tuple[Copy, SpottedVideo]]) -> None:
    (_, first), (later, second) = parts
    assert_same(first, second, replace(later, last_s=PART_S))


@pytest.fixture(scope="session")
def joined(drawn: Path, material: Material) -> tuple[tuple[Copy, Copy], SpottedVideo]:
    """The recording twice over, after another one."""
    copies = material.looped_after_another()
    return copies, spotted_once(drawn, "joined", copies[0].path)


def test_looped_after_another_recording(
    spotted: SpottedVideo, joined: tuple[tuple[Copy, Copy], SpottedVideo]
) -> None:
    copies, found = joined
    assert probe(copies[0].path).n_frames == JOINED_S * HZ
    for copy in copies:
        assert_same(spotted, found, copy)


def test_a_stream_has_the_answer_of_a_file(
    joined: tuple[tuple[Copy, Copy], SpottedVideo],
) -> None:
    """To the last digit, the names too, and each once within the delay that is promised."""
    (copy, _), found = joined
    whole = analysis_of(copy.path, found, bundled("cpu"))
    assert sum(bool(event.probabilities) for event in whole.events) >= 3
    events: list[Event] = []
    stretches: list[Stretch] = []
    with merkit.stream(copy.fps_hz, bundled("cpu")) as stream:
        for frame in iter_frames(copy.path):
            new, untold = stream.push(frame), stream.stretches()
            ends = [*(event.offset_s for event in new), *(s.end_s for s in untold)]
            assert all(frame.time_s <= end_s + stream.delay_s for end_s in ends)
            events += new
            stretches += untold
        assert events
        assert len(events) < len(whole.events)
        events += stream.finish()
        assert sorted(map(repr, events)) == sorted(map(repr, whole.events))
        assert {*stretches, *stream.stretches()} == {*whole.stretches}
        seen = stream.so_far()
        assert (seen.found_share, seen.duration_s) == (whole.found_share, whole.duration_s)


def test_in_other_quality(material: Material, spotted: SpottedVideo) -> None:
    copy = material.in_other_quality()
    share = PART_S / LENGTH_S
    assert copy.path.stat().st_size < 0.5 * share * material.recording.path.stat().st_size
    assert_same(spotted, spot_video(copy.path), copy)


@pytest.mark.parametrize("fps_hz", [25, 60])
def test_at_another_frame_rate(material: Material, spotted: SpottedVideo, fps_hz: int) -> None:
    copy = material.at_rate(fps_hz)
    assert_same(spotted, spot_video(copy.path), copy)
