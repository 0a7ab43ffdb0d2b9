"""What the papers leave open: every entry is complete, every check can be proved wrong."""

import re
from dataclasses import replace
from functools import partial

import pytest
import torch

from recluster.papers import CLAIMS, PAPERS
from recluster.papers.contradictions import (
    CONTRADICTIONS,
    FOREMOST,
    KINDS,
    Contradiction,
    checks_across,
    checks_dcss,
    checks_dynae,
    checks_grid,
    checks_pcx,
    checks_secu,
    checks_ulhe,
)
from recluster.papers.contradictions.entry import PAPERS as LETTERS
from recluster.report import contradictions
from recluster.spec import InputError

NUMBERED = {"P": 24, "U": 24, "Y": 21, "S": 21, "Q": 10, "X": 10}
PLACE = re.compile(
    r"\b(Section|Table|Figure|Eq|Algorithm|App|Theorem|Proposition|Corollary|Equation)s?\b", re.I
)
CHECKED = {name: entry for name, entry in CONTRADICTIONS.items() if entry.check}


def altered(claim, value, **where):
    """The claims, with another number printed in the cells that `where` describes."""
    old = CLAIMS[claim]
    chosen = [cell for cell in old.cells if all(getattr(cell, k) == v for k, v in where.items())]
    assert chosen, "no such cell"
    cells = tuple(replace(c, printed=value, mark="") if c in chosen else c for c in old.cells)
    return {**CLAIMS, claim: replace(old, cells=cells)}


def changed(claims, **others):
    """Those claims of several alterations that are named; each is (claim name, altered claims)."""
    return {**claims, **{name: of[name] for name, of in others.items()}}


def test_every_number_of_every_letter_is_there_once():
    expected = [f"{letter}{n}" for letter, count in NUMBERED.items() for n in range(1, count + 1)]
    assert list(CONTRADICTIONS) == expected
    assert set(LETTERS) == set(NUMBERED)


@pytest.mark.parametrize("entry", CONTRADICTIONS.values(), ids=lambda entry: entry.id)
def test_an_entry_names_its_place_and_says_what_follows(entry):
    assert PLACE.search(entry.where), entry.where
    assert not re.search(r"\.txt|line \d", entry.where), "places are the paper's, not our copy's"
    assert entry.kind in KINDS
    for text in (entry.said, entry.follows, entry.done):
        assert text.rstrip('"').endswith((".", "?")), text
        assert len(text) > 5


@pytest.mark.parametrize("entry", CONTRADICTIONS.values(), ids=lambda entry: entry.id)
def test_what_an_entry_refers_to_exists(entry):
    assert set(entry.claims) <= set(CLAIMS)
    if entry.departure is not None:
        chapter = PAPERS[entry.paper]
        pages = (getattr(chapter, "FIRST", chapter.METHOD), chapter.METHOD)
        text = "".join(page.__doc__[page.__doc__.index("Departures") :] for page in pages)
        assert f"\n{entry.departure}. " in text


@pytest.mark.parametrize("entry", CHECKED.values(), ids=lambda entry: entry.id)
def test_a_check_gives_numbers_as_evidence(entry):
    finding = entry.check(CLAIMS)
    assert isinstance(finding.holds, bool)
    assert re.search(r"\d", finding.evidence) or entry.id in ("S17", "U16", "P16"), finding.evidence


def test_only_the_means_of_table_7_can_be_explained_by_rounding():
    assert [name for name, entry in CHECKED.items() if not entry.check(CLAIMS).holds] == ["P8"]


def test_the_dozen_is_a_dozen_and_all_but_reading():
    assert len(FOREMOST) == len(set(FOREMOST)) == 12
    assert set(FOREMOST) <= set(CHECKED)


def test_an_unknown_kind_or_letter_is_refused():
    known = {"where": "Table 1", "said": "a", "follows": "b", "done": "c"}
    with pytest.raises(InputError, match="unknown kind of contradiction 'lie'"):
        Contradiction(id="P1", kind="lie", **known)
    with pytest.raises(InputError, match="unknown letter of a paper 'Z'"):
        Contradiction(id="Z1", kind="odd", **known)


# Each line alters printed numbers so that the contradiction goes away, or, for P8, comes about.
FASHION = {"row": "PC-X", "dataset": "fashion"}
MUTATIONS = {
    "P1": changed(
        altered("pcx.table6", 64.1, **FASHION, metric="acc"),
        **{"pcx.table4": altered("pcx.table4", 64.3, **FASHION, metric="nmi")},
    ),
    "P2": altered("pcx.table5", 92.3, row="PC-X", dataset="imagenet10-moco", metric="acc"),
    "P3": altered("pcx.table4", 60.1, row="IDEC", dataset="ytf", metric="acc"),
    "P5": altered("pcx.table4", 75.0, row="k-means", dataset="cifar10-moco", metric="acc"),
    "P6": altered("pcx.table4", 77.3, row="AE", dataset="mnist", metric="ari"),
    "P8": altered("pcx.table7", 32.75, row="End Fusion", variant={"digit": "mean"}),
    "P22": altered("dynae.table2", 0.530, row="IDEC", dataset="fashion", metric="acc"),
    "U11": altered("ulhe.table1", 0.670, row="DeepDPM", dataset="fashion", metric="nmi_max"),
    "U12": altered("ulhe.table1", 0.9410, row="DeepDPM", dataset="mnist", metric="nmi_max"),
    "U13": altered("ulhe.table1", 0.5, row="SC", dataset="fashion", metric="nmi_max"),
    "U17": altered("ulhe.table3", 0.9900, row="lambda_1 0.20, lambda_2 0.80", metric="acc"),
    "U20": altered("ulhe.table3", 0.9700, row="lambda_1 0.08, lambda_2 0.40", metric="nmi_max"),
    "U21": altered("ulhe.table3", 0.9100, row="lambda_1 0.20, lambda_2 0.80", metric="acc"),
    "U22": altered("ulhe.table2", 0.9000, row="Model 3 (L_cmpt)", metric="nmi_max"),
    "Y9": altered("dynae.figure14", 0.98, row="DynAE", metric="acc_best"),
    "Y12": altered("dynae.table2", 0.50, row="DEPICT", metric="nmi"),
    "Y13": altered("dynae.table2", 0.99, row="AC"),
    "Y19": altered("dcss.table1", 60.0, row="DEC", dataset="fashion", metric="acc"),
    "Y20": altered("dynae.table4", 1500.0, row="DynAE", dataset="mnist-test"),
    "S15": altered("dcss.table1", 60.0, row="CC", dataset="fashion", metric="acc"),
    "S19": altered("dcss.table2", 61.0, row="DCN", dataset="cifar10-resnet101", metric="nmi_max"),
    "Q2": altered("pcx.table3", 50_000.0, row="CIFAR-10", metric="samples"),
    "Q8": altered("secu.table1", 88.0, row="128", metric="acc"),
    "X7": changed(
        altered("pcx.table4", 99.9, row="PC-X", dataset="mnist", metric="acc"),
        **{
            "ulhe.table1": altered("ulhe.table1", 0.999, row="ULHE-DC", dataset="mnist-test"),
            "dcss.table1": altered("dcss.table1", 99.9, row="DCSS", dataset="fashion", metric="acc"),
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_verdict_turns_when_the_printed_numbers_change(name):
    check = CHECKED[name].check
    assert check(MUTATIONS[name]).holds is not check(CLAIMS).holds


def test_shared_digits_are_chance_where_the_last_digit_of_nmi_is_not():
    cells = tuple(
        replace(cell, printed=round(cell.printed + 0.0001 * (1 + i % 7), 4))
        if cell.metric == "nmi_max"
        else cell
        for i, cell in enumerate(CLAIMS["ulhe.table3"].cells)
    )
    shifted = {**CLAIMS, "ulhe.table3": replace(CLAIMS["ulhe.table3"], cells=cells)}
    assert checks_grid.shared_digits(CLAIMS).holds
    assert not checks_grid.shared_digits(shifted).holds


def test_rows_are_independent_as_soon_as_one_cell_of_each_differs():
    first = altered("ulhe.table1", 0.657, row="SC", dataset="mnist", metric="acc")["ulhe.table1"]
    cells = tuple(
        replace(cell, printed=0.8) if (cell.row, cell.dataset) == ("DEC", "usps") else cell
        for cell in first.cells
    )
    other = {**CLAIMS, "ulhe.table1": replace(first, cells=cells)}
    assert checks_ulhe.equal_rows(CLAIMS).holds
    assert not checks_ulhe.equal_rows(other).holds


def test_a_rounded_percentage_of_a_quoted_row_is_the_same_number():
    places = checks_across.quoted(CLAIMS)
    assert places["SC", "mnist"] == {"ulhe.table1": (65.6, 73.1), "dynae.table2": (65.6, 73.1)}


# The package's equations, or numbers of the text, on which a check rests.
@pytest.mark.parametrize(
    ("sound", "mended"),
    [
        (checks_pcx.closed_form, partial(checks_pcx.closed_form, share=0.0)),
        (checks_pcx.floor, partial(checks_pcx.floor, noise=0.0)),
        (checks_ulhe.two_averages, partial(checks_ulhe.two_averages, sizes=(50, 50))),
        (checks_ulhe.squared_size, partial(checks_ulhe.squared_size, reduction="mean")),
        (checks_ulhe.iterations, partial(checks_ulhe.iterations, samples=700)),
        (checks_dynae.ties, partial(checks_dynae.ties, q=(0.6, 0.3, 0.1))),
        (checks_dynae.negative, partial(checks_dynae.negative, updates=1)),
        (checks_dcss.outside_theory, partial(checks_dcss.outside_theory, lowest=0.7)),
        (checks_dcss.loose, partial(checks_dcss.loose, zeta=0.49)),
        (checks_dcss.undecided, partial(checks_dcss.undecided, clusters=4)),
        (checks_dcss.undecided, partial(checks_dcss.undecided, gamma=0.05)),
        (checks_dcss.thirteen, partial(checks_dcss.thirteen, said=12)),
        (checks_dcss.second_best, partial(checks_dcss.second_best, said=18)),
        (checks_secu.unsatisfied, partial(checks_secu.unsatisfied, samples=49_000)),
        (checks_secu.scaling_rule, partial(checks_secu.scaling_rule, second=60.0)),
        (checks_secu.after_warm_up, partial(checks_secu.after_warm_up, epochs=100)),
    ],
)
def test_a_check_on_equations_turns_with_its_numbers(sound, mended):
    assert sound(CLAIMS).holds
    assert not mended(CLAIMS).holds


def test_eq_2_of_dcss_as_printed_is_fuzzy_c_means_upside_down(monkeypatch):
    """By hand: 1 and 3 to the power of 4 are 1 and 81, so that the shares are 1/82 and 81/82."""
    assert checks_dcss.as_printed([1.0, 3.0], 1.5) == pytest.approx([1 / 82, 81 / 82])
    assert checks_dcss.upside_down(CLAIMS).holds
    monkeypatch.setattr(checks_dcss, "as_printed", lambda distances, fuzziness: [0.988, 0.012])
    assert not checks_dcss.upside_down(CLAIMS).holds


def test_thresholds_as_worked_by_hand():
    assert "(0.30, 0.15) → (0.21, 0.06) → (0.12, -0.03)" in checks_dynae.negative(CLAIMS).evidence


def test_leaking_gives_full_nmi_only_without_errors():
    assert checks_grid.leaking(100.0, spread=False) == pytest.approx(100)
    assert checks_grid.leaking(96.08, spread=True) < checks_grid.leaking(96.08, spread=False) < 97


def test_a_simplex_has_the_least_energy_and_orthogonal_directions_more():
    gram = checks_ulhe.simplex(10) @ checks_ulhe.simplex(10).T
    off = gram[~torch.eye(10, dtype=torch.bool)]
    assert torch.allclose(off, torch.full_like(off, -1 / 9), atol=1e-5)
    assert "90 at best" in checks_ulhe.orthant(CLAIMS).evidence
    assert "81 on the whole sphere" in checks_ulhe.orthant(CLAIMS).evidence


# --- the page -------------------------------------------------------------------------------------


def test_the_page_shows_every_place_with_its_mark_and_evidence():
    text = contradictions.everything()
    for name, entry in CONTRADICTIONS.items():
        assert f"<b>{name}</b>" in text
        assert (entry.check is None) == (contradictions.found(CLAIMS)[name] is None)
    findings = contradictions.found(CLAIMS).values()
    for told, state in contradictions.MARKS.items():
        count = sum(contradictions.mark(finding) == told for finding in findings)
        assert text.count(f'<span class="{state}">{told}</span>') == count
    assert "0.012 and 0.988" in text


def test_the_page_computes_its_marks_from_the_claims():
    cured = altered("pcx.table5", 92.3, row="PC-X", dataset="imagenet10-moco", metric="acc")
    assert contradictions.found(CLAIMS)["P2"].holds
    assert not contradictions.found(cured)["P2"].holds
    assert contradictions.everything(cured) != contradictions.everything()


def test_the_dozen_stands_first_in_its_own_order():
    shown = re.findall(r"<b>([A-Z]\d+)</b>", contradictions.foremost())
    assert tuple(shown) == FOREMOST


def test_the_summary_adds_up():
    rows = re.findall(r"<tr><th>([^<]*)</th>((?:<td>\d+</td>)+)</tr>", contradictions.summary())
    numbers = {name: [int(n) for n in re.findall(r"\d+", cells)] for name, cells in rows}
    assert all(sum(values[:-1]) == values[-1] for values in numbers.values())
    assert numbers["all"][-1] == len(CONTRADICTIONS)
    assert numbers["PC-X"][-1] == NUMBERED["P"]


def test_the_figure_has_a_panel_a_data_set_and_a_row_a_baseline():
    axes = contradictions.baselines().axes
    rows = sum(len(panel.get_yticks()) for panel in axes)
    assert [panel.get_title(loc="left") for panel in axes] == list(checks_across.SETS)
    assert rows == len(checks_across.quoted(CLAIMS))
    assert contradictions.baselines_table().count("<tr><th>") == rows
