"""From a project to tables, agreement and a database that merkit reads, by the commands."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from made_reviews import edit, event

from merkit.cli import main
from merkit.datasets import load_dataset
from merkit.errors import ConfigError, DatasetError
from merkit.inference.analysis import Analysis
from merkit.review.clock import Clock
from merkit.review.dataset import write_dataset
from merkit.review.project import Project, ProjectConfig
from merkit.review.subjects import read_subjects, subject_name
from merkit.types import ActionUnit, Event, Recording
from merkit.video import iter_frames, read_frames, write_video


def found(recording: Recording) -> tuple[Event, ...]:
    """What a spotter would have found of its events, one frame late, and a movement of the head."""
    micros = []
    for truth in recording.events:
        frames = [f + 1 for f in (truth.onset_frame, truth.apex_frame, truth.offset_frame) if f]
        times = [frame / 30 for frame in frames]
        probabilities = {"negative": 0.3, "positive": 0.7}
        micros.append(
            replace(event(0, 0, 0), onset_s=times[0], apex_s=times[1], offset_s=times[2],
                    onset_frame=frames[0], apex_frame=frames[1], offset_frame=frames[2],
                    label="positive", score=0.7, probabilities=probabilities)
        )  # fmt: skip
    nod = replace(event(1, 2, 3), kind="head movement")
    return (nod, *micros)


@pytest.fixture
def project(tmp_path: Path, tiny_recording: Recording) -> Project:
    """One recording in a project that anna has reviewed."""
    film = tmp_path / "films" / "-day 1 = =x.mp4"  # a name that a sheet would refuse
    film.parent.mkdir()
    shutil.copy(tiny_recording.media, film)
    made = Project.create(tmp_path / "study")
    video = made.add_video(film)
    events = found(tiny_recording)
    analysis = Analysis(film, events, duration_s=6.0, found_share=1.0, n_faces=1)
    made.store(video, analysis, Clock.constant(30.0, 180))
    first = tiny_recording.events[0]
    for one in (
        edit("reject", "e001"),
        edit("move", "e002", onset_frame=first.onset_frame),
        edit("relabel", "e002", 1, label="Disgust"),
        edit("units", "e002", 2, units="9B+L12"),
        edit("note", "e002", 3, text='=HYPERLINK("x")'),
        edit("accept", "e003"),
        edit("add", onset_frame=170, offset_frame=178),
    ):
        made.append(video, "anna", one)
    return made


def test_a_review_becomes_a_database(
    project: Project, tiny_recording: Recording, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "data"
    assert (
        main(["review", "dataset", str(project.folder), "--coder", "Anna", "--out", str(out)]) == 0
    )
    said = capsys.readouterr().out
    assert "3 clips of 1 subject" in said
    assert "1 without a label" in said
    added, corrected, accepted = load_dataset("manifest", out)
    film = project.located("v001")[0]
    assert {clip.media for clip in (added, corrected, accepted)} == {film}
    assert [clip.clip_id for clip in (added, corrected, accepted)] == [
        "study/v001/v001-a001", "study/v001/v001-e002", "study/v001/v001-e003",
    ]  # fmt: skip
    first, second = tiny_recording.events
    assert (corrected.onset_frame, corrected.first_frame) == (first.onset_frame,) * 2
    assert corrected.apex_frame == (first.apex_frame or 0) + 1
    assert (corrected.emotion, corrected.raw["label_by"]) == ("disgust", "coder")
    assert corrected.action_units == (ActionUnit(9, "", "B"), ActionUnit(12, "L"))
    assert (accepted.emotion, accepted.raw["label_by"]) == ("positive", "model, accepted")
    assert (accepted.action_units, accepted.offset_frame) == (None, (second.offset_frame or 0) + 1)
    assert (added.apex_frame, added.emotion, added.fps_hz) == (None, "", 30.0)
    frames = read_frames(added.media, range(added.first_frame or 0, (added.last_frame or 0) + 1))
    assert frames.rgb.shape[0] == 9
    audit = tmp_path / "audit.json"
    assert main(["data", "check", "manifest", "--root", str(out), "--json", str(audit)]) == 0
    assert json.loads(audit.read_text())["clips"] == 3


def test_a_blinded_coder_stands_for_no_label_of_a_model(project: Project, tmp_path: Path) -> None:
    project.configure(ProjectConfig(blinded=True))
    write_dataset(project, "anna", tmp_path / "data")
    labels = [clip.emotion for clip in load_dataset("manifest", tmp_path / "data")]
    assert labels == ["", "disgust", ""]


def test_what_cannot_be_written_is_said(project: Project, tmp_path: Path) -> None:
    out = tmp_path / "data"
    words = ["review", "dataset", str(project.folder), "--coder", "anna", "--out", str(out)]
    assert main(words) == 0
    assert main(words) == 2
    assert main([*words, "--overwrite"]) == 0
    (out / "mine.txt").write_text("mine")
    assert main([*words, "--overwrite"]) == 2
    assert main([*words[:4], "bea", *words[5:]]) == 2
    project.append("v001", "cleo", edit("accept", "e001"))  # a movement of the head
    with pytest.raises(ConfigError, match="no micro-expression"):
        write_dataset(project, "cleo", tmp_path / "empty")
    assert not (tmp_path / "empty").exists()
    project.located("v001")[0].unlink()
    assert main([*words[:-1], str(tmp_path / "other")]) == 3
    assert not (tmp_path / "other").exists()


def test_several_videos_of_one_person(
    project: Project, tmp_path: Path, tiny_recording: Recording, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "films" / "b.mp4"
    write_video(other, (f.rgb for f in iter_frames(tiny_recording.media, 0, 60)), 30.0)
    second = project.add_video(other)
    clock = Clock.constant(30.0, 61)
    project.store(second, Analysis(other, (event(20, 24, 30),), duration_s=2.0), clock)
    project.append(second, "anna", edit("accept", "e001"))
    words = ["review", "dataset", str(project.folder), "--coder", "anna", "--out"]
    assert main([*words, str(tmp_path / "alone")]) == 0
    assert "nobody said who is seen in v001, v002" in capsys.readouterr().out
    assert {c.subject for c in load_dataset("manifest", tmp_path / "alone")} == {"v001", "v002"}
    table = tmp_path / "subjects.csv"
    table.write_text("video,subject\nv001,p07\nb.mp4,p07\n")
    assert main([*words, str(tmp_path / "known"), "--subjects", str(table)]) == 0
    assert "nobody said" not in capsys.readouterr().out
    assert {c.subject for c in load_dataset("manifest", tmp_path / "known")} == {"p07"}
    assert Project.open(project.folder).video(second).subject == "p07"
    for text, message in {"video,subject\nv009,p1\n": "names 0 videos", "video\nv001\n": "subject",
                          "video,subject\nv001,a/b\n": "as a subject"}.items():  # fmt: skip
        table.write_text(text)
        with pytest.raises((ConfigError, DatasetError), match=message):
            read_subjects(table, project)
    with pytest.raises(ConfigError, match="as a subject"):
        subject_name("=1+1")


def test_the_export_of_a_review(project: Project, tmp_path: Path) -> None:
    project.append("v001", "anna", edit("relabel", "a001", 1, label="fear"))
    out = tmp_path / "reviewed.csv"
    words = ["review", "export", str(project.folder), "--coder", "anna", "--out", str(out)]
    assert main(words) == 0
    table = pd.read_csv(out, keep_default_na=False, dtype=str)
    assert table.kind.tolist() == ["micro"] * 3
    assert table.label.tolist() == ["Disgust", "positive", "fear"]
    assert table.action_units.tolist() == ["9+L12", "", ""]
    assert table.p_positive.tolist() == ["0.7000", "0.7000", ""]
    assert table.score.tolist() == ["", "0.7000", ""]
    assert table.reasons[1] == "accepted by coder anna"
    assert table.reasons[2] == "added by coder anna"
    assert main(words) == 2  # it is there
    assert main([*words[:-1], str(tmp_path / "e.json"), "--format", "json"]) == 0
    (video,) = json.loads((tmp_path / "e.json").read_text())
    assert [one["onset_frame"] for one in video["events"]][-1] == 170
    assert main(["review", "export", str(tmp_path), "--coder", "anna"]) == 3


def test_how_a_review_is_cited(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three found events one was rejected, one corrected, one accepted; one was added."""
    out = tmp_path / "reviewed.xlsx"
    assert (
        main(["review", "export", str(project.folder), "--coder", "anna", "--out", str(out)]) == 0
    )
    assert main(["cite", str(out)]) == 0
    told = capsys.readouterr().out
    assert "judged by a coder (anna): 1 accepted as they are, 1 corrected" in told
    assert "1 rejected and left out, 1 added." in told
    assert "3 micro-expressions" in told
    folder = tmp_path / "codes"
    words = ["--coder", "anna", "--out", str(folder), "--format", "elan"]
    assert main(["review", "export", str(project.folder), *words]) == 0
    assert sorted(path.suffix for path in folder.iterdir()) == [".eaf", ".json"]


def test_the_agreement_of_a_project(
    project: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["review", "agreement", str(project.folder), "--coders", "anna", "bea"]
    assert main(words) == 2
    project.append("v001", "bea", edit("accept", "e003"))
    assert main([*words, "--json", str(tmp_path / "agreement.json")]) == 0
    said = capsys.readouterr().out
    assert "anna and bea: 1 video that both have reviewed" in said
    assert "events that both have (IoU 0.5 or more): 1, mean IoU 1.000" in said
    assert "only anna: 2, only bea: 0" in said
    assert "1 of 1 alike, Cohen's kappa undefined (both named every" in said
    content = json.loads((tmp_path / "agreement.json").read_text())
    assert (content["matched"], content["classes"]["value"]) == (1, None)
    assert main([*words[:-1], "Anna"]) == 2


@pytest.mark.parametrize("action", ["export", "agreement", "dataset"])
def test_actions_have_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["review", action, "--help"]) == 0
    assert f"merkit review {action}" in capsys.readouterr().out
