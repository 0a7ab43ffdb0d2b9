"""DCSS's claims: the printed numbers against one another, the plans, and what is read off records."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import silhouette_score

from recluster.methods import dcss as method
from recluster.papers import dcss, dcss_runs
from recluster.papers.claim import Claim
from recluster.papers.dcss_causes import OURS, PAIRS, PREFLIGHT
from recluster.papers.dcss_stated import IMBALANCE_SAID, SETTINGS_SAID, STATED
from recluster.papers.suite import methods
from recluster.parts import centring, pretraining
from recluster.parts.fuzzy import memberships
from recluster.report.measures import FRACTIONS, MEASURES, measure
from recluster.report.measures_dcss import APPENDIX, first_judge
from recluster.report.readings import Unmeasured
from recluster.report.verdict import judge
from recluster.spec import SCALES, Config, InputError, Run
from recluster.store import FINISHED, Record, Store

GREY = ["mnist", "fashion", "2mnist", "usps"]
PANELS = [dcss.FIGURE_9A, dcss.FIGURE_9B, dcss.FIGURE_9C, dcss.FIGURE_9D, dcss.FIGURE_10B]
OWN = ["k-means", "DEC", "IDEC", "DCN", "DKM", "VaDE", "AE + k-means", "DCSS_u", "DCSS"]


# --- the printed numbers ------------------------------------------------------------------------


def printed(claim: Claim, row: str) -> list[float | None]:
    return [cell.printed for cell in claim.cells if cell.row == row]


def column(claim: Claim, dataset: str, metric: str) -> dict[str, float | None]:
    return {c.row: c.printed for c in claim.cells if (c.dataset, c.metric) == (dataset, metric)}


@pytest.mark.parametrize(
    ("claim", "rows", "columns"),
    [(dcss.TABLE_1, 14, 14), (dcss.TABLE_2, 7, 24), (dcss.TABLE_3, 4, 14), (dcss.MNET, 8, None)],
)
def test_the_tables_have_the_rows_and_columns_of_the_page(claim, rows, columns):
    assert len({cell.row for cell in claim.cells}) == rows
    if columns is not None:
        assert len({(cell.dataset, cell.metric) for cell in claim.cells}) == columns
        assert len(claim.cells) == rows * columns
    assert not any(cell.lost for cell in claim.cells)


@pytest.mark.parametrize(
    ("row", "values"),
    [
        ("k-means", "53.20 50.00 47.40 51.20 32.31 44.00 65.67 62.00 22.90 8.70 19.20 12.50 13.00 8.40"),
        ("LSSC", "71.40 70.60 49.60 49.70 39.77 51.22 63.14 58.94 21.14 10.89 18.75 11.68 14.60 7.92"),
        ("VaDE", "94.50 87.60 50.39 59.63 40.35 58.37 56.60 51.20 29.10 24.50 28.10 20.00 15.20 10.80"),
        ("DSC", "97.80 94.10 66.20 64.50 42.36 46.53 86.90 85.70 22.50 8.65 25.60 15.69 21.12 13.00"),
        ("CC", "88.56 84.21 64.52 61.45 42.15 58.89 81.21 79.45 79.00 70.50 85.00 76.40 42.90 43.10"),
        ("DCSS", "98.00 94.71 66.40 66.94 48.57 67.80 87.21 86.10 85.32 73.35 97.58 93.74 51.10 50.59"),
    ],
)
def test_rows_of_table_1_are_the_pages(row, values):
    assert printed(dcss.TABLE_1, row) == [float(value) for value in values.split()]


@pytest.mark.parametrize(
    ("claim", "place", "values"),
    [
        (dcss.TABLE_1, ("DEC", "usps"), (75.81, 76.91)),
        (dcss.TABLE_1, ("IDEC", "2mnist"), (40.42, 53.56)),
        (dcss.TABLE_1, ("DCN", "stl10"), (33.84, 24.12)),
        (dcss.TABLE_1, ("DKM", "fashion"), (51.31, 55.57)),
        (dcss.TABLE_1, ("LPMF", "cifar100"), (11.80, 7.90)),
        (dcss.TABLE_1, ("AE + k-means", "mnist"), (86.03, 80.25)),
        (dcss.TABLE_1, ("DCSS_u", "usps"), (82.93, 81.84)),
        (dcss.TABLE_2, ("DEC", "stl10-resnet101"), (95.30, 90.20)),
        (dcss.TABLE_2, ("DCN", "cifar10-resnet101"), (71.00, 46.20)),
        (dcss.TABLE_2, ("DKM", "cifar100-resnet50"), (35.61, 40.29)),
        (dcss.TABLE_2, ("IDEC", "cifar100-resnet34"), (42.51, 46.41)),
        (dcss.TABLE_2, ("DCSS_u", "stl10-resnet34"), (92.85, 86.26)),
        (dcss.TABLE_2, ("DCSS", "cifar10-resnet50"), (76.40, 64.21)),
        (dcss.TABLE_3, ("DEC+MNet", "mnist"), (89.13, 86.97)),
        (dcss.TABLE_3, ("IDEC+MNet", "usps"), (76.58, 78.14)),
        (dcss.TABLE_3, ("DCN+MNet", "cifar10-resnet152"), (71.23, 62.38)),
        (dcss.TABLE_3, ("DKM+MNet", "cifar100-resnet152"), (40.22, 49.81)),
    ],
)
def test_cells_are_the_pages(claim, place, values):
    found = {c.metric: c.printed for c in claim.cells if (c.row, c.dataset) == place}
    assert found == dict(zip(("acc", "nmi_max"), values, strict=True))


def test_dashes_stand_where_a_method_was_not_applicable():
    dashes = [(c.row, c.dataset) for c in dcss.TABLE_1.cells if c.printed is None]
    assert dashes == [("GANMM", d) for d in ("2mnist", "cifar10", "stl10", "cifar100") for _ in range(2)]
    assert {c.mark for c in dcss.TABLE_1.cells if c.printed is None} == {"–"}


@pytest.mark.parametrize("claim", [dcss.TABLE_1, dcss.TABLE_2])
def test_bold_is_the_best_and_underlined_the_second_of_its_column_but_where_noted(claim):
    wrong = []
    for place in dict.fromkeys((cell.dataset, cell.metric) for cell in claim.cells):
        values = {row: value for row, value in column(claim, *place).items() if value is not None}
        first, second = sorted(values, key=values.__getitem__, reverse=True)[:2]
        marks = {c.row: c.mark for c in claim.cells if (c.dataset, c.metric) == place}
        bold, starred = ([r for r, m in marks.items() if m == kind] for kind in ("bold", "underlined"))
        assert bold == [first] == ["DCSS"]
        if starred != [second]:
            wrong.append((*place, starred, second))
    expected = [("stl10-resnet152", "nmi_max", ["DCSS_u"], "IDEC")] if claim is dcss.TABLE_2 else []
    assert wrong == expected
    assert not expected or "IDEC has 92.14" in claim.note


def test_dcss_u_is_starred_in_as_many_columns_of_table_2_as_the_text_says():
    starred = [c for c in dcss.TABLE_2.cells if c.row == "DCSS_u" and c.mark == "underlined"]
    assert len(starred) == 19


@pytest.mark.parametrize("row", ["AE + k-means", "DCSS_u", "DCSS"])
@pytest.mark.parametrize("name", ["stl10", "cifar10", "cifar100"])
@pytest.mark.parametrize("metric", ["acc", "nmi_max"])
def test_table_1_repeats_the_last_columns_of_table_2(row, name, metric):
    one, two = column(dcss.TABLE_1, name, metric), column(dcss.TABLE_2, f"{name}-resnet152", metric)
    assert one[row] == two[row]


@pytest.mark.parametrize("name", ["DEC", "IDEC", "DCN", "DKM"])
@pytest.mark.parametrize("metric", ["acc", "nmi_max"])
def test_the_printed_gains_follow_from_all_three_tables_cut_and_not_rounded(name, metric):
    """Every number of the four methods' rows takes part: a slip in one of them would show."""
    gains = []
    for dataset in dict.fromkeys(cell.dataset for cell in dcss.TABLE_3.cells):
        before = dcss.TABLE_1 if dataset in GREY else dcss.TABLE_2
        with_mnet = column(dcss.TABLE_3, dataset, metric)[f"{name}+MNet"]
        gains.append(with_mnet - column(before, dataset, metric)[name])
    stated = column(dcss.MNET, "mean of seven", f"{metric}_gain")[f"{name}+MNet"]
    assert len(gains) == 7
    assert np.floor(100 * np.mean(gains) + 1e-9) / 100 == pytest.approx(stated)


def test_plain_k_means_on_an_autoencoder_beats_the_four_methods_that_start_from_one():
    """Contradiction S20 of the papers' list, by the printed numbers."""
    for place in (("fashion", "acc"), ("fashion", "nmi_max"), ("2mnist", "acc"), ("2mnist", "nmi_max")):
        values = column(dcss.TABLE_1, *place)
        assert all(values["AE + k-means"] > values[row] for row in ("DEC", "IDEC", "DCN", "DKM"))


# --- the plans ----------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", SCALES)
def test_the_runs_are_the_suites_but_for_the_network_of_the_paper(scale):
    planned = on(dcss.TABLE_1, scale)
    suite = methods(scale)
    assert list(planned) == OWN
    own = ["AE + k-means", "DCSS_u", "DCSS"] if scale == "paper" else []
    assert [row for row, config in planned.items() if config != suite[row]] == own
    for row in own[:2]:
        assert planned[row] == replace(suite[row], start=planned[row].start)
        assert planned[row].start.network == "dcss-conv"
    assert planned["DCSS"] == replace(suite["DCSS"], start=planned["DCSS_u"])
    mnet = on(dcss.TABLE_3, scale)
    assert mnet == {row: suite[row] for row in ("DEC+MNet", "IDEC+MNet", "DCN+MNet", "DKM+MNet")}


def test_rows_that_we_do_not_run_are_quoted(tmp_path):
    states = {(one.cell.row, one.state) for one in judge(dcss.TABLE_1, "paper", Store(tmp_path))}
    assert {row for row, state in states if state == "quoted"} == {"LSSC", "LPMF", "GANMM", "DSC", "CC"}
    assert {row for row, state in states if state == "not run"} == set(OWN)


def on(claim: Claim, scale: str, dataset: str = "") -> dict[str, Config]:
    """Row to config on a data set, else on the scale's first."""
    first = dataset or next(iter(claim.plan[scale]))
    return {row: config for row, name, config in claim.planned(scale) if name == first}


def test_coloured_images_have_the_networks_of_section_5():
    features = on(dcss.TABLE_2, "paper", "stl10-resnet34")
    assert list(features) == ["DEC", "IDEC", "DCN", "DKM", "AE + k-means", "DCSS_u", "DCSS"]
    autoencoders = {config.start for row, config in features.items() if row != "DCSS"}
    assert features["DCSS"].start == features["DCSS_u"]
    [(network, size)] = {(start.network, start.embedding_size) for start in autoencoders}
    assert (network, size) == ("mlp", 20)
    assert features["DCSS"].hidden_size == 128
    assert on(dcss.TABLE_2, "paper", "cifar100-resnet50")["DCSS"].hidden_size == 1000
    assert on(dcss.TABLE_3, "paper", "cifar100-resnet152")["DKM+MNet"].hidden_size == 1000
    assert on(dcss.FIGURE_9D, "paper", "cifar100-resnet152")["T2 = 5"].start.start.embedding_size == 20


def test_features_of_the_copy_of_cifar_10_stand_beside_those_of_the_original():
    for claim in (dcss.TABLE_2, dcss.TABLE_3, dcss.FIGURE_9A, dcss.FIGURE_7):
        assert {"cifar10-resnet152", "cifar10-jpeg-resnet152"} <= set(claim.plan["paper"])
        assert on(claim, "paper", "cifar10-resnet152") == on(claim, "paper", "cifar10-jpeg-resnet152")
    pixels = on(dcss.TABLE_1, "paper", "cifar10")
    assert set(pixels) == set(OWN) - {"AE + k-means", "DCSS_u", "DCSS"}
    assert pixels == on(dcss.TABLE_1, "paper", "cifar10-jpeg")


def test_the_imbalanced_subsets_are_thinned_at_every_rate():
    for scale, name in (("smoke", "digits"), ("laptop", "mnist-test"), ("paper", "mnist")):
        assert list(dcss.IMBALANCE.plan[scale]) == [f"{name}-r0.{tenth}" for tenth in range(1, 6)]
        assert on(dcss.IMBALANCE, scale)["DCSS"] == dcss_runs.runs(scale)["DCSS"]


def changed(claim: Claim, scale: str) -> dict[str, Config]:
    return on(claim, scale)


@pytest.mark.parametrize(
    ("claim", "field", "values"),
    [
        (dcss.FIGURE_9A, "centring_weight", [0, 0.01, 0.1, 1]),
        (dcss.FIGURE_9B, "fuzziness", [1.1, 1.3, 1.5, 1.7]),
        (dcss.FIGURE_9C, "centroid_interval", [2, 5, 10, 15]),
        (dcss.FIGURE_9D, "guided_epochs", [1, 5, 10, 20]),
        (dcss.FIGURE_10B, "similar", [0.5, 0.6, 0.7, 0.8, 0.9, 1]),
        (dcss.FIGURE_10B, "dissimilar", [0.5, 0.4, 0.3, 0.2, 0.1, 0]),
    ],
)
def test_sweeps_have_the_values_of_the_text(claim, field, values):
    for scale in claim.plan:
        configs = changed(claim, scale)
        assert [getattr(config, field) for config in configs.values()] == values
    if field != "dissimilar":
        assert [float(row.rpartition(" ")[2]) for row in configs] == values


@pytest.mark.parametrize("claim", PANELS)
def test_sweeps_hold_the_method_itself_and_those_of_the_second_phase_share_its_first(claim):
    second = claim in (dcss.FIGURE_9D, dcss.FIGURE_10B)
    long = claim is dcss.FIGURE_9C
    assert set(claim.plan) == ({"smoke", "paper"} if long else set(SCALES))
    for scale in claim.plan:
        suite = dcss_runs.runs(scale)
        configs = changed(claim, scale).values()
        assert suite["DCSS" if second else "DCSS_u"] in configs
        assert all(config.start == suite["DCSS_u"] for config in configs if second)


@pytest.mark.parametrize("scale", SCALES)
def test_figures_and_statements_need_no_other_runs_than_the_tables(scale):
    named = (dcss.TABLE_1, dcss.TABLE_2, dcss.TABLE_3)
    tables = {run.key for claim in named for run in claim.runs(scale)}
    swept = (*PANELS, dcss.IMBALANCE)
    sweeps = {run.key for claim in swept for run in claim.runs(scale)}
    ours = [c for c in dcss.CLAIMS if c.where == OURS]
    said = [c for c in dcss.CLAIMS if c not in (*swept, *ours)]
    assert {run.key for claim in said for run in claim.runs(scale)} <= tables | sweeps
    named = [claim for claim in said if claim not in (IMBALANCE_SAID, SETTINGS_SAID)]
    assert {run.key for claim in named for run in claim.runs(scale)} <= tables


def test_every_configs_first_phase_is_dcss_u_alone():
    """DCSS_u is trained once: all that has both phases at its settings goes on from one run."""
    for scale in SCALES:
        for claim in dcss.CLAIMS:
            for _, dataset, config in claim.planned(scale):
                if config.method == "dcss" and config.start.method == "dcss-u":
                    assert config.start == dcss_runs.runs(scale, dataset)["DCSS_u"]


@pytest.mark.parametrize("scale", SCALES)
def test_the_second_phase_has_the_printed_rates(scale):
    config = dcss_runs.runs(scale)["DCSS"]
    assert (config.learning_rate, config.mnet_learning_rate) == (1e-5, 1e-3)
    assert scale == "smoke" or config == replace(method.Config(), start=config.start)


def test_sentences_are_bounds_between_the_runs_that_they_name():
    plans = {row: config for row, _, config in SETTINGS_SAID.planned("laptop")}
    assert plans["alpha = 0.1 is significantly better than 0"].centring_weight == 0.1
    assert plans["T2 = 5 is better than 20"].guided_epochs == 5
    assert "T1 = 2 is better than 15" not in plans
    assert {cell.dataset for cell in IMBALANCE_SAID.cells} == {f"mnist-r0.{i}" for i in range(1, 6)}
    assert set(dcss.IMBALANCE.plan["laptop"]) == set(IMBALANCE_SAID.plan["laptop"])
    wanted = {c.metric for claim in STATED for c in claim.cells}
    assert wanted <= set(MEASURES)
    assert all(cell.bound for claim in STATED for cell in claim.cells)


def test_the_preflight_needs_no_first_phase_and_has_its_rule():
    rows = on(PREFLIGHT, "paper")
    assert {config.start.network for config in rows.values()} == {"mlp", "dcss-conv"}
    kinds = [
        (config.method, getattr(config, "epochs", None) or config.updates) for config in rows.values()
    ]
    assert sorted(kinds) == [("cmeans", 100)] * 2 + [("dcss-u", 10)] * 2
    assert [run.dataset for run in PREFLIGHT.runs("paper", 1)] == ["usps"] * 4
    bounds = {cell.metric: cell.bound for cell in PREFLIGHT.cells}
    assert bounds["separation_start"] is None
    assert (bounds["separation_end"].comparison, bounds["separation_end"].value) == (">=", 0.5)


def test_causes_change_one_setting_of_the_second_phase():
    rows = on(PAIRS, "paper")
    usual = rows.pop("DCSS")
    assert usual == dcss_runs.runs("paper", "usps")["DCSS"]
    for config in rows.values():
        assert sum(config.changed().get(n) != usual.changed().get(n) for n in config.changed()) == 1
        assert config.start == usual.start


# --- what is read off records -------------------------------------------------------------------

START = pretraining.Config()
FIRST = centring.Config(start=START, epochs=4)
CONFIG = method.Config(start=FIRST, guided_epochs=2, epochs=4)


def record(config: Config = CONFIG, seed: int = 0, dataset: str = "digits", **parts: Any) -> Record:
    run = Run(config=config, dataset=dataset, seed=seed, scale="smoke")
    fields = {
        "key": run.key,
        "run": {
            "method": run.method,
            "dataset": run.dataset,
            "seed": seed,
            "scale": run.scale,
            "config": config.canonical(),
        },
        "status": FINISHED,
        "fingerprint": [1.0],
        "scores": {},
        "curves": {},
        "scored": {},
        "seconds": {"total": 1.0},
        "memory_mb": 1.0,
        "data": {"name": "digits", "checksum": "0", "shape": [100, 1, 8, 8], "k": 10},
        "environment": {},
        "started": "",
    }
    return Record(**(fields | parts))


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def test_courses_of_the_first_phase_by_hand(store):
    one = record(
        FIRST,
        curves={
            "reconstruction": [2.0, 2.5, 2.2, 1.0, 1.1],
            "centring": [10.0, 8.0, 6.0, 5.0, 4.0],
            "separation": [1.5, 1.2, 1.0, 0.8, 0.4],
        },
    )
    metrics = [*dcss_metrics("figure4"), *dcss_metrics("preflight")]
    found = {name: measure(one, store, name, {}) for name in metrics}
    assert found == pytest.approx(
        {
            "reconstruction_drift": 0.1,
            "centring_drift": 0.2,
            "objective_drift": 0.0,  # 1.0 + 0.1 * 5 and 1.1 + 0.1 * 4
            "centring_change": -0.6,
            "reconstruction_rise": 0.25,
            "separation_start": 1.5,
            "separation_end": 0.4,
        }
    )


def dcss_metrics(name: str) -> list[str]:
    (claim,) = [claim for claim in dcss.CLAIMS if claim.id == f"dcss.{name}"]
    return list(dict.fromkeys(cell.metric for cell in claim.cells))


def test_courses_of_the_second_phase_by_hand(store):
    one = record(
        curves={
            "pairs": [4.0, 3.0, 1.0, 1.2],  # p judges twice
            "similar": [0.1, 0.2, 0.2, 0.1],
            "dissimilar": [0.2, 0.5, 0.6, 0.8],
            "isolated": [0.9, 0.5, 0.1, 0.02],
        }
    )
    found = {
        name: measure(one, store, name, {})
        for name in [*dcss_metrics("figure5"), *dcss_metrics("figure10a"), *dcss_metrics("figure13")]
    }
    assert found == pytest.approx(
        {
            "pairs_left": 0.3,
            "pairs_rise": 0.05,
            "pairs_drop": 0.5,
            "participation_start": 0.3,
            "participation_change": 0.6,
            "participation_end": 0.9,
            "isolated_start": 0.9,
            "isolated_end": 0.02,
        }
    )
    percent = {name for name in found if not name.startswith("participation")}
    assert percent <= FRACTIONS


def test_q_near_one_hot_and_apart_by_hand(store):
    q = np.array([[0.96, 0.04], [0.94, 0.06], [0.0, 1.0], [0.5, 0.5]], np.float32)
    u = np.array([[0.0], [1.0], [5.0], [6.0]], np.float32)
    arrays = {"sample_q": q, "sample_embedding": u, "sample_classes": np.array([0, 0, 1, 1], np.uint16)}
    one = store.write(record(), arrays)
    assert measure(one, store, "largest_q", {}) == pytest.approx(0.85)
    assert measure(one, store, "near_one_hot", {}) == 0.5
    in_q, in_u = (silhouette_score(z, [0, 0, 1, 1]) for z in (q, u))
    assert measure(one, store, "silhouette_q", {}) == pytest.approx(in_q)
    assert measure(one, store, "silhouette_gain", {}) == pytest.approx(in_q - in_u)


def test_a_gain_is_over_the_run_that_this_one_began_with(store):
    after = record(scores={"acc": 0.9, "nmi_max": 0.5})
    with pytest.raises(InputError, match="the store lacks the dcss-u-digits-smoke-s0"):
        measure(after, store, "acc_gain", {})
    store.write(record(FIRST, scores={"acc": 0.7, "nmi_max": 0.6}), {})
    store.write(record(replace(FIRST, fuzziness=1.7), scores={"acc": 0.1, "nmi_max": 0.1}), {})
    store.write(record(FIRST, seed=1, scores={"acc": 0.2, "nmi_max": 0.2}), {})
    assert measure(after, store, "acc_gain", {}) == pytest.approx(0.2)
    assert measure(after, store, "nmi_max_gain", {}) == pytest.approx(-0.1)


def test_what_a_setting_changes_is_measured_between_two_runs(store):
    settings = {value: replace(CONFIG, guided_epochs=value) for value in (1, 5, 20)}
    one = record(settings[5], scores={"acc": 0.9})
    with pytest.raises(Unmeasured, match="lacks the same run with guided_epochs 1 on digits-smoke-s0"):
        measure(one, store, "acc_over_T2_1", {})
    store.write(record(settings[1], scores={"acc": 0.6}), {})
    store.write(record(settings[20], scores={"acc": 0.95}), {})
    assert measure(one, store, "acc_over_T2_1", {}) == pytest.approx(0.3)
    assert measure(one, store, "acc_over_T2_20", {}) == pytest.approx(-0.05)


def test_sensitivity_is_the_range_over_the_settings(store):
    for m, acc in ((1.1, 0.5), (1.3, 0.9), (1.5, 0.6)):
        store.write(record(replace(FIRST, fuzziness=m), scores={"acc": acc}), {})
    one = record(FIRST, scores={"acc": 0.6})
    with pytest.raises(Unmeasured, match=r"fuzziness 1\.7"):
        measure(one, store, "acc_range_m", {})
    store.write(record(replace(FIRST, fuzziness=1.7), scores={"acc": 0.3}), {})
    assert measure(one, store, "acc_range_m", {}) == pytest.approx(0.6)


def test_leads_are_over_the_best_other_method_of_the_table(store):
    rows = on(dcss.TABLE_1, "smoke")
    one = record(rows["DCSS"], scores={"acc": 0.8})
    others = [row for row in rows if row not in ("DCSS_u", "DCSS")]
    for place, row in enumerate(others):
        with pytest.raises(Unmeasured, match="the store lacks"):
            measure(one, store, "acc_lead", {})
        store.write(record(rows[row], scores={"acc": 0.1 * place}), {})
    store.write(record(rows["DCSS_u"], scores={"acc": 0.95}), {})
    assert measure(one, store, "acc_lead", {}) == pytest.approx(0.8 - 0.1 * (len(others) - 1))
    first = record(rows["DCSS_u"], scores={"acc": 0.95})
    own = rows["AE + k-means"]
    assert own.start == rows["DCSS_u"].start
    store.write(record(own, scores={"acc": 0.9}), {})
    assert measure(first, store, "acc_over_kmeans", {}) == pytest.approx(0.05)


def test_thinned_sets_are_compared_with_the_thinnest(store):
    thin = record(scores={"acc": 0.5}, dataset="digits-r0.1")
    full = record(scores={"acc": 0.7}, dataset="digits-r0.5")
    store.write(thin, {})
    assert measure(full, store, "acc_over_thinnest", {}) == pytest.approx(0.2)


def test_what_p_and_q_call_similar_by_hand(store):
    u, mu = torch.tensor([[0.1], [0.2], [0.9], [0.55]]), torch.tensor([[0.0], [1.0]])
    classes = np.array([0, 1, 1, 1], np.uint16)
    soft, crisp = (memberships(u, mu, m).numpy() for m in (1.5, 1.3))
    store.write(record(FIRST), {"sample_p": soft})
    arrays = {"sample_q": crisp, "sample_classes": classes}
    one = store.write(record(replace(CONFIG, fuzziness=1.3, similar=0.75)), arrays)
    np.testing.assert_allclose(first_judge(one, store), crisp, rtol=1e-4, atol=1e-6)
    pairs = crisp @ crisp.T >= 0.75
    np.fill_diagonal(pairs, False)
    assert pairs.sum() == 4  # the first two, and the last two
    assert measure(one, store, "judged_similar", {}) == pytest.approx(4 / 12)
    assert measure(one, store, "judged_precision", {}) == 0.5
    assert measure(one, store, "similar_precision", {}) == 0.5
    sole = record(replace(CONFIG, similar=1.0), seed=1)
    store.write(record(FIRST, seed=1), {"sample_p": soft})
    with pytest.raises(Unmeasured, match="no two samples are similar"):
        measure(store.write(sole, arrays), store, "judged_precision", {})


# --- Appendix A ---------------------------------------------------------------------------------


def counted(store: Store, q: list[list[float]] | np.ndarray, **config: float) -> dict[str, float]:
    one = store.write(record(replace(CONFIG, **config)), {"sample_q": np.asarray(q, np.float32)})
    return {name: measure(one, store, f"{name}_counterexamples", {}) for name in APPENDIX}


@pytest.mark.parametrize("k", [2, 3, 10])
@pytest.mark.parametrize("concentration", [0.02, 0.1, 1.0])
def test_the_theorems_hold_for_random_vectors(store, k, concentration):
    q = np.random.default_rng(k).dirichlet(np.full(k, concentration), 400)
    assert ((q @ q.T >= 0.8).sum() > 400) == (concentration < 1 or k == 2)  # adjacent ones there are
    for similar, dissimilar in ((0.8, 0.2), (0.67, 0.44)):
        assert not any(counted(store, q, similar=similar, dissimilar=dissimilar).values())


def test_the_theorems_are_tried_on_adjacent_and_dissimilar_vectors(store):
    """Where the conditions on the thresholds fail, there are counterexamples, and they are counted."""
    q = [[0.6, 0.4, 0.0], [0.5, 0.5, 0.0], [0.4, 0.6, 0.0], [0.0, 0.0, 1.0]]
    found = counted(store, q, similar=0.45, dissimilar=0.4)  # 0.4 > 0.45^2
    assert found["theorem2"] == 4  # (0, 2) is 0.48, (1, 2) is 0.5, each counted both ways
    assert found["corollary21"] > 0
    assert found["theorem1"] == found["corollary11"] == found["corollary12"] == 0
    apart = counted(store, [[1.0, 0.0], [0.6, 0.4], [0.6, 0.4]], similar=0.55, dissimilar=0.55)
    assert apart["theorem3"] == apart["corollary13"] == 2  # 0.52 of the last two, friends of the first
    assert apart["theorem2"] == apart["corollary21"] == 0


def test_a_vector_that_is_no_distribution_breaks_theorem_1(store):
    found = counted(store, [[2.0, 0.0], [0.9, 0.1]])
    assert found["theorem1"] > 0


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 10))
def test_vectors_of_different_clusters_have_a_product_of_at_most_a_half(seed, k):
    """Hence zeta above 1/2 is enough in Theorem 2, where the paper asks for 2/3."""
    q = np.random.default_rng(seed).dirichlet(np.full(k, 0.3), 60)
    apart = q.argmax(1)[:, None] != q.argmax(1)
    assert ((q @ q.T)[apart] <= 0.5 + 1e-12).all()
