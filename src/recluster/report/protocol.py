"""All methods under one protocol: ranks, differences, intervals and tests, and what each part adds."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from recluster.report import statistics
from recluster.report.contrasts import CONTRASTS
from recluster.report.differences import (
    RANKED,
    Difference,
    Ranks,
    by_part,
    over_raw,
    over_start,
    ranks,
)
from recluster.report.forest import Line, drawn
from recluster.store import Store

COMPARISONS = {"k-means": over_raw, "start": over_start, "parts": by_part}
AXES = {
    "k-means": "ACC, points over k-means on the data",
    "start": "ACC, points over k-means on the method's own autoencoder",
    "parts": "ACC, points: with the part − without it",
}


def ranks_figure(scale: str, store: Store) -> Figure | str:
    """Mean rank by ACC of every method: the mean over complete blocks, and each data set's own."""
    found = ranks(scale, store)
    if not found.rows or not found.complete():
        return _incomplete(found)
    own = {dataset: found.mean("acc", dataset) for dataset in found.datasets}
    lines = [
        Line(name=row, points={d: (float(v[i]),) for d, v in own.items()}, centre=float(mean))
        for i, (row, mean) in enumerate(zip(found.rows, found.mean("acc"), strict=True))
    ]
    return drawn(sorted(lines, key=lambda line: line.centre), "mean rank by ACC (1 is the best)")


def difference_figure(scale: str, store: Store, name: str) -> Figure | str:
    """One of `COMPARISONS`: each seed's difference, their mean and its interval."""
    found = COMPARISONS[name](scale, store)
    if not found:
        return '<p class="state-not-run">not run: no two rows share a data set and a seed yet</p>'
    lines = [
        Line(name=o.name, points=o.points, centre=o.mean, interval=o.interval, group=o.group)
        for o in found
    ]
    if not any(line.group for line in lines):
        lines.sort(key=lambda line: -line.centre)
    return drawn(lines, AXES[name], zero=True)


def ranks_table(scale: str, store: Store) -> str:
    """Mean ranks by each score, over the complete blocks."""
    found = ranks(scale, store)
    if not found.rows or not found.complete():
        return _incomplete(found)
    means = {metric: found.mean(metric) for metric in RANKED}
    own = {dataset: found.mean("acc", dataset) for dataset in found.datasets}
    lines = [
        [found.rows[i], *(f"{values[i]:.1f}" for values in (*means.values(), *own.values()))]
        for i in means["acc"].argsort(kind="stable")
    ]
    heads = ["method", *(metric.upper() for metric in RANKED), *(f"ACC, {dataset}" for dataset in own)]
    left = [f"{d} seed {seed}" for i, (d, seed) in enumerate(found.blocks) if i not in found.complete()]
    caption = (
        f"Mean rank among {len(found.rows)} methods over {len(found.complete())} blocks (a seed of a "
        f"data set) in which all of them ran. Left out, for want of a run of some: "
        f"{', '.join(left) or 'none'}. Scale <b>{scale}</b>."
    )
    return as_table(caption, heads, lines)


def difference_table(scale: str, store: Store, name: str) -> str:
    """One of `COMPARISONS`, a row a comparison."""
    found = COMPARISONS[name](scale, store)
    datasets = sorted({dataset for one in found for dataset in one.points})
    lines = [
        [
            *([one.group] if one.group else []),
            one.name,
            signed(one.mean),
            "–" if one.interval is None else f"{signed(one.interval[0])} to {signed(one.interval[1])}",
            *(signed(float(np.mean(one.points[d]))) if d in one.points else "" for d in datasets),
            f"{one.better:.2f}",
            f"{one.p:.3f}",
            f"{one.corrected:.3f}",
            str(one.count),
        ]
        for one in found
    ]
    heads = [*(["what is added"] if name == "parts" else []), "comparison", "mean", "interval"]
    heads += [*datasets, "P(better)", "p", "p, Holm", "n"]
    caption = f"{AXES[name]}. The mean is over data sets. Scale <b>{scale}</b>."
    return as_table(caption, heads, lines)


def lacking(scale: str, store: Store) -> str:
    """The contrasts that no two records show yet, and how to make them."""
    shown = {one.name for one in by_part(scale, store)}
    missing = [one for one in CONTRASTS if one.name not in shown]
    return as_list(
        f"Not run: {html.escape(one.question)} ({html.escape(one.name)}), "
        f"<code>recluster run {one.claim.id} --scale {scale}</code>."
        for one in missing
    )


def reach(scale: str, store: Store) -> str:
    """What so few runs can tell at best: the smallest p-values, and what an interval is worth."""
    items = []
    for name, compared in COMPARISONS.items():
        found = compared(scale, store)
        if found:
            most = max(one.count for one in found)
            least = statistics.smallest_p(most)
            corrected_least = min(1.0, len(found) * least)
            can = "can" if corrected_least < statistics.LEVEL else "cannot"
            items.append(
                f"{AXES[name]}: {len(found)} comparisons of at most {most} seeds of data sets. The "
                f"smallest p-value that {most} signs allow is {least:.3g}; after Holm's correction "
                f"{corrected_least:.3g}. So a difference <b>{can}</b> pass {statistics.LEVEL:g} here, "
                "however large it is."
            )
    drawn_anew = [tuple(map(len, o.points.values())) for o in over_raw(scale, store) if o.interval]
    for sizes in sorted({min(drawn_anew), max(drawn_anew)} if drawn_anew else ()):
        items.append(
            f"An interval from {' and '.join(map(str, sizes))} seeds on {len(sizes)} data sets, "
            f"called {statistics.CONFIDENCE:.0%}, held the truth in {statistics.coverage(sizes):.0%} "
            f"of {statistics.SIMULATED} simulated comparisons."
        )
    return as_list(items)


def findings(scale: str, store: Store, name: str) -> str:
    """What one of `COMPARISONS` comes to, counted."""
    found = COMPARISONS[name](scale, store)
    above = [one.name for one in found if one.interval and one.interval[0] > 0]
    below = [one.name for one in found if one.interval and one.interval[1] < 0]
    alike = [one.name for one in found if _one_sign(one)]
    passed = [one.name for one in found if one.corrected < statistics.LEVEL]
    without = [one.name for one in found if one.interval is None]
    return as_list(
        [
            f"Interval wholly above nought: {_names(above)}.",
            f"Interval wholly below nought: {_names(below)}.",
            f"Same sign in every seed of every data set: {len(alike)} of {len(found)}.",
            f"No interval, for want of a second seed somewhere: {_names(without)}.",
            f"Below {statistics.LEVEL:g} after Holm's correction: {_names(passed)}.",
        ]
    )


def as_table(caption: str, heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table whose first column stays in sight; `caption` is HTML, all else is text."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in heads)
    body = "".join(
        f"<tr><th>{html.escape(first)}</th>{''.join(f'<td>{html.escape(v)}</td>' for v in rest)}</tr>"
        for first, *rest in lines
    )
    return (
        f'<div class="claim-scroll"><table class="claim"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def as_list(items: Iterable[str]) -> str:
    """Sentences, each HTML, as a list."""
    return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"


def signed(value: float) -> str:
    """One decimal and always a sign."""
    return f"{value:+.1f}".replace("-", "−")


def _one_sign(one: Difference) -> bool:
    signs = {float(np.sign(value)) for values in one.points.values() for value in values}
    return len(signs) == 1 and signs != {0.0}


def _names(names: Sequence[str]) -> str:
    return ", ".join(html.escape(name) for name in names) or "none"


def _incomplete(found: Ranks) -> str:
    lacking = _names(found.rows) if found.rows else "every method"
    return f'<p class="state-not-run">not run: no seed of a data set has all of {lacking}</p>'


Part = Callable[[str, Store], Figure | str]

PARTS: dict[str, Part] = {
    "reach": reach,
    "parts lacking": lacking,
    "ranks figure": ranks_figure,
    "ranks": ranks_table,
    **{
        f"{name}{kind}": partial(make, name=name)
        for name in COMPARISONS
        for kind, make in (
            ("", difference_table),
            (" figure", difference_figure),
            (" findings", findings),
        )
    },
}
