"""Anybody's own data: a path to samples, and to their classes if somebody asks for them.

- `.npy`: an array (n, d), or images (n, h, w), (n, c, h, w) or (n, h, w, c).
- `.npz`: one such array, or the one that is named.
- `.csv`, `.parquet`: a line a sample, a column a feature.
- a folder, with those inside it: `.png` and `.jpg` images, all of one size.

Rows stay as they are. Images become float32 in [0, 1]. What cannot be read is refused, and what was
decided on the way is said in `Samples.notes`.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recluster.spec import InputError, one_of

if TYPE_CHECKING:
    import pandas as pd
    from PIL import Image

Array = NDArray[Any]

ARRAYS, TABLES, PICTURES = (".npy", ".npz"), (".csv", ".parquet"), (".png", ".jpg", ".jpeg")
FOLDERS = "folders"  # the labels of images that lie in one folder a class
GREY, COLOUR = ("1", "L", "LA"), ("P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")  # modes of Pillow
CHANNELS = (1, 3)  # grey or colour: what tells the axis of channels from the others
SHOWN = 8  # names in a message, at most


@dataclass(frozen=True, eq=False, kw_only=True)
class Samples:
    """What was read.

    Attributes:
        x: finite float32; (n, c, h, w) in [0, 1] for images, else (n, d).
        features: the names of the d columns; empty for images.
        y: int64 in 0..len(classes)-1; (n,), or None where no labels were asked for.
        classes: the names of the classes.
        files: each image's path within its folder; empty for anything else.
        notes: what was decided on the way, a sentence each.
    """

    x: NDArray[np.float32]
    features: tuple[str, ...] = ()
    y: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def images(self) -> bool:
        """Whether the samples are images, and not rows."""
        return self.x.ndim == 4


@dataclass(kw_only=True)
class _Found:
    """A file's content before it is checked; `y` holds the raw labels if they lie in the same file."""

    x: Array
    y: Array | None = None
    features: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    places: tuple[str, ...] = ()  # where labels could have been, for the message
    notes: list[str] = field(default_factory=list)


def read(
    path: Path, *, labels: str | None = None, array: str | None = None, drop: Collection[str] = ()
) -> Samples:
    """The samples at `path`, and their classes if `labels` says where those are.

    Labels are a column of the table, an array of the .npz, "folders" for images in one folder a class,
    or else a file: .npy, .csv or .parquet with one column, or .txt with one label a line. `array`
    chooses from an .npz, `drop` leaves columns of a table out.

    Raises:
        InputError: it cannot be read, or not as numbers; what was found, and the remedy.
    """
    found = _found(path, labels, array, drop)
    x = _numbers(path, found)
    y: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    if labels is not None:
        raw = _label_file(labels, path, found.places) if found.y is None else found.y
        y, classes = encoded(raw, len(x), labels)
    features = found.features or (
        tuple(f"column {number}" for number in range(x.shape[1])) if x.ndim == 2 else ()
    )
    return Samples(
        x=x, features=features, y=y, classes=classes, files=found.files, notes=tuple(found.notes)
    )


def _found(path: Path, labels: str | None, array: str | None, drop: Collection[str]) -> _Found:
    if not path.exists():
        raise InputError(f"there is no file or folder {path}; check the name")
    suffix = "" if path.is_dir() else path.suffix.lower()
    if array is not None and suffix != ".npz":
        raise InputError(f"only an .npz holds arrays to choose from, and {path.name} is none")
    if drop and suffix not in TABLES:
        raise InputError(f"only a .csv or .parquet has columns to drop, and {path.name} is none")
    if path.is_dir():
        return _folder(path, labels == FOLDERS)
    if suffix == ".npy":
        return _Found(x=_npy(path))
    if suffix == ".npz":
        return _npz(path, labels, array)
    if suffix in TABLES:
        return _table(path, labels, drop)
    known = ", ".join((*ARRAYS, *TABLES))
    raise InputError(f"cannot read {path.name}: data must be {known}, or a folder of images")


# --- arrays ---------------------------------------------------------------------------------------


def _npy(path: Path) -> Array:
    try:
        with path.open("rb") as file:
            if file.read(6) != b"\x93NUMPY":
                raise InputError(f"{path} is no .npy file; write it with numpy.save")
            file.seek(0)
            content: Array = np.load(file, allow_pickle=False)
    except InputError:
        raise
    except (OSError, ValueError, EOFError) as problem:
        raise _unreadable(path, problem) from problem
    return content


def _npz(path: Path, labels: str | None, array: str | None) -> _Found:
    if not zipfile.is_zipfile(path):
        raise InputError(f"{path} is no .npz file, or a part of one; write it with numpy.savez")
    try:
        with np.load(path, allow_pickle=False) as file:
            names = list(file.files)
            chosen = _chosen(path, names, labels, array)
            y = file[labels] if labels in names else None
            return _Found(x=file[chosen], y=y, places=tuple(names))
    except InputError:
        raise
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as problem:
        raise _unreadable(path, problem) from problem


def _chosen(path: Path, names: Sequence[str], labels: str | None, array: str | None) -> str:
    if array is not None:
        one_of(f"array of {path.name}", array, names)
        return array
    others = [name for name in names if name != labels]
    if len(others) != 1:
        raise InputError(
            f"{path.name} must hold one array of samples, and holds {_listed(others)}; "
            f"choose one with --array NAME"
        )
    return others[0]


def _unreadable(path: Path, problem: Exception) -> InputError:
    if "Object arrays" in str(problem):
        return InputError(
            f"{path} holds pickled Python objects, which could run any code and are not loaded; save "
            f"an array of numbers instead (numpy.save of x.astype('float32'))"
        )
    return InputError(f"{path} is damaged or incomplete ({_line(problem)}); write it again")


# --- tables ---------------------------------------------------------------------------------------


def _table(path: Path, labels: str | None, drop: Collection[str]) -> _Found:
    from pandas.api.types import is_complex_dtype, is_numeric_dtype

    frame, notes = _frame(path)
    columns = tuple(frame.columns)
    for name in drop:
        one_of(f"column of {path.name}", name, columns)
    y = frame[labels].to_numpy() if labels in columns else None
    frame = frame.drop(columns=[*drop, *([labels] if y is not None else [])])
    text = [
        name
        for name, kind in frame.dtypes.items()
        if not is_numeric_dtype(kind) or is_complex_dtype(kind)
    ]
    if text:
        hint = ", or write commas between the columns" if frame.shape[1] == 1 else ""
        raise InputError(
            f"columns must be numbers, and {len(text)} of the {frame.shape[1]} in {path.name} are not: "
            f"{_listed(text)}; leave them out (--drop NAME), encode them as numbers, or name the one "
            f"with the classes (--labels NAME){hint}"
        )
    x = frame.to_numpy(np.float64, na_value=np.nan)
    return _Found(x=x, y=y, features=tuple(map(str, frame.columns)), places=columns, notes=notes)


def _frame(path: Path) -> tuple[pd.DataFrame, list[str]]:
    """The table with names as text; a first line of numbers is data, unless it counts 0, 1, 2, ..."""
    import pandas as pd

    notes = []
    try:
        if path.suffix.lower() == ".parquet":
            frame = pd.read_parquet(path)
        else:
            headless = _headless(pd.read_csv(path, header=None, nrows=1))
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # lines longer than the first
                frame = pd.read_csv(path, header=None if headless else "infer", index_col=False)
            if headless:
                frame.columns = [f"column {number}" for number in frame.columns]
                notes.append("The first line holds numbers and was read as the first sample.")
    except ImportError as problem:
        raise InputError(f"reading {path.name} needs pyarrow; pip install pyarrow") from problem
    except (OSError, ValueError, pd.errors.ParserWarning) as problem:
        kind = path.suffix.lower()
        raise InputError(
            f"{path} cannot be read as {kind} ({_line(problem)}); write it again"
        ) from problem
    frame.columns = frame.columns.map(str)
    return frame, notes


def _headless(first: pd.DataFrame) -> bool:
    values = first.iloc[0]
    if not all(kind.kind in "biuf" for kind in first.dtypes):
        return False
    names = values.dropna().to_numpy(np.float64)  # a table's index has an empty name
    return not np.array_equal(names, np.arange(len(names)))


# --- images ---------------------------------------------------------------------------------------


def _folder(path: Path, by_folder: bool) -> _Found:
    inside = sorted(file.relative_to(path) for file in path.rglob("*") if file.is_file())
    visible = [file for file in inside if not any(part.startswith(".") for part in file.parts)]
    files = [file for file in visible if file.suffix.lower() in PICTURES]
    if not files:
        kinds = ", ".join(PICTURES)
        raise InputError(f"the folder {path} holds no image; put {kinds} files into it")
    found = _Found(x=_pictures(path, files), files=tuple(map(str, files)))
    if len(files) < len(visible):
        found.notes.append(f"{len(visible) - len(files):,} files that are no images were left out.")
    if by_folder:
        loose = [file for file in files if len(file.parts) == 1]
        if loose:
            raise InputError(
                f"with --labels folders every image must lie in a folder named as its class, and "
                f"{len(loose)} lie in {path} itself ({loose[0]}); move them, or give no labels"
            )
        found.y = np.array([file.parts[0] for file in files])
    found.places = (FOLDERS,)
    return found


def _pictures(path: Path, files: Sequence[Path]) -> Array:
    """All images (n, c, h, w) as bytes: grey if all of them are, else red, green and blue."""
    kinds = [_kind(path / file) for file in files]
    sizes = Counter(size for _, size in kinds)
    if len(sizes) > 1:
        (usual, _), *_ = sizes.most_common()
        odd = next(number for number, (_, size) in enumerate(kinds) if size != usual)
        counts = _listed([f"{w} x {h} ({count})" for (w, h), count in sizes.most_common()])
        raise InputError(
            f"images must be of one size, and those in {path} are {counts} pixels wide and high, as "
            f"{files[odd]}; resize or crop them first"
        )
    mode = "L" if all(mode in GREY for mode, _ in kinds) else "RGB"
    return np.stack([_picture(path / file, mode) for file in files])


def _kind(path: Path) -> tuple[str, tuple[int, int]]:
    """Mode, and width and height as the camera was held."""
    from PIL import ExifTags

    with _opened(path) as image:
        if image.mode not in GREY + COLOUR:
            raise InputError(
                f"images must have 8 bits a channel, and {path} is of mode {image.mode}; convert it"
            )
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) >= 5  # by a quarter
        width, height = image.size
        return image.mode, (height, width) if turned else (width, height)


def _picture(path: Path, mode: str) -> NDArray[np.uint8]:
    from PIL import ImageOps

    with _opened(path) as image:
        upright = ImageOps.exif_transpose(image)
        if upright.mode == "P":
            upright = upright.convert("RGBA")  # a palette may hold transparency
        pixels = np.asarray(upright.convert(mode), np.uint8)
    return pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    from PIL import Image

    try:
        with Image.open(path) as image:
            yield image
    except InputError:
        raise
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as problem:
        raise InputError(
            f"the image {path} is damaged or none ({_line(problem)}); mend it or take it away"
        ) from problem


# --- checks ---------------------------------------------------------------------------------------


def _numbers(path: Path, found: _Found) -> NDArray[np.float32]:
    """Rows as float32, images as float32 in [0, 1] with the channels first."""
    x = found.x
    if x.dtype.kind not in "biuf":
        raise InputError(f"data must be real numbers, and {path.name} holds {x.dtype}; convert them")
    if x.ndim not in (2, 3, 4) or x.size == 0:
        raise InputError(
            f"data must be n samples: (n, d), or images (n, h, w) or (n, c, h, w); {path.name} has the "
            f"shape {x.shape}"
        )
    with np.errstate(over="ignore"):  # beyond float32's range is infinite, which is refused
        small = x.astype(np.float32)
    bad = ~np.isfinite(small).reshape(len(x), -1)
    if bad.any():
        row = int(bad.any(1).argmax())
        column = f", {found.features[bad[row].argmax()]!r}" if found.features else ""
        raise InputError(
            f"data must be finite, but {bad.any(1).sum():,} of {len(x):,} samples in {path.name} hold "
            f"NaN, infinity or nothing (the first: row {row}{column}); drop or impute them first"
        )
    return small if x.ndim == 2 else _scaled(_channels_first(small, found.notes), x, found.notes)


def _channels_first(x: NDArray[np.float32], notes: list[str]) -> NDArray[np.float32]:
    if x.ndim == 3:
        return x[:, None]
    if x.shape[1] not in CHANNELS and x.shape[3] in CHANNELS:
        notes.append("The last axis was read as the channels.")
        return np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return x


def _scaled(x: NDArray[np.float32], raw: Array, notes: list[str]) -> NDArray[np.float32]:
    """Pixels (n, c, h, w) in [0, 1]: bytes over 255, else by one lowest and highest value for all."""
    low, high = float(x.min()), float(x.max())
    if raw.dtype == np.uint8:
        low, high = 0.0, 255.0
    elif low >= 0 and high <= 1:
        return x
    notes.append(f"Pixels were scaled from [{low:g}, {high:g}] to [0, 1].")
    return (x - np.float32(low)) / np.float32(high - low or 1)


def encoded(raw: Array, n: int, origin: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Labels (n,) of any kind as numbers from 0, and the classes' names in order.

    Raises:
        InputError: there are not n of them, some are missing, or they are no classes.
    """
    import pandas as pd

    if raw.shape not in ((n,), (n, 1)):
        raise InputError(f"labels must be one a sample, {n:,}; {origin} has the shape {raw.shape}")
    values = raw.reshape(n)
    missing = pd.isna(values)
    if missing.any():
        raise InputError(
            f"every sample needs a label, and {missing.sum():,} of {n:,} in {origin} have none (the "
            f"first: row {missing.argmax()}); complete them, or give no labels"
        )
    if values.dtype.kind not in "biuf":
        values = values.astype(str)
    names, y = np.unique(values, return_inverse=True)
    if len(names) in (1, n):
        count = "a class of its own for every sample" if len(names) == n else "a single class"
        raise InputError(f"labels must be classes, and {origin} has {count}; name another, or none")
    shown = (f"{name:g}" if names.dtype.kind == "f" else str(name) for name in names)
    return y.astype(np.int64), tuple(shown)


def _label_file(labels: str, data: Path, places: Sequence[str]) -> Array:
    path = Path(labels)
    if not path.is_file():
        within = f" of {data.name} ({_listed(places)})" if places else ""
        raise InputError(
            f"labels must be a file{', or one' if places else ''}{within}; {labels!r} is not there"
        )
    suffix = path.suffix.lower()
    if suffix == ".npy":
        return _npy(path)
    if suffix in TABLES:
        frame, _ = _frame(path)
        if frame.shape[1] != 1:
            raise InputError(f"a table of labels must have one column, {path} has {frame.shape[1]}")
        return frame.iloc[:, 0].to_numpy()
    if suffix == ".txt":
        try:
            return np.array(path.read_text(encoding="utf-8").splitlines())
        except (OSError, UnicodeDecodeError) as problem:
            raise _unreadable(path, problem) from problem
    raise InputError(f"cannot read labels from {path}; write .npy, .csv, .parquet or .txt")


def _listed(names: Sequence[object]) -> str:
    """The first few names in quotes, and how many more there are."""
    if not names:
        return "none"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(f"{name!s}" for name in names[:SHOWN]) + more


def _line(problem: Exception) -> str:
    return " ".join(str(problem).split()) or type(problem).__name__
