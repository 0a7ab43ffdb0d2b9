"""DCSS's figures; what the paper prints stands beside ours in grey, where it prints anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recluster.diagnostics import residual_histogram
from recluster.methods import dcss
from recluster.papers import find
from recluster.papers.dcss_causes import APART
from recluster.parts import centring
from recluster.report.band import band, scored_band
from recluster.report.measures_dcss import objective
from recluster.report.readings import start_of
from recluster.store import Record, Store

Found = Mapping[tuple[str, str], Sequence[Record]]
PRINTED: Any = {"color": "0.45", "marker": "D", "markerfacecolor": "white"}
MARK: Any = {"color": "0.6", "lw": 0.8, "ls": "--"}


def printed(claim: str, row: str, dataset: str, metric: str) -> float | None:
    """The printed value of a cell, None where nothing is printed."""
    cells = find(claim).cells
    found = (c.printed for c in cells if (c.row, c.dataset, c.metric) == (row, dataset, metric))
    return next(found, None)


# --- courses over the epochs ----------------------------------------------------------------------


def first_phase(found: Found, store: Store) -> Figure:
    """Figure 4: both losses and their sum, eq. (1a), over the epochs of the first phase."""
    curves: dict[str, Callable[[Record], Any]] = {
        "reconstruction loss": lambda record: record.curves["reconstruction"],
        "centring loss": lambda record: record.curves["centring"],
        "total loss": objective,
    }
    figure, axes = panels(3)
    for (_, dataset), records in found.items():
        for panel, (title, curve) in zip(axes, curves.items(), strict=True):
            band(panel, [curve(record) for record in records], dataset)
            panel.set(title=title, xlabel="epoch")
    axes[-1].legend()
    return figure


def second_phase(found: Found, store: Store, curves: Mapping[str, Sequence[str]]) -> Figure:
    """Figures 5 and 10(a): a panel a sum of curves; the dashed line is T_2, when q takes over from p."""
    figure, axes = panels(len(curves))
    for (_, dataset), records in found.items():
        for panel, (title, names) in zip(axes, curves.items(), strict=True):
            sums = [np.sum([record.curves[name] for name in names], axis=0) for record in records]
            band(panel, sums, dataset)
            panel.set(title=title, xlabel="epoch of the second phase")
            panel.axvline(records[0].run["config"]["guided_epochs"] + 0.5, **MARK)
    axes[-1].legend()
    return figure


def isolation(found: Found, store: Store) -> Figure:
    """Figure 13: share of samples without an adjacent one, and the one value that is printed of it."""
    figure = second_phase(found, store, {"share without an adjacent sample": ["isolated"]})
    (axes,) = figure.axes
    dataset = "cifar100-resnet152"
    value = printed("dcss.figure13", "DCSS", dataset, "isolated_end")
    if value is not None:
        end = axes.get_xlim()[1]
        axes.plot(end, value / 100, ls="", label=f"{dataset}, printed", clip_on=False, **PRINTED)
    axes.legend()
    return figure


def both_phases(found: Found, store: Store) -> Figure:
    """ACC over the epochs of both phases, and of p before q; printed, what Table 1 has after each."""
    figure, axes = panels(len(found))
    for panel, ((_, dataset), records) in zip(axes, found.items(), strict=True):
        starts = [one for record in records if (one := start_of(record, store))]
        first = starts[0].scored["epoch"][-1] if starts else 0
        last = first + records[0].scored["epoch"][-1]
        for some, label, begin in ((starts, "p, phase 1", 0), (records, "q, phase 2", first)):
            if some:
                shown = [
                    {**one.scored, "epoch": [begin + e for e in one.scored["epoch"]]} for one in some
                ]
                scored_band(panel, shown, "acc", label)
        for row, epoch in {"DCSS_u": first, "DCSS": last}.items():
            value = printed("dcss.table1", row, dataset, "acc")
            if value is not None:
                panel.plot(epoch, value / 100, ls="", label=f"{row}, printed", **PRINTED)
        panel.axvline(first + 0.5, **MARK)
        panel.set(title=dataset, xlabel="epoch", ylabel="ACC", ylim=(0, 1.02))
        panel.legend(loc="lower right")
    return figure


def contraction(found: Found, store: Store) -> Figure:
    """How far apart the centres lie, update by update or epoch by epoch; the dashed line is our rule."""
    rows = list(dict.fromkeys(row for row, _ in found))
    figure, axes = panels(len(rows))
    for (row, dataset), records in found.items():
        panel = axes[rows.index(row)]
        band(panel, [record.curves["separation"] for record in records], dataset)
        panel.axhline(APART, **MARK)
        panel.set(title=row, xlabel="epoch, or update", ylim=(0, None))
    axes[0].set_ylabel("least distance of centres / radius")
    axes[-1].legend()
    return figure


# --- assignments ----------------------------------------------------------------------------------


def vectors(found: Found, store: Store) -> Figure:
    """Figure 7: q of the sample's first member of each class, a row a data set."""
    classes = max(records[0].data["k"] for records in found.values())
    figure, axes = plt.subplots(
        len(found),
        classes,
        figsize=(0.9 * classes, 1.25 * len(found)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for panels, ((_, dataset), records) in zip(axes, found.items(), strict=True):
        arrays = store.precise(records[0])
        for value, row in zip(*np.unique(arrays["sample_classes"], return_index=True), strict=True):
            q = arrays["sample_q"][row]
            panels[value].bar(range(len(q)), q)
            panels[value].set(title=f"class {value}", ylim=(0, 1), xticks=[])
        panels[0].set_ylabel(dataset)
    return figure


def residuals(found: Found, store: Store) -> Figure:
    """Figure 8: histogram of the l1 distances of q from its one-hot vector, a panel a data set."""
    figure, axes = panels(len(found))
    for panel, ((_, dataset), records) in zip(axes, found.items(), strict=True):
        counts, edges = residual_histogram(store.precise(records[0])["sample_q"], bins=40)
        panel.stairs(counts, edges, fill=True)
        panel.set(title=dataset, xlabel="h, distance from one-hot", yscale="log")
    axes[0].set_ylabel("samples")
    return figure


# --- gains and settings ---------------------------------------------------------------------------


def mnet(found: Found, store: Store) -> Figure:
    """Section 4.7: from each method to the same with MNet, in ACC; a panel a data set."""
    datasets = list(dict.fromkeys(dataset for _, dataset in found))
    rows = list(dict.fromkeys(row for row, _ in found))
    figure, axes = panels(len(datasets))
    for (row, dataset), records in found.items():
        panel, place = axes[datasets.index(dataset)], rows.index(row)
        ours = {"color": "C0", "marker": "o", "label": "ours, with MNet"}
        _gain(panel, place - 0.12, _before_and_after(records, store), ours)
        before = printed("dcss.table1", row.removesuffix("+MNet"), dataset, "acc")
        after = printed("dcss.table3", row, dataset, "acc")
        if before is not None and after is not None:
            _gain(panel, place + 0.12, [before, after], PRINTED | {"label": "printed, with MNet"})
    for panel, dataset in zip(axes, datasets, strict=True):
        panel.set(title=dataset, xlabel="ACC", ylim=(len(rows) - 0.5, -0.5))
        panel.set_yticks(range(len(rows)), [row.removesuffix("+MNet") for row in rows])
    named = [panel.get_legend_handles_labels() for panel in axes]
    once = {label: handle for some in named for handle, label in zip(*some, strict=True)}
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=2)
    return figure


def _before_and_after(records: Sequence[Record], store: Store) -> list[float]:
    """Mean ACC in percent without MNet and with it; with it alone where the store lacks the starts."""
    starts = [start_of(record, store) for record in records]
    pairs = [(one.scores["acc"], r.scores["acc"]) for one, r in zip(starts, records, strict=True) if one]
    if not pairs:
        return [100 * float(np.mean([record.scores["acc"] for record in records]))]
    return [100 * float(value) for value in np.mean(pairs, axis=0)]


def _gain(axes: Axes, place: float, values: Sequence[float], style: Mapping[str, Any]) -> None:
    """A line from the first value to the last, which has the mark."""
    axes.plot(values, [place] * len(values), color=style["color"], lw=1.2)
    axes.plot(values[-1], place, ls="", **style)


def sensitivity(found: Found, store: Store) -> Figure:
    """Figures 9 and 10(b): ACC and NMI over a setting's values; printed, what Table 1 has at ours."""
    setting = next(iter(found))[0].split()[0]
    values = sorted({row.split()[-1] for row, _ in found}, key=float)
    figure, axes = panels(2)
    for panel, (score, title) in zip(axes, (("acc", "ACC"), ("nmi_max", "NMI")), strict=True):
        for number, dataset in enumerate(dict.fromkeys(dataset for _, dataset in found)):
            ours = {
                row.split()[-1]: records for (row, name), records in found.items() if name == dataset
            }
            _line(panel, {values.index(value): ours[value] for value in ours}, score, dataset, number)
            first = next(iter(ours.values()))[0].run["method"] == centring.Config.method
            value = printed("dcss.table1", "DCSS_u" if first else "DCSS", dataset, score)
            usual = f"{CHOSEN[setting]:g}"
            if value is not None and usual in values:
                style = PRINTED | {"color": f"C{number}", "label": f"{dataset}, printed"}
                panel.plot(values.index(usual), value / 100, ls="", **style)
        panel.set_xticks(range(len(values)), values)
        panel.set(title=title, xlabel=setting, ylim=(0, 1.02))
    axes[0].legend(loc="lower left")
    return figure


def _line(axes: Axes, ours: Mapping[int, Sequence[Record]], score: str, label: str, number: int) -> None:
    """A dot at each place, the seeds' mean, with a bar from the lowest to the highest."""
    places = sorted(ours)
    scores = [[record.scores[score] for record in ours[place]] for place in places]
    means = np.array([np.mean(some) for some in scores])
    spread = [means - [min(some) for some in scores], [max(some) for some in scores] - means]
    axes.errorbar(places, means, np.abs(spread), marker="o", color=f"C{number}", capsize=2, label=label)


def imbalance(found: Found, store: Store) -> Figure:
    """Figure 6: ACC and NMI of each method over the rate at which samples of the first class stay."""

    def rate(dataset: str) -> str:
        return dataset.rpartition("-r")[2] if "-r" in dataset else "1"

    rates = sorted({rate(dataset) for _, dataset in found}, key=float)
    figure, axes = panels(2)
    for panel, (score, title) in zip(axes, (("acc", "ACC"), ("nmi_max", "NMI")), strict=True):
        for number, row in enumerate(dict.fromkeys(row for row, _ in found)):
            ours = {
                rates.index(rate(dataset)): records
                for (name, dataset), records in found.items()
                if name == row
            }
            _line(panel, ours, score, row, number)
        panel.set_xticks(range(len(rates)), rates)
        panel.set(title=title, xlabel="retention rate r", ylim=(0, 1.02))
    axes[0].legend(loc="lower left")
    return figure


CHOSEN: dict[str, float] = {
    "alpha": centring.Config.centring_weight,
    "m": centring.Config.fuzziness,
    "T1": centring.Config.centroid_interval,
    "T2": dcss.Config.guided_epochs,
    "zeta": dcss.Config.similar,
}


# --- what they share ------------------------------------------------------------------------------


def panels(columns: int, size: tuple[float, float] = (3.2, 2.7)) -> tuple[Figure, list[Axes]]:
    """A row of axes; `size` is that of one, in inches."""
    width, height = size
    figure, axes = plt.subplots(
        1, columns, figsize=(width * columns, height), squeeze=False, layout="constrained"
    )
    return figure, list(axes[0])


DRAWERS: dict[str, Callable[[Found, Store], Figure]] = {
    "centring": first_phase,
    "imbalance": imbalance,
    "pairing": partial(second_phase, curves={"loss per pair": ["pairs"]}),
    "participation": partial(
        second_phase,
        curves={
            "share of similar pairs": ["similar"],
            "of dissimilar pairs": ["dissimilar"],
            "of both": ["similar", "dissimilar"],
        },
    ),
    "isolation": isolation,
    "both phases": both_phases,
    "contraction": contraction,
    "vectors": vectors,
    "residuals": residuals,
    "mnet": mnet,
    "sensitivity": sensitivity,
}
