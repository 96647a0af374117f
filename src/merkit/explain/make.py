"""From a model and a clip, a database, or a run, to a folder of figures.

Everything is computed before anything is written, and each file appears whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from merkit.errors import ConfigError
from merkit.explain.attribution import require_captum
from merkit.explain.case import Case, Drawn, Skipped, facts, open_case
from merkit.explain.config import FIGURES, NEED_CAPTUM, ExplainConfig, chosen_figures
from merkit.explain.style import save_png
from merkit.files import write_json, write_text
from merkit.inference.modelfolder import load_model
from merkit.progress import Progress, silent
from merkit.report.page import read_metrics
from merkit.report.plots import confusion_plot
from merkit.runs.config import DataConfig
from merkit.runs.folder import RunFolder
from merkit.training.setup import choose_device
from merkit.types import Clip
from merkit.video import probe

#: A micro-expression lasts half a second; this is far more, and still not a long recording.
MAX_CLIP_S = 10.0
_RECORD = "explain.json"


@dataclass(frozen=True)
class Explanation:
    """``files`` written, by figure; ``skipped``: figures that do not apply, and why."""

    files: Mapping[str, Path]
    skipped: Mapping[str, str]


def draw_figure(name: str, case: Case) -> Drawn | Skipped:
    """One figure of a clip by its name in ``config.FIGURES``.

    Raises:
        MissingPackageError: it needs captum, which is not installed.
    """
    module, function = FIGURES[name].split(":")
    draw = getattr(import_module(f"merkit.explain.{module}"), function)
    return cast(Callable[[Case], Drawn | Skipped], draw)(case)


def explain_clip(
    model: str | Path,
    clip: Clip,
    out: Path,
    figures: Sequence[str] = (),
    config: ExplainConfig | None = None,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Explanation:
    """Draw figures of one clip into ``out``, with their numbers in ``explain.json``.

    Args:
        model: a model folder, or a model of the Hugging Face Hub.
        figures: names in ``config.FIGURES``; none: all.

    Raises:
        MissingDataError, MissingWeightsError, StoreError: the model cannot be loaded.
        MissingPackageError: a figure needs captum.
        VideoError, FaceError: the clip cannot be read or shows no face.
        ConfigError: an unknown name, or files that would be overwritten.
    """
    names = chosen_figures(figures)
    check_out(out, [f"{name}.png" for name in names], overwrite)
    if any(name in NEED_CAPTUM for name in names):
        require_captum()
    loaded = load_model(model)
    case = open_case(loaded, clip, config or ExplainConfig(), choose_device(device))
    drawn: dict[str, Drawn] = {}
    skipped: dict[str, str] = {}
    for done, name in enumerate(names):
        progress("drawing figures", done, len(names))
        result = draw_figure(name, case)
        if isinstance(result, Skipped):
            skipped[name] = result.reason
        else:
            drawn[name] = result
    progress("drawing figures", len(names), len(names))
    return _write(out, drawn, skipped, facts(case))


def explain_database(
    model: str | Path,
    data: DataConfig,
    out: Path,
    config: ExplainConfig | None = None,
    device: str = "auto",
    overwrite: bool = False,
    progress: Progress = silent,
) -> Explanation:
    """Draw the t-SNE of the features of a database's clips into ``out``.

    Raises:
        ConfigError: the classes are not the model's, too few clips, or files in the way.
        DatasetError, FaceError, MissingDataError, StoreError: as in an evaluation.
    """
    from merkit.explain.feature_map import database_features, figure

    settings = config or ExplainConfig()
    check_out(out, ["tsne.png"], overwrite)
    loaded = load_model(model)
    features = database_features(loaded, data, choose_device(device), settings.chunk, progress)
    drawn = figure(features, loaded.classes, settings)
    record = {"model": str(model), "data": list(data.data), "method": loaded.setup.method.name}
    return _write(out, {"tsne": drawn}, {}, record)


def explain_run(run: Path, out: Path, overwrite: bool = False) -> Explanation:
    """Draw the confusion matrix of a finished run into ``out``: the plot of its report.

    Raises:
        MissingDataError, StoreError: no run, or one that is not finished.
        ConfigError: files that would be overwritten.
    """
    check_out(out, ["confusion.svg"], overwrite)
    folder = RunFolder(run)
    document = folder.read_run()
    metrics = read_metrics(folder)
    path = out / "confusion.svg"
    write_text(path, confusion_plot(metrics["confusion"], metrics["classes"]))
    record = {"run": str(run), "method": document["settings"]["method"]}
    values = {"classes": metrics["classes"], "confusion": metrics["confusion"]}
    write_json(out / _RECORD, record | {"figures": {"confusion": values}, "skipped": {}})
    reason = "a run keeps predictions, not models; name --model, --data and --root for it"
    return Explanation({"confusion": path}, {"tsne": reason})


def clip_of(
    media: Path, first: int | None, last: int | None, apex: int | None, fps_hz: float | None
) -> Clip:
    """A clip from a video file or folder of images.

    Raises:
        MissingDataError, VideoError: it cannot be read.
        ConfigError: it is a long recording, and no part was named.
    """
    info = probe(media, fps_hz)
    duration_s = info.duration_s or 0.0
    if first is not None and last is not None:
        duration_s = (last - first + 1) / info.fps_hz
    if duration_s > MAX_CLIP_S:
        raise ConfigError(
            f"{media}: a part of {duration_s:.0f} s",
            f"one expression, at most {MAX_CLIP_S:.0f} s",
            "name its part: --first FRAME --last FRAME; 'merkit predict' finds the expressions",
        )
    return Clip(
        media.stem, "", "", media, info.fps_hz, "", first, last, onset_frame=first, apex_frame=apex
    )


def check_out(out: Path, names: Sequence[str], overwrite: bool) -> None:
    """Refuse a folder in which files would be overwritten.

    Raises:
        ConfigError: one is there, or ``out`` is a file.
    """
    if out.is_file():
        raise ConfigError(f"{out} is a file", "a folder for the figures", "choose another --out")
    there = [name for name in (*names, _RECORD) if (out / name).exists()]
    if there and not overwrite:
        raise ConfigError(
            f"{out / there[0]} exists", "a new folder", "choose another --out, or add --overwrite"
        )


def _write(
    out: Path, drawn: Mapping[str, Drawn], skipped: Mapping[str, str], record: Mapping[str, Any]
) -> Explanation:
    files = {name: save_png(item.figure, out / f"{name}.png") for name, item in drawn.items()}
    values = {name: dict(item.values) for name, item in drawn.items()}
    write_json(out / _RECORD, {**record, "figures": values, "skipped": dict(skipped)})
    return Explanation(files, dict(skipped))
