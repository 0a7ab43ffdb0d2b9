"""A page is the same on any processor: here on one that pretends to lack the newest instructions.

Which instructions a library takes decides in what order it sums. What depends on that must not be seen.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import execute
import nbformat
import numpy as np
import pytest
from nbformat import NotebookNode
from test_store import record_of

from recluster.fingerprint import MEMORY
from recluster.papers.claim import Bound, Calculated, Cell, Claim
from recluster.report import maps
from recluster.report.measures import rounded
from recluster.report.verdict import judge
from recluster.store import Store

ROOT = Path(__file__).resolve().parents[1]
FOUND = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
LESSER = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": " ".join(
        name for name in FOUND if name.startswith("AVX512") or name == "X86_V4"
    ),
}
"""How torch, MKL, oneDNN, OpenBLAS and numpy are told to do without AVX-512."""
PAGES = sorted([*(ROOT / "notebooks").glob("*/tables.py"), ROOT / "notebooks/comparison/scoreboard.py"])
"""What every claim's numbers are shown on, and the board of them all."""


def said(script: str, **environment: str) -> str:
    command = [sys.executable, "-c", script]
    return subprocess.check_output(command, env=os.environ | environment, text=True)


def test_the_lesser_processor_is_one() -> None:
    script = (
        "import numpy, torch; print(numpy.show_config(mode='dicts')['SIMD Extensions'].get('found'), "
        "torch.backends.cpu.get_cpu_capability())"
    )
    found = said(script, **LESSER)
    assert not any(name in found for name in ("AVX512", "X86_V4"))


@pytest.fixture(scope="module")
def lesser(fingerprints: Path) -> dict[str, str]:
    """Its environment; methods' fingerprints are taken on it anew, and not on the whole processor."""
    return LESSER | {MEMORY: str(fingerprints.with_name("fingerprints-lesser"))}


@pytest.mark.slow
@pytest.mark.parametrize("source", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_page_says_the_same_on_a_lesser_processor(
    source: Path, execute_aside: Callable[..., NotebookNode], lesser: dict[str, str]
) -> None:
    page = ROOT / "book" / source.relative_to(ROOT).with_suffix(".ipynb")
    committed = nbformat.read(page, as_version=4)
    scale = committed.metadata.papermill.parameters.scale
    anew = execute_aside(source, scale, **lesser)
    assert execute.shown(committed) == execute.shown(anew), "run: make notebooks"


REPORT = sorted((ROOT / "src/recluster/report").rglob("*.py"))


@pytest.mark.parametrize("path", REPORT, ids=lambda path: path.name)
def test_a_page_reads_arrays_in_double_precision(path: Path) -> None:
    text = path.read_text()
    assert "store.arrays(" not in text, "take store.precise(record)"
    assert "TSNE(" not in text or path.name in ("maps.py", "own.py"), "take report.maps.tsne"


def test_arrays_are_read_as_recorded_or_in_double_precision(tmp_path: Path) -> None:
    kept = {
        "labels": np.arange(3, dtype=np.uint16),
        "sample_q": np.array([0.1, 0.9], np.float32),
        "exemplars": np.array([[0.3]], np.float16),
    }
    store = Store(tmp_path)
    record = store.write(record_of(), kept)
    read, precise = store.arrays(record), store.precise(record)
    assert {name: value.dtype.name for name, value in precise.items()} == {
        "labels": "uint16",
        "sample_q": "float64",
        "exemplars": "float64",
    }
    assert all(np.array_equal(read[name], precise[name]) for name in kept)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(0.123456789123, 0.12345679), (-28.0062834604, -28.006283), (3e-17, 0.0), (4e-11, 4e-11), (5, 5)],
)
def test_a_measured_value_has_the_digits_that_all_agree_on(value: float, kept: float) -> None:
    assert rounded(value) == kept


def test_a_calculated_value_is_rounded_and_its_verdict_is_not() -> None:
    cell = Cell(row="r", dataset="any", metric="m", bound=Bound(comparison="<=", value=1e-6))
    for value, state in ((-4e-9, "agrees"), (1.04e-6, "differs")):
        claim = Claim(
            id="pcx.none",
            title="",
            where="",
            cells=(cell,),
            computed={("r", "m"): lambda value=value: Calculated(value=value)},
        )
        (judged,) = judge(claim, "smoke", Store("nowhere"))
        assert judged.state == state
        assert judged.obtained is not None
        assert str(judged.obtained.mean) == "0.0"


MAP = """
import numpy as np
from recluster.report.maps import tsne
print(tsne(np.random.default_rng(0).normal(size=(300, 40)), 250).tolist())
"""


def test_a_map_is_the_same_on_a_lesser_processor() -> None:
    assert said(MAP) == said(MAP, **LESSER)


def test_squared_distances_on_the_grid_are_exact() -> None:
    """Exact means: the same in any order, and as integers of Python add up."""
    points = np.random.default_rng(0).normal(size=(2, 2048)) * 1e3
    first, second = maps.on_grid(points)
    whole = [int(value * 2.0**40) for value in first - second]
    exact = sum(value * value for value in whole) / 2**80
    for order in (slice(None), slice(None, None, -1)):
        squared = first @ first + second @ second - 2 * first[order] @ second[order]
        assert squared == exact
    assert np.abs(maps.on_grid(points) - points).max() < 1e-6 * np.abs(points).max()


def test_components_are_those_of_the_covariance_with_their_signs() -> None:
    points = np.random.default_rng(1).normal(size=(50, 4)) * [1, 3, 0.5, 2]
    placed, share = maps.principal(points)
    values, axes = np.linalg.eigh(np.cov(points.T))
    largest = axes[:, ::-1][:, :2]
    largest = largest * np.sign(largest[np.abs(largest).argmax(0), range(2)])
    assert placed == pytest.approx((points - points.mean(0)) @ largest)
    assert share == pytest.approx(values[-2:].sum() / values.sum())
    assert maps.principal(-points)[0] == pytest.approx(-placed)
