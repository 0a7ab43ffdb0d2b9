"""Claim and records to verdicts: computed here, written nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import stats

from recluster import fingerprint
from recluster.papers.claim import SEEDS, Cell, Claim
from recluster.report.measures import FRACTIONS, measure
from recluster.report.readings import Unmeasured
from recluster.spec import SCALES, Config, Run, check_scale
from recluster.store import FAILED, Record, Store

CHOSE = "helped to choose"
STATES = ("agrees", "differs", CHOSE, "new", "not run", "quoted", "lost")
"""`CHOSE` is a value that our settings were chosen by, `new` one that nothing printed stands beside."""
CALCULATED = "by calculation"
"""What a reader is told of a value that no run is behind."""
PLACES = 4
"""Of a calculated value: processors differ in the seventh, where a descent ends."""

Found = tuple[list[Record], list[str]]
"""Finished, current records, and what is wrong with the others."""


@dataclass(frozen=True, kw_only=True)
class Obtained:
    """Our value over seeds, in the claim's unit; `interval` is Student's 95% for the mean.

    A calculation gives one value without seeds and records: its `n` is 0. A comparison of rows names the
    records of the first row; the others stand in rows of their own.
    """

    mean: float
    std: float | None
    n: int
    seeds: tuple[int, ...]
    interval: tuple[float, float] | None
    records: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A cell with our value, the verdict, and what stands in its way or shows how it came about.

    `asked` is how many seeds the scale asks for: with fewer, the value is a beginning.
    """

    cell: Cell
    obtained: Obtained | None
    state: str
    why: str = ""
    asked: int = 0

    @property
    def seeds(self) -> str:
        """How many seeds our value is of, as "3", or "2 of 5" where some are still missing."""
        n = self.obtained.n if self.obtained else 0
        return f"{n} of {self.asked}" if n < self.asked else f"{n}"

    @property
    def recorded(self) -> bool:
        """Whether our value comes from records: of one scale, and of what was run at it."""
        return self.obtained is not None and self.obtained.n > 0

    @property
    def computed(self) -> bool:
        """Whether it comes from a calculation, which is the same at every scale."""
        return self.obtained is not None and self.obtained.n == 0


def judge(claim: Claim, scale: str, store: Store) -> list[Judged]:
    """Every cell of the claim at one scale, the printed ones first, in the order of the page."""
    known = {  # read once: a row has many cells
        (row, dataset): records_of(store, config, dataset, scale)
        for row, dataset, config in claim.planned(scale)
    }
    return [
        _judged(claim, cell, scale, [known.get((row, cell.dataset)) for row in cell.rows], store)
        for cell in (*claim.cells, *claim.stand_ins(scale))
    ]


def best_scale(claim: Claim, store: Store, at_most: str = "paper") -> str:
    """The largest scale up to `at_most` at which the claim has a record, else `at_most`.

    What is calculated is so at every scale, and speaks for none.
    """
    check_scale(at_most)
    for scale in reversed(SCALES[: SCALES.index(at_most) + 1]):
        if any(judged.recorded for judged in judge(claim, scale, store)):
            return scale
    return at_most


def records_of(store: Store, config: Config, dataset: str, scale: str) -> Found:
    """The finished, current records of a config over seeds, and what is wrong with the others."""
    return store.recall((config, dataset, scale), lambda: _found(store, config, dataset, scale))


def _found(store: Store, config: Config, dataset: str, scale: str) -> Found:
    good, bad = [], []
    for seed in _seeds(store, config.method, dataset, scale):
        run = Run(config=config, dataset=dataset, seed=seed, scale=scale)
        record = store.find(run)
        if record is None:
            continue
        if record.status == FAILED:
            bad.append(f"seed {seed} failed")
        elif not fingerprint.current(record.run["config"], record.fingerprint, config):
            bad.append(f"seed {seed} is stale")
        else:
            good.append(record)
    return good, bad


def _seeds(store: Store, method: str, dataset: str, scale: str) -> list[int]:
    """The seeds of which the store has records, of any config."""
    head = f"{method}-{dataset}-{scale}-s"
    tails = (path.name.removeprefix(head) for path in store.folders() if path.name.startswith(head))
    return sorted({int(tail.partition("-")[0]) for tail in tails})


def summary(values: Sequence[float], records: Sequence[Record]) -> Obtained:
    """Mean, deviation and interval of one value a record, over records of different seeds."""
    n, mean = len(values), float(np.mean(values))
    std = float(np.std(values, ddof=1)) if n > 1 else None
    interval = None
    if std is not None:
        half = float(stats.t.ppf(0.975, n - 1)) * std / np.sqrt(n)
        interval = (mean - half, mean + half)
    return Obtained(
        mean=mean,
        std=std,
        n=n,
        seeds=tuple(record.run["seed"] for record in records),
        interval=interval,
        records=tuple(record.key for record in records),
    )


def _judged(claim: Claim, cell: Cell, scale: str, found: Sequence[Found | None], store: Store) -> Judged:
    """The verdict on a cell from what was found of each of its rows, one but for a comparison."""
    if (cell.row, cell.metric) in claim.computed:
        return _calculated(claim, cell)
    known = [one for one in found if one is not None]
    if len(known) < len(found):
        return _unrun(claim, cell, scale)
    problems = list(dict.fromkeys(problem for _, its in known for problem in its))
    measured, told = _measured([records for records, _ in known], cell, claim.unit, store)
    problems += told
    if not measured:
        needed = [claim.needs[cell.dataset]] if cell.dataset in claim.needs else []
        command = f"recluster run {claim.id} --scale {scale}"
        why = "; ".join([*problems, *needed, command])
        state = "lost" if cell.lost else "not run"
        return Judged(cell=cell, obtained=None, state=state, why=why)
    obtained = summary([*measured.values()], [one for one in known[0][0] if one.key in measured])
    state = _state(claim, cell, obtained.mean)
    why, asked = "; ".join(problems), SEEDS[scale]
    return Judged(cell=cell, obtained=obtained, state=state, why=why, asked=asked)


def _calculated(claim: Claim, cell: Cell) -> Judged:
    result = claim.computed[cell.row, cell.metric]()
    mean = round(result.value, PLACES) + 0.0  # -0.0 is 0
    obtained = Obtained(mean=mean, std=None, n=0, seeds=(), interval=None, records=())
    why = f"{CALCULATED}: {result.evidence}" if result.evidence else CALCULATED
    return Judged(cell=cell, obtained=obtained, state=_state(claim, cell, result.value), why=why)


def _measured(
    rows: Sequence[Sequence[Record]], cell: Cell, unit: float, store: Store
) -> tuple[dict[str, float], list[str]]:
    """Record of the first row to the cell's value of that seed, and why some seeds have none.

    The value is in the claim's unit; of several rows, it is their comparison.
    """
    factor = unit if cell.metric in FRACTIONS else 1.0
    values: dict[str, float] = {}
    told: list[str] = []
    for record in rows[0]:
        several = [one for its in rows for one in its if one.run["seed"] == record.run["seed"]]
        if len(several) < len(rows):
            continue
        try:
            each = [factor * measure(one, store, cell.metric, cell.variant) for one in several]
        except Unmeasured as problem:
            told.append(str(problem))
            continue
        compared = dict(zip(cell.rows, each, strict=True))
        values[record.key] = cell.across.of(compared) if cell.across else each[0]
    return values, told


def _unrun(claim: Claim, cell: Cell, scale: str) -> Judged:
    if cell.lost:
        why = "our copy of the paper's text does not show it"
        return Judged(cell=cell, obtained=None, state="lost", why=why)
    reason = claim.needs.get(cell.row) or claim.needs.get(cell.dataset)
    own = claim.own_rows().issuperset(cell.rows)
    if own or not (cell.printed is not None or cell.mark) or cell.row in claim.needs:
        places = {(row, cell.dataset) for row in cell.rows}
        at = [s for s in SCALES if places <= _planned(claim, s)]
        command = f"recluster run {claim.id} --scale {at[-1]}" if at else "no run produces it yet"
        return Judged(cell=cell, obtained=None, state="not run", why=reason or command)
    why = "no run of ours produces this row"
    return Judged(cell=cell, obtained=None, state="quoted", why=why)


def _planned(claim: Claim, scale: str) -> set[tuple[str, str]]:
    return {(row, dataset) for row, dataset, _ in claim.planned(scale)}


def _state(claim: Claim, cell: Cell, mean: float) -> str:
    if cell.lost:
        return "lost"
    if cell.chose:
        return CHOSE
    if cell.bound is not None:
        return "agrees" if cell.bound.holds(mean) else "differs"
    if cell.printed is None:
        return "new"
    return "agrees" if abs(mean - cell.printed) <= claim.within + 1e-9 else "differs"


def as_object(claim: Claim, scale: str, judged: Sequence[Judged]) -> dict[str, Any]:
    """What `recluster show --format json` prints."""
    return {
        "claim": claim.id,
        "title": claim.title,
        "where": claim.where,
        "scale": scale,
        "within": claim.within,
        "note": claim.note,
        "cells": [_cell_object(one) for one in judged],
    }


def _cell_object(judged: Judged) -> dict[str, Any]:
    cell = judged.cell
    return {
        "row": cell.row,
        "dataset": cell.dataset,
        "metric": cell.metric,
        "variant": dict(cell.variant),
        "printed": cell.printed,
        "printed_std": cell.printed_std,
        "mark": cell.mark,
        "bound": None if cell.bound is None else str(cell.bound),
        "across": None if cell.across is None else asdict(cell.across),
        "chose": cell.chose,
        "obtained": None if judged.obtained is None else asdict(judged.obtained),
        "computed": judged.computed,
        "state": judged.state,
        "why": judged.why,
    }
