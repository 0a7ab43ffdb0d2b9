"""The scores of all methods, and the differences between two runs of one data set and seed.

Where both start from an autoencoder, it is the same one, pretrained once for each seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from recluster.methods import kmeans
from recluster.papers.comparison import METHODS_COMPARED
from recluster.parts.origin import beginning
from recluster.report import statistics
from recluster.report.contrasts import CONTRASTS
from recluster.report.gains import by_seed
from recluster.spec import Config
from recluster.store import Store

RANKED = ("acc", "nmi", "ari")

Pairs = Mapping[str, tuple[Config, Config]]
"""Data set to ours and theirs."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One row less another, over the seeds that both have.

    Attributes:
        group: under which heading it stands.
        name: what is compared with something.
        points: data set to the differences in ACC, in percent points, seed by seed.
        interval: of the mean over data sets, see `statistics.interval`.
        p: two-sided, by the signs, see `statistics.sign_flip`.
        corrected: the same after Holm's correction over all comparisons of its table.
        better: probability that a run of ours beats one of theirs.
    """

    group: str
    name: str
    points: Mapping[str, tuple[float, ...]]
    interval: tuple[float, float] | None
    p: float
    corrected: float
    better: float

    @property
    def mean(self) -> float:
        """Over data sets, each by the mean of its seeds."""
        return statistics.centre(list(self.points.values()))

    @property
    def count(self) -> int:
        """How many differences there are."""
        return sum(map(len, self.points.values()))


def difference(group: str, name: str, pairs: Pairs, scale: str, store: Store) -> Difference | None:
    """Ours less theirs on every data set where a seed has both; None where there is none."""
    both = {}
    for dataset, configs in pairs.items():
        ours, theirs = (by_seed(config, dataset, scale, store) for config in configs)
        shared = sorted(ours.keys() & theirs.keys())
        if shared:
            scores = [[100 * runs[seed].scores["acc"] for seed in shared] for runs in (ours, theirs)]
            both[dataset] = np.array(scores)
    if not both:
        return None
    points = {dataset: ours - theirs for dataset, (ours, theirs) in both.items()}
    p = statistics.sign_flip(list(points.values()))
    return Difference(
        group=group,
        name=name,
        points={dataset: tuple(row.tolist()) for dataset, row in points.items()},
        interval=statistics.interval(list(points.values())),
        p=p,
        corrected=p,
        better=statistics.probability_of_improvement(
            [ours for ours, _ in both.values()], [theirs for _, theirs in both.values()]
        ),
    )


def corrected(found: Iterable[Difference | None]) -> list[Difference]:
    """Those that there are, with Holm's correction over them."""
    known = [one for one in found if one is not None]
    together = statistics.holm([one.p for one in known])
    return [replace(one, corrected=float(p)) for one, p in zip(known, together, strict=True)]


@cache
def over_raw(scale: str, store: Store) -> list[Difference]:
    """Every method less k-means on the data as they are."""
    raw = kmeans.Config()
    return corrected(
        difference("", row, {data: (c, raw) for data, c in sets.items()}, scale, store)
        for row, sets in _rows(scale).items()
        if raw not in sets.values()
    )


@cache
def over_start(scale: str, store: Store) -> list[Difference]:
    """Every method that starts from an autoencoder less k-means on that very one."""
    return corrected(
        difference("", row, pairs, scale, store)
        for row, sets in _rows(scale).items()
        if (pairs := _own_starts(sets))
    )


@cache
def by_part(scale: str, store: Store) -> list[Difference]:
    """The contrasts between two rows that differ in one thing."""
    return corrected(
        difference(one.question, one.name, one.pairs(scale), scale, store) for one in CONTRASTS
    )


def _rows(scale: str) -> dict[str, dict[str, Config]]:
    """Method to data set to config."""
    rows: dict[str, dict[str, Config]] = {}
    for row, dataset, config in METHODS_COMPARED.planned(scale):
        rows.setdefault(row, {})[dataset] = config
    return rows


def _own_starts(sets: Mapping[str, Config]) -> Pairs:
    return {
        dataset: (config, kmeans.Config(start=beginning(config.start)))
        for dataset, config in sets.items()
        if config.start is not None and not isinstance(config, kmeans.Config)
    }


@dataclass(frozen=True, kw_only=True)
class Ranks:
    """Scores by row and block, and what is left of them when only complete blocks count.

    Attributes:
        rows: the methods with a run at all.
        blocks: (data set, seed) of every run.
        scores: metric to its values (rows, blocks), NaN where there is no run.
    """

    rows: tuple[str, ...]
    blocks: tuple[tuple[str, int], ...]
    scores: Mapping[str, statistics.Vector]

    def complete(self, dataset: str | None = None) -> list[int]:
        """The columns in which every row has a run, of all data sets or of one."""
        known = statistics.complete(self.scores["acc"])
        return [i for i, (name, _) in enumerate(self.blocks) if known[i] and dataset in (None, name)]

    def mean(self, metric: str, dataset: str | None = None) -> statistics.Vector:
        """Mean ranks (rows,) over the complete blocks."""
        return statistics.mean_ranks(self.scores[metric][:, self.complete(dataset)])

    @property
    def datasets(self) -> list[str]:
        """Those with a complete block."""
        return list(dict.fromkeys(self.blocks[i][0] for i in self.complete()))


@cache
def ranks(scale: str, store: Store) -> Ranks:
    """The scores of all methods that have a record at this scale."""
    found = {
        (row, dataset, seed): record.scores
        for row, sets in _rows(scale).items()
        for dataset, config in sets.items()
        for seed, record in by_seed(config, dataset, scale, store).items()
    }
    rows = tuple(dict.fromkeys(row for row, *_ in found))
    blocks = tuple(sorted({(dataset, seed) for _, dataset, seed in found}))
    return Ranks(
        rows=rows,
        blocks=blocks,
        scores={
            metric: np.array(
                [[found.get((row, *block), {}).get(metric, np.nan) for block in blocks] for row in rows]
            )
            for metric in RANKED
        },
    )
