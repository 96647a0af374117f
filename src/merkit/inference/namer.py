"""What names the micro-expressions of videos, as a command or a project asks for it."""

from __future__ import annotations

from merkit.inference.analysis import Namer


def namer_of(model: str = "", device: str = "auto", min_score: float | None = None) -> Namer:
    """The recognisers that come with merkit, or a model that was named. torch is imported for the
    latter alone.

    Args:
        model: a folder, or ``user/name`` on the Hugging Face Hub; "" for what comes with merkit.
        min_score: probability below which no class is told; None: the model's own.

    Raises:
        MissingWeightsError, MissingDataError, StoreError: it cannot be loaded.
        ConfigError: a device that is not there, or no probability.
    """
    if model:
        from merkit.inference.recognizer import Recognizer

        namer: Namer = Recognizer.from_pretrained(model, device)
    else:
        from merkit.inference.bundled import bundled

        namer = bundled(device)
    if min_score is not None:
        namer.vocabulary = namer.vocabulary.at_least(min_score)
    return namer
