"""``hoof``: histograms of oriented optical flow in facial regions, with a linear SVM.

Chaudhry, Ravichandran, Hager & Vidal 2009, "Histograms of oriented optical flow and
Binet-Cauchy kernels on nonlinear dynamical systems for the recognition of human actions",
CVPR, section 2; here one histogram a facial region over the whole clip.

Shapes: B clips, T frames, R regions, K bins.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.flow.config import FlowConfig
from merkit.methods.classical import LinearSvmModel, SvmMethod
from merkit.samples.batch import Inputs
from merkit.samples.flow_augment import mirror
from merkit.samples.recipes import RegionFlowRecipe


@dataclass(frozen=True, kw_only=True)
class Hoof(SvmMethod):
    """Settings of the descriptor and its classifier.

    Args:
        flow: motion against the first frame, so that an expression that comes and goes does
            not fill opposite bins alike.
        frames: T [D].
        bins: K directions over the full circle, or over half of it with ``symmetric``.
        symmetric: fold left onto right, as printed, so that the histogram does not change when
            the movement is mirrored. Off by default: on a face the side is information.
        normalise: divide a clip's histograms by their sum, all together (``clip``: regions keep
            their relative strength) or each by its own (``region``), or leave them in pixels.
    """

    name: ClassVar[str] = "hoof"
    title: ClassVar[str] = "Histograms of oriented optical flow in facial regions, linear SVM"
    citation: ClassVar[str] = "Chaudhry et al. 2009, CVPR"

    flow: FlowConfig = field(default_factory=lambda: FlowConfig(reference="first"))
    frames: int = 16
    bins: int = 8
    symmetric: bool = False
    normalise: Literal["clip", "region", "none"] = "clip"

    def __post_init__(self) -> None:
        wanted = {
            "bins": (self.bins >= 1, "1 or more"),
            "frames": (self.frames >= 2, "2 or more: motion is between frames"),
        }
        check_settings(self, "", wanted)
        super().__post_init__()

    def build(self, n_classes: int) -> HoofModel:
        return HoofModel(self, n_classes)

    def default_recipe(self) -> RegionFlowRecipe:
        """Motion of the regions at T interpolated frame indices."""
        return RegionFlowRecipe(frames=self.frames, flow=self.flow)

    def mirrored(self, inputs: Inputs) -> Inputs:
        return mirror(inputs)


class HoofModel(LinearSvmModel):
    """The method; see :class:`Hoof`."""

    config: Hoof

    def __init__(self, config: Hoof, n_classes: int) -> None:
        super().__init__(config, n_classes, config.flow.regions * config.bins)

    def describe(self, inputs: Inputs) -> Tensor:
        """``flow`` f32 (B,T,R,2) with optional ``mask`` (B,T) -> (B, R K).

        Raises:
            ConfigError: another number of regions.
        """
        flow = inputs["flow"].float()
        if flow.shape[2] != self.config.flow.regions:
            raise ConfigError(
                f"flow of {flow.shape[2]} regions",
                f"{self.config.flow.regions} (flow.regions)",
                "prepare the clips with the recipe of this configuration",
            )
        if "mask" in inputs:
            flow = flow * inputs["mask"][:, :, None, None].to(flow.dtype)
        counts = histograms(flow, self.config)
        if self.config.normalise != "none":
            axes = (1, 2) if self.config.normalise == "clip" else (2,)
            counts = counts / counts.sum(axes, keepdim=True).clamp(min=1e-6)
        return counts.flatten(1)


def histograms(flow: Tensor, config: Hoof) -> Tensor:
    """Magnitude in each direction, summed over time: (B,T,R,2) -> (B,R,K).

    Bin k of the full circle holds directions from 2 pi k / K on, counted from +x towards +y
    (down in a picture). With ``symmetric``, bins divide -pi/2 to pi/2 and a direction counts by
    its angle to the horizontal, whichever way it points (section 2, figure 2).
    """
    x, y = flow.unbind(-1)
    if config.symmetric:
        turn = torch.atan2(y, x.abs()) / math.pi + 0.5
    else:
        turn = torch.atan2(y, x) / (2 * math.pi) % 1.0
    places = (turn * config.bins).long().clamp(max=config.bins - 1)
    counts = flow.new_zeros(*flow.shape[::2], config.bins)
    return counts.scatter_add_(2, places.transpose(1, 2), flow.norm(dim=-1).transpose(1, 2))
