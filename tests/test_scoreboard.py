"""The front page, the records' page and the pages' status: what they count, and where they lead."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from recluster.fingerprint import fingerprint
from recluster.methods import kmeans
from recluster.papers import CLAIMS
from recluster.papers.claim import Bound, Calculated, Cell, Claim
from recluster.report import open_page, site, status
from recluster.report.records import listing
from recluster.report.scoreboard import bar, scoreboard, short_name
from recluster.report.table import as_html, download
from recluster.report.verdict import judge
from recluster.spec import Run
from recluster.store import Record, Store

STATIC = Path(__file__).resolve().parents[1] / "book" / "_static"
GOOD, BAD = kmeans.Config(restarts=2), kmeans.Config(restarts=3)
SMALL, WAITING, UNPLANNED = (kmeans.Config(restarts=n) for n in (4, 5, 6))
CLAIM = Claim(
    id="pcx.made_up",
    title="A made-up table",
    where="Table 0, Section 0",
    cells=(
        Cell(row="good", dataset="mnist", metric="acc", printed=90.0, places=1),
        Cell(row="bad", dataset="mnist", metric="acc", printed=50.0, places=1),
        Cell(row="small", dataset="digits", metric="acc", printed=20.0, places=1),
        Cell(row="waiting", dataset="mnist", metric="acc", printed=70.0, places=1),
        Cell(row="other", dataset="mnist", metric="acc", printed=60.0, places=1),
        Cell(row="other", dataset="usps", metric="acc", lost=True),
        Cell(row="good", dataset="mnist", metric="nmi"),
    ),
    plan={
        "paper": {"mnist": {"good": GOOD, "bad": BAD, "waiting": WAITING}},
        "smoke": {"digits": {"small": SMALL}},
    },
)
STATES = ["agrees", "differs", "smaller run", "not run", "quoted", "lost"]


def recorded(config, dataset, scale, seed, acc, **changes):
    """A record as a run would leave it, with a score of the test's choice."""
    run = Run(config=config, dataset=dataset, seed=seed, scale=scale)
    described = {"method": run.method, "dataset": dataset, "seed": seed, "scale": scale}
    record = Record(
        key=run.key,
        run={**described, "config": config.canonical()},
        status="finished",
        fingerprint=list(fingerprint(config)),
        scores={"acc": acc, "nmi": acc, "nmi_max": acc, "ari": acc},
        curves={},
        scored={},
        seconds={"total": 30.0 + seed},
        memory_mb=1500.0,
        data={"name": dataset, "checksum": "c0ffee"},
        environment={"device": "cpu", "commit": "abc123", "dirty": False},
        started="2026-01-02T03:04:05+00:00",
    )
    return replace(record, **changes)


@pytest.fixture
def store(tmp_path, monkeypatch):
    for module in ("scoreboard", "records"):
        monkeypatch.setattr(f"recluster.report.{module}.CLAIMS", {CLAIM.id: CLAIM})
    filled = Store(tmp_path / "results")
    for record in (
        recorded(GOOD, "mnist", "paper", 0, 0.905),
        recorded(GOOD, "mnist", "paper", 1, 0.895),
        recorded(BAD, "mnist", "paper", 0, 0.7),
        recorded(SMALL, "digits", "smoke", 0, 0.9),
    ):
        filled.write(record, {})
    return filled


def key(config, dataset, scale, seed):
    return Run(config=config, dataset=dataset, seed=seed, scale=scale).key


def test_every_printed_cell_stands_once_at_the_largest_scale_that_has_a_run(store):
    entries = scoreboard("paper", store).entries
    assert [entry.state for entry in entries] == STATES
    assert [entry.scale for entry in entries[:3]] == ["paper", "paper", "smoke"]
    assert [entry.difference for entry in entries[:4]] == [
        *(pytest.approx(value) for value in (0, 20, 70)),
        None,
    ]


def test_a_smaller_page_knows_no_larger_run(store):
    entries = scoreboard("smoke", store).entries
    assert [entry.state for entry in entries] == [
        *("not run", "not run", "smaller run", "not run"),
        *("quoted", "lost"),
    ]


def test_a_smaller_run_draws_no_verdict_in_any_table(store):
    text = as_html(CLAIM, "smoke", judge(CLAIM, "smoke", store))
    assert text.count("state-smaller-run") == 1
    assert "state-differs" not in text
    assert "state-differs" in as_html(CLAIM, "paper", judge(CLAIM, "paper", store))


def test_the_headline_counts(store):
    text = scoreboard("paper", store).headline().text
    assert "1 claims with <b>6</b> numbers" in text
    assert (
        "<b>2</b> of them are tested, <b>2</b> re-run as printed and <b>0</b> by calculation: " in text
    )
    assert "<b>1</b> agree, <b>1</b> differ." in text
    assert "<b>1</b> more have a smaller run" in text


def test_a_calculation_stands_on_the_board_as_a_verdict_of_no_scale(store, monkeypatch):
    cell = Cell(row="statement", dataset="any", metric="gap", bound=Bound(comparison="<", value=1))
    computed = {("statement", "gap"): lambda: Calculated(value=3.0)}
    claim = replace(CLAIM, cells=(cell, *CLAIM.cells), computed=computed)
    monkeypatch.setattr("recluster.report.scoreboard.CLAIMS", {claim.id: claim})
    for scale in ("smoke", "paper"):
        board = scoreboard(scale, store)
        assert (board.entries[0].state, board.entries[0].level) == ("differs", "by calculation")
    assert "<b>3</b> of them are tested, <b>2</b> re-run as printed and <b>1</b> by" in (
        board.headline().text
    )
    text = board.table().text
    assert text.count("<tr><td>") == 4
    assert all(word in text.rpartition("<tr><td>")[2] for word in ("statement", ">3.00<"))  # after runs
    line = held(text).iloc[0]
    assert (line["ours"], line["scale"], line["state"]) == (3.0, "by calculation", "differs")


def test_a_smaller_table_leaves_out_what_was_calculated(store, monkeypatch):
    cell = Cell(row="statement", dataset="any", metric="gap", bound=Bound(comparison="<", value=1))
    computed = {("statement", "gap"): lambda: Calculated(value=3.0)}
    claim = replace(CLAIM, cells=(cell, *CLAIM.cells), computed=computed)
    monkeypatch.setitem(CLAIMS, claim.id, claim)
    paper, smaller = (
        open_page("pcx", {"scale": "paper"}, store)
        .table(claim.id)
        .text.split("Runs of the paper scale are missing")
    )
    assert "by calculation" in paper
    assert "by calculation" not in smaller
    assert 'class="ours"' in smaller


def test_a_bar_is_divided_by_the_counts():
    text = bar(["agrees", "quoted", "quoted", "quoted"])
    assert 'aria-label="1 agrees, 3 quoted"' in text
    assert re.findall(r"flex-grow: (\d+)", text) == ["1", "3"]


def test_every_paper_has_its_bar(store):
    text = scoreboard("paper", store).papers().text
    for name in ("PC-X", "ULHE-DC", "DynAE", "DCSS", "SeCu"):
        assert f"<h3>{name} " in text
    assert text.count('class="bar"') == 5


def test_a_paper_is_called_by_its_method():
    assert [short_name(paper) for paper in ("dcss", "secu")] == ["DCSS", "SeCu"]


def test_each_number_of_ours_leads_to_the_record_of_every_seed(store):
    text = scoreboard("paper", store).table().text
    assert text.count("<tr><td>") == 3  # what has a run
    for seed in (0, 1):
        assert f'<a href="record:{key(GOOD, "mnist", "paper", seed)}">{seed}</a>' in text
    assert f'<a href="record:{key(GOOD, "mnist", "paper", 0)}">90.0 ± 0.71</a>' in text


def held(link):
    """The table in a download link."""
    (packed,) = re.findall(r"base64,([\w+/=]+)", link)
    return pd.read_csv(io.BytesIO(base64.b64decode(packed)))


def test_the_scoreboard_can_be_taken_along_whole(store):
    table = held(scoreboard("paper", store).table().text)
    assert list(table["state"]) == STATES
    assert table["ours"].notna().sum() == 3


def test_a_claim_s_table_can_be_taken_along(store):
    text = as_html(CLAIM, "paper", judge(CLAIM, "paper", store))
    assert 'download="pcx.made_up-paper.csv"' in text
    table = held(text)
    assert set(table["claim"]) == {CLAIM.id}
    assert len(table) == len(CLAIM.cells)


def test_a_download_keeps_every_letter():
    assert held(download("x", "a\nκ ± 1\n")).loc[0, "a"] == "κ ± 1"


def test_every_record_has_an_anchor_its_cost_and_its_file(store):
    text = listing(store).table().text
    for record in store.records():
        assert text.count(f'<tr id="{record.key}">') == 1
        assert f"record-file:kmeans-{record.run['dataset']}" in text
    assert "31.0 seconds" in text
    assert "1.5 GB" in text
    assert "restarts = 3" in text


def test_records_that_do_not_count_are_told_apart(store):
    assert listing(store).faults().text == "<p>None.</p>"
    store.write(recorded(UNPLANNED, "mnist", "paper", 0, 0.5), {})
    store.write(recorded(BAD, "mnist", "paper", 1, 0.5, fingerprint=[1e6]), {})
    broken = {"status": "failed", "scores": {}, "error": "Traceback\nOSError: no room"}
    store.write(recorded(BAD, "mnist", "paper", 2, 0.5, **broken), {})
    listed = listing(store)
    text = listed.faults().text
    for config, seed, state in ((UNPLANNED, 0, "of no claim"), (BAD, 1, "stale"), (BAD, 2, "failed")):
        assert f"-s{seed}-{key(config, 'mnist', 'paper', seed)}</code></a>: {state}</li>" in text
    assert text.count("<li>") == 3
    assert "OSError: no room" in listed.table().text
    assert "4 current" in listed.headline().text


def test_links_lead_from_any_depth():
    body = (
        '<a href="record:0a1b"> <a href="record-file:x-s0-0a1b"> <a href="page:a/b"> <a href="page:c">'
    )
    for depth in ("", "../", "../../"):
        text = site.linked(body, {"a/b"}, lambda place, up=depth: up + place)
        assert f'href="{depth}notebooks/comparison/records.html#0a1b"' in text
        assert f'href="{depth}records/x-s0-0a1b.json"' in text
        assert f'href="{depth}a/b.html"' in text
        assert 'class="to-come"' in text
        assert "page:" not in text


def test_a_link_within_its_own_page_is_an_anchor():
    assert site.linked('<a href="record:0a1b">', (), lambda _: "#") == '<a href="#0a1b">'


def notebook(*outputs, status="completed"):
    cells = [
        {
            "cell_type": "code",
            "metadata": {"papermill": {"status": status}},
            "outputs": [{"output_type": "display_data", "data": {"text/html": text.splitlines(True)}}],
        }
        for text in outputs
    ]
    return json.dumps({"cells": cells, "metadata": {"papermill": {"parameters": {"scale": "paper"}}}})


def test_the_status_is_read_off_the_executed_pages(store, tmp_path):
    folder = tmp_path / "notebooks" / "pcx"
    folder.mkdir(parents=True)
    shown = as_html(CLAIM, "paper", judge(CLAIM, "paper", store))
    (folder / "tables.ipynb").write_text(notebook(shown))
    (folder / "figures.ipynb").write_text(notebook("", status="pending"))
    text = status.as_html(tmp_path, {record.key: record for record in store.records()})
    figures, tables = re.findall(r"<tr><td>.*?</tr>", text)
    assert "<b>no</b>" in figures
    cells = re.findall(r"<td>(.*?)</td>", tables)
    assert cells[0] == '<a href="page:notebooks/pcx/tables">pcx/tables</a>'
    assert cells[1:4] == ["yes", "paper", "1"]
    assert "1 agrees" in cells[4]
    assert "2 quoted" not in cells[4]
    assert cells[6:] == ["3", "2026-01-02 03:04"]


def test_the_status_says_which_records_are_gone(store, tmp_path):
    folder = tmp_path / "notebooks" / "pcx"
    folder.mkdir(parents=True)
    (folder / "tables.ipynb").write_text(notebook('<a href="record:abcd">1</a>'))
    assert "1 (1 gone)" in status.as_html(tmp_path, {})


def test_the_status_repeats_the_records_that_do_not_count(store, tmp_path):
    folder = tmp_path / "notebooks" / "comparison"
    folder.mkdir(parents=True)
    store.write(recorded(UNPLANNED, "mnist", "paper", 0, 0.5), {})
    (folder / "records.ipynb").write_text(notebook(listing(store).faults().text))
    assert "of no claim" in status.faults(tmp_path)


# --- in a browser, from files ---------------------------------------------------------------------


SHELL = """<!doctype html><html data-theme="light"><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="../../_static/companion.css">
<link rel="stylesheet" href="../../_static/scoreboard.css">
<script src="../../_static/scoreboard.js"></script>
<article class="bd-article"><div class="cell_output"><div class="output text_html">{}</div></div>
"""


@pytest.fixture
def written(store, tmp_path):
    """The two pages as files, as deep in the site as they are in the book."""
    for seed in range(60):  # so many that a record is out of sight at first
        store.write(recorded(UNPLANNED, "mnist", "paper", seed, 0.5), {})
    board, records = scoreboard("paper", store), listing(store)
    bodies = {
        "scoreboard": board.headline().text + board.papers().text + board.table().text,
        "records": records.headline().text + records.table().text,
    }
    folder = tmp_path / "site" / "notebooks" / "comparison"
    folder.mkdir(parents=True)
    shutil.copytree(STATIC, tmp_path / "site" / "_static")
    for name, body in bodies.items():
        text = site.linked(body, (), lambda place: f"../../{place}")
        (folder / f"{name}.html").write_text(SHELL.format(text))
    return folder


@pytest.fixture
def page(browser, written):
    opened = browser.new_page()
    asked = []
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto((written / "scoreboard.html").as_uri())
    yield opened
    opened.close()
    assert asked
    assert all(url.startswith("file:") for url in asked)


def column(page, name):
    """What the lines in sight show under a heading."""
    heads = page.locator("table.board th button").all_inner_texts()
    cells = page.locator(f"table.board tbody tr:visible td:nth-child({heads.index(name) + 1})")
    return cells.all_inner_texts()


@pytest.mark.browser
def test_a_heading_sorts_by_click_and_by_key(page):
    head = page.get_by_role("button", name="difference")
    head.click()
    assert column(page, "difference") == ["+0.0", "+20.0", "+70.0"]
    head.focus()
    page.keyboard.press("Enter")
    assert column(page, "difference") == ["+70.0", "+20.0", "+0.0"]
    assert head.locator("xpath=..").get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="method").click()
    assert column(page, "method") == ["bad", "good", "small"]


@pytest.mark.browser
def test_lists_and_search_narrow_the_board_down(page):
    page.get_by_label("state").select_option("differs")
    assert column(page, "method") == ["bad"]
    assert page.locator(".board-filters output").inner_text() == "1 of 3 shown"
    page.get_by_role("button", name="show all").click()
    page.wait_for_function("document.querySelector('.board-filters output').value.startsWith('3')")
    page.get_by_label("search").fill("DIGITS small")
    assert column(page, "method") == ["small"]


@pytest.mark.browser
def test_a_number_leads_to_its_record(page):
    wanted = key(BAD, "mnist", "paper", 0)
    page.locator("tbody tr", has_text="differs").locator("td[data-value] a").first.click()
    page.wait_for_url(f"**/records.html#{wanted}")
    line = page.locator(f'[id="{wanted}"]')
    assert line.evaluate("e => e.matches(':target')")
    place = line.bounding_box()
    assert place is not None
    assert 0 <= place["y"] <= page.viewport_size["height"] - place["height"]


@pytest.mark.browser
def test_without_scripts_the_board_is_a_plain_table(browser, written):
    context = browser.new_context(java_script_enabled=False)
    plain = context.new_page()
    plain.goto((written / "scoreboard.html").as_uri())
    assert plain.locator("table.board tbody tr:visible").count() == 3
    assert plain.locator("form").count() == 0
    context.close()


@pytest.mark.browser
@pytest.mark.parametrize("name", ["scoreboard", "records"])
def test_the_pages_fit_a_phone(page, written, name):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto((written / f"{name}.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
