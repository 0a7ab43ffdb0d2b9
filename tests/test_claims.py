"""What the papers print, and the verdicts that follow from it and from records."""

from __future__ import annotations

import json
import re
import statistics
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from recluster import fingerprint
from recluster.data import DATASETS
from recluster.methods import METHODS, kmeans, pcx
from recluster.papers import CHAPTERS, CLAIMS, find, matching
from recluster.papers.claim import COMPARISONS, SEEDS, Bound, Calculated, Cell, Claim, bounded, grid
from recluster.report.figure import DRAWERS, WHOLE
from recluster.report.measures import FRACTIONS, MEASURES, measure
from recluster.report.table import render, standing, text
from recluster.report.verdict import STATES, Judged, as_object, best_scale, judge
from recluster.spec import SCALES, Config, InputError, Run
from recluster.store import FAILED, FINISHED, Record, Store

SCORES = {"acc", "nmi", "nmi_max", "ari", "clusters"}  # what `metrics.scores` gives

every = pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS.keys())
each_scale = pytest.mark.parametrize("scale", SCALES)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


# --- grid ---------------------------------------------------------------------------------------


def test_a_grid_gives_its_cells_in_the_order_of_the_page():
    cells = grid("""
        method  | mnist: acc nmi | usps: acc

        k-means | 53.5 50.0      | 1,234.5
        AE + km | -3   0.125     | 70%
    """)
    assert [(c.row, c.dataset, c.metric, c.printed) for c in cells] == [
        ("k-means", "mnist", "acc", 53.5),
        ("k-means", "mnist", "nmi", 50.0),
        ("k-means", "usps", "acc", 1234.5),
        ("AE + km", "mnist", "acc", -3.0),
        ("AE + km", "mnist", "nmi", 0.125),
        ("AE + km", "usps", "acc", 70.0),
    ]
    assert [c.places for c in cells] == [1, 1, 1, 0, 3, 0]
    assert {(c.mark, c.lost, c.printed_std, c.bound) for c in cells} == {("", False, None, None)}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("97.5", {"printed": 97.5}),
        ("*97.5*", {"printed": 97.5, "mark": "bold"}),
        ("_95.3_", {"printed": 95.3, "mark": "underlined"}),
        ("97.5±0.2", {"printed": 97.5, "printed_std": 0.2}),
        ("*97.5±0.25*", {"printed": 97.5, "printed_std": 0.25, "mark": "bold"}),
        ("11.3%", {"printed": 11.3}),
        ("70,000", {"printed": 70000.0}),
        ("-0.5", {"printed": -0.5}),
        ("?", {"lost": True}),
        ("N.A.", {"mark": "N.A."}),
        ("-", {}),
        ("28x28", {"mark": "28x28"}),
        ("O(MNKd^2)", {"mark": "O(MNKd^2)"}),
    ],
)
def test_a_value_is_a_number_a_mark_or_lost(value, expected):
    (cell,) = grid(f"method | mnist: acc\n row | {value}")
    found = {
        "printed": cell.printed,
        "printed_std": cell.printed_std,
        "mark": cell.mark,
        "lost": cell.lost,
    }
    assert found == {"printed": None, "printed_std": None, "mark": "", "lost": False} | expected


@given(
    st.decimals(min_value=-9999, max_value=9999, places=2),
    st.one_of(st.none(), st.decimals(min_value=0, max_value=99, places=2)),
    st.sampled_from(["", "*", "_"]),
)
def test_any_number_is_read_back(number, deviation, delimiter):
    value = f"{number}" + (f"±{deviation}" if deviation is not None else "")
    (cell,) = grid(f"method | mnist: acc\n row | {delimiter}{value}{delimiter}")
    assert cell.printed == float(number)
    assert cell.printed_std == (None if deviation is None else float(deviation))
    assert cell.mark == {"": "", "*": "bold", "_": "underlined"}[delimiter]
    assert (cell.places, cell.lost) == (2, False)


def test_a_transposed_grid_has_its_rows_as_columns():
    straight = grid("""
        method | mnist: acc nmi | usps: acc nmi
        PC-X   | 1 2            | 3 4
        AE     | 5 6            | 7 *8*
    """)
    turned = grid(
        """
                  | PC-X: | AE:
        mnist acc | 1     | 5
        mnist nmi | 2     | 6
        usps  acc | 3     | 7
        usps  nmi | 4     | *8*
        """,
        transposed=True,
    )
    key = lambda cell: (cell.row, cell.dataset, cell.metric)  # noqa: E731
    assert sorted(turned, key=key) == sorted(straight, key=key)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("row | 1 2 | 3\n short | 4 5", "short: each group needs"),
        ("row | 1 2 | 3 4", "row: each group needs"),
        ("row |", "row: each group needs"),
        ("row", "row: each group needs"),
        ("row | *1 2 | 3", "number between two marks"),
    ],
)
def test_a_ragged_row_is_refused(lines, message):
    with pytest.raises(InputError, match=message):
        grid(f"method | mnist: acc nmi | usps: acc\n {lines}")


def test_a_row_that_is_ragged_within_its_groups_is_refused():
    with pytest.raises(InputError, match="row"):
        grid("method | mnist: acc nmi | usps: acc\n row | 1 | 2 3")


# --- the claims ---------------------------------------------------------------------------------


@every
def test_a_claim_is_named_by_its_paper_and_says_where_it_stands(claim):
    assert re.fullmatch(r"[a-z]+\.[a-z0-9]+", claim.id)
    assert claim.paper in CHAPTERS
    assert claim in CHAPTERS[claim.paper].CLAIMS
    assert CLAIMS[claim.id] is find(claim.id) is claim
    assert claim.title
    if any(cell.printed is not None or cell.bound or cell.lost for cell in claim.cells):
        assert re.search(r"(Table|Figure|Section|Theorem|App\.) \w|^in no paper$", claim.where), (
            claim.where
        )
    assert claim.cells
    assert claim.within >= 0
    assert claim.unit in (1, 100)


def test_no_claim_is_named_twice():
    assert len(CLAIMS) == sum(len(paper.CLAIMS) for paper in CHAPTERS.values())


def identity(cell: Cell) -> tuple[Any, ...]:
    return cell.row, cell.dataset, cell.metric, tuple(cell.variant.items()), cell.bound


@every
@each_scale
def test_cells_are_unique(claim, scale):
    cells = [*claim.cells, *claim.stand_ins(scale)]
    twice = [key for key, count in Counter(map(identity, cells)).items() if count > 1]
    assert not twice


@every
def test_a_cell_is_printed_lost_marked_or_a_statement(claim):
    for cell in claim.cells:
        assert (cell.printed is not None) + cell.lost + (cell.bound is not None) <= 1
        assert cell.printed is not None or cell.printed_std is None
        if cell.mark in ("bold", "underlined"):
            assert cell.printed is not None
        if cell.bound is not None:
            assert cell.bound.comparison in COMPARISONS


@every
def test_every_metric_that_a_run_or_a_number_needs_is_known(claim):
    own = claim.own_rows()
    for cell in claim.cells:
        if (cell.row, cell.metric) in claim.computed:
            continue
        if cell.printed is not None or cell.bound is not None or own.issuperset(cell.rows):
            assert cell.metric in SCORES | MEASURES.keys(), cell


@every
def test_rows_that_are_compared_are_run_at_one_scale_on_one_data_set(claim):
    plans = [rows.keys() for sets in claim.plan.values() for rows in sets.values()]
    for cell in claim.cells:
        assert cell.across is None or any(rows >= {*cell.rows} for rows in plans), cell


@every
def test_every_planned_row_is_printed(claim):
    assert claim.own_rows() <= {cell.row for cell in claim.cells}


@every
@each_scale
def test_plans_can_be_run(claim, scale):
    for row, dataset, config in claim.planned(scale):
        assert dataset in DATASETS, row
        assert type(config) is METHODS[config.method].config
        assert replace(config) == config  # its own rules hold
        assert isinstance(config.start, Config | None)
    for count in (None, 1, 4):
        runs = claim.runs(scale, count)
        seeds = SEEDS[scale] if count is None else count
        assert {run.seed for run in runs} == (set(range(seeds)) if runs else set())
        assert {run.scale for run in runs} <= {scale}
        assert len({run.key for run in runs}) == len(runs)
        wanted = {(d, json.dumps(c.canonical())) for _, d, c in claim.planned(scale)}
        assert len(runs) == seeds * len(wanted)
        assert [run.seed for run in runs] == sorted(run.seed for run in runs)


@every
@each_scale
def test_every_planned_run_has_a_cell(claim, scale):
    cells = {(cell.row, cell.dataset) for cell in (*claim.cells, *claim.stand_ins(scale))}
    assert {(row, dataset) for row, dataset, _ in claim.planned(scale)} <= cells


@every
@each_scale
def test_stand_ins_are_runs_on_data_that_the_page_does_not_have(claim, scale):
    printed = {(cell.row, cell.dataset) for cell in claim.cells}
    shapes = {(cell.row, cell.metric, tuple(cell.variant.items())) for cell in claim.cells}
    for cell in claim.stand_ins(scale):
        assert (cell.row, cell.dataset) not in printed
        assert (cell.printed, cell.lost, cell.mark) == (None, False, "")
        assert (cell.row, cell.metric, tuple(cell.variant.items())) in shapes


def whole(claim: Claim, scale: str) -> set[str]:
    """The claim's data sets at the scale, thinned ones by the name of the whole."""
    return {dataset.partition("-r0.")[0] for _, dataset, _ in claim.planned(scale)}


def test_smoke_and_laptop_never_use_what_only_the_paper_scale_has():
    """Nothing that CI or two cores run needs a data set of the papers' size."""
    for claim in CLAIMS.values():
        assert whole(claim, "smoke") <= {"digits"}
        assert whole(claim, "laptop") <= {"mnist-test", "usps", "cifar10-jpeg-test"}


@every
def test_figures_have_a_drawer_and_needs_name_what_is_there(claim):
    assert claim.drawing is None or claim.drawing in {*DRAWERS, *WHOLE}
    assert claim.id.partition(".")[2].startswith("figure") <= (claim.drawing is not None)
    assert all(reason.startswith("needs ") for reason in claim.needs.values())


@pytest.mark.parametrize("name", ["pcx.table6", "pcx"])
def test_claims_are_found_by_name_or_paper(name):
    found = matching([name, "pcx.table6"])
    assert CLAIMS["pcx.table6"] in found
    assert len(found) == len(set(map(id, found)))
    assert all(name in (claim.id, claim.paper) for claim in found)


@pytest.mark.parametrize("ask", [find, lambda name: matching([name])])
def test_an_unknown_claim_is_told_the_known_ones(ask):
    with pytest.raises(InputError, match=r"unknown claim.* 'pcx.table99'; .*pcx\.table6"):
        ask("pcx.table99")


@pytest.mark.parametrize("count", [0, -1])
def test_fewer_seeds_than_one_are_refused(count):
    with pytest.raises(InputError, match=f"seeds must be 1 or more, got {count}"):
        CLAIMS["pcx.table6"].runs("smoke", count)


def test_an_unknown_scale_is_refused():
    with pytest.raises(InputError, match="unknown scale 'huge'"):
        CLAIMS["pcx.table6"].runs("huge")
    with pytest.raises(InputError, match="unknown scale 'huge'"):
        replace(CLAIMS["pcx.table6"], plan={"huge": {}})


# --- PC-X against itself ------------------------------------------------------------------------


def values(name: str, row: str) -> dict[tuple[str, str], float | None]:
    cells = CLAIMS[f"pcx.{name}"].cells
    return {(cell.dataset, cell.metric): cell.printed for cell in cells if cell.row == row}


def test_tables_4_and_5_print_the_same_pcx_on_cifar():
    four, five = values("table4", "PC-X"), values("table5", "PC-X")
    shared = {key for key in four.keys() & five.keys() if key[0] == "cifar10-moco"}
    assert len(shared) == 3
    assert all(four[key] == five[key] for key in shared)


def test_tables_4_and_5_differ_by_a_tenth_on_imagenet_10_as_noted():
    four, five = values("table4", "PC-X"), values("table5", "PC-X")
    differences = {
        metric: round(five["imagenet10-moco", metric] - four["imagenet10-moco", metric], 3)
        for metric in ("acc", "nmi", "ari")
    }
    assert differences == {"acc": 0.1, "nmi": 0.0, "ari": 0.0}
    assert "ImageNet-10's from Table 5" in CLAIMS["pcx.table4"].note


@pytest.mark.parametrize("row", ["AE", "IDEC"])
def test_table_6_repeats_the_baselines_of_table_4(row):
    six, four = values("table6", row), values("table4", row)
    assert len(six) == 4
    assert six == {key: four[key] for key in six}


def test_table_6_repeats_pcx_on_mnist_and_has_fashion_otherwise_as_noted():
    six, four = values("table6", "PC-X"), values("table4", "PC-X")
    assert all(six["mnist", metric] == four["mnist", metric] for metric in ("acc", "nmi"))
    assert six["fashion", "acc"] > six["fashion", "nmi"]
    assert four["fashion", "acc"] < four["fashion", "nmi"]  # as if swapped
    for note in (CLAIMS["pcx.table4"].note, CLAIMS["pcx.table6"].note):
        assert "Fashion" in note


@pytest.mark.parametrize("row", ["End Fusion", "Difference"])
def test_table_7s_means_are_those_of_its_digits(row):
    cells = [cell for cell in CLAIMS["pcx.table7"].cells if cell.row == row]
    printed = {cell.variant["digit"]: cell.printed for cell in cells}
    mean = printed.pop("mean")
    assert printed.keys() == set("0123456789")
    assert mean == pytest.approx(sum(printed.values()) / 10, abs=0.011)


def test_table_7_is_of_shares():
    for cell in CLAIMS["pcx.table7"].cells:
        assert cell.lost == (cell.row == "Before Fusion")
        assert cell.lost or 0 < cell.printed < 100


@every
def test_scores_in_percent_lie_in_their_bounds(claim):
    for cell in claim.cells:
        if cell.metric in FRACTIONS and cell.printed is not None and claim.unit == 100:
            assert -50 <= cell.printed <= 100
            assert cell.metric == "ari" or cell.printed >= 0


def test_pcx_is_best_by_every_score_of_table_4():
    """Section 4.1: "consistently achieves superiority"."""
    cells = [cell for cell in CLAIMS["pcx.table4"].cells if cell.printed is not None]
    for column in {(cell.dataset, cell.metric) for cell in cells}:
        here = {cell.row: cell.printed for cell in cells if (cell.dataset, cell.metric) == column}
        assert max(here, key=here.__getitem__) == "PC-X", column


def test_underlined_is_second_best_but_where_the_note_says_otherwise():
    cells = [cell for cell in CLAIMS["pcx.table4"].cells if cell.printed is not None]
    wrong = []
    for cell in cells:
        if cell.mark == "underlined":
            column = (cell.dataset, cell.metric)
            here = sorted(c.printed for c in cells if (c.dataset, c.metric) == column)
            if cell.printed != here[-2]:
                wrong.append((cell.row, cell.dataset, cell.metric))
    assert wrong == [("DEPICT", "ytf", "acc")]
    assert "DEPICT's underline on YTF" in CLAIMS["pcx.table4"].note


# --- synthetic claim and records ----------------------------------------------------------------

OURS, OTHER = kmeans.Config(), kmeans.Config(restarts=3)
CLAIM = Claim(
    id="pcx.invented",
    title="Invented",
    where="Nowhere, p. 0",
    cells=grid("""
        method | digits: acc  nmi clusters | usps: acc
        ours   |         80.0 70.0 10      |       60.0
        other  |         50.0 ?    N.A.    |       -
        theirs |         90.0 N.A. 10      |       ?
    """),
    plan={
        "smoke": {"digits": {"ours": OURS, "other": OTHER}},
        "laptop": {"digits": {"ours": OURS}},
    },
    within=2.0,
)


def record(
    scores: dict[str, float],
    *,
    config: Config = OURS,
    seed: int = 0,
    scale: str = "smoke",
    **rest: Any,
) -> Record:
    """A finished, current record."""
    run = Run(config=config, dataset="digits", seed=seed, scale=scale)
    plain = Record(
        key=run.key,
        run={
            "method": run.method,
            "dataset": run.dataset,
            "seed": seed,
            "scale": scale,
            "config": config.canonical(),
        },
        status=FINISHED,
        fingerprint=list(fingerprint.fingerprint(config)),
        scores=scores,
        curves={},
        scored={},
        seconds={"total": 1.5},
        memory_mb=1.0,
        data={"name": "digits", "k": 10, "shape": [1797, 1, 8, 8], "largest": 0.2, "smallest": 0.1},
        environment={},
        started="2026-01-01T00:00:00+00:00",
    )
    return replace(plain, **rest)


def put(store: Store, scores: dict[str, float], **rest: Any) -> Record:
    return store.write(record(scores, **rest), {})


def look(judged: list[Judged], row: str, metric: str = "acc", dataset: str = "digits") -> Judged:
    (found,) = (
        one
        for one in judged
        if (one.cell.row, one.cell.metric, one.cell.dataset) == (row, metric, dataset)
    )
    return found


SCORED = {"acc": 0.8, "nmi": 0.7, "clusters": 10}
LESS = Bound(comparison="<", value=9)


def test_every_state_is_reached(store):
    put(store, SCORED)
    put(store, {"acc": 0.4, "nmi": 0.3, "clusters": 9}, config=OTHER)
    asked = Cell(row="ours", dataset="digits", metric="seconds", bound=LESS, chose=True)
    states = {
        (one.cell.row, one.cell.dataset, one.cell.metric): one.state
        for one in judge(replace(CLAIM, cells=(*CLAIM.cells, asked)), "smoke", store)
    }
    assert states == {
        ("ours", "digits", "acc"): "agrees",
        ("ours", "digits", "nmi"): "agrees",
        ("ours", "digits", "clusters"): "agrees",
        ("ours", "digits", "seconds"): "helped to choose",
        ("ours", "usps", "acc"): "not run",
        ("other", "digits", "acc"): "differs",
        ("other", "digits", "nmi"): "lost",
        ("other", "digits", "clusters"): "new",
        ("other", "usps", "acc"): "not run",
        ("theirs", "digits", "acc"): "quoted",
        ("theirs", "digits", "nmi"): "quoted",
        ("theirs", "digits", "clusters"): "quoted",
        ("theirs", "usps", "acc"): "lost",
    }
    assert set(states.values()) == set(STATES)


@pytest.mark.parametrize("seconds", [1.0, 99.0])
def test_what_helped_to_choose_is_no_test_on_whatever_data(store, seconds):
    asked = Cell(row="ours", dataset="usps", metric="seconds", bound=LESS, chose=True)
    claim = replace(CLAIM, cells=(asked,))
    put(store, SCORED, seconds={"total": seconds})
    one = look(judge(claim, "smoke", store), "ours", "seconds")  # a stand-in, on digits
    assert (one.cell.bound, one.state, standing(one, "smoke")) == (LESS, *["helped to choose"] * 2)
    (_, cell) = as_object(claim, "smoke", judge(claim, "smoke", store))["cells"]
    assert cell["chose"] is True


@pytest.mark.parametrize(
    ("printed", "obtained", "state"),
    [
        ("80.0", 0.8, "agrees"),
        ("80.0", 0.82, "agrees"),
        ("80.0", 0.78, "agrees"),
        ("80.0", 0.8201, "differs"),
        ("80.0", 0.7799, "differs"),
        ("54.1", 0.561, "agrees"),  # 100 * 0.561 - 54.1 rounds to a little above 2
    ],
)
def test_agreement_ends_at_the_tolerance(store, printed, obtained, state):
    cells = grid(f"method | digits: acc\n ours | {printed}")
    put(store, {"acc": obtained})
    (one,) = [j for j in judge(replace(CLAIM, cells=cells), "smoke", store) if j.cell.row == "ours"]
    assert one.state == state
    assert one.obtained.mean == pytest.approx(100 * obtained)


def test_it_is_the_mean_over_seeds_that_agrees_or_differs(store):
    for seed, accuracy in enumerate((0.70, 0.80, 0.90)):
        put(store, SCORED | {"acc": accuracy}, seed=seed)
    one = look(judge(CLAIM, "smoke", store), "ours")
    assert (one.state, one.obtained.n, one.obtained.seeds) == ("agrees", 3, (0, 1, 2))
    assert one.obtained.mean == pytest.approx(80)
    put(store, SCORED | {"acc": 0.99}, seed=3)
    assert look(judge(CLAIM, "smoke", store), "ours").state == "differs"


@pytest.mark.parametrize(
    ("comparison", "value", "holds"),
    [
        ("<", 8.1, True), ("<", 8.0, False), ("<=", 8.0, True), ("<=", 7.9, False),
        (">", 7.9, True), (">", 8.0, False), (">=", 8.0, True), (">=", 8.1, False),
    ],
)  # fmt: skip
def test_a_statement_is_its_inequality(store, comparison, value, holds):
    bound = Bound(comparison=comparison, value=value)
    cell = Cell(row="ours", dataset="digits", metric="clusters", bound=bound)
    put(store, SCORED | {"clusters": 8})
    (one, *_) = judge(replace(CLAIM, cells=(cell,), unit=1), "smoke", store)
    assert one.state == ("agrees" if holds else "differs")
    assert bound.holds(8.0) == holds
    assert str(bound) == f"{comparison} {value:g}"


def test_fractions_are_in_the_claims_unit_and_counts_are_not(store):
    put(store, SCORED)
    judged = judge(CLAIM, "smoke", store)
    assert look(judged, "ours", "clusters").obtained.mean == 10
    assert look(judged, "ours").obtained.mean == pytest.approx(80)
    plain = judge(replace(CLAIM, unit=1), "smoke", store)
    assert look(plain, "ours").obtained.mean == 0.8


# --- what is not run ----------------------------------------------------------------------------


@every
@each_scale
def test_without_records_nothing_is_obtained_and_the_way_out_is_named(claim, scale, store):
    for one in judge(claim, scale, store):
        if one.computed:
            continue
        assert one.obtained is None
        assert one.state in ("not run", "quoted", "lost")
        assert one.why
        needed, _, last = one.why.rpartition("; ")
        command = re.fullmatch(r"recluster run (\S+) --scale (\S+)", last)
        if one.state == "not run" and one.why not in claim.needs.values():
            assert needed == claim.needs.get(one.cell.dataset, "")
            assert command, one
            named, at = command.groups()
            rows = {(row, dataset) for row, dataset, _ in find(named).planned(at)}
            assert rows >= {(row, one.cell.dataset) for row in one.cell.rows}
    assert not store.root.exists()


def test_a_row_that_runs_elsewhere_names_the_scale_that_has_it(store):
    claim = replace(CLAIM, plan=CLAIM.plan | {"paper": {"usps": {"ours": OURS}}})
    assert look(judge(claim, "smoke", store), "ours", dataset="usps").why == (
        "recluster run pcx.invented --scale paper"
    )
    assert look(judge(claim, "smoke", store), "other").why == (
        "recluster run pcx.invented --scale smoke"
    )
    assert look(judge(claim, "laptop", store), "other").why == (
        "recluster run pcx.invented --scale smoke"
    )


def test_what_stands_in_the_way_is_said(store):
    for needs in ({"usps": "needs a disk"}, {"ours": "needs a disk"}):
        claim = replace(CLAIM, needs=needs)
        assert look(judge(claim, "smoke", store), "ours", dataset="usps").why == "needs a disk"
    claim = replace(CLAIM, needs={"theirs": "needs their code"})
    one = look(judge(claim, "smoke", store), "theirs")
    assert (one.state, one.why) == ("not run", "needs their code")


# --- what needs no run --------------------------------------------------------------------------

THREE = Calculated(value=3.0, evidence="by hand")


def stated(bound: Bound, **rest: Any) -> Claim:
    """The invented claim, with a statement whose calculation gives 3."""
    cell = Cell(row="statement", dataset="any", metric="gap", mark="O(N)", bound=bound)
    computed = {("statement", "gap"): lambda: THREE}
    return replace(CLAIM, cells=(cell, *CLAIM.cells), computed=computed, **rest)


@each_scale
@pytest.mark.parametrize(
    ("comparison", "value", "state"), [("<=", 3.0, "agrees"), ("<", 3.0, "differs")]
)
def test_a_calculation_is_held_against_its_bound_at_every_scale(store, scale, comparison, value, state):
    claim = stated(Bound(comparison=comparison, value=value))
    one = judge(claim, scale, store)[0]
    assert (one.state, one.computed, one.recorded) == (state, True, False)
    assert one.obtained.mean == 3  # in no unit: the claim's is percent
    assert (one.obtained.n, one.obtained.seeds, one.obtained.records) == (0, (), ())
    assert one.why == "by calculation: by hand"
    assert not store.root.exists()


def test_a_calculation_is_no_record_of_a_scale(store):
    claim = stated(Bound(comparison="<", value=4))
    assert best_scale(claim, store, "laptop") == "laptop"
    put(store, SCORED)
    assert best_scale(claim, store, "paper") == "smoke"
    judged = judge(claim, "smoke", store)
    assert (judged[0].recorded, look(judged, "ours").recorded) == (False, True)
    assert (judged[0].computed, look(judged, "ours").computed) == (True, False)


def test_a_calculation_below_the_papers_scale_is_a_verdict_where_a_run_is_not(store):
    claim = stated(Bound(comparison=">", value=4))
    put(store, SCORED)
    judged = judge(claim, "smoke", store)
    assert (judged[0].state, look(judged, "ours").state) == ("differs", "agrees")
    assert standing(judged[0], "smoke") == "differs"
    assert standing(look(judged, "ours"), "smoke") == "smaller run"
    assert standing(look(judged, "ours"), "paper") == "agrees"


def test_a_calculation_is_told_in_every_format(store):
    claim = stated(Bound(comparison="<", value=4))
    judged = judge(claim, "smoke", store)
    said = text(claim, "smoke", judged)
    assert "O(N): < 4" in said
    assert "3.00 (by calculation)" in said
    assert "agrees: by calculation: by hand" in said
    first = as_object(claim, "smoke", judged)["cells"][0]
    assert (first["computed"], first["obtained"]["n"], first["obtained"]["records"]) == (True, 0, ())
    line = render(claim, "smoke", judged, "csv").splitlines()[1]
    assert line.startswith("pcx.invented,smoke,statement,any,gap,")
    assert ",True,agrees,by calculation: by hand" in line
    assert "O(N): < 4 \\| 3.00" in render(claim, "smoke", judged, "markdown")


def test_a_calculation_without_a_bound_is_refused():
    with pytest.raises(InputError, match="a calculation needs a cell with a bound"):
        replace(CLAIM, computed={("ours", "acc"): lambda: THREE})


def test_a_bound_is_given_to_those_that_are_named():
    bound = Bound(comparison="<", value=1)
    cells = bounded(CLAIM.cells, bound, {("ours", "acc"), ("other", "nmi")})
    assert {(c.row, c.metric) for c in cells if c.bound == bound} == {("ours", "acc"), ("other", "nmi")}
    assert [replace(cell, bound=None) for cell in cells] == list(CLAIM.cells)


@every
def test_what_is_calculated_is_never_run(claim):
    assert not {row for row, _ in claim.computed} & claim.own_rows()
    assert not {row for row, _ in claim.computed} & claim.needs.keys()


# --- records that do not count ------------------------------------------------------------------


def spoiled(store: Store, seed: int, kind: str) -> None:
    good = record({"acc": 0.1, "nmi": 0.1, "clusters": 1}, seed=seed)
    bad = {
        "failed": replace(good, status=FAILED, error="oh", scores={}),
        "stale": replace(good, fingerprint=[2 * value for value in good.fingerprint]),
        "shorter": replace(good, fingerprint=good.fingerprint[:-1]),
    }[kind]
    store.write(bad, {})


SAID = {"failed": "seed 1 failed", "stale": "seed 1 is stale", "shorter": "seed 1 is stale"}


@pytest.mark.parametrize("kind", SAID)
def test_stale_and_failed_records_do_not_count_and_are_said(store, kind):
    put(store, SCORED, seed=0)
    put(store, SCORED, seed=2)
    spoiled(store, 1, kind)
    one = look(judge(CLAIM, "smoke", store), "ours")
    assert (one.state, one.obtained.seeds, one.why) == ("agrees", (0, 2), SAID[kind])
    assert one.obtained.mean == pytest.approx(80)


@pytest.mark.parametrize("kind", SAID)
def test_a_row_with_none_but_bad_records_is_not_run(store, kind):
    spoiled(store, 1, kind)
    one = look(judge(CLAIM, "smoke", store), "ours")
    assert (one.state, one.obtained) == ("not run", None)
    assert one.why == f"{SAID[kind]}; recluster run pcx.invented --scale smoke"
    assert look(judge(CLAIM, "smoke", store), "other", "nmi").state == "lost"


def test_a_record_that_does_not_validate_is_an_error_and_no_verdict(store):
    put(store, SCORED)
    (folder,) = store.folders()
    (folder / "record.json").write_text("{")
    with pytest.raises(InputError, match="does not validate"):
        judge(CLAIM, "smoke", store)


def test_another_config_data_set_or_scale_does_not_count(store):
    put(store, SCORED, config=kmeans.Config(restarts=7))
    put(store, SCORED, scale="laptop")
    assert not any(one.obtained for one in judge(CLAIM, "smoke", store))


def test_every_seed_that_was_run_counts(store):
    runs = CLAIM.runs("smoke", seeds=12)
    for run in runs:
        put(store, SCORED, config=run.config, seed=run.seed)
    assert look(judge(CLAIM, "smoke", store), "ours").obtained.n == 12


# --- statistics ---------------------------------------------------------------------------------


def test_one_seed_has_no_deviation_and_no_interval(store):
    put(store, SCORED)
    got = look(judge(CLAIM, "smoke", store), "ours").obtained
    assert (got.n, got.std, got.interval, got.seeds) == (1, None, None, (0,))
    assert got.records == (record(SCORED).key,)


@pytest.mark.parametrize("accuracies", [(0.7, 0.75, 0.92), (0.5, 0.6), (0.8, 0.8, 0.8, 0.8)])
def test_deviation_and_interval_are_scipys(store, accuracies):
    for seed, accuracy in enumerate(accuracies):
        put(store, SCORED | {"acc": accuracy}, seed=seed)
    got = look(judge(CLAIM, "smoke", store), "ours").obtained
    percent = [100 * accuracy for accuracy in accuracies]
    assert got.mean == pytest.approx(statistics.mean(percent))
    assert got.std == pytest.approx(statistics.stdev(percent), abs=1e-9)
    if got.std > 1e-9:
        expected = stats.t.interval(
            0.95, len(percent) - 1, loc=statistics.mean(percent), scale=stats.sem(percent)
        )
        assert got.interval == pytest.approx(expected)
    else:
        assert got.interval == pytest.approx((80, 80))
    assert len(got.records) == len(set(got.records)) == len(accuracies)


# --- scales -------------------------------------------------------------------------------------


def test_no_scale_sees_the_records_of_another(store):
    put(store, SCORED | {"acc": 0.1234}, scale="laptop")
    put(store, SCORED, scale="smoke")
    for scale, shown, hidden in (
        ("smoke", "80.0 (n=1)", "12.3"),
        ("laptop", "12.3 (n=1 of 3)", "80.0 (n"),
    ):
        shape = replace(CLAIM, cells=tuple(c for c in CLAIM.cells if c.row == "ours"))
        said = text(shape, scale, judge(shape, scale, store))
        assert f"scale: {scale}" in said.splitlines()[0]
        assert shown in said
        assert hidden not in said
        for form in ("json", "csv"):
            assert scale in render(shape, scale, judge(shape, scale, store), form)
    said = text(CLAIM, "paper", judge(CLAIM, "paper", store))
    assert "(n=" not in said
    assert "not run: recluster run pcx.invented --scale laptop" in said


def test_a_scale_of_other_data_leaves_the_printed_cells_alone(store):
    claim = replace(CLAIM, cells=grid("method | mnist: acc nmi\n ours | 97.5 93.5"))
    put(store, SCORED)
    judged = judge(claim, "smoke", store)
    printed, own = judged[:2], judged[2:]
    assert [(one.state, one.obtained) for one in printed] == [("not run", None)] * 2
    assert [(one.cell.dataset, one.cell.metric, one.state) for one in own] == [
        ("digits", "acc", "new"),
        ("digits", "nmi", "new"),
    ]


@pytest.mark.parametrize(
    ("scales", "at_most", "expected"),
    [
        ([], "paper", "paper"),
        ([], "laptop", "laptop"),
        (["smoke"], "paper", "smoke"),
        (["smoke", "laptop"], "paper", "laptop"),
        (["smoke", "laptop"], "smoke", "smoke"),
        (["laptop"], "smoke", "smoke"),
    ],
)
def test_the_best_scale_is_the_largest_with_records(store, scales, at_most, expected):
    for scale in scales:
        put(store, SCORED, scale=scale)
    assert best_scale(CLAIM, store, at_most) == expected


def test_the_json_object_says_everything(store):
    put(store, SCORED)
    judged = judge(CLAIM, "smoke", store)
    content = as_object(CLAIM, "smoke", judged)
    assert json.loads(render(CLAIM, "smoke", judged, "json")) == json.loads(json.dumps(content))
    assert (content["claim"], content["scale"], content["within"]) == ("pcx.invented", "smoke", 2.0)
    assert len(content["cells"]) == len(judged)
    first = content["cells"][0]
    assert (first["row"], first["printed"], first["state"]) == ("ours", 80.0, "agrees")
    assert first["obtained"]["mean"] == pytest.approx(80)
    assert content["cells"][-1]["obtained"] is None


# --- measures -----------------------------------------------------------------------------------


def test_an_unknown_metric_is_named(store):
    with pytest.raises(InputError, match=r"unknown metric 'speed'; choose one of: .*acc.*seconds"):
        measure(record(SCORED), store, "speed", {})


def test_facts_of_the_data_and_the_run(store):
    one = record(SCORED)
    names = ("seconds", "samples", "dimension", "major", "minor")
    assert [measure(one, store, name, {}) for name in names] == [1.5, 1797, 64, 0.2, 0.1]
    assert measure(record({}), store, "classes", {}) == 10


def test_shares_of_the_largest_singular_value(store):
    random = np.random.default_rng(0)
    classes = np.repeat(np.arange(10), 6).astype(np.uint16)
    arrays = {
        "sample_classes": classes,
        "sample_embedding": random.normal(size=(60, 4)),
        "sample_fused": random.normal(size=(60, 4)) + 3,
    }
    one = store.write(record({}), arrays)

    def share(points: np.ndarray) -> float:
        roots = np.sqrt(np.linalg.eigvalsh(points.T @ points))
        return roots.max() / roots.sum()

    before = [share(arrays["sample_embedding"][classes == digit]) for digit in range(10)]
    after = [share(arrays["sample_fused"][classes == digit]) for digit in range(10)]
    for digit in range(10):
        variant = {"digit": str(digit)}
        assert measure(one, store, "share_before", variant) == pytest.approx(before[digit])
        assert measure(one, store, "share_after", variant) == pytest.approx(after[digit])
        assert measure(one, store, "share_difference", variant) == pytest.approx(
            before[digit] - after[digit]
        )
    assert measure(one, store, "share_before", {"digit": "mean"}) == pytest.approx(np.mean(before))


def test_classes_covered_by_hand(store):
    arrays = {
        "labels": np.array([0, 0, 0, 1, 1, 1, 2, 2, 5], np.uint16),
        "sample": np.array([0, 1, 2, 3, 4, 5, 6, 7], np.int32),
        "sample_classes": np.array([4, 4, 9, 9, 9, 4, 9, 9], np.uint16),  # majorities 4, 9, 9
    }
    assert measure(store.write(record({}), arrays), store, "classes_covered", {}) == 2


def trained(**curves: list[float]) -> Record:
    config = pcx.Config(epochs=8, burn_in=4)
    return replace(
        record({}, config=OURS), curves=curves, run={"config": config.canonical()}, key="0" * 12
    )


def test_courses_of_the_curves_by_hand(store):
    one = trained(
        confidence=[0.9, 0.7, 0.60, 0.6, 0.6, 0.8, 0.9, 0.97],
        reconstruction=[9.0, 5.0, 4.0, 2.0, 2.1, 2.1, 2.2, 1.9],
        clustering=[1.0, 1.0, 1.0, 4.0, 4.1, 4.2, 4.3, 5.0],
    )
    assert measure(one, store, "confidence_change_burn_in", {}) == pytest.approx(0.6 / 0.9 - 1)
    assert measure(one, store, "confidence_drift", {}) == pytest.approx(0)
    assert measure(one, store, "confidence_end", {}) == 0.97
    assert measure(one, store, "reconstruction_change", {}) == pytest.approx(0.05)
    assert measure(one, store, "clustering_change", {}) == pytest.approx(0.25)


@pytest.mark.parametrize(("shape", "below"), [("geometric", True), ("power", False)])
def test_a_geometric_course_is_told_from_a_power_law(store, shape, below):
    t = np.arange(1.0, 61)
    excess = np.exp(-0.2 * t) if shape == "geometric" else t**-0.5
    noise = 0.001 * np.random.default_rng(0).normal(size=60)
    config = pcx.Config(epochs=80, burn_in=60, clustering_weight=0.0)
    one = replace(
        trained(reconstruction=[*(3 + 5 * excess + noise), *[3.0] * 20], clustering=[0.0] * 80),
        run={"config": config.canonical()},
    )
    assert (measure(one, store, "geometric_over_power", {}) < 1) == below
