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

Stage 1, with departures of its own, is `parts.normed`: a run that all models of Table 2 share. Model 1
is `uniformity_weight=0` and `compactness_weight=0`, 2 the latter, 3 the former, 4 the default.

Departures from the paper, and choices where it is silent:

1. Gradients longer than `longest_gradient` are cut to it (not printed): the slopes of eq. (11) and of a
   cosine near z = 0 have no bound. The limit lies above what a sound run on small digits reaches.
2. The diagonal of eq. (11), 1/0, counts as 0, as the text has it; so do clusters without samples in the
   batch. No other 1 - m_i.m_j counts as less than 1e-4.
3. Eq. (12) takes u for z, for which alone it has a lower bound (its proof assumes |z| = 1), and a mean
   over a cluster's pairs. With R the length of a cluster's mean direction that is 1 - R^2, while eq. (4)
   is 1 - R once the centroid has come to point along it: nearly the same twice, so that lambda_2 does
   almost nothing, and neither Table 3's axis of lambda_2 nor the gain of Model 3 can appear. The printed
   sum, `compactness="sum"`, outweighs eq. (4) some hundredfold at batch 256; at the printed rate it
   overflows on small digits, and ends in one cluster where gradients are cut.
4. "Iteration" in Algorithm 1 is an epoch (Section 4.2 re-weights 300 iterations "every 100 epochs"):
   lines 7 and 8 take all samples, line 9 goes through them in batches. That makes 300 n / b steps of
   line 9, and every loss acts to its end: without eq. (11) all clusters can fall to one point. The
   other reading, `iteration="batch"`, takes 300 steps in all: lines 7 and 8, with b for N, take each
   mini-batch, as Section 3.2 has it ("current samples in the mini-batch"), and all samples only as a
   stage begins. Eq. (14) then asks for the batch's samples alone.
5. Self-paced learning is not defined. Here the samples of each cluster are ranked by cosine to its
   centroid as a stage begins; its first third, two thirds, then all are trained on. A common ranking
   could leave whole clusters out.
6. Eq. (14) stops only in the last stage, or the hard samples might never enter, and not in its first
   epoch: labels are compared before they are learnt from, so that what has changed tells of the epoch
   before.
7. k-means by cosine takes the best of 20 starts drawn as k-means++ does (not printed); a cluster
   without samples keeps its centroid.
8. lambda_0 stays on in Models 1 to 3 (not said).
9. `rotation` and `shift` let the encoder learn from images that are turned and moved at random, as
   many of Table 1's rows do. The paper does not speak of it, and by default nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recluster import spec
from recluster.parts import normed
from recluster.parts.augmentation import augmented
from recluster.parts.batches import Means, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.hypersphere import (
    CLOSEST,
    gathered,
    most_similar,
    redirected,
    spherical_kmeans,
    unit,
)
from recluster.parts.kmeans import RESTARTS
from recluster.parts.normed import descend, norm_loss
from recluster.parts.resuming import resumable
from recluster.parts.starting import Start, pretrained
from recluster.spec import InputError, Step, fraction, not_negative, one_of, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of stage 2, as printed in Section 4.2 unless said otherwise."""

    method: ClassVar[str] = "ulhe"
    start: Start | None = field(default_factory=normed.Config)
    epochs: int = 300
    batch_size: int = 256
    learning_rate: float = 0.002
    momentum: float = 0.90
    norm_weight: float = 2.00  # lambda_0
    uniformity_weight: float = 0.08  # lambda_1; 0 in Models 1 and 3 of Table 2
    compactness_weight: float = 0.40  # lambda_2; 0 in Models 1 and 2 of Table 2
    compactness: Literal["pair mean", "sum"] = "pair mean"  # "sum" is printed, see departure 3
    iteration: Literal["epoch", "batch"] = "epoch"  # what `epochs` counts, see departure 4
    stages: int = 3  # of the self-paced schedule, 100 epochs each; see departure 5
    tolerance: float = 0.001  # eta, eq. (14)
    restarts: int = RESTARTS  # not printed, see departure 7
    longest_gradient: float = 100.0  # not printed, see departure 1
    rotation: float = 0.0  # degrees either way: not in the paper, see departure 9
    shift: float = 0.0  # of height and width either way: not in the paper, see departure 9

    def __post_init__(self) -> None:
        one_of("compactness", self.compactness, ("pair mean", "sum"))
        one_of("iteration", self.iteration, ("epoch", "batch"))
        positive(self, "epochs", "batch_size", "learning_rate", "stages", "restarts", "longest_gradient")
        fraction(self, "momentum", "tolerance", "shift")
        not_negative(self, "norm_weight", "uniformity_weight", "compactness_weight", "rotation")
        if not isinstance(self.start, Start):
            raise InputError(f"ulhe starts from an autoencoder's pretraining, not {self.start!r}")

    def shortened(self) -> Self:
        """One epoch or two batches for each stage, from a shortened pretraining."""
        start = self.start.shortened() if self.start else None
        epochs = self.stages if self.iteration == "epoch" else 2 * self.stages
        return replace(self, start=start, epochs=epochs, batch_size=32, restarts=2)


def clustering_loss(u: Tensor, nearest: Tensor) -> Tensor:
    """Mean of 1 - cosine between directions u (b, d) and their centroids (b, d), eq. (4)."""
    return 1 - (u * nearest).sum(1).mean()


def moved(centroids: Tensor, u: Tensor, labels: Tensor) -> Tensor:
    """Centroids (k, d) after eq. (8), towards those of eq. (7) for all u (n, d) and labels (n,)."""
    k = len(centroids)
    sums, sizes = gathered(u, labels, k)
    return redirected(centroids, centroids + (k / len(u) * sizes)[:, None] * unit(sums))


def uniformity_loss(u: Tensor, labels: Tensor, k: int) -> Tensor:
    """Sum of 1 / (1 - m_i.m_j) over i != j for the directions of a batch's clusters, eq. (11)."""
    sums, sizes = gathered(u, labels, k)
    m, present = unit(sums), sizes > 0
    pairs = (present[:, None] & present).fill_diagonal_(False)  # departure 2
    return torch.where(pairs, 1 / (1 - m @ m.T).clamp_min(CLOSEST), 0).sum()


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
    encoder = pretrained(config, x, start).encoder
    u = in_batches(lambda rows: unit(encoder(rows)), x, encoder)
    labels, centroids = spherical_kmeans(u, k, config.restarts)  # line 3
    model = Model(encoder, centroids)
    optimiser = torch.optim.SGD(model.parameters(), config.learning_rate, config.momentum, fused=True)
    means = Means()
    chosen = labels.new_empty(0)

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        z, own = model.encoder(augmented(x[rows], config.rotation, config.shift)), labels[rows]
        u = unit(z)
        losses = {
            "clustering": clustering_loss(u, model.centroids[own]),
            "norm": norm_loss(z),
            "uniformity": uniformity_loss(u, own, k),
            "compactness": compactness_loss(u, own, k, config.compactness),
        }
        loss = losses["clustering"] + config.norm_weight * losses["norm"]
        loss = loss + config.uniformity_weight * losses["uniformity"]
        loss = loss + config.compactness_weight * losses["compactness"]  # eq. (13)
        descend(optimiser, loss, config.longest_gradient)
        return losses

    for epoch in resumable(range(1, config.epochs + 1), model, optimiser, labels, chosen):
        earlier, stage = (ceil(e * config.stages / config.epochs) for e in (epoch - 1, epoch))
        batches = None if config.iteration == "epoch" else 1
        at_once = batches is None or stage > earlier
        if at_once:
            u, changed = assigned(model, x, labels, slice(None))
        if stage > earlier:  # departure 5
            closeness = (u * model.centroids[labels]).sum(1)
            easy = easiest(closeness, labels, k, stage, config.stages)
            chosen.resize_(len(easy)).copy_(easy)
        for picked in shuffled(chosen, config.batch_size)[:batches]:
            rows = chosen[picked]
            if not at_once:
                u, changed = assigned(model, x, labels, rows)
            means.add(learn(rows), len(rows))  # line 9
        yield Step(
            phase="clustering",
            epoch=epoch,
            epochs=config.epochs,
            curves={**means.take(), "changed": changed},
            modules={"model": model},
            embed=lambda x: in_batches(model.encoder, x, model),
            assign=lambda x: in_batches(model.assign, x, model),
        )
        if earlier == config.stages and changed.item() < config.tolerance:
            return  # lines 10 and 11, departure 6


def assigned(model: Model, x: Tensor, labels: Tensor, rows: Tensor | slice) -> tuple[Tensor, Tensor]:
    """Lines 7 and 8 for these rows of x (n, ...) and labels (n,): their u, and how many changed."""
    u, before = in_batches(model.directions, x[rows], model), labels[rows].clone()
    labels[rows] = most_similar(u, model.centroids)
    model.centroids.copy_(moved(model.centroids, u, labels[rows]))
    return u, change(before, labels[rows])
