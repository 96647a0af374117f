"""What every command of the command line must do."""

from __future__ import annotations

import subprocess
import sys

import pytest

from merkit.cli import COMMANDS, main


@pytest.mark.parametrize("command", COMMANDS)
def test_help_works(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    shown = capsys.readouterr()
    assert f"merkit {command}" in shown.out
    assert not shown.err


@pytest.mark.parametrize("command", COMMANDS)
def test_unknown_option_is_wrong_usage(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for needed in ([], ["word"]):  # some commands first miss a word that they need
        assert main([command, *needed, "--no-such-option", "1"]) == 2
    said = capsys.readouterr().err
    assert "no-such-option" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("action", ["list", "check"])
def test_actions_of_data_have_help(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", action, "--help"]) == 0
    assert f"merkit data {action}" in capsys.readouterr().out


def test_overview_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["--help"], ["-h"], ["help"]):
        assert main(words) == 0
        shown = capsys.readouterr().out
        assert all(f"  {name} " in shown for name in COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("merkit ")


def test_unknown_command_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evalute"]) == 2
    assert "merkit evaluate" in capsys.readouterr().err


def test_help_imports_nothing_heavy() -> None:
    """Listing commands and their options must stay fast: no torch, no OpenCV, no pandas."""
    words = [[], *([name, "--help"] for name in COMMANDS)]
    program = (
        "import sys; from merkit.cli import main\n"
        f"codes = [main(w) for w in {words!r}]\n"
        "heavy = {'torch', 'cv2', 'pandas', 'transformers', 'dlib', 'av'} & set(sys.modules)\n"
        "print(codes, sorted(heavy), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == f"{[0] * len(words)} []"


def test_a_bug_of_ours_is_said_to_be_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from merkit.cli import doctor

    def broken(words: object) -> int:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(doctor, "run", broken)
    assert main(["doctor"]) == 1
    shown = capsys.readouterr().err
    assert "bug of ours" in shown
    assert "planted" in shown
    assert "Traceback" not in shown
    with pytest.raises(ZeroDivisionError):
        main(["doctor", "--debug"])


def test_debug_shows_the_traceback_of_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "nowhere", "--debug"]) == 3
    assert "Traceback" in capsys.readouterr().err
