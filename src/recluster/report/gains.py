"""What a method adds to the autoencoder that it starts from: its ACC minus that of k-means there."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recluster.methods import kmeans
from recluster.parts.origin import beginning
from recluster.report.table import number
from recluster.report.verdict import records_of
from recluster.spec import Config
from recluster.store import Store


@dataclass(frozen=True, kw_only=True)
class Gain:
    """ACC of a method minus that of k-means on its own pretrained autoencoder, in percent points.

    `differences` holds one number a seed that both have; `start` is the autoencoder's method.
    """

    row: str
    dataset: str
    start: str
    differences: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Over seeds."""
        return float(np.mean(self.differences))


def gains(plan: Mapping[str, Mapping[str, Config]], scale: str, store: Store) -> list[Gain]:
    """The gain of every planned method that starts from an autoencoder and has records."""
    found = []
    for dataset, rows in plan.items():
        for row, config in rows.items():
            if config.start is None or isinstance(config, kmeans.Config):
                continue
            root = beginning(config.start)
            ours = accuracies(config, dataset, scale, store)
            theirs = accuracies(kmeans.Config(start=root), dataset, scale, store)
            differences = tuple(ours[seed] - theirs[seed] for seed in ours if seed in theirs)
            if differences:
                found.append(Gain(row=row, dataset=dataset, start=root.method, differences=differences))
    return found


def accuracies(config: Config, dataset: str, scale: str, store: Store) -> dict[int, float]:
    """Seed to ACC in percent, of the finished and current records."""
    records, _ = records_of(store, config, dataset, scale)
    return {record.run["seed"]: 100 * record.scores["acc"] for record in records}


def as_html(found: list[Gain], scale: str) -> str:
    """Methods by data sets, each cell the mean gain and its range over seeds."""
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
    return (
        '<div class="claim-scroll"><table class="claim"><caption>ACC in percent points over k-means on '
        f"the same pretrained autoencoder, seed by seed: mean, and in brackets the seeds' range. Scale "
        f"<b>{scale}</b>.</caption><thead><tr><td></td><th>starts from</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _cell(gain: Gain | None) -> str:
    if gain is None:
        return "<td></td>"
    low, high = min(gain.differences), max(gain.differences)
    state = "agrees" if gain.mean >= 0 else "differs"
    text = f"{_signed(gain.mean)} <small>[{_signed(low)}, {_signed(high)}]</small>"
    return f'<td class="state-{state}" title="n={len(gain.differences)}">{text}</td>'


def _signed(value: float) -> str:
    return f"{'+' if value >= 0 else '−'}{number(abs(value))}"
