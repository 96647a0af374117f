"""A network learns from simulated clips: of their labels, or of what its teachers say of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim.lr_scheduler import OneCycleLR

from merkit.methods.bundled import CLASSES
from merkit.progress import Progress, silent
from merkit.samples.batch import Inputs
from merkit.teaching.config import FitConfig
from merkit.teaching.lessons import Lessons
from merkit.training.network import Network, Output

N_CLASSES = len(CLASSES)
#: the learning rate rises over this share of the steps
_RISE = 0.1
#: that the learning rate is planned over: a rise of one step is more than OneCycleLR can do
_LEAST_STEPS = 20


class Learner(Protocol):
    """What a network offers for learning from simulation, beside :class:`Network`: what of a clip
    it looks at, its answer to that, its mirror image, and it changed by what must not matter."""

    def levelled(self, inputs: Inputs) -> Tensor: ...
    def answer(self, seen: Tensor) -> Output: ...
    def mirrored(self, seen: Tensor) -> Tensor: ...
    def jittered(self, seen: Tensor, generator: torch.Generator) -> Tensor: ...


#: a batch, what of it is looked at, and the answer -> a loss
Loss = Callable[[Lessons, Tensor, Output], Tensor]


def fit(
    network: Network,
    lessons: Lessons,
    config: FitConfig,
    seed: int,
    loss: Loss | None = None,
    progress: Progress = silent,
    stage: str = "training",
) -> Network:
    """Train a network and give it the average of its weights.

    Args:
        network: one that is a :class:`Learner`.
        loss: by default that of the clips' labels.

    Returns:
        The average network, in evaluation mode.
    """
    score = loss or label_loss(lessons, config)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    planned = max(config.steps, _LEAST_STEPS)
    schedule = OneCycleLR(optimiser, config.learning_rate, total_steps=planned, pct_start=_RISE)
    average = copy.deepcopy(network)
    network.train()
    for step, (batch, seen) in enumerate(_batches(network, lessons, config, seed), start=1):
        value = score(batch, seen, _asked(network, seen))
        optimiser.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        _follow(average, network, min(config.average, step / (step + 10)))
        progress(stage, step, config.steps)
    return average.eval()


def label_loss(lessons: Lessons, config: FitConfig) -> Loss:
    """Cross-entropy of the classes, and of each side of each action unit. Where nothing moved there
    is nothing to tell classes by, so their shares among all lessons are what is right to say."""
    smooth, targets = config.label_smoothing, torch.eye(N_CLASSES)
    shares = torch.bincount(lessons.classes[lessons.moved], minlength=N_CLASSES).float()
    told = torch.cat([targets * (1 - smooth) + smooth / N_CLASSES, shares[None] / shares.sum()])

    def loss(batch: Lessons, seen: Tensor, output: Output) -> Tensor:
        classes = F.cross_entropy(output.logits, told[batch.classes])
        units = F.binary_cross_entropy_with_logits(output.aux["units"], batch.units)
        still = (~batch.moved).float()
        nothing = F.binary_cross_entropy_with_logits(output.aux["nothing"], still)
        return classes + config.unit_weight * units + config.nothing_weight * nothing

    return loss


def teacher_loss(
    of_classes: Sequence[Network], of_units: Sequence[Network], config: FitConfig
) -> Loss:
    """Distance from what teachers say in the mean (Hinton et al. 2015), of the same clips with the
    same changes: of the classes some, of action units and of nothing moving others."""

    def loss(batch: Lessons, seen: Tensor, output: Output) -> Tensor:
        with torch.no_grad():
            classes = _mean([_asked(one, seen).logits.softmax(-1) for one in of_classes])
            said = [_asked(one, seen).aux for one in of_units]
            units = _mean([aux["units"].sigmoid() for aux in said])
            still = _mean([aux["nothing"].sigmoid() for aux in said])
        value = F.cross_entropy(output.logits, classes)
        units_loss = F.binary_cross_entropy_with_logits(output.aux["units"], units)
        still_loss = F.binary_cross_entropy_with_logits(output.aux["nothing"], still)
        return value + config.unit_weight * units_loss + config.nothing_weight * still_loss

    return loss


def _mean(several: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(several)).mean(0)


def _asked(network: Network, seen: Tensor) -> Output:
    learner: Learner = network  # type: ignore[assignment]
    return learner.answer(seen)


def _batches(
    network: Network, lessons: Lessons, config: FitConfig, seed: int
) -> Iterator[tuple[Lessons, Tensor]]:
    """Clips drawn afresh at each step, as the network looks at them."""
    learner: Learner = network  # type: ignore[assignment]
    generator = torch.Generator().manual_seed(seed)
    for _ in range(config.steps):
        chosen = torch.randint(len(lessons), (config.batch_size,), generator=generator)
        batch = lessons[chosen]
        seen = learner.levelled(batch.inputs)
        if config.jitter:
            seen = learner.jittered(seen, generator)
            if torch.rand((), generator=generator) < 0.5:
                seen = learner.mirrored(seen)
                batch = Lessons(batch.inputs, batch.classes, batch.units.flip(-1))
        yield batch, seen


@torch.no_grad()
def _follow(average: Network, network: Network, decay: float) -> None:
    """One step of the moving average; statistics of batch norms are averaged alike."""
    for mean, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
        if mean.dtype.is_floating_point:
            mean.lerp_(now, 1 - decay)
        else:
            mean.copy_(now)
