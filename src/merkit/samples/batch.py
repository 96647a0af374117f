"""Samples side by side in one batch of tensors.

Tensor names that flow through every model (B batch, T frames, R regions, C classes):

============ ================== ===================================================
``rgb``      u8  (B,T,3,S,S)    aligned face frames
``tokens``   f16 (B,T,...)      output of a frozen encoder part, in place of ``rgb``:
                                tokens (B,T,N,D), vectors (B,T,D) or motion (B,T,2,G,G)
``mirrored`` as ``tokens``      the same of the mirrored clip, where a method asks for it
``flow``     f32 (B,T,R,2)      dominant motion of each region, x then y
``flow_map`` u8  (B,3,28,28)    onset-apex flow image, 0-255, channels B,G,R
``mask``     bool (B,T)         True where a frame is real, False where it is padding
``au``       f32 (B,M)          action units present, 0/1 (an oracle input at test time)
``au_known`` bool (B,)          whether the clip has AU codes at all
``nothing``  f32 (B,0)          for a method that reads nothing of a clip
============ ================== ===================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Inputs: TypeAlias = Mapping[str, Tensor]
#: name of the tokens of mirrored clips
MIRRORED = "mirrored"
#: arrays of one clip by name, without a batch axis
Arrays: TypeAlias = Mapping[str, "np.ndarray | np.generic"]


def collate(clips: Sequence[Arrays], names: Sequence[str]) -> dict[str, Tensor]:
    """Stack the named arrays; runs of different length are zero-padded with a mask.

    Returns:
        each array with a leading batch axis, and ``mask`` bool (B,T), True where real; with no
        names, ``nothing`` (B,0).
    """
    if not names:
        return {"nothing": torch.zeros(len(clips), 0)}
    batch: dict[str, Tensor] = {}
    for name in names:
        arrays = [np.asarray(clip[name]) for clip in clips]
        if len({a.shape for a in arrays}) == 1:
            batch[name] = torch.from_numpy(np.stack(arrays))
            continue
        batch[name] = pad_sequence([torch.tensor(a) for a in arrays], batch_first=True)
        lengths = torch.tensor([len(a) for a in arrays])
        batch["mask"] = torch.arange(batch[name].shape[1]) < lengths[:, None]
    return batch


def real_frames(inputs: Inputs, name: str) -> Tensor:
    """``mask`` (B,T), or all True where the batch has none, for the runs (B,T,...) in ``name``."""
    if "mask" in inputs:
        return inputs["mask"]
    return torch.ones(inputs[name].shape[:2], dtype=torch.bool, device=inputs[name].device)
