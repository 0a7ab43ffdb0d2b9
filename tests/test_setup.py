"""The files that set the project up say the same thing."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def ranges(lines: list[str]) -> dict[str, SpecifierSet]:
    """Package to version range; a package named twice is an error."""
    requirements = [Requirement(line) for line in lines]
    found = {canonicalize_name(one.name): one.specifier for one in requirements}
    assert len(found) == len(requirements), "a package is named twice"
    return found


def declared() -> dict[str, SpecifierSet]:
    extras = PROJECT["optional-dependencies"].values()
    return ranges([*PROJECT["dependencies"], *(line for extra in extras for line in extra)])


def conda() -> tuple[list[str], list[str]]:
    """environment.yml: what conda installs, and the lines that pip gets."""
    dependencies = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in dependencies if isinstance(entry, dict)]
    return [entry for entry in dependencies if isinstance(entry, str)], pip


def constraints() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def test_environment_and_pyproject_name_the_same_ranges() -> None:
    _, pip = conda()
    assert ranges([line for line in pip if not line.startswith("-")]) == declared()


def test_environment_takes_exact_versions_from_the_constraints() -> None:
    _, pip = conda()
    options = [line for line in pip if line.startswith("-")]
    assert options == ["--constraint constraints.txt", "--editable ."]


def test_environment_and_pyproject_name_the_same_python() -> None:
    (python,) = [Requirement(line) for line in conda()[0] if line.startswith("python")]
    assert python.specifier == SpecifierSet(PROJECT["requires-python"])


@pytest.mark.parametrize("name", sorted(declared()))
def test_constraint_lies_in_the_range(name: str) -> None:
    pins = constraints()
    assert name in pins, f"constraints.txt does not pin {name}"
    assert declared()[name].contains(pins[name], prereleases=True)


def test_constraints_are_exact_and_name_no_host() -> None:
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.!+_]+", line), line
        assert "://" not in line


def test_jupyter_book_2_is_ruled_out() -> None:
    assert not declared()["jupyter-book"].contains("2.0.0")


@pytest.mark.parametrize("name", ["_config.yml", "_toc.yml"])
def test_the_book_reads_the_top_level_file(name: str) -> None:
    assert (ROOT / "book" / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize("scale", ["smoke", "laptop", "paper"])
def test_make_book_takes_every_page_to_the_scale_that_is_asked_for(scale: str) -> None:
    command = ["make", "--dry-run", "--always-make", "book", f"SCALE={scale}"]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    made = re.findall(r"execute\.py run (\S+) (\S+) --scale (\w+)", said)
    sources = (path.relative_to(ROOT) for path in (ROOT / "notebooks").glob("*/*.py"))
    pairs = sorted(source.with_suffix(".ipynb").as_posix() for source in sources)
    assert sorted(made) == [(pair, f"book/{pair}", scale) for pair in pairs]


def test_git_sees_nothing_of_what_is_made_beside_the_pages() -> None:
    made = (
        *(".venv/bin/python", "book/_build/html/index.html", "dist/site.tar.gz"),
        *("results/.locks/a-run", "book/notebooks/pcx/tables.partial", "notebooks/__pycache__/gate.pyc"),
    )
    command = ["git", "check-ignore", "--no-index", *made]
    ignored = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout
    assert ignored.split() == list(made)


def test_every_page_of_the_contents_is_there() -> None:
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text())
    pages = [toc["root"], *(page["file"] for part in toc["parts"] for page in part["chapters"])]
    for page in pages:
        found = [kind for kind in (".md", ".ipynb") if (ROOT / "book" / f"{page}{kind}").is_file()]
        assert found, f"_toc.yml names {page}, which book/ does not have"


def test_the_versions_agree() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    changes = (ROOT / "CHANGELOG.md").read_text()
    assert citation["version"] == PROJECT["version"]
    assert f"## {PROJECT['version']}" in changes
