"""Many runs: which are missing, in which order, how long they take, and every record safely stored.

One process decides and writes. It holds a lock for each run that it has begun, so that a second process
on the same store takes other runs, and the locks of a process that is killed are free at once. What a
killed process had not stored is missing, and missing runs are what the next one does, a long one from
its checkpoint.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from recluster.asked import Asked
from recluster.bundle import Bundle
from recluster.data import DATASETS
from recluster.pool import Job, Pool
from recluster.run import (
    Outcome,
    kept_start,
    missing,
    settle,
    unperformed,
    without_start,
)
from recluster.spec import InputError, Run
from recluster.standing import counts
from recluster.store import FAILED, FINISHED, Lock, Record, Store, folder_name

PAUSE = 0.2  # seconds between two looks at a run that another process is doing


@dataclass(frozen=True, kw_only=True)
class Task:
    """A run to be done.

    Attributes:
        keep: whether another run starts from its weights.
        diagnosed: whether more than its scores is asked for.
        before: when the record that it is to replace was begun; None if there is none.
    """

    run: Run
    keep: bool
    diagnosed: bool
    before: str | None


def plan(
    runs: Iterable[Run], store: Store, asked: Asked | None = None, *, again: bool = False
) -> list[Task]:
    """What has to be done for these runs, none twice, each after the run that it starts from.

    A run whose record is there is done again if another is to start from it and its weights are lost;
    with `again`, all of `runs` are.
    """
    runs, asked = list(runs), asked or Asked()
    afresh = {run.key for run in runs} if again else set()
    needed: dict[str, Run] = {}
    there: dict[str, bool] = {}

    def need(run: Run) -> None:
        if run.key in needed:
            return
        if run.start is not None:
            key = run.start.key
            if key not in there:
                there[key] = key not in afresh and kept_start(run.start, store) is not None
            if not there[key]:
                need(run.start)
        needed[run.key] = run

    for run in [*missing(runs, store, asked.diagnoses), *(runs if again else [])]:
        need(run)
    starts = {run.start.key for run in needed.values() if run.start}
    return [
        Task(
            run=run,
            keep=key in starts or asked.starts_from(run),
            diagnosed=asked.diagnoses(run),
            before=record.started if (record := store.find(run)) else None,
        )
        for key, run in needed.items()
    ]


class Pace:
    """How long runs take, by the records of earlier ones on the same kind of device."""

    def __init__(self, device: str, records: Iterable[Record] = ()) -> None:
        self.device = device.partition(":")[0]
        self.rates: dict[tuple[str, ...], list[float]] = {}
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        """Learn from a record, if it is finished and of this kind of device."""
        device = str(record.environment.get("device")).partition(":")[0]
        amount = work(record.run["config"], record.run["dataset"])
        if record.status != FINISHED or device != self.device or not amount:
            return
        rate = (record.seconds["total"] - record.seconds.get("start", 0.0)) / amount
        for like in _likes(record.run):
            self.rates.setdefault(like, []).append(rate)

    def seconds(self, run: Run) -> float | None:
        """From runs of the method on the data at the scale, else from any of the method; else None."""
        amount = work(run.config.canonical(), run.dataset)
        here = {"method": run.method, "dataset": run.dataset, "scale": run.scale}
        for like in _likes(here):
            if like in self.rates and amount:
                return statistics.median(self.rates[like]) * amount
        return None


def _likes(run: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [(run["method"], run["dataset"], run["scale"]), (run["method"],)]


def work(config: Mapping[str, Any], dataset: str) -> float:
    """How many samples a run goes through: all of them each epoch, or a batch each step."""
    source = DATASETS.get(dataset)
    if source is None:
        return 0.0
    epochs = [value for name, value in config.items() if name.endswith("epochs")]
    if not epochs and "steps" in config:
        return float(config["steps"] * config.get("batch_size", 1))
    return float(source.n * (sum(epochs) if epochs else 1))


def seconds_of(text: str) -> float:
    """How long "90s", "8m" or "2h" is, in seconds; an `InputError` unless it is more than nothing."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", text)
    seconds = float(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not seconds:
        raise InputError(f"a budget is a number above 0 with s, m or h, such as 90s or 8m; got {text!r}")
    return seconds


@dataclass(kw_only=True)
class Report:
    """What became of a plan.

    Attributes:
        stored: the records written, in their order.
        elsewhere: runs that another process did in the meantime.
        left: runs that would not have ended within the budget, and those that start from them.
        refused: runs that cannot be, and why.
    """

    stored: list[Record] = field(default_factory=list)
    elsewhere: list[Run] = field(default_factory=list)
    left: list[Run] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def failed(self) -> list[str]:
        """The names of the runs whose record is of a failure."""
        return [folder_name(record) for record in self.stored if record.status == FAILED]


Tell = Callable[[Run, Record | None], None]


class Schedule:
    """Carries out a plan; `report` tells at every moment how far it is."""

    def __init__(
        self,
        tasks: Iterable[Task],
        store: Store,
        pool: Pool,
        pace: Pace,
        *,
        tell: Tell = lambda run, record: None,
        budget: float | None = None,
        bundle: Bundle | None = None,
    ) -> None:
        """`budget` is in seconds from now; `tell` is called with every run that is over."""
        self.waiting = {task.run.key: task for task in tasks}
        self.starts = {task.run.start.key for task in self.waiting.values() if task.run.start}
        self.running: dict[str, tuple[Task, Lock, int]] = {}
        self.errors: dict[str, str] = {}  # of runs that others may start from
        self.store, self.pool, self.pace, self.tell, self.bundle = store, pool, pace, tell, bundle
        self.limit: int | None = None  # on how many runs at once, after want of memory
        self.end = None if budget is None else time.monotonic() + budget
        self.report = Report()

    def carry_out(self) -> Report:
        """Do everything that can be done; a run that fails is recorded, and the others go on.

        Raises:
            InputError: a record cannot be written.
        """
        try:
            while self.waiting or self.running:
                self._begin()
                if self.running:
                    self._settle(*self.pool.next())
                elif self.waiting:
                    time.sleep(PAUSE)  # another process is doing what is left
        finally:
            for _, lock, _ in self.running.values():
                lock.release()
        return self.report

    def _slots(self) -> int:
        return self.pool.slots if self.limit is None else min(self.limit, self.pool.slots)

    def _begin(self) -> None:
        """Hand in what may begin now."""
        slots = self._slots()
        for task in [*self.waiting.values()]:
            if len(self.running) >= slots:
                return
            if self._over_before_it_begins(task):
                continue
            start = task.run.start
            if start and (start.key in self.waiting or start.key in self.running):
                continue
            lock = self.store.lock(task.run.name)
            if lock is None:
                continue
            del self.waiting[task.run.key]
            if self._done_elsewhere(task):
                lock.release()
                self.report.elsewhere.append(task.run)
                self.tell(task.run, None)
                continue
            self.running[task.run.key] = task, lock, slots
            weights = kept_start(start, self.store) if start else None
            self.pool.submit(Job(run=task.run, start=weights, keep=task.keep, diagnosed=task.diagnosed))

    def _over_before_it_begins(self, task: Task) -> bool:
        """Drop a run whose start is not to be had, or that the budget leaves no time for."""
        run = task.run
        start = run.start.key if run.start else ""
        if start in self.errors:
            self._store(run, Outcome(record=without_start(run, self.errors[start])))
        elif run.start and run.start.name in self.report.refused:
            self._refuse(run, self.report.refused[run.start.name])
        elif run.start in self.report.left or self._too_long(run):
            self.report.left.append(run)
        else:
            return False
        del self.waiting[run.key]
        return True

    def _too_long(self, run: Run) -> bool:
        return self.end is not None and time.monotonic() + (self.pace.seconds(run) or 0.0) >= self.end

    def _done_elsewhere(self, task: Task) -> bool:
        """Whether another process has stored the run since it was planned, with what we need of it."""
        record = self.store.find(task.run)
        if record is None or record.started == task.before:
            return False
        if not counts(record, task.run.config, diagnosed=task.diagnosed):
            return False
        return task.run.key not in self.starts or kept_start(task.run, self.store) is not None

    def _settle(self, run: Run, result: Outcome | str | InputError) -> None:
        task, lock, slots = self.running[run.key]
        try:
            if isinstance(result, InputError):
                self._refuse(run, str(result))
            elif isinstance(result, str):
                self._store(run, Outcome(record=unperformed(run, result)))
            elif result.out_of_memory and slots > 1:
                self.limit = min(self._slots(), slots // 2)
                self.waiting = {run.key: task, **self.waiting}
            else:
                self._store(run, result)
        finally:
            del self.running[run.key]
            lock.release()

    def _refuse(self, run: Run, why: str) -> None:
        self.report.refused[run.name] = why
        self.tell(run, None)

    def _store(self, run: Run, outcome: Outcome) -> None:
        try:
            record = settle(run, outcome, self.store)
            if self.bundle is not None:
                self.bundle.add(self.store, record)
        except OSError as problem:
            raise InputError(
                f"{run.name} is done, but cannot be stored ({problem}); what was stored before is whole "
                f"and stays, an older record of this run too; make room and give the same command again"
            ) from problem
        self.report.stored.append(record)
        self.pace.add(record)
        if record.status == FAILED:
            self.errors[run.key] = record.error or ""
        self.tell(run, record)
