"""The data sets that the papers use, and how each is made from its files."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recluster.data import files, formats, local
from recluster.data.formats import Labels, Pixels
from recluster.spec import InputError, one_of


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with their classes.

    Attributes:
        name: as in `DATASETS`.
        x: float32; images (n, c, h, w) in [0, 1], all else (n, d) as its loader says.
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
        read: the files' bytes to (n, *shape) and (n,); or the path of `local`.
        local: what nobody publishes in this form, a file or a folder under the data root.
        remedy: how to come by `local`.
    """

    description: str
    n: int
    shape: tuple[int, ...]
    k: int
    read: Callable[..., tuple[Pixels, Labels]]
    files: tuple[str, ...] = ()
    local: str = ""
    remedy: str = ""


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
    "cifar10-jpeg-test": Source(
        description="the test part of cifar10-jpeg alone",
        n=10_000,
        shape=(3, 32, 32),
        k=10,
        files=("cifar10-jpeg.tar.xz",),
        read=partial(formats.jpeg_folders, part="test"),
    ),
    "cifar10": Source(
        description="CIFAR-10, training and test part",
        n=60_000,
        shape=(3, 32, 32),
        k=10,
        files=("CIFAR-10/cifar-10-binary.tar.gz",),
        read=formats.cifar,
    ),
    "cifar100": Source(
        description="CIFAR-100, training and test part, in its 20 superclasses",
        n=60_000,
        shape=(3, 32, 32),
        k=20,
        files=("CIFAR-100/cifar-100-binary.tar.gz",),
        read=partial(formats.cifar, labels=2),
    ),
    "stl10": Source(
        description="STL-10, training and test part, without the unlabelled images",
        n=13_000,
        shape=(3, 96, 96),
        k=10,
        files=tuple(
            f"stl10_binary/{part}_{kind}.bin" for part in ("train", "test") for kind in ("X", "y")
        ),
        read=formats.stl10,
    ),
    "har": Source(
        description="Human Activity Recognition Using Smartphones, training and test part",
        n=10_299,
        shape=(561,),
        k=6,
        files=("HAR/UCI HAR Dataset.zip",),
        read=formats.har,
    ),
    "reuters10k": Source(
        description="10,000 stories of RCV1-v2 with one root topic, 2,000 words; a sample of ours",
        n=10_000,
        shape=(2000,),
        k=4,
        files=tuple(name for name in files.CHECKSUMS if name.startswith("RCV1/")),
        read=partial(formats.reuters, n=10_000, terms=2000),
    ),
    "ytf": Source(
        description="YouTube Faces, 10,000 aligned images of the first 41 people; a choice of ours",
        n=10_000,
        shape=(3, 55, 55),
        k=41,
        local="YouTubeFaces/aligned_images_DB",
        read=partial(local.youtube_faces, people=41, n=10_000),
        remedy="ask its authors for aligned_images_DB.tar.gz and unpack it there",
    ),
}

_THINNED = {  # how many samples stay at the rates 0.1 to 0.5
    "digits": (970, 1047, 1142, 1242, 1336),
    "mnist-test": (5509, 6006, 6493, 6982, 7447),
    "mnist": (38139, 41708, 45224, 48830, 52471),
}
DATASETS |= {
    f"{name}-r{tenth / 10:g}": dataclasses.replace(
        DATASETS[name],
        description=f"{name}, thinned: from {tenth * 10} % of the first class to all of the last",
        n=n,
        read=partial(formats.imbalanced, rate=tenth / 10, read=DATASETS[name].read),
    )
    for name, counts in _THINNED.items()
    for tenth, n in enumerate(counts, 1)
}

IMAGENET = "ImageNet/train"  # a folder a class, as torchvision unpacks it
_COLOURED = ("stl10", "cifar10", "cifar100", "cifar10-jpeg")
PICTURES = {name: (DATASETS[name].n, DATASETS[name].k) for name in _COLOURED} | {
    "imagenet10": (13_000, 10),
    "imagenet": (1_281_167, 1000),
}
"""What features can be extracted from, with its number of samples and of classes."""

WIDTHS = {"resnet34": 512, "resnet50": 2048, "resnet101": 2048, "resnet152": 2048, "moco": 2048}
"""How many features each pretrained network gives; `features` has the networks."""

DATASETS |= {
    f"{name}-{network}": Source(
        description=f"{network} features of {name}",
        n=n,
        shape=(width,),
        k=k,
        local=f"features/{name}-{network}.npz",
        read=local.features,
        remedy=f"run `recluster data extract {name}-{network}`",
    )
    for name, (n, k) in PICTURES.items()
    for network, width in WIDTHS.items()
}


def load_dataset(name: str, *, root: str | Path | None = None) -> Dataset:
    """A data set by name, from checked files; see `files.data_root` for where they are sought.

    Raises:
        InputError: the name is unknown, or a file cannot be read or fetched.
    """
    source = _source(name)
    if not source.local:
        x, y = source.read(*_contents(name, root))
        return Dataset(name=name, x=x, y=y, k=source.k, checksum=content_checksum(x, y))
    path = _local(name, root)
    x, y = source.read(path)
    shape, classes = x.shape[1:], np.unique(y)
    right = np.array_equal(classes, range(source.k))
    if not right or (len(x), shape) != (source.n, source.shape):  # it has no checksum to tell
        raise InputError(
            f"data set {name!r} has {source.n:,} samples of shape {source.shape} in {source.k} classes; "
            f"{path} holds {len(x):,} of {shape} in {len(classes)}; move it away and {source.remedy}"
        )
    return Dataset(name=name, x=x, y=y, k=source.k, checksum=content_checksum(x, y))


def fetch(name: str, *, root: str | Path | None = None) -> list[tuple[Path, files.State]]:
    """Fetch whatever file of a data set is missing or wrong; `verify` of it afterwards.

    Raises:
        InputError: the name is unknown, or a file cannot be read or fetched.
    """
    if _source(name).local:
        _local(name, root)
    else:
        _contents(name, root)
    return verify(name, root=root)


def verify(name: str, *, root: str | Path | None = None) -> list[tuple[Path, files.State]]:
    """Each file of a data set and its state; nothing is moved or fetched.

    Raises:
        InputError: the name is unknown, or a file cannot be opened.
    """
    source = _source(name)
    if source.local:
        path = files.data_root(root) / source.local
        return [(path, "ok" if path.exists() else "missing")]
    folder = files.data_root(root) if source.files else Path()
    return [(folder / file, files.state_of(file, folder)) for file in source.files]


def summary(*, root: str | Path | None = None) -> list[dict[str, Any]]:
    """One row a data set: name, n, shape, k, description, state ("ok", "missing" or "corrupt")."""
    folder = files.data_root(root)
    states = {file: files.state_of(file, folder) for file in files.CHECKSUMS}
    rows: list[dict[str, Any]] = []
    for name, source in DATASETS.items():
        found = {states[file] for file in source.files}
        if source.local and not (folder / source.local).exists():
            found = {"missing"}
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


def _local(name: str, root: str | Path | None) -> Path:
    """Where lies what nobody publishes in this form; an `InputError` if it is not there."""
    source = _source(name)
    path = files.data_root(root) / source.local
    if not path.exists():
        raise InputError(
            f"data set {name!r} cannot be read: {path} is missing; {source.remedy}, or set "
            "RECLUSTER_DATA to a folder that has it"
        )
    return path


def _contents(name: str, root: str | Path | None) -> list[bytes]:
    """The checked bytes of a data set's files; without files, no data root is asked for."""
    source = _source(name)
    return files.read(source.files, files.data_root(root), name) if source.files else []
