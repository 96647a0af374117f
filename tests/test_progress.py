"""Where standard error is no terminal, progress is plain lines, few of them."""

from __future__ import annotations

import re
import time
from io import StringIO

import pytest

from merkit import progress as module
from merkit.progress import terminal_progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_the_first_the_last_and_one_line_in_ten_seconds(
    clock: list[float], capsys: pytest.CaptureFixture[str]
):
    with terminal_progress() as progress:
        for done in range(101):
            clock[0] = 0.5 * done
            progress("training folds", done, 100)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "\r" not in shown.err
    assert shown.err.splitlines() == [
        "training folds: 0%, 0 of 100",
        "training folds: 20%, 20 of 100, 2 a second, 0:00:40 left",
        "training folds: 40%, 40 of 100, 2 a second, 0:00:30 left",
        "training folds: 60%, 60 of 100, 2 a second, 0:00:20 left",
        "training folds: 80%, 80 of 100, 2 a second, 0:00:10 left",
        "training folds: 100%, 100 of 100, 2 a second, took 0:00:50",
    ]


def test_what_was_done_before_is_not_counted_and_slow_work_is_told_by_the_piece(
    clock: list[float], capsys: pytest.CaptureFixture[str]
):
    with terminal_progress() as progress:
        for done in range(4, 7):
            clock[0] = 30.0 * done
            progress("training folds", done, 6)
    assert capsys.readouterr().err.splitlines() == [
        "training folds: 67%, 4 of 6",
        "training folds: 83%, 5 of 6, 30 s each, 0:00:30 left",
        "training folds: 100%, 6 of 6, 30 s each, took 0:01:00",
    ]


def test_a_stage_that_comes_again_is_told_again(
    clock: list[float], capsys: pytest.CaptureFixture[str]
):
    with terminal_progress() as progress:
        for _ in range(2):
            for done in range(3):
                progress("tracking a.mp4", done, 2)
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_nothing_to_do_is_no_line_and_an_unknown_total_is_a_count(
    clock: list[float], capsys: pytest.CaptureFixture[str]
):
    with terminal_progress() as progress:
        progress("training folds", 0, 0)
        progress("reading", 3, 0)
    assert capsys.readouterr().err.splitlines() == ["reading: 3"]


def test_a_bar_of_a_terminal_shows_the_pace(monkeypatch: pytest.MonkeyPatch):
    from rich.console import Console

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(module.sys, "stderr", screen)
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=120)
    )
    with terminal_progress() as progress:
        for done in range(4):
            progress("preparing clips", done, 3)
            time.sleep(0.01)
    assert re.search(r"3/3.* a second", screen.getvalue())
