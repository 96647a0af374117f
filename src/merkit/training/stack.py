"""Many trainings of one network at once: the folds, and the seeds, of a run.

A small network spends its time on starting operations, not on arithmetic. So the weights of all
trainings lie in one tensor with a first axis F, and one operation serves all of them. What decides
a training (order of the clips, augmentation, schedule, early stopping, best epoch) is the loop's
own (:mod:`merkit.training.loop`); here are only the steps of the optimiser that it asks for.

Shapes: F trainings of a stack, B clips, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from merkit.errors import MerkitError
from merkit.training.loop import Batch, Fitted, Stack, Training


class Unstackable(MerkitError):
    """These trainings cannot be taken at once; each by itself they can."""


def train_together(
    trainings: Sequence[Training], stacked: Callable[[Sequence[Training]], Stack] | None = None
) -> list[Fitted]:
    """Every training to its end, in the order they came, as each would go by itself.

    Trainings of one epoch go together; one that has stopped leaves the stack.

    Args:
        stacked: makes the stack; None: the method does.

    Raises:
        Unstackable: before the first step.
    """
    stack = (stacked or trainings[0].method.stacked)(trainings)
    runs = [training.steps() for training in trainings]
    fitted: list[Fitted | None] = [None] * len(runs)
    asked: dict[int, Batch] = {}
    for i, steps in enumerate(runs):
        _go_on(i, steps, None, asked, fitted)
    place = {i: i for i in range(len(runs))}
    while asked:
        if len(asked) < len(place):
            stack.keep([place[i] for i in sorted(asked)])
            place = {i: row for row, i in enumerate(sorted(asked))}
        epoch = min(batch.epoch for batch in asked.values())
        now = [i for i in sorted(asked) if asked[i].epoch == epoch]
        losses = stack.step([place[i] for i in now], [asked[i] for i in now])
        for i, loss in zip(now, losses, strict=True):
            _go_on(i, runs[i], loss, asked, fitted)
    stack.keep([])
    return [one for one in fitted if one is not None]


def _go_on(
    i: int,
    steps: Generator[Batch, float | None, Fitted],
    loss: float | None,
    asked: dict[int, Batch],
    fitted: list[Fitted | None],
) -> None:
    """Let one training go on to the next batch that it asks for, or to its end."""
    try:
        asked[i] = steps.send(loss)
    except StopIteration as end:
        asked.pop(i, None)
        fitted[i] = end.value
