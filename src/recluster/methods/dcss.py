"""DCSS: Deep Clustering with Self-supervision using Pairwise Data Similarities (Sadeghi and Armanfard).

Phase 1 draws an autoencoder's embedding together around k centroids, one cluster's loss after another,
weighted by fuzzy memberships. Phase 2 drops the decoder and trains a small network, MNet, to give one
answer to a pair of similar samples and two to a dissimilar pair.

    ======  ===========  ======  =============================================
    symbol  name here    shape   meaning
    ======  ===========  ======  =============================================
    u       u            (b, d)  embedding f(x)
    mu      centroids    (k, d)  centres of the fuzzy clusters
    p       memberships  (b, k)  fuzzy memberships of u in the clusters
    p^m     weight       (b,)    for one cluster: a constant in its loss
    q       q            (b, k)  clusters' probabilities, MNet's M(u)
    zeta    similar      --      a pair's inner product from which it attracts
    gamma   dissimilar   --      a pair's inner product up to which it repels
    ======  ===========  ======  =============================================

With `phases="first"` it is the paper's DCSS_u, with "second" its X+MNet (Section 4.7): phase 2 on the
encoder of the method X that `start` names.

Departures from the paper, and choices where it is silent:

1. Eq. (2) is printed upside down: the farthest centroid would get the largest membership. The text
   wants the opposite ("the closer ... the higher"), which is fuzzy c-means and what is here.
2. Eq. (2) divides by zero where a sample lies on a centroid. It then belongs to that one alone, or in
   equal parts to all that coincide there (`parts.fuzzy`).
3. "Iteration" in Algorithm 1 is an epoch, as in Section 3; its loop over clusters runs in each batch.
4. The batch size is not printed: 500, as in the authors' code.
5. Line 5 is one Adam over all k runs; phase 2 starts with a fresh one (neither is printed).
6. A last batch of one sample is left out of phase 2: it has no pair, and no batch statistics.
7. Evaluation and eq. (3) use batch normalisation's running statistics (not printed).
8. k-means has 20 restarts (not printed). With "second" it gives the centroids too: whether the paper
   takes X's own is not printed.
9. Pretraining ends at its last epoch and is shared with other methods; its length is not printed. The
   fully connected autoencoder's embedding is linear, where Section 5 has "ReLU in all layers".
10. q enters eqs. (4) and (5) as it is. The authors' code rounds its ends to 0 and 1 and takes a
    thousandth of the loss, of which the paper says nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn

from recluster import spec
from recluster.nets.autoencoder import Autoencoder
from recluster.nets.mnet import mnet
from recluster.parts import pretraining
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.fuzzy import memberships, recentred
from recluster.parts.kmeans import kmeans
from recluster.parts.origin import beginning, inherited
from recluster.parts.resuming import resumable
from recluster.spec import InputError, Step, fraction, not_negative, one_of, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of DCSS, as printed in Section 6 unless said otherwise."""

    method: ClassVar[str] = "dcss"
    start: spec.Config | None = field(default_factory=pretraining.Config)  # "dcss-conv" for grey images
    phases: Literal["both", "first", "second"] = "both"  # "first" is DCSS_u, "second" is X+MNet
    centring_epochs: int = 200  # MaxIter_1
    centroid_interval: int = 2  # T_1: epochs between two updates of the centroids
    centring_weight: float = 0.1  # alpha, eq. (1a)
    fuzziness: float = 1.5  # m, eqs. (1) to (3)
    pairing_epochs: int = 20  # MaxIter_2
    guided_epochs: int = 5  # T_2: epochs of phase 2 in which p judges the pairs
    similar: float = 0.8  # zeta, eqs. (4) and (5)
    dissimilar: float = 0.2  # gamma, eqs. (4) and (5)
    hidden_size: int = 128  # of MNet's three layers, Section 5; 1000 for CIFAR-100
    batch_size: int = 500  # not printed, see departure 4
    learning_rate: float = 1e-5  # of the autoencoder
    mnet_learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        one_of("phases", self.phases, ("both", "first", "second"))
        positive(self, "centring_epochs", "centroid_interval", "pairing_epochs", "guided_epochs")
        positive(self, "fuzziness", "hidden_size", "batch_size", "learning_rate", "mnet_learning_rate")
        not_negative(self, "centring_weight")
        fraction(self, "similar", "dissimilar")
        if self.dissimilar > self.similar:
            raise InputError(f"dcss: dissimilar must not exceed similar, got {self.dissimilar}")
        if self.fuzziness <= 1:
            raise InputError(f"dcss: fuzziness must be greater than 1, got {self.fuzziness}")
        if self.batch_size < 2:
            raise InputError("dcss: batch_size must be 2 or more, or there is no pair, got 1")
        beginning(self.start)

    def shortened(self) -> Self:
        """An epoch of phase 1 and one of each kind in phase 2, from a shortened start.

        A higher rate makes the losses of so few steps tell of the autoencoder's gradient, and the
        thresholds let every pair take part, where p and q do not decide on any yet.
        """
        start = self.start.shortened() if self.start else None
        short = replace(self, centring_epochs=1, centroid_interval=1, pairing_epochs=2, guided_epochs=1)
        short = replace(short, start=start, batch_size=48, similar=0.5, dissimilar=0.5)
        return replace(short, learning_rate=10 * self.learning_rate)

    @property
    def epochs(self) -> int:
        """Of the phases that are run."""
        lengths = {"first": self.centring_epochs, "second": self.pairing_epochs}
        return lengths.get(self.phases, sum(lengths.values()))


def reconstruction_loss(x: Tensor, reconstruction: Tensor, weight: Tensor) -> Tensor:
    """L_r of one cluster, eq. (1b): squared errors of x (b, ...), weighted by p^m (b,), summed."""
    return (weight * (x - reconstruction).square().flatten(1).sum(1)).sum()


def centring_loss(u: Tensor, centroid: Tensor, weight: Tensor) -> Tensor:
    """L_c of one cluster, eq. (1c): squared distances of u (b, d) to (d,), weighted by (b,), summed."""
    return (weight * (u - centroid).square().sum(1)).sum()


def similarities(assignment: Tensor) -> Tensor:
    """Inner products (b, b) of the rows of p or q (b, k)."""
    return assignment @ assignment.T


def pairwise_loss(q: Tensor, judge: Tensor, similar: float, dissimilar: float) -> Tensor:
    """L_M over all ordered pairs of q (b, k): eq. (4) where p (b, k) judges, eq. (5) where q does."""
    agreement, product = similarities(judge), similarities(q)
    return ((agreement >= similar) * (1 - product) + (agreement <= dissimilar) * product).sum()


class Model(nn.Module):
    """The autoencoder, the centroids (k, d) in its embedding, and MNet once phase 2 has begun."""

    centroids: Tensor

    def __init__(self, network: Autoencoder, centroids: Tensor, fuzziness: float) -> None:
        super().__init__()
        self.autoencoder, self.fuzziness = network, fuzziness
        self.mnet: nn.Sequential | None = None
        self.register_buffer("centroids", centroids)

    def memberships(self, u: Tensor) -> Tensor:
        """Fuzzy memberships p (b, k) of u (b, d), eq. (2)."""
        return memberships(u, self.centroids, self.fuzziness)

    def embed(self, x: Tensor) -> Tensor:
        """u (n, d) of all x (n, ...)."""
        return in_batches(self.autoencoder.encoder, x, self)

    def assign(self, x: Tensor) -> Tensor:
        """The assignment (n, k) of all x (n, ...): q, or p as long as there is no MNet."""
        return in_batches(self.memberships if self.mnet is None else self.mnet, self.embed(x), self)

    def update(self, x: Tensor) -> None:
        """Move the centroids by eq. (3), over all x (n, ...)."""
        self.centroids.copy_(recentred(self.embed(x), self.centroids, self.fuzziness))


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Algorithm 1 on x (n, ...), from the autoencoder's weights in `start`; yields once an epoch."""
    network = inherited(config, x, start)  # line 1
    centroids = kmeans(in_batches(network.encoder, x, network), k)[1]
    model = Model(network, centroids, config.fuzziness)
    if config.phases != "second":
        yield from first_phase(model, x, config)
    if config.phases != "first":
        yield from second_phase(model, x, config)


def first_phase(model: Model, x: Tensor, config: Config) -> Iterator[Step]:
    """Lines 2 to 8. The curves are Figure 4's: means over clusters and batches, here per sample."""
    network = model.autoencoder
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

    for epoch in resumable(range(1, config.centring_epochs + 1), model, optimiser):
        for rows in shuffled(x, config.batch_size):
            means.add(learn(rows), len(rows))
        if epoch % config.centroid_interval == 0:
            model.update(x)  # line 7
        yield observed(model, epoch, means.take(), config)


def second_phase(model: Model, x: Tensor, config: Config) -> Iterator[Step]:
    """Lines 9 to 19, with the curves of `measured`."""
    encoder, (k, d) = model.autoencoder.encoder, model.centroids.shape
    model.mnet = mnet(d, k, config.hidden_size).to(x.device)
    optimiser = adam(encoder.parameters(), config.learning_rate)
    optimiser.add_param_group({"params": [*model.mnet.parameters()], "lr": config.mnet_learning_rate})
    before = config.epochs - config.pairing_epochs
    means, head = Means(), model.mnet

    @captured
    def learn(rows: Tensor, *, guided: bool) -> dict[str, Tensor]:
        u = encoder(x[rows])
        q = head(u)  # lines 12 and 16
        judge = model.memberships(u) if guided else q.detach()  # line 11
        loss = pairwise_loss(q, judge, config.similar, config.dissimilar)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()  # lines 13 and 17
        return measured(q.detach(), judge, loss, config)

    for epoch in resumable(range(1, config.pairing_epochs + 1), model, optimiser):
        guided = epoch <= config.guided_epochs  # line 10
        for rows in shuffled(x, config.batch_size):
            if len(rows) > 1:
                means.add(learn(rows, guided=guided), len(rows))
        if guided:
            model.update(x)  # line 14
        yield observed(model, before + epoch, means.take(), config)


def measured(q: Tensor, judge: Tensor, loss: Tensor, config: Config) -> dict[str, Tensor]:
    """Of a batch: loss per pair, shares of pairs taking part, of samples without an adjacent other one.

    These are Figures 5, 10 and 13; two samples are adjacent by Definition A.1.
    """
    agreement, adjacent = similarities(judge), similarities(q) >= config.similar
    return {
        "pairs": loss / agreement.numel(),
        "similar": (agreement >= config.similar).to(q.dtype).mean(),
        "dissimilar": (agreement <= config.dissimilar).to(q.dtype).mean(),
        "isolated": (~adjacent.fill_diagonal_(False).any(1)).to(q.dtype).mean(),
    }


def observed(model: Model, epoch: int, curves: Mapping[str, Tensor], config: Config) -> Step:
    """The step that an epoch leaves. In phase 2 the decoder is gone, and q is a view of its own."""
    network, paired = model.autoencoder, model.mnet is not None
    modules: dict[str, nn.Module] = {"model": model}
    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=config.epochs,
        curves=curves,
        modules=modules if paired else modules | {"autoencoder": network},
        embed=model.embed,
        assign=model.assign,
        exemplars=None if paired else lambda: in_batches(network.decoder, model.centroids, model),
        views={"q": model.assign} if paired else {},
    )
