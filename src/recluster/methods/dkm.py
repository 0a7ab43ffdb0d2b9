"""DKM: Deep k-Means, jointly clustering and learning representations (Moradi Fard et al., 2020).

A pretrained autoencoder keeps reconstructing while its embedding pays the k-means objective, in which a
softmax of the distances stands for the nearest centroid. Everything is then differentiable, and one
gradient step moves network and centroids together.

    ======  =========  ======  ====================================================
    symbol  name here  shape   meaning
    ======  =========  ======  ====================================================
    z       z          (b, d)  embedding
    mu      centroids  (k, d)  trained by gradient
    s       soft       (b, k)  softmax of -alpha times the squared distances
    alpha   sharpness  --      0: all centroids alike; infinite: k-means
    lambda  --         --      weight of the k-means term
    ======  =========  ======  ====================================================

Departures, from the paper (Pattern Recognition Letters 138) and its official code:

1. Only the variant with pretraining and a constant alpha is here: the one with an annealed alpha starts
   from random weights, and could not share an autoencoder with the other baselines.
2. The embedding is as wide as the shared autoencoder's; the official code takes k.
3. lambda is the official code's default, 1, on all data; it sets others by data set.
4. k-means takes the best of 20 restarts, as for every baseline here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from recluster import spec
from recluster.nets.autoencoder import Autoencoder
from recluster.parts import pretraining
from recluster.parts.assignment import squared_distances
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.kmeans import kmeans
from recluster.parts.reconstruction import summed_error
from recluster.parts.resuming import resumable
from recluster.parts.starting import Start, pretrained
from recluster.spec import InputError, Step, not_negative, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Settings of DKM with pretraining, the official code's."""

    method: ClassVar[str] = "dkm"
    start: Start | None = field(default_factory=pretraining.Config)
    epochs: int = 100  # there: 20 rounds of 5
    batch_size: int = 256
    learning_rate: float = 1e-3
    sharpness: float = 1000.0  # alpha
    clustering_weight: float = 1.0  # lambda

    def __post_init__(self) -> None:
        positive(self, "epochs", "batch_size", "learning_rate", "sharpness")
        not_negative(self, "clustering_weight")
        if not isinstance(self.start, Start):
            raise InputError(f"dkm starts from an autoencoder's pretraining, not {self.start!r}")

    def shortened(self) -> Self:
        """Two epochs from a shortened pretraining."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, epochs=2, batch_size=32)


def soft_assignment(z: Tensor, centroids: Tensor, sharpness: float) -> Tensor:
    """s (b, k): softmax of -alpha times the squared distances of z (b, d) to the centroids (k, d)."""
    return torch.softmax(-sharpness * squared_distances(z, centroids), dim=1)


def clustering_loss(z: Tensor, centroids: Tensor, sharpness: float) -> Tensor:
    """Mean over samples of the squared distances to all centroids, weighted by s."""
    soft = soft_assignment(z, centroids, sharpness)
    return (soft * squared_distances(z, centroids)).sum(1).mean()


class Model(nn.Module):
    """The autoencoder and its trained centroids (k, d)."""

    def __init__(self, network: Autoencoder, centroids: Tensor, sharpness: float) -> None:
        super().__init__()
        self.autoencoder = network
        self.centroids = nn.Parameter(centroids)
        self.sharpness = sharpness

    def assign(self, x: Tensor) -> Tensor:
        """s (b, k) of x (b, ...)."""
        return soft_assignment(self.autoencoder.encoder(x), self.centroids, self.sharpness)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """DKM on x (n, ...), from the autoencoder's weights in `start`; yields once an epoch."""
    network = pretrained(config, x, start)
    centroids = kmeans(in_batches(network.encoder, x, network), k)[1]
    model = Model(network, centroids, config.sharpness)
    optimiser = adam(model.parameters(), config.learning_rate)
    means = Means()

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = x[rows]
        z = network.encoder(batch)
        losses = {
            "reconstruction": summed_error(batch, network.decoder(z)),
            "clustering": clustering_loss(z, model.centroids, config.sharpness),
        }
        loss = losses["reconstruction"] + config.clustering_weight * losses["clustering"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return losses

    for epoch in resumable(range(1, config.epochs + 1), model, optimiser):
        for rows in shuffled(x, config.batch_size):
            means.add(learn(rows), len(rows))
        yield observed(model, epoch, config.epochs, means.take())


def observed(model: Model, epoch: int, epochs: int, curves: Mapping[str, Tensor]) -> Step:
    """The step that an epoch leaves."""
    network = model.autoencoder
    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=epochs,
        curves=curves,
        modules={"model": model, "autoencoder": model.autoencoder},
        embed=lambda x: in_batches(network.encoder, x, model),
        assign=lambda x: in_batches(model.assign, x, model),
        exemplars=lambda: in_batches(network.decoder, model.centroids.detach(), model),
    )
