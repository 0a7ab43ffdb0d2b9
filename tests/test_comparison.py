"""All methods on the same data: what stands beside ours, what each adds to its start, and why not."""

import re
from pathlib import Path

import pytest

from recluster.methods import idec, kmeans, pcx
from recluster.papers import CLAIMS
from recluster.papers.suite import methods
from recluster.parts import pretraining
from recluster.report.gains import as_html, gains
from recluster.run import execute, missing
from recluster.spec import Run
from recluster.store import Store

ROOT = Path(__file__).resolve().parents[1]
CLAIM = CLAIMS["comparison.methods"]
AE = pretraining.Config(epochs=1)
IDEC = idec.Config(start=AE, steps=4)


def test_every_method_has_a_row_on_all_data_and_a_run_where_it_can():
    rows = {(cell.row, cell.dataset) for cell in CLAIM.cells}
    paper = {(row, dataset) for row, dataset, _ in CLAIM.planned("paper")}
    assert {row for row, _ in rows} == set(methods("paper"))
    assert {dataset for _, dataset in rows} == {"mnist", "mnist-test", "usps", "fashion"}
    assert rows - paper == {("AE + FINCH", "mnist"), ("AE + FINCH", "fashion")}


@pytest.mark.parametrize(
    ("row", "dataset", "metric", "printed"),
    [
        ("DynAE", "usps", "acc", 98.1),
        ("ULHE-DC", "mnist-test", "nmi_max", 94.85),
        ("DKM", "usps", "acc", 75.7),
        ("DCSS", "usps", "nmi_max", 86.1),
        ("IDEC+MNet", "mnist", "acc", 90.51),
        ("PC-X", "mnist", "ari", 94.7),
        ("VaDE", "mnist-test", "acc", 28.7),
        ("SeCu", "mnist", "acc", None),
        ("DKM", "mnist-test", "acc", None),
    ],
)
def test_beside_ours_stands_what_is_printed(row, dataset, metric, printed):
    (cell,) = [c for c in CLAIM.cells if (c.row, c.dataset, c.metric) == (row, dataset, metric)]
    assert cell.printed == (None if printed is None else pytest.approx(printed))


def test_a_gain_is_the_difference_to_k_means_on_the_same_start(tmp_path, monkeypatch):
    monkeypatch.setattr("recluster.run.CACHE", tmp_path / "weights")
    store, base = Store(tmp_path / "results"), kmeans.Config(start=AE)
    runs = [
        Run(config=config, dataset="digits", seed=seed, scale="smoke")
        for config, seeds in ((IDEC, (0, 1, 2)), (base, (0, 1)))
        for seed in seeds
    ]
    for run in missing(runs, store):
        execute(run, store)
    plan = {"digits": {"IDEC": IDEC, "AE + k-means": base, "PC-X": pcx.Config(epochs=2, burn_in=1)}}
    (gain,) = gains(plan, "smoke", store)
    acc = {(run.method, run.seed): store.find(run).scores["acc"] for run in runs}
    assert (gain.row, gain.dataset, gain.start) == ("IDEC", "digits", "ae")
    assert gain.differences == pytest.approx(
        [100 * (acc["idec", seed] - acc["kmeans", seed]) for seed in (0, 1)]
    )
    assert "IDEC" in as_html([gain], "smoke")


@pytest.mark.slow
def test_the_page_says_why_a_method_ends_below_its_start():
    source = (ROOT / "notebooks/comparison/methods.py").read_text()
    told = set(re.findall(r"\*\*(.+?)\*\*", source.split("below their start")[1]))
    found = gains(CLAIM.plan["laptop"], "laptop", Store(ROOT / "results"))
    assert found
    below = {gain.row for gain in found if gain.mean < 0}
    assert told == below, "each method below its start is named in bold with the reason, and no other"
