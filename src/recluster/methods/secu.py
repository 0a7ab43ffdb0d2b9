"""SeCu: Stable Cluster Discrimination for Deep Clustering (Qian, ICCV 2023), by its supplement.

Encoder and clusters are learned at once from random views: an instance is told from all other clusters,
but a centre is moved by its own members alone, since a batch shows most of the clusters too seldom to
push the others reliably. Duals, one for each cluster and bound, limit its size (`parts.balance`).

    ======  =========  ======  ==================================================
    symbol  name here  shape   meaning
    ======  =========  ======  ==================================================
    x_i     u          (b, d)  embedding of one view, of unit length
    w_j     centres    (k, d)  of the clusters, normalised wherever they are used
    lambda  --         --      temperature of the logits u.w / lambda
    p_ij    p          (b, k)  softmax of the logits, eq. (3)
    y_i     labels     (b,)    number of the cluster, the one-hot y_ij
    rho_j   lower      (k,)    dual of the least size, gamma N / K
    rho'_j  upper      (k,)    dual of the greatest size, gamma' N / K
    ======  =========  ======  ==================================================

Departures ("code" is that of the authors, idstcv/SeCu; the main paper itself is not at hand):

1. Assignment takes the mean cosine of both views for log p: the same choice (Section 2) with duals and
   their rate multiplied by lambda, and the code's 0.1 is meant so.
2. The representation's loss, with centres and labels as the epoch found them, the entropy constraint and
   the further heads of 2k, 3k, ... centres, each with labels of its own, are the code's.
3. Duals never fall below zero (Section 2), whatever gamma. In the code they may for gamma = 1, and so
   push samples out of a cluster above N/K; Table 2's row of gamma = 1 may be of that, ours is not.
4. Theorem 1 asks for a constant rate of the centres. Its value 1 is for a gradient divided by the sum of
   1 - p, eq. (4), which ours is not: hence the code's 1.2.
5. The encoder rests in the first epoch; its rate grows over `warm_up` epochs, then falls along a cosine
   to zero (code). Shorter runs should shorten `warm_up` too.
6. The entropy's weight is per instance: 6,000 on 50,000 images and 600 on 5,000 are both 0.12.
7. Pixels are not standardised: batch normalisation follows. Grey images are only cropped, and more on
   the views stands in `parts.views`. A last batch of one joins the batch before.
8. The result is the largest p of the first head, without duals, for the image itself (not printed).
9. Self-labelling is `parts.self_labelling`, with departures of its own: rate, strong view, weights.
10. The encoder's gradient is cut to a length of 100, which only degenerate data reach (digits: 40):
    batch normalisation of equal images with different labels multiplies it without bound.
11. CIFAR-10 is all of its 60,000 images, as in the other papers here. Table 2's sizes add up to 50,000,
    the training part (code); whether its scores are of that or of the test part is not printed.
12. Not here: the second stage on STL-10; LARS, predictor and third layer for ImageNet (Section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import ClassVar, Literal, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, one_hot
from torch.optim import SGD

from recluster.nets.resnet import ENCODERS, encoder
from recluster.parts import ranks
from recluster.parts.balance import Partition
from recluster.parts.batch_norm import descend
from recluster.parts.batches import Means, in_batches, shuffled
from recluster.parts.ranks import Share
from recluster.parts.rates import warmed
from recluster.parts.resuming import resumable
from recluster.parts.self_labelling import SelfLabelling, self_labelled
from recluster.parts.views import images_only, two_views
from recluster.spec import InputError, Step, fraction, one_of, positive


@dataclass(frozen=True, kw_only=True)
class Config(SelfLabelling):
    """Settings for CIFAR-10 with the size constraint; "code" where the supplement is silent."""

    method: ClassVar[str] = "secu"
    network: str = "resnet"  # ResNet-18 (code), or the encoder of an autoencoder
    features: int = 512  # what the encoder gives to the projection: ResNet-18's (code)
    embedding_size: int = 128  # d, Table 1
    heads: int = 10  # with k, 2k, ... centres; code
    constraint: Literal["size", "entropy"] = "size"  # Tables 1 to 3
    lower_ratio: float = 0.9  # gamma, Table 2
    upper_ratio: float | None = None  # gamma', Section 2: the lower bound is "sufficient"
    dual_rate: float = 0.1  # eta_rho, for cosines; code
    entropy_weight: float = 0.12  # per instance: departure 6. STL-10: 26,460 / 105,000 (3.1)
    representation_temperature: float = 0.05  # code
    centre_temperature: float = 0.05  # lambda; code. STL-10: 1 (3.1)
    label_weight: float = 0.2  # of the previous label in a target; code
    epochs: int = 401  # the first with a resting encoder; code
    warm_up: int = 10  # epochs; code
    batch_size: int = 128  # Table 3
    learning_rate: float = 0.2  # of the encoder, Section 3.1
    centre_rate: float = 1.2  # constant by Theorem 1; code
    momentum: float = 0.9  # Section 3.1 for ImageNet and self-labelling; code
    weight_decay: float = 1e-4  # code
    smallest_crop: float = 0.3  # share of the image's area; code

    def __post_init__(self) -> None:
        one_of("network", self.network, ENCODERS)
        one_of("constraint", self.constraint, ["size", "entropy"])
        fraction(self, "lower_ratio", "label_weight", "momentum", "weight_decay", "confidence")
        fraction(self, "smallest_crop")
        positive(self, "features", "embedding_size", "heads", "smallest_crop")
        positive(self, "dual_rate", "entropy_weight", "learning_rate", "centre_rate")
        positive(self, "representation_temperature", "centre_temperature")
        positive(self, "epochs", "warm_up", "batch_size")
        positive(self, "self_labelling_epochs", "self_labelling_warm_up", "self_labelling_batch")
        positive(self, "self_labelling_rate")
        if self.start is not None:
            raise InputError(f"secu trains from random weights and takes no start, got {self.start!r}")
        if min(self.batch_size, self.self_labelling_batch) < 2:
            raise InputError("secu: batch_size and self_labelling_batch must be at least 2, not 1")
        if self.upper_ratio is not None and not 1 <= self.upper_ratio < inf:
            raise InputError(f"secu: upper_ratio must be at least 1 and finite, got {self.upper_ratio}")
        if self.epochs <= 1 + self.warm_up:
            raise InputError(f"secu: epochs must exceed 1 + warm_up, got {self.epochs}; shorten both")

    def shortened(self) -> Self:
        """A narrow encoder: an epoch at rest, one of warm-up, one more, two of self-labelling if set.

        At the full rate its batch statistics would carry rounding into the labels.
        """
        brief = replace(super().shortened(), epochs=3, warm_up=1, batch_size=32, features=16)
        return replace(brief, heads=min(self.heads, 2), learning_rate=self.learning_rate / 20)


def probabilities(u: Tensor, centres: Tensor, temperature: float) -> Tensor:
    """p (b, k) of eq. (3)."""
    return torch.softmax(u @ centres.T / temperature, dim=1)


def centre_loss(u: Tensor, centres: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Eq. (1), mean over the batch: cross-entropy whose gradient reaches each label's centre alone."""
    logits = u.detach() @ centres.T / temperature
    own = one_hot(labels, len(centres)).bool()
    return cross_entropy(torch.where(own, logits, logits.detach()), labels)


def optimal_centres(u: Tensor, centres: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Right-hand side (k, d) of eq. (4): centres at rest, or their negatives if members disagree."""
    own = one_hot(labels, len(centres)).bool()
    others = probabilities(u, centres, temperature).masked_fill(own, 0).sum(1)  # 1 - p, to all digits
    weights = own * others[:, None]
    means = weights.T @ u / weights.sum(0)[:, None].clamp_min(1e-30)  # zero without members
    return normalize(means)


def soft_target(p: Tensor, labels: Tensor, weight: float) -> Tensor:
    """The other view's p (b, k), mixed with the label by `weight` (tau); carries no gradient."""
    return (1 - weight) * p.detach() + weight * one_hot(labels, p.shape[1]).to(p.dtype)


def representation_loss(u: Tensor, centres: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of p(u), u (b, d), to soft targets (b, k)."""
    return cross_entropy(u @ centres.T / temperature, target)


class Head(Partition):
    """One clustering: its centres, and the labels that they give."""

    frozen: Tensor

    def __init__(self, n: int, k: int, config: Config) -> None:
        super().__init__(n, k)
        self.config = config
        self.centres = nn.Parameter(normalize(torch.randn(k, config.embedding_size)))
        self.register_buffer("frozen", self.centres.detach().clone())  # as the epoch found them

    def relabel(self, scores: Tensor, rows: Tensor) -> Tensor:
        """New labels (b,) from cosines (b, k), under the constraint; they are kept."""
        config, k = self.config, len(self.centres)
        if config.constraint == "entropy":
            return self.spread(scores, rows, config.entropy_weight)
        bounds = config.lower_ratio / k, (config.upper_ratio or inf) / k
        return self.bounded(scores, rows, bounds, config.dual_rate)

    def losses(self, views: tuple[Tensor, Tensor], share: Share) -> Tensor:
        """Losses (2,) of representation and centres, means over both views (b, d)."""
        tx, tw = self.config.representation_temperature, self.config.centre_temperature
        before, centres = self.labels[share.own], normalize(self.centres)
        cosines = (views[0] + views[1]) / 2 @ centres.T
        labels = self.relabel(share.whole(cosines), share.rows)[share.part]
        before = torch.where(before < 0, labels, before)
        each = []
        for u, other in (views, views[::-1]):
            p = probabilities(other, self.frozen, tx)
            target = soft_target(p, before, self.config.label_weight)
            each.append(representation_loss(u, self.frozen, target, tx))
            each.append(centre_loss(u, centres, labels, tw))
        return torch.stack(each).view(2, 2).mean(0)


class Model(nn.Module):
    """Encoder, projection and heads; images (b, c, h, w) to unit vectors (b, d)."""

    def __init__(self, x: Tensor, k: int, config: Config) -> None:
        super().__init__()
        size = config.features
        hidden = [nn.Linear(size, size), nn.BatchNorm1d(size), nn.ReLU()]
        projection = nn.Sequential(*hidden, nn.Linear(size, config.embedding_size))
        self.encoder = nn.Sequential(encoder(config.network, x.shape[1:], size), projection)
        self.heads = nn.ModuleList(Head(len(x), k * h, config) for h in range(1, config.heads + 1))
        self.temperature = config.representation_temperature

    @property
    def clusterings(self) -> list[Head]:
        """The heads, the one with k centres first."""
        return cast(list[Head], list(self.heads))

    def forward(self, first: Tensor, second: Tensor, share: Share) -> Tensor:
        """Losses (2,) of representation and centres from two views (b, c, h, w), means over heads."""
        views = self.embed(first), self.embed(second)  # each with batch statistics of its own
        return torch.stack([head.losses(views, share) for head in self.clusterings]).mean(0)

    def embed(self, x: Tensor) -> Tensor:
        """Embedding u (b, d)."""
        return normalize(self.encoder(x))

    def logits(self, x: Tensor) -> Tensor:
        """Logits (b, k) of the first head."""
        return self.embed(x) @ normalize(self.clusterings[0].centres).T / self.temperature


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Train on images x (n, c, h, w), yielding once an epoch; `start` is not used."""
    images_only(x)
    model = Model(x, k, config).to(x.device)
    groups = [{"params": model.encoder.parameters()}, {"params": model.heads.parameters()}]
    # The rate is the centres', departure 4; the encoder's is set at every step.
    optimiser = SGD(groups, config.centre_rate, config.momentum, weight_decay=config.weight_decay)
    means, together = Means(), ranks.together(model)
    for epoch in resumable(range(config.epochs), model, optimiser):
        for head in model.clusterings:
            head.frozen.copy_(normalize(head.centres.detach()))
        batches = ranks.shares(shuffled(x, config.batch_size), least=2)  # for the batch statistics
        for number, share in enumerate(batches):
            time = epoch + number / len(batches)
            rate = config.learning_rate * warmed(time, 1, config.warm_up, config.epochs)  # departure 5
            with share.drawing():
                views = two_views(x[share.own], config.smallest_crop)
            representation, centres = together(*views, share)
            loss = share.weighted(representation + centres)
            descend(model.encoder, optimiser, loss, rate)  # departure 10
            means.add({"representation": representation, "centres": centres}, len(share.own))
        counts = model.clusterings[0].counts
        sizes = {"largest": counts.max(), "smallest": counts.min()}  # as in Table 2
        yield observed(model, epoch, config, means.take() | sizes)
    if config.self_labelling:
        yield from last_stage(model, x, config)


def last_stage(model: Model, x: Tensor, config: Config) -> Iterator[Step]:
    """Self-labelling of the whole model, departure 9."""
    optimiser = SGD(model.parameters(), momentum=config.momentum, weight_decay=config.weight_decay)
    labels = in_batches(model.logits, x, model).argmax(1)
    step = partial(descend, model.encoder, optimiser)
    learned = partial(self_labelled, model.logits, x, labels, config, step)
    for epoch in resumable(range(config.self_labelling_epochs), model, optimiser, labels):
        yield observed(model, config.epochs + epoch, config, learned(epoch))


def observed(model: Model, epoch: int, config: Config, curves: Mapping[str, Tensor]) -> Step:
    """The step that an epoch leaves."""
    return Step(
        phase="clustering",
        epoch=epoch + 1,
        epochs=config.epochs + config.self_labelling * config.self_labelling_epochs,
        curves=curves,
        modules={"model": model},
        embed=lambda x: in_batches(model.embed, x, model),
        assign=lambda x: in_batches(lambda rows: model.logits(rows).softmax(1), x, model),
    )
