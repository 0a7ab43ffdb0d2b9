"""Publishing: the workflow, the environment of Binder, the buttons of a notebook's page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import execute
import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup

ROOT = Path(__file__).resolve().parents[1]
FLOW_TEXT = (ROOT / ".github" / "workflows" / "book.yml").read_text()
FLOW: dict[Any, Any] = yaml.safe_load(FLOW_TEXT)
JOBS: dict[str, dict[str, Any]] = FLOW["jobs"]
STEPS = [(job, step) for job, content in JOBS.items() for step in content["steps"]]
TRIGGERS = FLOW[True]  # YAML 1.1 reads the key `on` as a truth value

# --- the workflow ---------------------------------------------------------------------------------


def test_it_runs_for_pull_requests_for_main_and_for_tags() -> None:
    assert "pull_request" in TRIGGERS
    assert TRIGGERS["push"] == {"branches": ["main"], "tags": ["v*"]}


def test_every_action_is_pinned_to_a_major_version() -> None:
    used = [step["uses"] for _, step in STEPS if "uses" in step]
    assert used
    for action in used:
        assert re.fullmatch(r"actions/[\w-]+@v\d+", action), action


def test_permissions_are_the_least() -> None:
    assert FLOW["permissions"] == {"contents": "read"}
    given = {job: content.get("permissions") for job, content in JOBS.items()}
    assert given == {
        "build": None,
        "publish": {"pages": "write", "id-token": "write"},
        "release": {"contents": "write"},
    }


def test_only_main_is_published_and_only_a_tag_is_released() -> None:
    assert "github.ref == 'refs/heads/main'" in JOBS["publish"]["if"]
    assert "pull_request'" in JOBS["publish"]["if"]
    assert JOBS["release"]["if"] == "startsWith(github.ref, 'refs/tags/v')"
    assert JOBS["publish"]["needs"] == JOBS["release"]["needs"] == "build"


def test_no_job_can_hang_and_none_races_another() -> None:
    assert all(0 < job["timeout-minutes"] <= 120 for job in JOBS.values())
    assert "github.ref" in FLOW["concurrency"]["group"]


def test_the_cache_is_keyed_by_what_the_environment_holds() -> None:
    (python,) = [step for _, step in STEPS if step.get("uses", "").startswith("actions/setup-python@")]
    assert python["with"]["cache-dependency-path"].split() == ["pyproject.toml", "constraints.txt"]


def test_the_tests_come_before_the_book_overwrites_what_they_compare() -> None:
    commands = [step.get("run", "") for job, step in STEPS if job == "build"]
    order = [commands.index(f"make {target}") for target in ("env", "test", "book", "archives")]
    assert order == sorted(order)


def test_every_target_that_it_makes_is_there() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    made = {name for _, step in STEPS for name in re.findall(r"\bmake (\w+)", step.get("run", ""))}
    assert made
    assert made <= targets


@pytest.mark.parametrize("script", [step["run"] for _, step in STEPS if "run" in step])
def test_its_scripts_are_bash(script: str) -> None:
    checked = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_it_names_no_host() -> None:
    assert "://" not in FLOW_TEXT


def test_a_release_carries_the_site_the_records_and_their_checksums() -> None:
    script = next(step["run"] for job, step in STEPS if job == "release" and "run" in step)
    for name in ("site.tar.gz", "records.tar.gz", "SHA256SUMS"):
        assert name in script
        assert name in (ROOT / "Makefile").read_text()


def test_archives_of_the_same_content_are_the_same(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text())
    for name in ("book/_build/html/index.html", "results/one/record.json", "results/.locks/one"):
        path = tmp_path / name
        path.parent.mkdir(parents=True)
        path.write_text(name)
    for name in (
        "pyproject.toml",
        "constraints.txt",
        "src/recluster/a.py",
        "book/_static/a",
        "book/_ext/a",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    def sums() -> str:
        subprocess.run(["make", "archives"], cwd=tmp_path, check=True, capture_output=True)
        return (tmp_path / "dist" / "SHA256SUMS").read_text()

    first = sums()
    (tmp_path / "results/one/record.json").touch()
    assert sums() == first
    packed = ["tar", "--list", "--file", tmp_path / "dist" / "records.tar.gz"]
    assert ".locks" not in subprocess.run(packed, check=True, capture_output=True, text=True).stdout
    (tmp_path / "results/one/record.json").write_text("another")
    assert sums() != first


# --- Binder ---------------------------------------------------------------------------------------

# What Binder would take instead of environment.yml, or beside it.
OTHER_ENVIRONMENTS = (
    *("binder", ".binder", "requirements.txt", "runtime.txt", "Pipfile", "setup.py", "apt.txt"),
    *("Dockerfile", "environment.yaml", "postBuild", "start", "flake.nix", "default.nix"),
)


@pytest.mark.parametrize("name", OTHER_ENVIRONMENTS)
def test_binder_takes_our_environment_and_no_other(name: str) -> None:
    """`test_setup.py` compares environment.yml with pyproject.toml and constraints.txt."""
    assert (ROOT / "environment.yml").is_file()
    assert not (ROOT / name).exists()


# --- buttons --------------------------------------------------------------------------------------

ADDRESS = "https://github.com/someone/recluster"
PAGE = "notebooks/pcx/tables"
SOURCE = """\
# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A page

# %%
1 + 1
"""
Build = Callable[..., Path]


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """A book of one text and one notebook, by our configuration with an address, without records."""
    book = tmp_path / "book"
    for folder in ("_ext", "_static"):
        copytree(ROOT / "book" / folder, book / folder)
    (book / "references.bib").write_text("")
    (book / "intro.md").write_text("# A book\n")
    toc = {"format": "jb-book", "root": "intro", "chapters": [{"file": PAGE}]}
    (book / "_toc.yml").write_text(yaml.safe_dump(toc))
    for folder in (book, tmp_path):
        (folder / PAGE).parent.mkdir(parents=True)
    (tmp_path / f"{PAGE}.py").write_text(SOURCE)
    nbformat.write(execute.paired(SOURCE), book / f"{PAGE}.ipynb")

    def built(address: str, **variables: str) -> Path:
        config = (ROOT / "_config.yml").read_text()
        for old, new in (('url: ""', f'url: "{address}"'), ("    companion: _ext\n", "")):
            assert config.count(old) == 1
            config = config.replace(old, new)
        (book / "_config.yml").write_text(config)
        program = Path(sys.executable).with_name("jupyter-book")
        command = [program, "build", "-W", "-n", "--keep-going", "--all", book]
        kept = {name: value for name, value in os.environ.items() if name != "RECLUSTER_REPOSITORY"}
        finished = subprocess.run(
            command, capture_output=True, text=True, check=False, env=kept | variables
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return book / "_build" / "html" / f"{PAGE}.html"

    return built


def links(page: Path) -> set[str]:
    soup = BeautifulSoup(page.read_text(), "html.parser")
    return {str(tag["href"]) for tag in soup.select("a[href]")}


@pytest.mark.slow
@pytest.mark.parametrize("published", [False, True])
def test_an_address_brings_the_buttons(build: Build, published: bool) -> None:
    found = links(build("", RECLUSTER_REPOSITORY=ADDRESS) if published else build(ADDRESS))
    place = f"book/{PAGE}.ipynb"
    assert (ROOT / place).is_file()
    assert f"https://mybinder.org/v2/gh/someone/recluster/main?urlpath=lab/tree/{place}" in found
    assert f"https://colab.research.google.com/github/someone/recluster/blob/main/{place}" in found
    assert ADDRESS in found


@pytest.mark.slow
def test_without_an_address_there_are_downloads_alone(build: Build) -> None:
    page = build("")
    found = links(page)
    assert not any("mybinder" in link or "colab" in link for link in found)
    for kind in (".ipynb", ".py"):
        (link,) = [link for link in found if link.endswith(f"/{PAGE}{kind}")]
        assert (page.parent / link).is_file()
    assert (page.parents[2] / "_sources" / f"{PAGE}.py").read_text() == SOURCE
