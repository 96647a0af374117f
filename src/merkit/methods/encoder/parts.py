"""Pieces of the frame encoder as plain functions: input and pooling."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from merkit.methods.encoder.config import MotionConfig


def standardised_difference(rgb: Tensor, gain: float) -> Tensor:
    """Change since the frame before, (B,T,3,S,S), the first frame zero.

    Each frame is standardised over all its pixels first.

    Args:
        rgb: (B,T,3,S,S), u8 or float.
        gain: factor on the difference, which is small.
    """
    x = _standardised(rgb)
    return F.pad(gain * (x[:, 1:] - x[:, :-1]), (0, 0, 0, 0, 0, 0, 1, 0))


def motion_map(rgb: Tensor, config: MotionConfig) -> Tensor:
    """Displacement since the frame before, (B,T,2,G,G), the first frame zero.

    Least squares on the brightness of standardised grey frames, u = -(A + r I)^-1 b with A and
    b the products of derivatives averaged over a window of cells (Lucas and Kanade 1981, eq 9,
    with a ridge r). Exact for motion well below a wavelength, which micro-expressions are.

    Args:
        rgb: (B,T,3,S,S), u8 or float, S a multiple of G = ``config.cells``.

    Returns:
        x then y, in pixels of the frame times ``config.gain``.
    """
    grey = _standardised(rgb).mean(2)
    before, after = _blur(grey[:, :-1], config.blur_px), _blur(grey[:, 1:], config.blur_px)
    mid = (before + after) / 2
    gx = F.pad((mid[..., 2:] - mid[..., :-2]) / 2, (1, 1))
    gy = F.pad((mid[..., 2:, :] - mid[..., :-2, :]) / 2, (0, 0, 1, 1))
    gt = after - before
    products = torch.stack((gx * gx, gx * gy, gy * gy, gx * gt, gy * gt), dim=2).flatten(0, 1)
    products = F.avg_pool2d(products, rgb.shape[-1] // config.cells)
    xx, xy, yy, xt, yt = _blur(products, config.window_cells).unbind(1)
    xx, yy = xx + config.regulariser, yy + config.regulariser
    flow = torch.stack((xy * yt - yy * xt, xy * xt - xx * yt), dim=1) / (xx * yy - xy * xy)[:, None]
    flow = config.gain * flow.reshape(rgb.shape[0], -1, *flow.shape[1:])
    return F.pad(flow, (0, 0, 0, 0, 0, 0, 1, 0))


def _standardised(rgb: Tensor) -> Tensor:
    """Each frame with mean 0 and deviation 1 over its pixels: a change of exposure is none."""
    x = rgb if rgb.is_floating_point() else rgb.float()
    std, mean = torch.std_mean(x, dim=(2, 3, 4), keepdim=True)
    return (x - mean) / (std + 1e-6)


def _blur(x: Tensor, side: int) -> Tensor:
    """Mean over a square, the border repeated; (A,B,H,W)."""
    if side == 1:
        return x
    return F.avg_pool2d(F.pad(x, (side // 2,) * 4, mode="replicate"), side, 1)


def frame_vector(tokens: Tensor, output: str) -> Tensor:
    """Pool normalised tokens (...,1+P,D), class token first and no registers.

    Args:
        tokens: as above; for ``cls`` the patches may be missing.
        output: as in ``EncoderConfig.output``.

    Returns:
        (...,D), (...,2D) for ``cls_mean``, or the tokens themselves for ``tokens``.
    """
    if output == "cls":
        return tokens[..., 0, :]
    if output == "patch_mean":
        return tokens[..., 1:, :].mean(-2)
    if output == "cls_mean":
        return torch.cat((tokens[..., 0, :], tokens[..., 1:, :].mean(-2)), dim=-1)
    return tokens
