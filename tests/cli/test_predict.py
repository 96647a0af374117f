"""``merkit predict``: the whole command, with a model and without."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from pympi import Elan

from merkit.cli import main
from merkit.methods.bundled import BUNDLED, UNITS
from merkit.types import Recording
from merkit.video import iter_frames, write_frames, write_video
from placeholder_recogniser import sim_flow_folder

pytestmark = pytest.mark.usefixtures("tracked_once")

#: at 30 frames/s; so named are the folders of images
RATE = ("--fps", "30")


def predict(out: Path, *words: str, model: Path | None = None) -> int:
    named = ["--model", "none" if model is None else str(model)]
    return main(["predict", *words, *named, "--device", "cpu", "--out", str(out)])


def rows(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


# without a model


def test_without_anything_to_name_torch_is_not_imported(tiny_images: Path, tmp_path: Path) -> None:
    """In a process of its own, since this one has torch; so a first table takes seconds."""
    write_frames(tmp_path / "grey", [np.full((96, 96, 3), 90 + i, np.uint8) for i in range(40)])
    weights = sim_flow_folder(tmp_path / "weights")
    plain = ["predict", str(tiny_images), *RATE, "--model", "none", "--out", "e.csv"]
    faceless = ["predict", "grey", *RATE, "--out", "named.csv"]
    code = (
        "import sys; from pathlib import Path; from merkit.cli import main; "
        "from merkit.methods.bundled import BUNDLED; "
        f"BUNDLED['sim-flow'] = Path({str(weights)!r}); "
        f"assert main({plain!r}) == 0; assert main({faceless!r}) == 2; "
        "assert 'torch' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("not named: --model none") == 1
    assert len(rows(tmp_path / "e.csv")) >= 1
    assert "au4_left" in rows(tmp_path / "named.csv")


def test_movements_are_measured_and_not_named(
    tiny_recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert predict(tmp_path / "e.csv", str(tiny_recording.media)) == 0
    table = rows(tmp_path / "e.csv")
    assert list(table)[-1] == "trained_on"  # no probabilities of classes that there are not
    assert table[["label", "score", "action_units", "trained_on"]].eq("").all(axis=None)
    micro = table[table.kind == "micro"]
    measured = micro[["motion_px", "motion_share", "threshold_px", "quality"]].astype(float)
    assert (measured.motion_px > 0).all()
    frames = micro[["onset_frame", "apex_frame", "offset_frame"]].astype(int)
    times = micro[["onset_s", "apex_s", "offset_s"]].astype(float)
    np.testing.assert_allclose(frames.to_numpy() / 30, times.to_numpy(), atol=1e-3)
    for truth in tiny_recording.events:  # 4 px of movement are found
        over = frames.onset_frame.lt(truth.offset_frame) & frames.offset_frame.gt(truth.onset_frame)
        assert over.any()
    shown = capsys.readouterr().out
    assert f"{tiny_recording.media}: {len(micro)} micro-expression" in shown
    assert "generated faces" not in shown


def test_a_model_adds_names_and_leaves_the_measurement(
    tiny_model: Path, tiny_recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, model in {"plain.csv": None, "named.csv": tiny_model}.items():
        assert predict(tmp_path / name, str(tiny_recording.media), model=model) == 0
    plain, named = rows(tmp_path / "plain.csv"), rows(tmp_path / "named.csv")
    added = ["p_negative", "p_positive", "p_surprise"]
    assert list(named) == [*plain, *added]
    micro = named.kind == "micro"
    assert micro.any()
    names = ["label", "score", "trained_on", *added]
    assert named.loc[micro, names].ne("").all(axis=None)
    assert named.loc[~micro, names].eq("").all(axis=None)
    assert (named.trained_on[micro] == "synthetic").all()
    same = [name for name in plain if name not in names]
    pd.testing.assert_frame_equal(named[same], plain[same])
    assert capsys.readouterr().out.count("trained on generated faces") == 1


def test_the_recogniser_that_comes_with_merkit_names_without_being_asked_to(
    tiny_images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setitem(BUNDLED, "sim-flow", sim_flow_folder(tmp_path / "weights"))  # type: ignore[arg-type]
    words = ["predict", str(tiny_images), *RATE, "--device", "cpu", "--out"]
    for name, more in {"plain.csv": ["--min-score", "0"], "sure.csv": ["--min-score", "1"]}.items():
        assert main([*words, str(tmp_path / name), *more]) == 0
    table = rows(tmp_path / "plain.csv")
    micro = table.kind == "micro"
    assert micro.any()
    units = [f"au{unit}_{side}" for unit in UNITS for side in ("left", "right")]
    assert list(table)[-27:] == ["p_negative", "p_positive", "p_surprise", *units]
    shares = table.loc[micro, units].astype(float)
    assert shares.ge(0).all(axis=None)
    assert shares.le(1).all(axis=None)
    assert (table.trained_on[micro] == "simulation").all()
    assert table.loc[~micro, ["trained_on", *units]].eq("").all(axis=None)
    sure = rows(tmp_path / "sure.csv")
    assert sure.label.eq("").all()
    assert sure.reasons[micro].str.contains("; 1.00 is wanted|nothing moved").all()
    pd.testing.assert_frame_equal(sure[units], table[units])
    shown = capsys.readouterr().out
    assert shown.count("trained on simulated faces alone") == 2
    assert "not named: " in shown


def test_where_nothing_comes_with_merkit_the_rest_is_as_without(
    tiny_images: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in BUNDLED:
        monkeypatch.setitem(BUNDLED, name, tmp_path / "gone")  # type: ignore[arg-type]
    assert main(["predict", str(tiny_images), *RATE, "--out", str(tmp_path / "bare.csv")]) == 0
    shown = capsys.readouterr().out
    assert shown.count("not named: recogniser 'sim-flow' is not made") == 1
    assert predict(tmp_path / "none.csv", str(tiny_images), *RATE) == 0
    assert (tmp_path / "bare.csv").read_text() == (tmp_path / "none.csv").read_text()
    assert predict(tmp_path / "e.csv", str(tiny_images), *RATE, model=Path("sim-flow")) == 3


def test_a_cut_clip_without_a_model_is_too_short_and_says_so(
    tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = tmp_path / "clip"
    clip.mkdir()
    for number in range(112, 124):
        shutil.copy(next(tiny_images.glob(f"*{number}.*")), clip)
    assert predict(tmp_path / "e.csv", str(clip), *RATE) == 0
    table = rows(tmp_path / "e.csv")
    assert not table.kind.isin(["micro", "nothing found"]).any()
    if table.kind.tolist() == ["too short"]:
        assert "too short to spot" in capsys.readouterr().out


# several videos


def test_a_batch_keeps_the_order_of_its_videos(
    tiny_images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    again = shutil.copytree(tiny_images, tmp_path / "a-copy")
    assert predict(tmp_path / "e.csv", str(tiny_images), str(again), *RATE) == 0
    table = rows(tmp_path / "e.csv")
    assert table.video.unique().tolist() == [str(tiny_images), str(again)]
    first, second = (
        table[table.video == str(video)].drop(columns="video").reset_index(drop=True)
        for video in (tiny_images, again)
    )
    pd.testing.assert_frame_equal(first, second)
    shown = capsys.readouterr().out
    assert shown.index(str(tiny_images)) < shown.index(str(again))
    assert shown.count("spotted and measured, not named") == 1


def test_one_run_writes_for_every_program(
    tiny_images: Path,
    tiny_recording: Recording,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["predict", str(tiny_images), str(tiny_recording.media), *RATE, "--model", "none"]
    names = ["e.csv", "e.xlsx", "p.boris"]
    codes, praat = str(tmp_path / "codes"), str(tmp_path / "praat")
    outs = [*(str(tmp_path / name) for name in names), codes]
    formats = ["csv", "xlsx", "boris", "elan"]
    words += ["--out", *outs, "--format", *formats, "--out", praat, "--format", "textgrid"]
    assert main(words) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[-5:-2] == [f"written: {tmp_path / name}" for name in names]
    assert shown[-2:] == [f"written: {place} (2 of 2 videos)" for place in (codes, praat)]
    table = rows(tmp_path / "e.csv")
    table = table[table.video == str(tiny_recording.media)]
    found = sorted(
        (round(1000 * float(r.onset_s)), round(1000 * float(r.offset_s)), r.kind)
        for r in table[table.apex_s != ""].itertuples()
    )
    assert "micro" in table.kind.values
    name = tiny_recording.media.stem
    eaf = Elan.Eaf(f"{codes}/{name}.eaf")
    tiers = [tier for tier in eaf.get_tier_names() if tier.startswith("events")]
    assert sorted(a for t in tiers for a in eaf.get_annotation_data_for_tier(t)) == found
    linked = Path(codes, unquote(eaf.media_descriptors[0]["RELATIVE_MEDIA_URL"]))
    assert linked.samefile(tiny_recording.media)
    project = json.loads((tmp_path / "p.boris").read_text())
    assert list(project["observations"]) == [tiny_images.name, name]
    begins = [round(1000 * e[0]) for e in project["observations"][name]["events"]]
    assert {onset for onset, _, _ in found} <= set(begins)
    assert main(words) == 2  # nothing is replaced, and that is known at once
    assert "e.csv exists" in capsys.readouterr().err


def test_json_holds_what_the_table_holds(
    tiny_model: Path, tiny_images: Path, tmp_path: Path
) -> None:
    for name in ("e.json", "e.csv"):
        assert predict(tmp_path / name, str(tiny_images), *RATE, model=tiny_model) == 0
    (document,) = json.loads((tmp_path / "e.json").read_text(), parse_constant=pytest.fail)
    table = rows(tmp_path / "e.csv")
    events = table[table.apex_s != ""]
    assert document["video"] == str(tiny_images)
    assert document["face_found_share"] == 1.0
    assert len(document["stretches"]) == len(table) - len(events)
    assert len(document["events"]) == len(events) >= 1
    for event, row in zip(document["events"], events.itertuples(), strict=True):
        assert f"{event['onset_s']:.3f}" == row.onset_s
        assert f"{event['motion_px']:.3f}" == row.motion_px
        assert event["label"] == row.label
        if event["label"]:
            positive = event["probabilities"]["positive"]
            assert float(row.p_positive) == pytest.approx(positive, abs=1e-4)


def test_a_folder_of_videos_and_a_pattern_are_their_videos(
    tiny_recording: Recording, tmp_path: Path
) -> None:
    folder = tmp_path / "day [1]"  # no pattern, since it is there
    folder.mkdir()
    brief = [frame.rgb for frame in iter_frames(tiny_recording.media, 0, 9)]
    write_video(folder / "b.mp4", brief, 30.0)
    for name in ("a.mp4", "notes.txt"):
        shutil.copy(folder / "b.mp4", folder / name)
    wanted = [str(folder / name) for name in ("a.mp4", "b.mp4")]
    for i, named in enumerate((folder, tmp_path / "*" / "*.mp4")):
        out = tmp_path / f"{i}.json"
        assert predict(out, str(named), str(folder / "a.mp4")) == 0
        assert [video["video"] for video in json.loads(out.read_text())] == wanted
    assert predict(tmp_path / "none.json", str(tmp_path / "*.avi")) == 2


@pytest.mark.parametrize("kept_share", [0.0, 0.6])  # not even opened; opened, cut in its frames
def test_one_damaged_video_of_several_costs_only_itself(
    kept_share: float,
    tiny_images: Path,
    tiny_recording: Recording,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    damaged = tmp_path / "damaged.mp4"
    whole = tiny_recording.media.read_bytes()
    damaged.write_bytes(whole[: int(len(whole) * kept_share)] or b"no video")
    assert predict(tmp_path / "e.csv", str(damaged), str(tiny_images), *RATE) == 2
    table = rows(tmp_path / "e.csv")
    first, others = table.iloc[0], table[1:]
    told = {name: value for name, value in first.items() if value}
    assert told.keys() == {"video", "kind", "reasons"}
    assert (told["video"], told["kind"]) == (str(damaged), "unreadable")
    assert "damaged.mp4" in told["reasons"]
    assert (others.video == str(tiny_images)).all()
    assert (others.kind == "micro").any()
    assert "damaged.mp4" in capsys.readouterr().err.splitlines()[-1]
    assert predict(tmp_path / "none.csv", str(damaged)) == 2
    assert not (tmp_path / "none.csv").exists()


# what is said of a video


def test_no_face_gives_exit_code_two_and_a_row_that_says_so(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    grey = [np.full((96, 96, 3), 90 + i, np.uint8) for i in range(40)]
    write_frames(tmp_path / "grey", grey)
    for name, model in {"plain.csv": None, "named.csv": tiny_model}.items():
        assert predict(tmp_path / name, str(tmp_path / "grey"), *RATE, model=model) == 2
        assert "grey: no face found in any of 40 frames" in capsys.readouterr().err
        table = rows(tmp_path / name)
        assert table.kind.unique().tolist() == ["no face"]
        assert table[["face", "label"]].eq("").all(axis=None)
        assert (table.faces == "0").all()
    assert list(table)[-3:] == ["p_negative", "p_positive", "p_surprise"]


def test_a_video_upside_down_is_turned_and_that_is_said(
    tiny_recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = iter_frames(tiny_recording.media, last=59)
    frames = [np.ascontiguousarray(frame.rgb[::-1, ::-1]) for frame in seen]
    write_video(tmp_path / "turned.mp4", frames, 30.0)
    words = [str(tmp_path / "turned.mp4"), str(tiny_recording.media)]
    assert predict(tmp_path / "e.json", *words) == 0
    assert capsys.readouterr().out.count("turned left by 180 degrees") == 1
    turned, plain = json.loads((tmp_path / "e.json").read_text())
    assert (turned["turned_deg"], plain["turned_deg"]) == (180, 0)
    assert turned["faces"] == 1
