"""Statements on the order or the spread of a table's rows, and what their verdicts rest on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_claims import CLAIM, OTHER, OURS, put

from recluster.methods import kmeans
from recluster.papers.across import HOW, Across
from recluster.papers.claim import Bound, Cell, Claim, grid
from recluster.report.readings import Unmeasured
from recluster.report.table import direction, render
from recluster.report.verdict import Judged, as_object, judge
from recluster.spec import InputError
from recluster.store import Store

VALUES = {"a": 3.0, "b": 5.0, "c": 4.0, "d": 9.0}
THIRD = kmeans.Config(restarts=4)
WORST = Cell(
    row="the third is worst",
    dataset="digits",
    metric="acc",
    across=Across(how="margin", rows=("ours", "other"), others=("third",)),
    bound=Bound(comparison=">", value=0),
)
COMPARED = Claim(
    id="pcx.compared",
    title="Invented",
    where="Nowhere, p. 0",
    cells=(
        *grid("method | digits: acc\n ours | 80.0\n other | 70.0\n third | 60.0"),
        WORST,
    ),
    plan={
        "smoke": {"digits": {"ours": OURS, "other": OTHER, "third": THIRD}},
        "laptop": {
            "usps": {"ours": OURS, "other": OTHER, "third": THIRD},
            "mnist-test": {"ours": OURS, "other": OTHER},
        },
    },
)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


def stated(judged: list[Judged]) -> Judged:
    (found,) = (one for one in judged if one.cell.across)
    return found


def fill(store: Store, *accuracies: float, seed: int = 0) -> None:
    for config, accuracy in zip((OURS, OTHER, THIRD), accuracies, strict=False):
        put(store, {"acc": accuracy}, config=config, seed=seed)


# --- the comparisons ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "rows", "others", "expected"),
    [
        ("margin", "d", "abc", 4), ("margin", "bc", "a", 1), ("margin", "a", "b", -2),
        ("order", "dbca", "", 1), ("order", "dabc", "", -2), ("order", "ba", "", 2),
        ("spread", "abc", "", 2), ("spread", "abc", "bd", -2), ("spread", "bd", "ac", 3),
    ],
)  # fmt: skip
def test_comparisons_by_hand(how, rows, others, expected):
    assert Across(how=how, rows=tuple(rows), others=tuple(others)).of(VALUES) == expected


@given(st.lists(st.integers(-9, 9).map(float), min_size=2, max_size=5))
def test_an_order_is_positive_of_falling_rows_alone(values):
    across = Across(how="order", rows=tuple(map(str, range(len(values)))))
    found = across.of(dict(zip(across.rows, values, strict=True)))
    assert (found > 0) == (values == sorted(set(values), reverse=True))


@pytest.mark.parametrize(
    ("how", "rows", "others", "message"),
    [
        ("best", "ab", "", "unknown comparison of rows 'best'; choose one of: margin, order, spread"),
        ("margin", "ab", "", "margin compares 1 or more rows, and a margin them with others"),
        ("margin", "", "a", "margin compares 1 or more"),
        ("order", "a", "", "order compares 2 or more"),
        ("spread", "a", "bc", "spread compares 2 or more"),
        ("order", "ab", "c", "an order is of rows alone"),
        ("spread", "aab", "", "got one twice"),
    ],
)
def test_comparisons_that_say_nothing_are_refused(how, rows, others, message):
    with pytest.raises(InputError, match=message):
        Across(how=how, rows=tuple(rows), others=tuple(others))


def test_a_comparison_without_a_bound_is_refused():
    with pytest.raises(
        InputError, match=r"comparison of rows needs a bound, not .*'the third is worst'"
    ):
        replace(CLAIM, cells=(*CLAIM.cells, replace(WORST, bound=None)))


# --- verdicts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("third", "state"), [(0.6, "agrees"), (0.7, "differs"), (0.75, "differs")])
def test_rows_are_compared_in_the_claims_unit(store, third, state):
    fill(store, 0.8, 0.7, third)
    one = stated(judge(COMPARED, "smoke", store))
    assert (one.state, one.obtained.n, one.recorded) == (state, 1, True)
    assert one.obtained.mean == pytest.approx(70 - 100 * third)


def test_rows_are_compared_seed_by_seed_and_then_averaged(store):
    fill(store, 0.8, 0.5, 0.4)
    fill(store, 0.5, 0.8, 0.2, seed=1)
    one = stated(judge(COMPARED, "smoke", store))
    assert one.obtained.mean == pytest.approx((10 + 30) / 2)
    assert one.obtained.seeds == (0, 1)
    assert one.obtained.std == pytest.approx(200**0.5)


def test_seeds_that_a_row_lacks_are_left_out(store):
    fill(store, 0.8, 0.5, 0.4)
    fill(store, 0.8, 0.1, seed=1)
    assert stated(judge(COMPARED, "smoke", store)).obtained.seeds == (0,)


def test_a_missing_row_leaves_the_statement_not_run_and_names_the_way_out(store):
    fill(store, 0.8, 0.5)
    one = stated(judge(COMPARED, "smoke", store))
    assert (one.state, one.obtained) == ("not run", None)
    assert one.why == "recluster run pcx.compared --scale smoke"


def test_at_a_scale_that_lacks_a_row_another_scale_is_named(store):
    one = stated(judge(COMPARED, "paper", store))
    assert (one.state, one.why) == ("not run", "recluster run pcx.compared --scale smoke")


def test_a_record_that_does_not_tell_leaves_its_seed_out(store, monkeypatch):
    def silent(record, store, metric, variant):
        if record.run["seed"] == 0:
            raise Unmeasured("seed 0 does not tell")
        return record.scores[metric]

    monkeypatch.setattr("recluster.report.verdict.measure", silent)
    fill(store, 0.8, 0.5, 0.4)
    fill(store, 0.8, 0.7, 0.4, seed=1)
    one = stated(judge(COMPARED, "smoke", store))
    assert (one.obtained.seeds, one.why) == ((1,), "seed 0 does not tell")


def test_a_stand_in_compares_where_every_row_is_planned():
    cells = [cell for cell in COMPARED.stand_ins("laptop") if cell.across]
    assert cells == [replace(WORST, dataset="usps")]
    assert not [cell for cell in COMPARED.stand_ins("smoke") if cell.across]


def test_a_comparison_is_told_in_every_format_and_counted_in_the_verdict(store):
    fill(store, 0.8, 0.7, 0.6)
    judged = judge(COMPARED, "smoke", store)
    assert direction(judged) == "the rows compare as stated in 1 of 1"
    assert direction(judge(COMPARED, "laptop", store)) == ""
    for form in ("text", "csv", "json", "markdown"):
        assert WORST.row in render(COMPARED, "smoke", judged, form)
    told = as_object(COMPARED, "smoke", judged)["cells"][-1]["across"]
    assert told == {"how": "margin", "rows": ("ours", "other"), "others": ("third",)}
    assert {*HOW} == {"margin", "order", "spread"}
