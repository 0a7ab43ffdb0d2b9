"""SeCu's figures from records. The supplement has none, so these show what its statements are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from recluster.report.measures import cluster_variances
from recluster.store import Record, Store

Found = Mapping[tuple[str, str], list[Record]]

PRINTED: Any = {"color": "0.45", "lw": 1.1, "ls": ":"}


def sizes(found: Found, store: Store) -> Figure:
    """Largest and smallest cluster over the epochs, in units of the mean size, and the lower bound."""
    figure, axes = _panels(len(found), (3.4, 2.8))
    for panel, ((_, dataset), records) in zip(axes, found.items(), strict=True):
        ratio = records[0].run["config"]["lower_ratio"]
        mean = records[0].data["shape"][0] / records[0].data["k"]
        for name in ("largest", "smallest"):
            curves = np.array([record.curves[name] for record in records]) / mean
            epochs = range(1, curves.shape[1] + 1)
            (line,) = panel.plot(epochs, curves.mean(0), label=name, lw=1.4)
            panel.fill_between(
                epochs, curves.min(0), curves.max(0), color=line.get_color(), alpha=0.2, lw=0
            )
        panel.axhline(ratio, label="lower bound", **PRINTED)
        panel.set(title=f"{dataset}, γ = {ratio:g}", xlabel="epoch", ylim=(0, None))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[0].set_ylabel("size / mean size")
    axes[-1].legend()
    return figure


def variances(found: Found, store: Store) -> Figure:
    """Proposition 2: Var_neg / Var_pos of each record beside what it says of the record's a and K."""
    labels, pairs = [], []
    for (_, dataset), records in found.items():
        for record in records:
            if ours := cluster_variances(record, store):
                positive, negative, predicted = ours
                labels.append(f"{dataset}\nseed {record.run['seed']}")
                pairs.append((predicted, negative / positive))
    places = np.arange(len(labels))
    figure, (panel,) = _panels(1, (1.2 + 1.3 * len(labels), 2.8))
    for offset, values, colour, name in zip(
        (-0.2, 0.2),
        np.reshape(pairs, (-1, 2)).T,
        ("0.75", "C0"),
        ("Proposition 2", "measured"),
        strict=True,
    ):
        panel.bar(places + offset, values, 0.38, color=colour, label=name)
    panel.set_xticks(places, labels)
    panel.set(ylabel="Var$_{neg}$ / Var$_{pos}$")
    panel.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _panels(columns: int, size: tuple[float, float]) -> tuple[Figure, Any]:
    """A row of panels, each of this size in inches."""
    figure, axes = plt.subplots(
        1, columns, figsize=(size[0] * columns, size[1]), squeeze=False, layout="constrained"
    )
    return figure, axes[0]


DRAWERS: dict[str, Callable[[Found, Store], Figure]] = {"sizes": sizes, "variances": variances}
