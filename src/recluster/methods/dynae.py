"""DynAE: Deep Clustering with a Dynamic Autoencoder (Mrabah, Khan, Ksantini and Lachiri, 2020).

An autoencoder reconstructs the samples whose cluster is in doubt and, for all others, outputs the
image of their cluster's centroid while their embedding is drawn to it. Two thresholds say who is in
doubt; they drop whenever the doubtful cease to become fewer, until nobody is left to reconstruct.

    =============  ==============  ========  =============================================
    symbol         name here       shape     meaning
    =============  ==============  ========  =============================================
    z              z               (b, d)    embedding f(x)
    mu             centroids       (k, d)    constant between two updates
    q              soft            (b, k)    soft assignment, Student's t, eq. (4)
    sigma(x)       nearest         (b, d)    the centroid of each sample's cluster
    g(sigma(x))    images[hard]    (b, ...)  its image, constant between two updates
    h_1, h_2       --              (b,)      the two largest q, eq. (5)
    beta_1, _2     thresholds      (2,)      least h_1, least h_1 - h_2; the curve is beta_1
    S bar          doubtful        (b,)      the conflicted samples, eq. (8); the others are S
    tau            "conflicted"    --        their share, eq. (11)
    gamma          --              --        weight of L_2, Section 5.2.4
    =============  ==============  ========  =============================================

Departures from the paper, and choices where it is silent or contradicts itself:

1. Both losses are means over elements, (9) over features and batch, (12) over the embedding and batch;
   the printed sums at a rate of 0.001 would be steps thousands of times as long. The official code
   takes means too, and gamma is in their units.
2. h_2 is the second of the sorted q. Eq. (5) takes the second *distinct* value: a sample half-way
   between two centroids would have none at its side, and not be in doubt.
3. The network sees an augmented batch. Assignments, and the images to reconstruct, are those of the
   same samples as they are (the paper: "regularized by data augmentation"), as in the official code.
4. Eq. (9) constructs the decoded centroid, the next paragraph the centroid's nearest sample instead.
   By default mu is that sample's embedding, so that its decoded image is both, as in the official code.
   The two readings are `target="decoded centroid"` and `target="neighbour"`, with mu from k-means.
5. Both thresholds drop by the same, 0.3 of the first kappa over K (Section 4.2.1), so that beta_2 is
   half of beta_1, eq. (10), at the start only. kappa = 0.3 K need be no integer from 1 to K.
6. The conflicted are counted every 140 steps, and the count before the first is all samples, both as in
   the official code (not printed): they must all be in doubt for the first count to drop the
   thresholds. Where a count would both stop training and drop the thresholds, training stops.
7. (12) is as printed. The official code also draws conflicted samples to their own embedding without
   augmentation: `consistency=True`.
8. Batches are shuffled, k-means takes the best of 20 restarts, and the ranges of the augmentation are
   those of the official code (none is printed). Samples that are no images are not augmented.
9. Gradients longer than `longest_gradient` are cut to it (not printed). On images in [0, 1] their
   length is about 1 at gamma = 1; on data of a thousand times that scale plain descent would diverge.
10. A gamma above one is divided out of the whole loss. At a fixed rate of plain gradient descent it
    would lengthen the step as well, and Section 5.2.4 would test that instead of the balance.
11. `dynamic=False` is the ablation DC* of Section 5.2.3, "joint embedded K-Means and reconstruction":
    nobody is in doubt, so that (12) draws every sample, and every sample is reconstructed. Nothing is
    then updated, and only `steps` ends it.
12. The default start has no critic (lambda = 0 in eq. (6), where the paper takes ACAI's 1/2), and the
    official code's initial weights. In that code the critic never learns, and on a trained autoencoder
    with a trained critic the slope of the deception is 3 % of that of the reconstruction, at nearly
    three times the cost of a step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from math import ceil
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from recluster import spec
from recluster.nets.autoencoder import Autoencoder
from recluster.parts import acai
from recluster.parts.assignment import squared_distances, student_t
from recluster.parts.augmentation import augmented
from recluster.parts.batches import Means, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.kmeans import kmeans
from recluster.parts.reconstruction import mean_error
from recluster.parts.resuming import resumable
from recluster.parts.starting import Start, pretrained
from recluster.spec import InputError, Step, fraction, not_negative, one_of, positive

TARGETS = ("decoded neighbour", "neighbour", "decoded centroid")
START = acai.Config(deception_weight=0.0, initialisation="fan-in")  # departure 12


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of DynAE, as printed in Section 5.1.3 unless said otherwise."""

    method: ClassVar[str] = "dynae"
    start: Start | None = field(default_factory=lambda: START)
    steps: int = 100_000  # MaxIter
    batch_size: int = 256
    learning_rate: float = 1e-3
    momentum: float = 0.9
    tolerance: float = 0.01  # tol: stop when fewer than this share are conflicted
    dynamic: bool = True  # False is the ablation DC*, see departure 11
    confidence: float = 0.3  # kappa over K
    drop: float = 0.3  # nabla kappa over the first kappa
    clustering_weight: float = 1.0  # gamma, eq. (14) and Section 5.2.4
    refresh: int = 140  # steps between two counts of the conflicted: not printed, see departure 6
    target: Literal["decoded neighbour", "neighbour", "decoded centroid"] = "decoded neighbour"
    consistency: bool = False  # not in the paper, see departure 7
    rotation: float = 10.0  # degrees either way: not printed, see departure 8
    shift: float = 0.1  # of height and width either way: not printed, see departure 8
    longest_gradient: float = 100.0  # not printed, see departure 9

    def __post_init__(self) -> None:
        one_of("target", self.target, TARGETS)
        positive(self, "steps", "batch_size", "learning_rate", "refresh", "longest_gradient")
        fraction(self, "momentum", "tolerance", "confidence", "drop", "shift")
        not_negative(self, "clustering_weight", "rotation")
        if not isinstance(self.start, Start):
            raise InputError(f"dynae starts from an autoencoder's pretraining, not {self.start!r}")

    def shortened(self) -> Self:
        """Nine steps from a shortened pretraining, with room for a drop after every third."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, steps=9, refresh=3, batch_size=32, tolerance=0.0)


def two_largest(soft: Tensor) -> tuple[Tensor, Tensor]:
    """h_1 and h_2 (b,) of eq. (5), equal values counted as often as they occur."""
    first, second = soft.topk(2, dim=1).values.unbind(1)
    return first, second


def conflicted(soft: Tensor, thresholds: Tensor) -> Tensor:
    """Which rows of q (b, k) are in S bar, eq. (8), as booleans (b,); the others are S, eq. (13)."""
    first, second = two_largest(soft)
    least, margin = thresholds.unbind()
    return (first < least) | (first - second < margin)


def construction_loss(x: Tensor, outputs: Tensor, images: Tensor, doubtful: Tensor) -> Tensor:
    """L_1, eq. (9): outputs (b, ...) against x where `doubtful` (b,), else against images (b, ...)."""
    chosen = doubtful.view(-1, *[1] * (x.dim() - 1))
    return mean_error(torch.where(chosen, x, images), outputs)


def clustering_loss(z: Tensor, nearest: Tensor, doubtful: Tensor, own: Tensor | None = None) -> Tensor:
    """L_2, eq. (12): z (b, d) to `nearest` (b, d); the `doubtful` (b,) nowhere, or to `own` (b, d)."""
    own = z.detach() if own is None else own
    return (z - torch.where(doubtful[:, None], own, nearest)).square().mean()


def initial_thresholds(kappa: float, k: int) -> Tensor:
    """Beta_1 and beta_2 (2,) of eq. (10)."""
    return torch.tensor([kappa / k, kappa / k / 2])


def dropped(thresholds: Tensor, nabla_kappa: float, k: int) -> Tensor:
    """Both thresholds lower by nabla kappa / K, Section 4.2.1."""
    return thresholds - nabla_kappa / k


class Model(nn.Module):
    """The autoencoder; the centroids, their images and the thresholds, constant between updates.

    Thresholds of zero doubt nobody.
    """

    centroids: Tensor
    images: Tensor
    thresholds: Tensor

    def __init__(self, network: Autoencoder, x: Tensor, k: int, config: Config) -> None:
        super().__init__()
        self.autoencoder = network
        self.dynamic = config.dynamic
        thresholds = initial_thresholds(config.confidence * k if config.dynamic else 0.0, k)
        self.register_buffer("thresholds", thresholds.to(x.device))
        centroids, images = centres(network, x, k, config.target)
        self.register_buffer("centroids", centroids)
        self.register_buffer("images", images)

    def assign(self, x: Tensor) -> Tensor:
        """q (b, k) of x (b, ...), eq. (4) with alpha = 1."""
        return student_t(self.autoencoder.encoder(x), self.centroids)

    def conflicted(self, x: Tensor) -> Tensor:
        """Which of x (b, ...) are conflicted now, as booleans (b,)."""
        return conflicted(self.assign(x), self.thresholds)

    def unsure(self, x: Tensor) -> int:
        """How many of all x (n, ...) are conflicted now."""
        return int(in_batches(self.conflicted, x, self).sum())


def centres(network: Autoencoder, x: Tensor, k: int, target: str) -> tuple[Tensor, Tensor]:
    """Centroids (k, d) from k-means on x (n, ...), and their images (k, ...); departure 4."""
    z = in_batches(network.encoder, x, network)
    centroids = kmeans(z, k)[1]
    neighbours = squared_distances(z, centroids).argmin(0)
    if target == "neighbour":
        return centroids, x[neighbours]
    if target == "decoded neighbour":
        centroids = z[neighbours]
    return centroids, in_batches(network.decoder, centroids, network)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Section 4.2 on x (n, ...), from the autoencoder's weights in `start`; yields once an epoch."""
    network = pretrained(config, x, start)
    model = Model(network, x, k, config)
    weights = list(network.parameters())
    optimiser = torch.optim.SGD(weights, config.learning_rate, config.momentum, fused=True)
    means = Means()
    length = ceil(len(x) / config.batch_size)
    epochs = ceil(config.steps / length)
    before, converged = torch.tensor(len(x)), False

    @captured
    def learn(rows: Tensor) -> dict[str, Tensor]:
        batch = x[rows]
        clean = in_batches(network.encoder, batch, network)  # targets carry no gradient
        soft = student_t(clean, model.centroids)
        hard = soft.argmax(1)
        doubtful = conflicted(soft, model.thresholds)
        rebuilt = doubtful if config.dynamic else torch.ones_like(doubtful)
        z = network.encoder(augmented(batch, config.rotation, config.shift))
        construction = construction_loss(batch, network.decoder(z), model.images[hard], rebuilt)
        own = clean if config.consistency else None
        clustering = clustering_loss(z, model.centroids[hard], doubtful, own)
        loss = construction + config.clustering_weight * clustering  # eq. (14)
        optimiser.zero_grad()
        (loss / max(1.0, config.clustering_weight)).backward()  # departure 10
        nn.utils.clip_grad_norm_(weights, config.longest_gradient)
        optimiser.step()
        return {
            "construction": construction,
            "clustering": clustering,
            "conflicted": doubtful.to(x.dtype).mean(),  # eq. (11)
            "threshold": model.thresholds[0],
        }

    yield observed(model, 0, epochs, {})
    for epoch in resumable(range(1, epochs + 1), model, optimiser, before):
        for step, rows in enumerate(shuffled(x, config.batch_size), (epoch - 1) * length):
            if config.dynamic and step > 0 and step % config.refresh == 0:
                now = model.unsure(x)
                converged = now < config.tolerance * len(x)
                if not converged and now >= int(before):
                    update(model, x, k, config)
                before.fill_(now)
            if converged or step == config.steps:
                break
            means.add(learn(rows), len(rows))
        if means.count:
            yield observed(model, epoch, epochs, means.take())
        if converged:
            return


def update(model: Model, x: Tensor, k: int, config: Config) -> None:
    """Out of local convergence, Section 4.2.1: new centroids and images, lower thresholds."""
    centroids, images = centres(model.autoencoder, x, k, config.target)
    model.centroids.copy_(centroids)
    model.images.copy_(images)
    nabla_kappa = config.drop * config.confidence * k
    model.thresholds.copy_(dropped(model.thresholds, nabla_kappa, k))


def observed(model: Model, epoch: int, epochs: int, curves: Mapping[str, Tensor]) -> Step:
    """The step that an epoch leaves."""
    network = model.autoencoder
    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=epochs,
        curves=curves,
        modules={"model": model, "autoencoder": network},
        embed=lambda x: in_batches(network.encoder, x, model),
        assign=lambda x: in_batches(model.assign, x, model),
        exemplars=lambda: in_batches(network.decoder, model.centroids, model),
    )
