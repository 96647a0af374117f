"""What the tensors are that a model reads, one by one, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Input:
    """One tensor that a model reads of a batch (:mod:`merkit.samples.batch` lists them all).

    ``shape``: sizes, or a letter for what a batch decides: B clips, T frames. ``dtype``: as torch
    and NumPy name it; other numbers of the same range do too. ``meaning``: with its unit.
    ``optional``: the model answers without it.
    """

    name: str
    dtype: str
    shape: tuple[int | str, ...]
    meaning: str
    optional: bool = False

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.shape))
        return f"{self.name}: {self.dtype} ({sizes}), {self.meaning}" + (
            "; may be left out" if self.optional else ""
        )


NOTHING = Input("nothing", "float32", ("B", 0), "only how many clips there are")


def mask_over(frames: int | str) -> Input:
    """Which of T frames of each clip are real."""
    meaning = "True where a frame is real, False where a shorter clip was filled up at its end"
    return Input("mask", "bool", ("B", frames), meaning, optional=True)
