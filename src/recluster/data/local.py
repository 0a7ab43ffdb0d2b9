"""What nobody publishes as we take it, and so has no checksum: images in folders, extracted features.

Here files are opened, unlike in `formats`, since pictures in folders may be more than memory holds.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from recluster.data.formats import Labels, Pixels
from recluster.spec import InputError

IMAGENET_10 = (  # the classes of J. Chang et al., "Deep Adaptive Image Clustering"
    "n02056570", "n02085936", "n02128757", "n02690373", "n02692877",
    "n03095699", "n04254680", "n04285008", "n04467665", "n07747607",
)  # fmt: skip
SUFFIXES = {".jpg", ".jpeg", ".png"}
EXPANDED = 2.2  # how much wider than the face an aligned image of YouTube Faces is
SMOOTH = Image.Resampling.BILINEAR
READABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def pictures(folder: Path, classes: Sequence[str] = ()) -> tuple[list[Path], Labels]:
    """The pictures of an unpacked archive with a folder a class, at whatever depth, and their classes.

    Classes are numbered, and their pictures ordered, by name; `classes` picks some of them.

    Raises:
        InputError: a class is not there, or a folder holds no picture.
    """
    here = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if absent := [name for name in classes if name not in here]:
        raise InputError(
            f"{folder} must hold a folder a class, and has none for {', '.join(absent)}; unpack the rest"
        )
    paths: list[Path] = []
    labels: list[int] = []
    for number, name in enumerate(sorted(classes) or here):
        found = sorted(p for p in (folder / name).rglob("*") if p.suffix.lower() in SUFFIXES)
        if not found:
            raise InputError(f"{folder / name} holds no picture ({', '.join(sorted(SUFFIXES))})")
        paths += found
        labels += [number] * len(found)
    return paths, np.array(labels, np.int64)


def picture(path: Path) -> Image.Image:
    """A picture in three colours; an `InputError` if it is none."""
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError) as problem:
        raise InputError(f"cannot read {path} as a picture ({problem}); unpack it again") from problem


def centred(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """The square in the middle, after its shorter side became 8/7 of `side`: (3, side, side)."""
    scale = round(side * 8 / 7) / min(image.size)
    larger = image.resize((round(image.width * scale), round(image.height * scale)), SMOOTH)
    left, top = (larger.width - side) // 2, (larger.height - side) // 2
    return np.asarray(larger.crop((left, top, left + side, top + side))).transpose(2, 0, 1)


def youtube_faces(folder: Path, *, people: int, n: int) -> tuple[Pixels, Labels]:
    """Faces of the first `people` of YouTube Faces' aligned images: (n, 3, 55, 55) and n labels.

    The papers say that faces are cropped and resized, of 41 people; not which frames. Ours are the
    first n in the order of names, cut to the middle that the detected face had.
    """
    names = sorted(path.name for path in folder.iterdir() if path.is_dir())[:people]
    paths, labels = pictures(folder, names)
    faces = []
    for path in islice(paths, n):
        image = picture(path)
        side = min(image.size) / EXPANDED
        left, top = (image.width - side) / 2, (image.height - side) / 2
        face = image.resize((55, 55), SMOOTH, box=(left, top, left + side, top + side))
        faces.append(np.asarray(face).transpose(2, 0, 1))
    return np.divide(np.stack(faces), np.float32(255), dtype=np.float32, order="C"), labels[:n]


def features(path: Path) -> tuple[Pixels, Labels]:
    """Features as `features.extract` leaves them: (n, d) and n labels.

    Raises:
        InputError: the file is damaged, or not of that kind.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            x, y = file["x"], file["y"]
        if (x.dtype, y.dtype, x.ndim, y.shape) != (np.float32, np.int64, 2, x.shape[:1]):
            raise ValueError(f"x is {x.dtype} of shape {x.shape}, y {y.dtype} of shape {y.shape}")
    except READABLE as problem:
        raise InputError(
            f"{path} must hold features, x of n x d float32 and y of n int64 ({problem}); "
            f"move it away and run `recluster data extract {path.stem}`"
        ) from problem
    return x, y


def in_batches(paths: Sequence[Path], size: int, side: int) -> Iterator[NDArray[np.uint8]]:
    """The pictures, `size` at a time: (b, 3, side, side)."""
    for first in range(0, len(paths), size):
        yield np.stack([centred(picture(path), side) for path in paths[first : first + size]])
