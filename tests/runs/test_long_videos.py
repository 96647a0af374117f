"""Tasks ``spotting`` and ``spot-recognise``: from recordings to scores, page, and back."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest

import tiny_pipeline as tiny
from merkit.cli import main
from merkit.datasets import load_recordings
from merkit.errors import ConfigError, VideoError
from merkit.files import read_json
from merkit.report.cite import run_paragraph
from merkit.report.long_result import LongResult, read_long_result
from merkit.runs import spots
from merkit.runs.config import EvaluateConfig
from merkit.runs.evaluate import evaluate
from merkit.runs.long_videos import evaluate_spotting
from merkit.spotting import SpottedVideo, spot_video
from merkit.types import Event, Stretch, VideoInfo

HOOF = {"method": "hoof", "model": {}, "training": {}, "seeds": (0, 1)}


@pytest.fixture
def config(long_database: Path, long_store: Path, tmp_path: Path) -> EvaluateConfig:
    return tiny.evaluation(long_database, long_store, tmp_path / "run", task="spotting")


def event(kind: Any, onset: int, apex: int, offset: int) -> Event:
    times = onset / 30, apex / 30, offset / 30
    return Event(kind, *times, onset, apex, offset, 1.0, 0.01, 0.5)


def whole_face(
    start_s: float, end_s: float, part: Literal["face", "lower face"] = "face"
) -> Stretch:
    return Stretch("occluded", start_s, end_s, round(30 * start_s), round(30 * end_s), part)


def given(
    monkeypatch: pytest.MonkeyPatch,
    found: Mapping[str, Sequence[Event]],
    stretches: Mapping[str, Sequence[Stretch]] | None = None,
) -> None:
    """Have these events spotted, by the name of the file."""

    def spot(media: Path, *args: object) -> SpottedVideo:
        seen: Any = SimpleNamespace(info=VideoInfo(media, 160, 160, 30.0, 90, 3.0))
        lost = tuple((stretches or {}).get(media.stem, ()))
        return SpottedVideo(seen, 3.0, tuple(found[media.stem]), lost)

    monkeypatch.setattr(spots, "spot_video", spot)


@pytest.fixture
def hand_made(
    config: EvaluateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> EvaluateConfig:
    """Of three annotated events one is found 2 frames late; one is missed by an event too long by
    half; one is missed by an event of the other kind; and a blink is no event to be scored. Of
    nine seconds, one and a half cannot be watched."""
    truth = {r.recording_id: r.events[0] for r in load_recordings("synthetic", config.root[0])}
    (one, a), (two, b), (three, c) = [
        (name, (int(e.onset_frame or 0), int(e.apex_frame or 0), int(e.offset_frame or 0)))
        for name, e in truth.items()
    ]
    length = b[2] - b[0] + 1
    found = {
        one: [event("micro", a[0] + 2, a[1] + 2, a[2] + 2), event("blink", 80, 82, 84)],
        two: [event("micro", b[0], b[1], b[2] + length + 1)],
        three: [event("macro", *c)],
    }
    lost = {one: [whole_face(0.0, 1.0), whole_face(0.5, 1.5 - 1 / 30)]}
    lost[two] = [whole_face(0.0, 3.0, "lower face")]
    given(monkeypatch, found, lost)
    return replace(config, store=tmp_path / "store")


def test_the_figures_of_a_run_worked_by_hand(hand_made: EvaluateConfig) -> None:
    result = evaluate_spotting(hand_made)
    scores = result.scores.spotting
    micro, macro, both = scores.kinds
    assert (micro.counts.tp, micro.counts.fp, micro.counts.fn) == (1, 1, 2)
    assert micro.counts.precision == 1 / 2
    assert micro.counts.recall == 1 / 3
    assert micro.f1.value == pytest.approx(2 / (2 + 1 + 2))
    assert (macro.counts.tp, macro.counts.fp, macro.counts.fn) == (0, 1, 0)
    assert (both.counts.tp, both.counts.fp, both.counts.fn) == (1, 2, 2)
    assert scores.watched_min == pytest.approx((9 - 1.5) / 60)
    assert micro.false_per_minute == pytest.approx(1 / (7.5 / 60))
    onset, apex, offset = micro.edges
    assert (onset.n, onset.median_frames, onset.bias_frames, onset.mean_s) == (1, 2, 2, 2 / 30)
    assert (apex.bias_frames, offset.bias_frames) == (2, 2)
    assert [(a.kind, a.low_px, a.n, a.found) for a in result.scores.amplitudes] == [
        ("micro", 4.0, 3, 1)
    ]
    assert result.scores.recognition == ()

    tables = result.tables
    assert tables["truth"].found.tolist() == [True, False, False]
    assert tables["truth"].spotted_onset_frame.tolist()[0] == tables["truth"].onset_frame[0] + 2
    assert np.isnan(tables["truth"].spotted_onset_frame[1])
    assert (tables["events"].of != "").tolist() == [True, False, False, False]
    assert tables["events"].kind.tolist() == ["micro", "blink", "micro", "macro"]
    assert tables["recordings"].watched_s.tolist() == pytest.approx([1.5, 3.0, 3.0])
    assert tables["stretches"].part.tolist() == ["face", "face", "lower face"]


def test_the_page_says_what_is_to_be_known(hand_made: EvaluateConfig) -> None:
    result = evaluate_spotting(hand_made)
    page = (result.folder / "report.html").read_text()
    for told in (
        "Spotting was not trained: no folds, no seeds",
        "3 subjects: intervals over fewer than 20",
        "8.00",  # false events a minute
        "occluded",
        "By strength",
        "spot.floor_share",
        *result.tables["recordings"].recording,
    ):
        assert told in page
    document = read_json(result.folder / "run.json", ("settings", "spotting"), "")
    assert document["task"] == "spotting"
    assert "method" not in document["settings"]
    assert "floor_share" in document["spotting"]["spot"]


def test_how_events_were_counted_is_cited(hand_made: EvaluateConfig) -> None:
    told = run_paragraph(evaluate_spotting(hand_made).folder)
    assert "intersection over union of 0.5" in told
    assert "1 of 3 found, 1 false" in told
    assert "was then named by" not in told


def test_a_run_is_read_as_it_was_written(hand_made: EvaluateConfig) -> None:
    result = evaluate_spotting(hand_made)
    again = read_long_result(result.folder)
    assert str(again.scores) == str(result.scores)  # by text, since NaN is not itself
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(again.tables[name], table)


def check_against_spotting(result: LongResult, database: Path) -> None:
    """What the run holds is what ``spot_video`` gives."""
    for recording in load_recordings("synthetic", database):
        found = result.tables["events"]
        found = found[found.recording == recording.recording_id]
        assert list(found.onset_frame) == [
            e.onset_frame for e in spot_video(recording.media).events
        ]


@pytest.mark.thorough
def test_from_the_command_line_and_again(
    long_database: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Really spotted, by two processes; then resumed, shown, and refused to be compared."""
    run, database = tmp_path / "run", ["--data", "synthetic", "--root", str(long_database)]
    words = ["evaluate", "--task", "spotting", *database, "--store", str(tmp_path / "store")]
    words += ["--out", str(run), "--resamples", "50", "--workers"]
    assert main([*words, "2"]) == 0
    shown = capsys.readouterr()
    assert "micro F1" in shown.out
    assert "3 recordings, 3 subjects" in shown.out
    assert "spotting recordings: 100%, 3 of 3" in shown.err
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "store").rglob("*.parquet")}
    page = (run / "report.html").read_text()
    (run / "metrics.json").unlink()
    words.append("1")
    assert main(words) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # nothing spotted again
    (run / "report.html").unlink()
    assert main(["report", str(run)]) == 0
    assert (run / "report.html").read_text() == page
    capsys.readouterr()
    assert main([*words, "--set", "spot.floor_share=0.5"]) == 2
    assert "holds another run" in capsys.readouterr().err
    other = shutil.copytree(run, tmp_path / "other")
    assert main(["report", str(run), str(other), "--out", str(tmp_path / "c.html")]) == 2
    assert "is a run of task 'spotting'" in capsys.readouterr().err


@pytest.mark.thorough
def test_interrupted_it_goes_on_by_recording(
    config: EvaluateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(config, store=tmp_path / "store")
    begun: list[Path] = []

    def stopped(media: Path, *args: Any) -> SpottedVideo:
        begun.append(media)
        if len(begun) == 2:
            raise KeyboardInterrupt
        return spot_video(media, *args)

    with monkeypatch.context() as patch:
        patch.setattr(spots, "spot_video", stopped)
        with pytest.raises(KeyboardInterrupt):
            evaluate_spotting(config)
        assert not (config.out / "metrics.json").exists()
        told: list[tuple[str, float, float]] = []
        result = evaluate_spotting(config, lambda *now: told.append(now))
    assert len(begun) == 4
    assert begun[0] not in begun[1:]
    assert ("spotting recordings", 1, 3) in told  # the bar begins where it stopped
    check_against_spotting(result, config.root[0])


def test_a_broken_recording_is_refused_or_left_out_and_told(
    config: EvaluateConfig, tmp_path: Path
) -> None:
    root = shutil.copytree(config.root[0], tmp_path / "db")
    broken = load_recordings("synthetic", root)[1]
    broken.media.write_bytes(broken.media.read_bytes()[:1000])
    config = replace(config, root=(root,))
    with pytest.raises(VideoError, match="1 of 3 recordings cannot be spotted") as caught:
        evaluate_spotting(config)
    assert broken.recording_id in str(caught.value)
    assert "--bad-clips skip" in str(caught.value)
    result = evaluate_spotting(replace(config, bad_clips="skip"))
    assert result.scores.spotting.n_videos == 2
    assert list(result.document["refused_recordings"]) == [broken.recording_id]
    assert "1 recordings could not be spotted" in (result.folder / "report.html").read_text()


def test_a_recording_without_a_face_is_scored_as_missed(
    config: EvaluateConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faceless(media: Path, *args: object) -> SpottedVideo:
        seen: Any = SimpleNamespace(info=VideoInfo(media, 160, 160, 30.0, 90, 3.0))
        return SpottedVideo(seen, 3.0, (), (), "no face")

    monkeypatch.setattr(spots, "spot_video", faceless)
    result = evaluate_spotting(replace(config, store=tmp_path / "store"))
    assert result.scores.spotting["micro"].counts.fn == 3
    assert result.scores.spotting.watched_min == 0.0
    assert np.isnan(result.scores.spotting["micro"].false_per_minute)
    assert "3 recordings show no face" in (result.folder / "report.html").read_text()


def test_what_cannot_be_is_told_before_anything_is_spotted(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    given(monkeypatch, {})
    for changes, told in (
        ({"data": ("casme2",)}, "'casme2' has no long recordings"),
        ({"spot": {"flor_px": 1.0}}, "unknown setting 'spot.flor_px'"),
        ({"track": {"tracker": "no"}}, "track.tracker"),
        ({"task": "recognition"}, "task 'recognition'"),
    ):
        with pytest.raises(ConfigError, match=told):
            evaluate_spotting(replace(config, **changes))
    with pytest.raises(ConfigError, match="task 'spotting'"):
        evaluate(config)
    for changes, told in (
        ({"protocol": replace(config.protocol, name="stratified_kfold")}, "subject-dependent"),
        ({"method": "nothing"}, "nothing"),
        ({"oracle_epoch": True}, "oracle_epoch True"),
        ({"metric_pooling": "fold_mean"}, "metric_pooling fold_mean"),
        ({"method": "stag", "model": {"au": {"source": "oracle"}}}, "human coded"),
    ):
        with pytest.raises(ConfigError, match=told):
            evaluate_spotting(replace(config, task="spot-recognise", **changes))
    assert not config.out.exists()


def test_what_was_spotted_is_recognised(config: EvaluateConfig) -> None:
    """Every micro-expression that was spotted has a class and its fold; the scores are those of
    the tables."""
    result = evaluate_spotting(replace(config, task="spot-recognise", **HOOF))
    events, truth = result.tables["events"], result.tables["truth"]
    micro = events[events.kind == "micro"]
    assert len(micro) > 0
    assert set(micro.label) <= {"negative", "positive", "surprise"}
    assert set(events[events.kind != "micro"].label) <= {""}
    names = truth.set_index("event").label
    hits = micro[micro.of != ""]
    right = (hits.label == hits.of.map(names)).sum()
    first, second = result.scores.recognition
    assert (first.seed, second.seed) == (0, 1)
    assert first.scores.n == len(hits)
    assert sum(first.scores.confusion[i][i] for i in range(3)) == right
    assert first.strs == pytest.approx(result.scores.spotting["micro"].counts.f1 * first.scores.f1)
    assert result.scores.strs == pytest.approx((first.strs + second.strs) / 2)
    page = (result.folder / "report.html").read_text()
    assert "shuffled" not in page
    assert "No model named the class of anything in a recording" in page
    assert "STRS" in page


def test_recognition_goes_on_by_fold(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from merkit.runs import together

    config = replace(config, task="spot-recognise", **HOOF)
    begun: list[str] = []
    real = together.run_fold

    def stopped(job: Any) -> Any:
        begun.append(f"{job.seed} {job.clips.fold.name}")
        if len(begun) == 3:
            raise KeyboardInterrupt
        return real(job)

    monkeypatch.setattr(together, "run_fold", stopped)
    with pytest.raises(KeyboardInterrupt):
        evaluate_spotting(config)
    evaluate_spotting(config)
    assert len(begun) == 1 + len(set(begun))  # the one that was interrupted, twice


def test_a_control_run_is_marked_and_an_unreadable_window_has_no_class(
    config: EvaluateConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    from merkit.runs import spot_recognise

    real = spot_recognise.prepare

    def refusing(clips: Any, *args: Any) -> Any:
        """As where the face is found in too few frames of the first one."""
        made = real(clips, *args)
        name = clips[0].clip_id
        keys = {clip_id: key for clip_id, key in made.keys.items() if clip_id != name}
        return replace(made, keys=keys, refused={name: "too few frames"})

    monkeypatch.setattr(spot_recognise, "prepare", refusing)
    settings: Any = {"method": "majority", "model": {}, "training": {}, "shuffle_labels": True}
    result = evaluate_spotting(replace(config, task="spot-recognise", **settings))
    page = (result.folder / "report.html").read_text()
    assert "training labels were shuffled inside each fold" in page
    assert "1 micro-expressions that were spotted could not be read" in page
    events = result.tables["events"]
    micro = events[events.kind == "micro"]
    assert micro.label.tolist()[0] == ""
    assert all(micro.label.tolist()[1:])


def test_prepare_spots_what_the_task_asks_for(
    long_database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    names = [r.media.stem for r in load_recordings("synthetic", long_database)]
    given(monkeypatch, {name: [] for name in names})
    store = tmp_path / "store"
    words = ["--data", "synthetic", "--root", str(long_database), "--store", str(store)]
    words += ["--workers", "1", "--method", "majority"]
    assert main(["prepare", "--task", "spotting", *words]) == 0
    assert capsys.readouterr().out == "3 recordings are spotted\n"
    assert main(["prepare", "--task", "spot-recognise", *words]) == 0
    assert capsys.readouterr().out.startswith("3 recordings are spotted\n12 samples in no folder")


def test_strs_of_a_run_worked_by_hand(hand_made: EvaluateConfig) -> None:
    """Spotting F1 is 2/5. The one event found is negative; called so, precision and recall are 1
    for this class and count as 0 for the two that were not found: F1 of recognition is 1/3."""
    settings: Any = {"method": "majority", "model": {}, "training": {}}
    result = evaluate_spotting(replace(hand_made, task="spot-recognise", **settings))
    (seed,) = result.scores.recognition
    (called,) = result.tables["events"].query("of != ''").label
    assert (seed.scores.n, called) == (1, "negative")
    assert result.tables["truth"].label.tolist() == ["negative"] * 3
    assert seed.strs == pytest.approx(2 / 5 / 3)
    assert (seed.scores.uf1, seed.scores.uar) == (1.0, 1.0)
    folds = read_json(result.folder / "folds.json", ("folds",), "")["folds"]
    # the third recording holds no micro-expression that was spotted, so nothing is trained for it
    assert [fold["name"] for fold in folds] == ["synthetic/sub01", "synthetic/sub02"]
    assert "was then named by majority (" in run_paragraph(result.folder)
