"""What a paper prints, as data: claims, their cells as on the page, and the runs they need."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from recluster.papers.across import Across
from recluster.spec import SCALES, Config, InputError, Run, check_scale

SEEDS = MappingProxyType({"smoke": 1, "laptop": 3, "paper": 5})
NOWHERE = "in no paper"
"""Where a claim of ours stands: a comparison, or the search for a cause."""
COMPARISONS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}

Plan = Mapping[str, Mapping[str, Config]]
"""Data set to (row to config): the runs of one scale."""


@dataclass(frozen=True, kw_only=True)
class Bound:
    """A statement in words, as the inequality that we read in it before any run."""

    comparison: str
    value: float

    def holds(self, obtained: float) -> bool:
        """Whether the obtained value satisfies the bound."""
        return bool(COMPARISONS[self.comparison](obtained, self.value))

    def __str__(self) -> str:
        return f"{self.comparison} {self.value:g}"


@dataclass(frozen=True, kw_only=True)
class Calculated:
    """What a calculation finds: the value for its cell's bound, and what shows how it came about."""

    value: float
    evidence: str = ""


Calculation = Callable[[], Calculated]
"""A pure function of nothing: no data, no labels, no record, no draw from the global random stream."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One printed value, or one printed statement.

    Attributes:
        row: the method, or whatever heads the row, as printed; or a statement on several rows.
        dataset: `load_dataset`'s name for the data, or a name of ours for data that it does not have.
        metric: what is measured, a name in `recluster.report.measures`.
        variant: hyper-parameters, or other headings, where the table varies them.
        printed: the number as printed; None where there is none, or where our text lost it.
        printed_std: the printed deviation.
        places: how many decimals the number is printed with.
        mark: bold, underlined, or what is printed in place of a number.
        lost: whether our copy of the paper's text lost the value.
        bound: the inequality that a printed statement makes.
        across: the rows of this claim that the statement compares, see `recluster.papers.across`.
        chose: whether it helped to choose our settings, so that no run of ours tests it.
    """

    row: str
    dataset: str
    metric: str
    variant: Mapping[str, Any] = field(default_factory=dict)
    printed: float | None = None
    printed_std: float | None = None
    places: int = 0
    mark: str = ""
    lost: bool = False
    bound: Bound | None = None
    across: Across | None = None
    chose: bool = False

    @property
    def rows(self) -> tuple[str, ...]:
        """The rows whose runs give the value."""
        return (self.row,) if self.across is None else self.across.named


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A table, a figure or a statement, with the runs that can check it.

    Attributes:
        id: paper and name, as in "pcx.table6".
        title: the caption, in our words.
        where: table or figure, and its section or page.
        cells: everything printed, in the order of the page.
        plan: scale to data set to row to config; a row without a config anywhere is quoted.
        within: how far from the printed number still agrees, in the table's unit; set before running.
        unit: factor from our fractions to the printed unit: 100 for percent.
        needs: row or data set to what is missing before it can be run.
        computed: (row, metric) to a calculation that checks its cell's bound: no run, and no scale.
        drawing: for a figure, its drawer in `recluster.report.figure`.
        note: what a reader must know of the printed numbers.
    """

    id: str
    title: str
    where: str
    cells: tuple[Cell, ...]
    plan: Mapping[str, Plan] = field(default_factory=dict)
    within: float = 2.0
    unit: float = 100.0
    needs: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[tuple[str, str], Calculation] = field(default_factory=dict)
    drawing: str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        for scale in self.plan:
            check_scale(scale)
        stated = {(cell.row, cell.metric) for cell in self.cells if cell.bound}
        if missing := self.computed.keys() - stated:
            raise InputError(f"{self.id}: a calculation needs a cell with a bound, not {missing}")
        if unbounded := [cell.row for cell in self.cells if cell.across and not cell.bound]:
            raise InputError(f"{self.id}: a comparison of rows needs a bound, not {unbounded}")

    @property
    def paper(self) -> str:
        """The paper's short name."""
        return self.id.partition(".")[0]

    @property
    def ours(self) -> bool:
        """Whether no paper makes it."""
        return self.where == NOWHERE

    def planned(self, scale: str) -> Iterator[tuple[str, str, Config]]:
        """(row, data set, config) of everything that the scale runs."""
        check_scale(scale)
        for dataset, rows in self.plan.get(scale, {}).items():
            for row, config in rows.items():
                yield row, dataset, config

    def runs(self, scale: str, seeds: int | None = None) -> list[Run]:
        """All runs of the scale, seed by seed so that early results cover every row."""
        check_scale(scale)
        count = SEEDS[scale] if seeds is None else seeds
        if count < 1:
            raise InputError(f"the number of seeds must be 1 or more, got {count}")
        runs = [
            Run(config=config, dataset=dataset, seed=seed, scale=scale)
            for seed in range(count)
            for _, dataset, config in self.planned(scale)
        ]
        return list({run.key: run for run in runs}.values())

    def own_rows(self) -> set[str]:
        """The rows that a run of ours produces at some scale."""
        return {row for scale in SCALES for row, _, _ in self.planned(scale)}

    def stand_ins(self, scale: str) -> list[Cell]:
        """Cells without a printed value: the scale's runs on data sets that the paper does not have.

        A comparison of rows follows where the scale runs all of them.
        """
        printed = {(cell.row, cell.dataset) for cell in self.cells}
        shapes = {
            (cell.metric, tuple(cell.variant.items()), cell.bound, cell.chose) for cell in self.cells
        }
        ordered = sorted(shapes, key=lambda shape: self._first(shape[0], dict(shape[1])))
        return [
            Cell(
                row=row, dataset=dataset, metric=metric, variant=dict(variant), bound=bound, chose=chose
            )
            for row, dataset, _ in self.planned(scale)
            if (row, dataset) not in printed
            for metric, variant, bound, chose in ordered
            if any(
                (c.row, c.metric, dict(c.variant)) == (row, metric, dict(variant))
                and (c.bound, c.chose) == (bound, chose)
                for c in self.cells
            )
        ] + self._compared(scale, printed)

    def _compared(self, scale: str, printed: Container[tuple[str, str]]) -> list[Cell]:
        """The comparisons of rows that the scale runs, on data sets where they are not printed."""
        found: list[Cell] = []
        for cell in self.cells:
            for dataset, rows in self.plan.get(scale, {}).items():
                if cell.across and rows.keys() >= {*cell.rows} and (cell.row, dataset) not in printed:
                    own = replace(cell, dataset=dataset)
                    found += [own] if own not in found else []
        return found

    def _first(self, metric: str, variant: Mapping[str, Any]) -> int:
        found = (i for i, c in enumerate(self.cells) if (c.metric, c.variant) == (metric, variant))
        return next(found, len(self.cells))


def bounded(cells: Iterable[Cell], bound: Bound, among: Container[tuple[str, str]]) -> tuple[Cell, ...]:
    """The same cells; those whose (row, metric) is `among` these with the bound that we read in them."""
    return tuple(
        replace(cell, bound=bound) if (cell.row, cell.metric) in among else cell for cell in cells
    )


MARKS = {"*": "bold", "_": "underlined"}
NUMBER = re.compile(r"^([*_]?)(-?[\d.,]+)(?:±([\d.]+))?%?\1$")


def grid(text: str, *, transposed: bool = False) -> tuple[Cell, ...]:
    """Cells from a table typed as it stands on the page.

    The first line names, between bars, each group of columns and its columns: `mnist: acc nmi ari`.
    Every other line is a row: its name, then one value a column. `*97.5*` is bold, `_95.3_`
    underlined, `97.5±0.2` has a deviation, `?` is lost in our copy of the text, `-` is nothing, and
    anything else that is not a number is kept as a mark. `transposed`: the groups are rows' names
    (`PC-X:` and so on) and each line begins `dataset metric`.

    Raises:
        InputError: a group has too few or too many values, or a value's mark is not closed.
    """
    head, *lines = [line for line in text.strip().splitlines() if line.strip()]
    groups = [_group(part) for part in head.split("|")[1:]]
    cells = []
    for line in lines:
        name, *parts = (part.strip() for part in line.split("|"))
        widths = [len(columns) for _, columns in groups]
        if [len(part.split()) for part in parts] != widths:
            raise InputError(
                f"{name}: each group needs as many values as columns, {widths}; got {parts}"
            )
        for (group, columns), part in zip(groups, parts, strict=True):
            for column, value in zip(columns, part.split(), strict=True):
                row, dataset, metric = name, group, column
                if transposed:
                    row, (dataset, metric) = group, name.split(maxsplit=1)
                cells.append(Cell(row=row, dataset=dataset, metric=metric, **_value(value)))
    return tuple(cells)


def _group(text: str) -> tuple[str, list[str]]:
    name, colon, columns = text.partition(":")
    if not colon:
        raise InputError(f"a group of columns is `name: columns`, got {text.strip()!r}")
    return name.strip(), columns.split() or [""]


def _value(text: str) -> dict[str, Any]:
    if text == "?":
        return {"lost": True}
    if match := NUMBER.match(text):
        mark, number, deviation = match.groups()
        return {
            "printed": float(number.replace(",", "")),
            "printed_std": float(deviation) if deviation else None,
            "places": len(number.partition(".")[2]),
            "mark": MARKS.get(mark, ""),
        }
    if text[0] in MARKS:
        raise InputError(f"a marked value is a number between two marks, got {text!r}")
    return {"mark": "" if text == "-" else text}
