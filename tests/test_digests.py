"""Digests of code, and what is kept under them: moved by behaviour alone, and never in the way."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from recluster import digests, fingerprint
from recluster.methods import METHODS, dec, kmeans
from recluster.parts import pretraining
from recluster.spec import Config

CONFIG = kmeans.Config(restarts=2)
PAGE = '''
"""A page."""

from recluster.parts import one
from recluster.spec import Config  # as all do

RATE = 0.1
"""Not printed."""


def fit(x: float) -> float:
    """One step."""
    return RATE * one.step(x)
'''


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A package of its own: a page, what it imports, what that imports, and a page beside it."""
    made = {
        "recluster.methods.page": PAGE,
        "recluster.methods.other": "from recluster.methods import page\nRATE = 0.2\n",
        "recluster.methods": "from recluster.methods import other, page\n",
        "recluster.parts": "",
        "recluster.parts.one": "import recluster.nets.deep\nstep = abs\n",
        "recluster.nets.deep": "DEPTH = 3\n",
        "recluster.spec": "class Config: ...\n",
    }
    monkeypatch.setattr(digests, "SOURCES", made)
    return made


@pytest.fixture(autouse=True)
def forgetful() -> Iterator[None]:
    """Nothing is remembered from before, or for later."""
    known = digests.digest, digests._known, fingerprint._measured, fingerprint.committed
    for one in known:
        one.cache_clear()
    yield
    for one in known:
        one.cache_clear()


def of_page() -> str | None:
    digests.digest.cache_clear()
    digests._known.cache_clear()
    return digests.digest(frozenset({"recluster.methods.page"}))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# as all do", "# as every method does"),
        ('"""A page."""', '"""A page of ours."""'),
        ('"""Not printed."""', '"""Not printed; 0.1 keeps the loss finite."""'),
        ('    """One step."""\n', ""),
        ("RATE = 0.1", "RATE = (\n    0.1\n)"),
        ("\n\n\ndef", "\n\ndef"),
    ],
)
def test_comments_docstrings_and_layout_do_not_move_it(sources, old, new):
    before = of_page()
    assert old in PAGE
    sources["recluster.methods.page"] = PAGE.replace(old, new)
    assert of_page() == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 0.1", "RATE = 0.2"),
        ("RATE = 0.1", "RATE = 1"),
        ("RATE * one", "RATE + one"),
        ("RATE * one.step(x)", "RATE * one.step(x), None"),
        ("fit(x: float)", "fit(x: float = 0)"),
        ("import one", "import one as one"),
    ],
)
def test_what_is_done_moves_it(sources, old, new):
    before = of_page()
    assert old in PAGE
    sources["recluster.methods.page"] = PAGE.replace(old, new)
    assert of_page() != before


@pytest.mark.parametrize("module", ["recluster.parts.one", "recluster.nets.deep", "recluster.spec"])
def test_it_is_moved_by_what_a_page_imports_and_what_that_imports(sources, module):
    before = of_page()
    sources[module] += "MORE = 1\n"
    assert of_page() != before


@pytest.mark.parametrize("module", ["recluster.methods.other", "recluster.methods"])
def test_pages_that_it_does_not_import_leave_it(sources, module):
    before = of_page()
    sources[module] += "MORE = 1\n"
    assert of_page() == before


def test_versions_below_move_it(sources, monkeypatch):
    before = of_page()
    monkeypatch.setattr(digests, "_versions", lambda: [("torch", "0")])
    assert of_page() != before


def test_of_foreign_code_there_is_none(sources):
    assert digests.digest(frozenset({"recluster.methods.page", "somewhere.else"})) is None


@pytest.mark.parametrize("name", METHODS)
def test_every_method_has_one_that_covers_its_page_and_what_measures(name):
    config = METHODS[name].config
    page = config.__module__
    assert METHODS[name].fit.__module__ == page  # by which the config is looked up
    assert {page, "recluster.fingerprint", "recluster.spec"} <= digests.SOURCES.keys()
    assert digests.digest(frozenset({page}))


def test_one_of_a_run_covers_the_page_of_what_it_starts_from():
    def of(page: str, start: Config | None = None) -> Config:
        return type("Config", (Config,), {"__module__": f"recluster.methods.{page}"})(start=start)

    found = {fingerprint.digest(one) for one in (of("dec"), of("dcss"), of("dcss", of("dec")))}
    assert len(found) == 3
    assert fingerprint.digest(of("dec")) == fingerprint.digest(dec.Config(steps=2)) in found


# --- what is kept under them --------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where fingerprints are kept; nothing is committed."""
    monkeypatch.setattr(fingerprint, "COMMITTED", tmp_path / "none.json")
    monkeypatch.setenv(fingerprint.MEMORY, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows by a method's name whenever one is measured."""
    seen: list[str] = []

    def computed(config):
        seen.append(config.method)
        return (0.5, float(len(seen)))

    monkeypatch.setattr(fingerprint, "computed", computed)
    return seen


def again(config=CONFIG) -> tuple[float, ...]:
    """As another process has it."""
    fingerprint._measured.cache_clear()
    fingerprint.committed.cache_clear()
    return fingerprint.fingerprint(config)


def test_a_fingerprint_is_measured_once(folder, measured):
    first = again()
    assert [again(), again()] == [first, first]
    assert measured == ["kmeans"]
    assert again(replace(CONFIG, start=pretraining.Config())) != first
    assert len(measured) == len([*folder.iterdir()]) == 2


def test_it_is_measured_again_after_a_change_of_code(folder, measured, monkeypatch):
    first = again()
    monkeypatch.setattr(fingerprint, "digest", lambda *of: "other")
    assert again() != first


def test_a_method_that_is_not_ours_is_measured_each_time(folder, measured, monkeypatch):
    monkeypatch.setattr(fingerprint, "digest", lambda *of: None)
    assert again() != again()
    assert not folder.exists()


@pytest.mark.parametrize("content", ["", "[0.5,", '{"a": 1}', "[[1]]", '["x"]', "null"])
def test_a_damaged_file_is_measured_again_and_mended(folder, measured, content):
    first = again()
    (path,) = folder.iterdir()
    path.write_text(content)
    assert again() != first
    assert again() == tuple(json.loads(path.read_text()))
    assert len(measured) == 2


def test_an_empty_name_of_a_folder_keeps_nothing(folder, measured, monkeypatch):
    again()
    monkeypatch.setenv(fingerprint.MEMORY, "")
    again()
    again()
    assert len(measured) == 3


def test_a_folder_that_cannot_be_is_done_without(folder, measured):
    folder.write_text("a file")
    assert again() != again()


def test_a_home_that_is_missing_is_done_without(tmp_path, folder, measured, monkeypatch):
    monkeypatch.delenv(fingerprint.MEMORY)
    monkeypatch.chdir(tmp_path)

    def homeless(path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", homeless)
    assert again() != again()
    assert not [*tmp_path.iterdir()]


def test_they_are_kept_in_the_users_cache(tmp_path, folder, measured, monkeypatch):
    monkeypatch.delenv(fingerprint.MEMORY)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert again() == again()
    (path,) = (tmp_path / ".cache" / "recluster" / "fingerprints").iterdir()
    assert path.name == f"{fingerprint.key(CONFIG.shortened())}.json"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_home_that_cannot_be_written_is_done_without(folder, measured):
    folder.parent.chmod(0o500)
    try:
        assert again() != again()
    finally:
        folder.parent.chmod(0o700)


def test_what_is_committed_is_not_measured(folder, measured, monkeypatch):
    name = fingerprint.key(CONFIG.shortened())
    fingerprint.COMMITTED.write_text(json.dumps({name: [7.0], "kmeans-other": [8.0]}))
    assert again() == (7.0,)
    assert not measured
    monkeypatch.setenv(fingerprint.MEMORY, "")
    assert again() != (7.0,)


def test_what_other_code_has_committed_is_not_asked_for(folder, measured):
    fingerprint.COMMITTED.write_text(json.dumps({"kmeans-other": [8.0]}))
    again()
    assert measured == ["kmeans"]
