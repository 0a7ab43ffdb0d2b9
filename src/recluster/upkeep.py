"""Looking after records: which are stale, what may go, what a bundle brings, and the same run again."""

from __future__ import annotations

import math
import random
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from recluster import bundle
from recluster.fingerprint import matches
from recluster.methods import METHODS
from recluster.papers import CLAIMS
from recluster.papers.claim import Claim
from recluster.run import Outcome, Start, chain, current, perform
from recluster.spec import Config, InputError, Run
from recluster.store import FAILED, FINISHED, LOCKS, Record, Store, folder_name, read

TOLERANCE = 0.05  # of scores as fractions, and of losses relative to the old, on another machine
LEFTOVER = 3600  # seconds after which a temporary file is nobody's any more
SAME = (  # of the environment
    *("device", "processor", "instructions", "threads"),
    *("python", "torch", "numpy", "scipy", "scikit-learn", "recluster"),
)


def run_of(record: Record) -> Run | None:
    """The run that a record is of, None where the code knows no such method, option or value."""
    try:
        run = Run(
            config=_config(record.run["config"]),
            dataset=record.run["dataset"],
            seed=record.run["seed"],
            scale=record.run["scale"],
        )
    except (InputError, KeyError, TypeError, AttributeError):
        return None
    return run if run.key == record.key else None


def _config(settings: Mapping[str, Any]) -> Config:
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in settings.items()
        if name not in ("method", "start")
    }
    start = None if settings["start"] is None else _config(settings["start"])
    return METHODS[settings["method"]].config(start=start, **values)


def wanted(run: Run) -> bool:
    """Whether some claim needs the run, of whatever seed, or one that starts from it."""
    return any((run.dataset, run.config) in planned(claim, run.scale) for claim in CLAIMS.values())


def planned(claim: Claim, scale: str) -> list[tuple[str, Config]]:
    """Data set and config of all that the claim runs at the scale, and of all that these start from."""
    return [
        (dataset, one.config)
        for _, dataset, config in claim.planned(scale)
        for one in chain(Run(config=config, dataset=dataset, seed=0, scale=scale))
    ]


def state(run: Run, store: Store) -> str:
    """One of: there, missing, failed, stale, broken, or under way in some process."""
    if store.busy(run.name):
        return "under way"
    try:
        record = store.find(run)
    except InputError:
        return "broken"
    if record is None:
        return "missing"
    if record.status == FAILED:
        return "failed"
    return "there" if current(record, run) else "stale"


def chosen(store: Store, number: int) -> list[tuple[Run, Record]]:
    """So many finished, current records at random, or all if there are fewer."""
    found = [
        (run, record)
        for record in store.valid()
        if record.status == FINISHED and (run := run_of(record)) is not None
    ]
    random.shuffle(found)
    return list(islice((pair for pair in found if current(pair[1], pair[0])), number))


def fault(record: Record) -> str:
    """Why the record is of no use, or "": failed, stale, or wanted by no claim."""
    run = run_of(record)
    if record.status == FAILED:
        return "failed"
    if run is None:
        return "stale: the code has no such run any more"
    if not current(record, run):
        return "stale: the method behaves otherwise now"
    return "" if wanted(run) else "wanted by no claim"


def leftovers(store: Store) -> list[Path]:
    """What killed processes left: temporary files, folders without a record, locks that nobody holds."""
    old = time.time() - LEFTOVER
    files = [path for path in store.root.glob("*/.*-*") if path.parent.name != LOCKS]
    halves = [
        path
        for path in store.root.iterdir()
        if path.is_dir() and not path.name.startswith(".") and not (path / "record.json").exists()
        if all(file.name.startswith((".", "arrays-")) for file in path.iterdir())
    ]
    merges = [*store.root.glob(".merge-*")]
    found = [path for path in {*files, *halves, *merges} if path.stat().st_mtime < old]
    locks = [path for path in (store.root / LOCKS).glob("*") if not store.busy(path.name)]
    return sorted([*found, *locks])


def remove(paths: Iterable[Path]) -> None:
    """Remove files and folders; the record of a folder goes first, so that no half of one counts."""
    for path in paths:
        (path / "record.json").unlink(missing_ok=True) if path.is_dir() else path.unlink(missing_ok=True)
        if path.is_dir():
            shutil.rmtree(path)


@dataclass(kw_only=True)
class Merged:
    """What became of a bundle's records, by their names.

    Attributes:
        added: those of runs that had none, or a failed or a stale one.
        replaced: those that took the place of another finished one.
        equal: those whose results the store has.
        kept: finished ones that differ from the store's, and how; the store's were kept.
        useless: failed ones where the store has a record, and stale ones.
    """

    added: list[str] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    useless: list[str] = field(default_factory=list)


def merge(store: Store, folders: Iterable[Path], *, replace: bool = False) -> Merged:
    """Take the records of bundles into the store; all are validated before one is written.

    Raises:
        InputError: a bundle is damaged, foreign or of another schema; the store is as it was.
    """
    store.check_writable()
    merged = Merged()
    with tempfile.TemporaryDirectory(dir=store.root, prefix=".merge-") as place:
        arrived = []
        for number, folder in enumerate(folders):
            target = Path(place) / str(number)
            target.mkdir()
            for record in bundle.extract(folder, target):
                run = run_of(record)
                if run is None:
                    name = folder_name(record)
                    raise bundle.refusal(folder, f"{name}: this version of the code has no such run")
                store.find(run)  # a broken record of ours is told before anything is written
                arrived.append((run, record, Store(target)))
        for run, record, source in arrived:
            _take(store, source, run, record, merged, replace)
    return merged


def _take(store: Store, source: Store, run: Run, record: Record, merged: Merged, replace: bool) -> None:
    name = folder_name(record)
    mine = store.find(run)
    if record.status == FINISHED and not current(record, run):
        merged.useless.append(name)
    elif mine is None or (record.status == FINISHED and not current(mine, run)):
        merged.added.append(name)
        _copy(store, source, record)
    elif record.status == FAILED:
        merged.useless.append(name)
    elif results(record) == results(mine):
        merged.equal.append(name)
    elif replace:
        merged.replaced.append(name)
        _copy(store, source, record)
    else:
        merged.kept[name] = difference(mine, record)


def _copy(store: Store, source: Store, record: Record) -> None:
    name = folder_name(record)
    store.put(
        record, (source.root / name / record.arrays["file"]).read_bytes() if record.arrays else b""
    )


def results(record: Record) -> tuple[Any, ...]:
    """What two records of one run agree in when the same happened twice; times and places may differ."""
    return record.scores, record.curves, record.scored


def difference(old: Record, new: Record) -> str:
    """The scores in which they differ, else that they have another history."""
    pairs = [
        f"{name} {value:.4g} and {new.scores.get(name, math.nan):.4g}"
        for name, value in old.scores.items()
        if new.scores.get(name) != value
    ]
    return ", ".join(pairs) or "equal scores from other curves"


def rerun(run: Run, record: Record, device: str | None = None) -> Outcome:
    """The run of this record again, with all that it starts from and products as precise as then.

    Nothing is read from or written to a store.
    """
    start = None
    if run.start is not None:
        first = rerun(run.start, record, device)
        if first.weights is not None:
            start = Start(weights=first.weights, seconds=first.record.seconds["total"])
    return perform(run, start, device=device, precision=record.precision, resume=False)


def agreement(old: Record, new: Record) -> tuple[bool, str]:
    """Whether a second record of a run says what the first one says, and by which measure.

    On the same processor with the same versions they must be equal; else scores within `TOLERANCE`, and
    a run without scores by the last value of its curves.
    """
    if new.status == FAILED:
        return False, f"it failed: {(new.error or '').strip().splitlines()[-1]}"
    alike = old.precision == new.precision and all(
        old.environment.get(name) == new.environment.get(name) for name in SAME
    )
    if alike:
        same = results(old) == results(new)
        return same, "equal" if same else difference(old, new)
    if not matches(old.fingerprint, new.fingerprint):
        return False, "another fingerprint"
    if old.scores:
        names = [name for name in old.scores if name != "clusters"]
        worst = max(abs(old.scores[name] - new.scores.get(name, math.inf)) for name in names)
    else:
        ends = [
            (values[-1], new.curves.get(name, [math.inf])[-1]) for name, values in old.curves.items()
        ]
        worst = max((abs(a - b) / max(abs(a), 1e-6) for a, b in ends), default=0.0)
    return worst <= TOLERANCE, f"another machine: within {worst:.3f}, {TOLERANCE} is allowed"


def invalid(store: Store) -> list[str]:
    """One line for each record that does not validate."""
    lines = []
    for folder in store.folders():
        try:
            read(folder)
        except InputError as problem:
            lines.append(str(problem))
    return lines
