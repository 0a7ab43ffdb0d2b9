"""The runs of DynAE's claims: its settings at each scale, and the rows that statements ask for."""

from collections.abc import Iterable, Mapping

from recluster.papers.suite import DATASETS, methods
from recluster.spec import SCALES, Config

PRINTED = DATASETS["paper"]
SUITE: Mapping[str, Mapping[str, Config]] = {scale: methods(scale) for scale in SCALES}

Plans = dict[str, dict[str, dict[str, Config]]]


def plan(names: Mapping[str, str], paper: tuple[str, ...] = PRINTED) -> Plans:
    """Row to the name of its method, on every scale's data sets; those of the paper can be fewer."""
    return {
        scale: {
            data: {row: SUITE[scale][name] for row, name in names.items()}
            for data in (paper if scale == "paper" else datasets)
        }
        for scale, datasets in DATASETS.items()
    }


def same(*rows: str) -> dict[str, str]:
    """Rows that the table names as we do."""
    return dict(zip(rows, rows, strict=True))


def stated(rows: Iterable[str]) -> Plans:
    """DynAE's runs under each of these rows: a statement is a row."""
    return plan(dict.fromkeys(rows, "DynAE"))


def on_mnist_test(plans: Plans) -> Plans:
    """The same but for the laptop scale, where only MNIST-test is watched in training."""
    return plans | {"laptop": {"mnist-test": plans["laptop"]["mnist-test"]}}


def joined(first: Plans, second: Plans) -> Plans:
    """The rows of both."""
    return {
        scale: {data: rows | second[scale].get(data, {}) for data, rows in sets.items()}
        for scale, sets in first.items()
    }
