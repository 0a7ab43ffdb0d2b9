"""From the bytes of checked files to pixels in [0, 1] and labels from 0; no file is opened here."""

from __future__ import annotations

import bz2
import io
import tarfile
from pathlib import PurePosixPath

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


def jpeg_folders(content: bytes) -> tuple[Pixels, Labels]:
    """An archive of JPEG images in folders `part/class/`, in its order: (n, c, h, w) and n labels.

    The classes are numbered in the alphabetical order of their folders.
    """
    from PIL import Image

    images, names = [], []
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            if (file := archive.extractfile(member)) is not None:
                with Image.open(file) as image:
                    images.append(np.asarray(image.convert("RGB")).transpose(2, 0, 1))
                names.append(PurePosixPath(member.name).parent.name)
    pixels = np.divide(np.stack(images), np.float32(255), dtype=np.float32, order="C")
    return pixels, np.unique(names, return_inverse=True)[1].astype(np.int64)


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
