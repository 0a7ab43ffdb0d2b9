"""What the papers measure beside the scores: gradients' angles, singular values, directions, pairs.

With `recluster.metrics` the only reader of y; nothing here trains, draws or leaves a trace in a module.

Choices where a paper is silent:

1. Delta_FR and Delta_FD (DynAE, eqs. 1 and 3) do not say which w, x and L. Here w are the encoder's
   weights, the only ones that both losses of eq. (3) share; x are all samples as they are, without
   augmentation; batch normalisation takes its running statistics. L is each method's own latent loss:
   eq. (12) for DynAE and DCN, the divergence of DEC and IDEC for those two.
2. Labels in eq. (1) are hard, "the vector of pseudo labels": the nearest centroid. Equal labels then
   give 1 exactly, which the soft target of DEC would not.
3. True classes become clusters by the one-to-one matching of DynAE's eq. (15). A class beyond the number
   of clusters has no centroid to be drawn to, and its samples are left out on both sides.
4. A gradient of zero has no direction: both Deltas are then nan.

Everything raises `InputError` unless data, embeddings and assignments are finite, neither empty nor of
another shape than said, the rows of p and q probabilities, and y and labels integers. Where an array or
a list will do, so will a tensor on any device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan
from typing import Literal, NamedTuple

import numpy as np
import scipy
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.functional import kl_div, one_hot

from recluster import metrics
from recluster.methods import dcn, dynae, idec, pcx, shallow
from recluster.parts.assignment import sharpened, squared_distances, student_t
from recluster.parts.batches import EVALUATION_SIZE, evaluating, in_batches
from recluster.parts.hypersphere import energy, unit
from recluster.spec import InputError, one_of

ANGLES = ("delta_fr", "delta_fd")
APART = (
    "acc_unconflicted", "nmi_unconflicted", "acc_conflicted", "nmi_conflicted", "share_conflicted"
)  # fmt: skip
OTHERS = ("acc_mini", "acc_kmeans", "acc_gmm", "acc_agg")
DRAWN, RESTARTS = 2000, 5  # samples that other clusterings are made of, and how often they start
Edges = NDArray[np.float64]
Losses = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Two losses, each summed over a batch, of the samples' row numbers (b,) and embedding z (b, d)."""


@dataclass(frozen=True, kw_only=True)
class Learner:
    """What a method has learned so far, and what its losses are made of.

    Attributes:
        encoder: x (b, ...) to z (b, d).
        decoder: z (b, d) to x (b, ...); for DEC, which has none, that of its pretraining.
        centroids: (k, d).
        latent: the loss on z. "distance" is the square of that to the centroid, "divergence" is
            KL(p || q) with q by Student's t.
        images: (k, ...), which DynAE's decoder constructs for samples beyond doubt (eq. 9); None where
            every sample is reconstructed.
    """

    encoder: nn.Module
    decoder: nn.Module
    centroids: Tensor
    latent: Literal["distance", "divergence"] = "distance"
    images: Tensor | None = None

    def __post_init__(self) -> None:
        one_of("latent loss", self.latent, ("distance", "divergence"))
        rows("centroids", self.centroids)
        if self.images is not None and len(self.images) != len(self.centroids):
            raise InputError(
                f"images must be {len(self.centroids)}, as centroids; got {len(self.images)}"
            )
        if not any(weight.requires_grad for weight in self.encoder.parameters()):
            raise InputError("the encoder has no weights to differentiate by; give a trainable one")

    def pull(self, z: Tensor, target: Tensor) -> Tensor:
        """The latent loss of z (b, d) with targets (b, k), summed over the rows."""
        centroids = self.centroids.detach()
        if self.latent == "divergence":
            return kl_div(student_t(z, centroids).log(), target, reduction="sum")
        return (z - target @ centroids).square().sum()

    def embedded(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """z (n, d) of x (n, ...), and its pseudo labels (n,): the nearest centroids."""
        z = in_batches(self.encoder, x, self.encoder)
        if z.shape[1:] != self.centroids.shape[1:]:
            raise InputError(f"centroids must be (k, {z.shape[1]}), got {tuple(self.centroids.shape)}")
        return z, squared_distances(z, self.centroids.detach()).argmin(1)


# --- DynAE: feature randomness and feature drift ------------------------------------------------


def feature_randomness(
    learner: Learner, x: Tensor, y: ArrayLike | Tensor, doubtful: Tensor | None = None
) -> float:
    """Delta_FR in [-1, 1]: the latent loss' slopes for true and for pseudo labels (DynAE, eq. 1).

    x is (n, ...), y (n,) true classes, `doubtful` (n,) marks samples to leave out: DynAE's conflicted
    ones, which eq. (12) does not draw anywhere. 1 if both labellings are the same but for their names.
    """
    counted = ~_doubts(doubtful, data(x))
    k = len(learner.centroids)
    z, labels = learner.embedded(x)
    true = torch.from_numpy(matched(integers("y", y, len(x)), labels.cpu().numpy(), k)).to(x.device)
    counted &= true >= 0
    targets = [one_hot(one.clamp_min(0), k).to(z.dtype) for one in (true, labels)]

    def losses(batch: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        kept = counted[batch]
        supervised, pseudo = (learner.pull(z[kept], target[batch][kept]) for target in targets)
        return supervised, pseudo

    return cosine_of_slopes(learner, x, losses)


def feature_drift(learner: Learner, x: Tensor, doubtful: Tensor | None = None) -> float:
    """Delta_FD in [-1, 1]: slopes of the pseudo- and the self-supervised loss (DynAE, eq. 3).

    x is (n, ...). `doubtful` (n,) marks samples that the latent loss leaves out, and that are
    reconstructed where the others have one of the learner's images.
    """
    unsure = _doubts(doubtful, data(x))
    images, (z, labels) = learner.images, learner.embedded(x)
    if learner.latent == "divergence":
        target = sharpened(student_t(z, learner.centroids.detach()))
    else:
        target = one_hot(labels, len(learner.centroids)).to(z.dtype)

    def losses(batch: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
        aim, sure = x[batch], ~unsure[batch]
        if images is not None:
            aim = torch.where(sure.view(-1, *[1] * (x.dim() - 1)), images[labels[batch]], aim)
        return learner.pull(z[sure], target[batch][sure]), (learner.decoder(z) - aim).square().sum()

    return cosine_of_slopes(learner, x, losses)


def angles(model: nn.Module, x: Tensor, y: ArrayLike | Tensor) -> dict[str, float]:
    """`ANGLES` of a model of DynAE, DCN or IDEC in training, on x (n, ...) with true classes y (n,).

    0 where a gradient is zero, as long as DynAE doubts every sample: without a direction, two gradients
    neither agree nor disagree.
    """
    learner = learner_of(model)
    doubtful = None
    if isinstance(model, dynae.Model) and model.dynamic:
        doubtful = in_batches(model.conflicted, x, model)
    found = (feature_randomness(learner, x, y, doubtful), feature_drift(learner, x, doubtful))
    return {name: 0.0 if isnan(one) else one for name, one in zip(ANGLES, found, strict=True)}


def apart(
    model: dynae.Model, x: Tensor, y: ArrayLike | Tensor, labels: ArrayLike | Tensor
) -> dict[str, float]:
    """`APART`: ACC and NMI of those of x (n, ...) that DynAE does not doubt now, and of those it does.

    And the share of the latter among all, which needs no labels. y and labels are (n,). A part is scored
    as if it were all the data (Figure 10 does not say), 0 while it is empty.
    """
    classes, clusters = integers("y", y, len(x)), integers("labels", labels, len(x))
    doubtful = in_batches(model.conflicted, x, model).cpu().numpy()
    found: dict[str, float] = dict.fromkeys(APART, 0.0)
    for name, part in (("unconflicted", ~doubtful), ("conflicted", doubtful)):
        if part.any():
            found[f"acc_{name}"] = metrics.accuracy(classes[part], clusters[part])
            found[f"nmi_{name}"] = metrics.nmi(classes[part], clusters[part])
    return found | {"share_conflicted": float(doubtful.mean())}


def others(model: pcx.Model, x: Tensor, y: ArrayLike | Tensor) -> dict[str, float]:
    """`OTHERS`: ACC of the clusters that x (n, ...) had in its batches, and of other clusterings.

    These are k-means, a diagonal Gaussian mixture and Ward's tree on the embedding, of the same 2,000
    samples in each epoch (Figure 3 does not say of how many). y is (n,).
    """
    from sklearn.cluster import KMeans

    classes = integers("y", y, len(x))
    rows = np.sort(np.random.default_rng(0).permutation(len(x))[:DRAWN])
    z = in_batches(model.autoencoder.encoder, x[torch.from_numpy(rows).to(x.device)], model)
    k = len(model.centroids)
    ours = {
        "acc_kmeans": KMeans(k, n_init=RESTARTS, random_state=0).fit_predict(shallow.array(z)),
        "acc_gmm": shallow.mixture(z, k, RESTARTS, 0)(z).argmax(1).cpu().numpy(),
        "acc_agg": shallow.agglomerative(z, k, RESTARTS, 0)(z).argmax(1).cpu().numpy(),
    }
    found = {"acc_mini": metrics.accuracy(classes, model.visited.cpu().numpy())}
    return found | {name: metrics.accuracy(classes[rows], labels) for name, labels in ours.items()}


def watched(
    model: nn.Module, x: Tensor, y: ArrayLike | Tensor, labels: ArrayLike | Tensor
) -> dict[str, float]:
    """All that is asked of a model in training beside its scores.

    Of PC-X these are `OTHERS`, else `ANGLES`, and of DynAE `APART` too.
    """
    if isinstance(model, pcx.Model):
        return others(model, x, y)
    found = angles(model, x, y)
    return found | apart(model, x, y, labels) if isinstance(model, dynae.Model) else found


def asked_of(method: str) -> tuple[str, ...]:
    """The names in `watched` of a model of this method."""
    if method == "pcx":
        return OTHERS
    return ANGLES + APART if method == "dynae" else ANGLES


def learner_of(model: nn.Module) -> Learner:
    """What the model of a method has learned so far; an `InputError` unless its losses are known."""
    if not isinstance(model, dynae.Model | dcn.Model | idec.Model):
        raise InputError(
            f"angles are known of the losses of dynae, dcn and idec, not of {type(model).__module__}; "
            f"give a Learner to feature_randomness and feature_drift"
        )
    network = model.autoencoder
    return Learner(
        encoder=network.encoder,
        decoder=network.decoder,
        centroids=model.centroids,
        latent="divergence" if isinstance(model, idec.Model) else "distance",
        images=model.images if isinstance(model, dynae.Model) and model.dynamic else None,
    )


def matched(y: NDArray[np.int64], labels: NDArray[np.int64], k: int) -> NDArray[np.int64]:
    """The cluster (n,) that each sample's class y (n,) is matched to (DynAE, eq. 15); -1 for none."""
    names, classes = np.unique(y, return_inverse=True)
    table = np.zeros((len(names), k), dtype=np.int64)
    np.add.at(table, (classes, labels), 1)
    ours, theirs = scipy.optimize.linear_sum_assignment(table, maximize=True)
    clusters = np.full(len(names), -1)
    clusters[ours] = theirs
    return clusters[classes]


def cosine_of_slopes(learner: Learner, x: Tensor, losses: Losses) -> float:
    """Between the gradients of two losses by the encoder's weights, summed up over batches of x."""
    weights = [weight for weight in learner.encoder.parameters() if weight.requires_grad]
    size = sum(weight.numel() for weight in weights)
    slopes = torch.zeros(2, size, dtype=torch.float64, device=x.device)
    with torch.enable_grad(), evaluating(learner.encoder, learner.decoder):
        for batch in torch.arange(len(x), device=x.device).split(EVALUATION_SIZE):
            for slope, loss in zip(slopes, losses(batch, learner.encoder(x[batch])), strict=True):
                found = torch.autograd.grad(loss, weights, retain_graph=True, materialize_grads=True)
                slope += torch.cat([one.flatten() for one in found])
    first, second = slopes / slopes.norm(dim=1, keepdim=True)
    return float((first @ second).clamp(-1, 1))


# --- PC-X: singular values ----------------------------------------------------------------------


def largest_shares(z: ArrayLike | Tensor, labels: ArrayLike | Tensor, k: int) -> NDArray[np.float64]:
    """Largest singular value over the sum of all, of each group's rows of z (n, d) (PC-X, Table 7).

    `labels` (n,) are classes, as in the table, or clusters. As (k,): from 1/min(m, d) for m rows of
    equal singular values to 1 for rows that are all parallel; nan for no rows, or only zeros. The rows
    are not centred: the text finds the centroid in the first singular vector.
    """
    points = rows("z", z).double().cpu().numpy()
    groups = integers("labels", labels, len(points), k)
    shares = np.full(k, np.nan)
    for group in np.unique(groups):
        values = np.linalg.svd(points[groups == group], compute_uv=False)
        if values[0] > 0:
            shares[group] = values[0] / values.sum()
    return shares


# --- ULHE: directions ---------------------------------------------------------------------------


def hyperspherical_energy(vectors: ArrayLike | Tensor) -> float:
    """Sum over pairs i > j of 1 / |m_i - m_j|^2 for the directions m of vectors (k, d) (ULHE, eq. 10).

    A zero vector has no direction and is left out. No two count as nearer than `hypersphere.CLOSEST`.
    """
    points = rows("vectors", vectors).double()
    return float(energy(unit(points), points.norm(dim=1) > 0))


def uniformity(vectors: ArrayLike | Tensor) -> float:
    """Sum over i != j of 1 / (1 - m_i.m_j) (ULHE, eq. 11, its diagonal 0 as the text has it).

    Four times eq. (10); at least (k - 1)^2, which the regular simplex attains if d >= k - 1.
    """
    return 4 * hyperspherical_energy(vectors)


def cosines(z: ArrayLike | Tensor) -> Tensor:
    """Cosines (n, n) between the rows of z (n, d) (ULHE, Figure 3); 0 for a row of zeros."""
    directions = unit(rows("z", z))
    return (directions @ directions.T).clamp(-1, 1)


# --- DCSS: assignments and pairs ----------------------------------------------------------------


def residuals(q: ArrayLike | Tensor) -> Tensor:
    """h (n,) in [0, 2): L1 distance of each row of q (n, k) to its one-hot (DCSS, Figure 8)."""
    q = probabilities(q)
    return (one_hot(q.argmax(1), q.shape[1]) - q).abs().sum(1)


def residual_histogram(q: ArrayLike | Tensor, bins: int = 50) -> tuple[NDArray[np.int64], Edges]:
    """Counts (bins,) of the residuals and the bins' edges (bins + 1,), from 0 to 2 whatever q is."""
    if bins < 1:
        raise InputError(f"a histogram needs 1 bin or more, got {bins}")
    return np.histogram(residuals(q).cpu().numpy(), bins, range=(0, 2))


class Pairs(NamedTuple):
    """How many ordered pairs of n samples attract, repel, or take no part; they add up to n^2.

    But a pair whose inner product equals both thresholds attracts and repels, and counts twice.
    """

    similar: int
    dissimilar: int
    neither: int


def pairs(judge: ArrayLike | Tensor, similar: float, dissimilar: float) -> Pairs:
    """The pairs in the sums of DCSS's eqs. (4) and (5), i = j among them (Figure 10).

    `judge` (n, k) is p or q. A pair attracts from an inner product of `similar` (zeta) on, and repels
    up to `dissimilar` (gamma). No more products are held at a time than the square of
    `EVALUATION_SIZE`.
    """
    judge = probabilities(judge)
    if not 0 <= dissimilar <= similar <= 1:
        raise InputError(f"0 <= dissimilar <= similar <= 1 must hold, got {dissimilar} and {similar}")
    counts = torch.zeros(3, dtype=torch.int64, device=judge.device)
    for some in judge.split(EVALUATION_SIZE):
        for others in judge.split(EVALUATION_SIZE):
            product = some @ others.T
            attract, repel = product >= similar, product <= dissimilar
            for kind, one in enumerate((attract, repel, ~(attract | repel))):
                counts[kind] += one.count_nonzero()
    return Pairs(*counts.tolist())


def neighbours(q: ArrayLike | Tensor, similar: float) -> Tensor:
    """How many others are adjacent to each row of q (n, k): q_i.q_j >= zeta (DCSS, Definition A.1).

    As (n,); Figure 13 counts the zeros. Memory is bounded as in `pairs`.
    """
    q = probabilities(q)
    if not 0 <= similar <= 1:
        raise InputError(f"similar must be in [0, 1], got {similar}")
    counts = torch.zeros(len(q), dtype=torch.int64, device=q.device)
    blocks = torch.arange(len(q), device=q.device).split(EVALUATION_SIZE)
    for i, some in enumerate(blocks):
        for j, others in enumerate(blocks):
            adjacent = q[some] @ q[others].T >= similar
            if i == j:
                adjacent.fill_diagonal_(False)  # nobody is a neighbour of their own
            counts[some] += adjacent.sum(1)
    return counts


# --- what may come in ---------------------------------------------------------------------------


def data(x: Tensor) -> Tensor:
    """X itself, if it is (n, ...), not empty and finite."""
    if x.dim() < 2 or x.numel() == 0:
        raise InputError(f"x must be n samples, n x d or n x c x h x w; got shape {tuple(x.shape)}")
    if not torch.isfinite(x).all():
        raise InputError("x must be finite, but holds NaN or infinity; leave such samples out")
    return x


def rows(name: str, values: ArrayLike | Tensor) -> Tensor:
    """Values as (n, d) in floating point, if they are finite rows and not empty."""
    try:
        tensor = values if isinstance(values, Tensor) else torch.from_numpy(np.array(values, float))
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be rows of numbers: {error}; give n x d of them") from error
    if tensor.dim() != 2 or tensor.numel() == 0 or tensor.is_complex():
        came = f"shape {tuple(tensor.shape)} of {tensor.dtype}"
        raise InputError(f"{name} must be n x d real numbers, n and d 1 or more; got {came}")
    tensor = tensor.detach() if tensor.is_floating_point() else tensor.double()
    if not torch.isfinite(tensor).all():
        raise InputError(f"{name} must be finite, but hold NaN or infinity; leave such rows out")
    return tensor


def probabilities(q: ArrayLike | Tensor) -> Tensor:
    """Q as (n, k), if its rows are probabilities that sum to 1."""
    q = rows("assignments", q)
    if (q < 0).any() or (q.sum(1) - 1).abs().max() > 1e-3:
        raise InputError("assignments must be rows of probabilities that sum to 1; normalise them first")
    return q


def integers(
    name: str, values: ArrayLike | Tensor, n: int | None = None, k: int | None = None
) -> NDArray[np.int64]:
    """Values as (n,), if they are n integers, and from 0 to k - 1 where k is given."""
    try:
        array = np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} must be a row of integers: {error}; give one a sample") from error
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        came = f"shape {array.shape} of {array.dtype}"
        raise InputError(f"{name} must be a row of integers, one for each sample; got {came}")
    if n is not None and len(array) != n:
        raise InputError(f"{name} must have one integer for each of {n} samples, got {len(array)}")
    if k is not None and (array.min() < 0 or array.max() >= k):
        came = f"{array.min()} to {array.max()}"
        raise InputError(f"{name} must be from 0 to {k - 1}, got {came}; renumber them")
    return array.astype(np.int64)


def _doubts(doubtful: Tensor | None, x: Tensor) -> Tensor:
    """`doubtful` (n,) beside x (n, ...), all False without it."""
    if doubtful is None:
        return torch.zeros(len(x), dtype=torch.bool, device=x.device)
    if doubtful.shape != (len(x),) or doubtful.dtype != torch.bool:
        came = f"shape {tuple(doubtful.shape)} of {doubtful.dtype}"
        raise InputError(f"doubtful must be one boolean for each of {len(x)} samples, got {came}")
    return doubtful.to(x.device)
