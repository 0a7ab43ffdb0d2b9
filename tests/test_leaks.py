"""What choosing by labels buys: worked by hand on made-up curves, and beside the printed margins."""

from types import SimpleNamespace

import numpy as np
import pytest

from recluster.methods import ulhe
from recluster.papers import CLAIMS
from recluster.report import leaks, leaks_shown


def record(seed, acc, epochs=(1, 2, 4)):
    return SimpleNamespace(
        run={"seed": seed}, scores={"acc": acc[-1]}, scored={"epoch": list(epochs), "acc": list(acc)}
    )


RECORDS = (
    (
        "A",
        "digits",
        [record(0, (0.5, 0.8, 0.6)), record(1, (0.4, 0.5, 0.7)), record(2, (0.6, 0.6, 0.8))],
    ),
    ("B", "digits", [record(0, (0.9, 0.3, 0.3))]),
)


@pytest.fixture
def known(monkeypatch):
    monkeypatch.setattr(leaks, "trained", lambda scale, store: RECORDS)


def test_stopping_is_the_best_epoch_less_the_last(known):
    rising, falling = leaks.stops("smoke", None)
    assert rising.points == pytest.approx((20.0, 0.0, 0.0))
    assert rising.when == pytest.approx((0.5, 1.0, 1.0))
    assert falling.points == pytest.approx((60.0,))
    assert falling.when == pytest.approx((0.25,))


def test_stopping_never_costs(known):
    assert all(min(one.points) >= 0 for one in leaks.stops("smoke", None))


def test_one_seed_has_no_spread_and_three_have(known):
    (only,) = leaks.seeds("smoke", None)
    assert only.row == "A"
    assert only.best_less_mean == pytest.approx(10.0)
    assert only.std == pytest.approx(10.0)
    low, high = only.std_interval
    assert low < only.std < high


@pytest.mark.parametrize(("draws", "expected"), [(1, 0.0), (2, 1 / np.sqrt(np.pi)), (5, 1.16296)])
def test_the_expected_maximum_of_normal_draws(draws, expected):
    assert leaks.expected_maximum(draws) == pytest.approx(expected, abs=1e-4)


def test_student_s_interval_by_hand():
    assert leaks.half_width((1.0, 2.0, 3.0)) == pytest.approx(4.302653 / np.sqrt(3))


def test_the_best_setting_is_over_the_mean_and_over_the_paper_s_own(monkeypatch):
    rows = {f"weight {weight}": ulhe.Config(uniformity_weight=weight) for weight in (0.02, 0.08, 0.20)}
    accs = {0.02: (0.4, 0.6), 0.08: (0.5, 0.5), 0.20: (0.7, 0.6)}

    def found(config, dataset, scale, store):
        values = accs[config.uniformity_weight]
        return {seed: record(seed, (acc,)) for seed, acc in enumerate(values)}

    monkeypatch.setattr(leaks, "by_seed", found)
    one = leaks._setting("ulhe.table3", "mnist", rows, "paper", None)
    assert (one.best, one.rows) == ("weight 0.2", 3)
    assert one.over_usual == pytest.approx((20.0, 10.0))
    assert one.over_mean == pytest.approx((70 - 160 / 3, 60 - 170 / 3))


def test_settings_of_different_methods_are_no_sweep():
    groups = leaks._groups(CLAIMS["pcx.table6"].plan["smoke"]["digits"])
    assert [sorted(group) for group in groups] == [["PC-X", "PC-X-Fix", "PC-X-no CI"]]


def test_every_sweep_and_main_table_is_a_claim():
    assert {*leaks.SWEEPS, *leaks.MAIN} <= set(CLAIMS)


def test_a_margin_is_over_the_strongest_rival_and_not_over_a_part_of_the_method():
    found = {(one.claim, one.dataset): one for one in leaks.margins()}
    assert found["dcss.table1", "stl10"].rival == "AE + k-means"  # DCSS_u has more, and is DCSS's own
    assert found["ulhe.table1", "fashion"].points == pytest.approx(64.40 - 69.70)
    assert found["dynae.table3", "usps"].points == pytest.approx(0.1)


def test_the_page_shows_what_was_found(known, monkeypatch):
    monkeypatch.setattr(leaks, "settings", lambda scale, store: [])
    text = leaks_shown.PARTS["stopping"]("smoke", None)
    assert "+60.0" in text
    assert "<td>–</td>" in text  # one seed has no interval
    assert "at most 60.0" in leaks_shown.PARTS["findings"]("smoke", None)
    figure = leaks_shown.PARTS["margins figure"]("smoke", None)
    names = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert {"the epoch", "the seed, best of five", "DCSS, Table 1"} <= set(names)


def test_without_records_the_page_says_not_run(monkeypatch):
    monkeypatch.setattr(leaks, "trained", lambda scale, store: ())
    for part in ("stopping", "stopping figure", "seeds"):
        assert "not run" in leaks_shown.PARTS[part]("paper", None)
