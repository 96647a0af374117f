"""``merkit bench``: which kinds there are, and what each refuses."""

from __future__ import annotations

import pytest

from merkit.cli import main

KINDS = ("loso", "prepare", "predict", "flow")


@pytest.mark.parametrize("words", [(), ("nothing",), ("--pairs", "3")])
def test_without_a_known_kind_all_are_listed(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    told = capsys.readouterr().err
    assert [kind for kind in KINDS if f"merkit bench {kind}" not in told] == []


def test_help_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--help"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in told] == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_help(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", kind, "--help"]) == 0
    assert "--out" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "found", "wanted"),
    [
        (("flow", "--pairs", "0"), "pairs is 0", "1 or more"),
        (("flow", "--repeats", "0"), "repeats is 0", "1 or more"),
        (("flow", "--crop-size-px", "32"), "crop_size_px is 32", "64 to 1024"),
        (("flow", "--estimators", "dis", "dis"), "estimators", "different ones of: farneback"),
        (("prepare", "--subjects", "0"), "subjects is 0", "at least 1"),
        (("prepare", "--workers", "-1"), "workers is -1", "0 (one a core)"),
        (("prepare", "--face-width-px", "600"), "face_width_px is 600", "frame of 640 x 480"),
        (("predict", "--plain-frames", "301"), "plain_frames is 301", "2 to the 300 there are"),
        (("predict", "--long-duration-s", "3"), "long_duration_s is 3", "with neutral time"),
        (("predict", "--device", "abacus"), "abacus", "cpu"),
        (("predict", "--size-px", "33", "480"), "size_px is (33, 480)", "even width"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    words: tuple[str, ...], found: str, wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", *words]) == 2
    told = capsys.readouterr().err
    assert found in told
    assert wanted in told
