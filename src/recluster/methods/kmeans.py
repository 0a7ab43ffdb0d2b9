"""k-means (Lloyd, 1982), on the data themselves or, with `start`, on an autoencoder's embedding.

The second is "AE + k-means", the baseline that the papers print as "AE".

Departures:

1. 20 restarts from k-means++, the best by its own objective (the number is not printed).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recluster import spec
from recluster.parts.assignment import squared_distances
from recluster.parts.batches import EVALUATION_SIZE, in_batches
from recluster.parts.kmeans import RESTARTS, kmeans
from recluster.parts.starting import Start, representation
from recluster.spec import InputError, Step, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of k-means; `start` is an autoencoder's pretraining, or None for the raw data."""

    method: ClassVar[str] = "kmeans"
    restarts: int = RESTARTS

    def __post_init__(self) -> None:
        positive(self, "restarts")
        if not isinstance(self.start, Start | None):
            raise InputError(f"kmeans can start from an autoencoder, not from {self.start!r}")

    def shortened(self) -> Self:
        """One restart on a shortened pretraining."""
        start = self.start.shortened() if self.start else None
        return replace(self, restarts=1, start=start)


class Model(nn.Module):
    """An encoder, and the centroids (k, d) in its space."""

    centroids: Tensor

    def __init__(self, encoder: nn.Module, decoder: nn.Module, centroids: Tensor) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder
        self.register_buffer("centroids", centroids)

    def assign(self, x: Tensor) -> Tensor:
        """x (b, ...) to one-hot (b, k): the nearest centroid."""
        distances = squared_distances(self.encoder(x), self.centroids)
        return one_hot(distances.argmin(1), len(self.centroids)).to(x.dtype)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """k-means on x (n, ...), or on its embedding by the autoencoder whose weights are `start`."""
    encoder, decoder = representation(config, x, start)
    z = x.flatten(1) if config.start is None else in_batches(encoder, x, encoder)  # no copy of the data
    labels, centroids = kmeans(z, k, config.restarts)
    parts = zip(z.split(EVALUATION_SIZE), labels.split(EVALUATION_SIZE), strict=True)
    inertia = torch.stack([(rows - centroids[own]).square().sum() for rows, own in parts]).sum() / len(z)
    model = Model(encoder, decoder, centroids)
    yield Step(
        phase="clustering",
        epoch=1,
        epochs=1,
        curves={"inertia": inertia},
        modules={"model": model},
        embed=lambda x: in_batches(encoder, x, model),
        assign=lambda x: in_batches(model.assign, x, model),
        exemplars=lambda: in_batches(decoder, centroids, model),
    )
