"""From runs to records: what is trained, scored, kept, and done again."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_laws import PRETRAINING
from test_laws import TINY as LAWS
from torch import Tensor

from recluster import fingerprint, metrics
from recluster import run as runner
from recluster.data import Dataset, content_checksum, formats
from recluster.methods import METHODS, dcss, idec, kmeans, pcx
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.parts import centring, pretraining
from recluster.parts.precision import FULL
from recluster.run import execute, missing
from recluster.spec import Config, InputError, Run, Step
from recluster.standing import counts
from recluster.store import FAILED, FINISHED, Record, Store
from recluster.train import checked, train

AE = pretraining.Config(epochs=2, batch_size=64)
TINY: dict[str, Config] = {
    "ae": AE,
    "kmeans": kmeans.Config(restarts=2),
    "kmeans on ae": kmeans.Config(restarts=2, start=AE),
    "idec": idec.Config(start=AE, steps=5, refresh=2, batch_size=64, tolerance=0.0),
    "pcx": pcx.Config(epochs=3, burn_in=1, batch_size=64),
    "pcx on ae": pcx.Config(epochs=2, burn_in=1, batch_size=64, start=AE),
}
NAMED = {config.method for config in TINY.values()}
ALL = TINY | {  # a method that is not named above is run with the configs of its laws
    name: config
    for method, configs in LAWS.items()
    if method not in NAMED
    for name, config in configs.items()
}
every = pytest.mark.parametrize("config", ALL.values(), ids=ALL.keys())

N = 130


def dataset(x: np.ndarray, y: np.ndarray, k: int = 10) -> Dataset:
    return Dataset(name="digits", x=x, y=y, k=k, checksum=content_checksum(x, y))


X, Y = (array[:N] for array in formats.digits())
DIGITS = dataset(X, Y)


@pytest.fixture(scope="module", autouse=True)
def narrow() -> Iterator[None]:
    """Fully connected networks with one narrow layer, and no fingerprint of them left behind."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(32,)))
        fingerprint._measured.cache_clear()
        yield
        fingerprint._measured.cache_clear()


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The weights' cache of this test."""
    monkeypatch.setattr(runner, "CACHE", tmp_path / "weights")
    return tmp_path / "weights"


@pytest.fixture
def all_digits() -> None:
    """Asks for the whole data set, see `small`."""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """The first digits stand for all of them, and there is no GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    if "all_digits" not in request.fixturenames:
        serve(monkeypatch, DIGITS)


@pytest.fixture
def fresh() -> Iterator[None]:
    """No fingerprint is remembered from before, or for later."""
    fingerprint._measured.cache_clear()
    yield
    fingerprint._measured.cache_clear()


@pytest.fixture
def wide(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fully connected network as it is."""
    monkeypatch.setitem(NETWORKS, "mlp", perceptron)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def serve(monkeypatch: pytest.MonkeyPatch, data: Dataset) -> None:
    monkeypatch.setattr(runner, "load_dataset", lambda name: data)


def run_of(config: Config, seed: int = 0) -> Run:
    return Run(config=config, dataset="digits", seed=seed, scale="smoke")


def held(step: Step) -> dict[str, Tensor]:
    """Copies of the curves and of all weights."""
    weights = {
        f"{name}.{key}": value.clone()
        for name, module in step.modules.items()
        for key, value in module.state_dict().items()
    }
    return {name: value.clone() for name, value in step.curves.items()} | weights


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Bit for bit; arrays or tensors."""
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def watched(run: Run, store: Store) -> tuple[Record, list[tuple[Run, dict[str, Tensor]]]]:
    """The record, and every step's run, curves and weights."""
    seen: list[tuple[Run, dict[str, Tensor]]] = []
    record = execute(run, store, device="cpu", watch=lambda run, step: seen.append((run, held(step))))
    return record, seen


def behave(monkeypatch: pytest.MonkeyPatch, method: str, fit: Callable[..., Iterator[Step]]) -> None:
    monkeypatch.setitem(METHODS, method, replace(METHODS[method], fit=fit))


def counted(monkeypatch: pytest.MonkeyPatch, method: str) -> list[int]:
    """A list that grows when the method is fitted to the digits (and not for its fingerprint)."""
    calls: list[int] = []
    original = METHODS[method].fit

    def fit(x, k, config, start=None):
        if len(x) == N:
            calls.append(1)
        yield from original(x, k, config, start)

    behave(monkeypatch, method, fit)
    return calls


# --- the record ---------------------------------------------------------------------------------


CPU = "processor\t: 0\nmodel name\t: A Model of 2 GHz: new\nflags\t\t: avx2\n\nmodel name\t: Another\n"


def test_the_processor_is_named_by_its_model(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "CPUINFO", tmp_path / "cpuinfo")
    without = runner.processor()  # there is no such file
    assert without == (platform.processor() or platform.machine()) != ""
    runner.CPUINFO.write_text("processor\t: 0\nmodel name\t:\nFeatures\t: fp asimd\n")  # as Arm's is
    assert runner.processor() == without
    runner.CPUINFO.write_text(CPU)
    assert runner.processor() == "A Model of 2 GHz: new"
    place = runner.environment("cpu", FULL)
    assert place["processor"] == "A Model of 2 GHz: new"
    assert place["instructions"] == torch.backends.cpu.get_cpu_capability()
    assert (place["precision"], place["threads"]) == (FULL, torch.get_num_threads())


def test_a_run_on_the_digits_leaves_a_whole_record(store, all_digits, wide):
    run = run_of(pcx.Config(epochs=2, burn_in=1, batch_size=600))
    returned = execute(run, store)
    record = store.find(run)
    assert record == returned
    assert [path.name for path in store.folders()] == [run.name]
    assert (record.key, record.status, record.error) == (run.key, FINISHED, None)
    assert record.run == {
        "method": "pcx",
        "dataset": "digits",
        "seed": 0,
        "scale": "smoke",
        "config": run.config.canonical(),
    }
    assert record.data == {
        "name": "digits",
        "checksum": record.data["checksum"],
        "shape": [1797, 1, 8, 8],
        "k": 10,
        "largest": pytest.approx(183 / 1797),
        "smallest": pytest.approx(174 / 1797),
    }
    assert record.data["checksum"].startswith("8308f2a13bd4")
    assert {"device", "python", "torch", "commit", "dirty"} <= record.environment.keys()
    assert record.started.endswith("+00:00")
    assert record.memory_mb > 0
    assert set(record.curves) == {"reconstruction", "clustering", "entropy", "confidence"}
    assert {len(curve) for curve in record.curves.values()} == {2}
    assert record.scored["epoch"] == [1, 2]
    assert {name: values[-1] for name, values in record.scored.items()} == {
        "epoch": 2,
        **record.scores,
    }
    assert record.fingerprint == list(fingerprint.fingerprint(run.config))
    arrays = store.arrays(record)
    assert {name: (value.shape, value.dtype.name) for name, value in arrays.items()} == {
        "labels": ((1797,), "uint16"),
        "sample": ((1797,), "int32"),
        "sample_classes": ((1797,), "uint16"),
        "sample_embedding": ((1797, 10), "float32"),
        "sample_fused": ((1797, 10), "float32"),
        "exemplars": ((10, 1, 8, 8), "float16"),
    }
    assert arrays["sample"].tolist() == [*range(1797)]


@every
def test_every_methods_record_validates_and_is_current(store, config):
    run = run_of(config)
    record = execute(run, store)
    assert record.status == FINISHED, record.error
    assert store.find(run) == record
    assert counts(record, run.config)
    assert missing([run], store) == []
    assert bool(record.scores) == (config.method not in PRETRAINING)


@every
def test_scores_are_those_of_the_stored_labels(store, config):
    record = execute(run_of(config), store)
    if config.method in PRETRAINING:
        assert (record.scores, record.scored, store.arrays(record)) == ({}, {}, {})
        return
    arrays = store.arrays(record)
    assert record.scores == metrics.scores(Y, arrays["labels"])
    assert np.array_equal(arrays["sample_classes"], Y[arrays["sample"]])


def test_the_sample_is_a_part_of_the_data_in_their_order(store, monkeypatch):
    monkeypatch.setattr(runner, "SAMPLE", 50)
    seen = []
    execute(run_of(TINY["pcx"]), store, watch=lambda run, step: seen.append(step))
    (record,) = store.records()
    arrays = store.arrays(record)
    rows = arrays["sample"]
    assert len(rows) == len(set(rows.tolist())) == 50
    assert (np.diff(rows) > 0).all()
    expected = seen[-1].embed(torch.from_numpy(X[rows])).numpy()
    assert np.array_equal(arrays["sample_embedding"], expected)
    assert np.array_equal(arrays["sample_fused"], seen[-1].views["fused"](torch.from_numpy(X[rows])))


def test_a_long_run_is_scored_often_early_then_rarer_and_at_its_end(store):
    run = run_of(pcx.Config(epochs=41, burn_in=1, batch_size=N))
    record = execute(run, store)
    assert record.scored["epoch"] == [*range(1, 21), *range(22, 31, 2), 33, 36, 39, 41]
    assert {len(values) for values in record.scored.values()} == {29}
    assert {len(values) for values in record.curves.values()} == {41}


def test_a_start_with_clusters_of_its_own_is_scored_as_epoch_0_and_has_no_curves(store):
    record = execute(run_of(TINY["idec"]), store)
    assert record.scored["epoch"] == [0, 1, 2]
    assert {len(curve) for curve in record.curves.values()} == {2}


@pytest.mark.parametrize("epochs", [1, 9, 10, 21, 2500, 100_000])
def test_scored_epochs_are_the_first_ten_and_then_a_tenth_of_their_number_apart(epochs):
    chosen = runner.scored_epochs(epochs)
    assert chosen[:11] == tuple(range(min(epochs, 10) + 1))
    late = [epoch for epoch in chosen if epoch >= 10]
    assert all(after - before == before // 10 for before, after in pairwise(late))
    assert epochs < chosen[-1] + max(1, chosen[-1] // 10)
    assert chosen[-1] <= epochs


def test_seconds_add_up_and_name_the_start(store):
    record = execute(run_of(TINY["idec"]), store)
    seconds = dict(record.seconds)
    start = store.find(run_of(AE))
    assert set(seconds) == {"start", "clustering", "total"}
    assert seconds["start"] == start.seconds["total"] == start.seconds["pretraining"] > 0
    assert seconds.pop("total") == pytest.approx(sum(seconds.values()))


# --- the same again -----------------------------------------------------------------------------


@every
def test_twice_gives_the_same_bit_for_bit_watched_or_not(tmp_path, config):
    stores = [Store(tmp_path / name) for name in ("alone", "again", "watched")]
    records = []
    for store in stores[:2]:
        records.append(execute(run_of(config, seed=3), store))
        torch.rand(5)

    def watch(run: Run, step: Step) -> None:
        torch.manual_seed(1)
        np.random.default_rng().random(3)
        step.embed(torch.from_numpy(X))
        if step.assign is not None:
            step.assign(torch.rand(3, 1, 8, 8))
        if step.exemplars is not None:
            step.exemplars()

    records.append(execute(run_of(config, seed=3), stores[2], watch=watch))
    for record, store in zip(records[1:], stores[1:], strict=True):
        assert same(stores[0].arrays(records[0]), store.arrays(record))
        assert (record.scores, record.curves) == (records[0].scores, records[0].curves)
        assert (record.scored, record.fingerprint) == (records[0].scored, records[0].fingerprint)


@every
def test_true_permuted_and_absent_labels_train_alike(tmp_path, monkeypatch, config):
    run = run_of(config)
    true, true_steps = watched(run, Store(tmp_path / "true"))
    wrong = np.random.default_rng(0).permutation(Y)
    monkeypatch.setattr(runner, "CACHE", tmp_path / "other weights")
    serve(monkeypatch, dataset(X, wrong))
    permuted, permuted_steps = watched(run, Store(tmp_path / "permuted"))
    absent = [held(step) for step in train(torch.from_numpy(X), 10, config, seed=0)]
    assert len(true_steps) == len(permuted_steps) == len(absent) > 0
    for (_, one), (_, two), three in zip(true_steps, permuted_steps, absent, strict=True):
        assert same(one, two)
        assert same(one, three)
    assert true.curves == permuted.curves
    if config.method not in PRETRAINING:
        labels = [
            Store(tmp_path / name).arrays(record)["labels"]
            for name, record in (("true", true), ("permuted", permuted))
        ]
        assert np.array_equal(*labels)
        if true.scores["clusters"] > 2:  # else hardly any order of the labels matters
            assert true.scores != permuted.scores


def test_who_watches_is_told_of_every_step_and_of_its_run(store):
    run = run_of(TINY["idec"])
    _, seen = watched(run, store)
    assert [one.method for one, _ in seen] == ["ae", "ae", *["idec"] * 3]  # its start, and two epochs
    assert {one.key for one, _ in seen} == {run.key, run.start.key}


# --- failures -----------------------------------------------------------------------------------


def breaking(fit: Callable[..., Iterator[Step]], everywhere: bool) -> Callable[..., Iterator[Step]]:
    """`fit`, raising after its first step: on the digits, or on whatever data."""

    def broken(x, k, config, start=None):
        steps = fit(x, k, config, start)
        yield next(steps)
        if everywhere or len(x) == N:
            raise RuntimeError("out of luck")
        yield from steps

    return broken


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_method_that_raises_leaves_its_traceback_and_no_scores(store, monkeypatch, fresh, everywhere):
    run = run_of(TINY["pcx"])
    behave(monkeypatch, "pcx", breaking(METHODS["pcx"].fit, everywhere))
    record = execute(run, store)
    assert store.find(run) == record
    assert record.status == FAILED
    assert record.error.startswith("Traceback")
    assert "RuntimeError: out of luck" in record.error
    assert (record.scores, record.scored, record.curves, record.arrays) == ({}, {}, {}, {})
    assert missing([run], store) == [run]


def test_a_failed_run_that_succeeds_is_replaced(store, monkeypatch):
    run, good = run_of(TINY["pcx"]), METHODS["pcx"].fit
    behave(monkeypatch, "pcx", breaking(good, False))
    assert execute(run, store).status == FAILED
    behave(monkeypatch, "pcx", good)
    assert execute(run, store).status == FINISHED
    assert [record.status for record in store.records()] == [FINISHED]
    behave(monkeypatch, "pcx", breaking(good, False))
    assert execute(run, store).status == FAILED
    assert [path.name for path in (store.root / run.name).iterdir()] == ["record.json"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_a_failure(store, monkeypatch, value):
    original = METHODS["pcx"].fit

    def fit(x, k, config, start=None):
        for step in original(x, k, config, start):
            broken = len(x) == N and step.epoch == 2
            curves = dict(step.curves) | ({"entropy": torch.tensor(value)} if broken else {})
            yield replace(step, curves=curves)

    behave(monkeypatch, "pcx", fit)
    record = execute(run_of(TINY["pcx"]), store)
    assert record.status == FAILED
    assert "FloatingPointError: pcx: entropy not finite in epoch 2" in record.error
    assert record.scores == {}


def test_a_learning_rate_that_diverges_is_a_failure(store):
    record = execute(run_of(replace(TINY["pcx"], learning_rate=1e30)), store)
    assert record.status == FAILED
    assert "not finite" in record.error


def test_a_start_that_fails_fails_those_that_need_it(store, monkeypatch):
    behave(monkeypatch, "ae", breaking(METHODS["ae"].fit, False))
    run = run_of(TINY["idec"])
    record = execute(run, store)
    assert record.status == store.find(run.start).status == FAILED
    assert "the run that this one starts from failed" in record.error
    assert "out of luck" in record.error
    assert missing([run], store) == [run.start, run]


@pytest.mark.parametrize("config", [TINY["pcx"], TINY["idec"]], ids=["pcx", "idec"])
def test_what_cannot_be_is_no_failure_and_leaves_nothing(store, monkeypatch, config):
    part = {"network": "conv"} if config.method == "pcx" else {"start": replace(AE, network="conv")}
    serve(monkeypatch, dataset(X.reshape(N, -1), Y))
    with pytest.raises(InputError, match="a convolutional network needs images"):
        execute(run_of(replace(config, **part)), store)
    assert store.folders() == []


def test_an_unknown_data_set_leaves_nothing(store, all_digits):
    with pytest.raises(InputError, match="unknown data set 'digit'; choose one of: digits"):
        execute(replace(run_of(TINY["kmeans"]), dataset="digit"), store)
    assert store.folders() == []


def test_an_interrupted_run_leaves_nothing(store):
    def interrupt(run: Run, step: Step) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(run_of(TINY["pcx"]), store, watch=interrupt)
    assert store.folders() == []


def test_a_watcher_that_fails_is_not_the_methods_failure(store):
    def fail(run: Run, step: Step) -> None:
        raise ValueError("the screen is gone")

    with pytest.raises(ValueError, match="the screen is gone"):
        execute(run_of(TINY["pcx"]), store, watch=fail)
    assert store.folders() == []


# --- what is missing, and starts ----------------------------------------------------------------


def test_missing_names_starts_first_and_none_twice(store):
    runs = [run_of(config, seed) for seed in (0, 1) for config in TINY.values()]
    wanted = missing([*reversed(runs), *runs], store)
    assert len(wanted) == len({run.key for run in wanted}) == len(runs)
    place = {run.key: number for number, run in enumerate(wanted)}
    assert all(place[run.start.key] < place[run.key] for run in runs if run.start)


def test_a_start_that_nobody_asked_for_is_missing_too(store):
    run = run_of(TINY["idec"])
    assert missing([run], store) == [run.start, run]


def test_nothing_is_missing_after_execution(store):
    runs = [run_of(TINY[name]) for name in ("kmeans on ae", "idec", "pcx")]
    for run in missing(runs, store):
        execute(run, store)
    assert missing(runs, store) == []
    assert len(store.folders()) == 4
    assert missing([run_of(TINY["pcx"], seed=1)], store) != []


def test_a_start_is_trained_once_for_two_methods(store, monkeypatch, cache):
    calls = counted(monkeypatch, "ae")
    runs = [run_of(TINY["kmeans on ae"]), run_of(TINY["idec"])]
    for run in runs:
        assert execute(run, store).status == FINISHED
    assert len(calls) == 1
    assert {path.stem for path in cache.iterdir()} == {runs[0].start.name, runs[1].name}


def test_a_start_may_have_a_start_of_its_own(store, monkeypatch, cache):
    """X+MNet: the pretraining, the method X, and MNet on its encoder, each done once."""
    run = run_of(dcss.Config(start=TINY["idec"], epochs=1, guided_epochs=1))
    assert missing([run], store) == [run.start.start, run.start, run]
    calls = counted(monkeypatch, "idec")
    for one in missing([run], store):
        assert execute(one, store).status == FINISHED
    assert len(calls) == 1
    assert store.find(run).seconds["start"] == store.find(run.start).seconds["total"]


def test_a_run_can_hand_on_its_centroids_with_its_weights(store, monkeypatch, cache):
    """DCSS: the second phase goes on from the centroids of the first, and k-means has no part in it."""
    run = run_of(dcss.Config(start=centring.Config(start=AE, epochs=1), epochs=1, guided_epochs=1))
    before = execute(run.start, store)
    weights, plain = (runner.kept_weights(one, store.find(one)) for one in (run.start, run.start.start))
    assert before.status == FINISHED
    assert weights.keys() - plain.keys() == {"centroids"}
    assert len(weights["centroids"]) == before.data["k"]
    monkeypatch.delattr(dcss, "kmeans")
    assert execute(run, store).status == FINISHED


def test_weights_are_kept_for_others_alone(store, cache):
    execute(run_of(TINY["idec"]), store, keep=False)
    assert [path.stem for path in cache.iterdir()] == [run_of(AE).name]


def test_a_start_done_before_is_not_done_again(store, monkeypatch):
    """`recluster run` does what is missing in its order: the pretraining, then who needs it."""
    calls = counted(monkeypatch, "ae")
    for run in missing([run_of(TINY["idec"])], store):
        execute(run, store)
    assert len(calls) == 1


@pytest.mark.parametrize(
    "lost",
    [
        lambda cache, store: [path.unlink() for path in cache.iterdir()],
        lambda cache, store: [path.unlink() for path in store.root.glob("ae-*/record.json")],
        lambda cache, store: [path.write_bytes(b"PK") for path in cache.iterdir()],
        lambda cache, store: [torch.save({"started": "", "weights": {}}, p) for p in cache.iterdir()],
        lambda cache, store: [torch.save({"encoder.0.bias": X}, p) for p in cache.iterdir()],
        lambda cache, store: [torch.save(torch.ones(3), p) for p in cache.iterdir()],
    ],
    ids=[
        *("weights", "record", "damaged weights", "another run's weights"),
        *("weights of an older format", "something else"),
    ],
)
def test_a_start_whose_weights_or_record_are_lost_is_done_again(store, monkeypatch, cache, lost):
    calls, run = counted(monkeypatch, "ae"), run_of(TINY["kmeans on ae"])
    first = execute(run, store)
    before = store.arrays(first)
    lost(cache, store)
    second = execute(run, store)
    assert second.status == FINISHED
    assert len(calls) == 2
    assert store.find(run.start).status == FINISHED
    assert same(before, store.arrays(second))


def test_each_seed_has_a_start_of_its_own(store, cache):
    for seed in (0, 1):
        execute(run_of(TINY["kmeans on ae"], seed), store)
    kept = (torch.load(path, weights_only=True) for path in sorted(cache.iterdir()))
    one, two = (one["weights"] for one in kept)
    assert one.keys() == two.keys()
    assert not same(one, two)


# --- what makes a record stale ------------------------------------------------------------------


def test_a_method_that_behaves_otherwise_makes_its_records_stale(store, monkeypatch, fresh):
    run, other = run_of(TINY["pcx"]), run_of(TINY["kmeans"])
    record, unrelated = execute(run, store), execute(other, store)
    original = METHODS["pcx"].fit

    def fit(x, k, config, start=None):
        yield from original(x, k, replace(config, learning_rate=2 * config.learning_rate), start)

    behave(monkeypatch, "pcx", fit)
    fingerprint._measured.cache_clear()
    assert not counts(record, run.config)
    assert counts(unrelated, other.config)
    assert missing([run, other], store) == [run]


def test_a_start_that_behaves_otherwise_makes_those_that_need_it_stale(store, monkeypatch, fresh):
    run = run_of(TINY["kmeans on ae"])
    execute(run, store)
    original = METHODS["ae"].fit

    def fit(x, k, config, start=None):
        yield from original(x, k, replace(config, learning_rate=5e-3), start)

    behave(monkeypatch, "ae", fit)
    fingerprint._measured.cache_clear()
    assert missing([run], store) == [run.start, run]


def no_entropy(monkeypatch):
    monkeypatch.setattr(pcx, "entropy", lambda soft, own=pcx.entropy: own(soft).detach())


def faster(monkeypatch):
    monkeypatch.setattr(pcx, "averaged", lambda m, s, c, kappa, own=pcx.averaged: own(m, s, c, 0.9))


def summed_loss(monkeypatch):
    monkeypatch.setattr(pcx, "mean_error", lambda x, r: (x - r).square().flatten(1).sum(1).mean())


def no_clustering(monkeypatch):
    own = pcx.clustering_loss
    monkeypatch.setattr(pcx, "clustering_loss", lambda z, near, w=1.0: own(z, near, w).detach())


@pytest.mark.parametrize(
    "change",
    [faster, summed_loss, no_clustering, no_entropy],
)
def test_a_changed_equation_makes_records_stale(store, monkeypatch, wide, change):
    run = run_of(TINY["pcx"])
    record = execute(run, store)
    assert counts(record, run.config)
    change(monkeypatch)
    fingerprint._measured.cache_clear()
    assert not counts(record, run.config)


def test_a_method_written_otherwise_that_does_the_same_keeps_its_records(store, monkeypatch, wide):
    run = run_of(TINY["pcx"])
    record = execute(run, store)

    def rewritten(data, clusters, settings, weights=None):
        for step in pcx.fit(data, clusters, settings, weights):
            yield replace(step, curves=dict(sorted(step.curves.items(), reverse=True)))

    def entropy(soft: Tensor) -> Tensor:
        return torch.special.entr(soft).sum(1).mean()

    monkeypatch.setattr(pcx, "entropy", entropy)
    behave(monkeypatch, "pcx", rewritten)
    fingerprint._measured.cache_clear()
    assert counts(record, run.config)
    assert missing([run], store) == []


def test_a_setting_that_the_record_contradicts_makes_it_stale(store):
    run = run_of(TINY["kmeans"])
    record = execute(run, store)
    settings = dict(record.run["config"])
    for changed, expected in (
        (settings, True),
        ({name: value for name, value in settings.items() if name != "restarts"}, True),
        (settings | {"restarts": 3}, False),
        (settings | {"gone since": 1}, True),
    ):
        assert counts(replace(record, run=record.run | {"config": changed}), run.config) == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], True),
        ([1.0, 2.0], [1.00005, 1.9999], True),
        ([1.0, 2.0], [1.0002, 2.0], False),
        ([1.0, 2.0], [1.0], False),
        ([0.0], [5e-7], True),
        ([0.0], [5e-6], False),
        ([1.0], [float("nan")], False),
        ([], [], True),
    ],
)
def test_fingerprints_match_within_a_tolerance(old, new, expected):
    assert fingerprint.matches(old, new) == expected


# --- keys ---------------------------------------------------------------------------------------


def test_runs_are_keyed_by_everything_that_they_are():
    base = run_of(TINY["idec"])
    others = [
        replace(base, seed=1),
        replace(base, scale="laptop"),
        replace(base, dataset="usps"),
        replace(base, config=replace(base.config, steps=6)),
        replace(base, config=replace(base.config, start=replace(AE, epochs=3))),
        base.start,
    ]
    assert len({run.key for run in [base, *others]}) == 1 + len(others)
    assert replace(base, config=replace(base.config)).key == base.key
    assert base.name == f"idec-digits-smoke-s0-{base.key}"
    assert base.start == replace(base, config=AE)
    assert run_of(AE).start is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": "huge"}, "unknown scale 'huge'; choose one of: smoke, laptop, paper"),
        ({"seed": -1}, "a seed must be 0 or more, got -1"),
    ],
)
def test_impossible_runs_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        replace(run_of(AE), **change)


# --- bad data -----------------------------------------------------------------------------------


def holed(value: float) -> Tensor:
    x = torch.rand(6, 3)
    x[1, 2] = x[4, 0] = value
    return x


@pytest.mark.parametrize(
    ("x", "k", "message"),
    [
        (holed(float("nan")), 2, "must be finite, but 2 of 6 samples .*; drop or impute"),
        (holed(float("inf")), 2, "must be finite, but 2 of 6 samples .*; drop or impute"),
        (holed(float("-inf")), 2, "must be finite, but 2 of 6 samples .*; drop or impute"),
        (holed(1.0).double() * 1e300, 2, "6 of 6 samples .* beyond float32's range.*; drop"),
        (torch.rand(0, 3), 2, r"n samples of one or more features, .* got shape \(0, 3\)"),
        (torch.rand(5, 0), 2, r"n samples of one or more features, .* got shape \(5, 0\)"),
        (torch.rand(5), 2, r"n x d or n x c x h x w; got shape \(5,\)"),
        (torch.tensor(1.0), 2, r"n x d or n x c x h x w; got shape \(\)"),
        (torch.rand(5, 3), 1, "k must lie between 2 and the number of samples, 5; got 1"),
        (torch.rand(5, 3), 0, "k must lie between 2 and the number of samples, 5; got 0"),
        (torch.rand(5, 3), -3, "k must lie between 2 and the number of samples, 5; got -3"),
        (torch.rand(5, 3), 6, "k must lie between 2 and the number of samples, 5; got 6"),
        (torch.rand(1, 3), 2, "k must lie between 2 and the number of samples, 1; got 2"),
        (torch.rand(5, 3) > 0.5, 2, "real numbers, got torch.bool; convert them to float32"),
        (torch.rand(5, 3) + 1j, 2, "real numbers, got torch.complex64; convert them to float32"),
    ],
)
def test_bad_data_are_told_the_rule_what_came_and_the_remedy(x, k, message):
    with pytest.raises(InputError, match=message):
        checked(x, k)
    with pytest.raises(InputError, match=message):
        next(train(x, k, TINY["kmeans"], seed=0))


@pytest.mark.parametrize(
    "dtype", [torch.float16, torch.float64, torch.uint8, torch.int64, torch.bfloat16]
)
def test_any_real_numbers_become_contiguous_float32(dtype):
    x = torch.arange(12).reshape(3, 4).to(dtype).T
    got = checked(x, 2)
    assert (got.dtype, got.is_contiguous(), got.shape) == (torch.float32, True, (4, 3))
    assert torch.equal(got, x.float())


def test_good_data_are_not_copied():
    x = torch.rand(4, 3)
    assert checked(x, 4) is x
