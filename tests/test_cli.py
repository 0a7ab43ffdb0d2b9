"""The command line as a user meets it: what it prints, and one clear line for every mistake."""

import csv
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from recluster import cli, run
from recluster.papers import CLAIMS
from recluster.store import Store

CELL_FIELDS = {
    *("row", "dataset", "metric", "variant", "printed", "printed_std", "mark", "bound", "across"),
    *("chose", "obtained", "computed", "state", "why"),
}


def called(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the command."""
    monkeypatch.setattr(sys, "argv", ["recluster", *map(str, arguments)])
    code = 0
    try:
        cli.main()
    except SystemExit as stop:
        code = int(stop.code or 0)
    out = capsys.readouterr()
    return code, out.out, out.err


@pytest.fixture
def call(monkeypatch, capsys, tmp_path):
    """The command with its records and weights in a folder of its own."""
    monkeypatch.setenv("RECLUSTER_RESULTS", str(tmp_path / "results"))
    monkeypatch.setattr(run, "CACHE", tmp_path / "weights")
    return lambda *arguments: called(monkeypatch, capsys, *arguments)


@pytest.fixture
def short(monkeypatch):
    """Table 6 with k-means alone, so that a run takes a moment."""
    claim = CLAIMS["pcx.table4"]
    plan = {"smoke": {"digits": {"k-means": claim.plan["smoke"]["digits"]["k-means"]}}}
    monkeypatch.setitem(CLAIMS, claim.id, replace(claim, plan=plan))
    return claim.id


def test_list_names_every_claim(call):
    code, out, _ = call("list")
    assert code == 0
    assert all(name in out for name in CLAIMS)


def test_show_prints_one_json_object_with_the_promised_fields(call):
    code, out, _ = call("show", "pcx.table6", "--format", "json", "--scale", "paper")
    shown = json.loads(out)
    assert code == 0
    assert (shown["claim"], shown["scale"]) == ("pcx.table6", "paper")
    assert all(set(cell) == CELL_FIELDS for cell in shown["cells"])
    assert all(cell["obtained"] is None and cell["state"] == "not run" for cell in shown["cells"])
    assert {cell["why"] for cell in shown["cells"]} == {"recluster run pcx.table6 --scale paper"}
    printed = {(c["row"], c["dataset"], c["metric"]): c["printed"] for c in shown["cells"]}
    assert printed["PC-X", "mnist", "acc"] == 97.5
    assert printed["PC-X-Fix", "fashion", "nmi"] == 61.7


def test_what_is_calculated_is_listed_shown_and_asks_for_no_run(call):
    _, out, _ = call("list")
    line = next(line for line in out.splitlines() if line.startswith("secu.theorem1 "))
    assert line.endswith("1 agrees, 2 differs (3 by calculation)")
    _, out, _ = call("show", "secu.theorem1")
    assert "16.6 (by calculation)" in out
    _, out, _ = call("show", "secu.theorem1", "--format", "json", "--scale", "smoke")
    cells = json.loads(out)["cells"]
    assert [cell["state"] for cell in cells] == ["agrees", "differs", "differs"]
    assert all(cell["computed"] and cell["obtained"]["records"] == [] for cell in cells)
    _, out, _ = call("status")
    assert "secu.theorem1  3 cells by calculation, without a run" in out
    assert "runs" not in next(line for line in out.splitlines() if "secu.theorem1" in line)


def test_csv_and_text_carry_the_same_cells(call):
    _, as_json, _ = call("show", "pcx.table4", "--format", "json")
    _, as_csv, _ = call("show", "pcx.table4", "--format", "csv")
    _, as_text, _ = call("show", "pcx.table4")
    cells = json.loads(as_json)["cells"]
    lines = list(csv.DictReader(io.StringIO(as_csv)))
    assert [(c["row"], c["dataset"], c["metric"], c["state"]) for c in cells] == [
        (line["row"], line["dataset"], line["metric"], line["state"]) for line in lines
    ]
    assert [c["printed"] for c in cells] == [
        float(x["printed"]) if x["printed"] else None for x in lines
    ]
    assert all(c["row"] in as_text and c["state"] in as_text for c in cells)


def test_a_run_fills_the_claim_and_is_not_done_twice(call, short):
    code, _, err = call("run", short, "--scale", "smoke")
    assert code == 0
    assert "[1/1]" in err
    _, out, _ = call("show", short, "--scale", "smoke", "--format", "json")
    filled = [cell for cell in json.loads(out)["cells"] if cell["obtained"]]
    assert {(c["row"], c["dataset"], c["metric"]) for c in filled} == {
        ("k-means", "digits", metric) for metric in ("acc", "nmi", "ari")
    }
    assert all(c["state"] == "new" and c["obtained"]["seeds"] == [0] for c in filled)
    assert call("run", short, "--scale", "smoke")[:2] == (0, "all records are there\n")
    assert len(Store().folders()) == 1


def test_status_counts_and_names_a_broken_record(call, short):
    call("run", short, "--scale", "smoke")
    code, out, _ = call("status", "--scale", "smoke")
    assert code == 0
    assert f"{short:14}   1 of   1 runs" in out
    (folder,) = Store().folders()
    (folder / "record.json").write_text("{")
    code, out, err = call("show", short, "--scale", "smoke")
    assert code == 2
    assert str(folder) in err
    assert "move its folder away" in err
    assert (folder / "record.json").read_text() == "{"


def test_a_failing_run_is_recorded_and_the_exit_code_says_so(call, short, monkeypatch):
    def broken(*_):
        raise RuntimeError("out of cheese")

    monkeypatch.setattr("recluster.methods.kmeans.kmeans", broken)
    monkeypatch.setattr("recluster.fingerprint.fingerprint", lambda config: (1.0,))
    code, _, err = call("run", short, "--scale", "smoke")
    assert code == 1
    assert "out of cheese" in err
    (record,) = Store().records()
    assert record.status == "failed"
    assert record.scores == {}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "pcx.tabel6"), "unknown claim or chapter 'pcx.tabel6'"),
        (("show", "pcx.tabel6"), "unknown claim 'pcx.tabel6'"),
        (("show", "pcx.table6", "--scale", "huge"), "unknown scale 'huge'"),
        (("run", "pcx.table6", "--scale", "huge"), "unknown scale 'huge'"),
        (("run", "pcx.table6", "--seeds", "0"), "seeds must be 1 or more"),
        (("run", "pcx.table4", "--workers", "-1"), "workers must be 1 or more, got -1"),
        (("run", "pcx.table4", "--workers", "2", "--scheduler", "tcp://a:1"), "give one of them"),
        (("run", "pcx.table4", "--budget", "0m"), "a number above 0 with s, m or h"),
        (("results", "list", "--method", "dce"), "unknown method 'dce'"),
        (("results", "list", "--claim", "pcx.tabel6"), "unknown claim"),
        (("results", "verify", "--rerun", "-1"), "must be 0 or more, got -1"),
        (("results", "merge", "/nowhere"), "nothing was changed"),
        (("status", "--scale", "huge"), "unknown scale 'huge'"),
        (("data", "verify", "imagenet"), "imagenet"),
        (("data", "fetch", "imagenet"), "imagenet"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(call, arguments, said):
    code, out, err = call(*arguments)
    assert code == 2
    assert said in err
    assert len(err.strip().splitlines()) == 1
    assert out == ""


def test_a_folder_of_records_that_cannot_be_written_to_is_told_before_training(call, short, tmp_path):
    (tmp_path / "results").write_text("a file")
    code, _, err = call("run", short, "--scale", "smoke")
    assert code == 2
    assert "records cannot be written to" in err


def test_records_travel_in_a_bundle_and_are_merged_once(call, short, tmp_path):
    bundle, there = tmp_path / "bundle", tmp_path / "there"
    assert call("run", short, "--scale", "smoke", "--out", bundle)[0] == 0
    _, out, _ = call("results", "merge", bundle, "--results", there)
    assert out == "1 added, 0 replaced, 0 equal, 0 differing and kept, 0 not taken\n"
    assert [*Store(there).records()] == [*Store().records()]
    _, out, _ = call("results", "merge", bundle, "--results", there)
    assert "0 added, 0 replaced, 1 equal" in out


def test_two_different_finished_records_are_told_and_ours_is_kept(call, short, tmp_path):
    bundle, there = tmp_path / "bundle", Store(tmp_path / "there")
    call("run", short, "--scale", "smoke", "--out", bundle)
    (record,) = Store().records()
    mine = there.write(replace(record, scores=record.scores | {"acc": 0.125}), Store().arrays(record))
    _, out, _ = call("results", "merge", bundle, "--results", there.root)
    assert "acc 0.125 and" in out
    assert [*there.records()] == [mine]
    _, out, _ = call("results", "merge", bundle, "--results", there.root, "--replace")
    assert "1 replaced" in out
    assert [*there.records()] == [record]


def test_results_are_listed_verified_and_done_again(call, short):
    call("run", short, "--scale", "smoke")
    (folder,) = Store().folders()
    for choice in ((), ("--claim", short), ("--method", "kmeans"), ("--scale", "smoke")):
        assert folder.name in call("results", "list", *choice)[1]
    for choice in (("--claim", "pcx.table3"), ("--method", "dec"), ("--scale", "paper")):
        assert call("results", "list", *choice)[1] == ""
    code, out, _ = call("results", "verify", "--rerun", 1)
    assert (code, out.splitlines()[-1]) == (0, f"{folder.name}: agrees, equal")
    (record,) = Store().records()
    Store().write(replace(record, scores=record.scores | {"acc": 0.125}), {})
    code, out, _ = call("results", "verify", "--rerun", 1)
    assert code == 1
    assert "DIFFERS, acc 0.125 and" in out


def test_what_no_longer_counts_is_listed_and_removed_on_demand(call, short, monkeypatch):
    call("run", short, "--scale", "smoke")
    store = Store()
    (folder,) = store.folders()
    (folder / ".record.json-abc").write_text("{")
    os.utime(folder / ".record.json-abc", (0, 0))
    assert call("results", "stale")[1] == ""
    _, out, _ = call("results", "prune")
    assert "give --yes" in out
    assert (folder / ".record.json-abc").exists()
    assert "1 removed" in call("results", "prune", "--yes")[1]
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []
    assert store.folders() == [folder]
    monkeypatch.setattr("recluster.fingerprint.fingerprint", lambda config: (1.0,))
    assert "stale: the method behaves otherwise" in call("results", "stale")[1]
    assert "1 removed" in call("results", "prune", "--yes")[1]
    assert store.folders() == []


def test_a_data_root_that_is_not_there(call, monkeypatch):
    monkeypatch.setenv("RECLUSTER_DATA", "/nowhere/at/all")
    code, _, err = call("data", "verify", "mnist")
    assert code == 2
    assert "/nowhere/at/all" in err


def test_data_list_and_verify_work_without_a_root(call, monkeypatch, tmp_path):
    monkeypatch.setenv("RECLUSTER_DATA", str(tmp_path))
    code, out, _ = call("data", "list")
    assert code == 0
    assert "digits" in out
    assert "missing" in out
    assert call("data", "verify", "digits")[0] == 0
    assert call("data", "verify", "usps")[0] == 1


def test_the_package_is_light_and_runs_as_a_module():
    heavy = "{'torchvision', 'dask', 'jupyter', 'IPython', 'matplotlib', 'torch'}"
    code = f"import sys, recluster; print(sorted({heavy} & set(sys.modules)))"
    light = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert light.stdout.strip() == "[]"
    heavy = "{'torchvision', 'dask', 'jupyter', 'IPython', 'matplotlib', 'seaborn', 'safetensors'}"
    code = f"import sys, recluster.run, recluster.cli; print(sorted({heavy} & set(sys.modules)))"
    runner = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert runner.stdout.strip() == "[]"
    module = subprocess.run(
        [sys.executable, "-m", "recluster", "--help"], capture_output=True, text=True, check=True
    )
    assert "status" in module.stdout


def test_a_run_needs_torch_numpy_scipy_sklearn_pandas_and_typer_alone(tmp_path):
    absent = ("torchvision", "matplotlib", "seaborn", "safetensors", "jupytext", "papermill")
    code = f"""
import sys
sys.modules.update(dict.fromkeys({absent}))
sys.argv = ["recluster", "run", "pcx.table3", "--scale", "smoke"]
from recluster import cli, run
from recluster.methods import kmeans
from recluster.spec import Run
from recluster.store import Store
one = Run(config=kmeans.Config(restarts=1), dataset="digits", seed=0, scale="smoke")
print(run.execute(one, Store({str(tmp_path)!r})).status)
cli.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["finished", "nothing to run at this scale"]


def test_readme_table_is_what_the_records_say():
    """The one table of the README; renew it with `recluster show pcx.table6 --format markdown`."""
    from recluster.report.table import render
    from recluster.report.verdict import best_scale, judge

    readme = (Path(__file__).parents[1] / "README.md").read_text()
    block = readme.partition("<!-- table:pcx.table6 -->\n")[2].partition("<!-- /table -->")[0].strip()
    claim, store = CLAIMS["pcx.table6"], Store(Path(__file__).parents[1] / "results")
    scale = best_scale(claim, store)
    assert block == render(claim, scale, judge(claim, scale, store), "markdown")
