"""What a method makes of the autoencoder that it starts from, beside k-means on that very one."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recluster import metrics
from recluster.methods import kmeans
from recluster.parts.origin import beginning
from recluster.report.table import number
from recluster.report.verdict import records_of
from recluster.spec import Config
from recluster.store import Record, Store


@dataclass(frozen=True, kw_only=True)
class Gain:
    """A method against k-means on its own pretrained autoencoder, seed by seed.

    Attributes:
        row: the method's name.
        dataset: on which data.
        start: the autoencoder's method.
        differences: ACC of the method minus that of k-means, in percent points.
        agreements: ARI between both clusterings: how far the method has moved.
        largest: share of the samples in the method's largest cluster.
        used: number of clusters with a member.
    """

    row: str
    dataset: str
    start: str
    differences: tuple[float, ...]
    agreements: tuple[float, ...]
    largest: tuple[float, ...]
    used: tuple[int, ...]

    @property
    def mean(self) -> float:
        """The difference, over seeds."""
        return float(np.mean(self.differences))


def gains(plan: Mapping[str, Mapping[str, Config]], scale: str, store: Store) -> list[Gain]:
    """The gain of every planned method that starts from an autoencoder and has records."""
    found = []
    for dataset, rows in plan.items():
        for row, config in rows.items():
            if config.start is None or isinstance(config, kmeans.Config):
                continue
            root = beginning(config.start)
            ours = by_seed(config, dataset, scale, store)
            theirs = by_seed(kmeans.Config(start=root), dataset, scale, store)
            pairs = [(ours[seed], theirs[seed]) for seed in ours if seed in theirs]
            if pairs:
                found.append(_gain(row, dataset, root.method, pairs, store))
    return found


def by_seed(config: Config, dataset: str, scale: str, store: Store) -> dict[int, Record]:
    """The finished and current records of a config by their seeds."""
    return {r.run["seed"]: r for r in records_of(store, config, dataset, scale)[0]}


def _gain(row: str, dataset: str, start: str, pairs: list[tuple[Record, Record]], store: Store) -> Gain:
    labels = [[store.precise(record)["labels"].astype(np.int64) for record in pair] for pair in pairs]
    return Gain(
        row=row,
        dataset=dataset,
        start=start,
        differences=tuple(100 * (ours.scores["acc"] - base.scores["acc"]) for ours, base in pairs),
        agreements=tuple(metrics.scores(base, ours)["ari"] for ours, base in labels),
        largest=tuple(float(np.bincount(ours).max() / len(ours)) for ours, _ in labels),
        used=tuple(len(np.unique(ours)) for ours, _ in labels),
    )


def as_html(found: list[Gain], scale: str) -> str:
    """Methods by data sets: the gain, its range over seeds, and what became of the clusters."""
    datasets = list(dict.fromkeys(gain.dataset for gain in found))
    rows = list(dict.fromkeys((gain.row, gain.start) for gain in found))
    cells = {(gain.row, gain.dataset): gain for gain in found}
    head = "".join(f"<th>{html.escape(name)}</th>" for name in datasets)
    body = "".join(
        f"<tr><th>{html.escape(row)}</th><td>{html.escape(start)}</td>"
        + "".join(_cell(cells.get((row, name))) for name in datasets)
        + "</tr>"
        for row, start in rows
    )
    caption = (
        "Above, ACC in percent points over k-means on the same pretrained autoencoder, seed by seed: "
        "mean, the seeds' range and their number. Below, how alike the clustering is to that of k-means "
        "(ARI), the share of the largest cluster, and how many clusters are used. Scale "
        f"<b>{scale}</b>."
    )
    return (
        f'<div class="claim-scroll"><table class="claim"><caption>{caption}</caption><thead><tr>'
        f"<td></td><th>starts from</th>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(gain: Gain | None) -> str:
    if gain is None:
        return "<td></td>"
    seeds = len(gain.differences)
    span = f" [{_signed(min(gain.differences))}, {_signed(max(gain.differences))}]" if seeds > 1 else ""
    state = "agrees" if gain.mean >= 0 else "differs"
    fate = (
        f"{np.mean(gain.agreements):.2f} alike, largest {np.mean(gain.largest):.0%}, "
        f"{np.mean(gain.used):.3g} used"
    )
    return (
        f'<td class="state-{state}"><span class="ours">{_signed(gain.mean)}{span} (n={seeds})</span>'
        f'<span class="printed">{fate}</span></td>'
    )


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{number(abs(value))}"
