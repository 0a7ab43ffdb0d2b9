"""PC-X's claims: the suite's settings, what is measured beside the scores, and the pilot's rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from recluster import metrics
from recluster.methods import idec, kmeans, pcx
from recluster.papers import CLAIMS, comparison, pcx_pilot
from recluster.papers.suite import methods
from recluster.parts import pretraining
from recluster.report import pilot
from recluster.report.measures import measure
from recluster.report.measures_pcx import fits
from recluster.report.page import Page
from recluster.report.readings import Unmeasured
from recluster.report.scoreboard import scoreboard
from recluster.report.verdict import CHOSE, Judged, judge, summary
from recluster.spec import SCALES, Run
from recluster.store import FINISHED, Record, Store

CONFIG = pcx.Config(epochs=40, burn_in=20)


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path)


def record(config: pcx.Config = CONFIG, seed: int = 0, **rest) -> Record:
    run = Run(config=config, dataset="mnist-test", seed=seed, scale="paper")
    plain = Record(
        key=run.key,
        run={
            "method": "pcx",
            "dataset": "mnist-test",
            "seed": seed,
            "scale": "paper",
            "config": config.canonical(),
        },
        status=FINISHED,
        fingerprint=[],
        scores={},
        curves={},
        scored={},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"name": "mnist-test", "k": 3, "shape": [60, 1, 2, 2]},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )
    return replace(plain, **rest)


# --- the plans ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_the_rows_are_the_suites(scale):
    suite = methods(scale)
    for dataset, rows in CLAIMS["pcx.table6"].plan[scale].items():
        network = "conv" if dataset == "fashion" else "mlp"
        assert rows["PC-X"] == replace(suite["PC-X"], network=network)
        assert (rows["IDEC"], rows["AE"]) == (suite["IDEC"], suite["AE + k-means"])
    for dataset, rows in CLAIMS["pcx.table4"].plan[scale].items():
        for row in ("k-means", "GMM", "DEC"):
            assert rows[row] == suite[row]
        assert ("VaDE" in rows) == (dataset in (*comparison.DATASETS[scale], "mnist", "fashion"))


def test_on_fashion_pcx_is_convolutional_at_the_printed_scale_and_nothing_else_is():
    rows = comparison.METHODS_COMPARED.plan["paper"]
    changed = {
        (data, row)
        for data, configs in rows.items()
        for row, config in configs.items()
        if config != methods("paper")[row]
    }
    assert changed == {("fashion", "PC-X")}
    assert rows["fashion"]["PC-X"] == pcx.Config(network="conv")
    assert CLAIMS["pcx.table4"].plan["paper"]["fashion"]["PC-X"] == rows["fashion"]["PC-X"]


def test_table_4_plans_what_other_claims_plan_too():
    for scale, sets in CLAIMS["pcx.table4"].plan.items():
        for dataset in sets.keys() & comparison.METHODS_COMPARED.plan[scale].keys():
            compared = [*comparison.METHODS_COMPARED.plan[scale][dataset].values()]
            assert all(config in compared for config in sets[dataset].values())


def test_the_causes_change_one_thing_each():
    (rows,) = CLAIMS["pcx.causes"].plan["paper"].values()
    whole = rows["PC-X"].canonical()
    for row, config in rows.items():
        other = {name for name, value in config.canonical().items() if value != whole[name]}
        assert len(other) <= 1, row
    assert {config.centroid_update for config in rows.values()} == {
        "average", "running sums", "proximal",
    }  # fmt: skip
    assert {config.clustering_weight for config in rows.values()} == {*pcx_pilot.ETA_1}
    for name, changes in {
        "pcx.entropy": {"entropy_weight": 0.0},
        "pcx.imbalanced": {"reweighted": True, "smoothing": 5.0},
    }.items():
        for sets in CLAIMS[name].plan.values():
            ((usual, changed),) = (configs.values() for configs in sets.values())
            assert changed == replace(usual, **changes)
    starts = CLAIMS["pcx.start"].plan["paper"]
    assert starts.keys() == {"mnist", "mnist-test"}
    assert starts["mnist-test"]["PC-X from the autoencoder"].start == pretraining.Config()


# --- what is measured ---------------------------------------------------------------------------


def test_a_change_since_the_entropy_term_starts_where_the_term_has_touched_nothing(store):
    curve = [9.0] * 19 + [2.0] + [1.0] * 10 + [50.0] * 9 + [2.2]
    one = record(curves={"clustering": curve, "reconstruction": curve})
    assert measure(one, store, "clustering_change", {}) == pytest.approx(0.1)  # 2.0 to 2.2
    long = record(pcx.Config())
    rising = np.concatenate([np.full(250, 1.0), np.linspace(1.1, 1.1, 750)])
    long = replace(long, curves={"clustering": rising.tolist()})
    assert measure(long, store, "clustering_change", {}) == pytest.approx(0.1)


@pytest.mark.parametrize("burn_in", [0, 40, 50])
def test_there_is_no_change_since_a_term_that_never_began_or_always_was(store, burn_in):
    one = record(replace(CONFIG, burn_in=burn_in), curves={"reconstruction": [1.0] * 40})
    with pytest.raises(Unmeasured, match=f"both sides of its burn-in of {burn_in}"):
        measure(one, store, "reconstruction_change", {})


def test_acc_before_the_entropy_term_and_its_unrest_after_it(store):
    scored = {"epoch": [10, 20, 30, 40], "acc": [0.3, 0.5, 0.8, 0.7]}
    one = record(scored=scored)
    assert measure(one, store, "acc_burn_in", {}) == 0.5
    assert measure(one, store, "acc_unrest", {}) == pytest.approx(0.1)
    early = replace(one, scored={"epoch": [30], "acc": [0.8]})
    for metric in ("acc_burn_in", "acc_unrest"):
        with pytest.raises(Unmeasured, match="was not scored"):
            measure(early, store, metric, {})


def clouds(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of a run on three clouds of twenty, with these labels (60,) of its own."""
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(3), 20)
    z = 10 * np.eye(3)[classes] + random.normal(size=(60, 3))
    return {
        "labels": labels.astype(np.uint16),
        "sample": np.arange(60, dtype=np.int32),
        "sample_classes": classes.astype(np.uint16),
        "sample_embedding": z.astype(np.float32),
        "sample_fused": random.normal(size=(60, 3)).astype(np.float32),
    }


def test_k_means_on_z_is_scored_in_place_of_the_models_clusters(store):
    wrong = np.arange(60) % 3
    one = store.write(record(), clouds(wrong))
    assert metrics.accuracy(clouds(wrong)["sample_classes"].astype(int), wrong) < 0.5
    assert measure(one, store, "acc_on_z", {}) == 1
    assert measure(one, store, "nmi_on_z", {}) == pytest.approx(1)


def test_without_an_embedding_there_is_no_k_means_on_it(store):
    arrays = clouds(np.arange(60) % 3)
    del arrays["sample_embedding"]
    with pytest.raises(Unmeasured, match="keeps no embedding"):
        measure(store.write(record(), arrays), store, "acc_on_z", {})


def test_the_error_within_clusters_is_held_against_k_means(store):
    right, wrong = np.repeat(np.arange(3), 20), np.arange(60) % 3
    for labels, expected in ((right, None), (wrong, True)):
        arrays = clouds(labels)
        one = store.write(record(seed=int(expected is None)), arrays)
        z = arrays["sample_embedding"].astype(float)

        def error(groups, z=z):
            means = np.array([z[groups == k].mean(0) for k in range(3)])
            return sum(((z[i] - means[groups[i]]) ** 2).sum() for i in range(60))

        ratio = measure(one, store, "error_over_kmeans", {})
        assert ratio == pytest.approx(error(labels) / error(right))
        assert (ratio > 1.02) == (expected is True)


def test_the_smallest_share_is_zero_where_a_cluster_is_empty(store):
    for seed, (labels, share) in enumerate(
        [(np.arange(60) % 3, 1 / 3), (np.arange(60) % 2, 0), (np.arange(60) // 50, 0)]
    ):
        one = store.write(record(seed=seed), clouds(labels))
        assert measure(one, store, "smallest_share", {}) == pytest.approx(share)


def test_the_shares_of_clusters_leave_out_the_empty_ones(store):
    labels = np.repeat([0, 2, 2], 20)
    arrays = clouds(labels)
    one = store.write(record(), arrays)

    def share(points):
        roots = np.sqrt(np.linalg.eigvalsh(points.astype(float).T @ points))
        return roots.max() / roots.sum()

    expected = np.mean(
        [
            share(arrays["sample_embedding"][labels == k]) - share(arrays["sample_fused"][labels == k])
            for k in (0, 2)
        ]
    )
    assert measure(one, store, "cluster_share_difference", {}) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("shape", ["geometric", "power"])
def test_the_fitted_floor_is_the_courses_own(shape):
    t = np.arange(1.0, 61)
    excess = np.exp(-0.2 * t) if shape == "geometric" else t**-0.5
    weight = 0.5
    one = record(
        pcx.Config(epochs=60, burn_in=60, clustering_weight=weight),
        curves={"reconstruction": (2 + 5 * excess).tolist(), "clustering": [2.0] * 60},
    )
    loss, found = fits(one)
    assert loss == pytest.approx(3 + 5 * excess)  # the mean error and eta_1 times 2
    assert found[shape].floor == pytest.approx(3, abs=1e-3)
    assert found[shape].residual < 1e-6


# --- the pilot ----------------------------------------------------------------------------------


def test_the_pilot_asks_for_its_settings_whatever_the_defaults_are():
    (rows,) = CLAIMS["pcx.pilot"].plan["paper"].values()
    first, second = ([rows[row] for row in stage.rows] for stage in pcx_pilot.STAGES)
    assert {(one.clustering_weight, one.centroid_update) for one in first} == {
        (eta, update) for eta in pcx_pilot.ETA_1 for update in ("average", "running sums")
    }
    assert {(one.epochs, one.burn_in) for one in first} == {(250, 250)}
    assert [one.entropy_weight for one in second] == [*pcx_pilot.ETA_2]
    assert {(one.epochs, one.burn_in) for one in second} == {(1000, 250)}
    relative = [784 * eta for eta in (*pcx_pilot.ETA_1, *pcx_pilot.ETA_2)]  # to the summed error
    assert relative == pytest.approx([0.1, 0.31, 1.0, 0.05, 0.31, 1.57], rel=0.07)


def test_the_rule_reads_no_label():
    """Not one of its metrics changes when the classes do."""
    arrays = clouds(np.repeat([0, 1, 2], 20))
    curve = np.linspace(2, 1, 40).tolist()
    values = []
    for classes in (arrays["sample_classes"], np.zeros(60, np.uint16)):
        one = record(curves={"confidence": curve, "reconstruction": curve}, scored={"acc": [0.1]})

        class Kept(Store):
            def arrays(self, record, classes=classes):
                return arrays | {"sample_classes": classes}

        metrics_asked = {name for stage in pcx_pilot.STAGES for name in stage.rule}
        values.append({name: measure(one, Kept("nowhere"), name, {}) for name in metrics_asked})
    assert values[0] == values[1]
    assert len(values[0]) == 7


def measured(stage: pcx_pilot.Stage, **rows: dict[str, float]) -> list[Judged]:
    """The pilot's cells with these values, by the number of the row."""
    found = []
    for number, row in enumerate(stage.rows):
        values = rows.get(f"row_{number}", {})
        for cell in CLAIMS["pcx.pilot"].cells:
            if cell.row == row:
                value = values.get(cell.metric)
                got = None if value is None else summary([value], [record()])
                found.append(Judged(cell=cell, obtained=got, state=CHOSE))
    return found


FIRST, SECOND = pcx_pilot.STAGES
GOOD = {
    "smallest_share": 0.02,
    "error_over_kmeans": 1.02,
    "cluster_share_difference": 0.1,
    "confidence_change_burn_in": -0.1,
    "confidence_drift": 0.01,
}


@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({}, ()),
        ({"smallest_share": 0.0199}, ("smallest_share",)),
        ({"error_over_kmeans": 1.021}, ("error_over_kmeans",)),
        ({"cluster_share_difference": 0.0}, ("cluster_share_difference",)),
        ({"confidence_change_burn_in": 0.0}, ("confidence_change_burn_in",)),
        ({"confidence_drift": 0.011}, ("confidence_drift",)),
    ],
)
def test_a_setting_stays_if_it_keeps_every_bound(changes, broken):
    found = pilot.settings(FIRST, measured(FIRST, row_0=GOOD | changes))
    assert (found[0].broken, found[0].stays) == (broken, not broken)
    assert found[1].unknown == tuple(FIRST.rule)
    assert not found[1].stays
    assert pilot.taken(found) == (None if broken else FIRST.rows[0])


def test_of_those_that_stay_the_one_of_the_least_is_taken():
    rows = {f"row_{i}": GOOD | {"error_over_kmeans": 1.02 - i / 1000} for i in range(5)}
    rows["row_5"] = GOOD | {"error_over_kmeans": 1.0, "smallest_share": 0.0}
    assert pilot.taken(pilot.settings(FIRST, measured(FIRST, **rows))) == FIRST.rows[4]
    well = {"smallest_share": 0.1, "confidence_end": 0.95, "reconstruction_change": 0.09}
    still = well | {"reconstruction_change": 0.05}
    rows = {"row_0": still | {"confidence_end": 0.94}, "row_1": well, "row_2": still}
    assert pilot.taken(pilot.settings(SECOND, measured(SECOND, **rows))) == SECOND.rows[2]


def test_the_page_says_what_is_taken_only_after_every_run(store, monkeypatch):
    page = Page("pcx", "paper", store)
    assert page.pilot().text.count("nothing is taken before every setting has its run") == 2
    rows = {f"row_{i}": GOOD for i in range(6)} | {"row_3": GOOD | {"error_over_kmeans": 1.0}}
    bad = {"smallest_share": 0.1, "confidence_end": 0.5, "reconstruction_change": 0.2}
    judged = measured(FIRST, **rows) + measured(SECOND, row_0=bad, row_1=bad, row_2=bad)
    monkeypatch.setattr(pilot, "judge", lambda *_: judged)
    text = page.pilot().text
    assert f"taken: <b>{FIRST.rows[3]}</b>" in text
    assert "breaks confidence end, reconstruction change" in text
    assert "none keeps the rule: the settings stay as they were" in text


def test_what_helped_to_choose_is_marked_and_no_statement_else():
    marked = {
        (claim.id, cell.metric)
        for claim in CLAIMS.values()
        for cell in claim.cells
        if cell.chose and claim.id != "pcx.pilot"
    }
    assert marked == {
        ("pcx.figure4", "confidence_change_burn_in"),
        ("pcx.figure4", "confidence_drift"),
        ("pcx.figure4", "confidence_end"),
        ("pcx.figure4", "reconstruction_change"),
        ("pcx.figure6", "share_difference"),
    }
    assert all(cell.chose for cell in CLAIMS["pcx.pilot"].cells)


def test_the_pilot_is_no_number_of_a_paper(store):
    entries = scoreboard("paper", store).entries
    assert "pcx.figure4" in {entry.claim.id for entry in entries}
    assert not any(entry.claim.ours for entry in entries)
    assert {one.state for one in judge(CLAIMS["pcx.pilot"], "paper", store)} == {"not run"}


def test_the_other_reading_of_table_6_is_of_the_same_runs_and_numbers():
    model, on_z = CLAIMS["pcx.table6"], CLAIMS["pcx.table6kmeans"]
    assert model.plan == on_z.plan
    assert [(c.row, c.dataset, c.printed) for c in model.cells] == [
        (c.row, c.dataset, c.printed) for c in on_z.cells
    ]
    assert {c.metric for c in on_z.cells} == {"acc_on_z", "nmi_on_z"}
    kinds = {type(config) for _, _, config in on_z.planned("paper")}
    assert kinds == {pcx.Config, idec.Config, kmeans.Config}
