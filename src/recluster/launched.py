"""One run at a time on all the processes that `torchrun` started, one a device.

Rank 0 plans, stores and tells. The others wait for a job, do their share of it, and keep nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta

import torch
from torch import distributed

from recluster.parts.ranks import rank, ranks
from recluster.pool import Here, Job, Pool, Watch, pool
from recluster.run import Outcome, perform
from recluster.spec import InputError, Run

PATIENCE = timedelta(hours=2)  # in which rank 0 may plan, score and store while the others wait


@contextmanager
def joined(device: str | None, *elsewhere: object) -> Iterator[str | None]:
    """Join the processes that torchrun started, if it did; the device of this one.

    Raises:
        InputError: a device was named, or one of `elsewhere`, other places to do runs.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield device
        return
    if any(place is not None for place in elsewhere):
        raise InputError(
            "torchrun has started the processes: leave out --workers and --scheduler, or torchrun"
        )
    if device not in (None, "cpu"):
        raise InputError(f"under torchrun each process has the GPU of its number; leave out {device!r}")
    here = f"cuda:{os.environ['LOCAL_RANK']}"
    used = here if torch.cuda.is_available() and device is None else "cpu"
    if used == here:
        torch.cuda.set_device(here)
    distributed.init_process_group("nccl" if used == here else "gloo", timeout=PATIENCE)
    try:
        yield used
    finally:
        if rank() == 0:
            hand(None)
        distributed.destroy_process_group()


def hand(job: Job | None) -> Job | None:
    """Give rank 0's job to all, and have it; None is the end."""
    box = [job if rank() == 0 else None]
    distributed.broadcast_object_list(box)
    return box[0]


def serve(device: str | None, precision: str) -> None:
    """What all but rank 0 do: their share of every job until there is none."""
    while (job := hand(None)) is not None:
        try:
            perform(
                job.run,
                job.start,
                device=device,
                precision=precision,
                keep=False,
                diagnosed=job.diagnosed,
            )
        except InputError:
            continue  # of which rank 0 tells


@dataclass(frozen=True, kw_only=True)
class Where:
    """Where runs are to be done, as `pool.pool` takes it."""

    workers: int | None
    scheduler: str | None
    device: str | None
    precision: str


@contextmanager
def place_for(where: Where, watch: Watch) -> Iterator[Pool]:
    """All ranks together if torchrun started several, else whatever `where` says."""
    if ranks() > 1:
        yield Together(watch, where.device, where.precision)
        return
    with pool(watch, **asdict(where)) as place:
        yield place


class Together(Here):
    """One run after the other, each on all ranks."""

    def next(self) -> tuple[Run, Outcome | str | InputError]:
        """Do with all ranks the run that was handed in first."""
        hand(self.jobs[0])
        return super().next()
