"""A training step as one piece: on a GPU it is recorded as a CUDA graph and replayed, elsewhere called.

A step of a small network is a hundred short operations, and a GPU waits for the processor between any
two of them. A graph starts them all at once. The numbers are the same.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from recluster.parts.ranks import ranks

PLAIN = 3  # steps before one is recorded: until then optimisers and libraries make what they keep

Losses = dict[str, Tensor]


def captured(step: Callable[..., Losses]) -> Callable[..., Losses]:
    """The step, which on one GPU is recorded for every shape of `rows` and then replayed.

    It is called as `step(rows, **constants)` with row numbers (b,). All else that it reads or changes
    must stay where it is in memory and be changed in place; what else varies must be a constant. It may
    draw random numbers, and must not wait for a value. Its losses come without gradients, and hold until
    the next call.
    """
    captures = Captures(step)

    def called(rows: Tensor, **constants: Hashable) -> Losses:
        if rows.is_cuda and ranks() == 1:
            with torch.cuda.device(rows.device):
                losses = captures(rows, **constants)
        else:
            losses = step(rows, **constants)
        return {name: loss.detach() for name, loss in losses.items()}

    return called


@dataclass
class Captures:
    """The recordings of one step, for one set of constants at a time."""

    step: Callable[..., Losses]
    constants: dict[str, Hashable] = field(default_factory=dict)
    calls: Counter[int] = field(default_factory=Counter)
    recordings: dict[int, Recording] = field(default_factory=dict)
    plain: bool = False

    def __call__(self, rows: Tensor, **constants: Hashable) -> Losses:
        """Do the step: as recorded, or plainly as long as there is no recording."""
        if constants != self.constants:
            self.constants = constants
            self.calls.clear()
            self.recordings.clear()
        size = len(rows)
        self.calls[size] += 1
        if self.plain or self.calls[size] <= PLAIN:
            return aside(self.step, rows, **constants)
        if size not in self.recordings:
            try:
                with torch.cuda.stream(torch.cuda.current_stream()):  # a failure leaves another one
                    self.recordings[size] = Recording(self.step, rows, **constants)
            except torch.OutOfMemoryError:
                raise
            except RuntimeError as problem:
                self.plain = True
                cause = problem.__context__ or problem  # ending the recording fails too
                warnings.warn(f"no CUDA graph of this step; it runs plainly: {cause}", stacklevel=3)
                repair(rows)
                return aside(self.step, rows, **constants)
        return self.recordings[size](rows)


class Recording:
    """A step as a CUDA graph, with row numbers and losses in places of their own."""

    def __init__(self, step: Callable[..., Losses], rows: Tensor, **constants: Any) -> None:
        self.rows = rows.clone()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            losses = step(self.rows, **constants)
            self.losses = {name: loss.detach() for name, loss in losses.items()}

    def __call__(self, rows: Tensor) -> Losses:
        """Do the step for these rows."""
        self.rows.copy_(rows)
        self.graph.replay()
        return self.losses


def repair(rows: Tensor) -> None:
    """After a recording that failed, make one that does not.

    Only the end of one that does not fail makes torch's random numbers usable again.
    """
    with torch.cuda.graph(torch.cuda.CUDAGraph()):
        rows.clone()


def aside(step: Callable[..., Losses], rows: Tensor, **constants: Any) -> Losses:
    """Do the step plainly, on a stream that is not the default one, as recording asks of the first."""
    current, side = torch.cuda.current_stream(), torch.cuda.Stream()
    side.wait_stream(current)
    with torch.cuda.stream(side):
        losses = step(rows, **constants)
    current.wait_stream(side)
    return losses
