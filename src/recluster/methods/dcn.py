"""DCN: Towards K-means-friendly Spaces (Yang, Fu, Sidiropoulos, Hong, ICML 2017).

A pretrained autoencoder keeps reconstructing while every embedding is pulled to the centroid of its
cluster. Network, assignments and centroids take turns on every batch: a gradient step with the other
two fixed, the nearest centroid anew, and a move of that centroid towards its new member.

    ======  ===========  ======  ====================================================
    symbol  name here    shape   meaning
    ======  ===========  ======  ====================================================
    z       z            (b, d)  embedding
    mu      centroids    (k, d)  moved by their members, never by gradient
    a       labels       (n,)    cluster of each sample, as of its last batch
    c       counts       (k,)    samples that a centroid has met, 1/c is its rate
    lambda  --           --      weight of the pull, halved
    ======  ===========  ======  ====================================================

Departures, from the paper, its official code and the port in ClustPy:

1. The network is the autoencoder that all baselines share. The official code has its own, with an
   embedding of 50 for raw MNIST, pretrained layer by layer with noise.
2. Reconstruction is the squared error summed over features, lambda 0.1, Adam at 1e-4 for 150 epochs, as
   in ClustPy; the official code has cross-entropy, SGD with Nesterov's momentum at 0.05 for 50 epochs.
3. The centroids' moves of one batch are made at once: they come to the same as one after another when
   the assignments of the batch are made first, with the centroids of before.
4. The new assignments are made with the encoder in evaluation mode: the paper's network has no batch
   normalisation and knows no difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

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
    """Settings of DCN, ClustPy's unless said otherwise, see departure 2."""

    method: ClassVar[str] = "dcn"
    start: Start | None = field(default_factory=pretraining.Config)
    epochs: int = 150
    batch_size: int = 256
    learning_rate: float = 1e-4
    clustering_weight: float = 0.1  # lambda
    initial_count: int = 100  # c at the start; the official code too

    def __post_init__(self) -> None:
        positive(self, "epochs", "batch_size", "learning_rate", "initial_count")
        not_negative(self, "clustering_weight")
        if not isinstance(self.start, Start):
            raise InputError(f"dcn starts from an autoencoder's pretraining, not {self.start!r}")

    def shortened(self) -> Self:
        """Two epochs from a shortened pretraining."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, epochs=2, batch_size=32)


def clustering_loss(z: Tensor, own: Tensor) -> Tensor:
    """Half the mean squared distance of z (b, d) to each sample's own centroid (b, d)."""
    return (z - own).square().sum(1).mean() / 2


def nearest(z: Tensor, centroids: Tensor) -> Tensor:
    """Index (b,) of the centroid nearest to z (b, d)."""
    return squared_distances(z, centroids).argmin(1)


def moved(centroids: Tensor, counts: Tensor, z: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Centroids (k, d) and counts (k,) after the samples z (b, d) with their labels (b,).

    One by one, a sample raises its centroid's count c by one and moves the centroid by 1/c of the way
    to itself. All together: (c mu + sum of z) / (c + number), so nothing moves without samples.
    """
    members = one_hot(labels, len(centroids)).to(z.dtype)
    new = members.sum(0)
    after = counts + new
    way = members.T @ z - new[:, None] * centroids
    return centroids + way / after[:, None], after


class Model(nn.Module):
    """The autoencoder, and the centroids (k, d) with the counts (k,) of their members."""

    centroids: Tensor
    counts: Tensor

    def __init__(self, network: Autoencoder, centroids: Tensor, count: int) -> None:
        super().__init__()
        self.autoencoder = network
        self.register_buffer("centroids", centroids)
        self.register_buffer("counts", torch.full_like(centroids[:, 0], count))

    def assign(self, x: Tensor) -> Tensor:
        """One-hot (b, k) of x (b, ...): the nearest centroid."""
        labels = nearest(self.autoencoder.encoder(x), self.centroids)
        return one_hot(labels, len(self.centroids)).to(x.dtype)

    def move(self, z: Tensor, labels: Tensor) -> None:
        """Let the samples z (b, d) with their labels (b,) move the centroids."""
        centroids, counts = moved(self.centroids, self.counts, z, labels)
        self.centroids.copy_(centroids)
        self.counts.copy_(counts)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Alternating optimisation on x (n, ...), from the autoencoder's weights in `start`."""
    network = pretrained(config, x, start)
    labels, centroids = kmeans(in_batches(network.encoder, x, network), k)
    model = Model(network, centroids, config.initial_count)
    optimiser = adam(model.parameters(), config.learning_rate)
    means = Means()

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = x[rows]
        z = network.encoder(batch)
        losses = {
            "reconstruction": summed_error(batch, network.decoder(z)),
            "clustering": clustering_loss(z, model.centroids[labels[rows]]),
        }
        loss = losses["reconstruction"] + config.clustering_weight * losses["clustering"]
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        z = in_batches(network.encoder, batch, network)  # the new network's
        labels[rows] = nearest(z, model.centroids)
        model.move(z, labels[rows])
        return losses

    for epoch in resumable(range(1, config.epochs + 1), model, optimiser, labels):
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
        exemplars=lambda: in_batches(network.decoder, model.centroids, model),
    )
