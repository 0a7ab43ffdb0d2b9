"""Where a chain of runs began: with the pretraining of the autoencoder that it hands on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from recluster.nets.autoencoder import Autoencoder
from recluster.parts.starting import Start, pretrained
from recluster.spec import Config, InputError


def beginning(start: Config | None) -> Start:
    """The first pretraining among `start`, its own start, and so on.

    Raises:
        InputError: there is none.
    """
    first = start
    while first is not None and not isinstance(first, Start):
        first = first.start
    if first is None:
        rule = "`start` must be an autoencoder's pretraining, or a method that began with one"
        raise InputError(f"{rule}, got {start!r}")
    return first


def inherited(config: Config, x: Tensor, weights: Mapping[str, Tensor] | None) -> Autoencoder:
    """The autoencoder for samples x (n, ...) of the run that `config` starts from, with its weights.

    Raises:
        InputError: that run has no autoencoder, or there are no weights.
    """
    return pretrained(replace(config, start=beginning(config.start)), x, weights)
