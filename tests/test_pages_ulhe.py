"""ULHE-DC's pages: the toy does what it shows, and the figures show what is printed and recorded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from recluster.methods import ulhe
from recluster.papers import CLAIMS
from recluster.papers.calculated import ulhe as calculated
from recluster.papers.ulhe import SETTINGS, setting
from recluster.papers.ulhe_runs import FULL, PRINTED_WEIGHTS
from recluster.parts.hypersphere import energy
from recluster.report import drawn_ulhe
from recluster.report.toys import ulhe as toy
from recluster.spec import Run
from recluster.store import FINISHED, Record, Store

ROOT = Path(__file__).resolve().parents[1]
BEST = setting("0.08", "0.40")


@pytest.fixture(scope="module")
def paths() -> dict[str, list[toy.State]]:
    return {name: toy.descended(*weights) for name, weights in toy.MODELS.items()}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def record(config: ulhe.Config, seed: int, acc: float) -> Record:
    """A finished record of two epochs on ten thousand samples."""
    run = Run(config=config, dataset="mnist-test", seed=seed, scale="laptop")
    start = {"method": "ulhe-ae", "epochs": 80, "embedding_size": 10}
    return Record(
        key=run.key,
        run={"seed": seed, "scale": "laptop", "config": {"start": start}},
        status=FINISHED,
        fingerprint=[],
        scores={"acc": acc, "nmi_max": acc - 0.1},
        curves={"clustering": [1.0, 0.5], "norm": [0.1, 0.05], "uniformity": [90.0, 81.0],
                "compactness": [0.3, 0.1]},
        scored={},
        seconds={"start": 160.0, "clustering": 2.0, "total": 162.0},
        memory_mb=1.0,
        data={"name": "mnist-test", "k": 10, "shape": [10000, 1, 28, 28]},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


# --- the toy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", toy.MODELS)
def test_uniformity_and_nothing_else_leads_to_the_simplex(paths, name):
    start, *_, end = paths[name]
    assert start.over_least() > 3
    if toy.MODELS[name][0]:
        assert 1 <= end.over_least() < 1.15
    else:
        assert end.over_least() == pytest.approx(start.over_least(), rel=0.02)


def test_compactness_gathers_sooner(paths):
    one, two, three, four = (path[-1].spread() for path in paths.values())
    assert three < one < paths["Model 1: neither"][0].spread()
    assert four < two


@pytest.mark.parametrize("name", toy.MODELS)
def test_points_end_on_the_circle(paths, name):
    off = [(state.z.norm(dim=1) - 1).abs().mean() for state in (paths[name][0], paths[name][-1])]
    assert off[1] < 0.1 * off[0]


# --- the exponent -------------------------------------------------------------------------------


@pytest.mark.parametrize("v", [1, 32])
def test_the_exponent_does_not_move_ten_directions_in_ten_dimensions(v):
    points = calculated.arranged(10, 10, v)
    cosines = (points @ points.T)[~torch.eye(10, dtype=torch.bool)]
    assert torch.allclose(cosines, torch.tensor(-1 / 9, dtype=torch.float64), atol=2e-3)
    assert 4 * energy(points, torch.ones(10, dtype=torch.bool)).item() == pytest.approx(81, rel=1e-3)


def test_a_large_exponent_is_local_in_three_dimensions():
    few, many = (calculated.arranged(7, 3, v) for v in (2, 32))
    everyone = torch.ones(7, dtype=torch.bool)
    assert calculated.smallest_angle(many) > calculated.smallest_angle(few) + 3
    assert energy(many, everyone) > 1.003 * energy(few, everyone)
    assert calculated.near_share(11, 3, 32) > 0.95 > calculated.near_share(11, 3, 1)


# --- the figures --------------------------------------------------------------------------------


def test_the_heat_maps_hold_table_3_and_our_means(store):
    found = {(BEST, "mnist-test"): [record(FULL["laptop"], seed, 0.6 + seed / 10) for seed in (0, 1)]}
    figure = drawn_ulhe.weights(found, store)
    texts = [[text.get_text() for text in panel.texts] for panel in figure.axes]
    assert [len(own) for own in texts] == [25, 25, 25, 25]
    assert texts[0][:2] == ["0.9422", "0.9543"]  # the first line of Table 3
    assert texts[1][12] == "0.9613"
    assert [text for text in texts[2] if text != "not run"] == ["0.6500"]
    assert [text for text in texts[3] if text != "not run"] == ["0.5500"]
    assert "1 of 25" in figure.axes[2].get_title()


def test_the_heat_maps_share_one_scale_of_colours(store):
    found = {(BEST, "mnist-test"): [record(FULL["laptop"], 0, 0.6)]}
    panels = drawn_ulhe.weights(found, store).axes
    limits = {panel.collections[0].get_clim() for panel in panels}
    assert limits == {(0.5, 0.9836)}  # from our NMI to the printed ACC


def test_a_statement_on_rows_is_no_row_of_the_ablation_s_figure(store):
    found = {("Model 4 (both)", "mnist-test"): [record(FULL["laptop"], 0, 0.6)]}
    panel = drawn_ulhe.ablation(found, store).axes[0]
    assert len(panel.get_xticklabels()) == 4


def test_a_square_is_as_table_3_stands_on_the_page():
    square = drawn_ulhe._squared({setting("0.20", "0.10"): 1.0, setting("0.02", "0.80"): 2.0})
    assert (square[0, 4], square[4, 0], np.isnan(square).sum()) == (1.0, 2.0, 23)


def test_the_slices_join_table_2_at_zero_and_show_our_points(store):
    off = setting("0.20", "0.40")
    other = replace(FULL["laptop"], uniformity_weight=0.20)
    found = {
        (BEST, "mnist-test"): [record(FULL["laptop"], 0, 0.6)],
        (off, "mnist-test"): [record(other, 0, 0.5)],
    }
    first, second, *_ = drawn_ulhe.slices(found, store).axes
    printed, ours = first.lines
    assert list(printed.get_xdata()) == [0, 0.02, 0.05, 0.08, 0.13, 0.20]
    assert printed.get_ydata()[0] == 0.9665  # Model 3
    assert second.lines[0].get_ydata()[0] == 0.9372  # Model 2
    assert list(ours.get_xdata()) == [0.08, 0.20]
    assert list(ours.get_ydata()) == [0.6, 0.5]


def test_the_ablation_has_every_seed(store):
    found = {("Model 4 (both)", "mnist-test"): [record(FULL["laptop"], s, 0.6 + s / 10) for s in (0, 1)]}
    panel = drawn_ulhe.ablation(found, store).axes[0]
    printed, ours = panel.lines[0], panel.lines[-1]
    assert list(printed.get_ydata()) == [0.9186, 0.9372, 0.9665, 0.9836]
    assert list(ours.get_ydata()) == [0.6, 0.7]


def test_the_geometry_is_in_units_of_the_least_energy(store):
    found = {("any", "mnist-test"): [record(FULL["laptop"], 0, 0.6)]}
    _, panel, _ = drawn_ulhe.geometry(found, store).axes
    assert list(panel.lines[0].get_ydata()) == pytest.approx([90 / 81, 1])
    assert panel.lines[2].get_ydata()[0] == pytest.approx(90 / 81)  # orthogonal


def test_the_digits_are_counted_from_the_page():
    (panel,) = drawn_ulhe.digits().axes
    framed = [text for text in panel.texts if text.get_bbox_patch()]
    assert len(framed) == 16
    assert "16 of 25" in panel.get_title()


def test_the_cost_is_an_epoch_s_printed_and_by_the_clock(store, monkeypatch):
    monkeypatch.setattr(drawn_ulhe, "best_scale", lambda *_, **__: "laptop")
    one = record(FULL["laptop"], 0, 0.6)
    monkeypatch.setattr(
        drawn_ulhe, "records_of", lambda s, c, data, at: ([one] if data == "mnist-test" else [], [])
    )
    printed, ours = drawn_ulhe.cost("paper", store).axes[0].lines
    assert list(printed.get_xdata()) == [10_000]  # N, since d = K
    assert list(ours.get_xdata()) == [0.5]  # one second against two


# --- the pages ----------------------------------------------------------------------------------


def test_every_claim_is_shown_and_judged_on_a_page():
    pages = "".join(path.read_text() for path in (ROOT / "notebooks/ulhe").glob("*.py"))
    verdicts = "".join(line for line in pages.splitlines() if line.startswith("page.verdict("))
    for name in (name for name in CLAIMS if name.startswith("ulhe.")):
        assert f'page.table("{name}")' in pages
        assert f'"{name}"' in verdicts
    assert SETTINGS[BEST] == PRINTED_WEIGHTS
