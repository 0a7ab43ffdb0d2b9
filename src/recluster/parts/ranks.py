"""One run on several processes, one a device: of every batch each rank takes its share.

All ranks hold the same data and draw the same random numbers, so that a batch is the same for all of
them. What is a sum over the batch is summed over the ranks: gradients, by DistributedDataParallel, the
clusters' sizes and sums, the statistics of batch normalisation. So model and clustering stay equal on
all ranks, and equal those of one process but for the order of sums. In one process all of this is the
identity.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel

from recluster.parts.batch_norm import paired
from recluster.spec import InputError

_apart = False  # inside `alone`
_drawing: Share | None = None  # inside `Share.drawing`


def ranks() -> int:
    """How many processes do this run."""
    several = distributed.is_available() and distributed.is_initialized() and not _apart
    return distributed.get_world_size() if several else 1


def rank() -> int:
    """Which of them this one is."""
    return distributed.get_rank() if ranks() > 1 else 0


@contextmanager
def alone() -> Iterator[None]:
    """In here every rank computes the whole by itself: of a fingerprint all need the same digits."""
    global _apart
    before, _apart = _apart, True
    try:
        yield
    finally:
        _apart = before


def summed(value: Tensor) -> Tensor:
    """The sum over all ranks, without gradient."""
    if ranks() == 1:
        return value
    total = value.detach().clone()
    distributed.all_reduce(total)
    return total


class Share:
    """What this rank takes of a batch of row numbers (b,): `own`, at the places `part` of the batch."""

    def __init__(self, rows: Tensor) -> None:
        n, several, here = len(rows), ranks(), rank()
        self.rows = rows
        self.part = slice(n * here // several, n * (here + 1) // several)
        self.own = rows[self.part]

    def weighted(self, loss: Tensor) -> Tensor:
        """A mean over the own rows, such that the mean of all ranks' is that over the batch."""
        several = ranks()
        return loss if several == 1 else loss * (len(self.own) * several / len(self.rows))

    def whole(self, values: Tensor) -> Tensor:
        """Values (b, ...) of the whole batch from every rank's (own, ...), without gradient."""
        if ranks() == 1:
            return values
        batch = values.new_zeros(len(self.rows), *values.shape[1:])
        batch[self.part] = values.detach()
        distributed.all_reduce(batch)
        return batch

    @contextmanager
    def drawing(self) -> Iterator[None]:
        """In here `rand` draws for the whole batch and gives the own rows' numbers."""
        global _drawing
        _drawing = self
        try:
            yield
        finally:
            _drawing = None


def rand(x: Tensor) -> Tensor:
    """A number in [0, 1) for each row of x (b, ...), as (b,): the same whatever the number of ranks."""
    place: Any = {"device": x.device, "dtype": x.dtype}
    if _drawing is None or ranks() == 1:
        return torch.rand(len(x), **place)
    return torch.rand(len(_drawing.rows), **place)[_drawing.part]


def shares(batches: tuple[Tensor, ...], least: int = 1) -> list[Share]:
    """Each batch's share; a last batch with fewer than `least` rows a rank joins the one before.

    Raises:
        InputError: the batches themselves are smaller than that.
    """
    fewest = least * ranks()
    batches = paired(batches, fewest)
    if ranks() > 1 and len(batches[0]) < fewest:
        raise InputError(
            f"a batch must have {least} rows or more for each of {ranks()} processes, and has "
            f"{len(batches[0])}; take a larger batch_size, or fewer processes"
        )
    return [Share(rows) for rows in batches]


def together(module: nn.Module) -> nn.Module:
    """The module as it is to be called in training, with gradients and batch statistics of all ranks."""
    if ranks() == 1:
        return module
    for part in module.modules():
        if isinstance(part, _BatchNorm):
            part.__class__ = type(type(part).__name__, (OfAllRanks, type(part)), {})
    return DistributedDataParallel(module, broadcast_buffers=False)


class OfAllRanks(_BatchNorm):
    """Batch normalisation by the statistics of all ranks' rows; torch's own is for GPUs alone."""

    def forward(self, x: Tensor) -> Tensor:
        """The same as without ranks, x being the whole batch."""
        if not self.training or ranks() == 1:
            return super().forward(x)
        axes, shape = [axis for axis in range(x.dim()) if axis != 1], [1, -1, *[1] * (x.dim() - 2)]
        count = all_reduce(x.new_tensor(x.numel() / x.shape[1]))
        mean = all_reduce(x.sum(axes)) / count
        centred = x - mean.view(shape)
        variance = all_reduce(centred.square().sum(axes)) / count
        if self.running_mean is not None and self.running_var is not None:
            rate = 0.1 if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.detach(), rate)
            self.running_var.lerp_((variance * count / (count - 1)).detach(), rate)
        scale = self.weight * (variance + self.eps).rsqrt()
        normalised: Tensor = centred * scale.view(shape) + self.bias.view(shape)
        return normalised
