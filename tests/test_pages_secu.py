"""SeCu's pages: every claim stands on one, and what they calculate says what the text beside it says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recluster.fingerprint import fingerprint
from recluster.methods import kmeans
from recluster.methods import secu as method
from recluster.papers import find, secu, secu_small
from recluster.papers.calculated import secu as calculated
from recluster.report import drawn_secu, open_page, told_secu
from recluster.report.toys import TOYS
from recluster.report.toys import secu as toy
from recluster.spec import Config, Run
from recluster.store import FINISHED, Record, Store

PAGES = Path(__file__).resolve().parents[1] / "notebooks" / "secu"


def test_every_claim_stands_on_a_page():
    text = "".join(page.read_text() for page in PAGES.glob("*.py"))
    assert [claim.id for claim in secu.CLAIMS if f'"{claim.id}")' not in text] == []


# --- the stream -----------------------------------------------------------------------------------


def test_duals_lift_small_clusters_to_the_bound():
    scores = toy.uneven()
    free, _ = toy.streamed(scores, toy.bounded(0), epochs=10)
    fair, duals = toy.streamed(scores, toy.bounded(0.9), epochs=10)
    mean = scores.shape[0] / scores.shape[1]
    assert torch.equal(free[-1], scores.argmax(1))
    assert free[-1].bincount().min() < 0.6 * mean
    assert fair[-1].bincount().min() > 0.85 * mean
    assert (duals >= 0).all()
    assert duals[-1][free[-1].bincount().argmax()] == 0


def test_the_entropys_weight_buys_evenness_with_moved_samples():
    scores = toy.uneven()
    smallest, moved = np.transpose([toy._price(scores, toy.spread(weight)) for weight in (0, 0.25, 2)])
    assert moved[0] == 0
    assert (np.diff(smallest) > 0).all()
    assert (np.diff(moved) > 0).all()


# --- the propositions and the theorem -------------------------------------------------------------


def test_a_centre_without_a_member_rests_under_the_stable_loss_alone():
    centres = calculated.directions(6, 8)
    u, labels = calculated.cloud(centres, torch.ones(6), 40, 0.3), torch.zeros(40, dtype=torch.long)
    stable = calculated.slope(method.centre_loss, u, centres, labels)
    standard = calculated.slope(toy.standard_loss, u, centres, labels)
    assert stable[1:].abs().max() == 0
    assert (standard[1:].norm(dim=1) > 0).all()
    assert torch.allclose(stable[0], standard[0])
    assert (standard * centres).sum(1).abs().max() < 1e-5


@pytest.mark.parametrize("k", [3, 10, 40])
def test_the_printed_ratio_is_of_independent_centres(k):
    squared = 0.7**2
    expected = (1 - squared / (k - 1) ** 2) / (1 - squared / (k - 1))
    assert toy._variance_ratio(k, True) == pytest.approx(expected, rel=0.01)
    assert toy._variance_ratio(k, False) == pytest.approx(1, abs=0.05)


def test_descent_ends_where_eq_4_holds_and_its_iteration_need_not():
    temperature = method.Config().centre_temperature
    descended = toy._angles(calculated.descended, temperature)
    iterated = toy._angles(method.optimal_centres, temperature)
    assert descended[-1] < 0.05 * descended[0]
    assert iterated[-1] > 0.5 * iterated[0]
    assert toy._angles(method.optimal_centres, 1.0)[-1] < 1e-6


@pytest.mark.parametrize("draw", [TOYS["secu"], toy.bounds, toy.empty_clusters, toy.fixed_points])
def test_a_calculated_figure_has_lines_and_a_legend(draw):
    panels = draw().axes
    assert all(panel.lines for panel in panels)
    assert any(panel.get_legend() for panel in panels)


# --- sentences from records -----------------------------------------------------------------------


def scored(store: Store, config: Config, seed: int, accuracy: float) -> None:
    run = Run(config=config, dataset="usps", seed=seed, scale="laptop")
    settings = {"method": run.method, "dataset": "usps", "seed": seed, "scale": "laptop"}
    store.write(
        replace(
            made(store, seed),
            key=run.key,
            run=settings | {"config": config.canonical()},
            fingerprint=list(fingerprint(config)),
            scores={"acc": accuracy, "nmi": accuracy, "ari": accuracy},
            data={"shape": [9298, 1, 16, 16], "k": 10},
        ),
        {},
    )


@pytest.fixture
def page(tmp_path):
    return open_page("secu", {"scale": "paper"}, Store(tmp_path))


def test_secu_stands_beside_kmeans_seed_by_seed(page):
    ours = secu.RUNS["laptop"]
    for seed, (own, other) in enumerate([(0.4, 0.6), (0.7, 0.6)]):
        scored(page.store, ours, seed, own)
        scored(page.store, kmeans.Config(), seed, other)
    scored(page.store, ours, 2, 0.4)
    said = told_secu.beside_kmeans(page, "secu.table1").text
    assert "usps, laptop scale: 50.0 percent" in said
    assert "60.0 with k-means on the raw pixels" in said
    assert "above it in 1 of 2 seeds" in said
    assert said.count("<li>") == 1


def test_the_rows_kept_are_secu_as_it_stands():
    kept = {
        (name, data): config
        for name, row in told_secu.KEPT.items()
        for at, data, config in find(name).planned("laptop")
        if at == row
    }
    for (name, data), config in kept.items():
        expected = secu_small.STARTS[data] if name == "secu.direction" else secu.RUNS["laptop"]
        assert config == expected
    assert len(kept) == 4


def test_without_records_nothing_is_told(page):
    for said in (
        told_secu.beside_kmeans(page, "secu.table1"),
        told_secu.steps(page, "secu.table3"),
    ):
        assert said.text == '<p class="state-not-run">not run</p>'


def test_steps_are_told_of_the_rows_that_were_run(page):
    for size, accuracy in ((32, 0.6), (256, 0.4)):
        scored(page.store, replace(secu.RUNS["laptop"], batch_size=size), 0, accuracy)
    said = told_secu.steps(page, "secu.table3").text
    assert "usps, laptop scale, batches of 32: 4,656 steps, ACC 60.0" in said
    assert "usps, laptop scale, batches of 256: 592 steps, ACC 40.0" in said
    assert said.count("<li>") == 2


def test_a_claim_of_ours_is_shown_at_its_own_scale_alone(page):
    assert page.scales(secu.DIRECTION) == ["laptop"]
    shown = page.table("secu.direction").text
    assert "are missing" not in shown
    assert "scale <b>laptop</b>" in shown
    assert "at laptop scale" in page.verdict("secu.direction").text


# --- figures from records -------------------------------------------------------------------------


def made(store: Store, seed: int) -> Record:
    generator = np.random.default_rng(seed)
    z = generator.normal(size=(60, 4))
    arrays = {
        "sample_embedding": z / np.linalg.norm(z, axis=1, keepdims=True),
        "labels": np.repeat(np.arange(3), 20),
        "sample": np.arange(60),
    }
    one = Record(
        key=f"{seed:012}",
        run={
            "method": "secu", "dataset": "digits", "seed": seed, "scale": "smoke",
            "config": {"lower_ratio": 0.9},
        },
        status=FINISHED,
        fingerprint=[1.0],
        scores={},
        curves={"largest": [40.0, 24.0 + seed], "smallest": [5.0, 18.0 - seed]},
        scored={},
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"shape": [60, 1, 8, 8], "k": 3},
        environment={},
        started="",
    )  # fmt: skip
    return store.write(one, arrays)


def test_sizes_are_drawn_in_units_of_the_mean(tmp_path):
    store = Store(tmp_path)
    found = {("any sentence", "digits"): [made(store, seed) for seed in (0, 2)]}
    (panel,) = drawn_secu.sizes(found, store).axes
    assert panel.get_title() == "digits, γ = 0.9"
    largest, smallest, bound = panel.lines
    assert list(largest.get_ydata()) == pytest.approx([2, 1.25])
    assert list(smallest.get_ydata()) == pytest.approx([0.25, 0.85])
    assert set(bound.get_ydata()) == {0.9}


def test_variances_are_drawn_beside_what_the_proposition_says(tmp_path):
    store = Store(tmp_path)
    records = [made(store, seed) for seed in (0, 1)]
    (panel,) = drawn_secu.variances({("row", "digits"): records}, store).axes
    predicted, measured = (panel.patches[:2], panel.patches[2:])
    for record, left, right in zip(records, predicted, measured, strict=True):
        positive, negative, ratio = drawn_secu.cluster_variances(record, store)
        assert left.get_height() == pytest.approx(ratio)
        assert right.get_height() == pytest.approx(negative / positive)
