"""SeCu: Proposition 1 in all batches of a few clusters; Theorem 1's centres on points made for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from recluster.methods import secu
from recluster.papers.claim import Calculated

CONFIG = secu.Config()
CLUSTERS = 6  # of whose batches all are looked at
AT_REST = 1e-10  # the length of a slope that is none
STEPS = 2000  # at most, of a descent


# --- points ---------------------------------------------------------------------------------------


def cloud(centres: Tensor, shares: Tensor, n: int, noise: float) -> Tensor:
    """Unit vectors (n, d) around centres (k, d), most of them around those with the largest shares."""
    generator = torch.Generator().manual_seed(0)
    which = torch.multinomial(shares, n, replacement=True, generator=generator)
    return normalize(centres[which] + noise * torch.randn(n, centres.shape[1], generator=generator))


def directions(k: int, d: int) -> Tensor:
    """Random unit vectors (k, d)."""
    return normalize(torch.randn(k, d, generator=torch.Generator().manual_seed(1)))


def displaced(centres: Tensor) -> Tensor:
    """Unit vectors (k, d) a little aside of these: centres that still have a way to go."""
    generator = torch.Generator().manual_seed(5)
    return normalize(centres + 0.1 * torch.randn(centres.shape, generator=generator))


def scene(k: int, d: int, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """Points (n, d) around k directions, centres (k, d) aside of these, and the points' labels (n,)."""
    truth = directions(k, d)
    u = cloud(truth, torch.ones(k), n, 0.25).double()
    return u, displaced(truth).double(), (u @ truth.double().T).argmax(1)


# --- Proposition 1 ----------------------------------------------------------------------------------


def without_member(labels: Tensor, k: int) -> Tensor:
    """How many of k clusters (m,) have no member in each batch of labels (m, b)."""
    return (one_hot(labels, k).sum(1) == 0).sum(1)


@cache
def fewest_empty() -> Calculated:
    """The fewest clusters without an instance over K - b, in all batches of b < K up to some K."""
    margins = []
    for k in range(2, CLUSTERS + 1):
        for b in range(1, k):
            batches = torch.cartesian_prod(*[torch.arange(k)] * b).view(-1, b)
            margins.append(without_member(batches, k) - (k - b))
    every = torch.cat(margins)
    return Calculated(
        value=every.min().item(),
        evidence=f"all {len(every):,} batches of b < K instances in K = 2 to {CLUSTERS} clusters",
    )


# --- Theorem 1 ----------------------------------------------------------------------------------------


def slope(loss: Callable[..., Tensor], u: Tensor, centres: Tensor, labels: Tensor) -> Tensor:
    """The loss's gradient (k, d) at unit centres, without what would only change their length."""
    centres = centres.detach().requires_grad_()
    (whole,) = torch.autograd.grad(loss(u, centres, labels, CONFIG.centre_temperature), centres)
    return whole - (whole * centres.detach()).sum(1, keepdim=True) * centres.detach()


def descended(u: Tensor, centres: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """Unit centres (k, d) after a step down eq. (1) at the constant rate of the centres."""
    centres = centres.detach().requires_grad_()
    (whole,) = torch.autograd.grad(secu.centre_loss(u, centres, labels, temperature), centres)
    return normalize(centres.detach() - CONFIG.centre_rate * whole)


def apart(centres: Tensor, others: Tensor) -> float:
    """The largest angle in degrees between unit vectors (k, d), pair by pair."""
    chords = (centres - others).norm(dim=1).clamp_max(2)  # exact for small angles, as arccos is not
    return float(torch.rad2deg(2 * torch.asin(chords / 2)).max())


def rates(u: Tensor, centres: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """The rate (k,) at which a step down the proof's eq. (1) leads from each centre to eq. (4)."""
    own = one_hot(labels, len(centres)).bool()
    others = secu.probabilities(u, centres, temperature).masked_fill(own, 0).sum(1)  # 1 - p
    return temperature / (own * others[:, None]).sum(0)


@cache
def at_rest() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Points, centres, labels; and the centres once a descent has come to rest."""
    u, start, labels = scene(4, 3, 200)
    centres = start
    for _ in range(STEPS):
        if slope(secu.centre_loss, u, centres, labels).norm(dim=1).max() < AT_REST:
            return u, start, labels, centres
        centres = descended(u, centres, labels, CONFIG.centre_temperature)
    raise ArithmeticError(f"the centres are not at rest after {STEPS} steps")


@cache
def resting_angle() -> Calculated:
    """The largest angle to eq. (4) of centres that have come to rest."""
    u, _, labels, centres = at_rest()
    optimum = secu.optimal_centres(u, centres, labels, CONFIG.centre_temperature)
    return Calculated(value=apart(centres, optimum), evidence=_scene(u, centres))


@cache
def closed_form() -> Calculated:
    """The largest angle between the optimal centres and what eq. (4) makes of others."""
    u, start, labels, centres = at_rest()
    guess = secu.optimal_centres(u, start, labels, CONFIG.centre_temperature)
    return Calculated(
        value=apart(centres, guess),
        evidence=f"{_scene(u, centres)}, from centres {apart(start, centres):.1f} degrees aside",
    )


@cache
def rate_of_one() -> Calculated:
    """How far the rate that is eq. (4) is from one, at the centre for which it is farthest."""
    u, start, labels, _ = at_rest()
    found = rates(u, start, labels, CONFIG.centre_temperature)
    return Calculated(
        value=(found - 1).abs().max().item(),
        evidence=f"{_scene(u, start)}: rates from {found.min():.3g} to {found.max():.3g}",
    )


def _scene(u: Tensor, centres: Tensor) -> str:
    return f"{len(u)} points around {len(centres)} centres in {u.shape[1]} dimensions"
