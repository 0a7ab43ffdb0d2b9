"""Rows of one table against one another: what a paper says of their order or their spread.

A statement such as "the rows hardly differ", "from best to worst" or "the first is worse" is a cell of
the table's claim. Its row is the statement, its metric what the rows are compared by, its bound the
inequality that we read in it, and `across` names the rows:

    Cell(
        row="the least is worst", dataset="usps", metric="acc",
        across=Across(how="margin", rows=("b", "c"), others=("a",)),
        bound=Bound(comparison=">", value=0),
    )

The rows are compared seed by seed, on one data set and at one scale, in the claim's unit; a seed that
one of them lacks is left out. The value is the mean over seeds, as in any other cell. Of two single rows
that is the difference of their means. The least or the greatest of several rows takes chance along:
among rows that are alike a spread is above zero, and a margin over several rows below. In the difference
of two spreads it cancels, if both are of as many rows and those vary alike.

A scale that plans all of the rows on a data set that is not printed has the statement there too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from recluster.spec import InputError, one_of


@dataclass(frozen=True, kw_only=True)
class Across:
    """How the values of several rows become the one that a bound is held against.

    Attributes:
        how: a name in `HOW`.
        rows: the rows compared; for "order" from the greatest to the least.
        others: rows that these are held against, as `how` says; two spreads may share a row.
    """

    how: str
    rows: tuple[str, ...]
    others: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        one_of("comparison of rows", self.how, HOW)
        least = 1 if self.how == "margin" else 2
        if len(self.rows) < least or (self.how == "margin") > bool(self.others):
            raise InputError(
                f"{self.how} compares {least} or more rows, and a margin them with others; got "
                f"{self.rows} and {self.others}"
            )
        if self.how == "order" and self.others:
            raise InputError(f"an order is of rows alone and knows no others, got {self.others}")
        if any(len({*rows}) < len(rows) for rows in (self.rows, self.others)):
            raise InputError(f"a row is compared with other rows, got one twice in {self.named}")

    @property
    def named(self) -> tuple[str, ...]:
        """All rows that must have been run."""
        return self.rows + self.others

    def of(self, values: Mapping[str, float]) -> float:
        """The comparison of the named rows' values."""
        ours, theirs = ([values[row] for row in rows] for rows in (self.rows, self.others))
        return HOW[self.how](ours, theirs)


def margin(values: Sequence[float], others: Sequence[float]) -> float:
    """By how much the least of the values exceeds the greatest of the others."""
    return min(values) - max(others)


def order(values: Sequence[float], others: Sequence[float]) -> float:
    """The least difference of a value and the next one: positive if they fall from first to last."""
    return min(value - following for value, following in pairwise(values))


def spread(values: Sequence[float], others: Sequence[float]) -> float:
    """Greatest less least; with others, by how much that exceeds the same of them."""
    return max(values) - min(values) - (max(others) - min(others) if others else 0.0)


HOW: Mapping[str, Callable[[Sequence[float], Sequence[float]], float]] = {
    "margin": margin,
    "order": order,
    "spread": spread,
}
