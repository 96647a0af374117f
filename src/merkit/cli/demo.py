"""``merkit demo``: the main job, offline, from nothing to a score and to events on a video."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from merkit.cli.options import parse
from merkit.progress import Progress, terminal_progress

if TYPE_CHECKING:
    from merkit.inference.analysis import Analysis
    from merkit.types import Event, Recording


@dataclass(frozen=True)
class Options:
    """Make a database, score a method on it, and find events on a video. Offline.

    An interrupted demo goes on where it stopped.
    """

    out: Path = Path("demo")
    """folder of everything the demo makes"""
    seed: int = 0


def run(words: Sequence[str]) -> int:
    options = parse(Options, "demo", words)
    started = time.perf_counter()
    with terminal_progress() as progress:
        _database(options, progress)
        _score(options, progress)
        _train(options, progress)
        _events(options, progress)
    print(f"\nall of it in {time.perf_counter() - started:.0f} s, in {options.out}")
    print("next: merkit predict YOUR_VIDEO; merkit data list; merkit evaluate --help")
    return 0


def _database(options: Options, progress: Progress) -> None:
    from merkit.synthetic.config import SynthConfig
    from merkit.synthetic.write import write_database

    print("1. a synthetic database: 8 people, 96 clips, one long recording")
    config = SynthConfig(subjects=8, clips_per_class=4, long_videos=1, seed=options.seed)
    write_database(options.out / "data", config, progress)
    print(f"   {options.out / 'data'}")


def _shared(options: Options) -> dict[str, Any]:
    """The settings that the evaluation and the final model have in common."""
    return {
        "data": ("synthetic",),
        "root": (options.out / "data",),
        "store": options.out / "store",
        "model": {"encoder": {"name": "tiny"}},
    }


def _score(options: Options, progress: Progress) -> None:
    from merkit.report.text import score_lines
    from merkit.runs.config import EvaluateConfig
    from merkit.runs.evaluate import evaluate

    print("\n2. sfa-dgat with the tiny encoder, one person left out at a time")
    config = EvaluateConfig(**_shared(options), out=options.out / "run", oracle_epoch=True)
    result = evaluate(config, progress)
    print("\n".join(f"   {line}" for line in score_lines(result.scores)))
    print(f"   report: {result.folder / 'report.html'}")


def _train(options: Options, progress: Progress) -> None:
    from merkit.inference.final import train_model
    from merkit.runs.config import FinalConfig

    print("\n3. a final model on all of them")
    config = FinalConfig(**_shared(options), out=options.out / "model")
    if not config.out.exists():
        train_model(config, progress)
    print(f"   {config.out}")


def _events(options: Options, progress: Progress) -> None:
    from merkit.datasets.synthetic import load_recordings
    from merkit.export import write_events
    from merkit.inference.analysis import analyse
    from merkit.inference.recognizer import Recognizer

    recording = load_recordings(options.out / "data")[0]
    print(f"\n4. events on {recording.media}, a person the model has not seen")
    recognizer = Recognizer.from_pretrained(options.out / "model")
    analysis = analyse(recording.media, recognizer, progress=progress)
    write_events([analysis], recognizer.classes, options.out / "events.csv")
    print("\n".join(_compare(analysis, recording)))
    print(f"   table: {options.out / 'events.csv'}")


def _compare(analysis: Analysis, recording: Recording) -> list[str]:
    """Each true event beside the movements that were found over it."""
    lines = ["   true                          found"]
    unmatched = list(analysis.events)
    for truth in recording.events:
        onset_s = (truth.onset_frame or 0) / recording.fps_hz
        offset_s = (truth.offset_frame or 0) / recording.fps_hz
        over = [e for e in unmatched if e.onset_s < offset_s and e.offset_s > onset_s]
        unmatched = [e for e in unmatched if e not in over]
        shown = "; ".join(f"{e.onset_s:.2f} to {e.offset_s:.2f} s {_name(e)}" for e in over)
        true = f"{onset_s:.2f} to {offset_s:.2f} s {truth.emotion}"
        lines.append(f"   {true:<30}{shown or 'nothing'}")
    false = sum(event.kind == "micro" for event in unmatched)
    lines.append(f"   micro-expressions found where there is nothing: {false}")
    return lines


def _name(event: Event) -> str:
    return f"{event.label} ({event.score:.2f})" if event.label else event.kind
