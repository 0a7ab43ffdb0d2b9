"""The runs of ULHE-DC's claims: its settings at each scale, and the models of its ablation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from recluster.methods import ulhe
from recluster.papers.suite import DATASETS, methods
from recluster.spec import SCALES, Config

PRINTED = DATASETS["paper"]
SUITE = {scale: methods(scale) for scale in SCALES}
FULL = {scale: cast(ulhe.Config, SUITE[scale]["ULHE-DC"]) for scale in SCALES}

SMALL = ("mnist-test", "usps")
"""Of the printed data sets those of ten thousand samples, on which a run takes minutes."""

Plans = dict[str, dict[str, dict[str, Config]]]


def plan(names: Mapping[str, str], **datasets: tuple[str, ...]) -> Plans:
    """Row to the name of its method, on every scale's data sets or those given for a scale."""
    return {
        scale: {data: {row: SUITE[scale][name] for row, name in names.items()} for data in sets}
        for scale, sets in (DATASETS | datasets).items()
    }


def weighted(scale: str, uniformity: float, compactness: float) -> Config:
    """ULHE-DC with these lambda_1 and lambda_2."""
    return replace(FULL[scale], uniformity_weight=uniformity, compactness_weight=compactness)


PRINTED_WEIGHTS = (FULL["paper"].uniformity_weight, FULL["paper"].compactness_weight)
MODELS = {
    "Model 1": (0.0, 0.0),
    "Model 2 (L_unif)": (PRINTED_WEIGHTS[0], 0.0),
    "Model 3 (L_cmpt)": (0.0, PRINTED_WEIGHTS[1]),
    "Model 4 (both)": PRINTED_WEIGHTS,
}
ABLATION: Plans = {
    scale: {
        data: {row: weighted(scale, *pair) for row, pair in MODELS.items()}
        for data in (("mnist", *SMALL) if scale == "paper" else DATASETS[scale])
    }
    for scale in SCALES
}
