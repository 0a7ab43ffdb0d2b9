"""PC-X: what Table 2's clustering modules cost, and what eq. (6) minimises."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from recluster.methods import pcx, vade
from recluster.papers.calculated.cost import Cost, along, gap, growth
from recluster.papers.claim import Calculated, Calculation
from recluster.parts.assignment import sharpened, student_t
from recluster.parts.batches import in_batches
from recluster.parts.divergence import divergence
from recluster.parts.hypersphere import gathered

CONFIG = pcx.Config()
BASE = {"N": 1024, "B": 1024, "K": 4, "d": 4}
WAYS = {
    "N": along(BASE, "N", (8192, 16384, 32768)),  # beyond the 2,048 that are assigned at a time
    "B": along(BASE, "B", (256, 512, 1024)),
    "K": along(BASE, "K", (64, 128, 256)),
    "d": along(BASE, "d", (64, 128, 256)),
}
TIME, SPACE = {"N": 1, "K": 1, "d": 1}, {"B": 1, "K": 1, "d": 1, "N": 0}
PRINTED = {
    ("VaDE", "time"): {**TIME, "d": 2},
    ("VaDE", "space"): SPACE,
    ("IDEC", "time"): TIME,
    ("IDEC", "space"): {"N": 1, "K": 1, "d": 1},
    ("PC-X", "time"): TIME,
    ("PC-X", "space"): SPACE,
}
"""The highest power of each variable in a formula of Table 2; N is not in two of those for space."""


# --- Table 2: an epoch of each clustering module, from the embeddings of its batches ----------------


def pcx_epoch(N: int, B: int, K: int, d: int) -> Callable[[], object]:
    """PC-X: eqs. (1), (2), (6) and (8). The CI-Unit belongs to the network, as in Algorithm 1."""
    embedded = torch.zeros(N, d)

    def epoch() -> None:
        centroids = torch.zeros(K, d)
        for rows in embedded.split(B):
            z = rows.clone().requires_grad_()
            soft = pcx.soft_assignment(z, centroids, CONFIG.sharpness)
            hard = pcx.hard_assignment(soft)
            (pcx.clustering_loss(z, centroids[hard]) + pcx.entropy(soft)).backward()
            sums, counts = gathered(z.detach(), hard, K)
            centroids = pcx.averaged(centroids, sums, counts, CONFIG.momentum)

    return epoch


def idec_epoch(N: int, B: int, K: int, d: int) -> Callable[[], object]:
    """IDEC: the target of all samples once, then its divergence on every batch."""
    embedded = torch.zeros(N, d)

    def epoch() -> None:
        centroids = torch.zeros(K, d, requires_grad=True)
        target = sharpened(in_batches(lambda rows: student_t(rows, centroids), embedded))
        for rows, p in zip(embedded.split(B), target.split(B), strict=True):
            z = rows.clone().requires_grad_()
            divergence(p, student_t(z, centroids)).backward()

    return epoch


def vade_epoch(N: int, B: int, K: int, d: int) -> Callable[[], object]:
    """VaDE: responsibilities and divergence on every batch."""
    embedded = torch.zeros(N, d)

    def epoch() -> None:
        logits = torch.zeros(K, requires_grad=True)
        means, log_variances = (torch.zeros(K, d, requires_grad=True) for _ in range(2))
        for rows in embedded.split(B):
            mean, log_variance = (rows.clone().requires_grad_() for _ in range(2))
            prior = torch.log_softmax(logits, dim=0), means, log_variances
            soft = vade.log_responsibilities(mean, *prior)
            vade.divergence((mean, log_variance), prior, soft).backward()

    return epoch


EPOCHS = {"VaDE": vade_epoch, "IDEC": idec_epoch, "PC-X": pcx_epoch}


@cache
def grown(method: str) -> dict[str, Cost]:
    """The powers with which a method's epoch grows."""
    return growth(EPOCHS[method], WAYS)


def cost(method: str, metric: str) -> Calculated:
    """How far a method's time or space is from Table 2."""
    found = {name: getattr(one, metric) for name, one in grown(method).items()}
    return gap(PRINTED[method, metric], found)


TABLE_2: dict[tuple[str, str], Calculation] = {key: partial(cost, *key) for key in PRINTED}


# --- eq. (6) ------------------------------------------------------------------------------------------


def slopes(share: float) -> tuple[Tensor, float, float]:
    """Eq. (6)'s centroid of three points, and the slopes there of its own terms and of all of eq. (4).

    Of the centroid the decoder sees a share, and gives back what it sees.
    """
    z, x = torch.tensor([[1.0], [2.0], [3.0]]).double(), torch.tensor([[1.5], [2.5], [3.5]]).double()
    before, eta, rho = torch.zeros(1, 1).double(), 1.0, 0.5
    centroid = pcx.proximal(before, z.sum(0, keepdim=True), torch.tensor([3.0]).double(), eta, rho)
    centroid.requires_grad_()
    own = eta * pcx.clustering_loss(z, centroid) + rho * (centroid - before).square().sum()
    (alone,) = torch.autograd.grad(own, centroid, retain_graph=True)
    fused = (1 - share) * z + share * centroid
    (whole,) = torch.autograd.grad(own + (x - fused).square().mean(), centroid)
    return centroid.detach(), abs(alone.item()), abs(whole.item())


@cache
def own_slope() -> Calculated:
    """The slope of eq. (4)'s own terms at eq. (6)'s centroid."""
    return Calculated(value=slopes(0.5)[1], evidence="on three points in one dimension")


@cache
def whole_slope() -> Calculated:
    """The slope of eq. (4) there, where the decoder sees half of the centroid."""
    evidence = "on three points in one dimension, with half of the centroid in the decoder's input"
    return Calculated(value=slopes(0.5)[2], evidence=evidence)


def batch() -> tuple[Tensor, Tensor, Tensor]:
    """Centroids (10, 10), and the sums (10, 10) and counts (10,) of a batch in ten equal clusters."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(CONFIG.batch_size, 10, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (len(z),), generator=generator)
    return z[:10].clone(), *gathered(z, labels, 10)


def penalty(k: int) -> float:
    """The rho over eta_1 that makes kappa App. A.7's for a cluster with 1 / k of the batch."""
    return CONFIG.momentum / (1 - CONFIG.momentum) / k


def kappas(counts: Tensor) -> Tensor:
    """The kappa (k,) that eq. (6) gives each cluster of a batch, eta_1 being one."""
    rho = penalty(len(counts))
    return rho / (rho + counts / counts.sum())


@cache
def moving_average() -> Calculated:
    """The largest difference between eq. (6) and a moving average with the printed kappa."""
    centroids, sums, counts = batch()
    exact = pcx.proximal(centroids, sums, counts, 1.0, penalty(len(counts)))
    averaged = [
        pcx.averaged(centroids, sums, counts, kappa)[k]
        for k, kappa in enumerate(kappas(counts).tolist())
    ]
    value = (exact - torch.stack(averaged)).abs().max().item()
    return Calculated(value=value, evidence=f"a batch of {int(counts.sum())} in {len(counts)} clusters")


@cache
def constant_kappa() -> Calculated:
    """How far a cluster's kappa is from App. A.7's in a batch, where all clusters are equally likely."""
    *_, counts = batch()
    found = kappas(counts)
    return Calculated(
        value=(found - CONFIG.momentum).abs().max().item(),
        evidence=f"kappa from {found.min():.4f} to {found.max():.4f} for {int(counts.max())} to "
        f"{int(counts.min())} of {int(counts.sum())} samples",
    )


EQUATION_6 = (own_slope, whole_slope, moving_average, constant_kappa)
