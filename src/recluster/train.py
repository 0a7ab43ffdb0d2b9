"""Data and a config to steps: what trains, whoever asks. It knows no data set, label, score or file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from recluster.methods import METHODS
from recluster.parts.precision import FULL, computed_in
from recluster.parts.randomness import isolated
from recluster.parts.resuming import Course, on_course
from recluster.spec import Config, InputError, Step

Weights = Mapping[str, Tensor]


def checked(x: Tensor, k: int) -> Tensor:
    """`samples(x)`; an `InputError` unless they can be clustered into k."""
    x = samples(x)
    if not 2 <= k <= len(x):
        raise InputError(f"k must lie between 2 and the number of samples, {len(x)}; got {k}")
    return x


def samples(x: Tensor) -> Tensor:
    """x (n, ...) as contiguous float32; an `InputError` unless it is n finite samples of numbers."""
    if x.dim() < 2 or len(x) == 0 or x[0].numel() == 0:
        raise InputError(
            f"data must be n samples of one or more features, n x d or n x c x h x w; "
            f"got shape {tuple(x.shape)}"
        )
    if x.is_complex() or x.dtype == torch.bool:
        raise InputError(f"data must be real numbers, got {x.dtype}; convert them to float32")
    x = x.to(torch.float32).contiguous()
    if not torch.isfinite(torch.stack(x.aminmax())).all():  # NaN is both; one look, no copy of the data
        bad = int((~torch.isfinite(x)).flatten(1).any(1).sum())
        raise InputError(
            f"data must be finite, but {bad} of {len(x)} samples hold NaN or infinity (also values "
            f"beyond float32's range); drop or impute them first"
        )
    return x


def train(
    x: Tensor,
    k: int,
    config: Config,
    seed: int,
    start: Weights | None = None,
    *,
    precision: str = FULL,
    course: Course | None = None,
) -> Iterator[Step]:
    """The method's steps on x (n, ...), on a random stream of their own; no labels in sight.

    Without `start`, a method that begins with another run's weights trains that run first and yields
    its steps too. By `course` a run can be broken off and gone on with; see `parts.resuming`.
    """
    x = checked(x, k)
    if config.start is not None and start is None:
        for step in train(x, k, config.start, seed, precision=precision):
            yield step
        start = weights_of(step)
    steps = on_course(METHODS[config.method].fit(x, k, config, start), course or Course())
    for step in computed_in(precision, isolated(steps, seed)):
        broken = [name for name, value in step.curves.items() if not torch.isfinite(value)]
        if broken:
            raise FloatingPointError(
                f"{config.method}: {', '.join(broken)} not finite in epoch {step.epoch}"
            )
        yield step


def weights_of(step: Step) -> dict[str, Tensor]:
    """A copy on the CPU of the step's `weights`, which raises `InputError` where there are none."""
    return {name: value.detach().cpu().clone() for name, value in step.weights().items()}
