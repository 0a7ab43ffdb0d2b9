"""SeCu's claims: the printed numbers against one another, the plans, the sizes, the propositions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recluster.data import DATASETS
from recluster.methods import secu as method
from recluster.papers import secu, secu_small
from recluster.papers.claim import Claim
from recluster.papers.suite import methods
from recluster.report.measures import measure
from recluster.report.verdict import judge
from recluster.spec import SCALES, Run
from recluster.store import FINISHED, Record, Store

TABLES = [secu.TABLE_1, secu.TABLE_2, secu.TABLE_3]


# --- the printed numbers ------------------------------------------------------------------------


def rows(claim: Claim) -> dict[str, list[float | None]]:
    found: dict[str, list[float | None]] = {}
    for cell in claim.cells:
        if cell.across is not None:
            continue
        found.setdefault(cell.row, []).append(cell.printed)
    return found


def test_table_1_is_the_pages():
    assert rows(secu.TABLE_1) == {
        "64": [88.0, 79.3, 77.4],
        "128": [88.1, 79.4, 77.6],
        "256": [88.2, 79.3, 77.5],
        "512": [87.8, 79.0, 77.2],
    }


def test_table_2_is_the_pages():
    assert rows(secu.TABLE_2) == {
        "1": [5015, 4973, 85.4, 76.2, 73.0],
        "0.9": [5190, 4556, 88.1, 79.4, 77.6],
        "0.8": [5323, 4422, 87.6, 78.7, 76.6],
        "0.7": [5721, 3789, 86.6, 77.7, 75.1],
    }


def test_table_3_is_the_pages():
    assert rows(secu.TABLE_3) == {"32": [87.9], "64": [88.3], "128": [88.1], "256": [87.9]}


@pytest.mark.parametrize("claim", TABLES)
def test_cells_are_whole_on_cifar_10_and_in_the_order_of_the_page(claim):
    metrics = {"secu.table2": ["largest", "smallest", "acc", "nmi", "ari"], "secu.table3": ["acc"]}
    assert {cell.dataset for cell in claim.cells} == {"cifar10"}
    for row in rows(claim):
        found = [cell.metric for cell in claim.cells if cell.row == row]
        assert found == metrics.get(claim.id, ["acc", "nmi", "ari"])
    assert not any(cell.lost or cell.mark for cell in claim.cells)
    sizes, printed = {"largest", "smallest"}, [cell for cell in claim.cells if cell.across is None]
    assert all(cell.places == (0 if cell.metric in sizes else 1) for cell in printed)


def test_the_default_stands_in_all_three_tables():
    """Why Table 1 must be of CIFAR-10 with the size constraint, and Table 3 of gamma = 0.9."""
    assert rows(secu.TABLE_1)["128"] == rows(secu.TABLE_2)["0.9"][2:]
    assert rows(secu.TABLE_3)["128"] == rows(secu.TABLE_1)["128"][:1]


def test_printed_sizes_are_of_50_000_images_and_keep_their_bound_but_for_gamma_1():
    for row, (largest, smallest, *_) in rows(secu.TABLE_2).items():
        assert smallest <= 5000 <= largest
        assert (smallest >= float(row) * 5000) == (row != "1")


def test_printed_sizes_keep_their_bound_within_the_tolerance_and_need_it():
    short = {row: (float(row) * 5000 - sizes[1]) / 12.8 for row, sizes in rows(secu.TABLE_2).items()}
    (bound,) = {cell.bound for cell in secu.SIZES.cells}
    assert all(map(bound.holds, short.values()))
    assert 2 < short["1"] < bound.value  # two would refuse the paper's own


@pytest.mark.parametrize("claim", TABLES)
def test_what_is_said_of_the_rows_holds_of_the_printed_numbers(claim):
    """With room: a bound on a spread that the printed numbers only just keep would test nothing."""
    said = [cell for cell in claim.cells if cell.across is not None]
    assert {cell.metric for cell in said if cell.metric != "smallest" != "largest"} >= {"acc"}
    for cell in said:
        printed = {c.row: c.printed for c in claim.cells if c.metric == cell.metric}
        value = cell.across.of(printed)
        assert cell.bound.holds(value)
        assert value <= 0.5 if cell.across.how == "spread" else value >= 1


def test_every_accuracy_that_is_printed_is_in_a_statement_on_its_rows():
    for claim in TABLES:
        for metric in {"acc", "nmi", "ari"} & {cell.metric for cell in claim.cells}:
            (said,) = (c for c in claim.cells if c.across is not None and c.metric == metric)
            assert {*said.rows} == {*rows(claim)}


def test_a_spread_that_hardly_differs_is_less_than_a_degeneration():
    printed = {row: values[2] for row, values in rows(secu.TABLE_2).items()}
    assert secu_small.STABLE.value < printed["0.9"] - printed["1"]
    assert secu_small.STABLE.value == secu.TABLE_1.within


# --- the plans ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "field", "values"),
    [
        (secu.TABLE_1, "embedding_size", [64, 128, 256, 512]),
        (secu.TABLE_2, "lower_ratio", [1, 0.9, 0.8, 0.7]),
        (secu.TABLE_3, "batch_size", [32, 64, 128, 256]),
    ],
)
@pytest.mark.parametrize(
    ("scale", "data"), [("laptop", "usps"), ("paper", "cifar10-jpeg"), ("paper", "cifar10")]
)
def test_the_ablations_change_one_setting(scale, data, claim, field, values):
    planned = {row: config for row, name, config in claim.planned(scale) if name == data}
    assert [getattr(config, field) for config in planned.values()] == values
    assert list(planned) == list(rows(claim))
    default = methods(scale)["SeCu"]
    assert all(replace(default, **{field: getattr(c, field)}) == c for c in planned.values())
    assert default in planned.values()


def test_ten_different_runs_serve_all_claims_at_paper_scale():
    configs = {
        json.dumps(config.canonical())
        for claim in secu.CLAIMS
        for _, _, config in claim.planned("paper")
    }
    assert len(configs) == 10


@pytest.mark.parametrize(("scale", "data"), [("smoke", "digits"), ("laptop", "mnist-test")])
def test_the_other_data_have_the_suites_one_run(scale, data):
    for claim in secu.CLAIMS:
        configs = {config for _, name, config in claim.planned(scale) if name == data}
        assert configs <= {methods(scale)["SeCu"]}


@pytest.mark.parametrize("claim", [*TABLES, secu.SIZES])
def test_the_jpeg_copy_stands_beside_cifar_10_and_never_for_it(claim, tmp_path):
    assert {name for _, name, _ in claim.planned("paper")} == {"cifar10", "cifar10-jpeg"}
    own = claim.stand_ins("paper")
    assert len(own) == len(claim.cells)
    assert {(cell.dataset, cell.printed) for cell in own} == {("cifar10-jpeg", None)}
    judged = judge(claim, "paper", Store(tmp_path))[: len(claim.cells)]
    why = f"{secu.NEEDS['cifar10']}; recluster run {claim.id} --scale paper"
    assert {(one.state, one.why) for one in judged} == {("not run", why)}


# --- small runs of ours ---------------------------------------------------------------------------


def test_small_runs_are_ours_and_of_the_laptop_scale_alone():
    for claim in (secu_small.DIRECTION, secu_small.VARIANTS):
        assert claim.ours
        assert set(claim.plan) == {"laptop"}
        assert not any(cell.printed for cell in claim.cells)
    assert replace(methods("laptop")["SeCu"], epochs=160, warm_up=4) == secu_small.LONGER


@pytest.mark.parametrize("data", secu_small.STARTS)
def test_small_runs_change_one_setting_as_the_tables_do(data):
    planned, start = secu_small.PLAN[data], secu_small.STARTS[data]
    groups = (
        (secu_small.DIMENSIONS, secu.DIMENSIONS),
        (secu_small.RATIOS, secu.RATIOS),
        (secu_small.BATCHES, secu.BATCHES),
    )
    for names, values in groups:
        expected = [replace(start, **changes) for changes in values.values()]
        assert [planned[name] for name in names] == expected
    assert [name for name in planned if "steps" in name] == [*secu_small.STEPS] * (data == "usps")


def test_equal_steps_are_equal_within_a_fiftieth():
    n = DATASETS["usps"].n
    steps = [
        config.epochs * -(-n // config.batch_size)
        for config in (secu_small.PLAN["usps"][row] for row in secu_small.STEPS)
    ]
    assert max(steps) / min(steps) < 1.02
    assert {c.warm_up * 40 for c in map(secu_small.PLAN["usps"].get, secu_small.STEPS)} == {
        c.epochs for c in map(secu_small.PLAN["usps"].get, secu_small.STEPS)
    }


def test_every_variant_of_the_supplement_has_a_run():
    configs = secu_small.VARIANTS.plan["laptop"]["usps"].values()
    assert {config.constraint for config in configs} == {"size", "entropy"}
    assert [config.upper_ratio for config in configs].count(1.1) == 1
    assert [config.self_labelling for config in configs].count(True) == 1
    assert secu_small.PLAN["usps"]["gamma = 0.9"] in configs


# --- sizes and propositions ---------------------------------------------------------------------


def record(store: Store, curves: dict[str, list[float]], arrays: dict[str, np.ndarray]) -> Record:
    config = method.Config()
    run = Run(config=config, dataset="digits", seed=0, scale="smoke")
    one = Record(
        key=run.key,
        run={
            "method": run.method,
            "dataset": run.dataset,
            "seed": run.seed,
            "scale": run.scale,
            "config": config.canonical(),
        },
        status=FINISHED,
        fingerprint=[1.0],
        scores={},
        curves=curves,
        scored={},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"name": "digits", "checksum": "0", "shape": [500, 1, 8, 8], "k": 10},
        environment={},
        started="",
    )
    return store.write(one, arrays)


def test_sizes_are_the_last_epochs(tmp_path):
    store = Store(tmp_path)
    one = record(store, {"largest": [300, 57], "smallest": [0, 45]}, {})
    found = [measure(one, store, name, {}) for name in ("largest", "smallest", "batches_short")]
    assert found == [57, 45, 0]


@pytest.mark.parametrize(("smallest", "short"), [(50, -0.390625), (45, 0), (32.2, 1)])
def test_a_size_is_short_in_units_of_a_cluster_s_share_of_a_batch(tmp_path, smallest, short):
    store = Store(tmp_path)  # 500 samples in 10 clusters, gamma = 0.9, batches of 128
    one = record(store, {"smallest": [0, smallest]}, {})
    assert measure(one, store, "batches_short", {}) == pytest.approx(short)


@pytest.mark.parametrize("scale", SCALES)
def test_every_bound_on_the_sizes_is_its_runs_own(scale):
    planned = {row: config.lower_ratio for row, _, config in secu.SIZES.planned(scale)}
    assert planned == {row: float(secu.BOUNDED[row]) for row in planned}
    assert all(row.startswith(f"gamma = {ratio}: ") for row, ratio in secu.BOUNDED.items())
    assert len(planned) == (1 if scale == "smoke" else 4)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(41, 200))
def test_proposition_1_holds_for_random_batches(seed, b, k):
    labels = np.random.default_rng(seed).integers(k, size=b)
    assert k - len(set(labels)) >= k - b


def clustered(centres: np.ndarray, each: int = 8) -> dict[str, np.ndarray]:
    """Unit vectors around centres of equal length, in pairs on both sides, and their labels."""
    k, length = len(centres), np.linalg.norm(centres[0])
    noise = (
        np.sqrt(1 - length**2)
        * np.repeat(np.eye(each // 2), 2, 0)
        * np.tile([[1.0], [-1.0]], (each // 2, 1))
    )
    points = np.concatenate([np.hstack([np.tile(centre, (each, 1)), noise]) for centre in centres])
    labels = np.repeat(np.arange(k), each)
    assert np.linalg.norm(points, axis=1) == pytest.approx(1)
    return {"sample_embedding": points, "labels": labels, "sample": np.arange(k * each)}


@pytest.mark.parametrize("length", [0.3, 0.9])
@pytest.mark.parametrize("k", [3, 10])
def test_proposition_2_is_exact_for_orthogonal_centres(tmp_path, length, k):
    store = Store(tmp_path)
    one = record(store, {}, clustered(length * np.eye(k)))
    assert measure(one, store, "variance_ratio_error", {}) == pytest.approx(0, abs=1e-9)


def test_proposition_2_is_off_where_the_centres_sum_to_zero(tmp_path):
    """Then the mean of the others has the squared length (a / (K - 1))^2, as contradiction Q5 says."""
    store, k = Store(tmp_path), 4
    simplex = np.eye(k) - 1 / k
    simplex *= 0.9 / np.linalg.norm(simplex[0])
    one = record(store, {}, clustered(simplex))
    squared = 0.81
    expected = (1 - squared / (k - 1) ** 2) / (1 - squared / (k - 1)) - 1
    assert measure(one, store, "variance_ratio_error", {}) == pytest.approx(expected)


def test_a_single_cluster_has_no_negatives(tmp_path):
    store = Store(tmp_path)
    arrays = clustered(0.5 * np.eye(3)) | {"labels": np.zeros(24, int)}
    assert measure(record(store, {}, arrays), store, "variance_ratio_error", {}) == 1
