"""What `data check` and a run say of subjects and of copies."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

import tiny_pipeline as tiny
from merkit.datasets import load_dataset
from merkit.datasets.audit import Audit, check_database
from merkit.datasets.people import people_findings
from merkit.errors import MerkitWarning
from merkit.report.page import render
from merkit.runs.evaluate import evaluate
from merkit.types import Clip, Finding


@pytest.fixture
def manifest(tmp_path: Path, tiny_database: Path) -> Path:
    """The clips of the tiny database as somebody's own, with their pictures saved again."""
    root = tmp_path / "own"
    lines = ["clip,subject,media,emotion"]
    for clip in load_dataset("synthetic", tiny_database):
        name = clip.clip_id.replace("/", "_")
        shutil.copytree(clip.media, root / name)
        lines.append(f"{name},{clip.subject},{name},{clip.emotion}")
    (root / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


def edit(root: Path, row: int, subject: str) -> str:
    """Another subject for one row of the manifest; returns the clip's name."""
    path = root / "manifest.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[row].split(",")
    cells[1] = subject
    lines[row] = ",".join(cells)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return cells[0]


def copy_of(root: Path, name: str, subject: str, mirrored: bool = False) -> None:
    (root / "copy").mkdir()
    for image in sorted((root / name).iterdir()):
        pixels = cv2.imread(str(image))
        pixels = pixels[:, ::-1] if mirrored else pixels
        cv2.imwrite(str(root / "copy" / image.name), pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])
    with (root / "manifest.csv").open("a", encoding="utf-8") as handle:
        handle.write(f"copy,{subject},copy,surprise\n")


def found(audit: Audit, what: str) -> list[Finding]:
    return [finding for finding in audit.findings if finding.what == what]


def test_spellings_are_read_as_one_person_and_told(manifest: Path) -> None:
    first = load_dataset("manifest", manifest)
    people = {clip.subject for clip in first}
    subject = first[0].subject
    name = edit(manifest, 1, f" {subject.upper().replace('0', '００')}")
    again = load_dataset("manifest", manifest)
    assert {clip.subject for clip in again} == people
    (finding,) = found(check_database("manifest", manifest), "disagreeing subject")
    assert name in finding.clip
    assert f"is read as '{subject}'" in finding.detail


def test_likely_aliases_are_a_finding(manifest: Path) -> None:
    subject = load_dataset("manifest", manifest)[0].subject
    edit(manifest, 1, f"lab_{subject}")
    (finding,) = found(check_database("manifest", manifest, pixels=False), "likely one subject")
    assert f"lab_{subject}" in finding.detail


@pytest.mark.parametrize("mirrored", [False, True])
def test_a_copy_of_a_clip_is_a_finding(manifest: Path, mirrored: bool) -> None:
    assert not found(check_database("manifest", manifest), "near duplicate")
    name = (manifest / "manifest.csv").read_text().splitlines()[1].split(",")[0]
    copy_of(manifest, name, "somebody", mirrored)
    (finding,) = found(check_database("manifest", manifest), "near duplicate")
    assert name in finding.detail + finding.clip
    assert "two subjects" in finding.detail
    assert ("mirrored" in finding.detail) is mirrored


def test_a_run_tells_of_copies_on_two_sides(manifest: Path, tmp_path: Path) -> None:
    name = (manifest / "manifest.csv").read_text().splitlines()[1].split(",")[0]
    copy_of(manifest, name, "somebody")
    config = tiny.evaluation(manifest, tmp_path / "store", tmp_path / "run")
    config = replace(config, data=("manifest",), method="hoof", model={}, training={})
    with pytest.warns(MerkitWarning, match="near duplicate"):
        result = evaluate(config)
    told = [f for f in result.document["findings"] if f["what"] == "near duplicate"]
    assert len(told) == 1
    assert "stands on another side of 2 folds" in told[0]["detail"]
    assert "Near duplicate" in render(result)
    looks = sorted((tmp_path / "store" / "looks").iterdir())
    assert len(looks) == 13
    looks[0].write_bytes(looks[0].read_bytes()[:200])  # cut: made again
    with pytest.warns(MerkitWarning, match="near duplicate"):
        evaluate(config)
    assert looks[0].stat().st_size > 200


def clips(*pairs: tuple[str, str]) -> list[Clip]:
    media = Path("none")
    return [Clip(f"own/{s}/{i}", "own", s, media, 30.0, e) for i, (s, e) in enumerate(pairs)]


def kinds(made: list[Clip]) -> set[str]:
    return {f.what for f in people_findings(made, {c.clip_id: c.emotion for c in made})}


def test_subject_is_clip() -> None:
    assert kinds(clips(*((f"p{i}", "fear") for i in range(12)))) == {"subject is clip"}
    assert kinds(clips(*((str(i), "fear") for i in range(4)))) == {"subject is clip"}
    assert kinds(clips(*((f"p{i // 2}", "fear") for i in range(12)))) == set()
    assert kinds(clips(("p1", "fear"), ("p2", "anger"), ("p3", "fear"))) == set()


def test_subject_is_class() -> None:
    by_class = [(e, e) for e in ("anger", "fear", "surprise") for _ in range(4)]
    assert kinds(clips(*by_class)) == {"subject is class"}
    assert kinds(clips(*by_class, ("anger", "fear"))) == set()
    assert kinds(clips(*((s, "fear") for s in "aabbcc"))) == set()  # one class in all
