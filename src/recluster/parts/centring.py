"""DCSS_u: the first phase of DCSS (Sadeghi and Armanfard), which the paper also runs alone.

It draws an autoencoder's embedding together around k centroids, one cluster's loss after another,
weighted by fuzzy memberships. Its second phase, `recluster.methods.dcss`, goes on from the encoder and
the centroids that are left here.

    ======  ===========  ======  =============================================
    symbol  name here    shape   meaning
    ======  ===========  ======  =============================================
    u       u            (b, d)  embedding f(x)
    mu      centroids    (k, d)  centres of the fuzzy clusters
    p       memberships  (b, k)  fuzzy memberships of u in the clusters
    p^m     weight       (b,)    for one cluster: a constant in its loss
    alpha   --           --      weight of the centring loss
    ======  ===========  ======  =============================================

Departures from the paper, and choices where it is silent:

1. Eq. (2) is printed upside down: the farthest centroid would get the largest membership. The text
   wants the opposite ("the closer ... the higher"), which is fuzzy c-means and what is here.
2. Eq. (2) divides by zero where a sample lies on a centroid. It then belongs to that one alone, or in
   equal parts to all that coincide there (`parts.fuzzy`).
3. "Iteration" in Algorithm 1 is an epoch, as in Section 3; its loop over clusters runs in each batch.
4. The batch size is not printed: 500, as in the authors' code.
5. Line 5 is one Adam over all k runs, at the printed rate. The authors' code has SGD at 1e-6 with
   momentum, and takes p once a batch.
6. k-means, which gives the first centroids, has 20 restarts (not printed). Assignments and eq. (3) use
   batch normalisation's running statistics (not printed).
7. Pretraining is shared with other methods and ends at its last epoch; its length is not printed. Ours
   is 300 epochs in batches of 256, which makes 82,200 batches on MNIST. The autoencoder that comes with
   the authors' code has seen 26,600, and that code keeps the epoch of the best accuracy, which takes
   labels. The fully connected autoencoder's embedding is linear, where Section 5 has "ReLU in all
   layers".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from recluster import spec
from recluster.parts import pretraining
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.fuzzy import Clusters, separation
from recluster.parts.kmeans import kmeans
from recluster.parts.origin import beginning, inherited
from recluster.parts.resuming import resumable
from recluster.parts.starting import CENTROIDS
from recluster.spec import InputError, Step, not_negative, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of the first phase, as printed in Section 6 unless said otherwise."""

    method: ClassVar[str] = "dcss-u"
    start: spec.Config | None = field(default_factory=pretraining.Config)  # "dcss-conv" for grey images
    epochs: int = 200  # MaxIter_1
    centroid_interval: int = 2  # T_1: epochs between two updates of the centroids
    centring_weight: float = 0.1  # alpha, eq. (1a)
    fuzziness: float = 1.5  # m, eqs. (1) to (3)
    batch_size: int = 500  # not printed, see departure 4
    learning_rate: float = 1e-5

    def __post_init__(self) -> None:
        positive(self, "epochs", "centroid_interval", "fuzziness", "batch_size", "learning_rate")
        not_negative(self, "centring_weight")
        if self.fuzziness <= 1:
            raise InputError(f"dcss-u: fuzziness must be greater than 1, got {self.fuzziness}")
        beginning(self.start)

    def shortened(self) -> Self:
        """An epoch from a shortened start, at a rate at which so few steps tell of the gradient."""
        start = self.start.shortened() if self.start else None
        short = replace(self, start=start, epochs=1, centroid_interval=1, batch_size=48)
        return replace(short, learning_rate=10 * self.learning_rate)


def reconstruction_loss(x: Tensor, reconstruction: Tensor, weight: Tensor) -> Tensor:
    """L_r of one cluster, eq. (1b): squared errors of x (b, ...), weighted by p^m (b,), summed."""
    return (weight * (x - reconstruction).square().flatten(1).sum(1)).sum()


def centring_loss(u: Tensor, centroid: Tensor, weight: Tensor) -> Tensor:
    """L_c of one cluster, eq. (1c): squared distances of u (b, d) to (d,), weighted by (b,), summed."""
    return (weight * (u - centroid).square().sum(1)).sum()


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Lines 1 to 8 of Algorithm 1 on x (n, ...), from the weights in `start`; yields once an epoch.

    The curves are Figure 4's, means over clusters and batches, here per sample; and `separation`.
    """
    network = inherited(config, x, start)  # line 1
    model = Clusters(network, kmeans(in_batches(network.encoder, x, network), k)[1], config.fuzziness)
    optimiser = adam(network.parameters(), config.learning_rate)
    means = Means()

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = x[rows]
        losses = []
        for cluster, centroid in enumerate(model.centroids):  # line 3
            u = network.encoder(batch)
            weight = model.memberships(u)[:, cluster] ** config.fuzziness  # line 4
            reconstruction = reconstruction_loss(batch, network.decoder(u), weight)
            centring = centring_loss(u, centroid, weight)
            loss = reconstruction + config.centring_weight * centring  # eq. (1a)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()  # line 5
            losses.append(torch.stack([reconstruction, centring]).detach())
        reconstruction, centring = torch.stack(losses).mean(0) / len(rows)
        return {"reconstruction": reconstruction, "centring": centring}

    for epoch in resumable(range(1, config.epochs + 1), model, optimiser):
        for rows in shuffled(x, config.batch_size):
            means.add(learn(rows), len(rows))
        if epoch % config.centroid_interval == 0:
            model.update(x)  # line 7
        apart = {"separation": separation(model.embed(x), model.centroids)}
        yield observed(model, epoch, config.epochs, means.take() | apart)


def observed(model: Clusters, epoch: int, epochs: int, curves: Mapping[str, Tensor]) -> Step:
    """The step that an epoch leaves, with the centroids for whoever goes on from here."""
    network = model.autoencoder
    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=epochs,
        curves=curves,
        modules={"model": model, "autoencoder": network},
        embed=model.embed,
        assign=model.assign,
        exemplars=lambda: in_batches(network.decoder, model.centroids, model),
        views={"p": model.assign},
        handed_on={CENTROIDS: model.centroids},
    )
