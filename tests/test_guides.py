"""The guides are followed to the letter: every block of code in them is run, in their order."""

from __future__ import annotations

import doctest
import html
import importlib
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import execute
import gate
import nbformat
import pandas as pd
import pytest
from markdown_it import MarkdownIt

import recluster
from recluster import cli
from recluster.data import DATASETS
from recluster.methods import METHODS
from recluster.papers import CLAIMS
from recluster.report import sources
from recluster.spec import SCALES

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
PROJECT = ("src", "tests", "notebooks", "book", "pyproject.toml", "_toc.yml", "_config.yml")
CAPTION = re.compile(r"\A:caption: (.+)\n\n")
DOCUMENTED = re.compile(r"^\.\. automodule:: ([\w.]+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A block of code: its language, the file that it is for if any, and its lines."""

    language: str
    file: str | None
    code: str


def blocks(page: str) -> Iterator[Block]:
    """The blocks of a page that are to be run or applied; `text` ones are only shown."""
    for token in MarkdownIt().parse((BOOK / page).read_text()):
        if token.type == "fence":
            language = token.info.removeprefix("{code-block}").strip()
            caption = CAPTION.match(token.content)
            code = token.content[caption.end() :] if caption else token.content
            if language in ("python", "bash", "diff"):
                yield Block(language, caption.group(1) if caption else None, code)


def environment(**more: str) -> dict[str, str]:
    """The programs of this environment first, one thread, no records of the outside."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if name != "RECLUSTER_RESULTS"}
    return {**kept, "PATH": programs, "OMP_NUM_THREADS": "1", **more}


def carry_out(command: list[str], folder: Path, **more: str) -> str:
    finished = subprocess.run(
        command, cwd=folder, env=environment(**more), capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, f"{command[-1]}\n{finished.stdout}\n{finished.stderr}"
    return finished.stdout


# --- run it on your data --------------------------------------------------------------------------


@pytest.mark.slow
def test_own_data_runs_as_it_stands(tmp_path: Path) -> None:
    programs = {"python": [sys.executable, "-c"], "bash": ["bash", "-euo", "pipefail", "-c"]}
    said = [carry_out([*programs[b.language], b.code], tmp_path) for b in blocks("own_data.md")]
    assert len(said) == 5
    for name in ("kmeans", "idec", "dcss"):
        head, *lines = (tmp_path / f"{name}.csv").read_text().splitlines()
        assert head.startswith("row,cluster")
        assert len(lines) == 300
    assert (tmp_path / "dcss.csv").read_text().startswith("row,cluster,probability,file")
    for name in ("idec.html", "dcss.html"):
        assert "k-means" in (tmp_path / name).read_text()


def test_the_page_of_the_data_has_every_set_and_its_commands_are_there() -> None:
    table = sources.as_html()
    named = re.findall(r"<code>(.*?)</code>", table)
    assert named == [name for family in sources.families() for name in family]
    assert set(named) == set(DATASETS)
    planned = {run.dataset for claim in CLAIMS.values() for s in SCALES for run in claim.runs(s, 1)}
    assert planned <= set(named)
    text = (BOOK / "data.md").read_text() + html.unescape(table)
    said = set(re.findall(r"recluster data (\w+)", text))
    offered = {command.name for command in cli.data_app.registered_commands}
    assert said == offered


def test_own_data_quotes_what_the_package_says() -> None:
    text = (BOOK / "own_data.md").read_text()
    source = "".join(path.read_text() for path in (ROOT / "src/recluster").rglob("*.py"))
    quoted = re.findall(r'^\| "([^"]+)" \|', text, re.MULTILINE)
    assert len(quoted) == 4
    assert [words for words in quoted if words not in source] == []


# --- add a paper ----------------------------------------------------------------------------------


def applied(text: str, diff: str) -> str:
    """The text after a block of lines with signs; its old lines must stand there exactly once."""
    lines = diff.splitlines()
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    assert text.count(old) == 1, f"the guide changes lines that are not there once:\n{old}"
    return text.replace(old, new)


def test_a_diff_is_applied_where_it_belongs() -> None:
    assert applied("a\nb\nc\n", " a\n-b\n+d\n+e\n") == "a\nd\ne\nc\n"
    with pytest.raises(AssertionError, match="not there once"):
        applied("a\nb\n", " c\n+d\n")
    with pytest.raises(AssertionError, match="not there once"):
        applied("a\na\n", " a\n+d\n")


def test_the_diffs_of_the_guide_fit_the_project() -> None:
    changed: dict[str, str] = {}
    for block in blocks("sixth_paper.md"):
        if block.language == "diff":
            assert block.file is not None
            before = changed.get(block.file) or (ROOT / block.file).read_text()
            changed[block.file] = applied(before, block.code)
    assert len(changed) == 6


@pytest.fixture(scope="session")
def with_sixth_paper(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A copy of the project to which the guide was applied, and what its commands said."""
    copy = tmp_path_factory.mktemp("sixth")
    unwanted = shutil.ignore_patterns("_build", "__pycache__", "*.partial")
    for name in PROJECT:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, symlinks=True, ignore=unwanted)
        else:
            shutil.copy(ROOT / name, copy / name)
    said = {}
    for block in blocks("sixth_paper.md"):
        if block.file is None:
            for line in block.code.splitlines():
                said[line] = carry_out(["bash", "-c", line], copy, PYTHONPATH=str(copy / "src"))
            continue
        path = copy / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            block.code if block.language == "python" else applied(path.read_text(), block.code)
        )
    return copy, said


@pytest.mark.slow
def test_the_sixth_paper_is_listed_and_run(with_sixth_paper: tuple[Path, dict[str, str]]) -> None:
    copy, said = with_sixth_paper
    assert re.search(r"^sphere\.digits .* 6 not run", said["recluster list"], re.MULTILINE)
    assert "6 new" not in said["recluster list"]
    runs = sorted(path.parent.name for path in (copy / "results").glob("*/record.json"))
    assert [name.partition("-digits-smoke-s0-")[0] for name in runs] == ["kmeans", "sphere"]
    assert "spherical k-means" in said["recluster show sphere.digits"]


@pytest.mark.slow
def test_the_laws_speak_of_the_sixth_paper(with_sixth_paper: tuple[Path, dict[str, str]]) -> None:
    _, said = with_sixth_paper
    (laws,) = [text for command, text in said.items() if "test_laws" in command]
    passed = re.search(r"(\d+) passed", laws)
    assert passed is not None
    assert int(passed.group(1)) > 20
    (rules,) = [text for command, text in said.items() if "test_notebooks" in command]
    assert "passed" in rules


@pytest.mark.slow
def test_the_sixth_paper_has_its_page(with_sixth_paper: tuple[Path, dict[str, str]]) -> None:
    copy, _ = with_sixth_paper
    name = "notebooks/sphere/tables"
    assert name in gate.contents(copy / "book")
    page = nbformat.read(copy / "book" / f"{name}.ipynb", as_version=4)
    assert [*execute.unfinished(page), *gate.typed_results(page)] == []
    assert list(gate.stale(page, copy / f"{name}.py")) == []
    shown = "".join(gate.outputs(page))
    assert 'id="sphere.digits-smoke"' in shown
    assert shown.count('class="state-new"') >= 6
    assert "The first centroids are samples drawn at random" in shown


# --- the reference --------------------------------------------------------------------------------


def modules() -> set[str]:
    """Every module of the package."""
    return {module.name for module in pkgutil.walk_packages(recluster.__path__, "recluster.")}


# `data` and `report` say by `__all__` what is public in them; a paper's claims are shown as tables, the
# command line by its own help.
SHOWN_ELSEWHERE = re.compile(
    r"recluster\.(__main__|cli|data\..+|report\..+|papers|papers\.(?!claim$|suite$).+|nets|methods|parts)$"
)


def test_the_reference_has_every_public_module() -> None:
    listed = set(DOCUMENTED.findall((BOOK / "api.md").read_text()))
    wanted = {name for name in modules() if not SHOWN_ELSEWHERE.match(name)}
    assert listed <= modules()
    assert wanted <= listed, "book/api.md: add an automodule for each"


def test_the_examples_of_the_reference_give_what_they_show() -> None:
    outcome = doctest.testfile(str(BOOK / "api.md"), module_relative=False)
    assert outcome.attempted >= 5
    assert outcome.failed == 0


def test_the_examples_in_docstrings_give_what_they_show() -> None:
    for name in DOCUMENTED.findall((BOOK / "api.md").read_text()):
        assert doctest.testmod(importlib.import_module(name)).failed == 0, name


def test_costs_grow_as_the_page_says() -> None:
    slopes = pd.read_csv(ROOT / "benchmarks" / "exponents.csv", index_col="method")
    assert not slopes.isna().any(axis=None)
    assert (slopes["seconds by n"] < 1.1).all()
    assert (slopes[["MB by n", "MB by k"]] < 1.1).all(axis=None)
    steep = slopes[["seconds by k", "seconds by d"]] > 0.5
    assert set(steep.index[steep["seconds by k"]]) == {"k-means", "DCSS, first"}
    assert set(steep.index[steep["seconds by d"]]) == {"k-means", "SeCu"}


def test_every_method_is_in_the_figure_of_costs() -> None:
    points = pd.read_csv(ROOT / "benchmarks" / "scaling.csv")
    drawn = set(points["method"].str.lower())
    papers = {"pc-x": "pcx", "ulhe-dc": "ulhe", "k-means": "kmeans"}
    papers |= {"dcss, first": "dcss-u", "dcss, second": "dcss"}
    not_drawn = {"acai", "ulhe-ae", "shallow", "cmeans"}
    assert {papers.get(name, name) for name in drawn} == METHODS.keys() - not_drawn
    assert (points.groupby("method")["n"].max() == 140_000).all()
