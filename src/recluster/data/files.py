"""The files behind the data sets: where they lie, whether they are whole, how they are fetched.

A file is hashed before it is parsed, and what is parsed are the very bytes that were hashed. A
wrong file is kept aside, never deleted. A fetched file is complete and checked before it gets its
name, so neither a kill nor a second process leaves half of one; at worst a kill leaves a folder
`.fetch-*`, which nobody needs.
"""

from __future__ import annotations

import hashlib
import http.client
import itertools
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal

from recluster.spec import InputError

State = Literal["ok", "missing", "corrupt"]

log = logging.getLogger(__name__)

# A file is whole if one of its checksums fits. USPS has two editions of the same digits: the
# original values, and LIBSVM's smoothed ones, which torchvision fetches and checks by these MD5
# sums; `formats.unsmoothed` makes the second equal to the first.
CHECKSUMS: dict[str, tuple[str, ...]] = {
    "MNIST/raw/train-images-idx3-ubyte": (
        "sha256:ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    ),
    "MNIST/raw/train-labels-idx1-ubyte": (
        "sha256:65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    ),
    "MNIST/raw/t10k-images-idx3-ubyte": (
        "sha256:0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    ),
    "MNIST/raw/t10k-labels-idx1-ubyte": (
        "sha256:ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
    "FashionMNIST/raw/train-images-idx3-ubyte": (
        "sha256:c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "FashionMNIST/raw/train-labels-idx1-ubyte": (
        "sha256:bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "FashionMNIST/raw/t10k-images-idx3-ubyte": (
        "sha256:5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "FashionMNIST/raw/t10k-labels-idx1-ubyte": (
        "sha256:0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    "cifar10-jpeg.tar.xz": ("sha256:fcaa07ba00f779d9d522cb4c4da38795011524baf15620a8ae65190f2be7dd59",),
    "USPS/usps.bz2": (
        "sha256:1844e72ec4c38333f35ee61fa1e3d473f9ad417b878cf6bd5591c0aa17fe3296",
        "md5:ec16c51db3855ca6c91edd34d0e9b197",
    ),
    "USPS/usps.t.bz2": (
        "sha256:c92c87cb6e2a6768c28aafb89fc5976814ef755f3d5588daedf2f38495ad2271",
        "md5:8ea070ee2aca1ac39742fdd1ef5ed118",
    ),
    # The editions in plain bytes: what torchvision takes of CIFAR is pickled, which may run anything.
    "CIFAR-10/cifar-10-binary.tar.gz": (
        "sha256:c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ),
    "CIFAR-100/cifar-100-binary.tar.gz": (
        "sha256:58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec",
    ),
    "stl10_binary/train_X.bin": ("md5:918c2871b30a85fa023e0c44e0bee87f",),  # torchvision's sums
    "stl10_binary/train_y.bin": ("md5:5a34089d4802c674881badbb80307741",),
    "stl10_binary/test_X.bin": ("md5:7f263ba9f9e0b06b93213547f721ac82",),
    "stl10_binary/test_y.bin": ("md5:36f9794fa4beb8a2c72628de14fa638e",),
    "HAR/UCI HAR Dataset.zip": (
        "sha256:2045e435c955214b38145fb5fa00776c72814f01b203fec405152dac7d5bfeb0",
    ),
    "RCV1/lyrl2004_vectors_train.dat.gz": (  # scikit-learn's sums and addresses
        "sha256:5468f656d0ba7a83afc7ad44841cf9a53048a5c083eedc005dcdb5cc768924ae",
    ),
    "RCV1/lyrl2004_vectors_test_pt0.dat.gz": (
        "sha256:ed40f7e418d10484091b059703eeb95ae3199fe042891dcec4be6696b9968374",
    ),
    "RCV1/lyrl2004_vectors_test_pt1.dat.gz": (
        "sha256:87700668ae45d45d5ca1ef6ae9bd81ab0f5ec88cc95dcef9ae7838f727a13aa6",
    ),
    "RCV1/lyrl2004_vectors_test_pt2.dat.gz": (
        "sha256:48143ac703cbe33299f7ae9f4995db49a258690f60e5debbff8995c34841c7f5",
    ),
    "RCV1/lyrl2004_vectors_test_pt3.dat.gz": (
        "sha256:dfcb0d658311481523c6e6ca0c3f5a3e1d3d12cde5d7a8ce629a9006ec7dbb39",
    ),
    "RCV1/rcv1v2.topics.qrels.gz": (
        "sha256:2a98e5e5d8b770bded93afc8930d88299474317fe14181aee1466cc754d0d1c1",
    ),
}

ADDRESSES = {
    "CIFAR-10/cifar-10-binary.tar.gz": "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "CIFAR-100/cifar-100-binary.tar.gz": "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
    "HAR/UCI HAR Dataset.zip": "https://archive.ics.uci.edu/ml/machine-learning-databases/00240/"
    "UCI%20HAR%20Dataset.zip",
    "RCV1/lyrl2004_vectors_train.dat.gz": "https://ndownloader.figshare.com/files/5976057",
    "RCV1/lyrl2004_vectors_test_pt0.dat.gz": "https://ndownloader.figshare.com/files/5976069",
    "RCV1/lyrl2004_vectors_test_pt1.dat.gz": "https://ndownloader.figshare.com/files/5976066",
    "RCV1/lyrl2004_vectors_test_pt2.dat.gz": "https://ndownloader.figshare.com/files/5976063",
    "RCV1/lyrl2004_vectors_test_pt3.dat.gz": "https://ndownloader.figshare.com/files/5976060",
    "RCV1/rcv1v2.topics.qrels.gz": "https://ndownloader.figshare.com/files/5976048",
}
"""Where the files lie that torchvision does not fetch."""


def data_root(root: str | Path | None = None) -> Path:
    """The folder of the files: `root`, else `RECLUSTER_DATA`, else `~/.cache/recluster/data`.

    Raises:
        InputError: a folder was named and there is none. The default one may be made later.
    """
    named = root or os.environ.get("RECLUSTER_DATA")
    if not named:
        return Path.home() / ".cache" / "recluster" / "data"
    folder = Path(named).expanduser()
    if not folder.is_dir():
        origin = "the data root" if root else "RECLUSTER_DATA"
        raise InputError(
            f"{origin} must be a folder, and {folder} is none; "
            f"make it (mkdir -p {folder}), or name one that is there"
        )
    return folder


def state_of(name: str, root: Path) -> State:
    """Whether the file is there and whole; it is neither moved nor fetched."""
    return _state(name, _content(root / name))


def read(names: Sequence[str], root: Path, dataset: str) -> list[bytes]:
    """The checked bytes of the files; a missing or wrong one is fetched first.

    Raises:
        InputError: a file cannot be read, moved aside or fetched; what, where, and the remedy.
    """
    contents: dict[str, bytes] = {}
    wanted: dict[str, str] = {}
    for name in names:
        content = _content(root / name)
        if content is None:
            wanted[name] = "is missing"
        elif _state(name, content) == "ok":
            contents[name] = content
        else:
            kept = _set_aside(root / name, f"has a wrong checksum ({len(content):,} bytes)")
            wanted[name] = f"had a wrong checksum ({len(content):,} bytes; kept as {kept})"
    for name in wanted:
        if "/" not in name:  # in no folder of torchvision's
            raise InputError(
                f"data set {dataset!r} cannot be read: {root / name} {wanted[name]}, and nobody "
                "publishes it; put it there, or set RECLUSTER_DATA to a folder that has it"
            )
    for collection in dict.fromkeys(name.split("/")[0] for name in wanted):
        contents |= _fetch(collection, wanted, root, dataset)
    return [contents[name] for name in names]


def download(collection: str, into: Path) -> None:
    """Fetch a whole collection through torchvision, in its layout, with its own progress bar."""
    from torchvision import datasets  # seconds to import, and only needed here

    if collection == "USPS":
        for train in (True, False):
            datasets.USPS(into / collection, train=train, download=True)
    elif collection in ("MNIST", "FashionMNIST", "stl10_binary"):
        names = {"stl10_binary": "STL10"}
        getattr(datasets, names.get(collection, collection))(into, download=True)
    else:
        from torchvision.datasets.utils import download_url

        for name, address in ADDRESSES.items():
            if name.startswith(f"{collection}/"):
                download_url(address, into / collection, (into / name).name)


def _content(path: Path) -> bytes | None:
    """The file's bytes, or None if there is no such file."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            f"cannot read {path}: {error.strerror}; "
            "correct its permissions, or set RECLUSTER_DATA to another folder"
        ) from error


def _state(name: str, content: bytes | None) -> State:
    if content is None:
        return "missing"
    for checksum in CHECKSUMS[name]:
        kind, _, expected = checksum.partition(":")
        # MD5 is what torchvision publishes; a damaged file is the fear here, not a forged one.
        if hashlib.new(kind, content, usedforsecurity=False).hexdigest() == expected:
            return "ok"
    return "corrupt"


def _set_aside(path: Path, fault: str) -> Path:
    """Rename a wrong file to the first free of `.corrupt`, `.corrupt-2`, ...; return that."""
    endings = itertools.chain([".corrupt"], (f".corrupt-{count}" for count in itertools.count(2)))
    kept = next(name for end in endings if not os.path.lexists(name := Path(f"{path}{end}")))
    try:
        with suppress(FileNotFoundError):  # another process has just done it
            os.replace(path, kept)
    except OSError as error:
        raise InputError(
            f"{path} {fault}, and it cannot be moved aside to make room: {error.strerror}; make "
            "its folder writable, put a whole file there, or set RECLUSTER_DATA to another folder"
        ) from error
    log.warning("%s %s; kept as %s, fetching it again", path, fault, kept.name)
    return kept


def _fetch(collection: str, wanted: Mapping[str, str], root: Path, dataset: str) -> dict[str, bytes]:
    """Fetch a collection, put its wanted and absent files into place, and return their bytes.

    `wanted` says of each file that is needed why it cannot be used.
    """
    place = root / collection
    names = [name for name in CHECKSUMS if name.startswith(f"{collection}/")]
    try:
        place.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place, prefix=".fetch-") as temporary:
            download(collection, Path(temporary))
            needed = [name for name in names if name in wanted or not (root / name).exists()]
            return {name: _install(name, Path(temporary), root) for name in needed}
    except (OSError, RuntimeError, ImportError, http.client.HTTPException) as error:
        faults = "; ".join(f"{root / name} {wanted[name]}" for name in names if name in wanted)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"data set {dataset!r} cannot be read: {faults}. Fetching failed: {reason}. "
            f"Run `recluster data fetch {dataset}` where there is a network, "
            "or set RECLUSTER_DATA to a folder that has the files"
        ) from error


def _install(name: str, temporary: Path, root: Path) -> bytes:
    """Check a fetched file and move it into place in one step; return its bytes."""
    content = _content(temporary / name)
    if content is None or _state(name, content) != "ok":
        raise RuntimeError(f"what came as {name} has a wrong checksum too")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    os.replace(temporary / name, root / name)
    return content
