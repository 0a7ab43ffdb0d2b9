"""The most memory that a method holds, beside what it cannot do without.

    python benchmarks/memory.py [METHOD...] [--samples 16384]

Every method trains two epochs on random images of 28 x 28, with the k-means of a GPU, while the bytes of
all arrays are counted as they come and go: no measurement of a machine, so the same on all. The limit is
twice the data, the weights, what the optimiser keeps and what one batch leaves for the backward pass.
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from math import ceil
from unittest.mock import patch

import torch
from scaling import BATCH, CASES
from torch import Tensor
from torch.optim.optimizer import Optimizer, register_optimizer_step_post_hook

from recluster.methods import METHODS
from recluster.papers.calculated.cost import Counter
from recluster.parts import lloyd
from recluster.train import train

FACTOR = 2
K, SIDE = 10, 28


class Needed:
    """The largest sizes seen, in bytes: of weights, optimisers and activations of one step."""

    def __init__(self) -> None:
        self.kept: dict[int, int] = {}
        self.weights: dict[int, int] = {}
        self.step: dict[int, int] = {}
        self.activations = 0

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(self.kept.values()) + sum(self.weights.values()) + self.activations

    def saved(self, tensor: Tensor) -> Tensor:
        """Autograd keeps this for the backward pass."""
        self.step[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    def stepped(self, optimiser: Optimizer, *rest: object) -> None:
        """An optimiser has made a step: its weights and what it keeps are known, a batch is over."""
        for group in optimiser.param_groups:
            for weight in group["params"]:
                self.weights[weight.data_ptr()] = weight.nbytes
                self.step.pop(weight.untyped_storage().data_ptr(), None)
                for value in optimiser.state[weight].values():
                    if isinstance(value, Tensor):
                        self.kept[value.data_ptr()] = value.nbytes
        self.activations = max(self.activations, sum(self.step.values()))
        self.step.clear()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Inside it what training needs is seen."""
        hook = register_optimizer_step_post_hook(self.stepped)
        with torch.autograd.graph.saved_tensors_hooks(self.saved, lambda tensor: tensor):
            yield
        hook.remove()


def measured(name: str, samples: int) -> tuple[float, float]:
    """The most bytes held, and those needed, both in 10^6."""
    config = CASES[name](ceil(samples / BATCH))
    x = torch.rand(samples, 1, SIDE, SIDE)
    weights = config.start.autoencoder(x.shape[1:]).state_dict() if config.start else None
    needed = Needed()
    with Counter() as counter, needed.watching():
        for _ in islice(train(x, K, config, seed=0, start=weights), 2):
            pass
    return (x.nbytes + counter.most) / 1e6, (x.nbytes + needed.bytes) / 1e6


def on_device(z: Tensor, k: int, restarts: int = 20) -> tuple[Tensor, Tensor]:
    return lloyd.lloyd(z.detach(), k, restarts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", help="some of: " + ", ".join(CASES))
    parser.add_argument("--samples", type=int, default=16_384)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'':10}{'held, MB':>10}{'needed, MB':>12}{'ratio':>8}   limit {FACTOR}")
    for name in given.methods or CASES:
        module = METHODS[CASES[name](1).method].fit.__globals__
        with patch.dict(module, {"kmeans": on_device} if "kmeans" in module else {}):
            held, needed = measured(name, given.samples)
        print(f"{name:10}{held:10.0f}{needed:12.0f}{held / needed:8.2f}", flush=True)


if __name__ == "__main__":
    main()
