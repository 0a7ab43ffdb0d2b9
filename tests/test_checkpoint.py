"""Checkpoints within a run: what goes on from them, what is ignored, and that they disturb nothing."""

from __future__ import annotations

import errno
import io
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_run import ALL, DIGITS, TINY, X, Y, behave, dataset, narrow, run_of, serve, store
from torch import Tensor

from recluster import checkpoint, fingerprint
from recluster import run as runner
from recluster.checkpoint import Checkpoint
from recluster.methods import METHODS, idec
from recluster.parts.randomness import stream
from recluster.parts.resuming import put_back
from recluster.run import execute, perform
from recluster.spec import Run, Step
from recluster.store import FAILED, FINISHED, Record, Store
from recluster.upkeep import rerun

__all__ = ["narrow", "store"]  # fixtures of ours too

PCX = TINY["pcx"]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own, a checkpoint before every epoch, a few digits, and no GPU."""
    monkeypatch.setattr(runner, "CACHE", tmp_path / "weights")
    monkeypatch.setattr(checkpoint, "INTERVAL", 0.0)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    serve(monkeypatch, DIGITS)
    return tmp_path / "weights"


class Killed(BaseException):
    """What a run cannot survive."""


def broken_off(run: Run, store: Store, after: int = 1, **options: Any) -> None:
    """Begin the run, or go on with it, for so many steps."""
    left = [after]

    def kill(at: Run, step: Step) -> None:
        left[0] -= at == run
        if not left[0]:
            raise Killed

    # What a step left is kept where the next one begins: the file is a step behind.
    with pytest.raises(Killed):
        execute(run, store, watch=kill, **options)


def kept(cache: Path) -> list[Path]:
    return [path for path in cache.glob("*") if path.suffix == ".checkpoint"]


def same(one: Record, other: Record, stores: tuple[Store, Store]) -> bool:
    """Whether the records say the same, arrays included."""
    a, b = (at.arrays(record) for at, record in zip(stores, (one, other), strict=True))
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)
    return (one.scores, one.curves, one.scored, one.fingerprint) == (
        other.scores,
        other.curves,
        other.scored,
        other.fingerprint,
    )


# --- going on -----------------------------------------------------------------------------------


CASES = {name: ALL[name] for name in ("ae", "kmeans on ae", "idec", "pcx on ae", "dcss", "dynae")}


@pytest.mark.parametrize("config", CASES.values(), ids=CASES.keys())
def test_a_run_that_goes_on_leaves_the_record_of_an_unbroken_one(store, tmp_path, cache, config):
    """By the laws every method does; here are one phase and two, and one step."""
    run, whole = run_of(config), Store(tmp_path / "unbroken")
    steps: list[Step] = []
    expected = execute(run, whole, watch=lambda at, step: steps.append(step) if at == run else None)
    assert (expected.status, expected.environment["resumed"]) == (FINISHED, 0)
    assert kept(cache) == []
    weights = saved(cache)
    for path in cache.iterdir():
        path.unlink()
    times = min(2, len(steps) - 1)
    for _ in range(times):
        broken_off(run, store, after=2)
        assert [path.stem for path in kept(cache)] == [run.name]
    record = execute(run, store)
    assert record.environment["resumed"] == times
    assert same(record, expected, (store, whole))
    epochs = record.scored.get("epoch", [])
    assert epochs == sorted({*epochs})  # none is scored again
    assert record.seconds.keys() == expected.seconds.keys()
    assert kept(cache) == []
    assert all(torch.equal(value, saved(cache)[name]) for name, value in weights.items())


def saved(cache: Path) -> dict[str, Tensor]:
    """All weights in the cache."""
    files = {path.stem: torch.load(path, weights_only=True)["weights"] for path in cache.glob("*.pt")}
    return {f"{stem} {name}": value for stem, one in files.items() for name, value in one.items()}


def test_what_others_see_of_a_run_that_goes_on_are_the_steps_that_are_left(store):
    run = run_of(replace(PCX, epochs=5))
    broken_off(run, store, after=3)
    seen: list[int] = []
    execute(run, store, watch=lambda at, step: seen.append(step.epoch))
    assert seen == [3, 4, 5]


def test_seconds_add_up_and_writing_is_none_of_them(store, cache, monkeypatch):
    run, own = run_of(replace(PCX, epochs=4)), Checkpoint.write
    broken_off(run, store, after=3)
    content = io.BytesIO(kept(cache)[0].read_bytes()[checkpoint.DIGEST :])
    numbers = torch.load(content, weights_only=True)["seen"]["numbers"]
    spent = json.loads(numbers)["seconds"]["clustering"]

    def slow(self: Checkpoint, state: Callable[[], Any]) -> None:
        time.sleep(30 * spent)
        own(self, state)

    monkeypatch.setattr(Checkpoint, "write", slow)
    record = execute(run, store)
    assert spent < record.seconds["clustering"] < 30 * spent
    assert record.seconds["total"] == record.seconds["clustering"]
    assert len(record.curves["entropy"]) == 4


def test_a_run_shorter_than_the_interval_leaves_none(store, cache, monkeypatch):
    monkeypatch.setattr(checkpoint, "INTERVAL", 600.0)
    monkeypatch.setattr(Checkpoint, "write", lambda self, state: pytest.fail("written"))
    assert execute(run_of(TINY["idec"]), store).status == FINISHED
    assert kept(cache) == []


def test_one_is_due_after_an_interval_and_where_a_loop_begins_in_a_long_run(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(checkpoint, "INTERVAL", 10.0)
    one = Checkpoint(tmp_path / "one", {})
    due = []
    for clock[0] in (9.0, 11.0, 12.0, 22.0):
        due.append((one.due(False), one.due(True)))
        if one.due(False):
            one.write(dict)
    assert due == [(False, False), (True, True), (False, True), (True, True)]


def test_writing_draws_no_random_numbers_and_changes_no_step(store, tmp_path, monkeypatch):
    run, without = run_of(PCX), Store(tmp_path / "without")
    record = execute(run, store)
    monkeypatch.setattr(checkpoint, "INTERVAL", 600.0)
    assert same(record, execute(run, without), (store, without))


def test_a_run_killed_in_a_last_epoch_without_a_step_begins_again(store, tmp_path, cache):
    """130 samples are three batches: before the fourth step it is found that no labels change."""
    config = idec.Config(start=TINY["ae"], steps=50, refresh=3, batch_size=64, tolerance=1.0)
    run, whole = run_of(config), Store(tmp_path / "unbroken")
    expected = execute(run, whole)
    assert len(expected.curves["clustering"]) == 1
    own = Checkpoint.write

    def fatal(self: Checkpoint, state: Callable[[], Any]) -> None:
        own(self, state)
        if self.path.stem == run.name and state()["course"]["done"] == 1:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoint, "write", fatal)
        with pytest.raises(Killed):
            execute(run, store)
    assert len(kept(cache)) == 1
    record = execute(run, store)
    assert same(record, expected, (store, whole))
    assert record.environment["resumed"] == 0


# --- what is ignored ----------------------------------------------------------------------------


def changed(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def other(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    own = runner.environment
    monkeypatch.setattr(runner, "environment", lambda *place: own(*place) | {name: "other"})


def weaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The method behaves otherwise."""
    own = METHODS["pcx"].fit

    def fit(x, k, config, start=None):
        yield from own(x, k, replace(config, learning_rate=config.learning_rate / 2), start)

    behave(monkeypatch, "pcx", fit)
    fingerprint._measured.cache_clear()


USELESS: dict[str, Callable[[Path, pytest.MonkeyPatch], Any]] = {
    "empty": lambda path, patch: path.write_bytes(b""),
    "cut short": lambda path, patch: path.write_bytes(path.read_bytes()[:-1]),
    "damaged at its beginning": lambda path, patch: changed(path, 3),
    "damaged in its middle": lambda path, patch: changed(path, path.stat().st_size // 2),
    "damaged at its end": lambda path, patch: changed(path, -1),
    "no checkpoint": lambda path, patch: torch.save({"w": torch.ones(3)}, path),
    "a folder": lambda path, patch: (path.unlink(), path.mkdir()),
    "of other code": lambda path, patch: patch.setattr(fingerprint, "code", lambda: "other"),
    "of another fingerprint": lambda path, patch: weaker(patch),
    "of other data": lambda path, patch: serve(patch, dataset(X[::-1].copy(), Y[::-1].copy())),
    "of another torch": lambda path, patch: other(patch, "torch"),
    "of another version": lambda path, patch: other(patch, "recluster"),
    "of another device": lambda path, patch: other(patch, "device"),
    "of another precision": lambda path, patch: other(patch, "precision"),
    "of other threads": lambda path, patch: other(patch, "threads"),
    "of other instructions": lambda path, patch: other(patch, "instructions"),
}


@pytest.mark.parametrize("spoil", USELESS.values(), ids=USELESS.keys())
def test_what_is_damaged_or_of_other_circumstances_is_ignored(store, cache, monkeypatch, spoil):
    run = run_of(PCX)
    broken_off(run, store, after=2)
    spoil(kept(cache)[0], monkeypatch)
    monkeypatch.setattr(checkpoint, "INTERVAL", 600.0)
    seen: list[int] = []
    record = execute(run, store, watch=lambda at, step: seen.append(step.epoch))
    fingerprint._measured.cache_clear()
    assert (record.status, record.environment["resumed"]) == (FINISHED, 0)
    assert seen == [1, 2, 3]


def test_a_processor_of_another_model_goes_on(store, cache, monkeypatch):
    """With the same instructions, that is; a GPU of another model begins again."""
    run = run_of(PCX)
    broken_off(run, store, after=2)
    other(monkeypatch, "processor")
    record = execute(run, store)
    assert (record.environment["processor"], record.environment["resumed"]) == ("other", 1)
    data = runner.load_dataset(run.dataset)
    places = [{"device": "cuda", "processor": model} for model in ("H100", "H200")]
    one, another = (runner.circumstances(run, data, None, place) for place in places)
    assert one != another


def test_another_runs_and_another_starts_are_ignored(store, cache):
    run, neighbour = run_of(PCX), run_of(PCX, seed=1)
    broken_off(run, store, after=2)
    kept(cache)[0].rename(runner.checkpoint_of(neighbour))
    assert execute(neighbour, store).environment["resumed"] == 0
    second = run_of(TINY["pcx on ae"])
    broken_off(second, store, after=2)
    path = cache / f"{second.start.name}.pt"
    weights = torch.load(path, weights_only=True)
    next(iter(weights["weights"].values())).add_(1)
    torch.save(weights, path)
    assert execute(second, store).environment["resumed"] == 0


# --- what goes wrong ----------------------------------------------------------------------------


def no_room(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_without_room_is_told_once_and_loses_no_run(store, tmp_path, monkeypatch):
    run, whole = run_of(PCX), Store(tmp_path / "unbroken")
    expected = execute(run, whole)
    monkeypatch.setattr(checkpoint, "replace_atomically", no_room)
    with pytest.warns(UserWarning, match=r"No space left on device.*the run goes on") as told:
        record = execute(run, store)
    assert len(told) == 1
    assert same(record, expected, (store, whole))


def test_a_cache_that_cannot_be_written_loses_no_run(store, tmp_path, monkeypatch):
    """A file where the folder should be: root may write into any folder."""
    (tmp_path / "file").touch()
    monkeypatch.setattr(runner, "CACHE", tmp_path / "file" / "weights")
    with pytest.warns(UserWarning, match=r"no checkpoint can be written"):
        record = execute(run_of(PCX), store, keep=False)
    assert record.status == FINISHED


def test_leftovers_of_a_process_killed_while_writing_go_with_the_checkpoint(store, cache):
    run = run_of(PCX)
    cache.mkdir()
    (cache / f".{run.name}.checkpoint-abc").touch()
    execute(run, store, keep=False)
    assert [*cache.iterdir()] == []


def test_a_run_that_fails_by_itself_begins_again(store, cache, monkeypatch):
    own = METHODS["pcx"].fit

    def failing(x, k, config, start=None):
        for step in own(x, k, config, start):
            if len(x) == len(X) and step.epoch == 3:
                raise RuntimeError("out of luck")
            yield step

    with pytest.MonkeyPatch.context() as patch:
        behave(patch, "pcx", failing)
        assert execute(run_of(PCX), store).status == FAILED
    assert kept(cache) == []
    assert execute(run_of(PCX), store).environment["resumed"] == 0


def test_a_run_without_memory_goes_on_where_it_was(store, cache, monkeypatch):
    own = METHODS["pcx"].fit

    def failing(x, k, config, start=None):
        for step in own(x, k, config, start):
            if len(x) == len(X) and step.epoch == 3:
                raise torch.OutOfMemoryError("no room")
            yield step

    with pytest.MonkeyPatch.context() as patch:
        behave(patch, "pcx", failing)
        assert perform(run_of(PCX)).out_of_memory
    assert execute(run_of(PCX), store).environment["resumed"] == 1


def test_a_checkpoint_that_cannot_be_put_back_costs_its_epochs_alone(store, cache, monkeypatch):
    broken_off(run_of(PCX), store, after=2)

    def misfit(*_: Any) -> None:
        raise RuntimeError("size mismatch")

    monkeypatch.setattr("recluster.parts.resuming.put_back", misfit)
    record = execute(run_of(PCX), store)
    assert (record.status, record.environment["resumed"]) == (FINISHED, 0)
    assert len(record.curves["entropy"]) == 3


def test_a_second_opinion_is_formed_from_the_beginning(store, cache):
    record = execute(run_of(PCX), store)
    broken_off(run_of(PCX), store, after=2)
    before = kept(cache)[0].read_bytes()
    outcome = rerun(run_of(PCX), record)
    assert outcome.record.environment["resumed"] == 0
    assert kept(cache)[0].read_bytes() == before


def test_tensors_of_any_size_are_put_back_where_they_are():
    labels: Tensor = torch.arange(0)
    put_back({"changing": [torch.arange(3)], "stream": stream()}, (labels,))
    assert labels.tolist() == [0, 1, 2]
