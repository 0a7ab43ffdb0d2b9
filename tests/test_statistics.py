"""Ranks, intervals and tests against what is known of them; differences and costs from records."""

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy import stats

from recluster.methods import dec, idec, kmeans
from recluster.papers import CLAIMS
from recluster.papers.suite import methods
from recluster.parts import pretraining
from recluster.report import cost, differences, open_page, protocol, statistics
from recluster.report.contrasts import CONTRASTS
from recluster.spec import InputError, Run
from recluster.store import Store

NAN = float("nan")
AE = pretraining.Config(epochs=1)
ROWS = {
    "k-means": kmeans.Config(),
    "AE + k-means": kmeans.Config(start=AE),
    "DEC": dec.Config(start=AE, steps=4),
    "IDEC": idec.Config(start=AE, steps=4),
}


# --- on arrays ------------------------------------------------------------------------------------


def test_ties_share_their_ranks_and_the_greatest_value_is_first():
    values = [[3.0, 1.0], [3.0, 2.0], [1.0, 5.0]]
    assert statistics.mean_ranks(values).tolist() == [(1.5 + 3) / 2, (1.5 + 2) / 2, (3 + 1) / 2]


def test_a_block_that_lacks_a_run_counts_for_nobody():
    values = np.array([[9.0, 1.0, 1.0], [NAN, 2.0, 3.0], [8.0, 3.0, 2.0]])
    assert statistics.complete(values).tolist() == [False, True, True]
    assert np.array_equal(statistics.mean_ranks(values), statistics.mean_ranks(values[:, 1:]))
    with pytest.raises(InputError, match="a block in which every row has a run"):
        statistics.mean_ranks([[1.0, NAN], [NAN, 1.0]])


def test_every_data_set_counts_alike_however_many_seeds_it_has():
    assert statistics.centre([[1.0], [4.0, 6.0, 8.0]]) == pytest.approx(3.5)


@pytest.mark.parametrize("strata", [[], [[]], [[1.0, NAN]], [[[1.0]]]])
def test_a_missing_value_is_refused_not_made_up(strata):
    with pytest.raises(InputError, match="each data set needs a value"):
        statistics.centre(strata)


def test_an_interval_of_many_seeds_is_that_of_normal_theory():
    random = np.random.default_rng(1)
    strata = [random.normal(2, 1, 60), random.normal(4, 3, 40)]
    low, high = statistics.interval(strata)
    error = np.sqrt(sum(row.var(ddof=1) / len(row) for row in strata)) / 2
    assert (low + high) / 2 == pytest.approx(statistics.centre(strata), abs=0.1)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_seeds_are_drawn_within_their_data_set():
    """Data sets far apart make no interval wider: only seeds are drawn anew."""
    low, high = statistics.interval([[0.0, 1.0, 2.0], [100.0, 101.0, 102.0]])
    assert 50 < low < high < 52


@pytest.mark.parametrize("strata", [[[1.0], [2.0, 3.0]], [[1.0, 1.0], [2.0, 2.0]]])
def test_without_seeds_that_differ_there_is_no_interval(strata):
    assert statistics.interval(strata) is None


def test_intervals_hold_the_truth_as_often_as_they_say_with_many_seeds_and_less_with_few():
    many, few = statistics.coverage([25, 25]), statistics.coverage([3, 3])
    assert 0.88 < many < 0.99  # two hundred simulations tell it to two points or so
    assert few < many
    with pytest.raises(InputError, match="two seeds"):
        statistics.coverage([3, 1])


def test_a_sign_test_counts_all_signs():
    strata = [[1.0, 2.0, -0.5], [3.0, 1.0]]
    parts = [1 / 3, 2 / 3, -0.5 / 3, 1.5, 0.5]
    sums = [np.dot(parts, signs) for signs in itertools.product((-1, 1), repeat=5)]
    known = np.mean(np.abs(sums) >= abs(sum(parts)) - 1e-12)
    assert statistics.sign_flip(strata) == pytest.approx(known)


@pytest.mark.parametrize("count", [1, 2, 6])
def test_the_smallest_p_is_that_of_one_sign(count):
    assert statistics.sign_flip([list(range(1, count + 1))]) == statistics.smallest_p(count)
    with pytest.raises(InputError, match="one difference or more"):
        statistics.smallest_p(0)


def test_without_a_difference_p_is_one():
    assert statistics.sign_flip([[0.0, 0.0, 0.0]]) == 1


def test_p_values_are_uniform_where_there_is_no_difference():
    random = np.random.default_rng(0)
    found = [statistics.sign_flip([random.normal(size=4), random.normal(size=4)]) for _ in range(300)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.06)
    for level in (0.05, 0.25, 0.5, 0.75):
        assert np.mean(np.array(found) <= level) == pytest.approx(level, abs=0.08)


def test_holm_against_a_case_worked_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.9, 0.8]).max() == 1
    assert len(statistics.holm([])) == 0


def test_the_probability_of_improvement_counts_pairs():
    assert statistics.probability_of_improvement([[2.0, 3.0]], [[1.0, 3.0]]) == (1 + 0 + 1 + 0.5) / 4
    both = statistics.probability_of_improvement([[2.0], [0.0]], [[1.0], [1.0]])
    assert both == pytest.approx(0.5)


def test_a_rank_correlation_is_scipy_s_and_its_interval_holds_it():
    random = np.random.default_rng(0)
    x = random.normal(size=40)
    y = x + random.normal(size=40)
    rho, (low, high), tau = statistics.rank_correlation(x, y)
    assert rho == pytest.approx(stats.spearmanr(x, y).statistic)
    assert tau == pytest.approx(stats.kendalltau(x, y).statistic)
    assert 0 < low < rho < high < 1


@pytest.mark.parametrize(("x", "y"), [([1, 2, 3], [1, 2, 3]), ([1, 1, 1, 1], [1, 2, 3, 4])])
def test_too_few_or_equal_values_have_no_rank_correlation(x, y):
    with pytest.raises(InputError, match="four pairs or more and values that differ"):
        statistics.rank_correlation(x, y)


def test_the_front_is_what_nothing_beats():
    costs, qualities = [1, 2, 3, 3, 4], [5, 4, 9, 8, 9]
    assert statistics.front(costs, qualities).tolist() == [True, False, True, False, False]
    assert statistics.front([1, 1], [2, 2]).tolist() == [True, True]


def test_labels_are_spread_in_order_and_stay_below_the_top():
    places = cost.spread([1.0, 1.1, 9.8, 9.9, 10.0], gap=1.0, top=10.0)
    assert np.diff(places).min() >= 1 - 1e-9
    assert max(places) <= 10
    assert cost.spread([1.0, 5.0], gap=1.0, top=10.0) == [1.0, 5.0]


# --- from records ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(filled):
    """Two seeds of the rows, but for IDEC, which has one."""
    return filled(
        Run(config=config, dataset="digits", seed=seed, scale="smoke")
        for row, config in ROWS.items()
        for seed in ((0,) if row == "IDEC" else (0, 1))
    )


@pytest.fixture
def small(monkeypatch, store):
    """The comparison and its references, planned with the rows above."""
    claim = CLAIMS["comparison.methods"]
    monkeypatch.setitem(claim.plan["smoke"], "digits", ROWS)
    return store


def scores(store, row):
    runs = [Run(config=ROWS[row], dataset="digits", seed=seed, scale="smoke") for seed in (0, 1)]
    return [record.scores["acc"] for run in runs if (record := store.find(run)) is not None]


def test_a_difference_pairs_seeds_and_leaves_out_those_that_one_lacks(store):
    pairs = {"digits": (ROWS["IDEC"], ROWS["DEC"])}
    one = differences.difference("", "IDEC − DEC", pairs, "smoke", store)
    known = 100 * (scores(store, "IDEC")[0] - scores(store, "DEC")[0])
    assert one.points["digits"] == pytest.approx([known])
    assert one.interval is None
    assert one.p == 1
    unknown = {"usps": (ROWS["IDEC"], ROWS["DEC"])}
    assert differences.difference("", "", unknown, "smoke", store) is None


def test_correction_is_over_those_that_there_are(store):
    pairs = {"digits": (ROWS["DEC"], ROWS["AE + k-means"])}
    one = differences.difference("", "DEC", pairs, "smoke", store)
    twice = differences.corrected([one, None, one])
    assert len(twice) == 2
    assert [each.corrected for each in twice] == [min(1, 2 * one.p)] * 2


def test_ranks_are_over_the_seeds_that_all_methods_have(small):
    found = differences.ranks("smoke", small)
    assert found.rows == tuple(ROWS)
    assert found.blocks == (("digits", 0), ("digits", 1))
    assert found.complete() == [0]
    first = [scores(small, row)[0] for row in ROWS]
    assert found.mean("acc").tolist() == stats.rankdata(-np.array(first)).tolist()


def test_a_cost_holds_the_pretraining(small):
    found = {one.row: one for one in cost.costs("smoke", small)}
    run = Run(config=ROWS["DEC"], dataset="digits", seed=0, scale="smoke")
    before, after = small.find(run.start), small.find(run)
    assert found["DEC"].epochs == len(before.curves["reconstruction"]) + len(after.curves["clustering"])
    assert found["DEC"].share > 0
    assert found["k-means"].share == 0
    assert found["k-means"].epochs == 0
    assert found["DEC"].memory >= after.memory_mb / 2
    assert found["DEC"].seconds >= before.seconds["total"]


@pytest.mark.parametrize("part", [*protocol.PARTS, *(f"cost {part}" for part in cost.PARTS)])
def test_every_part_of_a_page_shows_itself(small, part):
    page = open_page("comparison", {"scale": "smoke"}, small)
    shown = page.cost(part.removeprefix("cost ")) if part.startswith("cost") else page.protocol(part)
    if isinstance(shown, Figure):
        assert all(axes.has_data() for axes in shown.axes)
    else:
        assert shown.text.startswith(("<ul>", '<div class="claim-scroll">', '<p class="state-not-run">'))
        assert "nan" not in shown.text.replace("pca", "")


def test_parts_without_records_say_so(tmp_path):
    page = open_page("comparison", {"scale": "smoke"}, Store(tmp_path))
    for part in ("ranks", "ranks figure", "k-means figure"):
        assert "not run" in page.protocol(part).text
    assert "not run" in page.cost("seconds acc").text
    with pytest.raises(InputError, match="unknown part"):
        page.protocol("rank")


@pytest.mark.parametrize("one", CONTRASTS, ids=lambda one: one.name)
def test_a_contrast_is_between_two_rows_of_its_claim(one):
    assert any(one.pairs(scale) for scale in one.claim.plan)
    assert one.with_it != one.without


def test_contrasts_that_say_start_differ_in_the_start_alone():
    known = methods("laptop")
    asked = [one for one in CONTRASTS if "pretraining" in one.question]
    assert asked
    for one in asked:
        ours, theirs = (known[row].canonical() for row in (one.with_it, one.without))
        assert {key for key in ours if ours[key] != theirs[key]} == {"start"}
