"""Make a notebook from its source, and execute it for the book.

    python notebooks/execute.py pair notebooks/pcx/tables.py
    python notebooks/execute.py run notebooks/pcx/tables.ipynb book/notebooks/pcx/tables.ipynb

The `.py` is the source. What is written here depends on it and on the records alone: no times, no
random ids, so that the same source always gives the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import papermill
from nbformat import NotebookNode

import recluster
from recluster.store import default_root

PARAMETERS = {"scale"}
INJECTED = "injected-parameters"
GROUND = "recluster"  # where a notebook's metadata say what it was made from
# The outputs that two machines give alike; pictures are compared by kind alone.
TEXTS = ("text/plain", "text/html", "text/markdown", "text/latex")


def paired(source: str) -> NotebookNode:
    """The notebook of a percent-format source: no outputs, ids from the cells' text."""
    notebook = jupytext.reads(source, fmt="py:percent")
    seen: Counter[str] = Counter()
    for cell in notebook.cells:
        digest = hashlib.sha256(cell.source.encode()).hexdigest()[:8]
        seen[digest] += 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    return notebook


def pair(source: Path) -> None:
    """Write the `.ipynb` beside a `.py`."""
    jupytext.write(paired(source.read_text()), source.with_suffix(".ipynb"), fmt="ipynb")


def check_parameters(notebook: Path, given: Mapping[str, object]) -> None:
    """Raise `ValueError` where papermill would only warn: a parameter that nothing reads."""
    known = set(papermill.inspect_notebook(str(notebook)))
    if known != PARAMETERS or set(given) != PARAMETERS:
        raise ValueError(
            f"{notebook}: the one parameter is {', '.join(PARAMETERS)}; "
            f"the notebook has {sorted(known)}, given were {sorted(given)}"
        )


def unfinished(notebook: NotebookNode) -> Iterator[str]:
    """What a complete execution would not have left, one line a fault."""
    if "papermill" not in notebook.metadata:
        yield "was never executed"
    for number, cell in enumerate(notebook.cells):
        state = cell.metadata.get("papermill", {})
        if state.get("status") != "completed" or state.get("exception"):
            yield f"cell {number} has status {state.get('status')!r}"
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            yield f"cell {number} holds an error"


def ground() -> dict[str, str]:
    """What every page rests on besides its source, as digests: the records, and the package."""
    package = Path(recluster.__file__).parent
    return {
        "records": _digest(default_root(), default_root().glob("*/record.json")),
        "package": _digest(package, package.rglob("*.py")),
    }


def _digest(root: Path, files: Iterable[Path]) -> str:
    """Of names and contents; a record's content holds the checksum of its arrays."""
    total = hashlib.sha256()
    for path in sorted(files):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(root).as_posix()} {content}\n".encode())
    return total.hexdigest()[:16]


def tidy(notebook: NotebookNode, source: Path, target: Path) -> NotebookNode:
    """Drop times and whatever only this machine knows; hide the cell that papermill puts in."""
    about = notebook.metadata.papermill
    notebook.metadata.papermill = {
        "input_path": source.as_posix(),
        "output_path": target.as_posix(),
        "parameters": about.parameters,
    }
    notebook.metadata.get("language_info", {}).pop("version", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        cell.metadata.papermill = {"status": cell.metadata.papermill.status}
        if INJECTED in cell.metadata.get("tags", []):
            cell.metadata.tags.append("remove-cell")
            cell.id = INJECTED
    return notebook


def executed(source: Path, target: Path, scale: str) -> NotebookNode:
    """The notebook after a complete execution at one scale."""
    parameters = {"scale": scale}
    check_parameters(source, parameters)
    before = ground()  # a record that comes while the notebook runs makes it stale
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder) / source.name
        papermill.execute_notebook(
            str(source), str(scratch), parameters, kernel_name="python3", progress_bar=False
        )
        notebook = nbformat.read(scratch, as_version=4)
    if faults := list(unfinished(notebook)):
        raise RuntimeError(f"{source}: {'; '.join(faults)}")
    notebook.metadata[GROUND] = before
    return tidy(notebook, source, target)


def run(source: Path, target: Path, scale: str) -> None:
    """Execute aside, then move into place: a failure leaves what was there."""
    notebook = executed(source, target, scale)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".partial")
    nbformat.write(notebook, aside)
    aside.replace(target)


def shown(notebook: NotebookNode) -> list[Any]:
    """What a page shows of an executed notebook; two machines must agree on it."""
    return [
        [cell.cell_type, cell.source, [_shown(output) for output in cell.get("outputs", [])]]
        for cell in notebook.cells
    ]


def _shown(output: NotebookNode) -> list[Any]:
    data = output.get("data", {})
    texts = {kind: text for kind, text in data.items() if kind in TEXTS}
    return [output.output_type, sorted(data), texts, output.get("name"), output.get("text")]


def main() -> None:
    """The command line: `pair SOURCE...` or `run SOURCE TARGET`."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    pairing = commands.add_parser("pair", help="write the .ipynb beside each .py")
    pairing.add_argument("sources", type=Path, nargs="+")
    running = commands.add_parser("run", help="execute SOURCE with papermill into TARGET")
    running.add_argument("source", type=Path)
    running.add_argument("target", type=Path)
    running.add_argument("--scale", default="paper", choices=["smoke", "laptop", "paper"])
    given = parser.parse_args()
    if given.command == "pair":
        for source in given.sources:
            pair(source)
    else:
        run(given.source, given.target, given.scale)


if __name__ == "__main__":
    main()
