"""DCSS's pages: the toy does what it shows, the theorems' pairs lie where they must."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.colors import to_rgba

from recluster.methods import dcss
from recluster.papers import CLAIMS
from recluster.papers.dcss_causes import APART
from recluster.parts import centring
from recluster.parts.fuzzy import memberships
from recluster.report import drawn_dcss
from recluster.report import drawn_dcss_appendix as appendix
from recluster.report.settings import settings_table
from recluster.report.toys import dcss as toy
from recluster.spec import Config, Run
from recluster.store import FINISHED, Record, Store

PAGES = Path(__file__).resolve().parents[1] / "notebooks" / "dcss"
FIRST = centring.Config(epochs=2)
CONFIG = dcss.Config(start=FIRST, guided_epochs=1, epochs=2)
SCORED = {"epoch": [1, 2], "acc": [0.5, 0.6]}
CURVES = {
    "reconstruction": [2.0, 1.0],
    "centring": [3.0, 2.0],
    "pairs": [0.5, 0.1],
    "similar": [0.1, 0.2],
    "dissimilar": [0.5, 0.7],
    "isolated": [0.9, 0.1],
    "separation": [1.5, 0.4],
}


def record(config: Config, seed: int = 0, acc: float = 0.8, dataset: str = "usps") -> Record:
    run = Run(config=config, dataset=dataset, seed=seed, scale="laptop")
    about = {"method": run.method, "dataset": dataset, "seed": seed, "scale": "laptop"}
    return Record(
        key=run.key,
        run={**about, "config": config.canonical()},
        status=FINISHED,
        fingerprint=[1.0],
        scores={"acc": acc, "nmi_max": acc / 2},
        curves=CURVES,
        scored=SCORED,
        seconds={"total": 1.0},
        memory_mb=1.0,
        data={"name": dataset, "checksum": "0", "shape": [100, 1, 8, 8], "k": 3},
        environment={},
        started="",
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def written(store):
    """A record whose q has as many rows as the theorems are tried on."""
    q = np.random.default_rng(1).dirichlet([0.1] * 3, 300).astype(np.float32)
    return store.write(record(CONFIG), {"sample_q": q, "sample_classes": q.argmax(1)})


def texts(axes: Any) -> list[str]:
    return [text.get_text() for text in axes.get_legend().get_texts()]


# --- the toy --------------------------------------------------------------------------------------


def test_memberships_as_printed_are_largest_for_the_farthest_centre():
    u, fuzziness = toy.points(), dcss.Config().fuzziness
    distances = torch.cdist(u, toy.CENTROIDS)
    printed = toy.upside_down(u, toy.CENTROIDS, fuzziness)
    assert torch.allclose(printed.sum(1), torch.ones(len(u)))
    assert torch.equal(printed.argmax(1), distances.argmax(1))
    assert torch.equal(memberships(u, toy.CENTROIDS, fuzziness).argmax(1), distances.argmin(1))


def test_pairs_bring_q_to_one_hot_vectors_that_agree_with_p():
    config = dcss.Config()
    p = memberships(toy.points(), toy.CENTROIDS, config.fuzziness)
    path = toy.descent(p, config)
    largest = [path[step].max(1).values.mean() for step in (0, toy.GUIDED, toy.STEPS)]
    assert largest[0] < largest[1] < largest[2]
    assert largest[2] > 0.95
    similar = dcss.similarities(p) >= config.similar
    cluster = path[-1].argmax(1)
    assert (cluster[:, None] == cluster)[similar].all()
    assert len(cluster.unique()) == 3


def test_centres_in_ten_dimensions_draw_together_at_the_papers_fuzziness():
    u, centres = toy.crowd()
    courses = {m: toy.course(u, centres, m) for m in (1.1, 1.5)}
    assert courses[1.5][0] == courses[1.1][0] > 1.5 * APART
    assert courses[1.5][-1] < APART < courses[1.1][0] <= courses[1.1][-1]


def test_a_pair_of_which_nothing_is_known_is_dissimilar_from_five_clusters_on():
    panel = toy.pairs_to_one_hot().axes[8]
    (dots,) = panel.collections
    repel = [
        k
        for (k, _), colour in zip(dots.get_offsets(), dots.get_facecolors(), strict=True)
        if tuple(colour) == to_rgba("C3")
    ]
    assert repel == [*range(5, 21)]


# --- the figures ----------------------------------------------------------------------------------


def test_printed_values_stand_on_the_same_axes_as_ours(store):
    found = {("DCSS", name): [record(CONFIG, dataset=name)] for name in ("usps", "mnist-test")}
    store.write(record(FIRST), {})
    usps, other = drawn_dcss.both_phases(found, store).axes
    assert texts(usps) == ["p, phase 1", "q, phase 2", "DCSS_u, printed", "DCSS, printed"]
    assert texts(other) == ["q, phase 2"]  # the store lacks its first phase
    lines = {line.get_label(): line for line in usps.get_lines()}
    assert lines["DCSS, printed"].get_data()[1][0] == pytest.approx(0.8721)
    assert lines["p, phase 1"].get_xdata().tolist() == [1, 2]
    assert lines["q, phase 2"].get_xdata().tolist() == [3, 4]


def test_a_contraction_has_our_rule_beside_it(store):
    found = {("DCSS_u", "usps"): [record(FIRST)], ("ten epochs", "usps"): [record(FIRST)]}
    first, second = drawn_dcss.contraction(found, store).axes
    assert (first.get_title(), second.get_title()) == ("DCSS_u", "ten epochs")
    course, rule = first.get_lines()
    assert course.get_ydata().tolist() == [1.5, 0.4]
    assert set(rule.get_ydata()) == {0.5}


def test_the_total_loss_is_the_weighted_sum(store):
    figure = drawn_dcss.first_phase({("DCSS_u", "usps"): [record(FIRST)]}, store)
    total = figure.axes[2].get_lines()[0].get_ydata()
    assert total == pytest.approx([2.3, 1.2])


def test_mnet_s_line_begins_at_the_method_without_it(store):
    after = record(CONFIG, acc=0.8)
    found = {("DEC+MNet", "usps"): [after]}
    alone = drawn_dcss.mnet(found, store).axes[0].get_lines()[0]
    assert alone.get_xdata() == pytest.approx([80])
    store.write(record(FIRST, acc=0.6), {})
    ours, _, printed, *_ = drawn_dcss.mnet(found, store).axes[0].get_lines()
    assert ours.get_xdata() == pytest.approx([60, 80])
    assert printed.get_xdata() == pytest.approx([75.81, 77.58])


def test_settings_are_in_order_and_the_printed_value_stands_at_the_papers(store):
    rows = {f"T2 = {value}": replace(CONFIG, guided_epochs=value) for value in (20, 5, 1)}
    found = {(row, "usps"): [record(config)] for row, config in rows.items()}
    panel = drawn_dcss.sensitivity(found, store).axes[0]
    assert [tick.get_text() for tick in panel.get_xticklabels()] == ["1", "5", "20"]
    (printed,) = [line for line in panel.get_lines() if line.get_label() == "usps, printed"]
    assert (printed.get_xdata()[0], printed.get_ydata()[0]) == (1, pytest.approx(0.8721))


def test_the_rates_are_in_order_with_a_line_for_each_method(store):
    rows = {"DCSS": CONFIG, "DCSS_u": FIRST}
    found = {
        (row, f"mnist-test-r{rate}"): [record(config)]
        for row, config in rows.items()
        for rate in ("0.3", "0.1", "0.2")
    }
    accuracy, information = drawn_dcss.imbalance(found, store).axes
    assert [tick.get_text() for tick in accuracy.get_xticklabels()] == ["0.1", "0.2", "0.3"]
    assert accuracy.get_legend_handles_labels()[1] == ["DCSS", "DCSS_u"]
    scores = record(CONFIG).scores
    for panel, score in ((accuracy, "acc"), (information, "nmi_max")):
        assert panel.get_lines()[0].get_ydata().tolist() == [scores[score]] * 3


def test_pairs_of_the_appendix_lie_where_the_theorems_say(written, store):
    found = {("DCSS", "usps"): [written]}
    config = dcss.Config()
    for draw in (
        appendix.theorem_1,
        appendix.theorem_2,
        appendix.theorem_3,
    ):
        for panel in draw(found, store).axes:
            lesser, product = panel.get_lines()[0].get_data()
            assert len(product) > 0
            assert (product <= lesser + 1e-6).all()
            assert ": 0 break it" in panel.get_title()
            if draw is appendix.theorem_2:
                assert (product <= 0.5 + 1e-6).all()
            if draw is appendix.theorem_3:
                assert (product >= config.similar**2 - 1e-6).all()


def test_pairs_that_break_a_theorem_are_counted_in_the_title(store):
    q = np.array([[2.0, 0.0], [0.9, 0.1]], np.float32)
    one = store.write(record(CONFIG), {"sample_q": q})
    panel = appendix.theorem_1({("DCSS", "usps"): [one]}, store).axes[1]
    assert panel.get_title() != "usps: 0 break it"


# --- the scales -----------------------------------------------------------------------------------


def test_the_settings_in_which_the_scales_differ_are_read_off_the_configs():
    text = settings_table(CLAIMS["dcss.table1"], ("DCSS_u", "DCSS"))
    rows = [re.findall(r"<td>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", text)]
    first = {name: values for row, name, *values in rows[1:] if row == "DCSS_u"}
    assert first["epochs"] == ["200", "6", "2"]
    assert first["ae: network"] == ["dcss-conv", "mlp", "mlp"]
    assert "centring_weight" not in first
    second = {name: values for row, name, *values in rows[1:] if row == "DCSS"}
    assert second["dcss-u: learning_rate"] == ["1e-05", "0.0001", "0.0001"]
    assert "learning_rate" not in second  # printed at every scale


# --- the pages ------------------------------------------------------------------------------------


def test_every_claim_of_the_paper_stands_on_a_page():
    text = "".join(path.read_text() for path in PAGES.glob("*.py"))
    claims = [claim for claim in CLAIMS.values() if claim.paper == "dcss"]
    missing = [c.id for c in claims if f'page.table("{c.id}")' not in text]
    undrawn = [c.id for c in claims if c.drawing and f'page.figure("{c.id}")' not in text]
    assert (missing, undrawn) == ([], [])
