"""A method's fingerprint: the losses of a few steps on fixed data.

It tells whether a record still speaks for the code: a refactoring keeps it, a change of behaviour
does not. The steps are taken in double precision: in single precision Adam blows up what processors
and thread counts round differently, until a pair or two more or less passes a threshold.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from math import isclose, isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from recluster.methods import METHODS
from recluster.parts.randomness import isolated
from recluster.parts.ranks import alone
from recluster.spec import Config, Step

MEMORY = "RECLUSTER_FINGERPRINTS"  # a folder, for processes that all ask the same, as a book's pages do
CLUSTERS = 4
TOLERANCE = 1e-4


def fingerprint(config: Config) -> tuple[float, ...]:
    """Every curve of the shortened method on fixed data, on the CPU, to five digits."""
    return _measured(config.shortened())


@cache
def _measured(config: Config) -> tuple[float, ...]:
    folder = os.environ.get(MEMORY)
    if not folder:
        return _computed(config)
    settings = json.dumps(config.canonical(), sort_keys=True)
    path = Path(folder) / f"{code()}-{_digest(settings.encode())}.json"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(f".{os.getpid()}")
        aside.write_text(json.dumps(_computed(config)))
        aside.replace(path)
    return tuple(json.loads(path.read_text()))


def _computed(config: Config) -> tuple[float, ...]:
    with _exact(), alone():
        steps = _train(_data(), config)
    values = [float(step.curves[name]) for step in steps for name in sorted(step.curves)]
    if not all(map(isfinite, values)):
        raise FloatingPointError(f"{config.method}: its first losses are not finite")
    return tuple(float(f"{value:.5g}") for value in values)


@cache
def code() -> str:
    """Digest of all that a fingerprint can depend on: our sources, and the versions below them."""
    here = Path(__file__).parent
    folders = (here, here / "methods", here / "parts", here / "nets")
    sources = sorted(path for folder in folders for path in folder.glob("*.py"))
    versions = [version(name) for name in ("torch", "numpy", "scipy", "scikit-learn")]
    return _digest(b"".join(path.read_bytes() for path in sources) + repr(versions).encode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def matches(old: Sequence[float], new: Sequence[float]) -> bool:
    """Whether two fingerprints are of the same behaviour, within `TOLERANCE`."""
    return len(old) == len(new) and all(
        isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-6) for a, b in zip(old, new, strict=True)
    )


def current(settings: Mapping[str, Any], old: Sequence[float], config: Config) -> bool:
    """Whether a record of these settings and fingerprint still speaks for the code under `config`.

    An option that the record does not know yet is at a default that changes nothing, or else the
    fingerprints differ.
    """
    now = config.canonical()
    same = all(now[name] == value for name, value in settings.items() if name in now)
    return same and matches(old, fingerprint(config))


@contextmanager
def _exact() -> Iterator[None]:
    """Double precision and one thread inside the block, which is also the fastest for so little."""
    precision, threads = torch.get_default_dtype(), torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_default_dtype(precision)
        torch.set_num_threads(threads)


def _train(x: Tensor, config: Config) -> list[Step]:
    start: Mapping[str, Tensor] | None = None
    if config.start is not None:
        start = _train(x, config.start)[-1].weights()
    steps = []
    for step in isolated(METHODS[config.method].fit(x, CLUSTERS, config, start), seed=0):
        frozen = {name: value.clone() for name, value in step.curves.items()}
        steps.append(Step(**{**vars(step), "curves": frozen}))
    return steps


def _data() -> Tensor:
    """Four noisy patterns, (96, 1, 8, 8) in [0, 1]: so easy that rounding moves no sample."""
    generator = torch.Generator().manual_seed(0)
    pattern = torch.rand(CLUSTERS, 1, 8, 8, generator=generator)
    noise = torch.rand(96, 1, 8, 8, generator=generator)
    return 0.9 * pattern.repeat_interleave(96 // CLUSTERS, 0) + 0.1 * noise
