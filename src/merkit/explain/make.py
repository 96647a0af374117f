"""From a model and a clip, a database, or a run, to a folder of figures.

Everything is computed before anything is written, and each file appears whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merkit.errors import ConfigError
from merkit.explain import FIGURES, NEED_CAPTUM, ExplainConfig
from merkit.explain.case import Drawn, open_case
from merkit.explain.effects import require_captum
from merkit.explain.features import database_features, tsne_figure
from merkit.files import atomic_file, write_json, write_text
from merkit.inference.modelfolder import load_model
from merkit.progress import Progress, silent
from merkit.report.plots import confusion_plot
from merkit.report.result import read_document, read_scores
from merkit.runs.config import DataConfig
from merkit.training.device import choose_device
from merkit.types import Clip
from merkit.video import probe

#: A micro-expression lasts half a second; this is far more, and still not a long recording.
MAX_CLIP_S = 10.0
#: dots per inch of the PNGs; text is 8 to 10 pt
DPI = 100
_RECORD = "explain.json"


@dataclass(frozen=True)
class Explanation:
    """``files`` written, by figure; ``skipped``: figures that do not apply, and why."""

    files: Mapping[str, Path]
    skipped: Mapping[str, str]


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
        figures: names in ``FIGURES``; none: all.

    Raises:
        MissingDataError, MissingWeightsError, StoreError: the model cannot be loaded.
        MissingPackageError: a figure needs captum.
        VideoError, FaceError: the clip cannot be read or shows no face.
        ConfigError: an unknown name, files that would be overwritten, or a model that reads
            nothing of a clip.
    """
    draw = {name: FIGURES[name] for name in figures or FIGURES}
    names = [name for name in FIGURES if name in draw]
    check_out(out, [f"{name}.png" for name in names], overwrite)
    if any(name in NEED_CAPTUM for name in names):
        require_captum()
    case = open_case(load_model(model), clip, config or ExplainConfig(), choose_device(device))
    drawn: dict[str, Drawn] = {}
    skipped: dict[str, str] = {}
    for done, name in enumerate(names):
        progress("drawing figures", done, len(names))
        result = draw[name](case)
        if isinstance(result, str):
            skipped[name] = result
        else:
            drawn[name] = result
    progress("drawing figures", len(names), len(names))
    return _write(out, drawn, skipped, case.facts())


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
    settings = config or ExplainConfig()
    check_out(out, ["tsne.png"], overwrite)
    loaded = load_model(model)
    found = database_features(loaded, data, choose_device(device), settings.chunk, progress)
    drawn = {"tsne": tsne_figure(*found, settings)}
    record = {"model": str(model), "data": list(data.data), "method": loaded.method.name}
    return _write(out, drawn, {}, record)


def explain_run(run: Path, out: Path, overwrite: bool = False) -> Explanation:
    """Draw the confusion matrix of a finished run into ``out``: the plot of its report.

    Raises:
        MissingDataError, StoreError: no run, or one that is not finished.
        ConfigError: files that would be overwritten.
    """
    check_out(out, ["confusion.svg"], overwrite)
    document, scores = read_document(run), read_scores(run)
    values = {"classes": scores.classes, "confusion": scores.confusion}
    drawn = {"confusion": Drawn(confusion_plot(scores.confusion, scores.classes), values)}
    skipped = {
        "tsne": "a run keeps predictions, not models; name --model, --data and --root for it"
    }
    record = {"run": str(run), "method": document["settings"]["method"]}
    return _write(out, drawn, skipped, record)


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
    files = {name: _save(item, out / name) for name, item in drawn.items()}
    values = {name: dict(item.values) for name, item in drawn.items()}
    write_json(out / _RECORD, {**record, "figures": values, "skipped": dict(skipped)})
    return Explanation(files, dict(skipped))


def _save(drawn: Drawn, place: Path) -> Path:
    """Write the figure whole or not at all; the same figure gives the same bytes."""
    if isinstance(drawn.figure, str):
        path = place.with_suffix(".svg")
        write_text(path, drawn.figure)
        return path
    path = place.with_suffix(".png")
    with atomic_file(path) as temporary:
        drawn.figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    return path
