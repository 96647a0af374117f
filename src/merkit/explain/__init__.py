"""Figures of what a model looked at: their names and settings. :mod:`merkit.explain.make` draws.

Needs captum for some of them: ``pip install merkit[explain]``. Torch-free, so help is fast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from merkit.config import check_settings
from merkit.registry import Registry

if TYPE_CHECKING:
    from merkit.explain.case import Case, Drawn

Baseline = Literal["still", "mean", "zero"]

#: the figures of a clip: each is drawn of a case, or says in one line why it does not apply
FIGURES: Registry[Callable[[Case], Drawn | str]] = Registry(
    "figure",
    {
        "patch-pca": "merkit.explain.features:patch_figure",
        "attention": "merkit.explain.attention:frames_figure",
        "graph": "merkit.explain.attention:graph_figure",
        "gradcam": "merkit.explain.effects:gradcam_figure",
        "integrated-gradients": "merkit.explain.effects:gradients_figure",
        "occlusion": "merkit.explain.effects:occlusion_figure",
        "frames": "merkit.explain.effects:frames_figure",
        "flow": "merkit.explain.motion:motion_figure",
    },
)
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
        wanted = {
            "steps": (self.steps >= 2, "2 or more"),
            "chunk": (self.chunk >= 1, "1 or more"),
            "perplexity": (self.perplexity > 0, "above 0"),
        }
        check_settings(self, "effect", wanted)
