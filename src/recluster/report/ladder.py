"""A claim as a ladder: how far each of its rows gets towards a printed number, a dot a seed.

Made for the search for the cause of a gap: the claim's first row of a method is what the gap is of, its
other rows change one thing each. What a row must reach to count was fixed before any was run.
"""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recluster.papers.claim import Cell, Claim
from recluster.report.measures import measure
from recluster.report.readings import Unmeasured
from recluster.report.table import SMALLER, state_class
from recluster.report.verdict import records_of
from recluster.spec import SCALES
from recluster.store import Store

LABELLED = ("acc_best", "acc_nearest_mean", "acc_neighbours")
"""Measures of a record that use the true classes for more than scoring."""
CONTRIBUTES = 0.2
"""What share of the gap a row must close to count as a part of its cause."""
HUNDRED = 100


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A row on one data set, in percent.

    Attributes:
        row: its name.
        values: seed to what our run measured.
        printed: what the paper prints for the method that the row could be, None for others.
        labelled: whether labels made the number, and not only scored it.
    """

    row: str
    values: dict[int, float]
    printed: float | None
    labelled: bool

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean([*self.values.values()]))


Ladder = dict[str, list[Rung]]
"""Data set to its rungs, in the order of the claim."""


def rungs(claim: Claim, scale: str, store: Store) -> Ladder:
    """Every row of the claim that some accuracy is asked of, also those without a run."""
    found: Ladder = {data: [] for data in claim.plan.get(scale, {})}
    for cell in (*claim.cells, *claim.stand_ins(scale)):
        if cell.dataset in found and cell.metric.startswith("acc"):
            found[cell.dataset].append(_rung(claim, cell, scale, store))
    return found


def _rung(claim: Claim, cell: Cell, scale: str, store: Store) -> Rung:
    values = {}
    config = claim.plan[scale][cell.dataset].get(cell.row)
    for record in records_of(store, config, cell.dataset, scale)[0] if config else ():
        with suppress(Unmeasured):
            value = measure(record, store, cell.metric, cell.variant)
            values[int(record.run["seed"])] = HUNDRED * value
    printed = None if cell.printed is None else HUNDRED / claim.unit * cell.printed
    return Rung(row=cell.row, values=values, printed=printed, labelled=cell.metric in LABELLED)


# --- drawn --------------------------------------------------------------------------------------


def ladder(claim: Claim, scale: str, store: Store) -> Figure | None:
    """A panel a data set, a line a row, a dot a seed; printed numbers as dashed lines."""
    found = rungs(claim, scale, store)
    if not any(rung.values for own in found.values() for rung in own):
        return None
    height = 0.6 + 0.24 * max(len(own) for own in found.values())
    figure, axes = plt.subplots(
        1, len(found), figsize=(8.4, height), sharey=True, squeeze=False, layout="constrained"
    )
    for panel, (dataset, own) in zip(axes.flat, found.items(), strict=True):
        _climb(panel, own)
        panel.set(title=dataset, xlabel="ACC, percent")
    handles = {label: one for panel in axes.flat for one, label in zip(*_legend(panel), strict=True)}
    figure.legend([*handles.values()], [*handles], loc="outside lower right", ncols=len(handles))
    return figure


def _legend(panel: Axes) -> Any:
    return panel.get_legend_handles_labels()


def _climb(panel: Axes, own: Sequence[Rung]) -> None:
    for place, rung in enumerate(own):
        style: dict[str, Any] = {"mfc": "w"} if rung.labelled else {}
        label = "ours, made with labels" if rung.labelled else "ours, a dot a seed"
        if rung.values:
            dots = [*rung.values.values()]
            colour = "C1" if rung.labelled else "C0"
            panel.plot(dots, [place] * len(dots), "o", ms=4, color=colour, label=label, **style)
            panel.plot([rung.mean], [place], "|", ms=12, color="0.25")
        else:
            panel.text(0.02, place, "not run", transform=panel.get_yaxis_transform(), size=7,
                       color="0.5", va="center")  # fmt: skip
    for value in sorted({rung.printed for rung in own if rung.printed is not None}):
        panel.axvline(value, color="0.25", ls="--", lw=1, label="printed")
    panel.set_yticks(range(len(own)), [rung.row for rung in own])
    panel.set_ylim(len(own) - 0.5, -0.5)
    panel.grid(axis="y", color="0.92")
    panel.tick_params(axis="y", length=0)
    sns.despine(ax=panel, left=True)


# --- told ---------------------------------------------------------------------------------------


def gap(claim: Claim, scale: str, store: Store) -> str:
    """The gap in a sentence for each data set, and the nearest that we come to the printed number."""
    items = "".join(
        f"<li>{html.escape(dataset)}: {' '.join(_sentences(own))}</li>"
        for dataset, own in rungs(claim, scale, store).items()
    )
    return f"<p>At {scale} scale, ACC in percent:</p><ul>{items}</ul>"


def _sentences(own: Sequence[Rung]) -> Iterator[str]:
    base = next((rung for rung in own if rung.printed is not None and rung.values), None)
    if base is None or base.printed is None:
        printed = next((rung.printed for rung in own if rung.printed is not None), None)
        yield "not run." if printed is None else f"printed is {printed:.1f}, ours is not run."
    else:
        below = base.printed - base.mean
        yield (
            f"printed is <b>{base.printed:.1f}</b>, ours is <b>{base.mean:.1f}</b> {_seeds(base)}, "
            f"{abs(below):.1f} points {'below' if below >= 0 else 'above'}."
        )
    for labelled, who in ((False, "without labels"), (True, "made with labels")):
        best = max((r for r in own if r.values and r.labelled == labelled), key=_mean, default=None)
        if best is not None:
            yield f"The best {who} is “{html.escape(best.row)}”: {best.mean:.1f} {_seeds(best)}."


def _mean(rung: Rung) -> float:
    return rung.mean


def _seeds(rung: Rung) -> str:
    values = [*rung.values.values()]
    if len(values) == 1:
        return "(one seed)"
    return f"({min(values):.1f} to {max(values):.1f} over {len(values)} seeds)"


def closing(claim: Claim, scale: str, store: Store) -> str:
    """Rows by data sets: what each adds to the first, how much of the gap that is, and what it says."""
    found = rungs(claim, scale, store)
    rows = dict.fromkeys(rung.row for own in found.values() for rung in own)
    first = next(iter(rows))
    head = "".join(f"<th>{html.escape(dataset)}</th>" for dataset in found)
    within = HUNDRED / claim.unit * claim.within
    lines = {row: "".join(_closed(own, row, within, scale) for own in found.values()) for row in rows}
    body = "".join(
        f"<tr><th>{html.escape(row)}</th>{line}</tr>" for row, line in lines.items() if row != first
    )
    caption = (
        f"Points of ACC over “{html.escape(first)}”, seed by seed where both have the seed, and the "
        f"share of the gap to the printed number that they close. At paper scale a row <i>explains</i> "
        f"the gap where it comes within {within:.0f} points of the printed number, <i>contributes</i> "
        f"where it closes {CONTRIBUTES:.0%} or more of the gap, and else is <i>no cause</i>. Scale "
        f"<b>{scale}</b>."
    )
    return (
        f'<div class="claim-scroll"><table class="claim"><caption>{caption}</caption><thead><tr>'
        f"<td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _closed(own: Sequence[Rung], row: str, within: float, scale: str) -> str:
    base, one = own[0], next((rung for rung in own if rung.row == row), None)
    shared = base.values.keys() & one.values.keys() if one else set()
    if one is None or not shared:
        return '<td class="state-not-run"><span class="ours">not run</span></td>'
    gain = float(np.mean([one.values[seed] - base.values[seed] for seed in shared]))
    text, word, state = f"{gain:+.1f}".replace("-", "−"), "", "new"
    if base.printed is not None and one.printed is not None and base.printed > base.mean:
        share, state = gain / (base.printed - base.mean), SMALLER
        text += f", {share:.0%} of the gap".replace("-", "−")
        if scale == SCALES[-1]:
            near = one.printed - one.mean <= within
            word = "explains" if near else "contributes" if share >= CONTRIBUTES else "no cause"
            state = "agrees" if near else "differs"
    return (
        f'<td class="{state_class(state)}"><span class="ours">{text} (n={len(shared)})</span>'
        f'<span class="printed">{word}</span></td>'
    )
