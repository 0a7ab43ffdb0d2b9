"""ULHE-DC: what its two stages cost, and what the exponent of its energy does."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import scipy
import torch
from torch import Tensor
from torch.nn.functional import pdist

from recluster.methods import ulhe
from recluster.nets.mlp import perceptron
from recluster.papers.calculated.cost import along, gap, growth
from recluster.papers.claim import Calculated
from recluster.parts.hypersphere import energy, gathered, most_similar, redirected, unit
from recluster.parts.normed import norm_loss
from recluster.parts.randomness import seeded
from recluster.parts.reconstruction import summed_error

FEATURES = 2
BASE = {"N": 8192, "K": 4, "d": 4, "W": 1}
WAYS = {
    "N": along(BASE, "N", (2048, 4096, 8192)),
    "K": along(BASE, "K", (64, 128, 256)),
    "d": along(BASE, "d", (64, 128, 256), N=512),
    "W": along(BASE, "W", (128, 256, 512), N=16),
}
PRINTED = {
    "pretraining": {"N": 1, "W": 2},
    "initial centroids and assignments": {"K": 1, "d": 1, "N": 1},
    "assignments": {"K": 1, "d": 1, "N": 1},
    "centroids": {"d": 1, "N": 1},
    "weights of the encoder": {"N": 4, "d": 1, "K": -1},
    "total": {"N": 2, "W": 2, "d": 1, "K": 1},
}
"""The highest power of each variable in a term of Section 3.4; W is the widest layer, N~ there."""


# --- Section 3.4: one iteration of each term, all N samples at once --------------------------------


def pretraining(N: int, K: int, d: int, W: int) -> Callable[[], object]:
    """Stage 1: two hidden layers of W neurons and their mirror, eqs. (2) and (3)."""
    with seeded(0):
        network = perceptron((FEATURES,), d, (W, W))
    x = torch.zeros(N, FEATURES)

    def step() -> None:
        z = network.encoder(x)
        (summed_error(x, network.decoder(z)) + norm_loss(z)).backward()

    return step


def initial(N: int, K: int, d: int, W: int) -> Callable[[], object]:
    """One of k-means's iterations by cosine."""
    u, centroids = torch.zeros(N, d), torch.zeros(K, d)
    return lambda: redirected(centroids, gathered(u, most_similar(u, centroids), K)[0])


def assignments(N: int, K: int, d: int, W: int) -> Callable[[], object]:
    """Eq. (6)."""
    u, centroids = torch.zeros(N, d), torch.zeros(K, d)
    return lambda: most_similar(u, centroids)


def centroids(N: int, K: int, d: int, W: int) -> Callable[[], object]:
    """Eqs. (7) and (8)."""
    u, before, labels = torch.zeros(N, d), torch.zeros(K, d), torch.zeros(N, dtype=torch.int64)
    return lambda: ulhe.moved(before, u, labels)


def weights(N: int, K: int, d: int, W: int) -> Callable[[], object]:
    """Eq. (13) and its gradient, through an encoder with two hidden layers of W neurons."""
    with seeded(0):
        encoder = perceptron((FEATURES,), d, (W, W)).encoder
    x, before, labels = torch.zeros(N, FEATURES), torch.zeros(K, d), torch.zeros(N, dtype=torch.int64)

    def step() -> None:
        z = encoder(x)
        u = unit(z)
        loss = ulhe.clustering_loss(u, before[labels]) + norm_loss(z)
        loss = loss + ulhe.uniformity_loss(u, labels, K)
        (loss + ulhe.compactness_loss(u, labels, K, "sum")).backward()

    return step


def total(**sizes: int) -> Callable[[], object]:
    """All five."""
    parts = [term(**sizes) for name, term in TERMS.items() if name != "total"]
    return lambda: [part() for part in parts]


TERMS: dict[str, Callable[..., Callable[[], object]]] = {
    "pretraining": pretraining,
    "initial centroids and assignments": initial,
    "assignments": assignments,
    "centroids": centroids,
    "weights of the encoder": weights,
    "total": total,
}


@cache
def cost(term: str) -> Calculated:
    """How far a term is from Section 3.4's."""
    printed = PRINTED[term]
    found = growth(TERMS[term], {name: WAYS[name] for name in printed})
    return gap(printed, {name: one.time for name, one in found.items()})


# --- App. B: the exponent v of eq. (9) --------------------------------------------------------------

STARTS = 3
EXACT = 1e-15  # relative change of the energy that ends a descent
DRAWS = 100
LARGE = 32  # the v that we call large
MANY, SHOWN = (11, 3), (10, 10)  # (k, d): more directions than a simplex has, and the experiments'


def near_share(k: int, d: int, v: float) -> float:
    """Share of eq. (9) that the nearest tenth of pairs has, a mean over random directions (k, d)."""
    generator = torch.Generator().manual_seed(0)
    shares = []
    for _ in range(DRAWS):
        points = unit(torch.randn(k, d, generator=generator, dtype=torch.float64))
        terms = pdist(points).pow(-v).sort(descending=True).values
        shares.append((terms[: len(terms) // 10].sum() / terms.sum()).item())
    return float(np.mean(shares))


@cache
def arranged(k: int, d: int, v: float) -> Tensor:
    """Directions (k, d) of least energy under eq. (9): the best of a few descents."""
    generator = torch.Generator().manual_seed(0)
    starts = torch.randn(STARTS, k * d, generator=generator, dtype=torch.float64).numpy()

    def level(flat: np.ndarray) -> tuple[float, np.ndarray]:
        """log(energy) / v, with the same minima as the energy and no overflow, and its slope."""
        points = torch.from_numpy(flat.reshape(k, d)).requires_grad_()
        value = torch.logsumexp(-v * pdist(unit(points)).log(), 0) / v
        (slope,) = torch.autograd.grad(value, points)
        return value.item(), slope.numpy().ravel()

    ends = [
        scipy.optimize.minimize(level, start, jac=True, method="L-BFGS-B", tol=EXACT) for start in starts
    ]
    return unit(torch.from_numpy(min(ends, key=lambda end: end.fun).x.reshape(k, d)))


def smallest_angle(points: Tensor) -> float:
    """Degrees between the nearest two of unit vectors (k, d)."""
    return float(np.degrees(2 * np.arcsin(pdist(points).min().item() / 2)))


def energy_of(points: Tensor) -> float:
    """Eq. (10) of unit vectors (k, d)."""
    return energy(points, torch.ones(len(points), dtype=torch.bool)).item()


def wider(k: int, d: int, v: float) -> float:
    """By how many degrees the nearest two are farther apart at the least energy of v than of 2."""
    return smallest_angle(arranged(k, d, v)) - smallest_angle(arranged(k, d, 2))


def worse(k: int, d: int, v: float) -> float:
    """By how many percent eq. (10) is larger at the least energy of v than of 2."""
    return 100 * (energy_of(arranged(k, d, v)) / energy_of(arranged(k, d, 2)) - 1)


@cache
def local_share() -> Calculated:
    """The nearest pairs' share of the energy at a large v."""
    value, plain = near_share(*MANY, LARGE), near_share(*MANY, 2)
    return Calculated(value=value, evidence=f"{_case(MANY)}; at v = 2 it is {plain:.2f}")


@cache
def locally(case: tuple[int, int]) -> Calculated:
    """What a large v gains between neighbours."""
    return Calculated(value=wider(*case, LARGE), evidence=_case(case))


@cache
def globally(case: tuple[int, int]) -> Calculated:
    """What a large v loses as a whole."""
    return Calculated(value=worse(*case, LARGE), evidence=_case(case))


@cache
def without_power() -> Calculated:
    """The relative difference of eq. (9) at v = 2 from the sum of 1 / (2 - 2 cosine)."""
    generator = torch.Generator().manual_seed(0)
    points = unit(torch.randn(*SHOWN, generator=generator, dtype=torch.float64))
    with_power = pdist(points).pow(-2).sum().item()
    return Calculated(value=abs(energy_of(points) / with_power - 1), evidence=_case(SHOWN))


def _case(case: tuple[int, int]) -> str:
    return f"{case[0]} directions in {case[1]} dimensions"
