"""Digests of code: what a run's behaviour can depend on, and nothing besides.

A digest covers the modules that something imports, and those that they import in turn. It is taken from
the syntax without comments, docstrings and layout, so that explaining a line better changes nothing, and
it is the same under every Python. The versions of what computes below us are in it.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn")
FOLDERS = ("methods", "parts", "nets")
MODULES = ("spec", "train", "fingerprint", "run", "metrics", "diagnostics")
REGISTRY = "recluster.methods"
"""It imports every method; whoever asks names the pages that are meant."""


def _read() -> dict[str, str]:
    here = Path(__file__).parent
    files = [path for folder in FOLDERS for path in (here / folder).glob("*.py")]
    files += [here / f"{name}.py" for name in MODULES]
    names = {path: ".".join(path.relative_to(here.parent).with_suffix("").parts) for path in files}
    return {name.removesuffix(".__init__"): path.read_text() for path, name in names.items()}


SOURCES = _read()  # now, while the same code is loaded: the files may change under a process


@cache
def digest(modules: frozenset[str]) -> str | None:
    """Sixteen hexadecimal digits for these modules and what they import; None if one is not ours."""
    if not modules <= SOURCES.keys():
        return None
    found: set[str] = set()
    while new := modules - found - {REGISTRY}:
        found |= new
        modules = frozenset(name for one in new for name in _known(one)[1])
    return short(repr([*((name, _known(name)[0]) for name in sorted(found)), *_versions()]))


@cache
def _versions() -> list[tuple[str, str]]:
    return [(package, version(package)) for package in PACKAGES]


def short(content: str) -> str:
    """Sixteen hexadecimal digits of the SHA-256."""
    return hashlib.sha256(content.encode()).hexdigest()[:16]


@cache
def _known(module: str) -> tuple[str, frozenset[str]]:
    """Digest of one module's own syntax, and which of `SOURCES` it imports."""
    tree = ast.parse(SOURCES[module])
    return short(repr(_plain(tree))), frozenset(_imported(tree)) & SOURCES.keys()


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _plain(node: Any) -> Any:
    """The syntax as nested lists, without what does nothing: texts that stand alone, empty fields."""
    if isinstance(node, list):
        return [_plain(one) for one in node if not _says_only(one)]
    if not isinstance(node, ast.AST):
        return node
    fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
    return [type(node).__name__, *((name, _plain(value)) for name, value in fields)]


def _says_only(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
