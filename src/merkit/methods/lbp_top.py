"""``lbp-top``: local binary patterns on three orthogonal planes, with a linear SVM.

Zhao & Pietikäinen 2007, "Dynamic texture recognition using local binary patterns with an
application to facial expressions", IEEE TPAMI 29(6), sections 3 and 4; the baseline of the
Micro-Expression Grand Challenges (See et al. 2019, FG), with blocks of 5×5×1.

Shapes: B clips, T frames, S image side, d descriptor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from merkit.config import check_settings
from merkit.errors import ConfigError
from merkit.face.align import AlignConfig
from merkit.methods.classical import LinearSvmModel, SvmMethod
from merkit.samples.batch import Inputs
from merkit.samples.inputs import Input
from merkit.samples.recipes import RgbRecipe
from merkit.types import F32, U8

#: Raised when the descriptor computes something else, so stored ones are not read again.
_VERSION = 1
_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_MAPPINGS = {"u2": "nri_uniform", "riu2": "uniform"}


@dataclass(frozen=True, kw_only=True)
class LbpTop(SvmMethod):
    """Settings of the descriptor and its classifier.

    Args:
        frames: T, interpolated frame indices. The challenge's numbers of frames and sizes are
            not printed with it: T and ``size_px`` are choices [D].
        sampling: reach the last frame, or floor(k N / T).
        size_px: side of the aligned face.
        points, radius: P neighbours on a circle of radius R, in every plane.
        mapping: ``u2`` uniform patterns one by one and all others together, P (P - 1) + 3
            labels; ``riu2`` uniform patterns up to rotation, P + 2 labels.
        blocks: rows, columns and stretches of time, each with its own histograms.

    Raises:
        ConfigError: a clip or a block too small for the circle.
    """

    name: ClassVar[str] = "lbp-top"
    title: ClassVar[str] = "Local binary patterns on three orthogonal planes, linear SVM"
    citation: ClassVar[str] = "Zhao & Pietikäinen 2007, TPAMI 29(6)"

    frames: int = 16
    sampling: Literal["linspace", "floor"] = "linspace"
    size_px: int = 128
    points: int = 8
    radius: int = 1
    mapping: Literal["u2", "riu2"] = "u2"
    blocks: tuple[int, int, int] = (5, 5, 1)

    def __post_init__(self) -> None:
        wanted = {
            "points": (self.points >= 2, "2 or more"),
            "radius": (self.radius >= 1, "1 or more"),
            "blocks": (min(self.blocks) >= 1, "one or more each way"),
        }
        check_settings(self, "", wanted)
        inner_px, inner_frames = (n - 2 * self.radius for n in (self.size_px, self.frames))
        if inner_px < max(self.blocks[:2]) or inner_frames < self.blocks[2]:
            raise ConfigError(
                f"size_px {self.size_px} and frames {self.frames} leave {inner_px} pixels and "
                f"{inner_frames} frames inside a border of radius {self.radius}",
                f"at least one for each block of {self.blocks}",
                "raise frames or size_px, or lower radius or blocks",
            )
        super().__post_init__()

    def build(self, n_classes: int) -> LbpTopModel:
        return LbpTopModel(self, n_classes)

    def default_recipe(self) -> RgbRecipe:
        """T aligned frames; one transform a clip, since these patterns read motion from time."""
        align = AlignConfig(policy="onset", size_px=self.size_px)
        return RgbRecipe(frames=self.frames, sampling=self.sampling, align=align)

    def inputs(self) -> tuple[Input, ...]:
        """See ``Method.inputs``; every clip has all T frames."""
        return tuple(wanted for wanted in super().inputs() if wanted.name != "mask")

    @property
    def labels(self) -> int:
        """Number of different patterns of one plane."""
        return self.points + 2 if self.mapping == "riu2" else self.points * (self.points - 1) + 3

    @property
    def width(self) -> int:
        """d: three planes of histograms in every block."""
        return 3 * self.labels * int(np.prod(self.blocks))


class LbpTopModel(LinearSvmModel):
    """The method. Descriptors have nothing fitted in them, so they count as frozen: computed
    once a clip and read by every fold."""

    config: LbpTop

    def __init__(self, config: LbpTop, n_classes: int) -> None:
        super().__init__(config, n_classes, config.width)

    def describe(self, inputs: Inputs) -> Tensor:
        """``rgb`` u8 (B,T,3,S,S), or ``tokens`` (B,1,1,d) that ``frozen`` made -> (B,d)."""
        tokens = inputs["tokens"] if "tokens" in inputs else self._describe(inputs["rgb"])
        return tokens.flatten(1).float()

    def frozen_key(self) -> str | None:
        """Identity of the descriptor."""
        settings = self.config.settings()["model"]
        del settings["svm"]
        return f"lbp-top {_VERSION} {sorted(settings.items())}"

    def frozen(self, inputs: Inputs) -> Inputs:
        """``rgb`` replaced by ``tokens``: descriptors f16 (B,1,1,d)."""
        rest = {name: value for name, value in inputs.items() if name != "rgb"}
        return rest | {"tokens": self._describe(inputs["rgb"])}

    def _describe(self, rgb: Tensor) -> Tensor:
        rows = [lbp_top(clip, self.config) for clip in rgb.cpu().numpy()]
        return torch.from_numpy(np.stack(rows))[:, None, None].half().to(rgb.device)


def lbp_top(clip: U8, config: LbpTop) -> F32:
    """Descriptor (d,) of one clip (T,3,S,S): for each block the histograms of the XY, XT and YT
    planes, each summing to one. Pixels nearer than R to an edge in any direction have no whole
    neighbourhood and are left out (Zhao & Pietikäinen 2007, section 3.2).

    Raises:
        ConfigError: a clip too short or too small for the blocks.
    """
    volume = np.rint(np.tensordot(clip, _GREY, axes=(1, 0))).astype(np.uint8)  # (T,S,S)
    inner = tuple(n - 2 * config.radius for n in volume.shape)
    rows, columns, stretches = config.blocks
    if any(n < k for n, k in zip(inner, (stretches, rows, columns), strict=True)):
        raise ConfigError(
            f"a clip of {volume.shape[0]} frames of {volume.shape[1]} x {volume.shape[2]} px",
            f"more than {2 * config.radius} of each, and one for each block of {config.blocks}",
        )
    block = _block_numbers(inner, (stretches, rows, columns))
    planes = [_histograms(_codes(volume, axis, config), block, config) for axis in range(3)]
    return np.stack(planes, axis=1).reshape(-1).astype(np.float32)


def _codes(volume: U8, axis: int, config: LbpTop) -> np.ndarray:
    """Pattern labels at the inner voxels, in the planes across ``axis`` of (T,Y,X): 0 gives
    XY, 1 XT, 2 YT."""
    from skimage.feature import local_binary_pattern

    r = config.radius
    slices = np.moveaxis(volume, axis, 0)[r : volume.shape[axis] - r]
    method = _MAPPINGS[config.mapping]
    code: Any = partial(local_binary_pattern, P=config.points, R=r, method=method)
    coded = [code(s)[r:-r, r:-r] for s in slices]
    return np.moveaxis(np.stack(coded), 0, axis).astype(np.int64)


def _block_numbers(shape: Sequence[int], blocks: Sequence[int]) -> np.ndarray:
    """Number of the block that each inner voxel (T,Y,X) lies in; sizes differ by one at most."""
    t, y, x = ((np.arange(n) * k) // n for n, k in zip(shape, blocks, strict=True))
    return np.asarray(
        (t[:, None, None] * blocks[1] + y[None, :, None]) * blocks[2] + x[None, None, :]
    )


def _histograms(codes: np.ndarray, block: np.ndarray, config: LbpTop) -> np.ndarray:
    """Share of each label in each block, (blocks, labels)."""
    n_blocks, n_labels = int(np.prod(config.blocks)), config.labels
    counts = np.bincount((block * n_labels + codes).ravel(), minlength=n_blocks * n_labels)
    table = counts.reshape(n_blocks, n_labels)
    return np.asarray(table / table.sum(1, keepdims=True))
