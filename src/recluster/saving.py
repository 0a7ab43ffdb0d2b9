"""A fitted estimator as one file: tensors by safetensors, everything else as JSON in its header.

Nothing is pickled, so that reading a file runs no code of whoever wrote it. A checksum over both parts
tells a damaged file from a sound one.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from recluster.methods import METHODS
from recluster.spec import Config, InputError

FORMAT = "1"  # counts up when the meaning of what is written changes


def write(path: str | PathLike[str], about: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write plain JSON values and tensors to one file, which is there whole or not at all.

    Raises:
        InputError: a value has no place in JSON, or the file cannot be written.
    """
    target = Path(path)
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps(about, default=_plain)
    header = {"recluster": text, "format": FORMAT, "sha256": _checksum(text, kept)}
    scratch = target.with_name(f"{target.name}.{time.time_ns()}")
    try:
        save_file(kept, scratch, header)
        scratch.replace(target)
    except (OSError, SafetensorError) as problem:
        scratch.unlink(missing_ok=True)
        raise InputError(f"cannot write {target}: {problem}") from None


def read(path: str | PathLike[str]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """What `write` put into a file: JSON values, and tensors on the CPU.

    Raises:
        InputError: there is no such file, or `write` of this version did not leave it as it is.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as problem:
        raise InputError(
            f"cannot read {path}: {problem}; give a file that an estimator's save() wrote"
        ) from None
    if not {"recluster", "format", "sha256"} <= header.keys():
        raise InputError(f"{path} holds tensors, but no estimator's save() wrote it")
    if header["format"] != FORMAT:
        raise InputError(
            f"{path} has format {header['format']}, and this version of recluster reads format "
            f"{FORMAT}; save it again with this version"
        )
    if header["sha256"] != _checksum(header["recluster"], tensors):
        raise InputError(f"{path} is damaged: its checksum is wrong; save it again")
    about: dict[str, Any] = json.loads(header["recluster"])
    return about, tensors


def revived(values: Mapping[str, Any]) -> Config:
    """The config whose `canonical` form has these values."""
    options = {name: value for name, value in values.items() if name not in ("method", "start")}
    start = revived(values["start"]) if values["start"] else None
    return METHODS[values["method"]].config(start=start, **options)


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 in hexadecimal of the text, and of name, type, shape and content of each tensor."""
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Config):
        return value.canonical()
    raise InputError(f"{value!r} cannot be saved; set the parameter to a number, a word or None first")
