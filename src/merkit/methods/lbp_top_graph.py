"""``lbp-top`` as steps of torch alone, for files that run where scikit-image is not.

The same numbers as :func:`merkit.methods.lbp_top.lbp_top`, whose patterns come from scikit-image:
its neighbours (five decimals, bilinear, in 64 bit), its labels and its order.

Shapes: B clips, T frames, S image side, d descriptor, P neighbours.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor, nn

from merkit.errors import ConfigError
from merkit.methods.lbp_top import LbpTop, block_numbers, grey

#: a table of all patterns of so many neighbours is small
_MOST_POINTS = 16


class LbpTopGraph(nn.Module):
    """Frames u8 (B,T,3,S,S) -> descriptors f32 (B,d).

    Raises:
        ConfigError: more neighbours than a table of patterns is made for.
    """

    bits: Tensor
    labels: Tensor
    block: Tensor

    def __init__(self, config: LbpTop) -> None:
        super().__init__()
        if config.points > _MOST_POINTS:
            raise ConfigError(
                f"points is {config.points} in a file that runs alone", f"{_MOST_POINTS} or fewer"
            )
        self.config = config
        table = [_label(pattern, config) for pattern in range(2**config.points)]
        bits = 2 ** torch.arange(config.points)
        self.register_buffer("bits", bits.view(-1, 1, 1, 1, 1), persistent=False)
        self.register_buffer("labels", torch.tensor(table), persistent=False)
        edge = 2 * config.radius
        inner = (config.frames - edge, config.size_px - edge, config.size_px - edge)
        rows, columns, stretches = config.blocks
        block = block_numbers(inner, (stretches, rows, columns))
        self.register_buffer("block", torch.from_numpy(block.copy()), persistent=False)

    def forward(self, rgb: Tensor) -> Tensor:
        volume = grey(rgb.long(), axis=2).double()  # (B,T,S,S)
        planes = [self._histograms(self._codes(volume, axis)) for axis in range(3)]
        table = torch.stack(planes, dim=2)  # (B, blocks, planes, labels)
        return table.flatten(1).float().half().float()

    def _codes(self, volume: Tensor, axis: int) -> Tensor:
        """Labels (B,T',Y',X') of the inner voxels in the planes across an axis of (T,Y,X)."""
        r = self.config.radius
        slices = volume.movedim(1 + axis, 1)[:, r : volume.shape[1 + axis] - r]
        centre = slices[..., r:-r, r:-r]
        pattern = ((_neighbours(slices, self.config) >= centre).long() * self.bits).sum(0)
        return self.labels[pattern].movedim(1, 1 + axis)

    def _histograms(self, codes: Tensor) -> Tensor:
        """Share of each label in each block, f64 (B, blocks, labels)."""
        n_labels = self.config.labels
        places = (self.block * n_labels + codes).flatten(1)
        n_blocks = math.prod(self.config.blocks)
        counts = torch.zeros(places.shape[0], n_blocks * n_labels, dtype=torch.float32)
        counts = counts.scatter_add(1, places, torch.ones_like(places, dtype=torch.float32))
        table = counts.double().reshape(-1, n_blocks, n_labels)
        return table / table.sum(2, keepdim=True)


def _neighbours(x: Tensor, config: LbpTop) -> Tensor:
    """Values (P,B,K,H',W') at the neighbours of the inner places of pictures (B,K,H,W), each
    between four places, as scikit-image reads them: first along rows, then across."""
    turn = 2 * np.pi * np.arange(config.points) / config.points
    down = np.round(-config.radius * np.sin(turn), 5)
    right = np.round(config.radius * np.cos(turn), 5)
    n_rows = x.shape[-2]
    beside = _between(x, _inner(x.shape[-1], right, config))  # (B,K,H,P,W')
    columns = beside.movedim(3, 2).flatten(2, 3)  # (B,K,P*H,W'): the pictures of each neighbour
    own = n_rows * np.arange(config.points)[:, None]
    found = _between(columns.transpose(2, 3), _inner(n_rows, down, config), own)  # (B,K,W',P,H')
    return found.permute(3, 0, 1, 4, 2)


def _inner(n: int, shifts: np.ndarray, config: LbpTop) -> np.ndarray:
    """Positions (P,N') of the neighbours of the inner places of an axis."""
    return np.asarray(np.arange(config.radius, n - config.radius) + shifts[:, None])


def _between(x: Tensor, at: np.ndarray, offset: np.ndarray | int = 0) -> Tensor:
    """``x`` (...,N) read at positions (P,N') between two places: (...,P,N')."""
    low = np.floor(at)
    share = torch.from_numpy(at - low)

    def read(places: np.ndarray) -> Tensor:
        index = torch.from_numpy((places + offset).astype(np.int64).ravel())
        return torch.unflatten(x.index_select(-1, index), -1, at.shape)

    return (1 - share) * read(low) + share * read(np.ceil(at))


def _label(pattern: int, config: LbpTop) -> int:
    """Label of a pattern, bit i of which is neighbour i (Ojala et al. 2002, in scikit-image's
    numbers)."""
    points = config.points
    bits = [pattern >> i & 1 for i in range(points)]
    ones = sum(bits)
    uniform = sum(a != b for a, b in pairwise(bits)) <= 2
    if config.mapping == "riu2":
        return ones if uniform else points + 1
    if not uniform:
        return points * (points - 1) + 2
    if ones == 0:
        return 0
    if ones == points:
        return points * (points - 1) + 1
    turned = ones - bits.index(0) if bits[0] else points - bits.index(1)
    return 1 + (ones - 1) * points + turned
