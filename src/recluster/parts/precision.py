"""How exactly a method computes: the bits of its products and convolutions, and no subnormal numbers.

Inputs, sums and everything else stay float32. Whoever watches between two steps has full products again,
and subnormal numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeVar

import torch

from recluster.spec import InputError, one_of

T = TypeVar("T")

FULL = "float32"
PRECISIONS = {FULL: "ieee", "bfloat16": "bf16", "tf32": "tf32"}
"""Our word to torch's."""


def check_precision(precision: str, device: str) -> None:
    """Raise `InputError` unless the device forms products so."""
    one_of("precision", precision, PRECISIONS)
    kind = device.partition(":")[0]
    fewer: dict[str, bool] = {}
    if kind == "cuda":
        fewer["tf32"] = torch.cuda.get_device_capability(device) >= (8, 0)
    elif kind == "cpu":
        fewer["bfloat16"] = rounds_to_bfloat16()
    if precision != FULL and not fewer.get(precision):
        offered = ", ".join([FULL, *(name for name, there in fewer.items() if there)])
        raise InputError(f"{device} here forms no products in {precision}; it offers {offered}")


@cache
def rounds_to_bfloat16() -> bool:
    """Whether products here really have fewer bits if asked to: some processors take them as they are.

    A factor of 1 + 2^-12 needs more bits than bfloat16 has, and becomes 1.
    """
    factor = torch.full((256, 256), 1 + 2**-12)
    with _products(PRECISIONS["bfloat16"]):
        return bool((factor @ torch.ones(256, 256) == 256).all())


def computed_in(precision: str, steps: Iterator[T]) -> Iterator[T]:
    """The same items, each computed with products of this precision and subnormal numbers as zero."""
    while True:
        with _products(PRECISIONS[precision]), _without_subnormals():
            try:
                item = next(steps)
            except StopIteration:
                return
        yield item


@contextmanager
def _products(word: str) -> Iterator[None]:
    backends = _backends(word)
    before = [backend.fp32_precision for backend in backends]
    try:
        for backend in backends:
            backend.fp32_precision = word
        yield
    finally:
        for backend, old in zip(backends, before, strict=True):
            backend.fp32_precision = old


@contextmanager
def _without_subnormals() -> Iterator[None]:
    """Numbers smaller than the smallest normal one, 1e-38 in float32, count as zero inside the block.

    The momentum of a weight that gets no gradient any more decays to them and stays there. No weight
    feels that, but a processor takes a hundred times as long over each.
    """
    half = torch.tensor(torch.finfo(torch.float32).tiny) / 2
    before = bool(half == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _backends(word: str) -> list[Any]:
    """What the word is for: full products need saying on the GPU, whose convolutions begin with TF32."""
    library: Any = torch.backends  # its own types lack the processor's
    on_cpu = [library.mkldnn.matmul, library.mkldnn.conv]
    on_gpu = [library.cuda.matmul, library.cudnn.conv]
    return {"bf16": on_cpu, "tf32": on_gpu}.get(word, on_cpu + on_gpu)
