"""What ULHE-DC prints, as typed, against the page, against itself and DynAE; and its measures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from recluster.methods import ulhe
from recluster.papers import dynae as dynae_page
from recluster.papers.claim import Cell
from recluster.papers.suite import methods
from recluster.papers.ulhe import CLAIMS, setting
from recluster.papers.ulhe_runs import MODELS, PRINTED, SMALL
from recluster.report.measures import measure
from recluster.spec import Run
from recluster.store import FINISHED, Record, Store

NAMED = {claim.id.partition(".")[2]: claim for claim in CLAIMS}
FIRST, SECOND = ("0.02", "0.05", "0.08", "0.13", "0.20"), ("0.10", "0.25", "0.40", "0.60", "0.80")
BEST = setting("0.08", "0.40")


def row(name: str, head: str) -> list[Cell]:
    return [cell for cell in NAMED[name].cells if cell.row == head]


def on_the_page(name: str) -> list[Cell]:
    """The cells of the table, without the text's statements on its rows."""
    return [cell for cell in NAMED[name].cells if cell.across is None]


def column(name: str, dataset: str, metric: str) -> dict[str, float]:
    found = (c for c in NAMED[name].cells if (c.dataset, c.metric) == (dataset, metric))
    return {cell.row: cell.printed for cell in found if cell.printed is not None}


# --- the page -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "rows", "columns"), [("table1", 16, 8), ("table2", 4, 2), ("table3", 25, 2)]
)
def test_a_table_has_all_its_cells_in_the_order_of_the_page(name, rows, columns):
    printed = on_the_page(name)
    assert len(printed) == rows * columns
    assert len({cell.row for cell in printed}) == rows
    datasets = PRINTED if columns == 8 else ("mnist",)
    assert [(c.dataset, c.metric) for c in printed[:columns]] == [
        (dataset, metric) for dataset in datasets for metric in ("acc", "nmi_max")
    ]


@pytest.mark.parametrize(
    ("head", "printed"),
    [
        ("k-means", (0.5381, 0.5047, 0.5446, 0.5013, 0.6754, 0.6307, 0.4720, 0.5114)),
        ("DEPICT*", (0.9650, 0.9170, 0.9630, 0.9150, 0.9241, 0.9098, 0.4406, 0.421)),
        ("VaDE", (0.9389, 0.8734, None, None, 0.5660, 0.5120, 0.5780, 0.630)),
        ("DeepDPM", (0.9793, 0.9381, None, None, 0.8950, 0.8817, 0.6242, 0.677)),
        ("DSC-DAN*", (0.9780, 0.9410, 0.9800, 0.9460, 0.8690, 0.8570, 0.6620, 0.645)),
        ("ULHE-DC", (0.9836, 0.9613, 0.9812, 0.9485, 0.9788, None, 0.6440, 0.673)),
    ],
)
def test_rows_of_table_1(head, printed):
    own = row("table1", head)
    assert tuple(cell.printed for cell in own) == printed
    for cell in own:
        assert cell.lost == ((head, cell.dataset, cell.metric) == ("ULHE-DC", "usps", "nmi_max"))
        assert (cell.mark == "--") == (cell.printed is None and not cell.lost)


def test_deviations_and_marks_that_survive():
    deviations = {(c.row, c.dataset, c.metric): c.printed_std for c in NAMED["table1"].cells}
    assert [std for std in deviations.values() if std] == [
        0.0015, 0.0023, 0.0027, 0.0014, 0.0019, 0.0125, 0.02
    ]  # fmt: skip
    assert {head for (head, *_), std in deviations.items() if std} == {"ULHE-DC"}
    marked = {(c.row, c.dataset, c.metric) for c in NAMED["table1"].cells if c.mark == "underlined"}
    assert marked == {
        ("DeepDPM", "mnist", "acc"),
        ("DDC-DA*", "mnist", "nmi_max"),
        ("SENet*", "fashion", "nmi_max"),
    }
    assert [c.printed_std for c in on_the_page("table2")] == [
        0.0020, 0.0035, 0.0041, 0.0089, 0.0012, 0.0018, 0.0015, 0.0023
    ]  # fmt: skip
    assert [c.row for c in NAMED["table2"].cells if c.mark == "bold"] == ["Model 4 (both)"] * 2


@pytest.mark.parametrize(
    ("name", "sums"),
    [
        ("table1", (14.0956, 13.4994, 7.4300, 7.1683, 9.6647, 8.5666, 8.7682, 9.1044)),
        ("table2", (3.8059, 3.6700)),
        ("table3", (24.0033, 23.4139)),
    ],
)
def test_the_columns_add_up_to_those_of_the_page(name, sums):
    columns = dict.fromkeys((cell.dataset, cell.metric) for cell in on_the_page(name))
    assert [sum(column(name, *one).values()) for one in columns] == pytest.approx(sums)


@pytest.mark.parametrize(
    ("second", "printed"),
    [
        ("0.10", (0.9422, 0.9122, 0.9543, 0.9343, 0.9615, 0.9589, 0.9519, 0.9531, 0.9490, 0.9502)),
        ("0.40", (0.9540, 0.9011, 0.9768, 0.9588, 0.9836, 0.9613, 0.9733, 0.9633, 0.9657, 0.9607)),
        ("0.80", (0.9345, 0.8845, 0.9474, 0.9074, 0.9661, 0.9161, 0.9580, 0.9180, 0.9563, 0.9363)),
    ],
)
def test_rows_of_table_3(second, printed):
    own = [cell.printed for first in FIRST for cell in row("table3", setting(first, second))]
    assert tuple(own) == printed


def test_the_tables_repeat_one_another():
    for metric in ("acc", "nmi_max"):
        one, two, three = (column(f"table{i}", "mnist", metric) for i in (1, 2, 3))
        assert one["ULHE-DC"] == two["Model 4 (both)"] == three[BEST]
    assert {cell.row for cell in NAMED["table3"].cells} == {setting(a, b) for a in FIRST for b in SECOND}


# --- the page against its text, and against DynAE's ---------------------------------------------


def test_sc_and_dec_are_dynaes_rows():
    theirs = {(c.row, c.dataset, c.metric): c.printed for c in dynae_page.TABLE_2.cells}
    for head in ("SC", "DEC"):
        for cell in row("table1", head):
            assert cell.printed == theirs[head, cell.dataset, cell.metric.removesuffix("_max")]


def test_deepdpm_has_the_best_nmi_on_fashion():
    nmi = column("table1", "fashion", "nmi_max")
    assert sorted(nmi, key=nmi.__getitem__)[-2:] == ["ULHE-DC", "DeepDPM"]


def test_the_margins_of_the_ablation():
    acc = {head.split()[1]: number for head, number in column("table2", "mnist", "acc").items()}
    nmi = {head.split()[1]: number for head, number in column("table2", "mnist", "nmi_max").items()}
    margins = (acc["2"] - acc["1"], acc["4"] - acc["3"], acc["3"] - acc["1"], nmi["3"] - nmi["1"])
    assert margins == pytest.approx((0.0186, 0.0171, 0.0479, 0.0582))


def test_table_3_has_the_oddities_that_its_note_tells():
    acc, nmi = (column("table3", "mnist", metric) for metric in ("acc", "nmi_max"))
    assert sum(round(1e4 * (acc[s] - nmi[s])) % 100 == 0 for s in acc) == 16
    assert {s: acc[s] for s in acc if acc[s] == nmi[s]} == {
        setting("0.05", "0.25"): 0.9608,
        setting("0.13", "0.25"): 0.9624,
        setting("0.20", "0.25"): 0.9546,
    }
    assert max(nmi, key=nmi.__getitem__) == setting("0.13", "0.40")
    assert max(acc, key=acc.__getitem__) == BEST
    for second in SECOND:
        assert acc[setting("0.20", second)] > acc[setting("0.02", second)]
        assert nmi[setting("0.20", second)] > nmi[setting("0.02", second)]


# --- plans --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_the_four_models_differ_by_their_weights_alone(scale):
    planned = list(NAMED["table2"].planned(scale))
    rows = {head: config for head, _, config in planned}
    assert all(config == rows[head] for head, _, config in planned)
    full = methods(scale)["ULHE-DC"]
    assert list(rows) == list(MODELS)
    assert rows["Model 4 (both)"] == full
    weights = [(config.uniformity_weight, config.compactness_weight) for config in rows.values()]
    assert weights == [(0, 0), (0.08, 0), (0, 0.40), (0.08, 0.40)]
    for config in rows.values():
        assert replace(config, uniformity_weight=0.08, compactness_weight=0.40) == full


def test_the_grid_is_whole_at_paper_and_at_laptop_scale():
    at = {scale: list(NAMED["table3"].planned(scale)) for scale in ("smoke", "laptop", "paper")}
    assert [len(at[scale]) for scale in at] == [1, 25, 25]
    assert {data for _, data, _ in at["laptop"]} == {"mnist-test"}
    for head, _, config in at["paper"]:
        assert head == setting(f"{config.uniformity_weight:.2f}", f"{config.compactness_weight:.2f}")
    assert {head for head, *_ in at["laptop"]} == {setting(a, b) for a in FIRST for b in SECOND}
    shared = {run.key for run in NAMED["table1"].runs("paper")}
    assert {run.key for run in NAMED["table3"].runs("paper")} & shared


def test_the_ablation_is_planned_on_the_small_data_sets_too():
    assert {data for _, data, _ in NAMED["table2"].planned("paper")} == {"mnist", *SMALL}


def test_statements_compare_the_rows_that_the_text_names():
    order, _, stable = (c for c in NAMED["table2"].cells if c.across)
    assert order.across.rows == ("Model 4 (both)", "Model 3 (L_cmpt)", "Model 2 (L_unif)", "Model 1")
    assert (stable.across.rows, stable.across.others) == (("Model 2 (L_unif)",), ("Model 1",))
    for cell in (c for c in NAMED["figure1"].cells if c.across):
        assert cell.across.rows == tuple(setting(first, "0.40") for first in FIRST)
        assert cell.across.others == tuple(setting("0.08", second) for second in SECOND)


def test_the_rows_that_the_paper_ran_itself_are_not_quoted():
    assert {"ClusterGAN", "DeepDPM"} == NAMED["table1"].needs.keys()


# --- the search for the cause -------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ladder", "augmented", "readings", "confusion"])
def test_a_cause_is_ours_and_is_planned_on_the_small_data_sets(name):
    claim = NAMED[name]
    assert claim.ours
    assert {data for _, data, _ in claim.planned("paper")} == set(SMALL)
    assert {(cell.row, cell.dataset) for cell in claim.cells} == {
        (head, data) for head, data, _ in claim.planned("paper")
    }
    own = column("table1", "usps", "acc")["ULHE-DC"]
    assert {c.printed for c in claim.cells if c.dataset == "usps"} <= {own, None}
    assert claim.drawing != "ladder" or claim.within == NAMED["table1"].within


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_a_cause_changes_one_thing_of_the_paper_s_own_run(scale):
    full, start = methods(scale)["ULHE-DC"], methods(scale)["DynAE"].start
    rows = {head: config for head, _, config in NAMED["augmented"].planned(scale)}
    views = replace(full, rotation=10.0, shift=0.1)
    assert [*rows.values()][:4] == [
        full, views, replace(full, start=start), replace(views, start=start)
    ]  # fmt: skip
    rows = {head: config for head, _, config in NAMED["readings"].planned(scale)}
    assert rows["sum over pairs"] == replace(full, compactness="sum")
    assert rows["autoencoder of Adam"].start == methods(scale)["AE + k-means"].start
    assert rows["rectified embedding"].start == replace(full.start, embedding="relu")
    batches = rows["mini-batch iterations"]
    assert (batches.iteration, batches.epochs, batches.tolerance) == ("batch", 300, 0)
    assert rows["mini-batch iterations, sum over pairs"] == replace(batches, compactness="sum")


def test_only_rungs_that_labels_made_are_measured_by_them():
    asked = {cell.row: cell.metric for cell in NAMED["ladder"].cells}
    for head, metric in asked.items():
        assert (metric != "acc") == head.startswith(("nearest", "ten", "Model 4 at"))


def test_rows_that_we_do_not_run_are_quoted():
    own = {"k-means", "GMM", "SC", "DEC", "VaDE", "ULHE-DC"}
    assert NAMED["table1"].own_rows() == own
    assert len({cell.row for cell in NAMED["table1"].cells} - own) == 10


# --- measures -----------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def record(**curves: list[float]) -> Record:
    """A finished record of ULHE-DC with ten clusters."""
    run = Run(config=ulhe.Config(), dataset="digits", seed=0, scale="smoke")
    return Record(
        key=run.key,
        run={"method": "ulhe", "dataset": "digits", "seed": 0, "scale": "smoke", "config": {}},
        status=FINISHED,
        fingerprint=[],
        scores={},
        curves=curves,
        scored={},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"name": "digits", "k": 10, "shape": [8, 2]},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )


def test_the_least_energy_of_ten_directions_is_that_of_the_simplex(store):
    simplex = np.eye(10) - 0.1
    simplex /= np.linalg.norm(simplex, axis=1, keepdims=True)
    gaps = 1 - simplex @ simplex.T
    energy = (1 / gaps[~np.eye(10, dtype=bool)]).sum()
    one = record(uniformity=[200.0, float(energy)], norm=[0.5, 0.004])
    assert measure(one, store, "uniformity_over_least", {}) == pytest.approx(1)
    assert measure(record(uniformity=[90.0]), store, "uniformity_over_least", {}) > 1.1
    assert measure(one, store, "norm_end", {}) == 0.004


def test_contrast_and_rank_by_hand(store):
    arrays = {
        "sample": np.arange(5, dtype=np.int32),
        "sample_embedding": np.array([[2, 0], [0.5, 0], [0, 3], [1, 1], [0, 0]], np.float32),
        "labels": np.array([0, 0, 0, 1, 1], np.uint16),
        "sample_classes": np.array([0, 0, 1, 1, 1], np.uint16),
    }
    one = store.write(record(), arrays)
    half = np.sqrt(0.5)
    within = 2 * (1 + half) / 8  # of the ordered pairs; zero has no cosine with anything
    between = (2 * half) / 6
    assert measure(one, store, "class_contrast", {}) == pytest.approx(within - between, rel=1e-5)
    # cluster 0: two along one axis, one along the other; cluster 1: one direction
    assert measure(one, store, "rank_one_share", {}) == pytest.approx((2 / 3 + 1) / 2, rel=1e-5)
