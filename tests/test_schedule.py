"""Many runs: their order, what they are estimated to take, and what happens when one goes wrong."""

from __future__ import annotations

import errno
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from test_store import ARRAYS, failed_of, record_of

from recluster import run as runner
from recluster import schedule as module
from recluster import store as stored
from recluster.bundle import Bundle, extract
from recluster.methods import dcss, idec, kmeans
from recluster.parts import pretraining
from recluster.pool import Job, check_where, pool
from recluster.run import Outcome
from recluster.schedule import Pace, Schedule, plan, seconds_of, work
from recluster.spec import Config, InputError, Run
from recluster.store import FAILED, FINISHED, Record, Store

AE = pretraining.Config(epochs=2)
IDEC = idec.Config(start=AE, steps=5)
MNET = dcss.Config(start=IDEC)

Result = Outcome | str | InputError


def run_of(config: Config, seed: int = 0, **changes: Any) -> Run:
    return replace(Run(config=config, dataset="digits", seed=seed, scale="smoke"), **changes)


def done(job: Job, **changes: Any) -> Outcome:
    """A run's outcome, with weights if they were asked for."""
    start = {} if job.start is None else {"start": job.start.seconds}
    changes = {"started": runner.now(), "fingerprint": [1.0]} | changes
    record = record_of(job.run, seconds={"clustering": 2.0, **start, "total": 2.0}, **changes)
    return Outcome(record=record, arrays=ARRAYS, weights={"w": torch.ones(2)} if job.keep else None)


def short_of_memory(job: Job) -> Outcome:
    return Outcome(record=failed_of(job.run), out_of_memory=True)


class Fake:
    """A pool that trains nothing: `answer` says what became of a job, and `most` how many there were."""

    def __init__(self, slots: int = 1, answer: Callable[[Job], Result] = done) -> None:
        self.slots, self.answer = slots, answer
        self.jobs: list[Job] = []
        self.begun: list[Job] = []
        self.most: list[int] = []

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self.begun.append(job)
        self.most.append(len(self.jobs))

    def next(self) -> tuple[Run, Result]:
        job = self.jobs.pop(0)
        return job.run, self.answer(job)


@pytest.fixture(autouse=True)
def alike(monkeypatch, tmp_path) -> None:
    """Every method behaves in one way, and weights are kept in a folder of the test."""
    monkeypatch.setattr("recluster.fingerprint.fingerprint", lambda config: (1.0,))
    monkeypatch.setattr(runner, "CACHE", tmp_path / "weights")
    monkeypatch.setattr(runner, "diagnosed", lambda run: False)
    monkeypatch.setattr(module, "PAUSE", 0.01)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def carried_out(runs: list[Run], store: Store, fake: Fake, **options: Any) -> module.Report:
    return Schedule(plan(runs, store), store, fake, Pace("cpu"), **options).carry_out()


# --- order --------------------------------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 3])
def test_shared_starts_are_done_first_and_once_along_a_chain_of_any_length(store, slots):
    runs = [run_of(MNET, seed) for seed in (0, 1)] + [run_of(IDEC), run_of(kmeans.Config(start=AE))]
    fake = Fake(slots)
    report = carried_out(runs, store, fake)
    names = [job.run.name for job in fake.begun]
    assert len(names) == len(set(names)) == 7
    for job in fake.begun:
        if job.run.start is not None:
            assert names.index(job.run.start.name) < names.index(job.run.name)
            assert torch.equal(job.start.weights["w"], torch.ones(2))
    assert {record.status for record in report.stored} == {FINISHED}
    assert 1 <= max(fake.most) <= slots
    assert plan(runs, store) == []


def test_weights_are_kept_of_runs_that_others_start_from_alone(store, monkeypatch):
    monkeypatch.setattr(module, "CLAIMS", {})
    carried_out([run_of(IDEC)], store, Fake())
    assert [path.stem for path in runner.CACHE.iterdir()] == [run_of(AE).name]
    carried_out([run_of(MNET)], store, Fake())  # needs weights of IDEC, whose record is there
    assert {path.stem for path in runner.CACHE.iterdir()} == {run_of(AE).name, run_of(IDEC).name}


def test_a_run_that_some_claim_starts_from_keeps_its_weights(store, monkeypatch):
    monkeypatch.setattr(module, "started_from", lambda: {("smoke", IDEC)})
    assert [task.keep for task in plan([run_of(IDEC)], store)] == [True, True]
    assert [task.keep for task in plan([run_of(IDEC, scale="laptop")], store)] == [True, False]


def test_again_does_the_starts_that_were_asked_for_first(store):
    runs = [run_of(IDEC), run_of(AE)]
    carried_out(runs, store, Fake())
    assert [task.run for task in plan(runs, store, again=True)] == [run_of(AE), run_of(IDEC)]
    assert [task.run for task in plan(runs[:1], store, again=True)] == [run_of(IDEC)]


# --- time ---------------------------------------------------------------------------------------


def timed(config: Config, seconds: float, **changes: Any) -> Record:
    run = run_of(config, **changes)
    environment = {"device": "cpu"}
    return record_of(run, seconds={"start": 99.0, "total": 99.0 + seconds}, environment=environment)


def test_estimates_come_from_like_records_else_from_the_method_scaled_else_are_unknown():
    pace = Pace("cpu", [timed(AE, 10.0), timed(AE, 30.0, seed=1), timed(AE, 20.0, seed=2)])
    assert pace.seconds(run_of(AE)) == pytest.approx(20.0)
    assert pace.seconds(run_of(replace(AE, epochs=4))) == pytest.approx(40.0)
    assert pace.seconds(run_of(AE, dataset="usps")) == pytest.approx(20.0 * 9298 / 1797)
    assert pace.seconds(run_of(IDEC)) is None
    assert pace.seconds(run_of(AE, dataset="mine")) is None
    pace.add(timed(AE, 400.0, dataset="usps"))
    assert pace.seconds(run_of(AE, dataset="usps")) == pytest.approx(400.0)
    assert Pace("cuda:0", [timed(AE, 10.0)]).seconds(run_of(AE)) is None


def test_work_is_epochs_of_all_samples_or_steps_of_a_batch():
    assert work({"epochs": 3, "batch_size": 5}, "digits") == 3 * 1797
    assert work({"first_epochs": 3, "second_epochs": 4}, "digits") == 7 * 1797
    assert work({"steps": 3, "batch_size": 5}, "digits") == 15
    assert work({"restarts": 3}, "digits") == 1797


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("8m", 480), ("1.5h", 5400)])
def test_a_budget_has_a_unit(text, seconds):
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["0m", "0s", "8", "-8m", "m", "", "8d", "nanm", "1e3s"])
def test_a_budget_of_nothing_is_refused(text):
    with pytest.raises(
        InputError, match=f"a number above 0 with s, m or h.*got {re.escape(repr(text))}"
    ):
        seconds_of(text)


def test_a_budget_begins_nothing_that_would_end_too_late(store):
    runs = [run_of(IDEC), run_of(kmeans.Config()), run_of(kmeans.Config(restarts=3))]
    pace = Pace("cpu", [timed(AE, 1000.0)])
    report = Schedule(plan(runs, store), store, Fake(), pace, budget=60.0).carry_out()
    assert report.left == [run_of(AE), run_of(IDEC)]  # nor what starts from it
    assert [record.run["method"] for record in report.stored] == ["kmeans", "kmeans"]
    assert {task.run for task in plan(runs, store)} == {run_of(AE), run_of(IDEC)}


# --- what goes wrong ----------------------------------------------------------------------------


def test_a_failing_run_is_recorded_and_the_others_go_on(store):
    def answer(job: Job) -> Result:
        return Outcome(record=failed_of(job.run)) if job.run.config == AE else done(job)

    report = carried_out([run_of(IDEC), run_of(kmeans.Config())], store, Fake(2, answer))
    assert report.failed == [run_of(AE).name, run_of(IDEC).name]
    assert "starts from failed:\nTraceback: out of luck" in store.find(run_of(IDEC)).error
    assert store.find(run_of(kmeans.Config())).status == FINISHED


def test_what_cannot_be_is_not_recorded_and_the_others_go_on(store):
    def answer(job: Job) -> Result:
        return InputError("no such data") if job.run.config == AE else done(job)

    report = carried_out([run_of(IDEC), run_of(kmeans.Config())], store, Fake(1, answer))
    assert report.refused == dict.fromkeys([run_of(AE).name, run_of(IDEC).name], "no such data")
    assert [record.run["method"] for record in store.records()] == ["kmeans"]


def test_a_run_that_lost_its_worker_for_good_is_recorded_with_what_is_known(store):
    report = carried_out([run_of(kmeans.Config())], store, Fake(2, lambda job: "killed by 3 workers"))
    (record,) = store.records()
    assert (record.status, record.error, report.failed) == (
        FAILED,
        "killed by 3 workers",
        [run_of(kmeans.Config()).name],
    )


def test_want_of_gpu_memory_halves_how_many_run_at_once_and_never_the_batch(store):
    runs = [run_of(kmeans.Config(), seed) for seed in range(8)]
    fake = Fake(4)
    fake.answer = lambda job: short_of_memory(job) if len(fake.jobs) >= 2 else done(job)
    report = carried_out(runs, store, fake)
    assert report.failed == []
    assert {record.run["seed"] for record in report.stored} == set(range(8))
    assert {job.run for job in fake.begun} == set(runs)  # with the very configs
    assert len(fake.begun) > 8
    assert fake.most[0:4] == [1, 2, 3, 4]
    assert max(fake.most[-6:]) == 2


def test_want_of_memory_of_a_run_alone_is_its_failure(store):
    report = carried_out([run_of(kmeans.Config())], store, Fake(4, short_of_memory))
    assert report.failed == [run_of(kmeans.Config()).name]


def test_torchs_want_of_memory_is_told_apart(monkeypatch, store):
    def fit(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory")
        yield

    monkeypatch.setitem(runner.METHODS, "kmeans", replace(runner.METHODS["kmeans"], fit=fit))
    outcome = runner.perform(run_of(kmeans.Config()), device="cpu")
    assert outcome.out_of_memory
    assert "CUDA out of memory" in outcome.record.error


def test_a_full_disk_stops_with_one_line_and_keeps_the_old_record(store, monkeypatch):
    run = run_of(kmeans.Config())
    old = store.write(failed_of(run), {})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(stored.os, "fsync", full)
    with pytest.raises(InputError, match=r"cannot be stored .*No space left.*older record.*too"):
        carried_out([run], store, Fake())
    monkeypatch.undo()
    assert store.find(run) == old
    assert sorted(path.name for path in (store.root / run.name).iterdir()) == ["record.json"]
    assert not store.busy(run.name)


def test_ctrl_c_gives_the_locks_back_and_leaves_no_half(store):
    runs = [run_of(kmeans.Config(), seed) for seed in range(3)]

    def answer(job: Job) -> Result:
        if job.run.seed == 1:
            raise KeyboardInterrupt
        return done(job)

    with pytest.raises(KeyboardInterrupt):
        carried_out(runs, store, Fake(2, answer))
    assert [record.run["seed"] for record in store.records()] == [0]
    assert not any(store.busy(run.name) for run in runs)
    carried_out(runs, store, Fake())
    assert len(store.folders()) == 3


# --- two processes ------------------------------------------------------------------------------

HOLDER = """
import sys, time
from recluster.store import Store
lock = Store(sys.argv[1]).lock(sys.argv[2])
print(lock is not None, flush=True)
time.sleep(600)
"""


def test_a_lock_ends_with_its_process_however_that_ends(store):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.root), "one"], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout.readline() == "True\n"
        assert store.busy("one")
        assert store.lock("one") is None
        assert not store.busy("another")
        holder.kill()
        holder.wait()
    lock = store.lock("one")
    assert lock is not None
    assert store.lock("one") is None
    lock.release()
    assert [*(store.root / stored.LOCKS).iterdir()] == []


def test_a_run_of_another_process_is_waited_for_and_not_done_twice(store):
    mine, theirs = run_of(kmeans.Config()), run_of(kmeans.Config(restarts=3))
    lock = store.lock(theirs.name)

    def answer(job: Job) -> Result:  # the other process ends while we do our own
        store.write(done(Job(run=theirs)).record, {})
        lock.release()
        return done(job)

    fake = Fake(2, answer)
    report = carried_out([theirs, mine], store, fake)
    assert [job.run for job in fake.begun] == [mine]
    assert report.elsewhere == [theirs]


def test_a_run_whose_process_died_is_taken_over(store):
    mine, theirs = run_of(kmeans.Config()), run_of(kmeans.Config(restarts=3))
    lock = store.lock(theirs.name)

    def answer(job: Job) -> Result:  # the other process dies while we do our own
        if job.run == mine:
            lock.release()
        return done(job)

    fake = Fake(1, answer)
    report = carried_out([theirs, mine], store, fake)
    assert [job.run for job in fake.begun] == [mine, theirs]
    assert report.elsewhere == []


# --- bundles ------------------------------------------------------------------------------------


def test_new_records_go_into_a_bundle_after_each_run(store, tmp_path):
    runs = [run_of(kmeans.Config(), seed) for seed in range(3)]
    carried_out(runs[:1], store, Fake())

    def answer(job: Job) -> Result:
        if job.run.seed == 2:
            raise KeyboardInterrupt
        return done(job)

    with pytest.raises(KeyboardInterrupt):
        carried_out(runs, store, Fake(1, answer), bundle=Bundle(tmp_path / "out"))
    target = tmp_path / "there"
    target.mkdir()
    assert [record.run["seed"] for record in extract(tmp_path / "out", target)] == [1]


# --- where --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("workers", "scheduler", "message"),
    [
        (2, "tcp://localhost:1", "give one of them"),
        (0, None, "must be 1 or more, got 0"),
        (-3, None, "must be 1 or more, got -3"),
    ],
)
def test_contradictory_places_are_refused(workers, scheduler, message):
    with pytest.raises(InputError, match=message):
        check_where(workers, scheduler)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "tcp://192.0.2.1:8786"])
def test_a_scheduler_that_does_not_answer_is_named_within_ten_seconds(address):
    begin = time.monotonic()
    with (
        pytest.raises(InputError, match=f"no Dask scheduler answers at '{re.escape(address)}'"),
        pool(lambda now: None, scheduler=address),
    ):
        raise AssertionError("there is no cluster")
    assert time.monotonic() - begin < 10


def test_workers_begin_while_other_clusters_run():
    """Two fixed ports of Dask's are taken, as by a second command on the same machine."""
    with socket.socket() as one, socket.socket() as other:
        for taken, port in ((one, 8787), (other, 8786)):
            with suppress(OSError):  # by somebody else
                taken.bind(("0.0.0.0", port))
                taken.listen()
        with pool(lambda now: None, workers=1) as place:
            assert place.client.submit(sum, [1, 2]).result() == 3
            assert place.client.cluster.scheduler.http_server.address == "127.0.0.1"


def test_without_dask_the_remedy_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(InputError, match=r"install it: pip install 'recluster\[dask\]'"),
        pool(lambda now: None, workers=2),
    ):
        raise AssertionError("there is no cluster")
