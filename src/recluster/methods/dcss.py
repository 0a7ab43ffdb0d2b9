"""DCSS: Deep Clustering with Self-supervision using Pairwise Data Similarities (Sadeghi and Armanfard).

This is its second phase. The first, DCSS_u, is a run of its own, `recluster.parts.centring`: it leaves
an encoder and centroids, and by them fuzzy memberships. The second drops the decoder and trains a small
network, MNet, to give one answer to a pair of similar samples and two to a dissimilar pair.

    ======  ===========  ======  =============================================
    symbol  name here    shape   meaning
    ======  ===========  ======  =============================================
    u       u            (b, d)  embedding f(x)
    mu      centroids    (k, d)  centres of the fuzzy clusters
    p       memberships  (b, k)  fuzzy memberships of u in the clusters
    q       q            (b, k)  clusters' probabilities, MNet's M(u)
    zeta    similar      --      a pair's inner product from which it attracts
    gamma   dissimilar   --      a pair's inner product up to which it repels
    ======  ===========  ======  =============================================

From a run of DCSS_u it is DCSS. From any other method X that hands on an autoencoder it is the paper's
X+MNet (Section 4.7).

Departures from the paper, and choices where it is silent, beside those of the first phase:

8. Centroids are those that DCSS_u ends with. On another method's embedding k-means gives them, with 20
   restarts: whether the paper takes X's own is not printed.
9. The batch size is not printed: 500, as in the authors' code. A last batch of one sample is left out:
   it has no pair, and no batch statistics.
10. Both networks begin with a fresh Adam (not printed), each at its printed rate.
11. q enters eqs. (4) and (5) as it is. The authors' code rounds its ends to 0 and 1 and takes a
    thousandth of the loss, of which the paper says nothing.
12. A sample and itself are one of the pairs in eqs. (4) and (5), as printed. The curves leave such
    pairs out: they say of how many *others* a sample is sure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar, Self

import torch
from torch import Tensor, nn

from recluster import spec
from recluster.nets.mnet import mnet
from recluster.parts import centring
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.fuzzy import Clusters
from recluster.parts.kmeans import kmeans
from recluster.parts.origin import beginning, inherited
from recluster.parts.resuming import resumable
from recluster.parts.starting import CENTROIDS
from recluster.spec import InputError, Step, fraction, positive


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of the second phase, as printed in Section 6 unless said otherwise."""

    method: ClassVar[str] = "dcss"
    start: spec.Config | None = field(default_factory=centring.Config)  # or X's, for X+MNet
    fuzziness: float = 1.5  # m, eq. (2); in DCSS that of the first phase
    epochs: int = 20  # MaxIter_2
    guided_epochs: int = 5  # T_2: epochs in which p judges the pairs
    similar: float = 0.8  # zeta, eqs. (4) and (5)
    dissimilar: float = 0.2  # gamma, eqs. (4) and (5)
    hidden_size: int = 128  # of MNet's three layers, Section 5; 1000 for CIFAR-100
    batch_size: int = 500  # not printed, see departure 9
    learning_rate: float = 1e-5  # of the encoder
    mnet_learning_rate: float = 1e-3

    def __post_init__(self) -> None:
        positive(self, "fuzziness", "epochs", "guided_epochs", "hidden_size", "batch_size")
        positive(self, "learning_rate", "mnet_learning_rate")
        fraction(self, "similar", "dissimilar")
        if self.dissimilar > self.similar:
            raise InputError(f"dcss: dissimilar must not exceed similar, got {self.dissimilar}")
        if self.fuzziness <= 1:
            raise InputError(f"dcss: fuzziness must be greater than 1, got {self.fuzziness}")
        if self.batch_size < 2:
            raise InputError("dcss: batch_size must be 2 or more, or there is no pair, got 1")
        beginning(self.start)

    def shortened(self) -> Self:
        """An epoch of each kind from a shortened start.

        A higher rate makes the losses of so few steps tell of the encoder's gradient, and the
        thresholds let every pair take part, where p and q do not decide on any yet.
        """
        start = self.start.shortened() if self.start else None
        short = replace(self, start=start, epochs=2, guided_epochs=1, batch_size=48)
        return replace(short, learning_rate=10 * self.learning_rate, similar=0.5, dissimilar=0.5)


def similarities(assignment: Tensor) -> Tensor:
    """Inner products (b, b) of the rows of p or q (b, k)."""
    return assignment @ assignment.T


def pairwise_loss(q: Tensor, judge: Tensor, similar: float, dissimilar: float) -> Tensor:
    """L_M over all ordered pairs of q (b, k): eq. (4) where p (b, k) judges, eq. (5) where q does."""
    agreement, product = similarities(judge), similarities(q)
    return ((agreement >= similar) * (1 - product) + (agreement <= dissimilar) * product).sum()


class Model(nn.Module):
    """The clusters that the first phase left, and MNet upon their embedding."""

    def __init__(self, clusters: Clusters, head: nn.Sequential) -> None:
        super().__init__()
        self.clusters, self.mnet = clusters, head

    @property
    def centroids(self) -> Tensor:
        """Those (k, d) by which p judges."""
        return self.clusters.centroids

    def embed(self, x: Tensor) -> Tensor:
        """u (n, d) of all x (n, ...)."""
        return self.clusters.embed(x)

    def assign(self, x: Tensor) -> Tensor:
        """q (n, k) of all x (n, ...)."""
        return in_batches(self.mnet, self.embed(x), self)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Lines 9 to 21 of Algorithm 1 on x (n, ...), from the weights in `start`; yields once an epoch.

    The curves are the loss per pair, and those of `watched`.
    """
    clusters = begun(x, k, config, start)
    encoder, d = clusters.autoencoder.encoder, clusters.centroids.shape[1]
    model = Model(clusters, mnet(d, k, config.hidden_size).to(x.device))
    optimiser = adam(encoder.parameters(), config.learning_rate)
    optimiser.add_param_group({"params": [*model.mnet.parameters()], "lr": config.mnet_learning_rate})
    means = Means()

    @captured
    def learn(rows: Tensor, *, guided: bool) -> dict[str, Tensor]:
        u = encoder(x[rows])
        q = model.mnet(u)  # lines 12 and 16
        judge = clusters.memberships(u) if guided else q.detach()  # line 11
        loss = pairwise_loss(q, judge, config.similar, config.dissimilar)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()  # lines 13 and 17
        return {"pairs": loss / len(rows) ** 2} | watched(q.detach(), judge, config)

    for epoch in resumable(range(1, config.epochs + 1), model, optimiser):
        guided = epoch <= config.guided_epochs  # line 10
        for rows in shuffled(x, config.batch_size):
            if len(rows) > 1:
                means.add(learn(rows, guided=guided), len(rows))
        if guided:
            clusters.update(x)  # line 14
        yield observed(model, epoch, config.epochs, means.take())


def begun(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None) -> Clusters:
    """The clusters to go on from: with the centroids of the run before, or else by k-means."""
    network = inherited(config, x, start)
    kept = (start or {}).get(CENTROIDS)
    if kept is None:
        kept = kmeans(in_batches(network.encoder, x, network), k)[1]
    return Clusters(network, kept.to(x.device, copy=True), config.fuzziness)


def watched(q: Tensor, judge: Tensor, config: Config) -> dict[str, Tensor]:
    """What a batch's pairs say, for Figures 10 and 13 and of our own; all shares are in [0, 1].

    Of all pairs but those of a sample and itself: which are similar, and which dissimilar. Of samples:
    which have no other one adjacent, by Definition A.1. And the mean of the judge's own sum of
    squares, 1/k for an undecided sample and 1 for a sure one.
    """
    agreement, adjacent, pairs = similarities(judge), similarities(q), len(q) * (len(q) - 1)
    own = torch.eye(len(q), dtype=torch.bool, device=q.device)
    return {
        "similar": ((agreement >= config.similar) & ~own).sum().to(q.dtype) / pairs,
        "dissimilar": ((agreement <= config.dissimilar) & ~own).sum().to(q.dtype) / pairs,
        "isolated": (~((adjacent >= config.similar) & ~own).any(1)).to(q.dtype).mean(),
        "sureness": judge.square().sum(1).mean(),
    }


def observed(model: Model, epoch: int, epochs: int, curves: Mapping[str, Tensor]) -> Step:
    """The step that an epoch leaves. The decoder is gone: nothing can start from here."""
    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=epochs,
        curves=curves,
        modules={"model": model},
        embed=model.embed,
        assign=model.assign,
        views={"q": model.assign},
    )
