"""Mini-batches of data that already lie on the training device, and what is kept of them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from recluster.parts.ranks import summed

EVALUATION_SIZE = 2048


def shuffled(x: Tensor, size: int) -> tuple[Tensor, ...]:
    """Row numbers of x in a new random order, `size` at a time; the last batch may be smaller."""
    order = torch.randperm(len(x), device=x.device)
    return torch.split(order, size)


def in_batches(function: Callable[[Tensor], Tensor], x: Tensor, *modules: nn.Module) -> Tensor:
    """`function` over all rows of x without gradients, the `modules` in evaluation mode.

    The result lies in one piece from the beginning. Parts that are kept until they are joined would lie
    between what `function` takes and gives back, and let memory grow several times as fast as x.
    """
    size = EVALUATION_SIZE
    with torch.no_grad(), evaluating(*modules):
        first = function(x[:size])
        found = first.new_empty(len(x), *first.shape[1:])
        found[:size] = first
        for at in range(size, len(x), size):
            found[at : at + size] = function(x[at : at + size])
    return found


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Put modules into evaluation mode and back: only batch normalisation knows the difference."""
    modes = [module.training for module in modules]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for module, mode in zip(modules, modes, strict=True):
            module.train(mode)


class Means:
    """Means over an epoch, weighted by batch size and kept on the device: nothing waits for it."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor] = {}
        self.count = 0

    def add(self, values: Mapping[str, Tensor], size: int) -> None:
        """Take in the batch's mean values, each a 0-dimensional tensor."""
        for name, value in values.items():
            total = value.detach() * size
            self.totals[name] = self.totals[name] + total if name in self.totals else total
        self.count += size

    def take(self) -> dict[str, Tensor]:
        """The means of all that was added since the last call."""
        sums = {name: summed(total) for name, total in self.totals.items()}
        means = {name: total / summed(total.new_tensor(self.count)) for name, total in sums.items()}
        self.totals, self.count = {}, 0
        return means


def adam(
    parameters: Iterator[nn.Parameter], learning_rate: float, stability: float = 1e-8
) -> torch.optim.Adam:
    """Adam in the implementation that touches memory once, and as part of a CUDA graph on a GPU."""
    own = list(parameters)
    return torch.optim.Adam(own, learning_rate, eps=stability, fused=True, capturable=own[0].is_cuda)
