"""What equations cost, counted while they run: operations, the bytes that they hold, how both grow.

Nothing is timed. A matrix product (m, n) by (n, k) is 2mnk operations; anything else is one for each
element of the largest array that it reads or writes, and a view is none. Shapes alone decide, so that
the arrays that go in are full of zeros.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, UntypedStorage
from torch.utils._python_dispatch import TorchDispatchMode

from recluster.papers.claim import Bound, Calculated

PRODUCTS = {"aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm"}
CLOSE = Bound(comparison="<=", value=0.1)
"""How far a fitted exponent may be from the printed one; between two whole ones lies ten times that."""

Sizes = Mapping[str, int]
Equations = Callable[..., Callable[[], object]]
"""Sizes, as keywords, to what is counted; what is made before it is called is not."""


@dataclass(frozen=True)
class Cost:
    """Operations and the most bytes held at a time; or the powers with which these grow."""

    time: float
    space: float


class Counter(TorchDispatchMode):
    """Counts what happens inside its block, gradients too."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operations = 0
        self.held = 0  # bytes now
        self.most = 0  # bytes at a time

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False  # else torch imports its compiler, which takes longer than all that is counted

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Let the operation happen, and count it."""
        result = func(*args, **(kwargs or {}))
        read, written = list(_tensors([args, kwargs or {}])), list(_tensors(result))
        there = [one.untyped_storage() for one in read]
        new = [
            storage
            for storage in (one.untyped_storage() for one in written)
            if not any(storage is one for one in there)
        ]
        if new or func._schema.is_mutable:  # else it is a view
            if func._schema.name in PRODUCTS:
                self.operations += 2 * written[0].numel() * args[-2].shape[-1]
            else:
                self.operations += max(one.numel() for one in read + written)
        self._hold(new)
        return result

    def _hold(self, new: Sequence[UntypedStorage]) -> None:
        for storage in new:
            self.held += storage.nbytes()
            weakref.finalize(storage, self._release, storage.nbytes())
        self.most = max(self.most, self.held)

    def _release(self, size: int) -> None:
        self.held -= size


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple | dict):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _tensors(one)


def counted(equations: Callable[[], object]) -> Cost:
    """The cost of one call."""
    with Counter() as counter:
        equations()
    return Cost(counter.operations, counter.most)


def power(sizes: Sequence[float], amounts: Sequence[float]) -> float:
    """The exponent of a power law: the slope of a line through the logarithms."""
    return float(np.polyfit(np.log(sizes), np.log(amounts), 1)[0])


def along(base: Sizes, name: str, span: Sequence[int], **others: int) -> list[Sizes]:
    """The sizes along one variable, the others at their base or as given here."""
    return [{**base, **others, name: size} for size in span]


def growth(equations: Equations, ways: Mapping[str, Sequence[Sizes]]) -> dict[str, Cost]:
    """The powers with which the cost grows in each variable, along its way of sizes."""
    found = {}
    for name, way in ways.items():
        costs, span = [counted(equations(**sizes)) for sizes in way], [sizes[name] for sizes in way]
        found[name] = Cost(
            power(span, [one.time for one in costs]), power(span, [one.space for one in costs])
        )
    return found


def gap(printed: Mapping[str, int], found: Mapping[str, float]) -> Calculated:
    """The largest distance of a fitted exponent from the printed one."""
    told = (f"{name} {found[name]:.2f} (printed {exponent})" for name, exponent in printed.items())
    return Calculated(
        value=max(abs(found[name] - exponent) for name, exponent in printed.items()),
        evidence=f"fitted exponents: {', '.join(told)}".replace("-0.00", "0.00"),
    )
