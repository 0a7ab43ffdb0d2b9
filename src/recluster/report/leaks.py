"""What choosing by the labels buys: an epoch, a setting, a seed; beside the margins that papers print.

No run of ours chooses anything by labels. Their curves and scores tell afterwards what it would have
given to somebody who did, in percent points of ACC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache

import numpy as np
from scipy import integrate, stats

from recluster.papers import CLAIMS
from recluster.papers.comparison import METHODS_COMPARED
from recluster.papers.contradictions.printed import column, datasets
from recluster.papers.suite import methods
from recluster.report.gains import by_seed
from recluster.report.verdict import records_of
from recluster.spec import Config
from recluster.store import Record, Store

SWEEPS = (
    "pcx.table6", "ulhe.table2", "ulhe.table3", "dynae.figure13", "dcss.figure9a", "dcss.figure9b",
    "dcss.figure9c", "dcss.figure9d", "dcss.figure10b", "secu.table1", "secu.table2", "secu.table3",
)  # fmt: skip
"""The claims that vary one method's settings."""

USUAL = {"pcx": "PC-X", "ulhe": "ULHE-DC", "dynae": "DynAE", "dcss": "DCSS", "secu": "SeCu"}
USUAL |= {"dcss-u": "DCSS_u"}
USUAL |= {"idec": "IDEC*"}  # the only baseline that a paper varies, DynAE's in Figure 13
MAIN = {
    "pcx.table4": "PC-X", "pcx.table5": "PC-X", "ulhe.table1": "ULHE-DC", "dynae.table2": "DynAE",
    "dynae.table3": "DynAE", "dcss.table1": "DCSS",
}  # fmt: skip
"""The papers' tables against others, and whose row is the paper's own; SeCu's supplement has none."""

PARTS_OF = {"DCSS": ("DCSS_u",)}  # rows that are a part of the paper's own method, not a rival
DRAWS = (5, 10)


@dataclass(frozen=True, kw_only=True)
class Stop:
    """A method's last epoch beside the one of highest ACC, seed by seed.

    Attributes:
        row: the method.
        dataset: on which data.
        last: ACC at the last epoch, in percent.
        best: the highest ACC of all scored epochs, in percent.
        when: where that epoch lies, as a share of the last one.
    """

    row: str
    dataset: str
    last: tuple[float, ...]
    best: tuple[float, ...]
    when: tuple[float, ...]

    @property
    def points(self) -> tuple[float, ...]:
        """What stopping by labels buys, seed by seed."""
        return tuple(best - last for best, last in zip(self.best, self.last, strict=True))


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The best of several settings by the mean ACC over seeds, beside all of them and the usual one.

    Attributes:
        claim: the claim that varies the settings.
        dataset: on which data.
        rows: how many settings have runs of the same seeds.
        best: the one of highest mean ACC.
        over_mean: its ACC less the mean over all, in percent points, seed by seed.
        over_usual: its ACC less that of the paper's setting; empty if that is not among them.
    """

    claim: str
    dataset: str
    rows: int
    best: str
    over_mean: tuple[float, ...]
    over_usual: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Seeds:
    """ACC over seeds, in percent, of one config."""

    row: str
    dataset: str
    accs: tuple[float, ...]

    @property
    def best_less_mean(self) -> float:
        """What reporting the best of these seeds buys."""
        return max(self.accs) - float(np.mean(self.accs))

    @property
    def std(self) -> float:
        """The sample's deviation."""
        return float(np.std(self.accs, ddof=1))

    @property
    def std_interval(self) -> tuple[float, float]:
        """95% for the deviation, if ACC is normal over seeds."""
        free = len(self.accs) - 1
        high, low = (float(stats.chi2.ppf(level, free)) for level in (0.975, 0.025))
        return self.std * float(np.sqrt(free / high)), self.std * float(np.sqrt(free / low))


@dataclass(frozen=True, kw_only=True)
class Margin:
    """A paper's own ACC less that of its strongest rival in the same column, both as printed."""

    claim: str
    dataset: str
    own: float
    rival: str
    rival_acc: float

    @property
    def points(self) -> float:
        """Negative where the paper's own method is not the best."""
        return self.own - self.rival_acc


@cache
def expected_maximum(draws: int) -> float:
    """Mean of the greatest of so many draws from a standard normal."""
    value, _ = integrate.quad(
        lambda x: x * draws * stats.norm.pdf(x) * stats.norm.cdf(x) ** (draws - 1), -8, 8
    )
    return float(value)


def half_width(points: Sequence[float]) -> float:
    """Half of Student's 95% interval for the mean of two points or more."""
    error = float(np.std(points, ddof=1)) / float(np.sqrt(len(points)))
    return float(stats.t.ppf(0.975, len(points) - 1)) * error


@cache  # a page asks several times, and a store has hundreds of records
def trained(scale: str, store: Store) -> tuple[tuple[str, str, list[Record]], ...]:
    """(row, data set, records) of every compared method that was scored along its epochs."""
    found = []
    for row, dataset, config in METHODS_COMPARED.planned(scale):
        records = [r for r in records_of(store, config, dataset, scale)[0] if _has_curve(r)]
        if records:
            found.append((row, dataset, records))
    return tuple(found)


def _has_curve(record: Record) -> bool:
    return len(record.scored.get("acc", ())) > 1


def stops(scale: str, store: Store) -> list[Stop]:
    """What stopping by labels would buy for every compared method with an ACC curve."""
    found = []
    for row, dataset, records in trained(scale, store):
        curves = [(record.scored["epoch"], 100 * np.array(record.scored["acc"])) for record in records]
        found.append(
            Stop(
                row=row,
                dataset=dataset,
                last=tuple(float(acc[-1]) for _, acc in curves),
                best=tuple(float(acc.max()) for _, acc in curves),
                when=tuple(float(epoch[int(acc.argmax())] / epoch[-1]) for epoch, acc in curves),
            )
        )
    return found


@cache
def settings(scale: str, store: Store) -> list[Setting]:
    """What choosing a setting by labels would buy in every sweep with two settings or more."""
    found = []
    for name in SWEEPS:
        for dataset, rows in CLAIMS[name].plan.get(scale, {}).items():
            for group in _groups(rows):
                one = _setting(name, dataset, group, scale, store)
                found += [one] if one else []
    return found


def _groups(rows: Mapping[str, Config]) -> list[dict[str, Config]]:
    """Rows that differ in their method's settings alone: same method, same start."""
    groups: dict[object, dict[str, Config]] = {}
    for row, config in rows.items():
        groups.setdefault((config.method, config.start), {})[row] = config
    return [group for group in groups.values() if len(set(group.values())) > 1]


def _setting(
    name: str, dataset: str, rows: Mapping[str, Config], scale: str, store: Store
) -> Setting | None:
    runs = {row: by_seed(config, dataset, scale, store) for row, config in rows.items()}
    runs = {row: records for row, records in runs.items() if records}
    seeds = sorted(set.intersection(*(set(records) for records in runs.values()))) if runs else []
    if len(runs) < 2 or not seeds:
        return None
    acc = {row: np.array([100 * of[seed].scores["acc"] for seed in seeds]) for row, of in runs.items()}
    best = max(acc, key=lambda row: float(acc[row].mean()))
    usual = [row for row in acc if row in _usual(rows, scale)]
    return Setting(
        claim=name,
        dataset=dataset,
        rows=len(acc),
        best=best,
        over_mean=tuple((acc[best] - np.mean(list(acc.values()), axis=0)).tolist()),
        over_usual=tuple((acc[best] - acc[usual[0]]).tolist()) if usual else (),
    )


def _usual(rows: Mapping[str, Config], scale: str) -> list[str]:
    """The rows that have the paper's own value of whatever the rows vary."""
    first = next(iter(rows.values()))
    reference = methods(scale)[USUAL[first.method]]
    varied = [
        field.name
        for field in fields(first)
        if len({getattr(config, field.name) for config in rows.values()}) > 1
    ]
    return [
        row
        for row, config in rows.items()
        if all(getattr(config, field) == getattr(reference, field) for field in varied)
    ]


def seeds(scale: str, store: Store) -> list[Seeds]:
    """ACC over seeds of every compared and trained method that has two seeds or more."""
    return [
        Seeds(row=row, dataset=data, accs=tuple(100 * r.scores["acc"] for r in records))
        for row, data, records in trained(scale, store)
        if len(records) > 1
    ]


def margins() -> list[Margin]:
    """Every paper's printed lead, or lag, in every column of ACC that has both."""
    found = []
    for name, own in MAIN.items():
        for data in datasets(CLAIMS, name):
            acc = column(CLAIMS, name, data, "acc")
            rivals = {row: v for row, v in acc.items() if row not in (own, *PARTS_OF.get(own, ()))}
            if own in acc and rivals:
                rival = max(rivals, key=rivals.__getitem__)
                found.append(
                    Margin(claim=name, dataset=data, own=acc[own], rival=rival, rival_acc=rivals[rival])
                )
    return found
