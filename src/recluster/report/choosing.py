"""How to choose a clustering without labels: what each score that needs none would have chosen."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from recluster.report.figure import STYLE
from recluster.report.forest import WIDTH
from recluster.report.protocol import Part, as_list, as_table, signed
from recluster.report.statistics import rank_correlation
from recluster.report.unlabelled import SCORES, Candidate, candidates, pretty
from recluster.spec import InputError
from recluster.store import Store

COLOURS = (  # of methods that train; greys are for those that do not
    *("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#bcbd22"),
    *("#17becf", "#003f5c"),
)
COLUMNS = 2  # of the figure: more, and its letters would be too small on a phone


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What a score would have chosen among the runs on one data set that have it.

    Attributes:
        dataset: on which data.
        score: a name in `SCORES`.
        runs: how many had the score.
        chosen: the run with the greatest, the first of equals.
        best: the greatest ACC among them.
        mean: their mean ACC: what blind choice gives on average.
        beaten: share of them with an ACC below the chosen one's.
    """

    dataset: str
    score: str
    runs: int
    chosen: Candidate
    best: float
    mean: float
    beaten: float


def choice(found: Sequence[Candidate], score: str, dataset: str) -> Choice | None:
    """The choice by a score; None where fewer than two runs have it."""
    known = [one for one in found if one.dataset == dataset and score in one.scores]
    if len(known) < 2:
        return None
    chosen = max(known, key=lambda one: one.scores[score])
    accs = np.array([one.acc for one in known])
    return Choice(
        dataset=dataset,
        score=score,
        runs=len(known),
        chosen=chosen,
        best=float(accs.max()),
        mean=float(accs.mean()),
        beaten=float((accs < chosen.acc).mean()),
    )


@dataclass(frozen=True, kw_only=True)
class Link:
    """How a score goes with ACC over the methods of one data set, each the mean over its seeds."""

    dataset: str
    score: str
    methods: int
    rho: float
    interval: tuple[float, float] | None
    tau: float


def link(found: Sequence[Candidate], score: str, dataset: str) -> Link | None:
    """The rank correlation; None where too few methods have the score."""
    groups: dict[str, list[Candidate]] = {}
    for one in found:
        if one.dataset == dataset and score in one.scores:
            groups.setdefault(one.name, []).append(one)
    x = [float(np.mean([one.scores[score] for one in group])) for group in groups.values()]
    y = [float(np.mean([one.acc for one in group])) for group in groups.values()]
    try:
        rho, interval, tau = rank_correlation(x, y)
    except InputError:
        return None
    return Link(dataset=dataset, score=score, methods=len(x), rho=rho, interval=interval, tau=tau)


def _datasets(found: Sequence[Candidate]) -> list[str]:
    return sorted({one.dataset for one in found})


def drawn(scale: str, store: Store) -> Figure | str:
    """A panel a score and data set, a dot a run, a colour a method."""
    found = candidates(scale, store)
    panels = [(score, data) for score in SCORES for data in _datasets(found)]
    panels = [(s, d) for s, d in panels if any(c.dataset == d and s in c.scores for c in found)]
    if not panels:
        return '<p class="state-not-run">not run: no record yet</p>'
    rows = -(-len(panels) // COLUMNS)
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(
            rows, COLUMNS, figsize=(WIDTH, 1.9 * rows + 0.8), squeeze=False, layout="constrained"
        )
        for axis in axes.flat[len(panels) :]:
            axis.axis("off")
        colours = palette(found)
        for axis, (score, dataset) in zip(axes.flat, panels, strict=False):
            _panel(axis, [one for one in found if one.dataset == dataset], score, colours)
            axis.set_title(dataset, fontsize=8)
        handles = [
            Line2D([], [], marker="o", lw=0, ms=4.5, color=colour, label=pretty(method))
            for method, colour in colours.items()
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=4, fontsize=8)
    plt.close(figure)  # else a notebook shows it twice
    return figure


def palette(found: Sequence[Candidate]) -> dict[str, str]:
    """Method to colour: greys for the classical ones, the others as different as they come."""
    greys = {"kmeans": "#000000", "shallow": "#9a9a9a"}
    others = sorted({one.method for one in found} - greys.keys())
    own = dict(zip(others, cycle(COLOURS), strict=False))
    return {**{name: greys[name] for name in greys if any(c.method == name for c in found)}, **own}


def _panel(axes: Axes, found: Sequence[Candidate], score: str, colours: dict[str, str]) -> None:
    known = [one for one in found if score in one.scores]
    axes.scatter(
        [one.scores[score] for one in known],
        [one.acc for one in known],
        s=11,
        lw=0,
        alpha=0.85,
        color=[colours[one.method] for one in known],
    )
    axes.set_xlabel(SCORES[score], fontsize=8)
    axes.set_ylabel("ACC", fontsize=8)
    axes.tick_params(labelsize=7.5)


def links(scale: str, store: Store) -> str:
    """How each score goes with ACC, data set by data set."""
    found = candidates(scale, store)
    lines = []
    for score, title in SCORES.items():
        for dataset in _datasets(found):
            tie = link(found, score, dataset)
            if tie is None:
                lines.append([title, dataset, "–", "–", "–", "too few methods"])
                continue
            span = tie.interval
            lines.append(
                [
                    title,
                    dataset,
                    two(tie.rho),
                    "–" if span is None else f"{two(span[0])} to {two(span[1])}",
                    two(tie.tau),
                    str(tie.methods),
                ]
            )
    caption = (
        "Rank correlation of a score with ACC over methods and their variants, each the mean of its "
        f"seeds; the interval is a bootstrap (BCa, 95%) over them. Scale <b>{scale}</b>."
    )
    heads = ["score", "data set", "Spearman", "interval", "Kendall", "methods"]
    return as_table(caption, heads, lines)


def choices(scale: str, store: Store) -> str:
    """Had you chosen by a score: what you would have got, against the best and the mean."""
    found = candidates(scale, store)
    lines = []
    for score, title in SCORES.items():
        for dataset in _datasets(found):
            made = choice(found, score, dataset)
            if made is not None:
                lines.append(
                    [
                        title,
                        dataset,
                        f"{made.chosen.name}, seed {made.chosen.seed}",
                        f"{made.chosen.acc:.1f}",
                        f"{made.best:.1f}",
                        f"{made.mean:.1f}",
                        signed(made.chosen.acc - made.mean),
                        f"{made.beaten:.0%}",
                        str(made.runs),
                    ]
                )
    caption = (
        "Had you chosen the run with the greatest score: its ACC, against the best and the mean of all "
        f"runs that have the score, and how many of them it beats. Scale <b>{scale}</b>."
    )
    heads = ["chosen by", "data set", "the choice", "ACC", "best", "mean", "− mean", "beats", "runs"]
    return as_table(caption, heads, lines)


def findings(scale: str, store: Store) -> str:
    """Which scores go with ACC on every data set, and which choices beat a blind one there."""
    found = candidates(scale, store)
    datasets = _datasets(found)
    items = []
    for score, title in SCORES.items():
        made = [one for d in datasets if (one := choice(found, score, d)) is not None]
        tied = [tie for d in datasets if (tie := link(found, score, d)) is not None]
        if not made:
            items.append(f"<b>{title}</b>: too few runs have it.")
            continue
        better = [one for one in made if one.chosen.acc > one.mean]
        sure = [one for one in tied if one.interval and one.interval[0] > 0]
        against = [one for one in tied if one.interval and one.interval[1] < 0]
        lost = ", ".join(f"{one.best - one.chosen.acc:.1f} points on {one.dataset}" for one in made)
        items.append(
            f"<b>{html.escape(title)}</b>: its choice is above the mean on {len(better)} of {len(made)} "
            f"data sets; short of the best by {lost}. It rises with ACC for certain (its "
            f"interval is above nought) on {len(sure)} of {len(tied)}, falls on {len(against)}."
        )
    return as_list([*items, *_in_short(found)])


def _in_short(found: Sequence[Candidate]) -> list[str]:
    """One sentence: whose choice beats a blind one on every data set, and who misses least."""
    datasets = _datasets(found)
    made = {s: [one for d in datasets if (one := choice(found, s, d)) is not None] for s in SCORES}
    safe = [s for s, all_ in made.items() if all_ and all(one.chosen.acc > one.mean for one in all_)]
    if not safe:
        return ["In short: no score's choice was above the mean on every data set."]
    missed = {s: float(np.mean([one.best - one.chosen.acc for one in made[s]])) for s in safe}
    least = min(missed, key=missed.__getitem__)
    return [
        f"In short: {', '.join(SCORES[s] for s in safe)} chose above the mean on every data set; "
        f"least was lost by {SCORES[least]}, {missed[least]:.1f} points short of the best on average."
    ]


def two(value: float) -> str:
    """Two decimals, with a true minus."""
    return f"{value:.2f}".replace("-", "−")


PARTS: dict[str, Part] = {
    "figure": drawn,
    "links": links,
    "choices": choices,
    "findings": findings,
}
