"""What a notebook may hold, checked on its source; its pair and its execution are current."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import execute
import jupytext
import nbformat
import prose
import pytest
from jupytext.compare import NotebookDifference, compare_notebooks
from nbformat import NotebookNode

from recluster.fingerprint import MEMORY
from recluster.papers import CLAIMS, searched

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("method", "tables", "figures", "ablations")
CAUSES = "causes"  # a fifth, where claims of ours ask why a paper's numbers are out of reach
SCALES = ("smoke", "laptop", "paper")
PAPERS = sorted(path for path in (ROOT / "notebooks").iterdir() if (path / "method.py").is_file())
CHAPTERS = sorted({path.parent for path in (ROOT / "notebooks").glob("*/*.py")})
SOURCES = sorted(source for chapter in CHAPTERS for source in chapter.glob("*.py"))

LINES = 8
LARGEST = 10  # k = 10 is a number of clusters, 97 is a result
TRAINING = {"Adam", "AdamW", "SGD", "RMSprop", "backward", "optim", "zero_grad"}
FILES = {"Path", "chdir", "glob", "open", "os", "pathlib", "savefig", "shutil"}
CHANCE = {"Generator", "RandomState", "default_rng", "manual_seed", "random_state", "seed", "seeds"}
SETTINGS = {
    *("batch", "batch_size", "epochs", "eps", "epsilon", "eta", "kappa", "learning_rate", "lr"),
    *("momentum", "rate", "rho", "sigma", "tau", "weight_decay"),
}
PATH = re.compile(
    r"^[\w.~-]*/[\w./-]*\.\w+$|^(/|\./|\.\./|~/)"
    r"|\.(bz2|csv|gz|html|ipynb|json|md|npy|npz|parquet|pdf|png|pt|py|svg|txt|yml)$"
)


# --- the rules ------------------------------------------------------------------------------------


def code(notebook: NotebookNode) -> Iterator[tuple[str, ast.Module]]:
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            yield f"cell {number}", ast.parse(cell.source)


def names(tree: ast.AST) -> Iterator[str]:
    """Everything that the code calls by a name: variables, attributes, keywords, imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.keyword):
            yield node.arg or ""
        elif isinstance(node, ast.alias):
            yield from node.name.split(".")
        elif isinstance(node, ast.ImportFrom):
            yield from (node.module or "").split(".")


def plain_python(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and re.search(r"^\s*[%!]", cell.source, re.MULTILINE):
            yield f"cell {number} holds a magic or a shell command"


def short_cells(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and len(cell.source.splitlines()) > LINES:
            yield f"cell {number} has more than {LINES} lines"


def no_definitions(notebook: NotebookNode) -> Iterator[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    for where, tree in code(notebook):
        if any(isinstance(node, kinds) for node in ast.walk(tree)):
            yield f"{where} defines something; that belongs in the package"


def no_training(notebook: NotebookNode) -> Iterator[str]:
    for where, tree in code(notebook):
        for name in TRAINING.intersection(names(tree)):
            yield f"{where} trains by hand: {name}"


def no_paths(notebook: NotebookNode) -> Iterator[str]:
    for where, tree in code(notebook):
        for name in FILES.intersection(names(tree)):
            yield f"{where} reaches for files: {name}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and PATH.search(str(node.value)):
                yield f"{where} holds a path: {node.value!r}"


def no_seeds(notebook: NotebookNode) -> Iterator[str]:
    for where, tree in code(notebook):
        for name in CHANCE.intersection(names(tree)):
            yield f"{where} takes chance into its own hands: {name}"


def no_settings(notebook: NotebookNode) -> Iterator[str]:
    for where, tree in code(notebook):
        given = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
        stored = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for name in SETTINGS & (given | stored):
            yield f"{where} sets {name}; settings live in a Config"


def no_typed_results(notebook: NotebookNode) -> Iterator[str]:
    for where, tree in code(notebook):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and typed_in(node.value):
                yield f"{where} holds a number that no record gave: {node.value!r}"
    for number, cell in enumerate(notebook.cells):
        if cell.cell_type == "markdown":
            yield from (f"cell {number}: {found}" for found in prose.typed_results(cell.source))


def typed_in(value: object) -> bool:
    if isinstance(value, str):
        return any(prose.results_in(value))
    if isinstance(value, int):
        return abs(value) > LARGEST
    return isinstance(value, float | complex)


def one_parameter(notebook: NotebookNode) -> Iterator[str]:
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        yield f"{len(cells)} cells are tagged parameters, not one"
        return
    if "remove-cell" not in cells[0].metadata.tags:
        yield "the parameters cell shows on the page: tag it remove-cell"
    if cells[0].source.strip() not in {f'scale = "{scale}"' for scale in SCALES}:
        yield "the parameters cell must hold one line, scale, and one of the three scales"


def starts_with_its_title(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "the first cell must be the page's title"


def names_its_kernel(notebook: NotebookNode) -> Iterator[str]:
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "the header must name the kernel python3, or papermill stops"


def figures_are_described(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(notebook.cells):
        told = cell.metadata.get("mystnb", {})
        if "figure" in told and not {"name", "caption"} <= set(told["figure"]):
            yield f"cell {number}: a figure needs a name and a caption"
        if "figure" in told and not told.get("image", {}).get("alt"):
            yield f"cell {number}: a figure needs an image.alt text"


RULES: tuple[Callable[[NotebookNode], Iterator[str]], ...] = (
    plain_python,
    short_cells,
    no_definitions,
    no_training,
    no_paths,
    no_seeds,
    no_settings,
    no_typed_results,
    one_parameter,
    starts_with_its_title,
    names_its_kernel,
    figures_are_described,
)

HEADER = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A title, with Table 6 and Sec. 3.3.1 of the paper
#
# Here $\\kappa = 0.995$, as `0.5` and {{ records_total }} are no results, nor is 3x3.

# %% tags=["parameters", "remove-cell"]
scale = "smoke"
"""
GOOD = f"""{HEADER}
# %% mystnb={{"figure": {{"name": "f", "caption": "c"}}, "image": {{"alt": "a"}}}}
from recluster import report

report.table("pcx.table6", scale=scale, columns=10)
"""
BAD: dict[Callable[[NotebookNode], Iterator[str]], list[str]] = {
    plain_python: ["%matplotlib inline", "!ls"],
    short_cells: ["\n".join(["x = 1"] * 9)],
    no_definitions: ["def f(): pass", "class A: pass", "f = lambda x: x", "async def f(): pass"],
    no_training: ["loss.backward()", "torch.optim.SGD(p)", "from torch.optim import Adam"],
    no_paths: [
        "x = 'results/one.json'",
        "x = '../results'",
        "open(name)",
        "import os",
        "from pathlib import Path",
        "read('curves.npy')",
    ],
    no_seeds: ["f(seed=1)", "seed = 1", "torch.manual_seed(1)", "import numpy.random.Generator"],
    no_settings: ["Config(tau=5)", "lr = 1", "fit(x, epochs=3)"],
    no_typed_results: [
        "acc = 0.975",
        "acc = 97",
        "print('ours: 97.5')",
        "# %% [markdown]\n# Ours is 97.5 on MNIST.",
        "# %% [markdown]\n# Ours gains 3 points.",
        "# %% [markdown]\n# Ours is at 97 %.",
    ],
    one_parameter: ['# %% tags=["parameters"]\nseed = 1'],
    figures_are_described: ['# %% mystnb={"figure": {"name": "f"}}\n1'],
}


def read(source: str) -> NotebookNode:
    return jupytext.reads(source, fmt="py:percent")


def with_cell(cell: str) -> NotebookNode:
    """The good notebook and one more cell; magics are put in as Jupyter would show them."""
    if cell.startswith("# %%"):
        return read(f"{GOOD}\n{cell}\n")
    notebook = read(GOOD)
    notebook.cells.append(nbformat.v4.new_code_cell(cell))
    return notebook


@pytest.mark.parametrize("rule", RULES)
def test_rule_lets_a_good_notebook_pass(rule: Callable[[NotebookNode], Iterator[str]]) -> None:
    assert list(rule(read(GOOD))) == []


@pytest.mark.parametrize(("rule", "cell"), [(rule, cell) for rule in BAD for cell in BAD[rule]])
def test_rule_catches(rule: Callable[[NotebookNode], Iterator[str]], cell: str) -> None:
    assert list(rule(with_cell(cell)))


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (one_parameter, GOOD.replace(', "remove-cell"', "")),
        (one_parameter, GOOD.replace('scale = "smoke"', 'scale = "huge"')),
        (one_parameter, GOOD.replace('scale = "smoke"', 'scale = "smoke"\nk = 3')),
        (one_parameter, GOOD.replace("parameters", "settings")),
        (starts_with_its_title, GOOD.replace("# # A title", "# A title")),
        (names_its_kernel, GOOD.replace("name: python3", "name: julia")),
    ],
)
def test_rule_catches_in_the_whole(rule: Callable[[NotebookNode], Iterator[str]], source: str) -> None:
    assert list(rule(read(source)))


def test_every_rule_has_an_example_that_breaks_it() -> None:
    assert set(RULES) == {*BAD, starts_with_its_title, names_its_kernel}


# --- the notebooks --------------------------------------------------------------------------------


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def in_book(source: Path) -> Path:
    return ROOT / "book" / source.relative_to(ROOT).with_suffix(".ipynb")


def scale_of(notebook: NotebookNode) -> str:
    (value,) = dict(notebook.metadata.papermill.parameters).values()
    return str(value)


sources = pytest.mark.parametrize("source", SOURCES, ids=short)


def test_there_are_notebooks() -> None:
    assert PAPERS


@pytest.mark.parametrize("paper", PAPERS, ids=short)
def test_each_paper_has_the_four_pages_in_pairs_and_one_more_for_causes(paper: Path) -> None:
    pages = (*PAGES, CAUSES) if searched(paper.name) else PAGES
    wanted = {f"{page}{kind}" for page in pages for kind in (".py", ".ipynb")}
    assert {path.name for path in paper.iterdir() if path.is_file()} == wanted


@sources
@pytest.mark.parametrize("rule", RULES)
def test_notebook_keeps(rule: Callable[[NotebookNode], Iterator[str]], source: Path) -> None:
    assert list(rule(read(source.read_text()))) == []


@sources
def test_pair_is_current(source: Path) -> None:
    made = nbformat.read(source.with_suffix(".ipynb"), as_version=4)
    compare_notebooks(made, read(source.read_text()), fmt="py:percent", compare_outputs=False)


def test_a_stale_pair_is_noticed() -> None:
    stale = execute.paired(GOOD.replace("columns=10", "columns=9"))
    with pytest.raises(NotebookDifference):
        compare_notebooks(stale, read(GOOD), fmt="py:percent", compare_outputs=False)


@sources
def test_pair_holds_no_outputs(source: Path) -> None:
    for cell in nbformat.read(source.with_suffix(".ipynb"), as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_the_same_source_gives_the_same_pair() -> None:
    assert nbformat.writes(execute.paired(GOOD)) == nbformat.writes(execute.paired(GOOD))


# --- their execution ------------------------------------------------------------------------------


@sources
def test_executed_notebook_is_complete_and_of_this_source(source: Path) -> None:
    executed = nbformat.read(in_book(source), as_version=4)
    assert list(execute.unfinished(executed)) == []
    own = [cell.source for cell in executed.cells if cell.id != execute.INJECTED]
    assert own == [cell.source for cell in read(source.read_text()).cells], "run: make notebooks"


def test_the_book_is_of_one_scale() -> None:
    scales = {scale_of(nbformat.read(in_book(source), as_version=4)) for source in SOURCES}
    assert scales == {"paper"}, f"run: make notebooks SCALE=paper; there are {sorted(scales)}"


@pytest.mark.slow
@pytest.mark.parametrize("source", [one for one in SOURCES if one.stem == "tables"], ids=short)
def test_executed_notebook_says_what_a_new_execution_says(
    source: Path, execute_aside: Callable[..., NotebookNode]
) -> None:
    committed = nbformat.read(in_book(source), as_version=4)
    anew = execute_aside(source, scale_of(committed))
    assert execute.shown(committed) == execute.shown(anew), "run: make notebooks"


@pytest.fixture(scope="session")
def smoke_records(tmp_path_factory: pytest.TempPathFactory, fingerprints: Path) -> Path:
    """Every claim's runs at smoke scale, made now and on this machine."""
    folder = tmp_path_factory.mktemp("smoke")
    command = [sys.executable, "-m", "recluster", "run", *(path.name for path in CHAPTERS)]
    finished = subprocess.run(
        [*command, "--scale", "smoke", "--results", str(folder)],
        env={**os.environ, MEMORY: str(fingerprints)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    return folder


@pytest.mark.slow
@sources
def test_notebook_shows_new_records_at_smoke_scale(
    source: Path, smoke_records: Path, execute_aside: Callable[..., NotebookNode]
) -> None:
    text = nbformat.writes(execute_aside(source, "smoke", RECLUSTER_RESULTS=str(smoke_records)))
    assert "scale <b>smoke</b>" in text or "page.card(" not in source.read_text()
    tables = re.findall(r'page\.table\("([^"]+)"', source.read_text())
    filled = re.search("state-(new|smaller-run)", text)
    assert filled or not any(CLAIMS[name].plan.get("smoke") for name in tables)
    assert "Runs of the smoke scale are missing" not in text
    if source.stem == "figures":
        assert 'state-not-run\\"><code>' not in text
        assert text.count("image/png") >= 5


def test_a_notebook_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "bad.ipynb", tmp_path / "out.ipynb"
    nbformat.write(execute.paired(f"{HEADER}\n# %%\n1 / 0\n"), source)
    target.write_text("before")
    command = [sys.executable, str(ROOT / "notebooks/execute.py"), "run", source, target]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    assert finished.returncode != 0
    assert "ZeroDivisionError" in finished.stderr
    assert target.read_text() == "before"


@pytest.mark.parametrize("given", [{}, {"scales": "smoke"}, {"scale": "smoke", "k": 3}])
def test_an_unknown_parameter_is_refused(tmp_path: Path, given: dict[str, object]) -> None:
    notebook = tmp_path / "good.ipynb"
    nbformat.write(execute.paired(GOOD), notebook)
    execute.check_parameters(notebook, {"scale": "smoke"})
    with pytest.raises(ValueError, match="the one parameter is scale"):
        execute.check_parameters(notebook, given)


def half_run(**state: object) -> NotebookNode:
    notebook = execute.paired(GOOD)
    notebook.metadata["papermill"] = {"parameters": {"scale": "paper"}}
    for cell in notebook.cells:
        cell.metadata["papermill"] = {"status": "completed"}
    notebook.cells[-1].metadata["papermill"] |= state
    return notebook


def test_a_half_run_notebook_is_noticed() -> None:
    assert list(execute.unfinished(half_run())) == []
    assert list(execute.unfinished(execute.paired(GOOD)))
    assert list(execute.unfinished(half_run(status="pending")))
    assert list(execute.unfinished(half_run(status="running")))
    assert list(execute.unfinished(half_run(exception=True)))
    failed = half_run()
    failed.cells[-1].outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])]
    assert list(execute.unfinished(failed))
