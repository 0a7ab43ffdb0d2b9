"""Where runs are done: one after the other in this process, or by the workers of a Dask cluster.

A worker is handed the run and the weights that it starts from, and hands back the whole outcome. It
writes nothing but checkpoints: the process that reads `Pool.next` is the only writer of the store, and
any worker, on this machine or another, may be killed at any moment.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from recluster import __version__
from recluster.parts.precision import FULL
from recluster.run import Outcome, Start, perform
from recluster.spec import InputError, Run, Step

if TYPE_CHECKING:
    from distributed import Client, Future

ANSWER = 8  # seconds in which a scheduler must answer
TOLD_EVERY = 0.5  # seconds between two messages of a worker's progress
DEATHS = 3  # a run that kills so many workers is given up
ALONE = threading.Lock()  # a run owns the process' random stream


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    run: Run
    phase: str
    epoch: int
    epochs: int


Watch = Callable[[Progress], None]


@dataclass(frozen=True, kw_only=True)
class Job:
    """A run to be done, from which weights, and what else is asked of it; see `perform`."""

    run: Run
    start: Start | None = None
    keep: bool = False
    diagnosed: bool = False


class Pool(Protocol):
    """Somewhere to do runs."""

    @property
    def slots(self) -> int:
        """How many runs may go on at once."""

    def submit(self, job: Job) -> None:
        """Hand in a run; it may begin now or when `next` is called."""

    def next(self) -> tuple[Run, Outcome | str | InputError]:
        """Wait for one to end: its outcome, why it has none, or that it cannot be."""


class Here:
    """One run after the other in this process."""

    slots = 1

    def __init__(self, watch: Watch, device: str | None = None, precision: str = FULL) -> None:
        self.watch, self.device, self.precision = watch, device, precision
        self.jobs: deque[Job] = deque()

    def submit(self, job: Job) -> None:
        """Remember the run for `next`."""
        self.jobs.append(job)

    def next(self) -> tuple[Run, Outcome | str | InputError]:
        """Do the run that was handed in first."""
        job = self.jobs.popleft()

        def watch(run: Run, step: Step) -> None:
            self.watch(Progress(run=run, phase=step.phase, epoch=step.epoch, epochs=step.epochs))

        try:
            done = perform(
                job.run,
                job.start,
                device=self.device,
                precision=self.precision,
                watch=watch,
                keep=job.keep,
                diagnosed=job.diagnosed,
            )
        except InputError as problem:
            return job.run, problem
        return job.run, done


class Dask:
    """The workers of a Dask cluster, one run at a time each."""

    def __init__(
        self, client: Client, watch: Watch, device: str | None = None, precision: str = FULL
    ) -> None:
        self.client, self.device, self.precision = client, device, precision
        self.topic = f"recluster-{uuid.uuid4().hex}"
        self.running: dict[Future[Any], Run] = {}
        client.subscribe_topic(self.topic, lambda event: self._hear(watch, *event[1]))

    @property
    def slots(self) -> int:
        """The workers that are there now: some may have come or gone."""
        return max(1, len(self._workers()))

    def submit(self, job: Job) -> None:
        """Send the run and the weights that it starts from."""
        offered = any("GPU" in worker["resources"] for worker in self._workers().values())
        future = self.client.submit(
            work,
            job,
            self.device,
            self.precision,
            self.topic,
            key=f"{job.run.name}-{uuid.uuid4().hex}",
            pure=False,
            resources={"GPU": 1} if offered else None,
        )
        self.running[future] = job.run

    def next(self) -> tuple[Run, Outcome | str | InputError]:
        """Wait until a worker has done a run, or has died of it too often.

        Raises:
            InputError: the scheduler is gone.
        """
        from distributed import KilledWorker, wait

        future = next(iter(wait([*self.running], return_when="FIRST_COMPLETED").done))
        run = self.running.pop(future)
        if future.status not in ("finished", "error"):
            raise InputError(
                "the Dask scheduler is gone; what had ended is stored, and the same command goes on"
            )
        problem = future.exception() if future.status == "error" else None
        if isinstance(problem, InputError):
            return run, problem
        if isinstance(problem, KilledWorker):
            where = getattr(problem.last_worker, "address", problem.last_worker)
            return run, (
                f"the run lost its worker more than {problem.allowed_failures} times, last {where}: "
                f"killed, or out of memory; the worker's own log may say more"
            )
        if problem is not None:
            raise problem  # not the method's failure, which is an outcome, but ours or the worker's
        outcome: Outcome = future.result()
        return run, outcome

    def _hear(self, watch: Watch, name: str, phase: str, epoch: int, epochs: int) -> None:
        for run in [*self.running.values()]:
            if run.name == name:
                watch(Progress(run=run, phase=phase, epoch=epoch, epochs=epochs))

    def _workers(self) -> dict[str, Any]:
        workers: dict[str, Any] = self.client.scheduler_info(n_workers=-1)["workers"]
        return workers


def work(job: Job, device: str | None, precision: str, topic: str) -> Outcome:
    """What a worker does: the run, and a message now and then of how far it is."""
    from distributed import get_worker

    worker, told = get_worker(), 0.0

    def watch(run: Run, step: Step) -> None:
        nonlocal told
        if time.monotonic() - told > TOLD_EVERY:
            told = time.monotonic()
            worker.log_event(topic, [run.name, step.phase, step.epoch, step.epochs])

    with ALONE:
        outcome = perform(
            job.run,
            job.start,
            device=device,
            precision=precision,
            watch=watch,
            keep=job.keep,
            diagnosed=job.diagnosed,
        )
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()  # others share the GPU
    return outcome


def check_where(workers: int | None, scheduler: str | None) -> None:
    """Raise `InputError` if both are asked for, or fewer than one worker."""
    if workers is not None and scheduler is not None:
        raise InputError(
            "--workers starts a cluster and --scheduler uses one that runs: give one of them"
        )
    if workers is not None and workers < 1:
        raise InputError(f"the number of workers must be 1 or more, got {workers}")


@contextmanager
def pool(
    watch: Watch,
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    device: str | None = None,
    precision: str = FULL,
) -> Iterator[Pool]:
    """This process; or so many processes of this machine; or the cluster at an address.

    A process of ours computes with one thread, unless OMP_NUM_THREADS says otherwise.

    Raises:
        InputError: both are asked for, fewer than one worker, no Dask, no answer, or other versions.
    """
    check_where(workers, scheduler)
    if workers is None and scheduler is None:
        yield Here(watch, device, precision)
        return
    try:
        import dask
        import distributed
    except ImportError as problem:
        raise InputError(
            "several workers need the package distributed; install it: pip install 'recluster[dask]'"
        ) from problem
    settings = {
        "distributed.scheduler.allowed-failures": DEATHS - 1,
        "distributed.admin.large-graph-warning-threshold": "1GB",  # weights travel with the run
    }
    with dask.config.set(settings):
        if scheduler is not None:
            with _connected(scheduler) as client:
                _check_versions(client)
                yield Dask(client, watch, device, precision)
            return
        with (
            distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=None,
                dashboard_address="127.0.0.1:0",  # without one Dask takes a fixed port
                scheduler_kwargs={"dashboard": False},
                silence_logs=50,
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            yield Dask(client, watch, device, precision)


@contextmanager
def _connected(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=ANSWER)
    except (OSError, ValueError) as problem:
        raise InputError(
            f"no Dask scheduler answers at {address!r} within {ANSWER} s; check the address, such as "
            f"tcp://host:8786, and that `dask scheduler` runs there"
        ) from problem
    with client:
        yield client


def _check_versions(client: Client) -> None:
    """Raise `InputError` unless there is a worker, and all have this version of the package."""
    try:
        client.wait_for_workers(1, timeout=ANSWER)
        versions = set(client.run(version).values())
    except (TimeoutError, ImportError) as problem:
        raise InputError(
            f"the cluster cannot do runs ({type(problem).__name__}: {problem}); it needs a worker with "
            f"recluster {__version__} installed"
        ) from problem
    if versions != {__version__}:
        raise InputError(
            f"the workers have recluster {', '.join(sorted(versions))} and this process {__version__}; "
            f"install the same everywhere"
        )


def version() -> str:
    """The package's version where this is called."""
    return __version__
