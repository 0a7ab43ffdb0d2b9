"""What a method holds beside the data while it trains grows no faster than they do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from test_laws import CASES, K, images, narrow
from torch import Tensor

from recluster.methods import kmeans
from recluster.papers.calculated.cost import Counter
from recluster.parts import batches
from recluster.spec import Config
from recluster.train import train

__all__ = ["narrow"]  # a fixture of ours too

BATCH = 32
OURS = {name: config for name, config in CASES.items() if config.method != "shallow"}


def held(x: Tensor, config: Config) -> int:
    """The most bytes of tensors at a time, the data and the arrays of libraries not counted."""
    with Counter() as counter:
        for _ in train(x, K, config, seed=0):
            pass
    return counter.most


@pytest.mark.parametrize("config", OURS.values(), ids=OURS.keys())
def test_no_method_holds_more_than_a_copy_of_the_data(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (batches, kmeans):
        monkeypatch.setattr(module, "EVALUATION_SIZE", BATCH)
    if hasattr(config, "batch_size"):
        config = replace(config, batch_size=BATCH)
    few, many = images(4 * BATCH), images(12 * BATCH)
    assert held(many, config) - held(few, config) <= many.nbytes - few.nbytes
