"""How a check reads what is printed: scores in percent, whatever unit a table has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from recluster.papers.claim import Cell, Claim
from recluster.papers.contradictions.entry import Claims
from recluster.spec import one_of

SCORES = ("acc", "nmi", "ari")


def score(cell: Cell) -> str:
    """The cell's metric; both averages of NMI are called nmi here, as the papers call them."""
    return cell.metric.removesuffix("_max")


def value(claim: Claim, cell: Cell) -> float:
    """The printed number, a score in percent."""
    factor = 100 / claim.unit if score(cell) in SCORES else 1.0
    return round(factor * (cell.printed or 0.0), 6)


def column(claims: Claims, name: str, dataset: str, metric: str) -> dict[str, float]:
    """Row to its printed value in one column; rows without a number are left out."""
    claim = claims[name]
    return {
        cell.row: value(claim, cell)
        for cell in claim.cells
        if (cell.dataset, score(cell)) == (dataset, metric) and cell.printed is not None
    }


def one(claims: Claims, name: str, row: str, dataset: str, metric: str) -> float:
    """One printed value; an `InputError` if the claim prints none there."""
    found = column(claims, name, dataset, metric)
    one_of(f"row of {name}, {dataset} {metric}", row, found)
    return found[row]


def pair(claims: Claims, name: str, row: str, dataset: str) -> tuple[float, float]:
    """ACC and NMI of a row, in percent."""
    return one(claims, name, row, dataset, "acc"), one(claims, name, row, dataset, "nmi")


def pairs(claims: Claims, name: str, dataset: str) -> dict[str, tuple[float, float]]:
    """ACC and NMI, in percent, of every row that has both."""
    acc, nmi = (column(claims, name, dataset, metric) for metric in ("acc", "nmi"))
    return {row: (acc[row], nmi[row]) for row in acc if row in nmi}


def marks(claims: Claims, name: str, metric: str) -> dict[str, str]:
    """Row to what stands in place of a number under a metric."""
    return {cell.row: cell.mark for cell in claims[name].cells if cell.metric == metric}


def datasets(claims: Claims, name: str) -> list[str]:
    """The claim's data sets, in the order of the page."""
    return list(dict.fromkeys(cell.dataset for cell in claims[name].cells))


def wrongly_second(claims: Claims, name: str) -> Iterator[tuple[Cell, float, str, float]]:
    """Cells marked second best that are not: the cell, its value, who is second, and with what."""
    claim = claims[name]
    for cell in claim.cells:
        if cell.mark == "underlined":
            here = column(claims, name, cell.dataset, score(cell))
            second = sorted(here, key=here.__getitem__, reverse=True)[1]
            if value(claim, cell) != here[second]:
                yield cell, value(claim, cell), second, here[second]


def above(rivals: Mapping[str, float], own: str, among: Iterable[str] | None = None) -> dict[str, float]:
    """The rows that exceed `own`, of those given or of all."""
    names = rivals if among is None else [row for row in among if row in rivals]
    return {row: rivals[row] for row in names if rivals[row] > rivals[own]}


def told(found: Mapping[str, float]) -> str:
    """Names and values as a list within a sentence."""
    return ", ".join(f"{name} {number:g}" for name, number in found.items()) or "none"


def both(values: tuple[float, float]) -> str:
    """ACC and NMI as the tables of the comparison print them."""
    return f"{values[0]:g} / {values[1]:g}"
