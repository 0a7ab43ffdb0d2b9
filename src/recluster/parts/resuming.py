"""Loops that can be broken off between two epochs and gone on with, in another process too.

A loop names what its epochs change, in `resumable`. That and the random stream is all there is between
two epochs: the rest comes about again when the method begins anew, and is then overwritten. Who iterates
over the run may keep it, and give it back to a fresh run, by `on_course`; nobody else notices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from torch import Tensor, nn
from torch.optim import Optimizer

from recluster.parts.randomness import set_stream, stream

T = TypeVar("T")
Changing = nn.Module | Optimizer | Tensor
State = dict[str, Any]
"""Of a run between two epochs: plain values and tensors, see `held`."""


@dataclass(kw_only=True)
class Course:
    """How one run goes through its loops.

    Attributes:
        between: told before every epoch how to get the state, and whether a loop begins.
        state: where to go on, until that place is reached; None to begin at the beginning.
        loops: how many have been begun.
    """

    between: Callable[[Callable[[], State], bool], None] = lambda state, begins: None
    state: State | None = None
    loops: int = 0


_course: ContextVar[Course | None] = ContextVar("course", default=None)


def resumable(epochs: range, *changing: Changing) -> Iterator[int]:
    """The numbers of the epochs that a loop has still to go through: all, unless the run goes on.

    `changing` is what outlives an epoch and is not the same after it: modules, their optimisers, and
    tensors, which the loop must change in place.
    """
    course = _course.get() or Course()
    course.loops += 1
    loop, done = course.loops, 0
    if course.state is not None:
        if loop < course.state["loop"]:
            return  # it was over
        done = course.state["done"]
        put_back(course.state, changing)
        course.state = None
    for number, epoch in enumerate(epochs[done:], done):
        course.between(partial(held, loop, number, changing), number == 0)
        yield epoch


def on_course(steps: Iterator[T], course: Course) -> Iterator[T]:
    """The same items, or those that are left, of a run whose loops take this course."""
    while True:
        token = _course.set(course)
        try:
            item = next(steps)
        except StopIteration:
            return
        finally:
            _course.reset(token)
        yield item


def held(loop: int, done: int, changing: tuple[Changing, ...]) -> State:
    """The state before an epoch: the loop's number from 1, its epochs so far, what changes, chance."""
    values = [one.clone() if isinstance(one, Tensor) else one.state_dict() for one in changing]
    return {"loop": loop, "done": done, "changing": values, "stream": stream()}


def put_back(state: State, changing: tuple[Changing, ...]) -> None:
    """Make all of it what it was in this state."""
    for one, value in zip(changing, state["changing"], strict=True):
        if isinstance(one, Tensor):
            one.resize_(value.shape).copy_(value)
        else:
            one.load_state_dict(value)
    set_stream(state["stream"])
