"""ULHE-DC: deep clustering with uniform quasi-low-rank hypersphere embedding (anonymous submission).

An autoencoder learns embeddings of norm one; then its encoder alone is trained by four terms: samples
turn towards their centroid, norms stay at one, the clusters' directions repel one another like charges
on a sphere, and the members of a cluster become parallel. Samples enter from easy to hard.

    =======  =========  ======  ======================================================
    symbol   name here  shape   meaning
    =======  =========  ======  ======================================================
    F_w(x)   z          (b, d)  embedding; u (b, d) is its direction z / |z|
    M        centroids  (k, d)  unit vectors that move once an epoch, eq. (8)
    M        --         (k, d)  in eq. (11) alone: directions of the batch's clusters
    s        labels     (n,)    index of the one in each column, eq. (6)
    |C_k|    sizes      (k,)    number of samples in each cluster
    lambda   *_weight   --      0: norm, 1: uniformity, 2: compactness
    =======  =========  ======  ======================================================

Stage 1 (`Pretraining`, `pretrain`) is a run of its own, which all models of Table 2 share. Model 1 is
`uniformity_weight=0` and `compactness_weight=0`, Model 2 the latter, Model 3 the former, 4 the default.

Departures from the paper, and choices where it is silent:

1. Eq. (3) is divided by the number of features: a sum over them at the printed rate of 0.10 overflows
   within ten steps on MNIST.
2. The embedding is linear. Section 4.2 reads as if it were rectified: then no cosine is negative,
   centroids are orthogonal at best, and units die. `embedding="relu"` is that reading.
3. Gradients longer than `longest_gradient` are cut to it (not printed): the slopes of eq. (11) and of a
   cosine near z = 0 have no bound. Both limits lie above what a sound run on small digits reaches.
4. The diagonal of eq. (11), 1/0, counts as 0, as the text has it; so do clusters without samples in the
   batch. No other 1 - m_i.m_j counts as less than 1e-4.
5. Eq. (12) takes u for z, for which alone it has a lower bound (its proof assumes |z| = 1), and a mean
   over a cluster's pairs. The printed sum, `compactness="sum"`, outweighs eq. (4) some hundredfold at
   batch 256; at the printed rate it overflows on small digits, and ends in one cluster where gradients
   are cut.
6. "Iteration" in Algorithm 1 is an epoch (Section 4.2 re-weights 300 iterations "every 100 epochs"):
   lines 7 and 8 take all samples, line 9 goes through them in batches.
7. Self-paced learning is not defined. Here the samples of each cluster are ranked by cosine to its
   centroid as a stage begins; its first third, two thirds, then all are trained on. A common ranking
   could leave whole clusters out.
8. Eq. (14) stops only in the last stage, or the hard samples might never enter, and never after the
   first epoch, when nothing can have changed.
9. k-means by cosine takes the best of 20 starts drawn as k-means++ does (not printed); a cluster
   without samples keeps its centroid.
10. lambda_0 stays on in Models 1 to 3 (not said). Weights start as Glorot's, biases at zero, and the
    output is linear (not printed).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recluster import spec
from recluster.nets import autoencoder
from recluster.nets.autoencoder import Autoencoder
from recluster.parts.batches import Means, in_batches, shuffled
from recluster.parts.hypersphere import (
    energy,
    gathered,
    most_similar,
    redirected,
    spherical_kmeans,
    unit,
)
from recluster.parts.kmeans import RESTARTS
from recluster.parts.reconstruction import summed_error
from recluster.spec import InputError, Step, fraction, not_negative, one_of, positive


@dataclass(frozen=True, kw_only=True)
class Pretraining(spec.Config):
    """Hyper-parameters of stage 1, as printed in Section 4.2 unless said otherwise."""

    method: ClassVar[str] = "ulhe-ae"
    embedding_size: int = 10  # d
    embedding: Literal["linear", "relu"] = "linear"  # see departure 2
    epochs: int = 1000
    batch_size: int = 256
    learning_rate: float = 0.10  # see departure 1
    momentum: float = 0.90
    longest_gradient: float = 1.0  # not printed, see departure 3

    def __post_init__(self) -> None:
        one_of("embedding", self.embedding, ("linear", "relu"))
        positive(self, "embedding_size", "epochs", "batch_size", "learning_rate", "longest_gradient")
        fraction(self, "momentum")

    def shortened(self) -> Self:
        """Two epochs."""
        return replace(self, epochs=2, batch_size=32)


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of stage 2, as printed in Section 4.2 unless said otherwise."""

    method: ClassVar[str] = "ulhe"
    start: Pretraining | None = field(default_factory=Pretraining)
    epochs: int = 300
    batch_size: int = 256
    learning_rate: float = 0.002
    momentum: float = 0.90
    norm_weight: float = 2.00  # lambda_0
    uniformity_weight: float = 0.08  # lambda_1; 0 in Models 1 and 3 of Table 2
    compactness_weight: float = 0.40  # lambda_2; 0 in Models 1 and 2 of Table 2
    compactness: Literal["pair mean", "sum"] = "pair mean"  # "sum" is printed, see departure 5
    stages: int = 3  # of the self-paced schedule, 100 epochs each; see departure 7
    tolerance: float = 0.001  # eta, eq. (14)
    restarts: int = RESTARTS  # not printed, see departure 9
    longest_gradient: float = 100.0  # not printed, see departure 3

    def __post_init__(self) -> None:
        one_of("compactness", self.compactness, ("pair mean", "sum"))
        positive(self, "epochs", "batch_size", "learning_rate", "stages", "restarts", "longest_gradient")
        fraction(self, "momentum", "tolerance")
        not_negative(self, "norm_weight", "uniformity_weight", "compactness_weight")
        if not isinstance(self.start, Pretraining):
            raise InputError(f"ulhe starts from its own pretraining, not from {self.start!r}")

    def shortened(self) -> Self:
        """One epoch for each stage, from a shortened pretraining."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, epochs=self.stages, batch_size=32, restarts=2)


def norm_loss(z: Tensor) -> Tensor:
    """Mean squared distance of the norms of z (b, d) from one, eq. (2)."""
    norms: Tensor = z.norm(dim=1)
    return (norms - 1).square().mean()


def clustering_loss(u: Tensor, nearest: Tensor) -> Tensor:
    """Mean of 1 - cosine between directions u (b, d) and their centroids (b, d), eq. (4)."""
    return 1 - (u * nearest).sum(1).mean()


def moved(centroids: Tensor, u: Tensor, labels: Tensor) -> Tensor:
    """Centroids (k, d) after eq. (8), towards those of eq. (7) for all u (n, d) and labels (n,)."""
    k = len(centroids)
    sums, sizes = gathered(u, labels, k)
    return redirected(centroids, centroids + (k / len(u) * sizes)[:, None] * unit(sums))


def uniformity_loss(u: Tensor, labels: Tensor, k: int) -> Tensor:
    """Sum of 1 / (1 - m_i.m_j) over i != j for the directions of a batch's clusters, eq. (11).

    Every pair stands there twice and without the 2 of eq. (10), so it is four times the energy.
    """
    sums, sizes = gathered(u, labels, k)
    return 4 * energy(unit(sums), sizes > 0)


def compactness_loss(u: Tensor, labels: Tensor, k: int, reduction: str) -> Tensor:
    """Sum, or mean, of 1 - u_i.u_j over all pairs of a cluster, averaged over clusters, eq. (12).

    Since the sum is |C_k|^2 - |sum of u_i|^2, no pair is ever formed.
    """
    sums, sizes = gathered(u, labels, k)
    total = sizes.square() - sums.square().sum(1)
    return (total if reduction == "sum" else total / sizes.square().clamp_min(1)).mean()


def change(before: Tensor, labels: Tensor) -> Tensor:
    """Share of labels (n,) that changed, eq. (14)."""
    return (before != labels).float().mean()


def easiest(closeness: Tensor, labels: Tensor, k: int, stage: int, stages: int) -> Tensor:
    """Row numbers of the stage/stages of each cluster that are closest to its centroid, rounded up."""
    order = closeness.argsort(descending=True)
    order = order[labels[order].argsort(stable=True)]  # cluster by cluster, the closest first
    sizes = one_hot(labels, k).sum(0)
    first = (sizes.cumsum(0) - sizes)[labels[order]]
    rank = torch.arange(len(labels), device=labels.device) - first
    return order[rank * stages < stage * sizes[labels[order]]]


def network(shape: tuple[int, ...], config: Pretraining) -> Autoencoder:
    """D-500-500-2000-d and its mirror, Section 4.2."""
    model = autoencoder("mlp", shape, config.embedding_size)
    if config.embedding == "relu":
        model.encoder = nn.Sequential(*model.encoder.children(), nn.ReLU())
    return model


def descent(module: nn.Module, config: Pretraining | Config) -> Callable[[Tensor], None]:
    """A step of stochastic gradient descent with momentum, given the loss."""
    weights = list(module.parameters())
    optimiser = torch.optim.SGD(weights, config.learning_rate, config.momentum, fused=True)

    def step(loss: Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, config.longest_gradient)
        optimiser.step()

    return step


def pretrain(
    x: Tensor, k: int, config: Pretraining, start: Mapping[str, Tensor] | None = None
) -> Iterator[Step]:
    """Stage 1 on x (n, ...), line 2 of Algorithm 1; `k` is not used. Yields once an epoch."""
    model = network(tuple(x.shape[1:]), config).to(x.device)
    descend = descent(model, config)
    means = Means()
    for epoch in range(1, config.epochs + 1):
        for rows in shuffled(x, config.batch_size):
            batch = x[rows]
            z = model.encoder(batch)
            losses = {"reconstruction": summed_error(batch, model.decoder(z)), "norm": norm_loss(z)}
            descend((losses["reconstruction"] + losses["norm"]) / x[0].numel())  # eqs. (1) to (3)
            means.add(losses, len(rows))
        yield Step(
            phase="pretraining",
            epoch=epoch,
            epochs=config.epochs,
            curves=means.take(),
            modules={"autoencoder": model},
            embed=lambda x: in_batches(model.encoder, x, model),
        )


class Model(nn.Module):
    """The encoder and the centroids (k, d)."""

    centroids: Tensor

    def __init__(self, encoder: nn.Module, centroids: Tensor) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("centroids", centroids)

    def directions(self, x: Tensor) -> Tensor:
        """u (b, d) of x (b, ...)."""
        return unit(self.encoder(x))

    def assign(self, x: Tensor) -> Tensor:
        """x (b, ...) to one-hot (b, k), eq. (6)."""
        labels = most_similar(self.directions(x), self.centroids)
        return one_hot(labels, len(self.centroids)).to(x.dtype)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Algorithm 1 from line 3 on x (n, ...), from the autoencoder's weights that stage 1 left."""
    if config.start is None or start is None:
        raise InputError("ulhe starts from the weights of its pretraining, and none were given")
    pretrained = network(tuple(x.shape[1:]), config.start)
    pretrained.load_state_dict(start)
    model = Model(pretrained.encoder, torch.empty(k, config.start.embedding_size)).to(x.device)
    u = in_batches(model.directions, x, model)
    labels, centroids = spherical_kmeans(u, k, config.restarts)  # line 3
    model.centroids.copy_(centroids)
    descend = descent(model, config)
    means = Means()
    stage, chosen = 0, torch.empty(0)
    for epoch in range(1, config.epochs + 1):
        u = in_batches(model.directions, x, model)
        before, labels = labels, most_similar(u, model.centroids)  # line 7
        model.centroids.copy_(moved(model.centroids, u, labels))  # line 8
        due = ceil(epoch * config.stages / config.epochs)
        if due > stage:  # departure 7
            stage = due
            closeness = (u * model.centroids[labels]).sum(1)
            chosen = easiest(closeness, labels, k, stage, config.stages)
        for picked in shuffled(chosen, config.batch_size):  # line 9
            rows = chosen[picked]
            z, own = model.encoder(x[rows]), labels[rows]
            u = unit(z)
            losses = {
                "clustering": clustering_loss(u, model.centroids[own]),
                "norm": norm_loss(z),
                "uniformity": uniformity_loss(u, own, k),
                "compactness": compactness_loss(u, own, k, config.compactness),
            }
            loss = losses["clustering"] + config.norm_weight * losses["norm"]
            loss = loss + config.uniformity_weight * losses["uniformity"]
            descend(loss + config.compactness_weight * losses["compactness"])  # eq. (13)
            means.add(losses, len(rows))
        changed = change(before, labels)
        yield Step(
            phase="clustering",
            epoch=epoch,
            epochs=config.epochs,
            curves={**means.take(), "changed": changed},
            modules={"model": model},
            embed=lambda x: in_batches(model.encoder, x, model),
            assign=lambda x: in_batches(model.assign, x, model),
        )
        if stage == config.stages and epoch > 1 and changed.item() < config.tolerance:
            return  # lines 10 and 11
