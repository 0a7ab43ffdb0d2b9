"""What choosing by labels buys, shown: tables, figures and sentences from `recluster.report.leaks`."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from recluster.papers import CLAIMS
from recluster.papers.comparison import METHODS_COMPARED
from recluster.report import leaks, statistics
from recluster.report.forest import Line, drawn
from recluster.report.protocol import Part, as_list, as_table, signed
from recluster.store import Store

ENOUGH = 3  # seeds for an interval: with two, Student's is as wide as thirteen times their difference
TICKS = (-50, -20, -10, -5, -2, -1, 0, 1, 2, 5, 10, 20, 50)
NONE = '<p class="state-not-run">not run: no record at the {scale} scale has what this needs</p>'


def stopping(scale: str, store: Store) -> str:
    """Methods by data sets: last epoch, best epoch, and the difference."""
    found = leaks.stops(scale, store)
    if not found:
        return NONE.format(scale=scale)
    lines = [
        (
            one.row,
            one.dataset,
            str(len(one.last)),
            f"{np.mean(one.last):.1f}",
            f"{np.mean(one.best):.1f}",
            *_interval(one.points),
            f"{np.mean(one.when):.0%}",
        )
        for one in found
    ]
    caption = (
        "ACC in percent at the last epoch, and at the epoch that the labels would choose, seed by seed; "
        "the difference in points with Student's 95% interval over seeds; and where that epoch lies, as "
        "a share of the training. A run is scored at some twenty of its epochs, so the best of all may "
        f"be better still. Scale <b>{scale}</b>."
    )
    return as_table(
        caption,
        ("method", "data set", "seeds", "last", "best", "points", "interval", "best at"),
        lines,
    )


def stopping_figure(scale: str, store: Store) -> Figure | str:
    """A line a method: points of ACC between the last epoch and the best."""
    found = leaks.stops(scale, store)
    if not found:
        return NONE.format(scale=scale)
    rows = dict.fromkeys(one.row for one in found)
    lines = []
    for row in rows:
        points = {one.dataset: one.points for one in found if one.row == row}
        strata = list(points.values())
        lines.append(
            Line(
                name=row,
                points=points,
                centre=statistics.centre(strata),
                interval=statistics.interval(strata),
            )
        )
    return _near_zero(drawn(lines, "points of ACC: best epoch by labels less the last", zero=True))


def settings(scale: str, store: Store) -> str:
    """Sweeps by data sets: the best setting over the mean of all, and over the paper's."""
    found = leaks.settings(scale, store)
    if not found:
        return NONE.format(scale=scale)
    lines = [
        (
            one.claim,
            one.dataset,
            str(one.rows),
            one.best,
            str(len(one.over_mean)),
            *_interval(one.over_mean),
            *(_interval(one.over_usual) if one.over_usual else ("", "")),
        )
        for one in found
    ]
    caption = (
        "The setting of highest ACC among those that have been run, over the mean of all and over the "
        "paper's own, in points with Student's 95% interval over the seeds that all of them have. "
        f"Scale <b>{scale}</b>."
    )
    heads = ("sweep", "data set", "settings", "best", "seeds", "over mean", "interval", "over usual",
             "interval")  # fmt: skip
    return as_table(caption, heads, lines)


def seeds(scale: str, store: Store) -> str:
    """Methods by data sets: the best seed over the mean, and what the best of more would be."""
    found = leaks.seeds(scale, store)
    if not found:
        return NONE.format(scale=scale)
    lines = []
    for one in found:
        bounds = [leaks.expected_maximum(leaks.DRAWS[0]) * std for std in one.std_interval]
        known = len(one.accs) >= ENOUGH
        lines.append(
            (
                one.row,
                one.dataset,
                str(len(one.accs)),
                f"{np.mean(one.accs):.1f}",
                f"{one.std:.2f}",
                signed(one.best_less_mean),
                *(signed(leaks.expected_maximum(draws) * one.std) for draws in leaks.DRAWS),
                f"{bounds[0]:.1f} to {bounds[1]:.1f}" if known else "–",
            )
        )
    caption = (
        "ACC in percent over seeds: mean and deviation, the best seed over the mean in points, and what "
        f"the best of {leaks.DRAWS[0]} or {leaks.DRAWS[1]} would be over the mean if ACC were normal "
        f"over seeds; last, the 95% interval of the former, from the deviation's. Scale <b>{scale}</b>."
    )
    heads = ("method", "data set", "seeds", "mean", "deviation", "best", *(
        f"of {draws}" for draws in leaks.DRAWS
    ), f"of {leaks.DRAWS[0]}, interval")  # fmt: skip
    return as_table(caption, heads, lines)


def margins(scale: str, store: Store) -> str:
    """Each paper's printed ACC over its strongest rival."""
    lines = [
        (
            one.claim,
            one.dataset,
            f"{one.own:.1f}",
            f"{one.rival} {one.rival_acc:.1f}",
            signed(one.points),
        )
        for one in leaks.margins()
    ]
    caption = (
        "ACC in percent as printed: the paper's own method, the strongest other one of the same column, "
        "and the difference in points."
    )
    return as_table(caption, ("claim", "data set", "own", "strongest rival", "margin"), lines)


def margins_figure(scale: str, store: Store) -> Figure | str:
    """What each kind of choice buys, above the margins that the papers print."""
    bought = choices(scale, store)
    if not bought:
        return NONE.format(scale=scale)
    lines = [_line(name, values, "a method or a sweep", "chosen by labels") for name, values in bought]
    found = leaks.margins()
    for name in dict.fromkeys(one.claim for one in found):
        values = [one.points for one in found if one.claim == name]
        title = f"{leaks.MAIN[name]}, {CLAIMS[name].where.partition(',')[0]}"
        lines.append(_line(title, values, "a data set", "printed lead over the next"))
    return _near_zero(drawn(lines, "points of ACC", zero=True))


def choices(scale: str, store: Store) -> list[tuple[str, list[float]]]:
    """Each kind of choice that records can tell of, and the points that it buys, case by case."""
    kinds = {
        "the epoch": [one.points for one in leaks.stops(scale, store)],
        "the setting, over the mean": [one.over_mean for one in leaks.settings(scale, store)],
        "the setting, over the usual": [one.over_usual for one in leaks.settings(scale, store)],
    }
    found = {name: [float(np.mean(v)) for v in values if v] for name, values in kinds.items()}
    found["the seed, best of five"] = [
        leaks.expected_maximum(5) * one.std for one in leaks.seeds(scale, store)
    ]
    return [(name, values) for name, values in found.items() if values]


def findings(scale: str, store: Store) -> str:
    """The same in sentences, each number computed."""
    leads = [one.points for one in leaks.margins() if one.points > 0]
    items = []
    for name, values in choices(scale, store):
        usual, often = np.quantile(values, [0.5, 0.75])
        first, second = (np.mean([lead <= points for lead in leads]) for points in (usual, often))
        items.append(
            f"Choosing <b>{html.escape(name)}</b> by labels buys {usual:.1f} points of ACC in the "
            f"median of {len(values)} cases, {often:.1f} or more in a quarter of them, at most "
            f"{max(values):.1f}. {first:.0%} of the printed leads are no larger than the first of "
            f"these numbers, {second:.0%} no larger than the second."
        )
    items.append(
        f"The printed leads, in {len(leads)} columns of ACC, have a median of {np.median(leads):.1f} "
        f"points; in {len(leaks.margins()) - len(leads)} more columns the paper's own is not ahead."
    )
    return as_list(items) + (
        f'<p class="smaller">Ours at scale <b>{scale}</b>, the leads as printed; below the paper scale '
        "the sizes are only a hint of what they are at it.</p>"
    )


def missing(scale: str, store: Store) -> str:
    """Which compared methods have no curve, and which no second seed, at this scale."""
    planned = dict.fromkeys((row, data) for row, data, _ in METHODS_COMPARED.planned(scale))
    curves = {(one.row, one.dataset) for one in leaks.stops(scale, store)}
    twice = {(one.row, one.dataset) for one in leaks.seeds(scale, store)}
    lacking = dict.fromkeys(row for row, data in planned if (row, data) not in curves)
    single = dict.fromkeys(row for row, data in planned if (row, data) in curves - twice)
    command = f"recluster run {METHODS_COMPARED.id} --scale"
    return as_list(
        [
            f"No curve, because fitted at once or not run: {_listed(lacking)}.",
            f"One seed alone on some data set: {_listed(single)}. More: <code>{command} {scale}</code>.",
        ]
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(html.escape(name) for name in names) or "none"


def _interval(points: Sequence[float]) -> tuple[str, str]:
    """The mean of the points, and its Student interval where there are `ENOUGH`."""
    mean = float(np.mean(points))
    if len(points) < ENOUGH:
        return _plain(mean), "–"
    half = leaks.half_width(points)
    return _plain(mean), f"{_plain(mean - half)} to {_plain(mean + half)}"


def _plain(value: float) -> str:
    """One decimal with a sign, and no minus before a zero."""
    return signed(round(value, 1) + 0.0)


def _near_zero(figure: Figure) -> Figure:
    """Linear up to two points and logarithmic beyond, so that one large value does not hide the rest."""
    (axis,) = figure.axes
    low, high = axis.get_xlim()
    axis.set_xscale("symlog", linthresh=2)
    axis.set_xticks([tick for tick in TICKS if low <= tick <= high], minor=False)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, place: f"{value:g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlim(low, high)
    return figure


def _line(name: str, values: Sequence[float], legend: str, group: str) -> Line:
    return Line(
        name=name,
        points={legend: values},
        centre=float(np.median(values)),
        interval=(float(np.quantile(values, 0.25)), float(np.quantile(values, 0.75))),
        group=group,
    )


PARTS: dict[str, Part] = {
    "stopping": stopping,
    "stopping figure": stopping_figure,
    "settings": settings,
    "seeds": seeds,
    "margins": margins,
    "margins figure": margins_figure,
    "findings": findings,
    "missing": missing,
}
