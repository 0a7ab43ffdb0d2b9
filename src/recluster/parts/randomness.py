"""The random stream of a run: seeded in one place, and swapped so that nobody who watches alters it.

Weight initialisation draws from torch's global stream, which a `torch.Generator` does not reach. A run
therefore owns the global stream while it computes, and gives it back at every step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

T = TypeVar("T")
State = tuple[Tensor, list[Tensor]]


def stream() -> State:
    """Where torch's global stream is now: on the CPU, and on every GPU if one is in use."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return torch.get_rng_state(), cuda


def set_stream(state: State) -> None:
    """Let the global stream go on from there."""
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch inside the block; the stream outside goes on as if nothing had been drawn."""
    outside = stream()
    torch.manual_seed(seed)
    try:
        yield
    finally:
        set_stream(outside)


def isolated(steps: Iterator[T], seed: int) -> Iterator[T]:
    """The same items, computed on a stream of their own that starts at `seed`."""
    own: State | None = None
    while True:
        outside = stream()
        if own is None:
            torch.manual_seed(seed)
        else:
            set_stream(own)
        try:
            item = next(steps)
        except StopIteration:
            return
        finally:
            own = stream()
            set_stream(outside)
        yield item
