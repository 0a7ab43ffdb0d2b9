"""One run to its record: resolve the start, train, score, store. The only place that seeds and scores.

`perform` does a run, from its checkpoint if it finds one, and touches nothing else of cache and store,
so that it may happen on another machine; `execute` does one here, after what it starts from;
`recluster.schedule` does many. Labels reach this module alone, and here they reach `Observer.score` and
nothing else: `train` does not take them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import json
import platform
import resource
import subprocess
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recluster import __version__, checkpoint, diagnostics, fingerprint, metrics
from recluster.checkpoint import Checkpoint
from recluster.data import Dataset, load_dataset
from recluster.parts.precision import FULL, check_precision
from recluster.parts.ranks import ranks
from recluster.parts.resuming import Course, State
from recluster.spec import InputError, Run, Step
from recluster.standing import counts
from recluster.store import FAILED, FINISHED, Array, Record, Store, replace_atomically
from recluster.train import Weights, checked, train, weights_of

EARLY = 10  # epochs that are all scored; later ones lie a tenth of their number apart
SAMPLE = 2000  # rows whose embedding a record keeps
CPUINFO = Path("/proc/cpuinfo")
CACHE = Path.home() / ".cache" / "recluster" / "weights"
CODE = tuple(f"recluster.{name}" for name in ("train", "run", "metrics", "diagnostics"))
SEEN = ("seconds", "scores", "curves", "scored", "resumed")  # what a checkpoint keeps of an `Observer`

Watcher = Callable[[Run, Step], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Start:
    """What a run starts from: the weights of another, and the seconds that they took."""

    weights: Weights
    seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What one run gave, not stored yet.

    Attributes:
        record: finished or failed.
        arrays: what goes beside the record; see `Observer`.
        weights: what others start from, if it was asked for and the run left an autoencoder.
        out_of_memory: whether it failed for want of GPU memory, and so may succeed alone.
    """

    record: Record
    arrays: Mapping[str, Array] = dataclasses.field(default_factory=dict)
    weights: Weights | None = None
    out_of_memory: bool = False


def execute(
    run: Run,
    store: Store,
    *,
    device: str | None = None,
    precision: str = FULL,
    watch: Watcher | None = None,
    keep: bool = True,
    diagnosed: bool = False,
) -> Record:
    """Do the run and store its record; a failure is stored as such, with its traceback.

    A run that it starts from is done first unless its record and its weights are there. `keep` puts
    this run's own weights into the cache, for those that start from it.

    Raises:
        InputError: what the run asks for cannot be: nothing is stored.
    """
    start = kept_start(run.start, store) if run.start else None
    if run.start and start is None:
        first = execute(run.start, store, device=device, precision=precision, watch=watch)
        if first.error is not None:
            return store.write(without_start(run, first.error), {})
        start = kept_start(run.start, store)
    outcome = perform(
        run, start, device=device, precision=precision, watch=watch, keep=keep, diagnosed=diagnosed
    )
    return settle(run, outcome, store)


def perform(
    run: Run,
    start: Start | None = None,
    *,
    device: str | None = None,
    precision: str = FULL,
    watch: Watcher | None = None,
    keep: bool = True,
    resume: bool = True,
    diagnosed: bool = False,
) -> Outcome:
    """Do the run from these weights; a method's failure is an outcome, a watcher's is raised.

    Under torchrun all ranks do it together, if the method can, else each the whole. With `resume` it
    goes on from its checkpoint if there is one, and leaves one every few minutes, which
    `settle` removes.

    Where `diagnosed`, the model is watched in training beside its scores; see `diagnostics.watched`.

    Raises:
        InputError: what the run asks for cannot be.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    resume = resume and ranks() == 1  # a checkpoint holds the random stream of one process
    check_precision(precision, device)
    if device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    data = load_dataset(run.dataset)
    x = checked(torch.from_numpy(data.x), data.k)
    observer = Observer(run, data, x, resume, diagnosed)
    started = now()
    steps = observer.follow(start, device, precision)
    failure = None
    while failure is None:
        step, failure = advance(steps)
        if step is None:
            break
        if watch is not None:
            watch(run, step)
    out_of_memory = isinstance(failure, torch.OutOfMemoryError)
    if failure is not None and not out_of_memory and resume:
        checkpoint.remove(checkpoint_of(run))
        if observer.resumed and observer.last is None:  # of no use: it is not the run that failed
            return perform(
                run,
                start,
                device=device,
                precision=precision,
                watch=watch,
                keep=keep,
                diagnosed=diagnosed,
            )
    record = Record(
        key=run.key,
        run=identity(run),
        status=FAILED if failure else FINISHED,
        fingerprint=list(observer.behaviour),
        scores={} if failure else observer.scores,
        curves={} if failure else observer.curves,
        scored={} if failure else observer.scored,
        seconds=observer.seconds | {"total": sum(observer.seconds.values())},
        memory_mb=peak_memory(device),
        data=described(data),
        environment=environment(device, precision) | {"resumed": observer.resumed},
        started=started,
        error="".join(traceback.format_exception(failure)) if failure else None,
    )
    if failure is not None:
        return Outcome(record=record, out_of_memory=out_of_memory)
    last = observer.last
    left = keep and last is not None and "autoencoder" in last.modules
    return Outcome(
        record=record, arrays=observer.arrays, weights=weights_of(last) if left and last else None
    )


def advance(steps: Iterator[Step]) -> tuple[Step | None, Exception | None]:
    """The next step, or what the method raised in its place; neither at the end."""
    try:
        return next(steps, None), None
    except InputError:
        raise
    except Exception as problem:  # noqa: BLE001  whatever a method may raise, the record holds it
        return None, problem


def settle(run: Run, outcome: Outcome, store: Store) -> Record:
    """Put a run's weights into the cache, then its record into the store, which makes it count."""
    if outcome.weights is not None:
        keep_weights(run, outcome.record, outcome.weights)
    record = store.write(outcome.record, outcome.arrays)
    if record.status == FINISHED:
        checkpoint.remove(checkpoint_of(run))
    return record


def unperformed(run: Run, error: str) -> Record:
    """The record of a run that failed without leaving one: all that is known of it is the error."""
    return Record(
        key=run.key,
        run=identity(run),
        status=FAILED,
        fingerprint=[],
        scores={},
        curves={},
        scored={},
        seconds={"total": 0.0},
        memory_mb=0.0,
        data={"name": run.dataset},
        environment={"recluster": __version__, **commit()},
        started=now(),
        error=error,
    )


def without_start(run: Run, error: str) -> Record:
    """The record of a run whose start failed with this error."""
    return unperformed(run, f"the run that this one starts from failed:\n{error}")


def identity(run: Run) -> dict[str, Any]:
    """What a record says of its run."""
    return {
        "method": run.method,
        "dataset": run.dataset,
        "seed": run.seed,
        "scale": run.scale,
        "config": run.config.canonical(),
    }


def now() -> str:
    """The time, ISO 8601, UTC, to the microsecond: it tells one attempt at a run from another."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


class Observer:
    """Whoever iterates: times the phases, keeps curves and checkpoints, and scores."""

    def __init__(
        self, run: Run, data: Dataset, x: Tensor, resume: bool = True, diagnosed: bool = False
    ) -> None:
        self.run, self.data, self.x, self.resume, self.diagnosed = run, data, x, resume, diagnosed
        self.behaviour: tuple[float, ...] = ()
        self.seconds: dict[str, float] = {}
        self.scores: dict[str, float] = {}
        self.curves: dict[str, list[float]] = {}
        self.scored: dict[str, list[float]] = {}
        self.arrays: dict[str, Array] = {}
        self.last: Step | None = None
        self.clock, self.resumed = 0.0, 0

    def follow(self, start: Start | None, device: str, precision: str) -> Iterator[Step]:
        """The run's steps, timed and scored; the clock runs only while the method computes."""
        self.x = self.x.to(device)  # here, since the memory may not suffice even for the data
        self.behaviour = fingerprint.fingerprint(self.run.config)
        weights = None
        if start is not None:
            weights, self.seconds["start"] = start.weights, start.seconds
        course = self.course(weights, device, precision) if self.resume else None
        run, k = self.run, self.data.k
        steps = train(self.x, k, run.config, run.seed, weights, precision=precision, course=course)
        while True:
            self.clock = time.perf_counter()
            step = next(steps, None)
            if step is None:
                break
            if self.resumed and step.epoch == 0:
                continue  # it has been seen, and the run goes on elsewhere
            curves = {name: value.item() for name, value in step.curves.items()}  # waits for the GPU
            spent = time.perf_counter() - self.clock
            self.seconds[step.phase] = self.seconds.get(step.phase, 0.0) + spent
            for name, value in curves.items():
                self.curves.setdefault(name, []).append(value)
            self.last = step
            if step.assign is not None and step.epoch in self.due(step.epochs):
                self.score(step)
            yield step
        self.score_last()

    def course(self, weights: Weights | None, device: str, precision: str) -> Course:
        """The run's course, from its checkpoint if there is one of just these circumstances."""
        place = environment(device, precision) | {"diagnosed": self.diagnosed}
        file = Checkpoint(checkpoint_of(self.run), circumstances(self.run, self.data, weights, place))

        def between(state: Callable[[], State], begins: bool) -> None:
            pause = time.perf_counter()
            if file.due(begins):
                file.write(lambda: {"seen": self.seen(), "course": state()})
            self.clock += time.perf_counter() - pause

        kept = file.read()
        if kept is None:
            return Course(between=between)
        self.take_up(kept["seen"])
        return Course(between=between, state=kept["course"])

    def seen(self) -> State:
        """What was seen of the run so far."""
        numbers = {name: getattr(self, name) for name in SEEN}
        labels = self.arrays.get("labels")
        return {
            "numbers": json.dumps(numbers),
            "labels": labels if labels is None else torch.from_numpy(labels),
        }

    def take_up(self, seen: State) -> None:
        """Go on where another process left off."""
        vars(self).update(json.loads(seen["numbers"]))
        if seen["labels"] is not None:
            self.arrays["labels"] = seen["labels"].numpy()
        self.resumed += 1

    def due(self, epochs: int) -> set[int]:
        """Which of so many epochs are still to be scored."""
        last = self.scored.get("epoch", [-1])[-1]
        return {epoch for epoch in scored_epochs(epochs) if epoch > last}

    def score(self, step: Step) -> None:
        """Score the step's assignment: the one place where labels are read."""
        labels = step.labels(self.x).cpu().numpy()
        self.scores = metrics.scores(self.data.y, labels)
        for name, value in {"epoch": step.epoch, **self.scores}.items():
            self.scored.setdefault(name, []).append(value)
        self.arrays["labels"] = labels.astype(np.uint16)
        if self.diagnosed:
            found = diagnostics.watched(step.modules["model"], self.x, self.data.y, labels)
            for name, value in found.items():
                self.scored.setdefault(name, []).append(value)

    def score_last(self) -> None:
        """Score the last step, and keep what the figures draw: a sample's embedding, exemplars."""
        step = self.last
        if step is None:
            raise RuntimeError(f"{self.run.method} left no step")
        if step.assign is None:
            return
        if self.scored.get("epoch", [None])[-1] != step.epoch:
            self.score(step)
        rows = np.sort(np.random.default_rng(0).permutation(len(self.x))[:SAMPLE])
        sample = self.x[torch.from_numpy(rows).to(self.x.device)]
        self.arrays |= {
            "sample": rows.astype(np.int32),
            "sample_classes": self.data.y[rows].astype(np.uint16),
        }
        embedding = step.embed(sample)
        if not torch.isfinite(embedding).all():
            raise FloatingPointError(f"{self.run.method}: the last step left an embedding not finite")
        if not torch.equal(embedding, sample.flatten(1)):
            self.arrays["sample_embedding"] = embedding.cpu().numpy()  # else the data show it
        for name, view in step.views.items():
            self.arrays[f"sample_{name}"] = view(sample).cpu().numpy()
        if step.exemplars is not None:
            self.arrays["exemplars"] = step.exemplars().cpu().numpy().astype(np.float16)


@cache
def scored_epochs(epochs: int) -> tuple[int, ...]:
    """The epochs after which a run of so many is scored: its start, 0, then often early, rarer later."""
    chosen = [0]
    while (following := chosen[-1] + max(1, chosen[-1] // EARLY)) <= epochs:
        chosen.append(following)
    return tuple(chosen)


def kept_start(run: Run, store: Store) -> Start | None:
    """What others start from this run with; None unless its record and its weights are there."""
    record = store.find(run)
    if record is None or not counts(record, run.config):
        return None
    weights = kept_weights(run, record)
    return None if weights is None else Start(weights=weights, seconds=record.seconds["total"])


def checkpoint_of(run: Run) -> Path:
    """Where the run's checkpoint is, while it is under way."""
    return CACHE / f"{run.name}.checkpoint"


def circumstances(
    run: Run, data: Dataset, weights: Weights | None, place: Mapping[str, Any]
) -> dict[str, Any]:
    """All that the run's numbers depend on; `place` is its environment, `weights` those of its start.

    A processor's model is no part of them: another with the same instructions may go on.
    """
    apart = {"commit", "dirty"} | ({"processor"} if place["device"] == "cpu" else set())
    return {
        "key": run.key,
        "code": fingerprint.digest(run.config, *CODE),  # in place of the checkout's commit
        "fingerprint": fingerprint.fingerprint(run.config),
        "data": data.checksum,
        "start": weights and checksum(weights),
        "gpus": torch.cuda.device_count(),
        **{name: value for name, value in place.items() if name not in apart},
    }


def checksum(weights: Weights) -> str:
    """SHA-256 of weights, with their names."""
    whole = hashlib.sha256()
    for name, value in sorted(weights.items()):
        whole.update(name.encode() + value.cpu().numpy().tobytes())
    return whole.hexdigest()


def keep_weights(run: Run, record: Record, weights: Weights) -> None:
    """Put a run's weights into the cache, with the start of the run that made them."""
    CACHE.mkdir(parents=True, exist_ok=True)
    content = io.BytesIO()
    torch.save({"started": record.started, "weights": dict(weights)}, content)
    replace_atomically(CACHE / f"{run.name}.pt", content.getvalue())


def kept_weights(run: Run, record: Record) -> Weights | None:
    """The weights of this very record, or None where they are lost, damaged or another's."""
    path = CACHE / f"{run.name}.pt"
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True)
        weights: Weights = kept["weights"]
        return weights if kept["started"] == record.started else None
    except (OSError, EOFError, RuntimeError, UnpicklingError, LookupError, TypeError, ValueError):
        return None


def missing(
    runs: Iterable[Run], store: Store, diagnosed: Callable[[Run], bool] = lambda run: False
) -> list[Run]:
    """The runs without a record that counts, those they start from first, none twice."""
    wanted: dict[str, Run] = {}
    for run in runs:
        for one in reversed([*run.chain()]):
            if one.key in wanted:
                continue
            if not counts(store.find(one), one.config, diagnosed=diagnosed(one)):
                wanted[one.key] = one
    return list(wanted.values())


def described(data: Dataset) -> dict[str, Any]:
    """What a record says of its data; the shares of the classes are for the papers' tables of data."""
    shares = np.bincount(data.y) / len(data.y)
    return {
        "name": data.name,
        "checksum": data.checksum,
        "shape": list(data.x.shape),
        "k": data.k,
        "largest": float(shares.max()),
        "smallest": float(shares.min()),
    }


def peak_memory(device: str) -> float:
    """In 10^6 bytes: allocated on the GPU, or the whole process' on the CPU."""
    if device.startswith("cuda"):
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def environment(device: str, precision: str) -> dict[str, Any]:
    """Versions, device, threads, precision of products, and the commit of the checkout, if it is one."""
    packages = ("torch", "numpy", "scipy", "scikit-learn")
    return {
        "device": device,
        "precision": precision,
        "processor": torch.cuda.get_device_name() if device.startswith("cuda") else processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),  # AVX512, AVX2, ...
        "threads": torch.get_num_threads(),
        "processes": ranks(),
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "recluster": __version__,
        **commit(),
    }


def processor() -> str:
    """The processor's model where Linux tells it, else what Python knows of it."""
    with contextlib.suppress(OSError):
        for line in CPUINFO.read_text().splitlines():
            name, _, model = map(str.strip, line.partition(":"))
            if name == "model name" and model:
                return model
    return platform.processor() or platform.machine()


@cache
def commit() -> dict[str, Any]:
    """The checkout's commit and whether `src/` differs from it; None where there is no git."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(here), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {
            "commit": git("rev-parse", "--short=12", "HEAD"),
            "dirty": bool(git("status", "--porcelain", "--", str(here))),
        }
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}
