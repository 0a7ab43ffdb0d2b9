"""What DynAE prints, as typed, against the page and against itself; and what is measured for it."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from recluster.methods import dynae
from recluster.papers.claim import Cell
from recluster.papers.dynae import CLAIMS
from recluster.papers.dynae_causes import KMEANS, LIGHT, PLAIN, SHARES, named
from recluster.papers.dynae_figures import BEST_GAMMA, GAMMAS
from recluster.papers.dynae_runs import PRINTED
from recluster.papers.suite import methods
from recluster.report.measures import measure
from recluster.report.measures_dynae import updates
from recluster.spec import InputError, Run
from recluster.store import FINISHED, Array, Record, Store

NAMED = {claim.id.partition(".")[2]: claim for claim in CLAIMS}


def cells(name: str) -> dict[tuple[str, str, str], Cell]:
    return {(cell.row, cell.dataset, cell.metric): cell for cell in NAMED[name].cells}


def value(name: str, row: str, dataset: str, metric: str) -> float:
    printed = cells(name)[row, dataset, metric].printed
    assert printed is not None
    return printed


def column(name: str, dataset: str, metric: str) -> dict[str, float]:
    found = (c for c in NAMED[name].cells if (c.dataset, c.metric) == (dataset, metric))
    return {cell.row: cell.printed for cell in found if cell.printed is not None}


COLUMNS = [(dataset, metric) for dataset in PRINTED for metric in ("acc", "nmi")]

# --- the page -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [("table2", 19, 8), ("table3", 3, 8), ("table4", 9, 4), ("table5", 3, 4)],
)
def test_a_table_has_all_its_cells_in_the_order_of_the_page(name, rows, columns):
    printed = [cell for cell in NAMED[name].cells if cell.across is None]
    assert len(printed) == rows * columns
    metrics = ("seconds",) if columns == 4 else ("acc", "nmi")
    assert [(c.dataset, c.metric) for c in printed[:columns]] == [
        (dataset, metric) for dataset in PRINTED for metric in metrics
    ]
    assert len({cell.row for cell in printed}) == rows
    assert not any(cell.lost for cell in printed)


@pytest.mark.parametrize(
    ("row", "printed"),
    [
        ("K-Means", (0.532, 0.500, 0.546, 0.501, 0.668, 0.627, 0.474, 0.512)),
        ("AC", (0.621, 0.682, 0.695, 0.711, 0.683, 0.725, 0.500, 0.564)),
        ("RBF K-Means", (None, None, 0.560, 0.523, 0.629, 0.631, None, None)),
        ("AE + FINCH", (None, None, 0.709, 0.754, 0.704, 0.788, None, None)),
        ("VaDE", (0.945, 0.876, 0.287, 0.287, 0.566, 0.512, 0.578, 0.630)),
        ("DynAE", (0.987, 0.964, 0.987, 0.963, 0.981, 0.948, 0.591, 0.642)),
    ],
)
def test_rows_of_table_2(row, printed):
    own = [cell for cell in NAMED["table2"].cells if cell.row == row]
    assert tuple(cell.printed for cell in own) == printed
    assert [cell.mark == "--" for cell in own] == [number is None for number in printed]
    assert {cell.places for cell in own} <= {0, 3}


@pytest.mark.parametrize(
    ("name", "sums"),
    [
        ("table2", (12.180, 11.501, 13.397, 12.891, 13.336, 13.497, 8.622, 8.979)),
        ("table3", (2.940, 2.845, 2.933, 2.827, 2.924, 2.804, 1.741, 1.862)),
        ("table4", (174339, 32684, 27159, 161963)),
        ("table5", (30031, 28176, 23295, 30971)),
    ],
)
def test_the_columns_add_up_to_those_of_the_page(name, sums):
    columns = dict.fromkeys((c.dataset, c.metric) for c in NAMED[name].cells if c.across is None)
    assert [sum(column(name, *one).values()) for one in columns] == pytest.approx(sums)


@pytest.mark.parametrize("name", ["table2", "table3"])
def test_bold_is_the_best_of_every_column_and_nothing_else(name):
    for dataset, metric in COLUMNS:
        here = column(name, dataset, metric)
        bold = {
            r for (r, d, m), c in cells(name).items() if (d, m) == (dataset, metric) and c.mark == "bold"
        }
        assert bold == {max(here, key=here.__getitem__)}


def test_the_tables_repeat_one_another():
    for one in COLUMNS:
        assert column("table2", *one)["DynAE"] == column("table3", *one)["DynAE"]
    for dataset in PRINTED:
        assert (
            column("table4", dataset, "seconds")["DynAE"]
            == column("table5", dataset, "seconds")["DynAE"]
        )


# --- the page against its text ------------------------------------------------------------------


def test_dynae_is_less_than_five_points_of_nmi_above_depict():
    """Section 5.2.1 says at least 5% of NMI, and 2% of ACC, which holds."""
    for dataset in ("mnist", "mnist-test", "usps"):
        nmi, acc = column("table2", dataset, "nmi"), column("table2", dataset, "acc")
        assert 0.04 < nmi["DynAE"] - nmi["DEPICT"] < 0.05
        assert acc["DynAE"] - acc["DEPICT"] >= 0.02


def test_neither_agglomerative_nor_manifold_clustering_leads_everywhere():
    fashion, usps = column("table2", "fashion", "acc"), column("table2", "usps", "acc")
    assert fashion["AC"] < fashion["LSNMF"] < fashion["GMM"]
    assert max(usps["SC"], usps["RBF K-Means"]) < usps["K-Means"]
    assert fashion["SC"] < fashion["GMM"]


def test_subspace_clustering_is_best_on_fashion_and_deep_clustering_not_always_better():
    fashion, usps = column("table2", "fashion", "acc"), column("table2", "usps", "acc")
    assert max(fashion, key=fashion.__getitem__) == "EnSC"
    assert max(usps["DeepCluster"], usps["VaDE"]) < usps["K-Means"]
    assert fashion["DynAE"] - fashion["AE + K-Means"] == pytest.approx(0.006)


def test_idec_is_next_to_dynae_on_usps_and_faster_than_dec_on_mnist():
    acc, nmi = column("table3", "usps", "acc"), column("table3", "usps", "nmi")
    assert acc["DynAE"] - acc["IDEC*"] == pytest.approx(0.001)
    assert nmi["DynAE"] - nmi["IDEC*"] == pytest.approx(0.002)
    seconds = column("table5", "mnist", "seconds")
    assert seconds["IDEC*"] < seconds["DEC*"]


# --- plans --------------------------------------------------------------------------------------


def test_rows_that_we_do_not_run_are_quoted():
    printed = {cell.row for cell in NAMED["table2"].cells}
    quoted = {"SSC-OMP", "EnSC", "DeepCluster", "SR-KMeans", "JULE", "DEPICT"}
    assert printed - NAMED["table2"].own_rows() == quoted
    assert NAMED["table3"].own_rows() == {"DEC*", "IDEC*", "DynAE"}
    assert NAMED["table4"].own_rows() == {"DCN", "DEC", "IDEC", "VaDE", "DynAE"}


def test_finch_runs_where_the_paper_could_run_it():
    at_paper = {data for row, data, _ in NAMED["table2"].planned("paper") if row == "AE + FINCH"}
    assert at_paper == {"mnist-test", "usps"}


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_the_figures_need_no_runs_beyond_the_tables_but_for_the_balance(scale):
    tables = {run.key for name in ("table2", "table3") for run in NAMED[name].runs(scale)}
    for name in ("table4", "table5", "figure6", "figure9", "figure10", "figure17", "figure18"):
        assert {run.key for run in NAMED[name].runs(scale)} <= tables, name
    before = {run.key for run in NAMED["start"].runs(scale)} - tables
    assert {r.method for r in NAMED["start"].runs(scale) if r.key in before} == {
        "kmeans"
    }  # on the start


def test_the_weight_has_seven_values_for_both_methods_and_one_is_table_2s():
    rows = {row: config for row, _, config in NAMED["figure13"].planned("paper")}
    assert len(rows) == 2 * len(GAMMAS) == 14
    assert {rows[f"DynAE, gamma {gamma:g}"].clustering_weight for gamma in GAMMAS} == set(GAMMAS)
    assert {rows[f"IDEC*, gamma {gamma:g}"].divergence_weight for gamma in GAMMAS} == set(GAMMAS)
    assert rows["DynAE, gamma 1"] == methods("paper")["DynAE"]
    assert {config.start for config in rows.values()} == {methods("paper")["DynAE"].start}
    assert {row for row, _, _ in NAMED["figure13"].planned("laptop")} == set(rows)
    best = {row: config for row, _, config in NAMED["figure14"].planned("paper")}
    assert all(config == rows[f"{row}, gamma {BEST_GAMMA:g}"] for row, config in best.items())


def test_a_tenth_of_the_pretraining_is_told_apart_by_its_initial_weights_alone():
    rows = {row: config for row, _, config in NAMED["pilot"].planned("paper")}
    assert [*rows] == ["fan-in", "glorot"]
    for row, config in rows.items():
        assert (config.steps, config.start.steps, config.start.initialisation) == (1000, 12_500, row)
    assert replace(rows["glorot"], start=rows["fan-in"].start) == rows["fan-in"]


def test_starts_are_the_tables_cut_off_earlier():
    rows = {row: c for row, data, c in NAMED["starts"].planned("paper") if data == "usps"}
    assert len(rows) == 12
    assert sorted({config.start.steps for config in rows.values()}) == [10_000, 30_000, 60_000, 130_000]
    suite = methods("paper")
    assert rows[named(PLAIN, SHARES[-1])] == suite["DynAE"]
    assert rows[named(KMEANS, SHARES[-1])] == suite["ACAI + k-means"]
    assert rows[named(LIGHT, SHARES[-1])] == replace(suite["DynAE"], clustering_weight=0.01)


def test_every_part_changes_one_thing():
    own = methods("paper")["DynAE"]
    rows = {row: config for row, _, config in NAMED["parts"].planned("paper") if row != "as here"}
    deep = {row: config for row, config in rows.items() if isinstance(config, dynae.Config)}
    assert len(deep) == 8
    for row, config in deep.items():
        assert config.start is not None
        assert own.start is not None
        pairs = ((config, own), (config.start, own.start))
        changed = [
            field.name
            for one, other in pairs
            for field in fields(one)
            if field.name != "start" and getattr(one, field.name) != getattr(other, field.name)
        ]
        assert changed == ["rotation", "shift"] if "augmentation" in row else len(changed) == 1, row


def test_statements_on_rows_are_those_of_the_text():
    """Each printed table agrees with what Section 5.2.1 says of it, by the very bounds."""
    for name, count in (("start", 24), ("table4", 8), ("table5", 4)):
        stated = [cell for cell in NAMED[name].cells if cell.across]
        seen = 0
        for cell in stated:
            metric = "seconds" if cell.metric == "log_seconds" else cell.metric
            known = column(name, cell.dataset, metric)
            if {*cell.rows} <= known.keys():
                values = {row: np.log(v) if metric == "seconds" else v for row, v in known.items()}
                assert cell.bound.holds(cell.across.of(values)), cell
                seen += 1
        assert seen == count


# --- measures -----------------------------------------------------------------------------------


def record(**rest: object) -> Record:
    """A finished record of DynAE on digits."""
    run = Run(config=dynae.Config(), dataset="digits", seed=0, scale="smoke")
    plain = Record(
        key=run.key,
        run={
            "method": run.method,
            "dataset": "digits",
            "seed": 0,
            "scale": "smoke",
            "config": run.config.canonical(),
        },
        status=FINISHED,
        fingerprint=[],
        scores={},
        curves={},
        scored={},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"name": "digits", "k": 3, "shape": [9, 2]},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )
    return replace(plain, **rest)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def test_courses_of_the_scores_by_hand(store):
    one = record(
        scored={"epoch": [1, 2, 3, 4], "acc": [0.5, 0.8, 0.7, 0.9], "nmi": [0.2, 0.3, 0.4, 0.4]}
    )
    assert measure(one, store, "acc_best", {}) == 0.9
    assert measure(one, store, "acc_rise", {}) == pytest.approx(0.4)
    assert measure(one, store, "nmi_rise", {}) == pytest.approx(0.2)
    assert measure(one, store, "acc_largest_drop", {}) == pytest.approx(0.1)
    assert measure(one, store, "nmi_largest_drop", {}) == 0
    once = record(scored={"epoch": [1], "acc": [0.5], "nmi": [0.2]})
    assert measure(once, store, "acc_largest_drop", {}) == measure(once, store, "acc_rise", {}) == 0


CONFLICTED = [0.50, 0.30, 0.20, 0.15, 0.16, 0.14, 0.08, 0.02, 0.0]


def test_the_course_of_the_conflicted_by_hand(store):
    threshold = [0.3] * 6 + [0.25, 0.21, 0.12]  # one drop within the seventh epoch, one before the ninth
    one = record(curves={"conflicted": CONFLICTED, "threshold": threshold})
    assert updates(one) == [6, 8]
    assert measure(one, store, "conflicted_before_update", {}) == 0.14
    assert measure(one, store, "conflicted_largest_rise", {}) == pytest.approx(0.01)
    assert measure(one, store, "conflicted_slowing", {}) == pytest.approx(0.2 - 0.02)
    assert measure(one, store, "conflicted_abruptness", {}) == pytest.approx(0.12 - 2 * 0.36 / 5)
    assert measure(one, store, "conflicted_end", {}) == 0


@pytest.mark.parametrize(
    ("threshold", "expected"),
    [
        ([0.3] * 4, []),
        ([0.3, 0.21, 0.21, 0.21], [1]),
        ([0.3, 0.299, 0.21, 0.12], [1, 3]),
        ([0.28, 0.21, 0.05, 0.03], [0, 2]),  # in the third two at once
    ],
)
def test_an_update_is_the_epoch_in_which_the_threshold_falls(threshold, expected):
    assert updates(record(curves={"threshold": threshold})) == expected


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({"threshold": [0.3] * 9}, "was updated never"),
        ({"threshold": [0.3] + [0.21] * 8}, "was updated in the first two epochs"),
        ({}, "before thresholds were kept; run it again"),
    ],
)
def test_a_run_without_an_update_to_compare_with_is_refused(store, curves, message):
    with pytest.raises(InputError, match=message):
        measure(record(curves={"conflicted": CONFLICTED, **curves}), store, "conflicted_slowing", {})


def test_scores_over_training_weigh_the_epochs_that_they_stand_for(store):
    scored = {"epoch": [0, 1, 2, 4, 8], "delta_fr": [9.0, 0.1, 0.2, 0.4, 0.3], "acc": [1.0] + [0.5] * 4}
    scored["delta_fd"] = [-one for one in scored["delta_fr"]]
    one = record(scored=scored)
    mean = (0.1 + 0.2 + 2 * 0.4 + 4 * 0.3) / 8
    assert measure(one, store, "delta_fr_mean", {}) == pytest.approx(mean)
    assert measure(one, store, "delta_fd_mean", {}) == pytest.approx(-mean)
    assert measure(one, store, "acc_best", {}) == 0.5  # the start has not been trained
    even = {name: values[1:] for name, values in scored.items()} | {"epoch": [3, 6, 9, 12]}
    assert measure(record(scored=even), store, "delta_fr_mean", {}) == pytest.approx(0.25)


def test_the_loss_is_that_of_equation_14(store):
    config = replace(dynae.Config(), clustering_weight=2.0).canonical()
    one = record(
        curves={"construction": [4.0, 3.0, 2.0], "clustering": [3.0, 4.0, 1.0]}, run={"config": config}
    )  # 10, 11, 4
    assert measure(one, store, "dynamic_loss_change", {}) == pytest.approx(-0.6)
    assert measure(one, store, "dynamic_loss_roughness", {}) == pytest.approx(1 / 7)


def test_the_pilots_rule_by_hand(store):
    """Nine samples in batches of 256: an epoch is one step."""
    epochs = [0, 100, 180, 280, 420, 560, 980, 1000]
    shares = [0.7, 0.6, 0.5, 0.45, 0.44, 0.353, 0.265, 0.2]
    one = record(scored={"epoch": epochs, "share_conflicted": shares})
    assert measure(one, store, "share_conflicted_start", {}) == 0.7
    assert measure(one, store, "share_conflicted_off", {}) == pytest.approx(0.1)
    assert measure(one, store, "share_conflicted_falls", {}) == pytest.approx(0.01)  # from 280 to 420
    expected = (abs(0.55 - 0.544) + abs(0.45 - 0.466) + abs(0.44 - 0.401)) / 5
    assert measure(one, store, "share_conflicted_from_log", {}) == pytest.approx(expected)
    rising = record(scored={"epoch": epochs, "share_conflicted": [*shares[:4], 0.46, *shares[5:]]})
    assert measure(rising, store, "share_conflicted_falls", {}) == pytest.approx(-0.01)


def test_seconds_as_logarithms_and_how_many_epochs_were_trained(store):
    one = record(
        curves={"conflicted": [0.5] * 7}, seconds={"total": 20.0}, scored={"delta_fr": [0.5, 0.2, 0.9]}
    )
    twice = record(seconds={"total": 40.0})
    longer = measure(twice, store, "log_seconds", {}) - measure(one, store, "log_seconds", {})
    assert longer == pytest.approx(np.log(2))
    assert measure(one, store, "epochs", {}) == 7
    assert measure(one, store, "delta_fr_largest_drop", {}) == pytest.approx(0.3)


def sampled(store: Store, z: Array, labels: list[int], classes: list[int]) -> Record:
    arrays = {
        "sample": np.arange(len(z), dtype=np.int32),
        "sample_embedding": z.astype(np.float32),
        "labels": np.array(labels, np.uint16),
        "sample_classes": np.array(classes, np.uint16),
    }
    return store.write(record(), arrays)


def test_clusters_far_apart_have_a_silhouette_near_one_and_one_alone_has_none(store):
    z = np.concatenate([np.random.default_rng(0).normal(size=(8, 2)) + 100 * i for i in range(2)])
    two = sampled(store, z, [0] * 8 + [1] * 8, [0] * 16)
    assert measure(two, store, "cluster_silhouette", {}) > 0.95
    assert measure(sampled(store, z, [0] * 16, [0] * 16), store, "cluster_silhouette", {}) == 0


def test_only_the_ten_central_samples_of_a_cluster_count(store):
    angles = np.linspace(0, 2 * np.pi, 13)[:-1]
    circle = np.stack([np.cos(angles), np.sin(angles)], 1)
    z = np.concatenate([0.1 * circle, 9 * circle[:4]])  # twelve near the centre, four far
    one = sampled(
        store, np.concatenate([z, z[:3] + 90]), [0] * 16 + [1] * 3, [4] * 12 + [7] * 4 + [5, 5, 6]
    )
    assert measure(one, store, "central_purity", {}) == pytest.approx((1 + 2 / 3) / 2)
