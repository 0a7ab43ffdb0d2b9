"""The runs that DCSS's claims share: data sets, methods and settings at each scale."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from recluster.methods import dcss
from recluster.papers.claim import Bound, Cell, Claim
from recluster.papers.suite import AE, methods
from recluster.spec import Config

Plans = dict[str, dict[str, dict[str, Config]]]

GREY = ("mnist", "fashion", "2mnist", "usps")
DATA = {"smoke": ("digits",), "laptop": ("mnist-test", "usps"), "paper": GREY}
RESNETS = ("resnet34", "resnet50", "resnet101", "resnet152")
COLOURED = {"stl10": "STL-10", "cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}
ALL = (*GREY, *(f"{name}-resnet152" for name in COLOURED))

COPY = "cifar10-jpeg"  # of CIFAR-10, which stands beside it wherever features are taken
OWN = ("AE + k-means", "DCSS_u", "DCSS")

NEEDS = {
    name: f"needs {title}; AE + k-means, DCSS_u and DCSS its ResNet-152 features, as in Table 2"
    for name, title in COLOURED.items()
} | {
    f"{name}-{net}": f"needs ResNet-{net.removeprefix('resnet')} features of {title}: "
    f"recluster data extract {name}-{net}"
    for name, title in (COLOURED | {COPY: "our copy of CIFAR-10"}).items()
    for net in RESNETS
}


@cache
def runs(scale: str, dataset: str = "") -> Mapping[str, Config]:
    """The suite's methods, at paper scale with the networks of Section 5 for the data set.

    DCSS and its baseline have the network of Figure 12 on grey images; on features and on coloured
    images all have an embedding of 20, and MNet is wider on CIFAR-100.
    """
    if scale != "paper":
        return methods(scale)
    if dataset.startswith((*COLOURED, COPY)):
        width = 1000 if dataset.startswith("cifar100") else 128
        suite = methods(scale, replace(AE[scale], embedding_size=20))
        return {
            row: replace(config, hidden_size=width) if isinstance(config, dcss.Config) else config
            for row, config in suite.items()
        }
    own = methods(scale, replace(AE[scale], network="dcss-conv"))
    return methods(scale) | {row: own[row] for row in OWN}


def plan(rows: Mapping[str, str], paper: Iterable[str] = GREY) -> Plans:
    """Row to the method that gives it; `paper` are the data sets of the paper scale.

    Where these have features of CIFAR-10, our copy's are run too.
    """
    plans: Plans = {}
    for scale, names in (DATA | {"paper": with_copy(paper)}).items():
        suites = {name: runs(scale, name) for name in names}
        plans[scale] = {
            name: {row: suite[method] for row, method in rows.items()} for name, suite in suites.items()
        }
    return plans


def with_copy(names: Iterable[str]) -> tuple[str, ...]:
    """The data sets, and after CIFAR-10, or features of it, the same of our copy."""
    pairs = (
        (name, name.replace("cifar10", COPY)) if name.partition("-")[0] == "cifar10" else (name,)
        for name in names
    )
    return tuple(name for pair in pairs for name in pair)


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
        plan=plan(rows, data),
        needs=NEEDS,
        **heading,
    )


COMPARED = same("k-means", "DEC", "IDEC", "DCN", "DKM", "VaDE", "AE + k-means", "DCSS_u", "DCSS")
