"""The matrix products that `benchmarks/step.py` holds against a training step are those of the step."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from torch.utils.flop_counter import FlopCounterMode

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import step

SMALL = 0.01  # of the multiplications: those with centroids, which the comparison leaves out


@pytest.mark.parametrize("name", step.CASES)
def test_a_step_multiplies_as_often_as_the_products_beside_it(name: str) -> None:
    case = step.CASES[name]
    case = replace(case, config=replace(case.config, batch_size=32), steps=2)
    counts = []
    for begun in (step.of_ours, step.of_products):
        epoch = begun(case, "cpu")
        epoch()  # what a run does before its first epoch
        with FlopCounterMode(display=False) as counter:
            epoch()
        counts.append(counter.get_total_flops())
    ours, needed = counts
    assert needed > 0
    assert 0 <= ours - needed <= SMALL * needed


def test_a_step_is_named_beside_its_products(capsys: pytest.CaptureFixture[str]) -> None:
    step.compared("acai", "cpu", repeats=1)
    ours, products = (line.split() for line in capsys.readouterr().out.splitlines())
    assert ours[:3] == ["acai", "training", "step"]
    assert products[:3] == ["acai", "matrix", "products"]
    assert float(products[-3]) == pytest.approx(float(ours[3]) / float(products[3]), abs=0.01)
