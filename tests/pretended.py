"""A GPU that is not there: tensors that say they lie on one, and are computed on the CPU.

It finds, on any machine, what would break on a GPU or make it wait: an operation on tensors of both
places, and every time that the processor asks for a value. Random numbers are the CPU's, so that a run
gives the same bits here and there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import (
    TorchDispatchMode,
    _disable_current_modes,
    return_and_correct_aliasing,
)
from torch.utils._pytree import tree_flatten, tree_map

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)
NAME, PEAK = "a pretended GPU", 8e6
aten = torch.ops.aten

# The shape of their result, or the result itself, is known only from values on the device.
BY_VALUE = {
    *(aten.nonzero, aten.masked_select, aten._unique2, aten.unique_dim, aten.unique_consecutive),
    *(aten._local_scalar_dense, aten.equal, aten.repeat_interleave, aten.bincount),
}
UNSAID = {"running_mean", "running_var"}  # changed by an operation whose signature does not say so
INDEXING = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


class OnGPU(Tensor):
    """A tensor on the pretended GPU, and in `held` the one on the CPU that has its values."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> OnGPU:
        self = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device="meta",  # whose machinery needs no driver
            requires_grad=held.requires_grad,
        )
        self.held = held.detach()
        return self

    __torch_function__ = torch._C._disabled_torch_function_impl

    @property
    def device(self) -> torch.device:
        return GPU

    @property
    def is_cuda(self) -> bool:
        return True

    def new_tensor(self, data: Any, **kwargs: Any) -> Tensor:
        return torch.tensor(data, **{"dtype": self.dtype, "device": GPU, **kwargs})

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.held.__reduce_ex__(protocol)

    def __repr__(self, **kwargs: Any) -> str:
        return f"OnGPU({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise RuntimeError(f"{func} of a tensor on the pretended GPU, outside `pretended`")


class PretendedGPU(TorchDispatchMode):
    """Inside it the GPU is there; `waits` counts what the processor waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.recording: Graph | None = None
        self.failed = False  # whether the last recording was broken off
        self.replays = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = [one for one in tree_flatten((args, kwargs))[0] if isinstance(one, Tensor)]
        there = any(isinstance(one, OnGPU) for one in tensors)
        asked = kwargs.get("device")
        on_gpu = there if asked is None else torch.device(asked).type != "cpu"
        if asked is not None:
            kwargs = kwargs | {"device": CPU}
        self.examine(func, args, tensors, on_gpu)
        if on_gpu and self.failed and torch.Tag.nondeterministic_seeded in func.tags:
            raise RuntimeError(f"{func} after a recording that failed")
        real = tree_map(held, (args, kwargs))
        if self.recording is not None:
            self.recording.keep(func, *real)
        found = func(*real[0], **real[1])
        if self.recording is not None:
            self.recording.operations.append((func, *real, found))
        if not on_gpu:
            return found
        wrapped = tree_map(lambda one: OnGPU(one) if isinstance(one, Tensor) else one, found)
        return return_and_correct_aliasing(func, args, kwargs, wrapped) if there else wrapped

    def examine(self, func: Any, args: Any, tensors: list[Tensor], on_gpu: bool) -> None:
        """Count it if the processor waits for it.

        Raises:
            RuntimeError: tensors of both places; a number of the CPU's may join those of the GPU.
        """
        packet = func.overloadpacket
        there = [isinstance(one, OnGPU) for one in tensors]
        if packet is aten._to_copy:
            self.wait(func, there[0] != on_gpu)
            return
        if packet is aten.copy_:
            self.wait(func, there[0] != there[1])
            return
        if not any(there):
            return
        strangers = [tuple(t.shape) for t, on in zip(tensors, there, strict=True) if not on and t.dim()]
        if strangers:
            raise RuntimeError(f"{func} of tensors on the GPU and of {strangers} on the CPU")
        masked = packet in INDEXING and any(
            isinstance(one, Tensor) and one.dtype in (torch.bool, torch.uint8) for one in args[1]
        )
        self.wait(func, masked or packet in BY_VALUE)

    def wait(self, func: Any, waits: bool) -> None:
        """Count it, if it `waits`; while a graph is recorded it cannot."""
        if waits and self.recording is not None:
            raise RuntimeError(f"{func} waits for the GPU while a graph is recorded")
        if waits:
            self.waits[str(func)] += 1


class Graph:
    """A CUDA graph: operations that are recorded without effect, and done again on the same memory."""

    def __init__(self, gpu: PretendedGPU) -> None:
        self.gpu = gpu
        self.operations: list[tuple[Any, Any, Any, Any]] = []
        self.before: dict[int, tuple[Tensor, Tensor]] = {}

    def keep(self, func: Any, args: Any, kwargs: Any) -> None:
        """Remember what the operation is about to change."""
        for number, argument in enumerate(func._schema.arguments):
            changes = argument.alias_info is not None and argument.alias_info.is_write
            if not changes and argument.name not in UNSAID:
                continue
            changed = args[number] if number < len(args) else kwargs.get(argument.name)
            for one in tree_flatten(changed)[0]:
                if isinstance(one, Tensor):
                    whole = one.untyped_storage()
                    self.before.setdefault(whole.data_ptr(), (whole, whole.clone()))

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record what is done inside, and undo it.

        One that fails cannot be ended either, and as long as none succeeds there are no random numbers.
        """
        stream = torch.get_rng_state()
        self.gpu.recording, self.gpu.failed = self, False
        try:
            yield
        except RuntimeError:
            self.gpu.failed = True
            raise RuntimeError("operation failed due to a previous error during capture")  # noqa: B904
        finally:
            self.gpu.recording = None
            for whole, values in self.before.values():
                whole.copy_(values)
            torch.set_rng_state(stream)

    def replay(self) -> None:
        """Do all of it, each result where it was when it was recorded."""
        self.gpu.replays += 1
        with _disable_current_modes():
            for func, args, kwargs, results in self.operations:
                again = func(*args, **kwargs)
                for old, new in zip(tree_flatten(results)[0], tree_flatten(again)[0], strict=True):
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


def held(one: Any) -> Any:
    """The tensor on the CPU that stands for one on the pretended GPU; anything else as it is."""
    return one.held if isinstance(one, OnGPU) else one


PRETENCES: dict[str, Any] = {
    "_lazy_init": lambda: None,
    "graph": lambda graph: graph.recorded(),
    "Stream": MagicMock,
    "current_stream": MagicMock,
    "stream": nullcontext,
    "device": nullcontext,
    "get_device_capability": lambda device: (9, 0),
    "get_device_name": lambda: NAME,
    "max_memory_allocated": lambda: PEAK,
    "reset_peak_memory_stats": lambda: None,
}


@contextmanager
def pretended() -> Iterator[PretendedGPU]:
    """Inside it `device="cuda"` is the pretended GPU."""
    torch._C._ensureCUDADeviceGuardSet()
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # new tensors come into being on the CPU, and are moved
    try:
        with pytest.MonkeyPatch.context() as patch, PretendedGPU() as gpu:
            for name, pretence in {**PRETENCES, "CUDAGraph": lambda: Graph(gpu)}.items():
                patch.setattr(torch.cuda, name, pretence)
            yield gpu
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
