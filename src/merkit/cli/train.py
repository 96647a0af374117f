"""``merkit train``: a final model on all subjects."""

from __future__ import annotations

from collections.abc import Sequence

from merkit.cli.options import parse_config
from merkit.errors import ConfigError
from merkit.progress import terminal_progress
from merkit.runs.config import FinalConfig


def run(words: Sequence[str]) -> int:
    config = parse_config(FinalConfig, "train", words)
    config.sources()
    if config.out.exists():
        raise ConfigError(f"{config.out} exists", "a new model folder", "choose another --out")
    from merkit.inference.final import train_model
    from merkit.report.text import averaging_in_words

    with terminal_progress() as progress:
        summary = train_model(config, progress)
    best = summary.history[summary.chosen_epoch - 1]
    score = "no validation" if best.val_uf1 is None else f"validation UF1 {best.val_uf1:.3f}"
    print(f"{config.out}: epoch {summary.chosen_epoch} of {len(summary.history)}, {score}")
    for line in averaging_in_words([summary.averaging]):
        print(line)
    print("This is no score to report: for one use 'merkit evaluate'.")
    return 0
