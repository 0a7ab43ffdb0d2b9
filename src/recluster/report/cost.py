"""What a method costs, from its pretraining on, beside what it gives: seconds, memory, ACC, NMI."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from recluster.papers import PAPERS
from recluster.papers.comparison import METHODS_COMPARED
from recluster.report.figure import STYLE
from recluster.report.forest import WIDTH
from recluster.report.protocol import Part, as_list, as_table
from recluster.report.statistics import front
from recluster.report.verdict import records_of
from recluster.spec import Config, Run
from recluster.store import Record, Store

AT_ONCE = ("kmeans", "shallow")  # fitted to all samples at once, not trained in epochs
QUALITIES = {"acc": "ACC", "nmi": "NMI"}
PRICES = {"seconds": "seconds, from pretraining on", "memory": "peak memory, MB"}


@dataclass(frozen=True, kw_only=True)
class Cost:
    """A method on a data set, as the mean over its seeds.

    Attributes:
        row: the method's name.
        method: whose page it is, as in `recluster.methods`.
        dataset: on which data.
        seeds: how many runs.
        seconds: of training, the pretraining that it starts from included.
        slowest: seconds of the slowest seed over those of the fastest; 1 with one seed.
        share: of the seconds, what went into the run that it starts from.
        memory: the greatest peak of the run and of those that it starts from, in 10^6 bytes.
        epochs: of the run and of those that it starts from together; 0 where all is fitted at once.
        acc: in percent.
        nmi: in percent, arithmetic.
    """

    row: str
    method: str
    dataset: str
    seeds: int
    seconds: float
    slowest: float
    share: float
    memory: float
    epochs: float
    acc: float
    nmi: float


@cache
def costs(scale: str, store: Store) -> list[Cost]:
    """Every method of the comparison with records at this scale, data set by data set."""
    found = []
    for row, dataset, config in METHODS_COMPARED.planned(scale):
        records, _ = records_of(store, config, dataset, scale)
        if records:
            found.append(_cost(row, config, records, store))
    return found


def _cost(row: str, config: Config, records: Sequence[Record], store: Store) -> Cost:
    chains = [_chain(record, config, store) for record in records]
    seconds = np.array([record.seconds["total"] for record in records])
    return Cost(
        row=row,
        method=config.method,
        dataset=records[0].run["dataset"],
        seeds=len(records),
        seconds=float(seconds.mean()),
        slowest=float(seconds.max() / seconds.min()),
        share=float(np.mean([r.seconds.get("start", 0.0) for r in records]) / seconds.mean()),
        memory=float(np.mean([max(one.memory_mb for one in chain) for chain in chains])),
        epochs=float(np.mean([sum(map(_epochs, chain)) for chain in chains])),
        acc=100 * float(np.mean([record.scores["acc"] for record in records])),
        nmi=100 * float(np.mean([record.scores["nmi"] for record in records])),
    )


def _chain(record: Record, config: Config, store: Store) -> list[Record]:
    """The record, that of the run which it starts from, and so on, as far as there are records."""
    run = record.run
    one: Run | None = Run(
        config=config, dataset=run["dataset"], seed=run["seed"], scale=run["scale"]
    ).start
    chain = [record]
    while one is not None:
        before = store.find(one)
        chain += [before] if before is not None else []
        one = one.start
    return chain


def _epochs(record: Record) -> int:
    if record.run["method"] in AT_ONCE:
        return 0
    return max(map(len, record.curves.values()))


def on_front(found: Sequence[Cost], price: str, quality: str) -> list[Cost]:
    """Those of one data set that nothing beats in both, from cheap to dear."""
    prices, qualities = ([getattr(one, name) for one in found] for name in (price, quality))
    best = [one for one, kept in zip(found, front(prices, qualities), strict=True) if kept]
    return sorted(best, key=lambda one: float(getattr(one, price)))


def _by_dataset(found: Sequence[Cost]) -> dict[str, list[Cost]]:
    datasets = dict.fromkeys(one.dataset for one in found)
    return {name: [one for one in found if one.dataset == name] for name in datasets}


def drawn(scale: str, store: Store, price: str, quality: str) -> Figure | str:
    """A panel a data set: each method a point, the front a line, its methods and the papers' named."""
    groups = _by_dataset(costs(scale, store))
    if not groups:
        return '<p class="state-not-run">not run: no method has a record yet</p>'
    with plt.rc_context(STYLE), sns.axes_style("ticks"):
        figure, axes = plt.subplots(
            len(groups), 1, figsize=(WIDTH, 3.3 * len(groups)), squeeze=False, layout="constrained"
        )
        for panel, (dataset, found) in zip(axes[:, 0], groups.items(), strict=True):
            _panel(panel, found, price, quality)
            panel.set_title(dataset, loc="left", fontsize=9)
    plt.close(figure)  # else a notebook shows it twice
    return figure


def _panel(axes: Axes, found: Sequence[Cost], price: str, quality: str) -> None:
    best = on_front(found, price, quality)
    accent = sns.color_palette("colorblind")[3]
    x, y = _points(found, price, quality)
    axes.scatter(x, y, s=16, color="0.6", lw=0)
    axes.plot(*_points(best, price, quality), "o-", color=accent, ms=5, lw=1.2, drawstyle="steps-post")
    axes.set_xscale("log")
    prices = [getattr(one, price) for one in found]
    axes.set_xlim(min(prices) / 1.3, max(prices) * 1.3)
    plain = FuncFormatter(lambda value, _: f"{value:,.4g}")
    axes.xaxis.set_major_formatter(plain)
    # A decade or more has round ticks enough; less needs those between, which are labelled then.
    axes.xaxis.set_minor_formatter(NullFormatter() if max(prices) > 10 * min(prices) else plain)
    axes.tick_params(axis="x", which="both", labelsize=7.5)
    axes.set(xlabel=PRICES[price], ylabel=f"{QUALITIES[quality]}, percent")
    _label(axes, found, best, price, quality)


def _label(axes: Axes, found: Sequence[Cost], best: Sequence[Cost], price: str, quality: str) -> None:
    """Names at the right, in the order of their points and apart, each with a thread to its point."""
    own = [one for one in found if one.method in PAPERS and one not in best and "+" not in one.row]
    named = sorted([*best, *own], key=lambda one: float(getattr(one, quality)))
    low, high = axes.get_ylim()
    places = spread([getattr(one, quality) for one in named], (high - low) / 19, high)
    for one, y in zip(named, places, strict=True):
        point = (getattr(one, price), getattr(one, quality))
        axes.annotate(
            one.row,
            point,
            xytext=(1.02, (y - low) / (high - low)),
            textcoords="axes fraction",
            fontsize=8,
            fontweight="bold" if one in best else "normal",
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": "0.75",
                "lw": 0.6,
                "relpos": (0, 0.5),  # from the left end of the name
                "shrinkA": 0,
                "shrinkB": 2,
            },
        )
    axes.set_ylim(low, high)


def spread(values: Sequence[float], gap: float, top: float) -> list[float]:
    """Ascending values moved apart to `gap` or more, those that would pass `top` from there down."""
    places: list[float] = []
    for value in values:
        places.append(max(value, places[-1] + gap) if places else value)
    for i in reversed(range(len(places))):
        places[i] = min(places[i], top if i == len(places) - 1 else places[i + 1] - gap)
    return places


def _points(found: Sequence[Cost], *names: str) -> list[list[float]]:
    return [[float(getattr(one, name)) for one in found] for name in names]


def table(scale: str, store: Store) -> str:
    """Every method and data set, from cheap to dear; a star is on the front of seconds and ACC."""
    lines = []
    for found in _by_dataset(costs(scale, store)).values():
        best = on_front(found, "seconds", "acc")
        lines += [
            [
                one.row + (" ★" if one in best else ""),
                one.dataset,
                f"{one.acc:.1f}",
                f"{one.nmi:.1f}",
                f"{one.seconds:,.1f}",
                f"{one.slowest:.1f}" if one.seeds > 1 else "–",
                f"{one.share:.0%}",
                f"{one.memory:,.0f}",
                f"{one.epochs:,.0f}" if one.epochs else "–",
                str(one.seeds),
            ]
            for one in sorted(found, key=lambda one: one.seconds)
        ]
    heads = ["method", "data set", "ACC", "NMI", "seconds", "slowest / fastest", "start"]
    caption = (
        "Means over seeds, from cheap to dear. ★: nothing is both as fast and as accurate. Start: the "
        "share of what it starts from in the seconds. Epochs: those of the start included, none "
        f"where all is fitted at once. Scale <b>{scale}</b>."
    )
    return as_table(caption, [*heads, "MB", "epochs", "seeds"], lines)


def machines(scale: str, store: Store) -> str:
    """On what the seconds were measured, as far as the records say, and how much they vary."""
    found = costs(scale, store)
    keys = ("device", "processor", "threads")
    kinds = {
        (*(str(record.environment[key]) for key in keys), record.precision)
        for row, dataset, config in METHODS_COMPARED.planned(scale)
        for record in records_of(store, config, dataset, scale)[0]
    }
    items = [
        f"Device, processor, threads and precision: {html.escape(' · '.join(kind))}."
        for kind in sorted(kinds)
    ]
    repeated = [one for one in found if one.seeds > 1]
    if repeated:
        worst = max(repeated, key=lambda one: one.slowest)
        typical = float(np.median([one.slowest for one in repeated]))
        items += [
            f"Another seed does much the same work. Yet over {len(repeated)} methods and data sets with "
            f"two seeds or more, the slowest seed took {typical:.2f} times as long as the fastest in "
            f"the median, and {worst.slowest:.1f} times at worst ({html.escape(worst.row)} on "
            f"{worst.dataset})."
        ]
    return as_list(items)


def findings(scale: str, store: Store) -> str:
    """Who is on each front, and which of the papers' methods is not."""
    items = []
    for dataset, found in _by_dataset(costs(scale, store)).items():
        for price in PRICES:
            best = on_front(found, price, "acc")
            steps = " → ".join(f"{html.escape(one.row)} ({one.acc:.1f})" for one in best)
            items.append(f"{dataset}, ACC by {price}, from cheap to dear: {steps}.")
        half = [one for one in found if one.share > 0.5]
        items.append(
            f"{dataset}: for {len(half)} of {len(found)} methods more than half of the seconds "
            "went into what they start from."
        )
    return as_list(items)


PARTS: dict[str, Part] = {
    "machines": machines,
    "table": table,
    "findings": findings,
    **{
        f"{price} {quality}": partial(drawn, price=price, quality=quality)
        for price in PRICES
        for quality in QUALITIES
    },
}
