"""``merkit explain``: figures in a folder, or one clear message and nothing written."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from explain_models import ModelFolder, OpenCase
from PIL import Image

from finished_runs import predictions, write_run
from merkit.cli.explain import run
from merkit.errors import ConfigError, MissingDataError, MissingPackageError, StoreError
from merkit.explain import FIGURES
from merkit.explain.case import Drawn
from merkit.explain.make import explain_clip
from merkit.types import Clip

#: method -> figures that apply to it
APPLY = {
    "sfa-dgat": set(FIGURES) - {"graph"},
    "lora": set(FIGURES) - {"graph"},
    "stag": set(FIGURES) - {"patch-pca", "gradcam"},
    "evodyn": set(FIGURES) - {"patch-pca", "gradcam", "graph"},
    "ststnet": {"integrated-gradients", "occlusion", "flow"},
    "map-probe": {"integrated-gradients", "occlusion", "flow"},
    "hoof": {"occlusion", "frames", "flow"},
}


@pytest.mark.parametrize("method", APPLY)
def test_every_figure_is_drawn_or_told_why_not(open_named: OpenCase, method: str) -> None:
    results = {name: FIGURES[name](open_named(method)) for name in FIGURES}
    drawn = {name: r for name, r in results.items() if isinstance(r, Drawn)}
    assert set(drawn) == APPLY[method]
    for result in drawn.values():
        assert result.figure.get_axes()
        assert json.loads(json.dumps(dict(result.values))) == dict(result.values)
    for result in results.values():
        if isinstance(result, str):
            assert result
            assert "\n" not in result


def test_the_command_writes_every_figure_and_its_numbers(
    model_folder: ModelFolder, clip: Clip, tmp_path: Path
) -> None:
    out = tmp_path / "figures"
    words = [str(clip.media), "--model", str(model_folder("lora")), "--out", str(out)]
    assert run([*words, "--effect.steps", "4"]) == 0
    assert {path.stem for path in out.glob("*.png")} == APPLY["lora"]
    record = json.loads((out / "explain.json").read_text())
    assert set(record["figures"]) == APPLY["lora"]
    assert set(record["skipped"]) == set(FIGURES) - APPLY["lora"]
    assert sum(record["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    for path in out.glob("*.png"):
        with Image.open(path) as image:
            assert image.width > 400
            assert len(image.convert("L").getcolors()) > 20  # not blank


def test_the_same_clip_gives_the_same_bytes(
    model_folder: ModelFolder, clip: Clip, tmp_path: Path
) -> None:
    names = ("graph", "frames")
    for out in ("a", "b"):
        explain_clip(model_folder("stag"), clip, tmp_path / out, names)
    for name in [f"{n}.png" for n in names] + ["explain.json"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_only_the_figures_named(
    model_folder: ModelFolder, clip: Clip, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(clip.media), "--model", str(model_folder("stag")), "--out", str(tmp_path)]
    assert run([*words, "--figures", "graph", "gradcam"]) == 0
    assert [path.name for path in tmp_path.glob("*.png")] == ["graph.png"]
    assert "no gradcam: stag has no encoder" in capsys.readouterr().out
    with pytest.raises(ConfigError, match="exists"):
        run([*words, "--figures", "graph"])
    assert run([*words, "--figures", "graph", "--overwrite"]) == 0


def test_the_help_lists_the_figures(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(["--help"])
    told = capsys.readouterr().out
    assert all(name in told for name in FIGURES)


def test_captum_missing_is_exit_3_and_nothing_written(
    model_folder: ModelFolder, clip: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "captum", None)
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    words = [str(clip.media), "--model", str(model_folder("stag")), "--out", str(tmp_path / "o")]
    with pytest.raises(MissingPackageError, match=r"pip install 'merkit\[explain\]'") as caught:
        run(words)
    assert caught.value.exit_code == 3
    assert not (tmp_path / "o").exists()
    assert run([*words, "--figures", "graph", "attention"]) == 0


def test_a_tsne_of_a_database(model_folder: ModelFolder, database: Path, tmp_path: Path) -> None:
    words = ["--model", str(model_folder("stag")), "--data", "synthetic", "--root", str(database)]
    out = tmp_path / "map"
    assert run([*words, "--store", str(tmp_path / "s"), "--workers", "1", "--out", str(out)]) == 0
    assert (out / "tsne.png").is_file()
    assert json.loads((out / "explain.json").read_text())["figures"]["tsne"]["clips"] == 6


def a_run(folder: Path) -> Path:
    return write_run(folder, predictions(0.75), method="stag")


def test_the_confusion_matrix_of_a_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "figures"
    assert run([str(a_run(tmp_path / "run")), "--out", str(out)]) == 0
    picture = (out / "confusion.svg").read_text()
    assert picture.startswith("<svg")
    table = predictions(0.75)
    right = (table.y_pred == 0)[table.y_true == 0].mean()
    assert f"{right:.0%}" in picture
    assert "no tsne: " in capsys.readouterr().out


def test_an_unfinished_run(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "run")
    (folder / "metrics.json").unlink()
    with pytest.raises(StoreError, match="not finished"):
        run([str(folder), "--out", str(tmp_path / "o")])
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize(
    ("words", "error", "text"),
    [
        ([], ConfigError, "0 things"),
        (["CLIP", "CLIP", "--model", "MODEL"], ConfigError, "2 things"),
        (["CLIP"], ConfigError, "no model"),
        (["CLIP", "--model", "nowhere"], MissingDataError, "nowhere"),
        (["absent.mp4", "--model", "MODEL"], MissingDataError, "absent.mp4"),
        (["CLIP", "--model", "MODEL", "--effect.label", "joy"], ConfigError, "joy"),
        (["CLIP", "--model", "MODEL", "--effect.steps", "1"], ConfigError, "effect.steps is 1"),
        (["CLIP", "--model", "MODEL", "--fps", "0.1"], ConfigError, "part of"),
        (["CLIP", "--model", "MODEL", "--figures", "joy"], ConfigError, "unknown figure 'joy'"),
        (["CLIP", "--model", "MAJORITY"], ConfigError, "majority reads nothing of a clip"),
        (
            ["--data", "synthetic", "--root", "DATA", "--model", "MAJORITY"],
            ConfigError,
            "0 features",
        ),
        (["--data", "synthetic", "--model", "MODEL"], ConfigError, "root"),
        (["--data", "synthetic", "--root", "DATA"], ConfigError, "no model"),
    ],
)
def test_bad_input_is_one_message_and_nothing_written(
    words: list[str],
    error: type[Exception],
    text: str,
    model_folder: ModelFolder,
    clip: Clip,
    database: Path,
    tmp_path: Path,
) -> None:
    names = {"CLIP": clip.media, "MODEL": model_folder("stag"), "DATA": database}
    names["MAJORITY"] = model_folder("majority")
    real = [str(names.get(word, word)) for word in words]
    with pytest.raises(error, match=text):
        run([*real, "--out", str(tmp_path / "o")])
    assert not (tmp_path / "o").exists()
