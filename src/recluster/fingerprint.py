"""A method's fingerprint: the losses of a few steps on fixed data.

It tells whether a record still speaks for the code: a refactoring keeps it, a change of behaviour
does not. The steps are taken in double precision: in single precision Adam blows up what processors
and thread counts round differently, until a pair or two more or less passes a threshold.

For the same code it is measured once: `fingerprints.json` beside this file has those that the claims
need, made by `recluster results fingerprints`, and a folder of the user's the others. Both go by a
digest of the code: when that has changed, what they hold is never asked for, and steps are taken again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from math import isclose, isfinite
from pathlib import Path

import torch
from torch import Tensor

from recluster import digests
from recluster.methods import METHODS
from recluster.parts.randomness import isolated
from recluster.parts.ranks import alone
from recluster.spec import Config, Step
from recluster.store import replace_atomically

MEMORY = "RECLUSTER_FINGERPRINTS"  # names the folder of what was measured; empty: measure each anew
FOLDER = "~/.cache/recluster/fingerprints"
COMMITTED = Path(__file__).with_name("fingerprints.json")
CLUSTERS = 4
TOLERANCE = 1e-4

Fingerprint = tuple[float, ...]


def fingerprint(config: Config) -> Fingerprint:
    """Every curve of the shortened method on fixed data, on the CPU, to five digits."""
    return _measured(config.shortened())


@cache
def _measured(config: Config) -> Fingerprint:
    """As committed for this code, or as kept on this machine, or else computed and kept."""
    folder, name = os.environ.get(MEMORY, FOLDER), key(config)
    if not folder or name is None:
        return computed(config)
    known = committed().get(name)
    return tuple(known) if known is not None else _kept(Path(folder, f"{name}.json"), config)


def _kept(path: Path, config: Config) -> Fingerprint:
    """What the file says; where there is none, or none that can be read, it is computed and written."""
    with suppress(RuntimeError):  # there is no home: "~" is nowhere
        path = path.expanduser()
    try:
        return tuple(map(float, json.loads(path.read_text())))
    except (OSError, ValueError, TypeError):
        found = computed(config)
    if path.is_absolute():
        with suppress(OSError):  # the next process measures it again
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_atomically(path, json.dumps(found).encode())
    return found


def key(config: Config) -> str | None:
    """Of the settings and all the code that they bring in; None where some of that is not ours."""
    code = digest(config)
    settings = json.dumps(config.canonical(), sort_keys=True)
    return None if code is None else f"{config.method}-{digests.short(code + settings)}"


def digest(config: Config, *more: str) -> str | None:
    """Of the code that these steps depend on, and of `more` modules; None where some is not ours."""
    pages = [type(config).__module__]
    while config.start is not None:
        config = config.start
        pages.append(type(config).__module__)
    return digests.digest(frozenset([__name__, *pages, *more]))


@cache
def committed() -> dict[str, list[float]]:
    """What stands in the file beside this one, by `key`."""
    try:
        found: dict[str, list[float]] = json.loads(COMMITTED.read_text())
    except FileNotFoundError:
        found = {}
    return found


def computed(config: Config) -> Fingerprint:
    """Of a shortened config, measured now."""
    with _exact(), alone():
        steps = _train(_data(), config)
    values = [float(step.curves[name]) for step in steps for name in sorted(step.curves)]
    if not all(map(isfinite, values)):
        raise FloatingPointError(f"{config.method}: its first losses are not finite")
    return tuple(float(f"{value:.5g}") for value in values)


def matches(old: Sequence[float], new: Sequence[float]) -> bool:
    """Whether two fingerprints are of the same behaviour, within `TOLERANCE`."""
    return len(old) == len(new) and all(
        isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-6) for a, b in zip(old, new, strict=True)
    )


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
