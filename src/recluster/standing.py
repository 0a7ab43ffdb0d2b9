"""Whether a record counts: the one answer that tables, runs and the care of records share."""

from __future__ import annotations

from recluster import diagnostics, fingerprint
from recluster.spec import Config, InputError, Run
from recluster.store import FAILED, Record, Store

CURRENT, STALE = "current", "stale"


def standing(record: Record, config: Config, *, diagnosed: bool = False) -> str:
    """`FAILED`, or `CURRENT` if it still speaks for the code under `config`, or else `STALE`.

    With `diagnosed` it must also hold what `diagnostics.watched` tells of a run. An option that the
    record does not know yet is at a default that changes nothing, or else the fingerprints differ.
    """
    if record.status == FAILED:
        return FAILED
    if diagnosed and not {*diagnostics.asked_of(config.method)} <= {*record.scored}:
        return STALE
    now = config.canonical()
    same = all(now[name] == value for name, value in record.run["config"].items() if name in now)
    good = same and fingerprint.matches(record.fingerprint, fingerprint.fingerprint(config))
    return CURRENT if good else STALE


def counts(record: Record | None, config: Config, *, diagnosed: bool = False) -> bool:
    """Whether there is a record, and it is current."""
    return record is not None and standing(record, config, diagnosed=diagnosed) == CURRENT


def state(run: Run, store: Store, *, diagnosed: bool = False) -> str:
    """One of: there, missing, failed, stale, broken, or under way in some process."""
    if store.busy(run.name):
        return "under way"
    try:
        record = store.find(run)
    except InputError:
        return "broken"
    if record is None:
        return "missing"
    found = standing(record, run.config, diagnosed=diagnosed)
    return "there" if found == CURRENT else found
