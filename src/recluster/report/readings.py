"""What measures share: curves by name, how they change, and a record's relations in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from recluster.saving import revived
from recluster.spec import Config, InputError, Run
from recluster.store import FINISHED, Array, Record, Store

Variant = Mapping[str, Any]


class Unmeasured(InputError):
    """This record does not hold what the metric is computed from; another of the run may."""


def curve_of(record: Record, *names: str) -> Array:
    """The curve of that name, or the sum of several."""
    total: Array = np.array([record.curves[name] for name in names]).sum(0)
    return total


def change_over(curve: Array, start: float, end: float) -> float:
    """Relative change of a curve between two points of it, each the mean of a twentieth."""
    width = max(1, len(curve) // 20)
    first, last = int(start * (len(curve) - width)), int(end * (len(curve) - width))
    before, after = curve[first : first + width].mean(), curve[last : last + width].mean()
    return float((after - before) / before)


def watched(record: Record, name: str) -> Array:
    """One of `recluster.diagnostics.watched` at the scored epochs."""
    if name not in record.scored:
        raise Unmeasured(f"{record.key} was made before {name} was kept; run it again")
    return np.array(record.scored[name])


def over_epochs(record: Record, values: Array) -> float:
    """The mean over training of what was measured at the scored epochs, which lie ever farther apart.

    Each stands for the epochs since the one scored before it; the start, epoch 0, for none.
    """
    return float(np.average(values, weights=np.diff(record.scored["epoch"], prepend=0)))


def fall(values: Array) -> float:
    """The greatest, from one value to the next."""
    return abs(float(np.diff(values, prepend=values[0]).min()))


def drift(curve: Array) -> float:
    """How much a curve still changes over its last fifth, as a share."""
    return abs(change_over(curve, 0.8, 1))


def config_of(record: Record) -> Config:
    """The config of the record's run; options that it does not know yet are at their defaults."""
    return revived(record.run["config"])


def relative(record: Record, store: Store, config: Config) -> Record | None:
    """The finished record of this config on the record's data, seed and scale, if the store has it."""
    dataset, seed, scale = (record.run[name] for name in ("dataset", "seed", "scale"))
    found = store.find(Run(config=config, dataset=dataset, seed=seed, scale=scale))
    return found if found is not None and found.status == FINISHED else None


def start_of(record: Record, store: Store) -> Record | None:
    """The record of the run that a run began with, if the store has it."""
    start = config_of(record).start
    return None if start is None else relative(record, store, start)


def lacking(record: Record, what: str) -> Unmeasured:
    """The error of a record without one of its relations, `what` it is compared with."""
    run = record.run
    place = f"{run['dataset']}-{run['scale']}-s{run['seed']}"
    return Unmeasured(f"the store lacks {what} on {place}, which {record.key} is compared with")
