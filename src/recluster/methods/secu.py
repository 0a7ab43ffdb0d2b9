"""SeCu: Stable Cluster Discrimination for Deep Clustering (Qian, ICCV 2023), by its supplement.

Encoder and clusters are learned at once from random views: an instance is told from all other clusters,
but a centre is moved by its own members alone, since a batch shows most of the clusters too seldom to
push the others reliably. Duals, one for each cluster and bound, keep the clusters' sizes in bounds.

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

Departures. The main paper is not at hand: "code" is the authors' (idstcv/SeCu), consulted where the
supplement is silent.

1. Assignment takes the mean cosine of both views for log p: the same choice (Section 2) with duals and
   their rate multiplied by lambda, and the code's 0.1 is meant so.
2. The representation's loss, with centres and labels as the epoch found them, the entropy constraint and
   the further heads of 2k, 3k, ... centres, each with labels of its own, are the code's.
3. Duals never fall below zero (Section 2); in the code they do for gamma = 1.
4. Theorem 1 asks for a constant rate of the centres. Its value 1 is for a gradient divided by the sum of
   1 - p, eq. (4), which ours is not: hence the code's 1.2.
5. The encoder rests in the first epoch; its rate grows over `warm_up` epochs, then falls along a cosine
   to zero (code). Shorter runs should shorten `warm_up` too.
6. The entropy's weight is per instance: 6,000 on 50,000 images and 600 on 5,000 are both 0.12.
7. Pixels are not standardised: batch normalisation follows. Grey images are only cropped, and more on
   the views stands in `parts.views`. A last batch of one joins the batch before.
8. The result is the largest p of the first head, without duals, for the image itself (not printed).
9. Self-labelling: rate and schedule are not printed; the strong view is a milder crop, jitter and a
   cutout, where SCAN draws from 14 operations; confident images count alike.
10. The encoder's gradient is cut to a length of 100, which only degenerate data reach (digits: 40):
    batch normalisation of equal images with different labels multiplies it without bound.
11. Not here: the second stage on STL-10; LARS, predictor and third layer for ImageNet (Section 3.1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from math import cos, inf, pi
from typing import ClassVar, Literal, Self, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, normalize, one_hot

from recluster import spec
from recluster.nets.resnet import ENCODERS, encoder
from recluster.parts.batches import Means, in_batches, shuffled
from recluster.parts.views import images_only, mild_view, two_views
from recluster.spec import InputError, Step, fraction, one_of, positive

LONGEST_GRADIENT = 100.0


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
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
    self_labelling: bool = False  # Tables 1 to 3 are of the method before it
    self_labelling_epochs: int = 100  # Section 3.1, as the next two and the last
    self_labelling_warm_up: int = 10
    self_labelling_batch: int = 1024
    self_labelling_rate: float = 0.05  # not printed: between the rates of Section 3.1, 0.2 and 0.002
    confidence: float = 0.9

    def __post_init__(self) -> None:
        one_of("network", self.network, ENCODERS)
        one_of("constraint", self.constraint, ["size", "entropy"])
        shares = ("lower_ratio", "label_weight", "momentum", "weight_decay", "confidence")
        fraction(self, *shares, "smallest_crop")
        numbers = [name for name, value in vars(self).items() if type(value) in (int, float)]
        positive(self, *(name for name in numbers if name not in shares))
        if self.start is not None:
            raise InputError(f"secu trains from random weights and takes no start, got {self.start!r}")
        if min(self.batch_size, self.self_labelling_batch) < 2:
            raise InputError("secu: batch_size and self_labelling_batch must be at least 2, not 1")
        if self.upper_ratio is not None and not self.upper_ratio >= 1:
            raise InputError(f"secu: upper_ratio must be at least 1, got {self.upper_ratio}")
        if self.epochs <= 1 + self.warm_up:
            raise InputError(f"secu: epochs must exceed 1 + warm_up, got {self.epochs}; shorten both")

    def shortened(self) -> Self:
        """A narrow encoder: an epoch at rest, one of warm-up, one more, two of self-labelling if set.

        At the full rate its batch statistics would carry rounding into the labels.
        """
        brief = replace(self, epochs=3, warm_up=1, batch_size=32, features=16, heads=min(self.heads, 2))
        brief = replace(brief, learning_rate=self.learning_rate / 20, self_labelling_epochs=2)
        return replace(brief, self_labelling_warm_up=1, self_labelling_batch=48)


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
    optimum: Tensor = normalize(weights.T @ u / weights.sum(0)[:, None].clamp_min(1e-30))
    return optimum  # zero for a cluster without members


def assigned(scores: Tensor, lower: Tensor, upper: Tensor) -> Tensor:
    """Labels (b,) of Section 2 from scores (b, k): log p, or cosines with duals to match."""
    return (scores + lower - upper).argmax(1)


def ascended(dual: Tensor, violation: Tensor, rate: float) -> Tensor:
    """Duals (k,) of Section 2 after a batch by whose mean the bound is violated, or kept if negative."""
    return (dual + rate * violation).clamp_min(0)


def entropy_change(counts: Tensor, current: Tensor) -> Tensor:
    """Change (b, k) of sum_j pi_j log pi_j, were instance i to move from `current` (b,) to cluster j.

    Pi are the shares of `counts` (k,). An instance with the label -1 is not counted yet and joins.
    """
    member = current[:, None] == torch.arange(len(counts), device=counts.device)
    others = counts - member.to(counts.dtype)
    total = others.sum(1, keepdim=True) + 1
    # (c + 1) log (c + 1) - c log c, written so that nothing cancels
    gain: Tensor = others.log1p() + torch.special.xlog1py(others, 1 / others)
    joining = (gain - total.log()) / total
    return joining - (joining * member).sum(1, keepdim=True)


def soft_target(p: Tensor, labels: Tensor, weight: float) -> Tensor:
    """The other view's p (b, k), mixed with the label by `weight` (tau); carries no gradient."""
    return (1 - weight) * p.detach() + weight * one_hot(labels, p.shape[1]).to(p.dtype)


def representation_loss(u: Tensor, centres: Tensor, target: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of p(u), u (b, d), to soft targets (b, k)."""
    return cross_entropy(u @ centres.T / temperature, target)


def self_labelling_loss(logits: Tensor, labels: Tensor, confident: Tensor) -> Tensor:
    """Mean cross-entropy of a strong view over the confident (b,) of the batch; zero if none is."""
    each = cross_entropy(logits, labels, reduction="none") * confident
    return each.sum() / confident.sum().clamp_min(1)


def encoder_rate(epoch: float, config: Config) -> float:
    """The encoder's rate; `epoch` is counted from zero and has a fraction. See departure 5."""
    warmth = (epoch - 1) / config.warm_up
    if warmth < 1:
        return config.learning_rate * max(warmth, 0.0)
    begin = 1 + config.warm_up
    return config.learning_rate * cosine((epoch - begin) / (config.epochs - begin))


def cosine(progress: float) -> float:
    """Half a cosine from one to zero."""
    return (1 + cos(pi * progress)) / 2


class Head(nn.Module):
    """One clustering: its centres, duals, counts, and the label of every instance (-1: none yet)."""

    frozen: Tensor
    labels: Tensor
    counts: Tensor
    lower: Tensor
    upper: Tensor

    def __init__(self, n: int, k: int, config: Config) -> None:
        super().__init__()
        self.config = config
        self.centres = nn.Parameter(normalize(torch.randn(k, config.embedding_size)))
        self.register_buffer("frozen", self.centres.detach().clone())  # as the epoch found them
        self.register_buffer("labels", torch.full((n,), -1))
        for name in ("counts", "lower", "upper"):
            self.register_buffer(name, torch.zeros(k))

    @torch.no_grad()
    def relabel(self, scores: Tensor, rows: Tensor) -> Tensor:
        """New labels (b,) from cosines (b, k); keeps them, and moves duals (Section 2) and counts."""
        config, k, before = self.config, len(self.centres), self.labels[rows]
        if config.constraint == "entropy":
            weight = config.entropy_weight * len(self.labels)
            labels = (scores - weight * entropy_change(self.counts, before)).argmax(1)
        else:
            labels = assigned(scores, self.lower, self.upper)
            share = one_hot(labels, k).to(scores.dtype).mean(0)
            least, most = config.lower_ratio / k, (config.upper_ratio or inf) / k
            self.lower.copy_(ascended(self.lower, least - share, config.dual_rate))
            self.upper.copy_(ascended(self.upper, share - most, config.dual_rate))
        self.counts += (one_hot(labels, k) - one_hot(before + 1, k + 1)[:, 1:]).sum(0)
        self.labels[rows] = labels
        return labels

    def losses(self, views: tuple[Tensor, Tensor], rows: Tensor) -> Tensor:
        """Losses (2,) of representation and centres, means over both views (b, d)."""
        tx, tw = self.config.representation_temperature, self.config.centre_temperature
        before, centres = self.labels[rows], normalize(self.centres)
        labels = self.relabel((views[0] + views[1]) / 2 @ centres.T, rows)
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

    def forward(self, x: Tensor) -> Tensor:
        """Embedding u (b, d)."""
        return normalize(self.encoder(x))

    def logits(self, x: Tensor) -> Tensor:
        """Logits (b, k) of the first head, the one with k centres."""
        centres: Tensor = normalize(self.get_parameter("heads.0.centres"))
        return self.forward(x) @ centres.T / self.temperature


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Train on images x (n, c, h, w), yielding once an epoch; `start` is not used."""
    images_only(x)
    model = Model(x, k, config).to(x.device)
    heads = cast(list[Head], list(model.heads))
    optimiser = torch.optim.SGD(
        [{"params": model.encoder.parameters()}, {"params": model.heads.parameters()}],
        lr=config.centre_rate,  # constant; the encoder's is set at every step
        momentum=config.momentum,
        weight_decay=config.weight_decay,
    )
    means = Means()
    for epoch in range(config.epochs):
        for head in heads:
            head.frozen.copy_(normalize(head.centres.detach()))
        batches = paired(shuffled(x, config.batch_size))
        for number, rows in enumerate(batches):
            optimiser.param_groups[0]["lr"] = encoder_rate(epoch + number / len(batches), config)
            first, second = two_views(x[rows], config.smallest_crop)
            views = model(first), model(second)  # each with batch statistics of its own
            representation, centres = torch.stack([head.losses(views, rows) for head in heads]).mean(0)
            descend(representation + centres, model, optimiser)
            means.add({"representation": representation, "centres": centres}, len(rows))
        sizes = {"largest": heads[0].counts.max(), "smallest": heads[0].counts.min()}  # as in Table 2
        yield observed(model, epoch, config, means.take() | sizes)
    if config.self_labelling:
        yield from self_labelled(model, x, config)


def self_labelled(model: Model, x: Tensor, config: Config) -> Iterator[Step]:
    """Fine-tune strong views by the confident labels of weak ones, in a warm-up by fixed ones (3.1)."""
    fixed = in_batches(model.logits, x, model).argmax(1)
    optimiser = torch.optim.SGD(model.parameters(), 0.0, config.momentum, 0.0, config.weight_decay)
    means = Means()
    for epoch in range(config.self_labelling_epochs):
        done = epoch / config.self_labelling_epochs
        optimiser.param_groups[0]["lr"] = config.self_labelling_rate * cosine(done)
        for rows in paired(shuffled(x, config.self_labelling_batch)):
            with torch.no_grad():
                confidence, labels = model.logits(x[rows]).softmax(1).max(1)
            confident = confidence > config.confidence
            if epoch < config.self_labelling_warm_up:
                labels, confident = fixed[rows], torch.ones_like(confident)
            loss = self_labelling_loss(model.logits(mild_view(x[rows])), labels, confident)
            descend(loss, model, optimiser)
            means.add({"self-labelling": loss, "confident": confident.to(x.dtype).mean()}, len(rows))
        yield observed(model, config.epochs + epoch, config, means.take())


def descend(loss: Tensor, model: Model, optimiser: torch.optim.Optimizer) -> None:
    """One step down the loss, the encoder's gradient kept in bounds: departure 10."""
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.encoder.parameters(), LONGEST_GRADIENT)
    optimiser.step()


def paired(batches: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    """The batches, a last one of a single row joined to the one before: batch statistics need two."""
    return batches if len(batches[-1]) > 1 else (*batches[:-2], torch.cat(batches[-2:]))


def observed(model: Model, epoch: int, config: Config, curves: Mapping[str, Tensor]) -> Step:
    """The step that an epoch leaves."""
    return Step(
        phase="clustering",
        epoch=epoch + 1,
        epochs=config.epochs + config.self_labelling * config.self_labelling_epochs,
        curves=curves,
        modules={"model": model},
        embed=lambda x: in_batches(model, x, model),
        assign=lambda x: in_batches(lambda rows: model.logits(rows).softmax(1), x, model),
    )
