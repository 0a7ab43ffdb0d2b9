"""Pages, tables and figures from records: what they show, and what they refuse."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from recluster.methods import dcss, dynae, idec, kmeans, pcx, ulhe
from recluster.papers import CLAIMS
from recluster.parts import centring, pretraining
from recluster.report import open_page
from recluster.report.card import hours
from recluster.report.figure import DRAWERS, WHOLE, tiles
from recluster.report.page import Html, departures
from recluster.report.toys import TOYS
from recluster.spec import InputError
from recluster.store import Store

AE = pretraining.Config(epochs=1)
MIDDLE = idec.Config(start=AE, steps=4)
FIRST = centring.Config(start=AE, epochs=2)
[SECU] = CLAIMS["secu.sizes"].plan["smoke"]["digits"].values()
TINY = {
    "PC-X": pcx.Config(epochs=8, burn_in=4),
    "IDEC": MIDDLE,
    "AE": kmeans.Config(start=AE, restarts=1),
    "DCSS_u": FIRST,
    "DCSS": dcss.Config(start=FIRST, epochs=2, guided_epochs=1),
    "DynAE": dynae.Config(start=AE, steps=24),
    "ULHE-DC": ulhe.Config(start=AE, epochs=3),
    "MNet": dcss.Config(start=MIDDLE, epochs=2, guided_epochs=1),
    "SeCu": replace(SECU, epochs=3, warm_up=1),
}
USUAL = {"dcss": "DCSS", "dcss.mnet": "MNet", "dynae": "DynAE", "ulhe": "ULHE-DC", "secu": "SeCu"}


@pytest.fixture(scope="module")
def store(filled):
    """Records of the tiny runs at smoke scale, those of DynAE watched as its claims ask."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("recluster.run.diagnosed", lambda run: run.method == "dynae")
        return filled(replace(CLAIMS["pcx.table6"], plan={"smoke": {"digits": TINY}}).runs("smoke"))


@pytest.fixture
def page(store, monkeypatch):
    """A page whose claims plan the tiny runs."""
    for name, claim in list(CLAIMS.items()):
        rows = next((rows for sets in claim.plan.values() for rows in sets.values()), {})
        usual = TINY[USUAL.get(name, USUAL.get(claim.paper, "PC-X"))]
        tiny = {row: TINY.get(row, usual) for row in rows if row != "k-means"}
        monkeypatch.setitem(CLAIMS, name, replace(claim, plan={"smoke": {"digits": tiny}}))
    return open_page("pcx", {"scale": "smoke"}, store)


def test_a_table_shows_printed_and_ours_with_their_states(page):
    text = page.table("pcx.table6").text
    assert "97.5" in text
    assert text.count('class="state-new"') == 10  # five rows, ACC and NMI
    assert "not run" in text
    assert "scale <b>smoke</b>" in text


def test_a_page_of_a_larger_scale_says_what_a_smaller_one_gave(page, store):
    larger = open_page("pcx", {"scale": "paper"}, store)
    text = larger.table("pcx.table6").text
    assert "Runs of the paper scale are missing" in text
    assert "scale <b>paper</b>" in text
    assert "scale <b>smoke</b>" in text
    paper, smoke = text.split("Runs of the paper scale are missing")
    assert "state-new" not in paper
    assert "97.5" not in smoke  # only what was obtained


def test_the_card_names_scale_records_seeds_and_commit(page, store):
    text = page.card("pcx.table6").text
    for fact in ("scale <b>smoke</b>", "3 (smoke)", "<dd>0</dd>", "commit"):
        assert fact in text
    assert html.escape(CLAIMS["pcx.table6"].title) in text
    assert "10 new" in text
    assert "recluster run pcx.table6 --scale smoke" in text
    used = [r for r in store.records() if r.run["method"] in ("pcx", "idec", "kmeans")]
    assert f"at most {max(r.memory_mb for r in used) / 1000:.1f} GB of memory" in text


def test_a_card_of_many_claims_folds_their_titles(page):
    names = ["pcx.table6", "pcx.figure2", "pcx.figure3", "pcx.figure4", "pcx.figure6"]
    text = page.card(*names).text
    assert "<summary>5 claims</summary>" in text
    assert all(html.escape(CLAIMS[name].title) in text for name in names)


@pytest.mark.parametrize(
    ("seconds", "said"), [(2.04, "2.0 seconds"), (90, "2 minutes"), (9000, "2.5 hours")]
)
def test_a_duration_is_told_in_the_unit_that_suits_it(seconds, said):
    assert hours(seconds) == said


def test_our_number_leads_to_its_record_and_the_table_to_its_file(page, store):
    text = page.table("pcx.table6").text
    keys = {record.key for record in store.records()}
    assert set(re.findall(r'href="record:(\w+)"', text)) <= keys
    assert text.count('href="record:') == 10
    assert 'download="pcx.table6-smoke.csv"' in text


@pytest.mark.parametrize("name", [c.id for c in CLAIMS.values() if c.drawing])
def test_every_figure_is_drawn_from_records(page, name):
    drawn = page.figure(name)
    assert isinstance(drawn, Figure)
    assert any(axes.has_data() for axes in drawn.axes)
    assert "smoke" in drawn.get_suptitle()


@pytest.mark.parametrize("name", [c.id for c in CLAIMS.values() if c.drawing])
def test_a_figure_without_records_says_not_run_and_how(tmp_path, name):
    shown = open_page("pcx", {"scale": "paper"}, Store(tmp_path)).figure(name)
    assert isinstance(shown, Html)
    assert "not run" in shown.text
    assert f"recluster run {name} --scale paper" in shown.text


@pytest.mark.parametrize("scale", ["smoke", "paper"])
def test_a_page_shows_calculations_as_verdicts_at_any_scale(tmp_path, scale):
    shown = open_page("secu", {"scale": scale}, Store(tmp_path))
    text = shown.table("secu.theorem1").text
    assert (text.count('class="state-agrees"'), text.count('class="state-differs"')) == (1, 2)
    assert text.count("<small>by calculation</small>") == 3
    assert "smaller" not in text
    assert "not run" not in text
    assert "by calculation: without a run, and the same at every scale" in text
    assert "record:" not in text
    assert "by calculation: <span" in shown.verdict("secu.theorem1").text
    assert "3 of them by calculation" in shown.card("secu.theorem1", "secu.sizes").text


def test_the_order_of_the_rows_is_computed(page):
    text = page.order("pcx.table6", "acc").text
    assert "mnist, printed: PC-X &gt; PC-X-no CI &gt; IDEC &gt; AE &gt; PC-X-Fix" in text
    assert "digits, ours at smoke scale" in text


def test_the_verdict_counts_every_cell(page):
    text = page.verdict("pcx.table6").text
    assert "10 new" in text
    assert "20 not run" in text


def test_departures_are_those_of_the_method_s_page():
    text = departures(pcx.Config)
    assert text.count("<li>") == (pcx.__doc__ or "").count("\n1. ") + 7
    assert "`" not in text


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ({"scale": "smoke", "scal": "paper"}, "unknown parameter scal"),
        ({"scale": "smoke", "seeds": 3}, "unknown parameter seeds"),
        ({"scale": "huge"}, "unknown scale 'huge'"),
    ],
)
def test_a_notebook_refuses_foreign_parameters(names, said, tmp_path):
    with pytest.raises(InputError, match=said):
        open_page("pcx", names, Store(tmp_path))


def test_a_notebook_s_own_names_are_no_parameters(tmp_path):
    names = {"scale": "smoke", "_i1": "", "In": [], "Out": {}, "np": np, "open_page": open_page}
    assert open_page("pcx", names, Store(tmp_path)).scale == "smoke"


def test_unknown_paper_and_claim_are_named(page):
    with pytest.raises(InputError, match="unknown chapter"):
        open_page("pcy", {"scale": "smoke"})
    with pytest.raises(InputError, match="unknown claim"):
        page.table("pcx.table66")


@pytest.mark.parametrize("count", [10, 7])
def test_tiles_show_every_exemplar(count):
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    tiles(axes, np.ones((count, 1, 8, 8)))
    (image,) = axes.get_images()
    assert (np.asarray(image.get_array()) == 1).sum() == count * 64
    plt.close(figure)


def test_every_drawer_serves_a_claim():
    assert {*DRAWERS, *WHOLE} == {claim.drawing for claim in CLAIMS.values() if claim.drawing}


@pytest.mark.parametrize("paper", TOYS)
def test_the_toy_is_drawn(paper):
    assert all(axes.has_data() for axes in TOYS[paper]().axes)
