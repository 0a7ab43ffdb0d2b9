"""Choosing without labels: the numbers, what they would have chosen, and what is said of it."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from recluster import metrics
from recluster.data import load_dataset
from recluster.methods import dec, kmeans, shallow
from recluster.papers import CLAIMS
from recluster.parts import pretraining
from recluster.report import choosing, open_page, unlabelled
from recluster.spec import Run
from recluster.store import Store

AE = pretraining.Config(epochs=1)
ROWS = {
    "k-means": kmeans.Config(),
    "AC": shallow.Config(algorithm="agglomerative"),
    "AE + k-means": kmeans.Config(start=AE),
    "DEC": dec.Config(start=AE, steps=4),
    "DEC, longer": dec.Config(start=AE, steps=12),
}


@pytest.fixture(scope="module")
def store(filled):
    """Two seeds of every row."""
    return filled(
        Run(config=config, dataset="digits", seed=seed, scale="smoke")
        for config in ROWS.values()
        for seed in (0, 1)
    )


@pytest.fixture
def page(store, monkeypatch):
    """The comparison, planned with the rows above."""
    monkeypatch.setitem(CLAIMS["comparison.methods"].plan["smoke"], "digits", ROWS)
    return open_page("comparison", {"scale": "smoke"}, store)


@pytest.fixture
def found(page):
    return {(one.name, one.seed): one for one in unlabelled.candidates("smoke", page.store)}


def record(store, row, seed):
    return store.find(Run(config=ROWS[row], dataset="digits", seed=seed, scale="smoke"))


def labels(store, row, seed):
    return store.arrays(record(store, row, seed))["labels"].astype(int)


# --- the numbers ----------------------------------------------------------------------------------


def test_even_clusters_score_one_and_a_single_one_nothing():
    assert unlabelled.evenness(np.array([0, 1, 2, 3]), 4) == pytest.approx(1)
    assert unlabelled.evenness(np.array([2, 2, 2]), 4) == 0
    assert unlabelled.evenness(np.array([0, 0, 1, 1]), 4) == pytest.approx(0.5)


def test_the_silhouette_of_two_tight_pairs_by_hand():
    points, ours = np.array([[0.0], [1.0], [10.0], [11.0]]), np.array([0, 0, 1, 1])
    outer, inner = (10.5 - 1) / 10.5, (9.5 - 1) / 9.5
    assert unlabelled.silhouette(points, ours) == pytest.approx((outer + inner) / 2)
    assert unlabelled.silhouette(points, np.zeros(4, int)) is None
    assert unlabelled.silhouette(points, np.arange(4)) is None


def test_every_run_is_there_once_with_its_acc(found, store):
    assert set(found) == {(row, seed) for row in ROWS for seed in (0, 1)}
    for (row, seed), one in found.items():
        assert one.acc == 100 * record(store, row, seed).scores["acc"]


def test_seeds_agree_as_their_labels_do(found, store):
    known = metrics.ari(labels(store, "DEC", 0), labels(store, "DEC", 1))
    assert found["DEC", 0].scores["stability"] == pytest.approx(known)
    assert found["AC", 0].scores["stability"] == 1  # it draws nothing


def test_agreement_with_k_means_is_by_seed_and_k_means_has_none(found, store):
    known = metrics.ari(labels(store, "k-means", 1), labels(store, "DEC", 1))
    assert found["DEC", 1].scores["kmeans"] == pytest.approx(known)
    assert "kmeans" not in found["k-means", 1].scores


def test_silhouettes_are_of_the_embedding_and_of_the_data(found, store):
    from sklearn.metrics import silhouette_score

    arrays = store.arrays(record(store, "DEC", 0))
    rows, ours = arrays["sample"], labels(store, "DEC", 0)
    x = load_dataset("digits").x[rows].reshape(len(rows), -1)
    scores = found["DEC", 0].scores
    assert scores["silhouette"] == pytest.approx(
        silhouette_score(arrays["sample_embedding"], ours[rows]), abs=1e-6
    )
    assert scores["raw"] == pytest.approx(silhouette_score(x, ours[rows]), abs=1e-6)
    on_data = found["AC", 0].scores
    assert on_data["silhouette"] == on_data["raw"]


def test_reconstruction_is_that_of_the_decoder_in_use(found, store):
    start = store.find(Run(config=AE, dataset="digits", seed=0, scale="smoke"))
    error = start.curves["reconstruction"][-1] / 64
    assert found["AE + k-means", 0].scores["reconstruction"] == pytest.approx(-error)
    assert "reconstruction" not in found["DEC", 0].scores  # trains no decoder
    assert "reconstruction" not in found["k-means", 0].scores


# --- the choices ----------------------------------------------------------------------------------


def made_up(accs, scores, dataset="usps"):
    return [
        unlabelled.Candidate(
            name=f"m{i}",
            method="dec",
            dataset=dataset,
            seed=0,
            acc=acc,
            scores={} if score is None else {"raw": score},
        )
        for i, (acc, score) in enumerate(zip(accs, scores, strict=True))
    ]


def test_a_choice_is_the_greatest_score_among_those_that_have_it():
    runs = made_up([50.0, 70.0, 60.0, 99.0], [0.1, 0.2, 0.9, None])
    one = choosing.choice(runs, "raw", "usps")
    assert one.chosen.acc == 60
    assert (one.runs, one.best, one.mean) == (3, 70, 60)
    assert one.beaten == pytest.approx(1 / 3)
    assert choosing.choice(runs, "sizes", "usps") is None
    assert choosing.choice(runs, "raw", "mnist") is None


def test_a_link_is_over_methods_and_not_over_seeds():
    runs = made_up([10.0, 20.0, 30.0, 40.0, 50.0], [1.0, 2.0, 3.0, 4.0, 5.0])
    one = choosing.link(runs + runs, "raw", "usps")
    assert (one.methods, one.rho, one.tau) == (5, pytest.approx(1), pytest.approx(1))
    assert choosing.link(runs[:3], "raw", "usps") is None


def test_what_is_said_follows_from_the_runs(monkeypatch):
    good = made_up([10.0, 20.0, 30.0, 40.0], [1.0, 2.0, 3.0, 4.0])
    bad = made_up([10.0, 20.0, 30.0, 40.0], [4.0, 3.0, 2.0, 1.0])
    monkeypatch.setattr(choosing, "candidates", lambda scale, store: good)
    assert "silhouette, the data chose above the mean" in choosing.findings("smoke", Store())
    monkeypatch.setattr(choosing, "candidates", lambda scale, store: bad)
    text = choosing.findings("smoke", Store())
    assert "no score's choice was above the mean" in text
    assert "short of the best by 30.0 points on usps" in text


def test_every_method_has_a_colour_of_its_own():
    runs = [
        unlabelled.Candidate(name=name, method=name, dataset="usps", seed=0, acc=1.0)
        for name in (*unlabelled.NAMES, "dec", "idec", "dcn", "dkm", "dcss")
    ]
    colours = choosing.palette(runs)
    assert len(set(colours.values())) == len(colours) == len(runs)


@pytest.mark.parametrize("part", choosing.PARTS)
def test_every_part_of_the_page_shows_itself(page, part):
    shown = page.choosing(part)
    if isinstance(shown, Figure):
        assert sum(axes.has_data() for axes in shown.axes) == len(unlabelled.SCORES)
    else:
        assert shown.text.startswith(("<ul>", '<div class="claim-scroll">'))
        assert ">nan<" not in shown.text


def test_without_records_the_figure_says_not_run(tmp_path):
    shown = open_page("comparison", {"scale": "smoke"}, Store(tmp_path)).choosing("figure")
    assert "not run" in shown.text
