"""Records: what finished runs left, one folder a run, written so that nothing is ever half there.

A record's folder holds `record.json` and the arrays that figures need, in an .npz named by its
content. Both are written to a temporary file, synced and renamed, the record last: it counts only when
it is complete and its checksum holds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import hashlib
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from recluster.spec import InputError, Run

SCHEMA = 1
FINISHED, FAILED = "finished", "failed"
ROOT_VARIABLE = "RECLUSTER_RESULTS"
LOCKS = ".locks"
ARRAYS = re.compile(r"arrays-[0-9a-f]{12}\.npz")

Array = np.ndarray[Any, np.dtype[Any]]
T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Record:
    """What one run left.

    Attributes:
        run: method, data set, seed, scale and the whole config, as JSON values.
        status: "finished" or "failed"; a failed record holds no scores.
        fingerprint: the method's behaviour at the time, see `recluster.fingerprint`.
        scores: metric to value; ACC, NMI and ARI as fractions.
        curves: name to a value for each epoch; the last phase's.
        scored: "epoch" and the scores at those epochs, for curves that need the labels.
        seconds: training time by phase and "total", scoring left out; "start" is the pretraining's.
        memory_mb: peak memory of the process, or of the GPU, in 10^6 bytes.
        data: name, checksum, shape, number of clusters, largest and smallest class as shares.
        environment: versions, device, precision of products, commit and whether it was dirty.
        started: time of the start, ISO 8601, UTC.
        error: the traceback of a failed run.
        arrays: file name, SHA-256 and the arrays' names; empty if there are none.
    """

    key: str
    run: dict[str, Any]
    status: str
    fingerprint: list[float]
    scores: dict[str, float]
    curves: dict[str, list[float]]
    scored: dict[str, list[float]]
    seconds: dict[str, float]
    memory_mb: float
    data: dict[str, Any]
    environment: dict[str, Any]
    started: str
    error: str | None = None
    arrays: dict[str, Any] = dataclasses.field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def precision(self) -> str:
        """Of the matrix products in training; records from before there was a choice do not say it."""
        return str(self.environment.get("precision", "float32"))


FIELDS = {field.name for field in dataclasses.fields(Record)}


class Store:
    """A folder of records."""

    def __init__(self, root: Path | str | None = None) -> None:
        """`root` defaults to $RECLUSTER_RESULTS, else `results/` of the checkout or of here."""
        self.root = Path(root) if root is not None else default_root()

    def find(self, run: Run) -> Record | None:
        """The run's record, None if there is none; an `InputError` if it does not validate."""
        folder = self.root / run.name
        return read(folder) if (folder / "record.json").exists() else None

    def arrays(self, record: Record) -> dict[str, Array]:
        """The record's arrays by name."""
        if not record.arrays:
            return {}
        content = (self.root / folder_name(record) / record.arrays["file"]).read_bytes()
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            return {name: file[name] for name in file.files}

    def precise(self, record: Record) -> dict[str, Array]:
        """As `arrays`, fractions in double precision: for a page, which all processors make alike.

        They sum in different order. In single precision that can be seen; in double it is far beneath
        what a page shows.
        """
        arrays = self.arrays(record)
        return {
            name: values.astype(np.float64) if values.dtype.kind == "f" else values
            for name, values in arrays.items()
        }

    def records(self) -> Iterator[Record]:
        """Every record; an `InputError` at the first that does not validate."""
        for folder in self.folders():
            yield read(folder)

    def valid(self) -> Iterator[Record]:
        """The records that validate; the others are passed over."""
        for folder in self.folders():
            with contextlib.suppress(InputError):
                yield read(folder)

    def folders(self) -> list[Path]:
        """The folders that hold a record, valid or not."""
        return sorted(path.parent for path in self.root.glob("*/record.json"))

    def write(self, record: Record, arrays: Mapping[str, Array]) -> Record:
        """Write atomically; an older record of the same run is replaced, then its arrays removed."""
        content = packed(arrays) if arrays else b""
        digest = hashlib.sha256(content).hexdigest()
        listing = {"file": f"arrays-{digest[:12]}.npz", "sha256": digest, "names": sorted(arrays)}
        record = dataclasses.replace(record, arrays=listing if arrays else {})
        self.put(record, content)
        return record

    def put(self, record: Record, content: bytes) -> None:
        """As `write`, with the arrays' file as it lies in another store; empty if there is none."""
        text = json.dumps(dataclasses.asdict(record), indent=1, allow_nan=False) + "\n"
        folder = self.root / folder_name(record)
        folder.mkdir(parents=True, exist_ok=True)
        if record.arrays:
            replace_atomically(folder / record.arrays["file"], content)
        replace_atomically(folder / "record.json", text.encode())
        for path in folder.glob("arrays-*.npz"):
            if path.name != record.arrays.get("file"):
                path.unlink()

    def recall(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` reads off the records; a `Snapshot` computes it once for each key."""
        return compute()

    def check_writable(self) -> None:
        """Raise `InputError` unless records can be written: to be asked before hours of training."""
        try:
            (self.root / LOCKS).mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(bytes(4096))
        except OSError as problem:
            raise InputError(
                f"records cannot be written to {self.root} ({problem.strerror}); make room or make it "
                f"writable, or name another folder by --results or ${ROOT_VARIABLE}"
            ) from problem

    def lock(self, name: str) -> Lock | None:
        """The right to do the run of this name, None while another process has it."""
        path = self.root / LOCKS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                return None
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(handle), os.stat(path)):
                    return Lock(path, handle)
            os.close(handle)  # its last holder removed the file between our opening and locking it

    def busy(self, name: str) -> bool:
        """Whether some process, this one or another, is doing the run of this name."""
        if not (self.root / LOCKS / name).exists():
            return False
        lock = self.lock(name)
        if lock is not None:
            lock.release()
        return lock is None


class Snapshot(Store):
    """A folder of records as it is when first looked at: whatever is read off it is remembered."""

    def __init__(self, root: Path | str | None = None) -> None:
        super().__init__(root)
        self._remembered: dict[Hashable, Any] = {}

    def recall(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What `compute` gave when the key was first asked for."""
        if key not in self._remembered:
            self._remembered[key] = compute()
        found: T = self._remembered[key]
        return found

    def find(self, run: Run) -> Record | None:
        """As `Store.find`, read and validated once."""
        return self.recall(("find", run.name), lambda: Store.find(self, run))

    def folders(self) -> list[Path]:
        """As `Store.folders`, listed once."""
        return self.recall("folders", lambda: Store.folders(self))


@dataclasses.dataclass(frozen=True)
class Lock:
    """An advisory lock that the kernel takes back when its process ends, however it ends."""

    path: Path
    handle: int

    def release(self) -> None:
        """Give the right back; the file goes first, while nobody else can hold it."""
        self.path.unlink(missing_ok=True)
        os.close(self.handle)


def default_root() -> Path:
    """$RECLUSTER_RESULTS, else `results/` of the checkout, else of the current folder."""
    if named := os.environ.get(ROOT_VARIABLE):
        return Path(named)
    checkout = Path(__file__).parents[2]
    here = checkout if (checkout / "pyproject.toml").exists() else Path.cwd()
    return here / "results"


def folder_name(record: Record) -> str:
    """As `Run.name`: readable, unique by its key."""
    run = record.run
    return f"{run['method']}-{run['dataset']}-{run['scale']}-s{run['seed']}-{record.key}"


def packed(arrays: Mapping[str, Array]) -> bytes:
    """The arrays as the content of a compressed .npz."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def replace_atomically(path: Path, content: bytes) -> None:
    """Write, sync, rename: readers see the old file or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read(folder: Path) -> Record:
    """The validated record in `folder`.

    Raises:
        InputError: it does not validate; the message names the file, the rule and the remedy.
    """
    path = folder / "record.json"
    try:
        content = json.loads(path.read_text())
        record = parsed(content)
        if folder.name != folder_name(record):
            raise ValueError(f"it belongs in a folder named {folder_name(record)}")
        if record.arrays:
            if Path(record.arrays["file"]).name != record.arrays["file"]:
                raise ValueError("its arrays lie outside its folder")
            found = hashlib.sha256((folder / record.arrays["file"]).read_bytes()).hexdigest()
            if found != record.arrays["sha256"]:
                raise ValueError(f"{record.arrays['file']} does not have the recorded SHA-256")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError) as problem:
        reason = f"{type(problem).__name__}: {problem}"
        raise InputError(
            f"the record {path} does not validate ({reason}); move its folder away and run it again"
        ) from problem
    return record


def parsed(content: Any) -> Record:
    """A record from JSON values; ValueError where one breaks the schema."""
    if not isinstance(content, dict):
        raise ValueError("a record is a JSON object")
    if content.get("schema") != SCHEMA:
        raise ValueError(f"schema {content.get('schema')!r}, this version reads {SCHEMA}")
    if unknown := set(content) ^ FIELDS:
        raise ValueError(f"unknown or missing fields: {', '.join(sorted(unknown))}")
    record = Record(**content)
    if record.status not in (FINISHED, FAILED):
        raise ValueError(f"status {record.status!r}")
    if missing := {"method", "dataset", "seed", "scale", "config"} - set(record.run):
        raise ValueError(f"run lacks {', '.join(sorted(missing))}")
    numbers = [*record.scores.values(), *record.seconds.values(), *record.fingerprint]
    numbers.append(record.memory_mb)
    for curve in [*record.curves.values(), *record.scored.values()]:
        numbers += curve
    if not all(type(v) in (int, float) and math.isfinite(v) for v in numbers):
        raise ValueError("a score, a time or a curve holds something that is not a finite number")
    if (record.status == FAILED) != (record.error is not None) or (record.error and record.scores):
        raise ValueError("a failed record holds its traceback and no scores, a finished one neither")
    return record
