"""The runs that DCSS's claims share: data sets, methods and settings at each scale."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from recluster.papers.claim import Bound, Cell, Claim
from recluster.papers.suite import AE, methods
from recluster.spec import SCALES, Config

Plans = dict[str, dict[str, dict[str, Config]]]

GREY = ("mnist", "fashion", "2mnist", "usps")
DATA = {"smoke": ("digits",), "laptop": ("mnist-test", "usps"), "paper": GREY}
RESNETS = ("resnet34", "resnet50", "resnet101", "resnet152")
COLOURED = {"stl10": "STL-10", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
ALL = (*GREY, *(f"{name}-resnet152" for name in COLOURED))

NEEDS = {
    name: f"needs {title}: pixels for most rows, ResNet-152 features for AE + k-means, DCSS_u and DCSS"
    for name, title in COLOURED.items()
} | {
    f"{name}-{net}": f"needs ResNet-{net.removeprefix('resnet')} features of {title}"
    for name, title in COLOURED.items()
    for net in RESNETS
}


def runs(scale: str) -> dict[str, Config]:
    """The suite's methods; at paper scale DCSS and its baseline have the network of Figure 12."""
    suite = methods(scale)
    if scale != "paper":
        return suite
    network = replace(AE["paper"], network="dcss-conv")
    own = ("AE + k-means", "DCSS_u", "DCSS")
    return suite | {row: replace(suite[row], start=network) for row in own}


RUNS = {scale: runs(scale) for scale in SCALES}


def plan(rows: Mapping[str, str], paper: Iterable[str] = GREY) -> Plans:
    """Row to the method that gives it; `paper` are the data sets of the paper scale."""
    return {
        scale: {
            name: {row: RUNS[scale][method] for row, method in rows.items()}
            for name in (paper if scale == "paper" else names)
        }
        for scale, names in DATA.items()
    }


def same(*rows: str) -> dict[str, str]:
    """Rows that bear their method's name."""
    return {row: row for row in rows}


Statement = tuple[str, str, str, float]
"""A row's words, and the metric, comparison and value that we read in them before any run."""


def stated(statements: Iterable[Statement], data: Iterable[str] = GREY) -> tuple[Cell, ...]:
    """A cell for each statement on each data set."""
    return tuple(
        Cell(row=row, dataset=name, metric=metric, bound=Bound(comparison=comparison, value=value))
        for row, metric, comparison, value in statements
        for name in data
    )


def checked(
    method: str, statements: Sequence[Statement], data: Sequence[str] = GREY, **heading: Any
) -> Claim:
    """Statements that one method's runs can check, where the data are at hand."""
    rows = {row: method for row, *_ in statements}
    return Claim(
        cells=stated(statements, data),
        plan=plan(rows, [name for name in data if name in GREY]),
        needs=NEEDS,
        **heading,
    )


COMPARED = same("k-means", "DEC", "IDEC", "DCN", "DKM", "VaDE", "AE + k-means", "DCSS_u", "DCSS")
