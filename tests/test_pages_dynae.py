"""DynAE's pages: what the toy shows, what the figures draw, and angles kept while a run goes on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt

from recluster import diagnostics, fingerprint, metrics
from recluster import run as runner
from recluster.asked import Asked
from recluster.data import Dataset, content_checksum, formats
from recluster.methods import dynae, idec
from recluster.nets import NETWORKS
from recluster.nets.mlp import perceptron
from recluster.papers import CLAIMS
from recluster.papers.claim import Claim
from recluster.papers.dynae_causes import KMEANS, PLAIN, SHARES, named
from recluster.parts import pretraining
from recluster.parts.assignment import student_t
from recluster.report.drawn_dynae import DRAWERS, angles, balance
from recluster.report.measures import measure
from recluster.report.measures_dynae import central_classes
from recluster.report.page import Page
from recluster.report.starts import over_starts, piloted, points, told
from recluster.report.toys import dynae as toy
from recluster.run import execute, missing
from recluster.spec import SCALES, Config, InputError, Run
from recluster.standing import counts
from recluster.store import FINISHED, Record, Snapshot, Store

N = 130
X, Y = (array[:N] for array in formats.digits())
DATA = Dataset(name="digits", x=X, y=Y, k=10, checksum=content_checksum(X, Y))
AE = pretraining.Config(epochs=2, batch_size=64)
DYNAE = dynae.Config(start=AE, steps=6, refresh=2, batch_size=64, tolerance=0.0, confidence=0.1)
WATCHED: dict[str, Config] = {
    "DynAE": DYNAE,
    "DC*": replace(DYNAE, dynamic=False),
    "IDEC*": idec.Config(start=AE, steps=4, batch_size=64, tolerance=0.0),
}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Few digits, a narrow network, a cache of weights of its own."""
    monkeypatch.setattr(runner, "load_dataset", lambda name: DATA)
    monkeypatch.setattr(runner, "CACHE", tmp_path / "weights")
    monkeypatch.setitem(NETWORKS, "mlp", partial(perceptron, widths=(16,)))
    fingerprint._measured.cache_clear()


def run_of(config: Config, scale: str = "smoke") -> Run:
    return Run(config=config, dataset="digits", seed=0, scale=scale)


# --- the toy --------------------------------------------------------------------------------------


def test_falling_thresholds_leave_fewer_in_doubt_and_at_last_nobody():
    soft = student_t(toy.POINTS, toy.CENTROIDS)
    shares = [toy.share(soft, limits) for limits in toy.schedule()]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > 0
    assert shares[-1] == 0
    assert toy.schedule()[-1][1] < 0  # beta_2: nobody can miss it


def test_a_tie_is_in_doubt_with_the_sorted_second_and_not_with_the_second_distinct_value():
    soft = torch.tensor([[0.45, 0.45, 0.10], [0.50, 0.30, 0.20]])
    assert torch.equal(toy.distinct(soft), torch.tensor([[0.45, 0.0, 0.10], [0.50, 0.30, 0.20]]))
    limits = torch.tensor([0.30, 0.15])
    assert dynae.conflicted(soft, limits).tolist() == [True, False]
    assert dynae.conflicted(toy.distinct(soft), limits).tolist() == [False, False]


def test_the_lattice_has_exact_ties():
    soft = student_t(toy.POINTS, toy.CENTROIDS)
    first, second = dynae.two_largest(soft)
    assert (first == second).sum() > len(soft) / 10
    assert all(toy.share(toy.distinct(soft), one) <= toy.share(soft, one) for one in toy.schedule())


# --- angles while training --------------------------------------------------------------------------


@pytest.mark.parametrize("config", WATCHED.values(), ids=WATCHED)
def test_a_watched_run_trains_as_one_that_is_not(config, tmp_path):
    found = {}
    for watched in (True, False):
        store = Store(tmp_path / str(watched))
        record = execute(run_of(config), store, device="cpu", diagnosed=watched)
        assert record.status == FINISHED, record.error
        found[watched] = record, store.arrays(record)
    (with_it, arrays), (without, plain) = found[True], found[False]
    assert {*with_it.scored} - {*without.scored} == {*diagnostics.asked_of(config.method)}
    for name in diagnostics.ANGLES:
        assert len(with_it.scored[name]) == len(with_it.scored["epoch"])
        assert all(-1 <= value <= 1 for value in with_it.scored[name])
    assert any(with_it.scored["delta_fd"])
    assert (with_it.curves, with_it.scores) == (without.curves, without.scores)
    assert (with_it.key, with_it.fingerprint) == (without.key, without.fingerprint)
    assert all(np.array_equal(arrays[name], plain[name]) for name in plain)


def test_angles_are_those_of_the_functions_and_zero_without_a_gradient():
    torch.manual_seed(0)
    x = torch.from_numpy(X)
    network = AE.autoencoder((1, 8, 8))
    model = dynae.Model(network, x, 10, DYNAE)
    model.thresholds.copy_(torch.tensor([0.0, 0.05]))
    doubtful = model.conflicted(x)
    assert 0 < doubtful.sum() < N
    learner = diagnostics.Learner(
        encoder=network.encoder,
        decoder=network.decoder,
        centroids=model.centroids,
        images=model.images,
    )
    assert diagnostics.angles(model, x, Y) == {
        "delta_fr": diagnostics.feature_randomness(learner, x, Y, doubtful),
        "delta_fd": diagnostics.feature_drift(learner, x, doubtful),
    }
    model.thresholds.fill_(2.0)  # everybody is in doubt: nobody is drawn anywhere
    assert diagnostics.angles(model, x, Y) == dict.fromkeys(diagnostics.ANGLES, 0.0)


def test_each_part_is_scored_as_if_it_were_all_the_data():
    torch.manual_seed(0)
    x = torch.from_numpy(X)
    model = dynae.Model(AE.autoencoder((1, 8, 8)), x, 10, DYNAE)
    model.thresholds.copy_(torch.tensor([0.0, 0.05]))
    doubtful = model.conflicted(x).numpy()
    labels = model.assign(x).argmax(1)
    found = diagnostics.apart(model, x, Y, labels)
    for name, part in (("unconflicted", ~doubtful), ("conflicted", doubtful)):
        scores = metrics.scores(Y[part], labels.numpy()[part])
        assert [found[f"{kind}_{name}"] for kind in ("acc", "nmi")] == [scores["acc"], scores["nmi"]]
    assert found["share_conflicted"] == doubtful.mean()
    assert found["acc_unconflicted"] != found["acc_conflicted"]
    model.thresholds.fill_(-2.0)  # nobody is in doubt
    sure = diagnostics.apart(model, x, Y, labels)
    assert sure["acc_unconflicted"] == metrics.accuracy(Y, labels)
    assert (sure["acc_conflicted"], sure["nmi_conflicted"]) == (0, 0)


def test_angles_of_unknown_losses_are_refused():
    with pytest.raises(InputError, match="of dynae, dcn and idec, not of torch"):
        diagnostics.learner_of(torch.nn.Linear(2, 2))


def test_a_run_is_watched_where_a_claim_asks_for_angles():
    asking, asked = [CLAIMS["dynae.randomness"], CLAIMS["dynae.drift"]], Asked(CLAIMS.values())
    for scale in SCALES:
        for run in [run for claim in asking for run in claim.runs(scale, 1)]:
            assert asked.diagnoses(run)
            assert run.start is not None
            assert not asked.diagnoses(run.start)
    assert not asked.diagnoses(replace(run_of(DYNAE), dataset="usps"))


def test_a_record_without_the_angles_asked_for_is_made_again(tmp_path):
    store, run = Store(tmp_path / "results"), run_of(DYNAE)
    old = execute(run, store, device="cpu")
    assert missing([run], store) == []
    assert counts(old, run.config)
    assert not counts(old, run.config, diagnosed=True)
    assert missing([run], store, lambda one: one == run) == [run]
    with pytest.raises(InputError, match="before delta_fr was kept; run it again"):
        measure(old, store, "delta_fr_mean", {})


# --- figures ----------------------------------------------------------------------------------------


def record(config: Config, **rest: object) -> Record:
    run = run_of(config)
    plain = Record(
        key=run.key,
        run=runner.identity(run),
        status=FINISHED,
        fingerprint=[],
        scores={"acc": 0.5},
        curves={},
        scored={"epoch": [1, 2], "acc": [0.4, 0.5], "delta_fr": [0.1, 0.3], "delta_fd": [-0.5, -0.1]},
        seconds={"total": 20.0},
        memory_mb=1.0,
        data={"name": "digits", "k": 3, "shape": [128, 1, 2, 2]},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )
    return replace(plain, **rest)  # type: ignore[arg-type]


def test_angles_by_hand(tmp_path):
    one, store = record(DYNAE), Store(tmp_path)
    values = {"fr_start": 0.1, "fr_mean": 0.2, "fr_end": 0.3, "fr_rise": 0.2}
    for name, value in {**values, "fd_mean": -0.3, "fd_largest": -0.1}.items():
        assert measure(one, store, f"delta_{name}", {}) == pytest.approx(value)


def test_the_parts_course_by_hand(tmp_path):
    scored = {
        "epoch": [0, 2, 4, 5],
        "share_conflicted": [1.0, 0.5, 0.1, 0.0],
        "acc_unconflicted": [0.0, 0.9, 0.8, 0.7],
        "nmi_unconflicted": [0.0, 0.5, 0.6, 0.6],
        "acc_conflicted": [0.5, 0.4, 0.3, 0.0],
        "nmi_conflicted": [0.2, 0.0, 0.0, 0.0],
    }
    one, store = record(DYNAE, scored=scored), Store(tmp_path)
    assert measure(one, store, "acc_unconflicted_mostly", {}) == 0.8
    assert measure(one, store, "acc_unconflicted_rise", {}) == pytest.approx(-0.2)
    assert measure(one, store, "nmi_unconflicted_rise", {}) == pytest.approx(0.1)
    assert measure(one, store, "acc_conflicted_rise", {}) == pytest.approx(-0.2)
    assert measure(one, store, "nmi_conflicted_rise", {}) == pytest.approx(-0.2)  # to one cluster
    empty = replace(one, scored=scored | {"acc_conflicted": [0.5, 0.0, 0.0, 0.0]})
    with pytest.raises(InputError, match="no two scored epochs in which nmi_conflicted"):
        measure(empty, store, "nmi_conflicted_rise", {})
    unsure = replace(one, scored=scored | {"share_conflicted": [1.0] * 4})
    with pytest.raises(InputError, match="never are more than 80%"):
        measure(unsure, store, "acc_unconflicted_mostly", {})


def test_bars_stand_for_printed_and_for_our_mean_seconds(tmp_path):
    records = [record(DYNAE), record(DYNAE, seconds={"total": 40.0})]
    figure = DRAWERS["times"]({("DynAE", "usps"): records}, Store(tmp_path))
    widths = [patch.get_width() for patch in figure.axes[0].patches]
    here = [c for c in CLAIMS["dynae.table4"].cells if c.dataset == "usps" and c.across is None]
    printed = [cell.printed for cell in here]
    assert widths == [*printed, 30.0]
    plt.close(figure)


def test_curves_are_over_the_batches_seen_and_seeds_may_differ_in_length(tmp_path):
    longer = {"epoch": [1, 2, 3], "delta_fr": [0.1, 0.2, 0.4]}
    found = {("DynAE", "digits"): [record(DYNAE), record(DYNAE, scored=longer)]}
    figure = angles(found, Store(tmp_path), name="delta_fr", printed={"printed": 0.9})
    first, second = figure.axes[0].get_lines()[:2]
    assert first.get_xdata().tolist() == [2, 4]  # 128 samples in batches of 64
    assert second.get_ydata().tolist() == [0.1, 0.2, 0.4]
    assert 0.9 in [line.get_ydata()[0] for line in figure.axes[0].get_lines()]
    plt.close(figure)


def test_red_circles_are_the_epochs_of_the_recorded_updates(tmp_path):
    curves = {
        "construction": [3.0, 2.0, 1.0, 1.0],
        "clustering": [1.0] * 4,
        "conflicted": [0.6, 0.5, 0.2, 0.1],
        "threshold": [0.1, 0.1, 0.08, 0.07],
    }  # of DYNAE, whose thresholds drop from 0.1 by 0.03
    figure = DRAWERS["dynamics"]({("DynAE", "digits"): [record(DYNAE, curves=curves)]}, Store(tmp_path))
    (circles,) = [line for line in figure.axes[1].get_lines() if line.get_marker() == "o"]
    assert (circles.get_xdata().tolist(), circles.get_ydata().tolist()) == ([6], [0.2])
    plt.close(figure)


def test_parts_have_colours_of_their_own_and_end_where_they_are_empty(tmp_path):
    scored = {
        "epoch": [0, 1, 2],
        **{name: [0.4, 0.5, 0.6] for name in ("acc", "nmi")},
        **{f"{name}_unconflicted": [0.9, 0.8, 0.6] for name in ("acc", "nmi")},
        **{f"{name}_conflicted": [0.3, 0.2, 0.0] for name in ("acc", "nmi")},
    }
    figure = DRAWERS["rises"]({("DynAE", "digits"): [record(DYNAE, scored=scored)]}, Store(tmp_path))
    lines = {line.get_label(): line for line in figure.axes[0].get_lines()}
    assert [*lines] == ["DynAE", "unconflicted", "conflicted"]
    assert len({line.get_color() for line in lines.values()}) == 3
    assert lines["DynAE"].get_xdata().tolist() == [0, 2, 4]
    assert np.isnan(lines["conflicted"].get_ydata()[2])
    assert lines["unconflicted"].get_ydata().tolist() == [0.9, 0.8, 0.6]
    plt.close(figure)


# --- causes -----------------------------------------------------------------------------------------


def keep(store: Store, config: Config, dataset: str, seed: int, **rest: object) -> None:
    """A current record of the run at paper scale."""
    run = Run(config=config, dataset=dataset, seed=seed, scale="paper")
    own = replace(record(DYNAE, **rest), key=run.key, run=runner.identity(run))
    store.write(replace(own, fingerprint=list(fingerprint.fingerprint(config))), {})


def test_what_clustering_adds_is_taken_seed_by_seed_on_the_very_start(tmp_path):
    store, claim = Store(tmp_path), CLAIMS["dynae.starts"]
    rows = claim.plan["paper"]["usps"]
    ends = {0: (0.5, 0.55), 1: (0.6, 0.75), 2: (None, 0.99)}  # the third has no k-means on its start
    for seed, (start, end) in ends.items():
        if start:
            keep(store, rows[named(KMEANS, SHARES[0])], "usps", seed, scores={"acc": start})
        keep(store, rows[named(PLAIN, SHARES[0])], "usps", seed, scores={"acc": end})
    pair = named(PLAIN, SHARES[0]), named(KMEANS, SHARES[0])
    found = points(claim, "usps", *pair, "paper", store)
    assert np.array(found) == pytest.approx(np.array([[50, 55], [60, 75]]))
    assert "usps: +10.0 to 55.0 after 1/13 of the pretraining (n=2)<" in told(claim, "paper", store)
    assert "mnist-test: not run" in told(claim, "paper", store)
    figure = over_starts(claim, "paper", store)
    dots, means = figure.axes[1].get_lines()[1:3]
    assert dots.get_xydata() == pytest.approx(np.array([[50, 5], [60, 15]]))
    assert means.get_xydata() == pytest.approx(np.array([[55, 10]]))
    plt.close(figure)


def test_the_pilot_takes_of_those_that_keep_its_rule_the_one_nearest_to_the_log(tmp_path):
    store, claim = Store(tmp_path), CLAIMS["dynae.pilot"]
    assert "not run" in piloted(claim, "paper", store)
    data = {"name": "mnist-test", "k": 10, "shape": [10_000, 1, 28, 28]}  # an epoch is 40 steps
    courses = {"fan-in": (0.62, 0.54, 0.44, 0.2), "glorot": (0.62, 0.5, 0.3, 0.1)}
    for row, shares in courses.items():
        scored = {"epoch": [0, 4, 10, 25], "share_conflicted": list(shares)}
        keep(store, claim.plan["paper"]["mnist-test"][row], "mnist-test", 0, scored=scored, data=data)
    text = piloted(claim, "paper", store)
    assert "lets pass: <b>fan-in</b> and <b>glorot</b>" in text
    assert "Nearest to the log is <b>fan-in</b>" in text
    scored = {"epoch": [0, 4, 10, 25], "share_conflicted": [0.3, 0.29, 0.28, 0.2]}  # too sure at once
    keep(store, claim.plan["paper"]["mnist-test"]["fan-in"], "mnist-test", 0, scored=scored, data=data)
    assert "lets pass: <b>glorot</b>." in piloted(claim, "paper", Snapshot(tmp_path))


def test_departures_of_the_pretraining_can_be_shown_too(tmp_path):
    page = Page("dynae", "paper", Store(tmp_path))
    assert page.departures("acai").text.count("<li>") == 9
    assert page.departures().text.count("<li>") == 12
    assert "<em>distinct</em>" in page.departures().text


def test_the_balance_shows_the_end_over_every_weight(tmp_path):
    found = {
        (f"{method}, gamma {gamma}", "mnist"): [record(DYNAE, scores={"acc": acc})]
        for method in ("DynAE", "IDEC*")
        for gamma, acc in (("10", 0.6), ("0.1", 0.2))
    }
    figure = balance(found, Store(tmp_path))
    ends = figure.axes[-1].get_lines()
    assert [line.get_label() for line in ends] == ["DynAE", "IDEC*"]
    assert ends[0].get_xdata().tolist() == [0.1, 10]
    assert ends[0].get_ydata().tolist() == [0.2, 0.6]
    plt.close(figure)


def test_the_nearest_of_a_cluster_come_first_and_are_ten():
    z = np.arange(24, dtype=np.float32)[:, None] ** 2
    arrays = {
        "sample": np.arange(24),
        "sample_embedding": z,
        "sample_classes": np.arange(24),
        "labels": np.repeat([0, 4], 12),
    }
    central = central_classes(arrays)
    assert set(central) == {0, 4}
    mean = z[:12].mean()
    assert central[0].tolist() == sorted(range(12), key=lambda i: abs(z[i, 0] - mean))[:10]


@pytest.mark.parametrize("claim", [c for c in CLAIMS.values() if c.paper == "dynae"], ids=lambda c: c.id)
def test_every_claim_stands_on_a_page(claim: Claim):
    pages = Path(__file__).resolve().parents[1] / "notebooks" / "dynae"
    assert any(f'page.table("{claim.id}")' in page.read_text() for page in pages.glob("*.py"))
