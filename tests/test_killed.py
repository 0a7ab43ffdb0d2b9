"""Killed with -9 at any moment and started again: no run lost, none doubled, nothing half there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recluster import checkpoint, fingerprint
from recluster import run as runner
from recluster.bundle import extract
from recluster.methods import METHODS, kmeans, pcx
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.parts import pretraining
from recluster.pool import Dask, pool
from recluster.run import checkpoint_of, execute
from recluster.schedule import Pace, Schedule, plan
from recluster.spec import Config, Run
from recluster.store import LOCKS, Store

# --- the whole command --------------------------------------------------------------------------

COMMAND = """
import os, random, signal, sys, time
from functools import partial
from pathlib import Path
from recluster import checkpoint, cli, fingerprint, run
from recluster.data import Dataset, formats
from recluster.methods import idec, kmeans, pcx
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.papers import CLAIMS
from recluster.papers.claim import Claim
from recluster.parts import pretraining

here = Path(sys.argv[1])
x, y = (array[:130] for array in formats.digits())
run.load_dataset = lambda name: Dataset(name="digits", x=x, y=y, k=10, checksum="130 digits")
run.CACHE = here / "weights"
checkpoint.INTERVAL = 0.1
NETWORKS["mlp"] = partial(perceptron, widths=(32,))
ae = pretraining.Config(epochs=2, batch_size=64)
middle = idec.Config(start=ae, steps=5, refresh=2, batch_size=64, tolerance=0.0)
rows = {
    "k-means": kmeans.Config(restarts=2),
    "AE + k-means": kmeans.Config(restarts=2, start=ae),
    "IDEC": middle,
    "PC-X": pcx.Config(epochs=3, burn_in=1, batch_size=64),
}
long = {"PC-X": pcx.Config(epochs=300, burn_in=1, batch_size=130)}
CLAIMS.clear()
for name, plan in {"tiny.grid": rows, "tiny.long": long}.items():
    CLAIMS[name] = Claim(id=name, title="", where="", cells=(), plan={"smoke": {"digits": plan}})
for config in (ae, *rows.values(), *long.values()):
    fingerprint.fingerprint(config)

def command(claim, name):
    seeds = "3" if claim == "tiny.grid" else "1"
    sys.argv = ["recluster", "run", claim, "--scale", "smoke", "--seeds", seeds,
                "--results", str(here / name), "--out", str(here / f"bundle of {name}")]
    cli.main()
    sys.exit(0)

def begun(since):  # whether a run has got further since then
    return any(path.stat().st_mtime_ns > since for path in run.CACHE.glob("*.checkpoint"))

for line in sys.stdin:
    claim, name, moment = line.split()
    since = time.time_ns()
    child = os.fork()
    if child == 0:
        os.dup2(2, 1)  # our own output is the answers below
        command(claim, name)
    end = time.monotonic() + (300 if moment == "begun" else float(moment))
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > end or moment == "begun" and begun(since):
            os.kill(child, signal.SIGKILL)
        time.sleep(0.001)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
RUNS = 3 * 5  # three seeds of the pretraining and of four methods


def results(store: Store) -> dict[str, Any]:
    """What each record says of its run, arrays included; every record is validated."""
    return {
        record.key: (
            record.status,
            record.scores,
            record.curves,
            record.scored,
            {name: array.tobytes() for name, array in store.arrays(record).items()},
        )
        for record in store.records()
    }


Attempt = Callable[[str, Store, float | str], int]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the commands' stores are."""
    return tmp_path_factory.mktemp("killed")


@pytest.fixture(scope="module")
def attempt(folder) -> Iterator[Attempt]:
    """The command for a claim and a store, killed at a moment if it is still there: how it ended."""
    with subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:

        def ask(claim: str, store: Store, moment: float | str) -> int:
            print(claim, store.root.name, moment, file=process.stdin, flush=True)
            return int(process.stdout.readline())

        yield ask
        process.stdin.close()


@pytest.mark.parametrize("kills", [12, pytest.param(50, marks=pytest.mark.slow)])
def test_a_grid_killed_many_times_is_the_grid_of_an_unbroken_command(folder, attempt, kills):
    """Grids are done one after the other, each to its end, until there were so many kills."""
    moments = random.Random(kills)
    killed, grids = 0, [Store(folder / f"{kills}-unbroken")]
    assert attempt("tiny.grid", grids[0], 300) == 0
    while killed < kills:
        grids.append(Store(folder / f"{kills}-broken-{len(grids)}"))
        begun: dict[str, str] = {}
        code = -signal.SIGKILL
        while code == -signal.SIGKILL:
            code = attempt("tiny.grid", grids[-1], moments.uniform(0, 0.5) if killed < kills else 300)
            killed += code == -signal.SIGKILL
            for record in grids[-1].records():  # each validates, none done twice
                assert begun.setdefault(record.key, record.started) == record.started
        assert code == 0
    expected = results(grids[0])
    assert len(expected) == RUNS
    for grid in grids:
        assert results(grid) == expected
        carried = Store(folder / f"from {grid.root.name}")
        carried.root.mkdir()
        extract(folder / f"bundle of {grid.root.name}", carried.root)
        assert results(carried) == expected


def test_a_run_killed_in_its_middle_goes_on_there(folder, attempt):
    unbroken, broken = Store(folder / "long"), Store(folder / "long-broken")
    assert attempt("tiny.long", unbroken, 300) == 0
    for _ in range(3):
        assert attempt("tiny.long", broken, "begun") == -signal.SIGKILL
        assert [*broken.records()] == []
    (kept,) = (folder / "weights").glob("pcx-*.checkpoint")
    assert attempt("tiny.long", broken, 300) == 0
    assert results(broken) == results(unbroken)
    (record,) = broken.records()
    assert record.environment["resumed"] == 3
    assert len(record.curves["entropy"]) == 300
    assert not kept.exists()


# --- workers ------------------------------------------------------------------------------------

POISON = 7  # k-means with so many restarts kills the process that does it


def tiny(set_item: Callable[[dict[str, Any], str, Any], None]) -> None:
    """Narrow networks and a deadly method, here or in a worker."""
    own = METHODS["kmeans"]

    def fit(x: Any, k: int, config: Any, start: Any = None) -> Iterator[Any]:
        if config.restarts == POISON and len(x) > 1000:  # the digits, and not for a fingerprint
            os.kill(os.getpid(), signal.SIGKILL)
        yield from own.fit(x, k, config, start)

    set_item(METHODS, "kmeans", replace(own, fit=fit))
    set_item(NETWORKS, "mlp", partial(perceptron, widths=(32,)))


@pytest.fixture
def workers(monkeypatch, tmp_path) -> Iterator[Dask]:
    """Two processes, as narrow as this one, with a cache in common and a checkpoint every epoch."""
    from distributed import WorkerPlugin

    cache = tmp_path / "weights"

    class Narrow(WorkerPlugin):
        idempotent = True

        def setup(self, worker: Any) -> None:
            tiny(dict.__setitem__)
            runner.CACHE, checkpoint.INTERVAL = cache, 0.0

    monkeypatch.setattr(runner, "CACHE", cache)
    tiny(monkeypatch.setitem)
    fingerprint._measured.cache_clear()
    with pool(lambda now: None, workers=2) as place:
        place.client.register_plugin(Narrow())
        yield place
    fingerprint._measured.cache_clear()


def kill_whoever_does(run: Run, place: Dask, moments: list[str]) -> None:
    """Kill the worker that does the run, once it has left a checkpoint."""
    pids = place.client.run(os.getpid)
    while not moments:
        for address, keys in place.client.processing().items():
            if any(key.startswith(run.name) for key in keys) and checkpoint_of(run).exists():
                moments.append(runner.now())
                os.kill(pids[address], signal.SIGKILL)
        time.sleep(0.05)


def test_a_run_survives_its_worker_unless_it_kills_three_of_them(tmp_path, workers):
    ae = pretraining.Config(epochs=2, batch_size=600)
    long = run_of(pcx.Config(epochs=40, burn_in=1, batch_size=600, start=ae))
    short, deadly = run_of(kmeans.Config(restarts=2, start=ae)), run_of(kmeans.Config(restarts=POISON))
    store, here = Store(tmp_path / "workers"), Store(tmp_path / "here")
    moments: list[str] = []
    killer = threading.Thread(target=kill_whoever_does, args=(long, workers, moments), daemon=True)
    killer.start()
    Schedule(plan([long, short], store), store, workers, Pace("cpu")).carry_out()
    killer.join(timeout=10)
    assert len(moments) == 1
    Schedule(plan([deadly], store), store, workers, Pace("cpu")).carry_out()
    assert store.find(long).started > moments[0]
    assert store.find(long).environment["resumed"] == 1  # by the other worker
    failed = store.find(deadly)
    assert failed.status == "failed"
    assert "lost its worker" in failed.error
    assert [*(store.root / LOCKS).iterdir()] == []
    for run in (long.start, long, short):
        mine = execute(run, here)
        assert store.find(run).environment["threads"] == 1
        assert (mine.scores, mine.curves) == (store.find(run).scores, store.find(run).curves)
        one, two = here.arrays(mine), store.arrays(store.find(run))
        assert one.keys() == two.keys()
        assert all(np.array_equal(one[name], two[name]) for name in one)
    assert plan([long, short], store) == []


def run_of(config: Config) -> Run:
    return Run(config=config, dataset="digits", seed=0, scale="smoke")
