"""Settings of explanations and the names of the figures; torch-free, so help is fast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from merkit.errors import ConfigError

Baseline = Literal["still", "mean", "zero"]
FigureName = Literal[
    "patch-pca",
    "attention",
    "graph",
    "gradcam",
    "integrated-gradients",
    "occlusion",
    "frames",
    "flow",
]

#: figure of a clip -> the function that draws it, as ``module:function`` of this package
FIGURES: Mapping[str, str] = {
    "patch-pca": "patch_pca:figure",
    "attention": "attention:figure",
    "graph": "face_graph:figure",
    "gradcam": "effects:gradcam_figure",
    "integrated-gradients": "effects:gradients_figure",
    "occlusion": "effects:occlusion_figure",
    "frames": "effects:frames_figure",
    "flow": "flow_panels:figure",
}
#: those that captum computes
NEED_CAPTUM = ("gradcam", "integrated-gradients", "occlusion", "frames")


@dataclass(frozen=True)
class ExplainConfig:
    """How effects are measured.

    Args:
        label: class whose score is explained; empty: the one predicted.
        baseline: what stands for "nothing". ``still``: the clip without motion, its first frame
            throughout (for flow: no motion; for a flow map, whose zero depends on its scaling:
            the median of each channel). ``mean``: mean colour, or mean motion, of the clip.
            ``zero``: black, or no motion.
        steps: points of the path of integrated gradients.
        chunk: clips computed at a time, which bounds memory.
        face: which face is followed where there are several: largest, or its place from the
            left (0 is the first); empty: as the model was trained.
        seed: of t-SNE.
        perplexity: of t-SNE, at most a third of the clips.
    """

    label: str = ""
    baseline: Baseline = "still"
    steps: int = 32
    chunk: int = 8
    face: str = ""
    seed: int = 0
    perplexity: float = 30.0

    def __post_init__(self) -> None:
        if self.steps < 2 or self.chunk < 1 or self.perplexity <= 0:
            raise ConfigError(
                f"steps {self.steps}, chunk {self.chunk}, perplexity {self.perplexity}",
                "at least 2, at least 1, and above 0",
            )


def chosen_figures(names: Sequence[str]) -> tuple[str, ...]:
    """The figures asked for, each once, in the order of the table; none named: all.

    Raises:
        ConfigError: a name that is no figure of a clip.
    """
    unknown = [name for name in names if name not in FIGURES]
    if unknown:
        raise ConfigError(f"unknown figure '{unknown[0]}'", f"one of: {', '.join(FIGURES)}")
    return tuple(name for name in FIGURES if not names or name in names)
