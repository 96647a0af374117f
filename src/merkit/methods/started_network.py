"""A network that begins by saying what a recogniser says, and learns what must be added.

Networks of different form share no weights, so the start is one of functions: the logits are those
of the recogniser plus those of the method's own network times a gain that is zero at first (as in
ReZero, Bachlechner et al. 2021, UAI).

Shapes: B clips, C classes of the run, K classes of the recogniser, E numbers it says of a clip.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from merkit.methods.bundled import Recogniser
from merkit.methods.losses import soft_cross_entropy
from merkit.samples.batch import Inputs
from merkit.training.network import Network, Output

if TYPE_CHECKING:
    from merkit.methods.base import Method

#: The gain is one number that all of the own network waits for, so it learns this much faster.
GAIN_RATE = 10.0


class StartedNetwork(Network):
    """logits = exp(a) log p placed by class name + W e + gain * own logits.

    p are the recogniser's class probabilities; e (B,E) is log p with its logits of action units and
    of no movement. a, W and the gain are zero at first: where the run has the recogniser's
    classes, in whatever order, the probabilities are then exactly its own; with others they are
    equal, and W learns what e says of them.

    Args:
        config: the method, whose ``training.init_rate`` is the share of the learning rate for the
            recogniser; at 0 it stays as it is.
        recogniser: where the start comes from; its batch norms keep their statistics.
        classes: names of the run's classes; () where the weights are read from a file anyway.
        own: the method's own network, or None where the recogniser is all there is.
    """

    place: Tensor

    def __init__(
        self,
        config: Method,
        n_classes: int,
        recogniser: Recogniser,
        classes: tuple[str, ...],
        own: Network | None,
    ) -> None:
        super().__init__(config, n_classes)
        self.recogniser = recogniser.network()
        self.own = own
        units = 2 * len(recogniser.units)
        self.says_units = bool(units)
        self.add = nn.Linear(len(recogniser.classes) + units + bool(units), n_classes)
        nn.init.zeros_(self.add.weight)
        nn.init.zeros_(self.add.bias)
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.gain = None if own is None else nn.Parameter(torch.zeros(()))
        self.register_buffer("place", _places(recogniser.classes, classes, n_classes))
        self.recogniser.requires_grad_(config.training.init_rate > 0)

    def forward(self, inputs: Inputs) -> Output:
        """Logits (B,C); features and aux are those of the own network, where there is one."""
        said = self.recogniser(inputs)
        log_p = said.logits.float().log_softmax(-1).to(self.place)
        logits = self.log_scale.exp() * (log_p @ self.place) + self.add(self._evidence(said, log_p))
        if self.own is None or self.gain is None:
            return Output(logits, said.features, said.aux)
        mine = self.own(inputs)
        return Output(logits + self.gain * mine.logits, mine.features, mine.aux)

    def loss(self, output: Output, targets: Tensor, class_weights: Tensor | None = None) -> Tensor:
        """That of the own network; cross-entropy without one."""
        if self.own is None:
            return soft_cross_entropy(output.logits, targets, class_weights)
        return self.own.loss(output, targets, class_weights)

    def unlabelled_loss(self, output: Output) -> Tensor:
        if self.own is None:
            return super().unlabelled_loss(output)
        return self.own.unlabelled_loss(output)

    def start_epoch(self, epoch: int) -> None:
        if self.own is not None:
            self.own.start_epoch(epoch)

    def rates(self) -> Mapping[str, float]:
        own = {} if self.own is None else self.own.rates()
        rates = {f"own.{name}": rate for name, rate in own.items()}
        return rates | {"recogniser.": self.config.training.init_rate, "gain": GAIN_RATE}

    def trainable_state(self) -> dict[str, Tensor]:
        """The recogniser's weights too, tuned or not, so that a model is whole without its file."""
        state = {n: t for n, t in self.state_dict().items() if not n.startswith("own.")}
        own = {} if self.own is None else self.own.trainable_state()
        return state | {f"own.{name}": tensor for name, tensor in own.items()}

    def train(self, mode: bool = True) -> Any:
        """The recogniser answers as it would if asked, whatever is tuned in it: no dropout, and its
        batch norms keep their statistics, since a few clips of a fold have poorer ones."""
        super().train(mode)
        self.recogniser.eval()
        return self

    def _evidence(self, said: Output, log_p: Tensor) -> Tensor:
        if not self.says_units:
            return log_p
        units, nothing = said.aux["units"].flatten(1), said.aux["nothing"][:, None]
        return torch.cat([log_p, units.to(log_p), nothing.to(log_p)], dim=1)


def _places(known: tuple[str, ...], classes: tuple[str, ...], n_classes: int) -> Tensor:
    """(K,C): 1 where a class of the run is the recogniser's; zeros unless all of them are."""
    place = torch.zeros(len(known), n_classes)
    if set(known) == set(classes):
        place[torch.arange(len(known)), [classes.index(name) for name in known]] = 1.0
    return place
