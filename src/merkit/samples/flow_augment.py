"""Augmentation of regional motion: mirror, onset lead, MixUp, CutMix over time.

Every function takes and returns the tensors of :mod:`merkit.samples.batch` and leaves its input
alone; what is drawn is handed to those that change clips, so each can be tested by hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.special import betaincinv
from torch import Tensor

from merkit.config import check_settings
from merkit.face.regions import mirror_order
from merkit.samples.batch import Inputs, real_frames

#: below this a Beta variate is 0 or 1 as good as always, and near 1e-300 not a number
_SMALLEST_ALPHA = 1e-3


@dataclass(frozen=True)
class FlowAugmentConfig:
    """How often and how strongly clips are changed in training; the defaults change nothing.

    ``mirror_p``: probability of a left-right mirror. ``lead_frames``: up to this many still
    frames are put before the onset. ``mixup_alpha``: both parameters of the Beta distribution
    of the mixing weight (0: no MixUp; Zhang et al. 2018). ``cutmix_p``: probability that a batch
    gets CutMix (Yun et al. 2019, here over a segment of time) in place of MixUp;
    ``cutmix_alpha``: Beta parameters of the share of time that stays.
    """

    mirror_p: float = 0.0
    lead_frames: int = 0
    mixup_alpha: float = 0.0
    cutmix_p: float = 0.0
    cutmix_alpha: float = 1.0

    def __post_init__(self) -> None:
        wanted = {
            "mirror_p": (0 <= self.mirror_p <= 1, "a probability from 0 to 1"),
            "cutmix_p": (0 <= self.cutmix_p <= 1, "a probability from 0 to 1"),
            "lead_frames": (self.lead_frames >= 0, "0 (none) or more"),
            "mixup_alpha": (
                self.mixup_alpha == 0 or self.mixup_alpha >= _SMALLEST_ALPHA,
                f"0 (off) or {_SMALLEST_ALPHA} and more",
            ),
            "cutmix_alpha": (self.cutmix_alpha >= _SMALLEST_ALPHA, f"{_SMALLEST_ALPHA} or more"),
        }
        check_settings(self, "augment", wanted)


def augment(
    inputs: Inputs, targets: Tensor, config: FlowAugmentConfig, generator: torch.Generator
) -> tuple[Inputs, Tensor]:
    """Onset lead, mirror, MixUp or CutMix, in this order, each clip drawn by itself; the same
    generator state gives the same result.

    Args:
        inputs: ``flow`` (B,T,R,2); where there, ``mask`` (B,T), ``au`` (B,M), ``au_known`` (B,).
        targets: (B,C) soft labels, whose mass is kept clip by clip.
    """
    n_clips, device = len(targets), inputs["flow"].device
    mirrored = _uniform(n_clips, generator) < config.mirror_p
    lead = (_uniform(n_clips, generator) * (config.lead_frames + 1)).long()
    lead = lead.clamp(max=config.lead_frames)
    partner = torch.randperm(n_clips, generator=generator, device=generator.device).to(device)
    keep, cut = draw_mixing(n_clips, config, generator)
    out = dict(inputs)
    if config.lead_frames:
        out = add_lead(out, lead.to(device), config.lead_frames)
    if mirrored.any():
        side = mirrored.to(device)[:, None, None, None]
        out["flow"] = torch.where(side, mirror(out)["flow"], out["flow"])
    out, targets = mixup(out, targets, partner, keep.to(device))
    return cutmix(out, targets, partner, cut.to(device))


def draw_mixing(
    n_clips: int, config: FlowAugmentConfig, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Weight (B,) of the clip itself in MixUp, 1 for none; and start and stop (B,2) of the
    pasted segment as shares of the clip, equal for none. A batch gets one or the other."""
    use_cut = _uniform(1, generator) < config.cutmix_p
    if config.mixup_alpha:
        keep = _beta(_uniform(n_clips, generator), config.mixup_alpha)
    else:
        keep = _uniform(1, generator) * 0 + 1  # drawn all the same: the generator moves on
    share = 1 - _beta(_uniform(n_clips, generator), config.cutmix_alpha)
    start = _uniform(n_clips, generator) * (1 - share)
    cut = torch.stack([start, torch.where(use_cut, start + share, start)], dim=-1)
    return torch.where(use_cut, torch.ones_like(start), keep), cut


def mirror(inputs: Inputs) -> Inputs:
    """Left-right mirror: regions change sides and horizontal motion its sign; an involution.

    Action units keep their place, since the vocabulary does not name sides. Raises ConfigError
    for a number of regions other than 18 or 14.
    """
    flow = inputs["flow"]
    order = torch.as_tensor(mirror_order(flow.shape[2]), device=flow.device)
    sign = flow.new_tensor([-1.0, 1.0])
    return {**inputs, "flow": flow.index_select(2, order) * sign}


def mirror_map(image: Tensor) -> Tensor:
    """Left-right mirror of flow images (B,3,M,M): pixels change sides, and u, the last channel,
    its sign. It is scaled from its least to its greatest value, so its negative is 255 - u."""
    image = image.flip(-1)
    return torch.cat([image[:, :2], 255 - image[:, 2:]], dim=1)


def add_lead(inputs: Inputs, lead: Tensor, lead_frames: int) -> dict[str, Tensor]:
    """Put ``lead`` (B,) still frames before each clip; T grows by ``lead_frames`` for all.

    Before its onset a face does not move, so motion against the first frame is zero there.
    Needs flow with ``reference="first"``.
    """
    flow, mask = inputs["flow"], real_frames(inputs, "flow")
    n_frames = flow.shape[1]
    source = torch.arange(n_frames + lead_frames, device=flow.device) - lead[:, None]
    inside = (source >= 0) & (source < n_frames)
    index = source.clamp(0, n_frames - 1)
    moved = flow.gather(1, index[:, :, None, None].expand(-1, -1, *flow.shape[2:]))
    real = (source < 0) | (inside & mask.gather(1, index))
    return {**inputs, "flow": moved * inside[:, :, None, None].to(flow.dtype), "mask": real}


def mixup(
    inputs: Inputs, targets: Tensor, partner: Tensor, keep: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Weighted mean of each clip and its partner; ``keep`` (B,) is the clip's own weight.

    Action units are mixed with the same weight, and known only where both clips' are; a frame
    is real where either clip has one (a weight of exactly 1 leaves the clip as it was).
    """
    out = dict(inputs)
    keep = keep.to(targets.dtype).expand(len(targets))
    mixed = keep < 1
    out["flow"] = _mix(inputs["flow"], partner, keep)
    if "mask" in inputs:
        out["mask"] = inputs["mask"] | (inputs["mask"][partner] & mixed[:, None])
    return _mix_units(out, partner, keep), _mix(targets, partner, keep)


def cutmix(
    inputs: Inputs, targets: Tensor, partner: Tensor, cut: Tensor
) -> tuple[dict[str, Tensor], Tensor]:
    """Paste a segment of the partner's frames over the same frames of each clip.

    ``cut`` (B,2) is the segment as shares of the clip's real length. Only frames that are real
    in both clips are pasted, and labels (and action units) are mixed by the share of real
    frames that was in fact pasted.
    """
    flow, mask = inputs["flow"], real_frames(inputs, "flow")
    length = mask.sum(dim=1, keepdim=True)
    time = torch.arange(flow.shape[1], device=flow.device) + 0.5
    inside = (time >= cut[:, :1] * length) & (time < cut[:, 1:] * length)
    pasted = inside & mask & mask[partner]
    keep = 1 - pasted.sum(dim=1).to(targets.dtype) / length.squeeze(1).clamp(min=1)
    out = dict(inputs)
    out["flow"] = torch.where(pasted[:, :, None, None], flow[partner], flow)
    return _mix_units(out, partner, keep), _mix(targets, partner, keep)


def _mix_units(inputs: dict[str, Tensor], partner: Tensor, keep: Tensor) -> dict[str, Tensor]:
    if "au" not in inputs:
        return inputs
    out = inputs | {"au": _mix(inputs["au"], partner, keep)}
    if "au_known" in inputs:
        known = inputs["au_known"]
        out["au_known"] = known & (known[partner] | (keep >= 1))
    return out


def _mix(x: Tensor, partner: Tensor, keep: Tensor) -> Tensor:
    weight = keep.to(x.dtype).reshape(-1, *[1] * (x.ndim - 1))
    return weight * x + (1 - weight) * x[partner]


def _uniform(size: int, generator: torch.Generator) -> Tensor:
    return torch.rand(size, generator=generator, device=generator.device)


def _beta(uniform: Tensor, alpha: float) -> Tensor:
    """Beta(alpha, alpha) variates by the inverse of the distribution function."""
    quantile = betaincinv(alpha, alpha, uniform.double().cpu().numpy())
    return torch.as_tensor(quantile).to(uniform)
