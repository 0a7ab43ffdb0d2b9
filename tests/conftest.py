"""What all tests share: one thread a process, so that numbers repeat, one browser, and one site."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from playwright.sync_api import Browser

    from recluster.spec import Run
    from recluster.store import Store

os.environ["OMP_NUM_THREADS"] = "1"  # before torch is imported; processes that tests start inherit it
os.environ["RECLUSTER_FINGERPRINTS"] = ""  # methods are changed under it: nothing kept is believed

# A test asserts what is computed, not how fast on a busy machine.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")

ROOT = Path(__file__).resolve().parents[1]
QUIET = [
    *("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"),
    *("--no-first-run", "--disable-quic", "--disable-component-update"),
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Store]:
    """A store of its own with the records of these runs, whose weights stay out of the user's cache."""

    def fill(runs: Iterable[Run], diagnosed: Callable[[Run], bool] = lambda run: False) -> Store:
        from recluster.run import execute, missing
        from recluster.store import FINISHED, Store

        root = tmp_path_factory.mktemp("filled")
        store = Store(root / "results")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("recluster.run.CACHE", root / "weights")
            for run in missing(runs, store):
                assert execute(run, store, diagnosed=diagnosed(run)).status == FINISHED
        return store

    return fill


@pytest.fixture(scope="session")
def fingerprints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where processes of this session, whichever worker's, leave each other fingerprints.

    For processes of their own alone: what a test does to a method in its own must not get there.
    """
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "fingerprints"


@pytest.fixture
def execute_aside(tmp_path: Path, fingerprints: Path) -> Callable[..., NotebookNode]:
    """Executes the pair of a notebook's source at a scale, under more environment, outside the book."""
    import nbformat

    from recluster.fingerprint import MEMORY

    def executed(source: Path, scale: str, **environment: str) -> NotebookNode:
        pair = source.with_suffix(".ipynb")
        command = [sys.executable, "notebooks/execute.py", "run", str(pair.relative_to(ROOT))]
        target = tmp_path / pair.name
        finished = subprocess.run(
            [*command, str(target), "--scale", scale],
            cwd=ROOT,
            env={**os.environ, MEMORY: str(fingerprints), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        return nbformat.read(target, as_version=4)

    return executed


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Headless Chromium; one a session, since playwright's second would find the first one's loop."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no browser: neither chromium nor google-chrome is on the PATH")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built aside from what is committed; a warning is an error."""
    folder = tmp_path_factory.mktemp("book")
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", "-W", "-n", "--keep-going", "--path-output", folder, "book/"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    html = folder / "_build" / "html"
    assert (html / "index.html").stat().st_size > 0
    return html
