"""From the bytes of checked files to samples and labels from 0; no file is opened here."""

from __future__ import annotations

import bz2
import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.float32]
Labels = NDArray[np.int64]


def digits() -> tuple[Pixels, Labels]:
    """scikit-learn's embedded digits: (1797, 1, 8, 8) from 17 levels of grey, and 1797 labels."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    return (bunch.images[:, None] / 16).astype(np.float32), bunch.target.astype(np.int64)


def idx(content: bytes) -> NDArray[np.uint8]:
    """The array in an IDX file of unsigned bytes.

    Its header: two zero bytes, the type, the number of axes, then each axis' length as a big-endian
    32-bit integer (Y. LeCun, "The MNIST database").
    """
    axes = content[3]
    shape = np.frombuffer(content, dtype=">i4", count=axes, offset=4)
    return np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * axes).reshape(tuple(shape))


def idx_images(*contents: bytes) -> tuple[Pixels, Labels]:
    """Files in the order images, labels, images, labels, ... as (n, 1, h, w) and n labels."""
    images = np.concatenate([idx(content) for content in contents[0::2]])
    labels = np.concatenate([idx(content) for content in contents[1::2]])
    pixels = np.divide(images[:, None], np.float32(255), dtype=np.float32)
    return pixels, labels.astype(np.int64)


def two_idx_images(*contents: bytes) -> tuple[Pixels, Labels]:
    """Two ten-class sets of equally many IDX files, one after the other: 20 classes."""
    half = len(contents) // 2
    x, y = idx_images(*contents[:half])
    x_next, y_next = idx_images(*contents[half:])
    return np.concatenate([x, x_next]), np.concatenate([y, y_next + 10])


def usps(*contents: bytes) -> tuple[Pixels, Labels]:
    """USPS in LIBSVM's text, bz2: values from [-1, 1], labels from 1..10; (n, 1, 16, 16) and n."""
    from sklearn.datasets import load_svmlight_file

    pixels, labels = [], []
    for content in contents:
        rows, digit = load_svmlight_file(
            io.BytesIO(bz2.decompress(content)), n_features=256, zero_based=False
        )
        pixels.append((unsmoothed(rows.toarray().reshape(-1, 16, 16)) + 1) / 2)
        labels.append(digit - 1)
    x, y = np.concatenate(pixels)[:, None], np.concatenate(labels)
    return x.astype(np.float32), y.astype(np.int64)


def jpeg_folders(content: bytes, *, part: str = "") -> tuple[Pixels, Labels]:
    """An archive of JPEG images in folders `part/class/`, in its order: (n, c, h, w) and n labels.

    The classes are numbered in the alphabetical order of their folders. Without a part, all are taken.
    """
    from PIL import Image

    images, names = [], []
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            path = PurePosixPath(member.name)
            file = archive.extractfile(member)
            if file is not None and part in ("", path.parent.parent.name):
                with Image.open(file) as image:
                    images.append(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
                names.append(path.parent.name)
    pixels = np.divide(np.stack(images), np.float32(255), dtype=np.float32, order="C")
    return pixels, np.unique(names, return_inverse=True)[1].astype(np.int64)


def cifar(content: bytes, *, labels: int = 1) -> tuple[Pixels, Labels]:
    """CIFAR's archive in plain bytes: (60000, 3, 32, 32), training then test part, and 60000 labels.

    A sample is `labels` bytes of labels, then its pixels, colour by colour. CIFAR-100 has two labels,
    the superclass first, and that is what is taken (A. Krizhevsky, "The CIFAR-10 and CIFAR-100
    datasets", binary version).
    """
    parts = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            name = PurePosixPath(member.name).name
            if name.endswith(".bin") and (file := archive.extractfile(member)) is not None:
                parts[not name.startswith("test"), name] = file.read()
    ordered = [parts[key] for key in sorted(parts, key=lambda key: (not key[0], key[1]))]
    samples = np.frombuffer(b"".join(ordered), np.uint8).reshape(-1, labels + 3 * 32 * 32)
    images = samples[:, labels:].reshape(-1, 3, 32, 32)
    return np.divide(images, np.float32(255), dtype=np.float32), samples[:, 0].astype(np.int64)


def stl10(*contents: bytes) -> tuple[Pixels, Labels]:
    """STL-10's files in the order images, labels, images, labels: (n, 3, 96, 96) and n labels.

    The images lie colour by colour and column by column, the labels count from 1 (A. Coates, "STL-10").
    """
    images = np.frombuffer(b"".join(contents[0::2]), np.uint8).reshape(-1, 3, 96, 96)
    labels = np.frombuffer(b"".join(contents[1::2]), np.uint8).astype(np.int64) - 1
    upright = images.transpose(0, 1, 3, 2)
    return np.divide(upright, np.float32(255), dtype=np.float32, order="C"), labels


def har(content: bytes) -> tuple[Pixels, Labels]:
    """HAR's archive, training then test part: (n, 561), in [-1, 1] as distributed, and n labels."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:

        def numbers(name: str) -> NDArray[np.float64]:
            return np.loadtxt(io.BytesIO(archive.read(f"UCI HAR Dataset/{name}.txt")), ndmin=1)

        samples = [numbers(f"{part}/X_{part}") for part in ("train", "test")]
        labels = [numbers(f"{part}/y_{part}") for part in ("train", "test")]
    return np.vstack(samples).astype(np.float32), np.concatenate(labels).astype(np.int64) - 1


ROOTS = ("CCAT", "ECAT", "GCAT", "MCAT")  # the four topics under which all others of RCV1 lie


def reuters(*contents: bytes, n: int, terms: int) -> tuple[Pixels, Labels]:
    """RCV1-v2's files of vectors, then that of topics: n stories as (n, terms), and their root topics.

    A story of exactly one root topic counts. Its features are the published weights, log tf-idf, of
    the `terms` words that occur in most of these stories, scaled to the length sqrt(terms); the n
    stories, at random but always the same, are among those that have one of these words. The papers
    say "a random subset": this is not their sample, and theirs were weighted after the choice of words.
    """
    from scipy import sparse
    from sklearn.datasets import load_svmlight_files

    *vectors, topics = [gzip.decompress(content) for content in contents]
    parts = load_svmlight_files([io.BytesIO(part) for part in vectors], zero_based=False)
    words, stories = sparse.vstack(parts[0::2]).tocsr(), np.concatenate(parts[1::2]).astype(np.int64)
    belongs = np.zeros((len(stories), len(ROOTS)), bool)
    place = {story: row for row, story in enumerate(stories.tolist())}
    for line in topics.decode().splitlines():
        topic, story, _ = line.split()
        if topic in ROOTS and int(story) in place:
            belongs[place[int(story)], ROOTS.index(topic)] = True
    single = np.flatnonzero(belongs.sum(1) == 1)
    words = words[single]
    occurrences = words.getnnz(axis=0)
    frequent = np.sort(np.argsort(-occurrences, kind="stable")[:terms])
    words = words[:, frequent]
    filled = np.flatnonzero(words.getnnz(axis=1))
    chosen = np.sort(np.random.default_rng(0).permutation(filled)[:n])
    x = words[chosen].toarray()
    x *= np.sqrt(terms) / np.linalg.norm(x, axis=1, keepdims=True)
    return x.astype(np.float32), belongs[single[chosen]].argmax(1).astype(np.int64)


def imbalanced(*contents: bytes, rate: float, read: Callable[..., Any]) -> tuple[Pixels, Labels]:
    """What `read` gives, thinned: of the first class each sample stays with probability `rate`.

    The last class stays whole, those between linearly in between (DCSS, Section 4.8). Which samples
    stay is random, but always the same.
    """
    x, y = read(*contents)
    probabilities = np.linspace(rate, 1, y.max() + 1)
    stays = np.random.default_rng(0).random(len(y)) < probabilities[y]
    return x[stays], y[stays]


def unsmoothed(images: NDArray[np.float64]) -> NDArray[np.float64]:
    """USPS with its original values, (n, 16, 16) in [-1, 1], from either edition of it.

    The original values have three decimals ("ZIP code" of The Elements of Statistical Learning).
    LIBSVM's edition, which torchvision fetches, is the same convolved with a Gaussian of standard
    deviation 0.75 pixels cut at 3, on a background of -1, and printed to six decimals. Undoing that
    magnifies an error of 1e-6 to 6.5e-5 at most, far below half of the third decimal: rounding to
    three gives back the original exactly, so both editions are one data set with one checksum.
    """
    if not np.array_equal(images, np.round(images, 3)):
        sharpen = np.linalg.inv(_gaussian(16, 0.75, 3))
        images = sharpen @ (images + 1) @ sharpen - 1
    return np.round(images, 3)


def _gaussian(size: int, deviation: float, reach: int) -> NDArray[np.float64]:
    """A Gaussian convolution over `size` places as a (size, size) matrix; beyond them is zero."""
    weight = np.exp(-0.5 * (np.arange(-reach, reach + 1) / deviation) ** 2)
    weight /= weight.sum()
    return sum(
        (np.eye(size, k=place - reach) * share for place, share in enumerate(weight)),
        np.zeros((size, size)),
    )
