"""Many trainings of ``ststnet`` at once.

The network is small and its maps are the same in every fold; what takes the time is to carry the
30x30x16 numbers of each clip through memory several times a step. Here a clip's neighbourhoods are
laid out once, the convolution of all trainings that read the clip is one matrix product, and what
comes of it is used while it is in the processor's cache and never stored:

- a = relu(z) leaves its sums over the batch, from which batch normalisation has mean and variance
  (the sum of a^2 is that of a z, and z is linear in the neighbourhood), and its maxima of 3x3;
- normalisation is increasing, so the maximum may be taken before it (where its scale is negative,
  the maximum of -a);
- backward, da = (scale / sd) (gradient at the maxima) - k0 - k1 a with k0 and k1 a channel, so of a
  the sums suffice again, and only the maxima are computed a second time.

Shapes: F trainings of a step, B clips in the largest batch, K trainings that read a clip, f = 16
filters of the three streams, 28 = 27 numbers of a neighbourhood and 1, C classes. The 959 places
of a clip are 9 for each of 10x10 maxima (0 at the border), then the 59 that no maximum reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from merkit.training.dropout import Mask
from merkit.training.loop import Batch, Training
from merkit.training.network import Output
from merkit.training.stacked_weights import StackedWeights

_POOLED = 900  # places that a maximum reads
_AREA = 900  # places that the statistics are of
_PLACES = 959
_FEW_CLIPS = 16
#: trainings whose numbers of one clip go through the cache together
_AT_ONCE = 8
_STREAMS = (1, 2, 3)
_EPS, _MOMENTUM = 1e-5, 0.1  # of torch's batch normalisation
_LAST = ("fc.weight", "fc.bias")


class StackedStstnet:
    """See :class:`merkit.training.stack.Stack`.

    Raises:
        Unstackable: as ``StackedWeights``.
    """

    def __init__(self, trainings: Sequence[Training]) -> None:
        self.weights = StackedWeights(trainings)
        self.filters: tuple[int, ...] = trainings[0].model.config.filters
        self._room = torch.empty(_PLACES * _AT_ONCE * sum(self.filters))
        self.clips: dict[str, int] = {}
        self.places = self._places_of(trainings)

    def keep(self, rows: Sequence[int]) -> None:
        self.weights.keep(rows)

    def step(self, rows: Sequence[int], batches: Sequence[Batch]) -> list[float]:
        shares = _Shares([[self.clips[i] for i in batch.ids] for batch in batches])
        state = self.weights.of(rows)
        filters, scale, shift = self._filters(state)
        sign = None if bool((scale >= 0).all()) else torch.where(scale < 0, -1.0, 1.0)
        maxima, sums, counts = self._forward(filters, sign, shares)
        n = _AREA * torch.tensor(shares.sizes, dtype=torch.float64)[:, None]
        mean = sums[..., -1] / n
        variance = ((sums * filters.double()).sum(-1) / n - mean**2).clamp(min=0)
        self._keep_statistics(rows, mean, variance, n)
        norm = _Norm(mean.float(), (variance + _EPS).rsqrt().float(), scale, shift)
        told, grads = self._heads(rows, state, maxima, norm, [b.targets for b in batches])
        n = n.float()
        gain = scale * norm.inverse
        steep = gain * norm.inverse * grads["scale"] / n  # k1 and k0 of the docstring
        flat = gain / n * grads["shift"] - steep * norm.mean
        sparse = self._backward(filters, sign, shares, maxima)
        of_filters = (
            gain[..., None] * sparse
            - flat[..., None] * counts.float()
            - steep[..., None] * sums.float()
        )
        self.weights.move(rows, self._by_name(of_filters, grads))
        return told

    def _forward(
        self, filters: Tensor, sign: Tensor | None, shares: _Shares
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Maxima of a (F,B,f,100), minima where the sign is negative; sums of a times
        neighbourhood (F,f,28), and of neighbourhoods where a is above 0, of every place."""
        f = filters.shape[1]
        maxima = torch.empty(shares.n_trainings, max(shares.sizes), f, 100)
        sums, counts = torch.empty(2, 28, f * shares.n_shares)
        for part in shares.parts:
            places, who = self.places[part.clip], part.who
            a = self._a(places, filters[who])
            peaks = self._windows(a, sign, who).amax(0)
            maxima[who, part.slot] = peaks.view(100, -1, f).permute(1, 2, 0)
            columns = slice(f * part.first, f * (part.first + len(who)))
            torch.mm(places.T, a, out=sums[:, columns])
            torch.mm(places.T, a.sign_(), out=counts[:, columns])
        if sign is not None:
            maxima *= sign[:, None, :, None]
        return maxima, shares.by_training(sums), shares.by_training(counts)

    def _backward(
        self, filters: Tensor, sign: Tensor | None, shares: _Shares, of_maxima: Tensor
    ) -> Tensor:
        """Sum of the neighbourhoods of the maxima, times the gradient (F,B,f,100): (F,f,28)."""
        f = filters.shape[1]
        sums = torch.empty(28, f * shares.n_shares)
        for part in shares.parts:
            places, who = self.places[part.clip], part.who
            seen = self._windows(self._a(places, filters[who]), sign, who)
            grad = of_maxima[who, part.slot].permute(2, 0, 1).reshape(100, -1)
            # 1 where the maximum is; of equal ones, which have equal neighbourhoods, each a share
            there = seen.sub_(seen.amax(0)).sign_().add_(1)
            there *= grad / there.sum(0)
            columns = slice(f * part.first, f * (part.first + len(who)))
            torch.mm(places[:_POOLED].T, there.view(_POOLED, -1), out=sums[:, columns])
        return shares.by_training(sums).float()

    def _a(self, places: Tensor, filters: Tensor) -> Tensor:
        """relu(z) (959,K f) of one clip, in a place that the next clip takes."""
        flat = filters.reshape(-1, 28)
        a = self._room[: len(places) * len(flat)].view(len(places), len(flat))
        return torch.mm(places, flat.T, out=a).relu_()

    def _windows(self, a: Tensor, sign: Tensor | None, who: Tensor) -> Tensor:
        """What maxima are taken of, (9,100,K f)."""
        seen = a[:_POOLED].view(9, 100, -1)
        if sign is None:
            return seen  # the border is 0, which is the maximum only where all are 0
        border = self.border[:_POOLED].view(9, 100, 1)
        return (seen * sign[who].reshape(-1)).masked_fill(border, -torch.inf)

    def _heads(
        self,
        rows: Sequence[int],
        state: dict[str, Tensor],
        maxima: Tensor,
        norm: _Norm,
        targets: Sequence[Tensor],
    ) -> tuple[list[float], dict[str, Tensor]]:
        """Losses, and the gradients of scale, shift and the classifier; in place of each maximum
        its gradient, 0 where nothing passes the relu. One training at a time, for the cache."""
        told: list[float] = []
        grads: dict[str, list[Tensor]] = {name: [] for name in ("scale", "shift", *_LAST)}
        for i, row in enumerate(rows):
            training, peaks = self.weights.trainings[row], maxima[i, : len(targets[i])]
            gain = (norm.inverse[i] * norm.scale[i])[:, None]
            shown = torch.addcmul(
                norm.shift[i][:, None] - gain * norm.mean[i][:, None], gain, peaks
            )
            shown.requires_grad_()
            last = [state[name][i].requires_grad_() for name in _LAST]
            kept = shown * self._mask(training, len(shown))
            features = F.avg_pool2d(kept.view(len(shown), -1, 10, 10), 2).flatten(1)
            output = Output(F.linear(features, *last), features)
            task, model = training.clips.targets, training.model
            loss = task.loss(model, output, targets[i], training.weights)
            of_shown, *of_last = torch.autograd.grad(loss, [shown, *last])
            told.append(float(loss.detach()))
            of_shift = of_shown.sum((0, 2))
            of_scale = ((of_shown * peaks).sum((0, 2)) - norm.mean[i] * of_shift) * norm.inverse[i]
            for name, grad in zip(grads, [of_scale, of_shift, *of_last], strict=True):
                grads[name].append(grad)
            peaks.sign_().abs_().mul_(of_shown)
        return told, {name: torch.stack(each) for name, each in grads.items()}

    def _mask(self, training: Training, size: int) -> Tensor:
        """Dropout as the training alone draws it, stream by stream: (B,f,100)."""
        share = training.model.config.dropout
        if not share:
            return torch.ones(())
        asked = [Mask((size, n, 10, 10), (n * 100, 100, 10, 1), share) for n in self.filters]
        return torch.cat([mask.drawn(training.stream) for mask in asked], dim=1).flatten(2)

    def _filters(self, state: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """Filters with their bias (F,f,28), and scale and shift (F,f) of the normalisation."""
        each = [
            torch.cat([state[f"conv{i}.weight"].flatten(2), state[f"conv{i}.bias"][..., None]], 2)
            for i in _STREAMS
        ]
        scale = torch.cat([state[f"bn{i}.weight"] for i in _STREAMS], 1)
        shift = torch.cat([state[f"bn{i}.bias"] for i in _STREAMS], 1)
        return torch.cat(each, 1), scale, shift

    def _by_name(self, of_filters: Tensor, found: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The gradients as the network names its parameters."""
        grads = {name: found[name] for name in _LAST}
        first = 0
        for i, n in zip(_STREAMS, self.filters, strict=True):
            part = slice(first, first + n)
            grads[f"conv{i}.weight"] = of_filters[:, part, :27].reshape(-1, n, 3, 3, 3)
            grads[f"conv{i}.bias"] = of_filters[:, part, 27]
            grads[f"bn{i}.weight"] = found["scale"][:, part]
            grads[f"bn{i}.bias"] = found["shift"][:, part]
            first += n
        return grads

    def _keep_statistics(
        self, rows: Sequence[int], mean: Tensor, variance: Tensor, n: Tensor
    ) -> None:
        """Running mean and variance as ``nn.BatchNorm2d`` keeps them."""
        buffers = self.weights.buffers_of(rows)
        unbiased = variance * n / (n - 1)
        first = 0
        for i, width in zip(_STREAMS, self.filters, strict=True):
            part = slice(first, first + width)
            for name, now in (("mean", mean), ("var", unbiased)):
                buffers[f"bn{i}.running_{name}"].lerp_(now[:, part].float(), _MOMENTUM)
            buffers[f"bn{i}.num_batches_tracked"] += 1
            first += width
        self.weights.set_buffers(rows, buffers)

    def _places_of(self, trainings: Sequence[Training]) -> list[Tensor]:
        """Neighbourhoods (959,28) of every clip that is trained on; notes where each is."""
        places: list[Tensor] = []
        order = _order()
        self.border = order < 0
        for training in trainings:
            maps = training.clips.inputs(training.clips.fold.train, "fit")["flow_map"]
            for clip, image in zip(training.clips.fold.train, maps, strict=True):
                if clip not in self.clips:
                    self.clips[clip] = len(places)
                    places.append(_neighbourhoods(image, order))
        return places


@dataclass(frozen=True)
class _Norm:
    """Batch normalisation of a batch, (F,f) each; ``inverse``: 1 / standard deviation."""

    mean: Tensor
    inverse: Tensor
    scale: Tensor
    shift: Tensor


@dataclass(frozen=True)
class _Part:
    """A clip, some of the trainings that read it now (K), and its place in the batch of each;
    ``first``: the number of the first of these among all shares."""

    clip: int
    who: Tensor
    slot: Tensor
    first: int


class _Shares:
    """Which clips are in whose batch: all shares, clip by clip.

    Args:
        clips: numbers of the clips in each training's batch, which may differ in size.
    """

    def __init__(self, clips: Sequence[Sequence[int]]) -> None:
        self.n_trainings, self.sizes = len(clips), [len(batch) for batch in clips]
        self.n_shares = sum(self.sizes)
        flat = np.concatenate([np.asarray(batch) for batch in clips])
        order = np.argsort(flat, kind="stable")
        every_who = np.repeat(np.arange(self.n_trainings), self.sizes)
        every_slot = np.concatenate([np.arange(size) for size in self.sizes])
        who, slot = (torch.from_numpy(x[order]) for x in (every_who, every_slot))
        self._who = who
        starts = np.flatnonzero(np.diff(flat[order], prepend=-1)).tolist()
        self.parts: list[_Part] = []
        for start, stop in zip(starts, [*starts[1:], self.n_shares], strict=True):
            for first in range(start, stop, _AT_ONCE):
                some = slice(first, min(first + _AT_ONCE, stop))
                self.parts.append(_Part(int(flat[order[start]]), who[some], slot[some], first))

    def by_training(self, columns: Tensor) -> Tensor:
        """Sums (F,f,28) of what each share gave, (28, shares f); double precision from a few
        clips on, since a variance is a small difference of these."""
        each = columns.view(28, self.n_shares, -1)
        total = torch.zeros(28, self.n_trainings, each.shape[2], dtype=torch.float64)
        step = _FEW_CLIPS * self.n_trainings
        parts = torch.split(self._who, step), torch.split(each, step, dim=1)
        for who, some in zip(*parts, strict=True):
            total += torch.zeros(total.shape).index_add_(1, who, some)
        return total.permute(1, 2, 0)


def _order() -> Tensor:
    """Where each of the 959 places is in the 30x30 of the convolution, -1 beyond its border."""
    grid = torch.full((31, 31), -1)
    grid[1:, 1:] = torch.arange(_AREA).view(30, 30)
    windows = grid[:30, :30].reshape(10, 3, 10, 3).permute(1, 3, 0, 2).reshape(-1)
    unread = grid[1:, 1:].clone()
    unread[:29, :29] = -1
    return torch.cat([windows, unread[unread >= 0]])


def _neighbourhoods(image: Tensor, order: Tensor) -> Tensor:
    """Of a map (3,28,28): (959,28), the last column 1; zeros beyond the border."""
    columns = F.unfold(image[None].float(), 3, padding=2)[0].T
    columns = torch.cat([columns, torch.ones(_AREA, 1)], dim=1)
    return torch.where((order >= 0)[:, None], columns[order.clamp(min=0)], 0.0).contiguous()
