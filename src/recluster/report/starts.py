"""What clustering adds to its start: DynAE from autoencoders that were trained for longer and longer."""

from __future__ import annotations

import html
from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from recluster.papers.claim import Claim
from recluster.papers.dynae_causes import KMEANS, LIGHT, PLAIN, SHARES, named
from recluster.papers.dynae_causes import told as spoken
from recluster.report.gains import by_seed
from recluster.report.verdict import judge
from recluster.store import Store

HUNDRED = 100
Points = list[tuple[float, float]]
"""ACC of the start and of what clustering made of it, in percent, a pair a seed."""


def points(claim: Claim, dataset: str, row: str, start: str, scale: str, store: Store) -> Points:
    """The row's seeds beside k-means on the very start that each of them has."""
    rows = claim.plan[scale][dataset]
    before, after = (by_seed(rows[one], dataset, scale, store) for one in (start, row))
    return [
        (HUNDRED * before[seed].scores["acc"], HUNDRED * one.scores["acc"])
        for seed, one in after.items()
        if seed in before
    ]


def over_starts(claim: Claim, scale: str, store: Store) -> Figure | None:
    """ACC gained over ACC of the start, a panel a data set, a colour a setting, a dot a seed."""
    datasets = [*claim.plan.get(scale, {})]
    figure, axes = plt.subplots(
        1,
        len(datasets),
        figsize=(3.9 * len(datasets), 3.1),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panel, dataset in zip(axes[0], datasets, strict=True):
        panel.axhline(0, color="0.8", lw=0.8)
        for colour, method in (("C0", PLAIN), ("C1", LIGHT)):
            found = [
                points(claim, dataset, named(method, share), named(KMEANS, share), scale, store)
                for share in SHARES
            ]
            dots = np.array([(start, end - start) for one in found for start, end in one]).reshape(-1, 2)
            means = np.array([np.mean(one, 0) for one in found if one]).reshape(-1, 2)
            panel.plot(*dots.T, "o", ms=4, color=colour, alpha=0.6, label=method)
            panel.plot(means[:, 0], means[:, 1] - means[:, 0], "-", lw=1.2, color=colour)
        panel.set(title=dataset, xlabel="ACC of k-means on the start, percent")
    axes[0, 0].set_ylabel("points that clustering adds")
    axes[0, 0].legend()
    return figure


def told(claim: Claim, scale: str, store: Store) -> str:
    """What DynAE adds to each of its starts, in a sentence for each data set."""
    known = {data: "; ".join(_added(claim, data, scale, store)) for data in claim.plan.get(scale, {})}
    items = [f"<li>{html.escape(data)}: {text or 'not run'}</li>" for data, text in known.items()]
    head = f"At {scale} scale, points of ACC that DynAE adds to k-means on its start:"
    return f"<p>{head}</p><ul>{''.join(items)}</ul>"


def _added(claim: Claim, dataset: str, scale: str, store: Store) -> Iterator[str]:
    for share in SHARES:
        found = points(claim, dataset, named(PLAIN, share), named(KMEANS, share), scale, store)
        if found:
            start, end = np.mean(found, 0)
            gain = f"{end - start:+.1f}".replace("-", "−")
            yield f"{gain} to {start:.1f} after {spoken(share)} of the pretraining (n={len(found)})"


def piloted(claim: Claim, scale: str, store: Store) -> str:
    """Which rows pass the pilot's rule, and which of them is nearest to the log. No label is read."""
    judged = judge(claim, scale, store)
    rows = dict.fromkeys(one.cell.row for one in judged if one.obtained)
    if not rows:
        return f"<p>not run: <code>recluster run {claim.id} --scale {scale}</code></p>"
    states = {
        row: [one.state for one in judged if one.cell.row == row and one.cell.bound] for row in rows
    }
    passed = [row for row, its in states.items() if {*its} == {"agrees"}]
    distances = {
        one.cell.row: one.obtained.mean
        for one in judged
        if one.obtained and one.cell.row in passed and one.cell.metric == "share_conflicted_from_log"
    }
    names = " and ".join(f"<b>{html.escape(row)}</b>" for row in passed) or "none"
    text = f"Of {' and '.join(map(html.escape, rows))}, the rule lets pass: {names}."
    if distances:
        nearest = min(distances, key=distances.__getitem__)
        text += f" Nearest to the log is <b>{html.escape(nearest)}</b>, {distances[nearest]:.3f} off."
    return f"<p>{text}</p>"
