"""What a method holds while it trains grows with the samples by less than the samples do."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from test_laws import CASES, K, narrow
from torch import Tensor

from recluster.methods import kmeans
from recluster.papers.calculated.cost import Counter
from recluster.parts import batches
from recluster.run import train
from recluster.spec import Config

__all__ = ["narrow"]  # a fixture of ours too

BATCH = 32
OURS = {
    name: config for name, config in CASES.items() if config.method != "shallow"
}  # those are libraries'


def images(n: int) -> Tensor:
    """n images of 28 x 28 around K points."""
    x = 0.2 * torch.rand(n, 1, 28, 28)
    for cluster, centre in enumerate(torch.rand(K, 1, 28, 28)):
        x[cluster::K] += 0.8 * centre
    return x


def held(x: Tensor, config: Config) -> int:
    """The most bytes at a time, without those of the data."""
    with Counter() as counter:
        for _ in train(x, K, config, seed=0):
            pass
    return counter.most


@pytest.mark.parametrize("config", OURS.values(), ids=OURS.keys())
def test_no_method_needs_a_second_copy_of_the_data(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (batches, kmeans):
        monkeypatch.setattr(module, "EVALUATION_SIZE", BATCH)
    if hasattr(config, "batch_size"):
        config = replace(config, batch_size=BATCH)
    few, many = images(4 * BATCH), images(12 * BATCH)
    assert held(many, config) - held(few, config) <= many.nbytes - few.nbytes
