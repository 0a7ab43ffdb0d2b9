"""DynAE: what one training step of DEC, IDEC, DCN and DynAE costs, in layers and in their width."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from recluster.methods import dcn, dynae
from recluster.nets.autoencoder import Autoencoder
from recluster.nets.mlp import perceptron
from recluster.papers.calculated.cost import along, gap, growth
from recluster.papers.claim import Calculated
from recluster.parts.assignment import sharpened, student_t
from recluster.parts.divergence import divergence
from recluster.parts.randomness import seeded
from recluster.parts.reconstruction import mean_error, summed_error

BATCH, FEATURES, EMBEDDING, CLUSTERS = 16, 2, 2, 2
BASE = {"L": 2, "D": 16}
WAYS = {"L": along(BASE, "L", (16, 32, 64)), "D": along(BASE, "D", (128, 256, 512))}
PRINTED = {"L": 1, "D": 3}
Loss = Callable[[Autoencoder, Tensor, Tensor], Tensor]
"""The loss of an autoencoder on x (b, f) with centroids (k, d)."""


def dec_loss(network: Autoencoder, x: Tensor, centroids: Tensor) -> Tensor:
    """DEC: the divergence alone, without the decoder."""
    soft = student_t(network.encoder(x), centroids)
    return divergence(sharpened(soft.detach()), soft)


def idec_loss(network: Autoencoder, x: Tensor, centroids: Tensor) -> Tensor:
    """IDEC: reconstruction and divergence."""
    z = network.encoder(x)
    soft = student_t(z, centroids)
    return mean_error(x, network.decoder(z)) + divergence(sharpened(soft.detach()), soft)


def dcn_loss(network: Autoencoder, x: Tensor, centroids: Tensor) -> Tensor:
    """DCN: reconstruction and distance to the nearest centroid."""
    z = network.encoder(x)
    own = centroids[dcn.nearest(z.detach(), centroids)]
    return summed_error(x, network.decoder(z)) + dcn.clustering_loss(z, own)


def dynae_loss(network: Autoencoder, x: Tensor, centroids: Tensor) -> Tensor:
    """DynAE: eqs. (9) and (12), the assignments from a second pass."""
    soft = student_t(network.encoder(x).detach(), centroids)
    hard, doubtful = soft.argmax(1), dynae.conflicted(soft, dynae.initial_thresholds(1.0, CLUSTERS))
    z = network.encoder(x)
    construction = dynae.construction_loss(x, network.decoder(z), x, doubtful)
    return construction + dynae.clustering_loss(z, centroids[hard], doubtful)


LOSSES: dict[str, Loss] = {
    "DEC": dec_loss,
    "IDEC": idec_loss,
    "DCN": dcn_loss,
    "DynAE": dynae_loss,
}


def step(method: str, L: int, D: int) -> Callable[[], object]:
    """One step of a method: L hidden layers of D neurons forwards and backwards, on a fixed batch."""
    with seeded(0):
        network = perceptron((FEATURES,), EMBEDDING, (D,) * L)
    x, centroids = torch.zeros(BATCH, FEATURES), torch.zeros(CLUSTERS, EMBEDDING)
    return lambda: LOSSES[method](network, x, centroids).backward()


@cache
def exponents(method: str) -> dict[str, float]:
    """The powers with which a method's step grows."""
    return {name: one.time for name, one in growth(partial(step, method), WAYS).items()}


def cost(method: str) -> Calculated:
    """How far a method's step is from O(LD^3)."""
    return gap(PRINTED, exponents(method))


def spread() -> Calculated:
    """The largest difference between an exponent of two of the methods."""
    found = {name: [exponents(method)[name] for method in LOSSES] for name in PRINTED}
    told = (f"{name} {min(values):.2f} to {max(values):.2f}" for name, values in found.items())
    return Calculated(
        value=max(max(values) - min(values) for values in found.values()),
        evidence=f"fitted exponents: {', '.join(told)}",
    )
