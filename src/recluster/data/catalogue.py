"""The data sets that the papers use, and how each is made from its files."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from recluster.data import files, formats
from recluster.data.formats import Labels, Pixels
from recluster.spec import one_of


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with their classes.

    Attributes:
        name: as in `DATASETS`.
        x: float32 in [0, 1]; (n, c, h, w) for images, else (n, d).
        y: int64 in 0..k-1; (n,).
        k: number of classes.
        checksum: of the content and not of the name; see `content_checksum`.
    """

    name: str
    x: Pixels
    y: Labels
    k: int
    checksum: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """What a data set is made of.

    Attributes:
        description: one line.
        n: number of samples.
        shape: of one sample.
        k: number of classes.
        files: their paths under the data root, in the order in which `read` takes their bytes.
        read: the files' bytes to (n, *shape) and (n,).
    """

    description: str
    n: int
    shape: tuple[int, ...]
    k: int
    files: tuple[str, ...]
    read: Callable[..., tuple[Pixels, Labels]]


def _idx(*prefixes: str) -> tuple[str, ...]:
    """Each prefix's images, then its labels."""
    kinds = ("images-idx3", "labels-idx1")
    return tuple(f"{prefix}-{kind}-ubyte" for prefix in prefixes for kind in kinds)


_MNIST = _idx("MNIST/raw/train", "MNIST/raw/t10k")
_FASHION = _idx("FashionMNIST/raw/train", "FashionMNIST/raw/t10k")

DATASETS: dict[str, Source] = {
    "digits": Source(
        description="handwritten digits embedded in scikit-learn; no file, no network",
        n=1_797,
        shape=(1, 8, 8),
        k=10,
        files=(),
        read=formats.digits,
    ),
    "mnist": Source(
        description="MNIST, training and test part; the papers' MNIST and MNIST-full",
        n=70_000,
        shape=(1, 28, 28),
        k=10,
        files=_MNIST,
        read=formats.idx_images,
    ),
    "mnist-test": Source(
        description="MNIST, test part alone",
        n=10_000,
        shape=(1, 28, 28),
        k=10,
        files=_MNIST[2:],
        read=formats.idx_images,
    ),
    "fashion": Source(
        description="Fashion-MNIST, training and test part",
        n=70_000,
        shape=(1, 28, 28),
        k=10,
        files=_FASHION,
        read=formats.idx_images,
    ),
    "usps": Source(
        description="USPS postal digits, training and test part, unsmoothed",
        n=9_298,
        shape=(1, 16, 16),
        k=10,
        files=("USPS/usps.bz2", "USPS/usps.t.bz2"),
        read=formats.usps,
    ),
    "2mnist": Source(
        description="MNIST, then Fashion-MNIST as classes 10 to 19",
        n=140_000,
        shape=(1, 28, 28),
        k=20,
        files=_MNIST + _FASHION,
        read=formats.two_idx_images,
    ),
    "cifar10-jpeg": Source(
        description="CIFAR-10 re-encoded as JPEG: not the original pixels; not to be fetched",
        n=60_000,
        shape=(3, 32, 32),
        k=10,
        files=("cifar10-jpeg.tar.xz",),
        read=formats.jpeg_folders,
    ),
}


def load_dataset(name: str, *, root: str | Path | None = None) -> Dataset:
    """A data set by name, from checked files; see `files.data_root` for where they are sought.

    Raises:
        InputError: the name is unknown, or a file cannot be read or fetched.
    """
    source = _source(name)
    x, y = source.read(*_contents(name, root))
    return Dataset(name=name, x=x, y=y, k=source.k, checksum=content_checksum(x, y))


def fetch(name: str, *, root: str | Path | None = None) -> list[tuple[Path, files.State]]:
    """Fetch whatever file of a data set is missing or wrong; `verify` of it afterwards.

    Raises:
        InputError: the name is unknown, or a file cannot be read or fetched.
    """
    _contents(name, root)
    return verify(name, root=root)


def verify(name: str, *, root: str | Path | None = None) -> list[tuple[Path, files.State]]:
    """Each file of a data set and its state; nothing is moved or fetched.

    Raises:
        InputError: the name is unknown, or a file cannot be opened.
    """
    source = _source(name)
    folder = files.data_root(root) if source.files else Path()
    return [(folder / file, files.state_of(file, folder)) for file in source.files]


def summary(*, root: str | Path | None = None) -> list[dict[str, Any]]:
    """One row a data set: name, n, shape, k, description, state ("ok", "missing" or "corrupt")."""
    folder = files.data_root(root)
    states = {file: files.state_of(file, folder) for file in files.CHECKSUMS}
    rows: list[dict[str, Any]] = []
    for name, source in DATASETS.items():
        found = {states[file] for file in source.files}
        worst = next((state for state in ("corrupt", "missing") if state in found), "ok")
        rows.append(
            {
                "name": name,
                "n": source.n,
                "shape": source.shape,
                "k": source.k,
                "description": source.description,
                "state": worst,
            }
        )
    return rows


def content_checksum(x: Pixels, y: Labels) -> str:
    """SHA-256 over the shape and the bytes of x and y: equal data, equal checksum."""
    digest = hashlib.sha256(repr(x.shape).encode())
    digest.update(np.ascontiguousarray(x).data)
    digest.update(np.ascontiguousarray(y).data)
    return digest.hexdigest()


def _source(name: str) -> Source:
    one_of("data set", name, DATASETS)
    return DATASETS[name]


def _contents(name: str, root: str | Path | None) -> list[bytes]:
    """The checked bytes of a data set's files; without files, no data root is asked for."""
    source = _source(name)
    return files.read(source.files, files.data_root(root), name) if source.files else []
