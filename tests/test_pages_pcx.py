"""PC-X's figures: what a run is asked beside its scores, and how it is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.cluster import AgglomerativeClustering

from recluster import diagnostics, metrics
from recluster import run as runner
from recluster.asked import Asked
from recluster.data import load_dataset
from recluster.methods import pcx
from recluster.papers import CLAIMS
from recluster.report import figure
from recluster.report.measures import measure
from recluster.run import execute
from recluster.spec import SCALES, InputError, Run
from recluster.store import FINISHED, Record, Store
from recluster.train import train

CONFIG = pcx.Config(epochs=4, burn_in=1, batch_size=100)


def test_mini_is_the_cluster_of_each_sample_when_its_batch_came():
    x = torch.from_numpy(load_dataset("digits").x[:300])
    still = replace(CONFIG, epochs=1, learning_rate=1e-12, momentum=1.0)  # nothing moves in the epoch
    for step in train(x, 10, still, seed=0):
        model = step.modules["model"]
        assert torch.equal(model.visited, step.labels(x))
    step = next(train(x, 10, replace(CONFIG, learning_rate=0.002), seed=0))
    moved = step.modules["model"].visited != step.labels(x)
    assert 0 < moved.sum() < 300


def test_other_clusterings_are_of_the_embedding_of_a_sample(monkeypatch):
    monkeypatch.setattr(diagnostics, "DRAWN", 120)
    data = load_dataset("digits")
    x, y = torch.from_numpy(data.x[:300]), data.y[:300]
    *_, step = train(x, 10, CONFIG, seed=0)
    model = step.modules["model"]
    found = diagnostics.others(model, x, y)
    assert tuple(found) == diagnostics.OTHERS == diagnostics.asked_of("pcx")
    assert found == diagnostics.watched(model, x, y, np.zeros(300, int))
    assert found["acc_mini"] == metrics.accuracy(y, model.visited.numpy())
    rows = np.sort(np.random.default_rng(0).permutation(300)[:120])
    with torch.no_grad():
        z = model.autoencoder.encoder.eval()(x[rows]).double().numpy()
    tree = AgglomerativeClustering(10).fit_predict(z)
    assert found["acc_agg"] == metrics.accuracy(y[rows], tree)
    assert all(0.1 < value <= 1 for value in found.values())


def test_a_watched_run_trains_as_one_that_is_not(tmp_path):
    run = Run(config=CONFIG, dataset="digits", seed=0, scale="smoke")
    records = []
    for watched in (True, False):
        store = Store(tmp_path / str(watched))
        records.append(execute(run, store, device="cpu", diagnosed=watched))
    first, second = records
    assert first.status == FINISHED
    assert {*first.scored} - {*second.scored} == {*diagnostics.OTHERS}
    assert (first.curves, first.scores) == (second.curves, second.scores)
    assert first.fingerprint == second.fingerprint


def test_the_runs_of_figure_3_are_asked():
    asked = Asked(CLAIMS.values())
    for scale in SCALES:
        assert all(asked.diagnoses(run) for run in CLAIMS["pcx.figure3"].runs(scale))
    assert not any(asked.diagnoses(run) for run in CLAIMS["pcx.table4"].runs("laptop", 1) if run.start)


def record(**scored: list[float]) -> Record:
    run = Run(config=CONFIG, dataset="digits", seed=0, scale="smoke")
    return Record(
        key=run.key,
        run=runner.identity(run),
        status=FINISHED,
        fingerprint=[],
        scores={"acc": 0.8},
        curves={},
        scored={"epoch": [1, 2, 10, 20], "acc": [0.2, 0.6, 0.7, 0.8], **scored},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"name": "digits", "k": 10, "shape": [1797, 1, 8, 8]},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )


def test_the_statements_by_hand(tmp_path):
    store = Store(tmp_path)
    one = record(acc_mini=[0.2, 0.5, 0.7, 0.9], acc_agg=[0.1, 0.1, 0.1, 0.75])
    assert measure(one, store, "acc_early", {}) == pytest.approx(0.75)  # epoch 2 of 20: 0.6 of 0.8
    assert measure(one, store, "acc_mini_gap", {}) == pytest.approx(0.055)  # 0.1 in 1 and 10 of 20
    assert measure(one, store, "acc_agg_end", {}) == 0.75
    assert measure(one, store, "acc_agg_end_gap", {}) == pytest.approx(0.05)
    with pytest.raises(InputError, match="before acc_kmeans was kept; run it again"):
        measure(one, store, "acc_kmeans_gap", {})


def test_a_line_stands_for_each_clustering_that_was_kept(tmp_path):
    values = [0.2, 0.5, 0.7, 0.9]
    found = {("PC-X", "digits"): [record(acc_mini=values, acc_gmm=values)]}
    (panel,) = figure.accuracy(found, Store(tmp_path)).axes
    assert panel.get_legend_handles_labels()[1] == ["PC-X", "PC-X-mini", "GMM"]
    assert [line.get_ydata().tolist() for line in panel.get_lines()][1] == values
