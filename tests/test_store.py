"""Records on disk: whole or not there, and told apart from what only looks like one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recluster import bundle as bundles
from recluster import store as module
from recluster.asked import Asked
from recluster.bundle import MANIFEST, Bundle, extract
from recluster.methods import kmeans
from recluster.spec import InputError, Run
from recluster.store import FAILED, FINISHED, Record, Snapshot, Store
from recluster.upkeep import merge

RUN = Run(config=kmeans.Config(), dataset="digits", seed=0, scale="smoke")
ARRAYS = {
    "labels": np.arange(7, dtype=np.uint16),
    "exemplars": np.linspace(0, 1, 8, dtype=np.float16).reshape(2, 1, 2, 2),
}


def record_of(run: Run = RUN, **changes: Any) -> Record:
    plain = Record(
        key=run.key,
        run={
            "method": run.method,
            "dataset": run.dataset,
            "seed": run.seed,
            "scale": run.scale,
            "config": run.config.canonical(),
        },
        status=FINISHED,
        fingerprint=[0.05],
        scores={"acc": 0.5, "nmi": 0.25, "clusters": 10},
        curves={"inertia": [0.5]},
        scored={"epoch": [1], "acc": [0.5]},
        seconds={"clustering": 0.1, "total": 0.1},
        memory_mb=10.0,
        data={"name": "digits", "k": 10},
        environment={"device": "cpu", "commit": None},
        started="2026-01-01T00:00:00+00:00",
    )
    return replace(plain, **changes)


def failed_of(run: Run = RUN) -> Record:
    return record_of(run, status=FAILED, error="Traceback: out of luck", scores={}, curves={}, scored={})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "results")


@pytest.fixture
def folder(store: Store) -> Path:
    """The folder of a valid record with arrays."""
    store.write(record_of(), ARRAYS)
    return store.root / RUN.name


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(
        np.array_equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a
    )


# --- there and back -----------------------------------------------------------------------------


def test_what_is_written_is_read(store):
    assert store.find(RUN) is None
    written = store.write(record_of(), ARRAYS)
    assert store.find(RUN) == written
    assert list(store.records()) == [written]
    assert written == record_of(arrays=written.arrays)
    assert equal(store.arrays(written), ARRAYS)
    assert written.arrays["names"] == ["exemplars", "labels"]
    folder = store.root / RUN.name
    assert store.folders() == [folder]
    assert listing(folder) == [written.arrays["file"], "record.json"]


def test_a_record_may_have_no_arrays_or_have_failed(store):
    for record in (record_of(), failed_of()):
        assert store.write(record, {}) == record == store.find(RUN)
        assert store.arrays(record) == {}
        assert listing(store.root / RUN.name) == ["record.json"]


def test_each_run_has_a_folder(store):
    runs = [replace(RUN, seed=seed) for seed in (0, 1)] + [replace(RUN, scale="laptop")]
    for run in runs:
        store.write(record_of(run), {})
    assert [folder.name for folder in store.folders()] == sorted(run.name for run in runs)
    assert [store.find(run).run["seed"] for run in runs] == [0, 1, 0]
    assert {record.key for record in store.records()} == {run.key for run in runs}


def test_a_missing_or_empty_store_has_no_records(tmp_path):
    for root in (tmp_path / "nowhere", tmp_path):
        store = Store(root)
        assert (store.folders(), list(store.records()), store.find(RUN)) == ([], [], None)
    assert not (tmp_path / "nowhere").exists()  # reading makes no folder


def test_the_record_is_plain_json_of_every_field(folder):
    content = json.loads((folder / "record.json").read_text())
    assert content["schema"] == module.SCHEMA
    assert content.keys() == module.FIELDS
    assert content["scores"] == record_of().scores


def test_the_same_content_is_the_same_bytes(store, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    store.write(record_of(), ARRAYS)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_checksum_is_of_the_arrays_file(store, folder):
    record = store.find(RUN)
    content = (folder / record.arrays["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == record.arrays["sha256"]


def test_files_are_readable_for_all_and_nothing_temporary_stays(folder):
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert set(modes.values()) == {0o644}
    assert not [name for name in modes if name.startswith(".")]


def test_other_things_in_the_store_are_no_records(store, folder):
    (store.root / "README.md").write_text("records")
    (store.root / "empty").mkdir()
    (store.root / "other").mkdir()
    (store.root / "other" / "arrays-0123.npz").write_bytes(b"")
    assert store.folders() == [folder]


# --- where --------------------------------------------------------------------------------------


def test_a_snapshot_stays_as_it_was_first_looked_at(store):
    old, other = record_of(), Run(config=kmeans.Config(), dataset="digits", seed=1, scale="smoke")
    store.write(old, {})
    snapshot = Snapshot(store.root)
    assert snapshot.find(RUN) == old
    assert len(snapshot.folders()) == 1
    store.write(record_of(scores={"acc": 0.75}), {})
    store.write(record_of(other), {})
    assert snapshot.find(RUN) == old
    assert len(snapshot.folders()) == 1
    assert [Snapshot(store.root).find(run).scores["acc"] for run in (RUN, other)] == [0.75, 0.5]


def test_only_a_snapshot_remembers_what_was_computed_from_records(store):
    for kind, calls in ((Store, 2), (Snapshot, 1)):
        asked, one = [], kind(store.root)
        for _ in range(2):
            assert one.recall("mean", lambda asked=asked: asked.append(1) or 0.5) == 0.5
        assert len(asked) == calls
    assert one.recall("another key", lambda: 0.25) == 0.25


def test_the_root_is_named_by_the_caller_or_the_variable_or_the_checkout(tmp_path, monkeypatch):
    monkeypatch.setenv(module.ROOT_VARIABLE, str(tmp_path / "named"))
    assert Store().root == tmp_path / "named"
    assert Store(str(tmp_path)).root == tmp_path
    monkeypatch.delenv(module.ROOT_VARIABLE)
    source = Path(module.__file__).parents[2]
    if (source / "pyproject.toml").exists():
        assert Store().root == source / "results"
    monkeypatch.setattr(module, "__file__", str(tmp_path / "a" / "b" / "store.py"))
    monkeypatch.chdir(tmp_path)
    assert Store().root == tmp_path / "results"


# --- replacing ----------------------------------------------------------------------------------


def test_replacing_leaves_the_new_record_and_its_arrays_alone(store, folder):
    new = {"labels": np.zeros(3, np.uint16)}
    written = store.write(record_of(scores={"acc": 0.75}), new)
    assert store.find(RUN) == written
    assert equal(store.arrays(written), new)
    assert listing(folder) == [written.arrays["file"], "record.json"]
    store.write(failed_of(), {})
    assert listing(folder) == ["record.json"]


@pytest.mark.parametrize("step", [1, 2])
@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_replacement_that_breaks_off_keeps_the_old_record(store, folder, monkeypatch, function, step):
    old, calls, original = store.find(RUN), [], getattr(os, function)

    def failing(*arguments: Any) -> Any:
        calls.append(arguments)
        # fsync is called for the file and for its folder: the second file is the third call.
        if len(calls) == (step if function == "replace" else 2 * step - 1):
            raise OSError(28, "No space left on device")
        return original(*arguments)

    monkeypatch.setattr(os, function, failing)
    with pytest.raises(OSError, match="No space left"):
        store.write(record_of(scores={"acc": 0.75}), {"labels": np.zeros(3, np.uint16)})
    monkeypatch.undo()
    assert store.find(RUN) == old
    assert equal(store.arrays(old), ARRAYS)
    assert not [name for name in listing(folder) if name.startswith(".")]
    store.write(record_of(scores={"acc": 0.75}), {})
    assert listing(folder) == ["record.json"]  # what had been left is cleared away


def test_every_moment_of_a_replacement_shows_a_valid_record(store, folder, monkeypatch):
    seen, original = [], os.replace

    def looking(source: str, target: Path) -> None:
        seen.append(store.find(RUN).scores["acc"])
        original(source, target)
        seen.append(store.find(RUN).scores["acc"])

    monkeypatch.setattr(os, "replace", looking)
    store.write(record_of(scores={"acc": 0.75}), {"labels": np.zeros(3, np.uint16)})
    assert seen == [0.5, 0.5, 0.5, 0.75]


def test_a_first_write_that_breaks_off_leaves_no_record(store, monkeypatch):
    def failing(*arguments: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", failing)
    with pytest.raises(OSError, match="No space left"):
        store.write(record_of(), ARRAYS)
    assert store.find(RUN) is None
    assert store.folders() == []
    assert not [path for path in store.root.rglob("*") if path.is_file()]


def test_a_number_that_json_cannot_hold_is_not_written(store, folder):
    old = store.find(RUN)
    with pytest.raises(ValueError, match="JSON"):
        store.write(record_of(scores={"acc": float("nan")}), {"labels": np.ones(2)})
    assert store.find(RUN) == old
    assert equal(store.arrays(old), ARRAYS)


# --- killed in the middle -----------------------------------------------------------------------

WRITER = """
import os, signal, sys, time
from dataclasses import replace
import numpy as np
from test_store import RUN, record_of
from recluster.store import Store

def write_for_ever(store):
    for turn in range(10**9):
        labels = np.random.default_rng(turn).integers(0, 9, 20_000)
        record = record_of(
            replace(RUN, seed=turn % 3),
            curves={"inertia": [float(turn)] * 500},
            scores={"turn": turn},
        )
        store.write(record, {"labels": labels} if turn % 4 else {})

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        write_for_ever(Store(sys.argv[1]))
    time.sleep(float(line))
    os.kill(child, signal.SIGKILL)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def whole(store: Store) -> int:
    """Checks every record; the last turn that was recorded."""
    turns = [-1]
    for record in store.records():
        turn = record.scores["turn"]
        turns.append(turn)
        assert record.curves["inertia"] == [float(turn)] * 500
        arrays = store.arrays(record)
        assert bool(arrays) == bool(turn % 4)
        if arrays:
            expected = np.random.default_rng(turn).integers(0, 9, 20_000)
            assert np.array_equal(arrays["labels"], expected)
    return max(turns)


def test_a_process_killed_while_it_writes_leaves_whole_records(store):
    moments = random.Random(0)
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    reached = []
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": path},
    ) as writer:
        for _ in range(10):
            print(moments.uniform(0, 0.3), file=writer.stdin, flush=True)
            assert int(writer.stdout.readline()) == -signal.SIGKILL
            reached.append(whole(store))
        writer.stdin.close()
    assert max(reached) >= 3  # some were killed after several records, and not all before the first
    assert len(store.folders()) == 3
    for seed in range(3):  # what a killed process left is no obstacle
        run = replace(RUN, seed=seed)
        store.write(record_of(run), ARRAYS)
        assert equal(store.arrays(store.find(run)), ARRAYS)


# --- records that do not validate ---------------------------------------------------------------


def edited(**changes: Any) -> Callable[[Path], None]:
    """Changes fields of record.json; a value of `...` drops the field."""

    def edit(folder: Path) -> None:
        path = folder / "record.json"
        content = json.loads(path.read_text()) | changes
        kept = {name: value for name, value in content.items() if value is not ...}
        path.write_text(json.dumps(kept))

    return edit


def written(text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / "record.json").write_text(text) and None


def damaged(folder: Path) -> None:
    (path,) = folder.glob("arrays-*.npz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(folder: Path) -> None:
    path = folder / "record.json"
    path.write_text(path.read_text()[:-40])


def outside(folder: Path) -> None:
    content = b"somebody else's"
    (folder.parent / "arrays.npz").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edited(arrays={"file": "../arrays.npz", "sha256": digest, "names": []})(folder)


def broken_run(name: str) -> Callable[[Path], None]:
    return edited(run={key: value for key, value in record_of().run.items() if key != name})


BROKEN: dict[str, tuple[Callable[[Path], None], str]] = {
    "not JSON": (written("{"), "JSONDecodeError"),
    "cut": (cut, "JSONDecodeError"),
    "empty": (written(""), "JSONDecodeError"),
    "not text": (lambda f: (f / "record.json").write_bytes(b"\xff\xfe{}") and None, "UnicodeDecode"),
    "a list": (written("[]"), "a record is a JSON object"),
    "null": (written("null"), "a record is a JSON object"),
    "no schema": (edited(schema=...), "schema None, this version reads 1"),
    "another schema": (edited(schema=2), "schema 2, this version reads 1"),
    "a missing field": (edited(seconds=...), "unknown or missing fields: seconds"),
    "an unknown field": (edited(note="hello"), "unknown or missing fields: note"),
    "an unknown status": (edited(status="done"), "status 'done'"),
    "NaN": (edited(scores={"acc": float("nan")}), "not a finite number"),
    "infinity": (edited(curves={"inertia": [float("inf")]}), "not a finite number"),
    "a text for a score": (edited(scores={"acc": "0.5"}), "not a finite number"),
    "null for a time": (edited(seconds={"total": None}), "not a finite number"),
    "NaN in the fingerprint": (edited(fingerprint=[float("nan")]), "not a finite number"),
    "a number for a curve": (edited(curves={"inertia": 1.0}), "TypeError"),
    "a failure with scores": (edited(status=FAILED, error="oh"), "holds its traceback and no scores"),
    "a failure without error": (edited(status=FAILED, scores={}), "holds its traceback and no"),
    "an error of a finished run": (edited(error="oh"), "holds its traceback and no scores"),
    "no seed": (broken_run("seed"), "run lacks seed"),
    "no config": (broken_run("config"), "run lacks config"),
    "another key": (edited(key="0" * 12), "belongs in a folder named kmeans-digits-smoke-s0-0000"),
    "another seed": (edited(run=record_of().run | {"seed": 1}), "belongs in a folder named"),
    "damaged arrays": (damaged, "does not have the recorded SHA-256"),
    "lost arrays": (lambda f: [p.unlink() for p in f.glob("*.npz")] and None, "FileNotFoundError"),
    "arrays elsewhere": (outside, "its arrays lie outside its folder"),
    "arrays at the root": (
        edited(arrays={"file": "/nowhere/arrays.npz", "sha256": "", "names": []}),
        "its arrays lie outside its folder",
    ),
    "no checksum": (edited(arrays={"file": "arrays.npz"}), "FileNotFoundError"),
    "a number for a run": (edited(run=5), "TypeError"),
    "a list for scores": (edited(scores=[1.0]), "does not validate"),
    "a list for arrays": (edited(arrays=["a.npz"]), "TypeError"),
    "a number for arrays": (edited(arrays=3), "TypeError"),
    "a number beyond floats": (edited(seconds={"total": 10**400}), "does not validate"),
    "a boolean for a score": (edited(scores={"acc": True}), "not a finite number"),
    "NaN for the memory": (edited(memory_mb=float("nan")), "not a finite number"),
}


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [pytest.param(*case, id=name) for name, case in BROKEN.items()],
)
def test_a_broken_record_is_named_with_its_remedy_and_left_in_place(store, folder, spoil, reason):
    other = replace(RUN, seed=7)
    store.write(record_of(other), {})
    spoil(folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    for ask in (lambda: store.find(RUN), lambda: list(store.records()), lambda: module.read(folder)):
        with pytest.raises(InputError) as caught:
            ask()
        message = str(caught.value)
        assert str(folder / "record.json") in message
        assert reason in message
        assert "move its folder away and run it again" in message
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert store.find(other) is not None
    assert folder in store.folders()


@pytest.mark.parametrize("name", ["my-run", "kmeans-digits-smoke-s0-000000000000", RUN.name + "-2"])
def test_a_record_in_a_foreign_folder_is_refused(store, folder, name):
    shutil.copytree(folder, store.root / name)
    with pytest.raises(InputError, match=f"belongs in a folder named {RUN.name}"):
        module.read(store.root / name)
    assert store.find(RUN) is not None


def test_the_remedy_works(store, folder, tmp_path):
    written("{")(folder)
    with pytest.raises(InputError, match="move its folder away"):
        store.find(RUN)
    folder.rename(tmp_path / "aside")
    assert store.find(RUN) is None
    store.write(record_of(), ARRAYS)
    assert store.find(RUN).status == FINISHED


def test_a_record_that_is_a_folder_is_refused(store, folder):
    (folder / "record.json").unlink()
    (folder / "record.json").mkdir()
    with pytest.raises(InputError, match="IsADirectoryError"):
        store.find(RUN)


def test_pickled_arrays_are_not_loaded(store):
    record = store.write(record_of(), {"labels": np.array([{"a": 1}], dtype=object)})
    with pytest.raises(ValueError, match="allow_pickle=False"):
        store.arrays(record)


# --- where nothing may be written ---------------------------------------------------------------


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder in which this user may not write."""
    place = Path(tempfile.mkdtemp(prefix="locked-"))
    root = place / "results"
    root.mkdir()
    place.chmod(0o755)
    root.chmod(0o555)
    yield root
    root.chmod(0o755)
    shutil.rmtree(place)


@contextlib.contextmanager
def unprivileged() -> Iterator[None]:
    """Files are opened as somebody whom permissions bind."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_read_only_store_says_so_and_stays_as_it_was(locked):
    store = Store(locked)
    with unprivileged(), pytest.raises(PermissionError, match=RUN.name):
        store.write(record_of(), ARRAYS)
    assert listing(locked) == []


def test_a_read_only_record_is_kept(locked):
    locked.chmod(0o755)
    store = Store(locked)
    old = store.write(record_of(), ARRAYS)
    folder = locked / RUN.name
    folder.chmod(0o555)
    before = listing(locked)
    with unprivileged(), pytest.raises(PermissionError, match=RUN.name):
        store.write(record_of(scores={"acc": 0.75}), {})
    assert listing(locked) == before
    assert store.find(RUN) == old
    folder.chmod(0o755)


def test_a_root_that_is_a_file_says_so(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(OSError, match="results"):
        Store(tmp_path / "results").write(record_of(), ARRAYS)
    assert (tmp_path / "results").read_text() == ""


def test_a_record_has_every_field_that_is_read():
    assert asdict(record_of()).keys() == module.FIELDS


# --- bundles ------------------------------------------------------------------------------------


@pytest.fixture
def carried(store: Store, folder: Path, tmp_path: Path) -> Path:
    """A bundle with a record."""
    Bundle(tmp_path / "bundle").add(store, store.find(RUN))
    return tmp_path / "bundle"


def manifest(bundle: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    content = json.loads((bundle / MANIFEST).read_text())
    change(content)
    (bundle / MANIFEST).write_text(json.dumps(content))


def holding(bundle: Path, name: str, content: bytes = b"{}") -> None:
    """The bundle with another file in its part, and the right checksum of it."""
    (part,) = bundle.glob("*.zip")
    with zipfile.ZipFile(part, "a") as archive:
        archive.writestr(name, content)
    digest = hashlib.sha256(part.read_bytes()).hexdigest()
    manifest(bundle, lambda content: content["parts"][0].update(sha256=digest))


def cut_part(bundle: Path) -> None:
    (part,) = bundle.glob("*.zip")
    part.write_bytes(part.read_bytes()[:-9])


FOREIGN = {
    "another schema": (lambda b: manifest(b, lambda c: c.update(schema=9)), "schema 9"),
    "another format": (lambda b: manifest(b, lambda c: c.update(format=9)), "format 9"),
    "no manifest": (lambda b: (b / MANIFEST).unlink(), "No such file"),
    "no JSON": (lambda b: (b / MANIFEST).write_text("{"), "JSONDecodeError"),
    "a cut part": (cut_part, "recorded SHA-256"),
    "a part elsewhere": (
        lambda b: manifest(b, lambda c: c["parts"][0].update(file="../a.zip")),
        "lies outside",
    ),
    "a path upwards": (lambda b: holding(b, "../record.json"), "no file of a record"),
    "a path further up": (lambda b: holding(b, "a/../../record.json"), "no file of a record"),
    "a path from the root": (lambda b: holding(b, "/etc/record.json"), "no file of a record"),
    "another file": (lambda b: holding(b, f"{RUN.name}/run.sh"), "no file of a record"),
    "a record too many": (lambda b: holding(b, "a/record.json"), "records that the manifest lists"),
}


@pytest.mark.parametrize(
    ("spoil", "reason"), [pytest.param(*case, id=name) for name, case in FOREIGN.items()]
)
def test_a_bundle_that_is_not_right_is_refused_and_changes_nothing(carried, tmp_path, spoil, reason):
    spoil(carried)
    target = Store(tmp_path / "there")
    with pytest.raises(InputError, match="nothing was changed") as caught:
        merge(target, [carried], Asked())
    assert reason in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert target.folders() == []
    assert not (tmp_path / "record.json").exists()


def test_a_bundle_grows_in_parts_and_holds_each_run_once(store, tmp_path, monkeypatch):
    monkeypatch.setattr(bundles, "PART_BYTES", 2000)
    bundle = Bundle(tmp_path / "bundle")
    for seed in (0, 1, 2, 3, 1):
        run = replace(RUN, seed=seed)
        bundle.add(store, store.write(record_of(run, memory_mb=float(seed)), ARRAYS))
    Bundle(tmp_path / "bundle").add(store, store.write(record_of(memory_mb=9.0), ARRAYS))
    assert len(list((tmp_path / "bundle").glob("*.zip"))) > 1
    target = Store(tmp_path / "there")
    target.root.mkdir()
    assert len(extract(tmp_path / "bundle", target.root)) == 4
    assert [*target.records()] == [*store.records()]
    assert equal(target.arrays(target.find(RUN)), ARRAYS)


def test_a_bundle_catches_up_with_what_a_killed_process_stored(store, tmp_path):
    bundle = Bundle(tmp_path / "bundle")
    later = replace(RUN, seed=1)
    store.write(record_of(), {})  # from before the bundle
    store.write(record_of(later, started="2999-01-01T00:00:00+00:00"), {})
    bundle.catch_up(store, [RUN, later, replace(RUN, seed=2)])
    assert [part["records"] for part in bundle.parts] == [[later.name]]


def test_a_folder_of_other_things_takes_no_bundle(tmp_path):
    (tmp_path / "thesis.txt").write_text("")
    with pytest.raises(InputError, match="holds files that are no bundle"):
        Bundle(tmp_path)
