"""SeCu's claims: the printed numbers against one another, the plans, the sizes, the propositions."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recluster.methods import secu as method
from recluster.papers import secu
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
    sizes = {"largest", "smallest"}
    assert all(cell.places == (0 if cell.metric in sizes else 1) for cell in claim.cells)


def test_the_default_stands_in_all_three_tables():
    """Why Table 1 must be of CIFAR-10 with the size constraint, and Table 3 of gamma = 0.9."""
    assert rows(secu.TABLE_1)["128"] == rows(secu.TABLE_2)["0.9"][2:]
    assert rows(secu.TABLE_3)["128"] == rows(secu.TABLE_1)["128"][:1]


def test_printed_sizes_are_of_50_000_images_and_keep_their_bound_but_for_gamma_1():
    for row, (largest, smallest, *_) in rows(secu.TABLE_2).items():
        assert smallest <= 5000 <= largest
        assert (smallest >= float(row) * 5000) == (row != "1")


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
    found = [measure(one, store, name, {}) for name in ("largest", "smallest", "smallest_over_mean")]
    assert found == [57, 45, pytest.approx(0.9)]


@pytest.mark.parametrize("scale", SCALES)
def test_every_bound_on_the_sizes_is_its_runs_own(scale):
    bounds = {cell.row: cell.bound.value for cell in secu.SIZES.cells}
    planned = {row: config.lower_ratio for row, _, config in secu.SIZES.planned(scale)}
    assert planned == {row: bounds[row] for row in planned}
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
